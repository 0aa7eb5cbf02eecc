/**
 * GEOADD GEODIST GEOHASH GEOPOS: positions as scores of a sorted set, which every command of sorted
 * sets may read and change. A member that is there moves to its new position.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { ScoreColumn } from '../zset/score-column.ts';
import { ADD_NX, ADD_XX, ADDED, found, MOVED } from '../zset/zset-layout.ts';
import { isZsetOrAbsent, prepareAdd, zsetAdd, zsetScore } from '../zset/zset.ts';
import { geoErrors, readPosition } from './geo-arguments.ts';
import type { Position } from './geo-cell.ts';
import { geohashOf, positionOfScore, scoreOfPosition } from './geo-cell.ts';
import { distanceMetres, metresOfUnit } from './geo-distance.ts';
import { coordinateText, distanceText } from './geo-text.ts';

const readKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];
/** Arguments are read by `apply`. */
const parseNothing = (): null => null;
/** Arguments of one position with its member. */
const TRIPLE = 3;

const word = (text: string): Uint8Array =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const WORD_NX = word('NX');
const WORD_XX = word('XX');
const WORD_CH = word('CH');

/** Names of the units, for the grammars. */
export const unitLeaf = arg.oneOf('M', 'KM', 'FT', 'MI');

// ------------------------------------------------------------------ GEOADD

/** Scores of the running GEOADD. */
const scores = new ScoreColumn();

/** What stands before the positions of a GEOADD. */
interface GeoaddOptions {
  /** ADD_* bits. */
  readonly flags: number;
  readonly countsChanged: boolean;
  /** Argument index of the first longitude. */
  readonly first: number;
}

export const geoadd = defineCommand({
  name: 'GEOADD', group: 'geo', since: '3.2.0',
  summary: 'Adds members at positions, or moves members of the set to others.',
  complexity: 'O(log n) per member; n = members of the set.',
  arity: -5,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['geo'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  history: [['6.2.0', 'Added the `CH`, `NX` and `XX` options.']],
  args: {
    key: arg.key(),
    condition: arg.oneOf('NX', 'XX').optional().documented({ since: '6.2.0' }),
    change: arg.token('CH').optional().documented({ since: '6.2.0' }),
    longitude_latitude_member: arg.repeat({
      longitude: arg.double(), latitude: arg.double(), member: arg.bytes(),
    }),
  },
  reply: reply.integer('members that are new; with CH also those that moved'),
  examples: [
    ['GEOADD sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania', ':2'],
    ['GEOADD sicily CH 13.5 38 Palermo', ':1'],
    ['GEOADD sicily 200 38 nowhere', '-"ERR invalid longitude,latitude pair 200.000000,38.000000"'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    const options = readOptions(frame);
    const error = options instanceof ReplyError ? options : readScores(frame, options.first);
    if (error !== null || options instanceof ReplyError) {
      out.error(error ?? replyErrors.syntax);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    if (ref === 0 && (options.flags & ADD_XX) !== 0) out.integer(0);
    else addPositions(shard, frame, ref, options, out);
  },
});

function readOptions(frame: ArgFrame): GeoaddOptions | ReplyError {
  let flags = 0;
  let countsChanged = false;
  let first = 2;
  for (; first < frame.count; first++) {
    if (isWord(frame, first, WORD_NX)) flags |= ADD_NX;
    else if (isWord(frame, first, WORD_XX)) flags |= ADD_XX;
    else if (isWord(frame, first, WORD_CH)) countsChanged = true;
    else break;
  }
  const rest = frame.count - first;
  if (rest === 0 || rest % TRIPLE !== 0 || flags === (ADD_NX | ADD_XX)) return replyErrors.syntax;
  return { flags, countsChanged, first };
}

function readScores(frame: ArgFrame, first: number): ReplyError | null {
  const count = (frame.count - first) / TRIPLE;
  const values = scores.ensure(count);
  for (let i = 0; i < count; i++) {
    const position = readPosition(frame, first + i * TRIPLE);
    if (position instanceof ReplyError) return position;
    values[i] = scoreOfPosition(position.longitude, position.latitude);
  }
  return null;
}

function addPositions(
  shard: Shard, frame: ArgFrame, ref: number, options: GeoaddOptions, out: ReplySink,
): void {
  const { flags, first, countsChanged } = options;
  let memberBytes = 0;
  let longest = 0;
  for (let i = first + 2; i < frame.count; i += TRIPLE) {
    memberBytes += frame.bytes[i] ?? 0;
    longest = Math.max(longest, frame.bytes[i] ?? 0);
  }
  const count = (frame.count - first) / TRIPLE;
  const entry = prepareAdd(
    shard, ref, frame.at[1] ?? 0, frame.bytes[1] ?? 0, count, memberBytes, longest,
  );
  if (entry === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const effect = effectOfKey(shard, frame, 1, EffectOp.ScoredPut, KeyEvent.ZAdd);
  let added = 0;
  let moved = 0;
  for (let i = 0; i < count; i++) {
    const at = frame.at[first + i * TRIPLE + 2] ?? 0;
    const bytes = frame.bytes[first + i * TRIPLE + 2] ?? 0;
    const outcome = zsetAdd(shard, entry, at, bytes, scores.values[i] ?? 0, flags);
    if (outcome === ADDED) added++;
    else if (outcome === MOVED) moved++;
    else continue;
    if (!shard.journal.isHeard) continue;
    effect.parts.addNumber(found.score[0] ?? 0);
    effect.parts.add(at, bytes);
  }
  if (added + moved > 0) shard.commit();
  out.integer(countsChanged ? added + moved : added);
}

// ------------------------------------------------------------------ reading positions

export const geodist = defineCommand({
  name: 'GEODIST', group: 'geo', since: '3.2.0',
  summary: 'Returns the distance between two members.',
  complexity: 'O(1)',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['geo'],
  keys: readKey,
  args: {
    key: arg.key(), member1: arg.bytes(), member2: arg.bytes(), unit: unitLeaf.optional(),
  },
  reply: oneReplyOf(
    reply.bulk('the distance, with four decimals'), reply.null('a member or the key is absent'),
  ),
  examples: [
    ['GEOADD sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania', ':2'],
    ['GEODIST sicily Palermo Catania km', '$"166.2742"'], ['GEODIST sicily Palermo nobody', '_'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    const unitMetres = frame.count === 5 ? metresOfUnit(frame, 4) : 1;
    if (unitMetres === undefined || frame.count > 5) {
      out.error(frame.count > 5 ? replyErrors.syntax : geoErrors.unit);
      return;
    }
    const ref = shard.keyspace.read(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    const from = ref === 0 ? NaN : scoreOfArgument(shard, frame, ref, 2);
    const to = ref === 0 ? NaN : scoreOfArgument(shard, frame, ref, 3);
    if (Number.isNaN(from) || Number.isNaN(to)) {
      out.null();
      return;
    }
    const { longitude, latitude } = positionOfScore(from);
    const other = positionOfScore(to);
    const metres = distanceMetres(longitude, latitude, other.longitude, other.latitude);
    out.bulkText(distanceText(metres / unitMetres));
  },
});

/** Score of the member in argument i; NaN when it is not there. */
function scoreOfArgument(shard: Shard, frame: ArgFrame, ref: number, i: number): number {
  return zsetScore(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
}

export const geohash = defineCommand({
  name: 'GEOHASH', group: 'geo', since: '3.2.0',
  summary: 'Returns the standard geohash of each member, eleven letters.',
  complexity: 'O(1) for each member.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['geo'],
  keys: readKey,
  args: { key: arg.key(), member: arg.bytes().repeated().optional() },
  documentedArgs: [['key', arg.key()], ['member', arg.bytes().repeated()]],
  reply: reply.array('a text for each member, null where it is absent'),
  examples: [
    ['GEOADD sicily 13.361389 38.115556 Palermo', ':1'],
    ['GEOHASH sicily Palermo nobody', '*[$"sqc8b49rny0" _]'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    eachPosition(shard, frame, out, (position) => {
      if (position === undefined) out.null();
      else out.bulkText(geohashOf(position));
    });
  },
});

export const geopos = defineCommand({
  name: 'GEOPOS', group: 'geo', since: '3.2.0',
  summary: 'Returns longitude and latitude of each member.',
  complexity: 'O(1) for each member.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['geo'],
  keys: readKey,
  args: { key: arg.key(), member: arg.bytes().repeated().optional() },
  documentedArgs: [['key', arg.key()], ['member', arg.bytes().repeated()]],
  reply: reply.array('longitude and latitude of each member, null where it is absent'),
  examples: [
    ['GEOADD sicily 13.361389 38.115556 Palermo', ':1'],
    [
      'GEOPOS sicily Palermo nobody',
      '*[*[$"13.36138933897018433" $"38.11555639549629859"] *_]',
    ],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    eachPosition(shard, frame, out, (position) => {
      if (position === undefined) out.nullArray();
      else writePosition(position, out);
    });
  },
});

/** Announces an array and calls `write` with the position of each member, undefined without one. */
function eachPosition(
  shard: Shard, frame: ArgFrame, out: ReplySink, write: (position: Position | undefined) => void,
): void {
  const ref = shard.keyspace.read(frame, 1);
  if (!isZsetOrAbsent(shard, ref, out)) return;
  out.array(frame.count - 2);
  for (let i = 2; i < frame.count; i++) {
    const score = ref === 0 ? NaN : scoreOfArgument(shard, frame, ref, i);
    write(Number.isNaN(score) ? undefined : positionOfScore(score));
  }
}

/** Writes longitude and latitude with as many digits as Redis writes. */
export function writePosition(position: Position, out: ReplySink): void {
  out.array(2);
  out.double(position.longitude, coordinateText);
  out.double(position.latitude, coordinateText);
}

/** Entries in the order of the documentation. */
export const geoCommands: readonly Command[] = [geoadd, geodist, geohash, geopos];
