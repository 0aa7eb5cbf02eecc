/**
 * SPOP and SRANDMEMBER. How members are chosen: set-random.ts. SPOP announces the members that were
 * chosen, a part of them at a time where there are thousands (one event for all), and the removal
 * of the key when it takes everything.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, readInteger } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKeyAndCount } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { removeIfEmpty } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_WIDE, entryEncoding, entryFlags, setEntryFlags } from '../../structs/entry.hot.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { REPEATED_DRAWS_MAX } from '../shared/draw.ts';
import { SET_DICT } from './set-layout.ts';
import {
  choosePlaces, chosenPlaces, hasPassingTexts, isTaken, MetRefs, placeAt, placeBytes, randomPlace,
  removePlace, unlinkPlace,
} from './set-random.ts';
import { GATHER_MAX, gathered, setWalkOf, writeMembers } from './set-reply.ts';
import { isSetOrAbsent } from './set.commands.ts';
import { parseMember, setCount } from './set.ts';

/** Up to this share of its members a dict is asked for slots by chance; above it is walked. */
const DRAWN_SHARE_MAX = 1 / 3;
/** Redis rebuilds a set that keeps at most this share of what SPOP takes. */
const REBUILT_SHARE = 5;

export const spop = defineCommand({
  name: 'SPOP', group: 'set', since: '1.0.0',
  summary: 'Removes members by chance from a set and returns them.',
  complexity: 'O(1) for each member.',
  arity: -2,
  flags: Flag.Write | Flag.Fast,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'delete'] })],
  tips: ['nondeterministic_output'],
  history: [['3.2.0', 'Added the `count` argument.']],
  args: { key: arg.key(), count: arg.integer().optional().documented({ since: '3.2.0' }) },
  reply: oneReplyOf(
    reply.bulk('the member'), reply.null('the key does not exist'),
    reply.set('with a count: the members'),
  ),
  examples: [
    ['SADD hat rabbit', ':1'], ['SPOP hat', '$"rabbit"'], ['SPOP hat', '_'],
    ['SADD hat 3 1 2', ':3'], ['SPOP hat 5', '*[$"1" $"2" $"3"]'],
  ],
  parse: (frame) => parseKeyAndCount(frame, replyErrors.syntax),
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    if (frame.count === 2) {
      if (ref === 0) out.null();
      else popOne(shard, frame, ref, out);
      return;
    }
    const count = ref === 0 ? 0 : (frame.number[1] ?? 0);
    if (count === 0) out.set(0);
    else if (count >= setCount(shard, ref)) popAll(shard, frame, ref, out);
    else popSome(shard, frame, ref, count, out);
  },
});

function popOne(shard: Shard, frame: ArgFrame, ref: number, out: ReplySink): void {
  const place = randomPlace(shard, ref);
  const at = placeAt(shard, ref, place);
  const bytes = placeBytes(shard, ref, place);
  out.bulk(at, bytes);
  const effect = effectOfKey(shard, frame, 1, EffectOp.SetRemove, KeyEvent.SPop);
  if (shard.journal.isHeard) effect.parts.add(at, bytes);
  shard.commit();
  removePlace(shard, ref, place);
  removeIfEmpty(shard, ref);
}

function popAll(shard: Shard, frame: ArgFrame, ref: number, out: ReplySink): void {
  out.set(setCount(shard, ref));
  writeMembers(shard, ref, out);
  const effect = effectOfKey(shard, frame, 1, EffectOp.KeyRemove, KeyEvent.SPop);
  effect.secondEvent = KeyEvent.Del;
  shard.commit();
  shard.keyspace.remove(ref);
}

/** Some members, but not all. */
function popSome(
  shard: Shard, frame: ArgFrame, ref: number, count: number, out: ReplySink,
): void {
  const isRebuilt = (setCount(shard, ref) - count) * REBUILT_SHARE <= count;
  out.set(count);
  if (entryEncoding(shard.memory.i32, ref) === SET_DICT) {
    let event: number = KeyEvent.SPop;
    for (let left = count; left > 0; left -= GATHER_MAX) {
      popFromDict(shard, frame, ref, Math.min(left, GATHER_MAX), event, out);
      event = KeyEvent.None;
    }
  } else {
    popFlat(shard, frame, ref, count, out);
  }
  if (!isRebuilt || !narrowAgain(shard, ref)) return;
  effectOfKey(shard, frame, 1, EffectOp.ValueSet, KeyEvent.None).ref = ref;
  shard.commit();
}

/** Pops up to GATHER_MAX members; their blocks are freed when they are announced and written. */
function popFromDict(
  shard: Shard, frame: ArgFrame, ref: number, count: number, event: number, out: ReplySink,
): void {
  const { arenaAllocator } = shard.memory;
  const effect = effectOfKey(shard, frame, 1, EffectOp.SetRemove, event);
  gathered.clear();
  for (let i = 0; i < count; i++) {
    const place = randomPlace(shard, ref);
    const at = placeAt(shard, ref, place);
    const bytes = placeBytes(shard, ref, place);
    gathered.add(shard, at, bytes);
    if (shard.journal.isHeard) effect.parts.add(at, bytes);
    unlinked[i] = unlinkPlace(shard, ref, place);
  }
  gathered.write(shard, out);
  shard.commit();
  for (let i = 0; i < count; i++) arenaAllocator.free(unlinked[i] ?? 0);
}

/** Blocks of members that are out of their set and not yet freed. */
const unlinked = new Int32Array(GATHER_MAX);

function popFlat(
  shard: Shard, frame: ArgFrame, ref: number, count: number, out: ReplySink,
): void {
  choosePlaces(shard, ref, count);
  const effect = effectOfKey(shard, frame, 1, EffectOp.SetRemove, KeyEvent.SPop);
  gatherChosen(shard, ref, count);
  if (shard.journal.isHeard) {
    for (let i = 0; i < count; i++) {
      effect.parts.add(gathered.at(shard, i), gathered.bytes(shard, i));
    }
  }
  gathered.write(shard, out);
  shard.commit();
  // From the back, so that the places before stay where they are.
  const places = chosenPlaces.subarray(0, count).sort();
  for (let i = count - 1; i >= 0; i--) removePlace(shard, ref, places[i] ?? 0);
}

/** Gathers the first `count` chosen places of a flat set. */
function gatherChosen(shard: Shard, ref: number, count: number): void {
  const isPassing = hasPassingTexts(shard, ref);
  gathered.clear();
  for (let i = 0; i < count; i++) {
    const place = chosenPlaces[i] ?? 0;
    const at = placeAt(shard, ref, place);
    if (isPassing) gathered.addText(shard, at, placeBytes(shard, ref, place));
    else gathered.add(shard, at, placeBytes(shard, ref, place));
  }
}

/**
 * Redis has built the set anew from what is left: it answers `intset` again when it can.
 * @returns true when it does so from now on; a journal has to hear of it
 */
function narrowAgain(shard: Shard, ref: number): boolean {
  const { i32 } = shard.memory;
  const flags = entryFlags(i32, ref);
  const isTooBig = setCount(shard, ref) > shard.settings.intsetEntriesMax;
  if ((flags & ENTRY_WIDE) === 0 || isTooBig) return false;
  const walk = setWalkOf(shard);
  walk.start(ref);
  while (walk.next()) if (!parseMember(shard, walk.at(), walk.bytes())) return false;
  setEntryFlags(i32, ref, flags & ~ENTRY_WIDE);
  return true;
}

// ------------------------------------------------------------------ SRANDMEMBER

export const srandmember = defineCommand({
  name: 'SRANDMEMBER', group: 'set', since: '1.0.0',
  summary: 'Returns members of a set by chance; a negative count allows repetitions.',
  complexity: 'O(1) for each member.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  tips: ['nondeterministic_output'],
  history: [['2.6.0', 'Added the optional `count` argument.']],
  args: { key: arg.key(), count: arg.integer().optional().documented({ since: '2.6.0' }) },
  reply: oneReplyOf(
    reply.bulk('a member'), reply.null('the key does not exist'),
    reply.array('with a count: the members'),
  ),
  examples: [
    ['SADD hat rabbit', ':1'], ['SRANDMEMBER hat', '$"rabbit"'], ['SRANDMEMBER nosuch', '_'],
    ['SRANDMEMBER hat 2', '*[$"rabbit"]'], ['SRANDMEMBER hat -2', '*[$"rabbit" $"rabbit"]'],
  ],
  parse: parseRandmember,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    if (frame.count === 2) {
      if (ref === 0) out.null();
      else writeOne(shard, ref, out);
      return;
    }
    const count = ref === 0 ? 0 : (frame.number[1] ?? 0);
    if (count === 0) {
      out.array(0);
    } else if (count < 0) {
      writeRepeated(shard, ref, -count, out);
    } else if (count >= setCount(shard, ref)) {
      out.array(setCount(shard, ref));
      writeMembers(shard, ref, out);
    } else {
      writeDistinct(shard, ref, count, out);
    }
  },
});

function parseRandmember(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 0;
  if (frame.count === 2) return null;
  if (frame.count > 3) return replyErrors.syntax;
  frame.index[1] = 2;
  if (!readInteger(frame, 1, 2)) return replyErrors.notInteger;
  const isLowest = frame.high[1] === -2147483648 && frame.low[1] === 0;
  if (isLowest) return replyErrors.countOutOfRange;
  return (frame.number[1] ?? 0) < -REPEATED_DRAWS_MAX ? replyErrors.outOfRange : null;
}

function writeOne(shard: Shard, ref: number, out: ReplySink): void {
  const place = randomPlace(shard, ref);
  const at = placeAt(shard, ref, place);
  out.bulk(at, placeBytes(shard, ref, place));
}

function writeRepeated(shard: Shard, ref: number, count: number, out: ReplySink): void {
  const isPassing = hasPassingTexts(shard, ref);
  out.array(count);
  gathered.clear();
  for (let i = 0; i < count; i++) {
    if (gathered.isFull) gathered.write(shard, out);
    const place = randomPlace(shard, ref);
    const at = placeAt(shard, ref, place);
    if (isPassing) gathered.addText(shard, at, placeBytes(shard, ref, place));
    else gathered.add(shard, at, placeBytes(shard, ref, place));
  }
  gathered.write(shard, out);
}

/** Fewer members than the set has, none twice. */
function writeDistinct(shard: Shard, ref: number, count: number, out: ReplySink): void {
  const members = setCount(shard, ref);
  if (entryEncoding(shard.memory.i32, ref) !== SET_DICT) {
    out.array(count);
    choosePlaces(shard, ref, count);
    gatherChosen(shard, ref, count);
    gathered.write(shard, out);
  } else if (count < members * DRAWN_SHARE_MAX) {
    writeDrawn(shard, ref, count, out);
  } else {
    out.array(count);
    const walk = setWalkOf(shard);
    let wanted = count;
    let left = members;
    gathered.clear();
    walk.start(ref);
    while (wanted > 0 && walk.next()) {
      if (isTaken(shard, wanted, left--)) {
        if (gathered.isFull) gathered.write(shard, out);
        gathered.addCurrent(shard, walk);
        wanted--;
      }
    }
    gathered.write(shard, out);
  }
}

/** Draws slots of a dict until `count` different members have been met. */
function writeDrawn(shard: Shard, ref: number, count: number, out: ReplySink): void {
  const metRefs = new MetRefs(shard);
  if (!metRefs.open(count)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  out.array(count);
  gathered.clear();
  for (let met = 0; met < count;) {
    const place = randomPlace(shard, ref);
    if (!metRefs.add(shard.memory.i32[place] ?? 0)) continue;
    if (gathered.isFull) gathered.write(shard, out);
    gathered.add(shard, placeAt(shard, ref, place), placeBytes(shard, ref, place));
    met++;
  }
  gathered.write(shard, out);
  metRefs.close();
}

/** Entries about chance. */
export const setRandomCommands: readonly Command[] = [spop, srandmember];
