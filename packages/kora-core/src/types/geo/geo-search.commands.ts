/**
 * The searches: GEOSEARCH and GEOSEARCHSTORE, and their old forms GEORADIUS and GEORADIUSBYMEMBER,
 * each also read-only. All read their arguments through geo-arguments.ts and run through
 * geo-search.ts; a result that is stored is built aside and takes the key's place when complete.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import type { KeySpec } from '../../command/key-spec.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { dropAside, linkAside, newAside } from '../../keyspace/collection-entry.ts';
import { EffectOp, EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { isZsetOrAbsent, prepareAdd, ZSET_FLAGS_EMPTY, zsetAdd } from '../zset/zset.ts';
import type { SearchForm, SearchRequest } from './geo-arguments.ts';
import { SearchReader } from './geo-arguments.ts';
import type { Shape } from './geo-area.ts';
import { positionOfScore } from './geo-cell.ts';
import { exactDistanceMetres } from './geo-distance.ts';
import type { GeoHits } from './geo-search.ts';
import { findHits, orderHits } from './geo-search.ts';
import { distanceText } from './geo-text.ts';
import { unitLeaf, writePosition } from './geo.commands.ts';

const parseNothing = (): null => null;
const sourceKey = keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' });

/** The key after a word, which GEORADIUS and GEORADIUSBYMEMBER overwrite. */
function keyAfter(keyword: string, startFrom: number): KeySpec {
  return {
    access: 'OW',
    effects: ['update'],
    begin: { kind: 'keyword', keyword, startFrom },
    find: { kind: 'range', last: 0, step: 1, limit: 0 },
  };
}

const complexity = 'O(log n + m); n = members of the set, m = members near the shape.';
const upperCaseHistory = ['7.0.0', 'Added support for uppercase unit names.'] as const;
const anyHistory = ['6.2.0', 'Added the `ANY` option for `COUNT`.'] as const;

const orderLeaf = arg.oneOf('ASC', 'DESC').optional();
const anyLeaf = arg.token('ANY').optional();
const countLeaf = arg.block({ count: arg.integer('COUNT'), any: anyLeaf }).optional();
/** The same, in commands that are older than ANY. */
const laterCountLeaf = arg.block({
  count: arg.integer('COUNT'), any: anyLeaf.documented({ since: '6.2.0' }),
}).optional();
const replyLeaves = {
  withcoord: arg.token('WITHCOORD').optional(),
  withdist: arg.token('WITHDIST').optional(),
  withhash: arg.token('WITHHASH').optional(),
};
const radiusLeaves = { radius: arg.double(), unit: unitLeaf };
const storeLeaves = {
  store: arg.key('STORE').optional().documented({ name: 'key' }),
  storedist: arg.key('STOREDIST').optional().documented({ name: 'key' }),
};
const storeDistancesLeaf = arg.token('STOREDIST').optional();
const fromLeaf = arg.oneOf({
  member: arg.bytes('FROMMEMBER'),
  longitude_latitude: arg.block(
    { longitude: arg.double(), latitude: arg.double() }, 'FROMLONLAT',
  ),
});
const searchLeaves = {
  from: fromLeaf,
  by: arg.oneOf({
    circle: arg.block(radiusLeaves, 'BYRADIUS'),
    box: arg.block({ width: arg.double(), height: arg.double(), unit: unitLeaf }, 'BYBOX'),
  }),
  order: orderLeaf,
  count: countLeaf,
};
/** As COMMAND DOCS has them: each word stands at the first number behind it. */
const documentedSearch = Object.entries({
  ...searchLeaves,
  by: arg.oneOf({
    circle: arg.block({ ...radiusLeaves, radius: arg.double('BYRADIUS') }),
    box: arg.block({ width: arg.double('BYBOX'), height: arg.double(), unit: unitLeaf }),
  }),
});

const membersReply = reply.array('the members, each with what was asked for');
const membersOrCount = oneReplyOf(membersReply, reply.integer('with STORE: members stored'));
const addSicily = [
  'GEOADD sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania', ':2',
] as const;

// ------------------------------------------------------------------ entries

const searchForm: SearchForm = { center: 'option', options: 2, source: 1, stores: 'never' };
const storeForm: SearchForm = { center: 'option', options: 3, source: 2, stores: 'always' };
const radiusForm: SearchForm = { center: 'position', options: 6, source: 1, stores: 'option' };
const memberForm: SearchForm = { center: 'member', options: 5, source: 1, stores: 'option' };

export const geosearch = defineCommand({
  name: 'GEOSEARCH', group: 'geo', since: '6.2.0',
  summary: 'Finds the members inside a circle or a box around a position or a member.',
  complexity,
  arity: -7,
  flags: Flag.ReadOnly,
  acl: ['geo'],
  keys: [sourceKey],
  history: [upperCaseHistory],
  args: { key: arg.key(), ...searchLeaves, ...replyLeaves },
  documentedArgs: [['key', arg.key()], ...documentedSearch, ...Object.entries(replyLeaves)],
  reply: membersReply,
  examples: [
    addSicily,
    ['GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC', '*[$"Catania" $"Palermo"]'],
    [
      'GEOSEARCH sicily FROMMEMBER Catania BYBOX 400 400 km COUNT 1 WITHDIST',
      '*[*[$"Catania" $"0.0000"]]',
    ],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    search(shard, frame, out, searchForm);
  },
});

export const geosearchstore = defineCommand({
  name: 'GEOSEARCHSTORE', group: 'geo', since: '6.2.0',
  summary: 'Stores the members inside a circle or a box as a sorted set.',
  complexity,
  arity: -8,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['geo'],
  keys: [
    keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'update' }),
    keysAt({ first: 2, last: 2, step: 1, access: 'RO', effect: 'access' }),
  ],
  history: [upperCaseHistory],
  args: {
    destination: arg.key(), source: arg.key(), ...searchLeaves,
    storedist: storeDistancesLeaf,
  },
  documentedArgs: [
    ['destination', arg.key()], ['source', arg.key()], ...documentedSearch,
    ['storedist', storeDistancesLeaf],
  ],
  reply: reply.integer('members stored'),
  examples: [
    addSicily,
    ['GEOSEARCHSTORE near sicily FROMLONLAT 15 37 BYRADIUS 100 km', ':1'],
    ['GEOPOS near Catania', '*[*[$"15.08726745843887329" $"37.50266842333162032"]]'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    search(shard, frame, out, storeForm);
  },
});

export const georadius = defineCommand({
  name: 'GEORADIUS', group: 'geo', since: '3.2.0',
  summary: 'Finds, or stores, the members inside a circle around a position.',
  deprecated: {
    since: '6.2.0',
    replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument',
  },
  complexity,
  arity: -6,
  flags: Flag.Write | Flag.DenyOom | Flag.MovableKeys,
  acl: ['geo'],
  keys: [sourceKey, keyAfter('STORE', 6), keyAfter('STOREDIST', 6)],
  history: [anyHistory, upperCaseHistory],
  args: {
    key: arg.key(), longitude: arg.double(), latitude: arg.double(), ...radiusLeaves,
    ...replyLeaves, count: laterCountLeaf, order: orderLeaf, ...storeLeaves,
  },
  reply: membersOrCount,
  examples: [
    addSicily, ['GEORADIUS sicily 15 37 100 km', '*[$"Catania"]'],
    ['GEORADIUS sicily 15 37 200 km STORE near', ':2'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    search(shard, frame, out, radiusForm);
  },
});

export const georadiusRo = defineCommand({
  name: 'GEORADIUS_RO', group: 'geo', since: '3.2.10',
  summary: 'Finds the members inside a circle around a position.',
  deprecated: { since: '6.2.0', replacedBy: '`GEOSEARCH` with the `BYRADIUS` argument' },
  complexity,
  arity: -6,
  flags: Flag.ReadOnly,
  acl: ['geo'],
  keys: [sourceKey],
  history: [anyHistory],
  args: {
    key: arg.key(), longitude: arg.double(), latitude: arg.double(), ...radiusLeaves,
    ...replyLeaves, count: laterCountLeaf, order: orderLeaf,
  },
  reply: membersReply,
  examples: [addSicily, ['GEORADIUS_RO sicily 15 37 100 km', '*[$"Catania"]']],
  parse: parseNothing,
  apply(shard, frame, out) {
    search(shard, frame, out, { ...radiusForm, stores: 'never' });
  },
});

export const georadiusbymember = defineCommand({
  name: 'GEORADIUSBYMEMBER', group: 'geo', since: '3.2.0',
  summary: 'Finds, or stores, the members inside a circle around a member.',
  deprecated: {
    since: '6.2.0',
    replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments',
  },
  complexity,
  arity: -5,
  flags: Flag.Write | Flag.DenyOom | Flag.MovableKeys,
  acl: ['geo'],
  keys: [sourceKey, keyAfter('STORE', 5), keyAfter('STOREDIST', 5)],
  history: [upperCaseHistory],
  args: {
    key: arg.key(), member: arg.bytes(), ...radiusLeaves,
    ...replyLeaves, count: countLeaf, order: orderLeaf, ...storeLeaves,
  },
  reply: membersOrCount,
  examples: [
    addSicily, ['GEORADIUSBYMEMBER sicily Catania 100 km', '*[$"Catania"]'],
    ['GEORADIUSBYMEMBER sicily Catania 100 km STOREDIST near', ':1'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    search(shard, frame, out, memberForm);
  },
});

export const georadiusbymemberRo = defineCommand({
  name: 'GEORADIUSBYMEMBER_RO', group: 'geo', since: '3.2.10',
  summary: 'Finds the members inside a circle around a member.',
  deprecated: {
    since: '6.2.0',
    replacedBy: '`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments',
  },
  complexity,
  arity: -5,
  flags: Flag.ReadOnly,
  acl: ['geo'],
  keys: [sourceKey],
  args: {
    key: arg.key(), member: arg.bytes(), ...radiusLeaves,
    ...replyLeaves, count: countLeaf, order: orderLeaf,
  },
  reply: membersReply,
  examples: [addSicily, ['GEORADIUSBYMEMBER_RO sicily Palermo 1 mi', '*[$"Palermo"]']],
  parse: parseNothing,
  apply(shard, frame, out) {
    search(shard, frame, out, { ...memberForm, stores: 'never' });
  },
});

// ------------------------------------------------------------------ running

function search(shard: Shard, frame: ArgFrame, out: ReplySink, form: SearchForm): void {
  const ref = shard.keyspace.read(frame, form.source);
  if (!isZsetOrAbsent(shard, ref, out)) return;
  const request = new SearchReader(shard, frame, form, ref).read();
  if (request instanceof ReplyError) {
    out.error(request);
    return;
  }
  const { shape, target } = request;
  if (ref === 0 || shape === undefined) {
    if (target === 0) out.array(0);
    else storeNothing(shard, frame, target, out);
    return;
  }
  const hits = findHits(shard, ref, shape, request.isAny ? request.count : 0);
  const order = orderHits(hits, request);
  if (target === 0) writeHits(hits, order, request, shape.unitMetres, out);
  else if (order.length === 0) storeNothing(shard, frame, target, out);
  else {
    const event =
      form.center === 'option' ? KeyEvent.GeoSearchStore : KeyEvent.GeoRadiusStore;
    if (request.storesDistance) storeDistances(hits, order, shape);
    storeHits(shard, frame, target, hits, order, event, out);
  }
}

function writeHits(
  hits: GeoHits, order: Uint32Array, request: SearchRequest, unitMetres: number, out: ReplySink,
): void {
  const { withDistance, withHash, withCoordinates } = request;
  const more = Number(withDistance) + Number(withHash) + Number(withCoordinates);
  out.array(order.length);
  for (const hit of order) {
    if (more > 0) out.array(more + 1);
    out.bulk(hits.at[hit] ?? 0, hits.bytes[hit] ?? 0);
    if (withDistance) out.bulkText(distanceText((hits.metres[hit] ?? 0) / unitMetres));
    const score = hits.scores[hit] ?? 0;
    if (withHash) writeScore(score, out);
    if (withCoordinates) writePosition(positionOfScore(score), out);
  }
}

/** A score as the 64-bit integer that it is, or is cut to. */
function writeScore(score: number, out: ReplySink): void {
  if (Number.isSafeInteger(score)) out.integer(score);
  else out.integer64(BigInt.asIntN(64, BigInt(Math.trunc(score))));
}

/** The result is empty: the target's key goes. */
function storeNothing(shard: Shard, frame: ArgFrame, target: number, out: ReplySink): void {
  const old = shard.keyspace.peek(frame, target);
  if (old !== 0) shard.removeLastLookup(old, KeyEvent.Del, EffectReason.Command);
  out.integer(0);
}

/** Makes the scores of the hits their distances, in the unit of the request. */
function storeDistances(hits: GeoHits, order: Uint32Array, shape: Shape): void {
  const { longitude, latitude } = shape.center;
  for (const hit of order) {
    const there = positionOfScore(hits.scores[hit] ?? 0);
    const metres = exactDistanceMetres(longitude, latitude, there.longitude, there.latitude);
    hits.scores[hit] = metres / shape.unitMetres;
  }
}

function storeHits(
  shard: Shard, frame: ArgFrame, target: number, hits: GeoHits, order: Uint32Array, event: number,
  out: ReplySink,
): void {
  const keyAt = frame.at[target] ?? 0;
  const keyBytes = frame.bytes[target] ?? 0;
  const stored = newAside(shard, keyAt, keyBytes, ZSET_FLAGS_EMPTY);
  const isBuilt = stored !== 0 && addHits(shard, stored, hits, order);
  if (!isBuilt || !shard.keyspace.reserve(0, 0, 0, 0)) {
    if (stored !== 0) dropAside(shard, stored);
    out.error(replyErrors.arenaFull);
    return;
  }
  linkAside(shard, shard.keyspace.db, keyAt, keyBytes, stored);
  const effect = effectOfKey(shard, frame, target, EffectOp.ValueSet, event);
  effect.ref = stored;
  shard.commit();
  out.integer(order.length);
}

/** Adds the hits to the sorted set of entry `to`, which is empty; false when memory is short. */
function addHits(shard: Shard, to: number, hits: GeoHits, order: Uint32Array): boolean {
  let memberBytes = 0;
  let longest = 0;
  for (const hit of order) {
    const bytes = hits.bytes[hit] ?? 0;
    memberBytes += bytes;
    longest = Math.max(longest, bytes);
  }
  if (prepareAdd(shard, to, 0, 0, order.length, memberBytes, longest) === 0) return false;
  for (const hit of order) {
    zsetAdd(shard, to, hits.at[hit] ?? 0, hits.bytes[hit] ?? 0, hits.scores[hit] ?? 0, 0);
  }
  return true;
}

/** Entries in the order of the documentation. */
export const geoSearchCommands: readonly Command[] = [
  geosearch, geosearchstore, georadius, georadiusRo, georadiusbymember, georadiusbymemberRo,
];
