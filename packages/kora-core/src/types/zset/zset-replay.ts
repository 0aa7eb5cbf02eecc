/**
 * Makes changes of sorted sets again that a journal tells, by the same functions that made them.
 * A record that removes the last member leaves an empty set until the record that follows removes
 * its key.
 */
import { Fault } from '../../errors/fault.ts';
import type { EffectParts } from '../../keyspace/effect-parts.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import type { ReplayKey } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { findMember, prepareAdd, zsetAdd, zsetRemove } from './zset.ts';

/** @throws {Fault} CORRUPT_JOURNAL, OUT_OF_MEMORY; nothing has changed then */
export function replayZset(shard: Shard, op: number, key: ReplayKey, parts: EffectParts): void {
  if (op === EffectOp.ScoredPut) replayPut(shard, key, parts);
  else if (op === EffectOp.ScoredRemove) replayRemove(shard, key, parts);
  else checkRecord(false, `an unknown change of a sorted set, ${op}`);
}

function checkRecord(isSound: boolean, what: string): asserts isSound {
  if (!isSound) throw new Fault('CORRUPT_JOURNAL', `The journal has ${what}.`);
}

function replayPut(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  const { value, bytes, count } = parts;
  checkRecord(count > 0 && count % 2 === 0, 'a sorted set with half a pair');
  let memberBytes = 0;
  let longest = 0;
  for (let i = 0; i < count; i += 2) {
    checkRecord(parts.isNumber(i) && !Number.isNaN(value[i]), 'a score that is no number');
    checkRecord(!parts.isNumber(i + 1), 'a number for a member');
    memberBytes += bytes[i + 1] ?? 0;
    longest = Math.max(longest, bytes[i + 1] ?? 0);
  }
  const ref = prepareAdd(shard, key.ref, key.at, key.bytes, count / 2, memberBytes, longest);
  if (ref === 0) {
    throw new Fault('OUT_OF_MEMORY', 'The memory is full while a journal is replayed.');
  }
  for (let i = 0; i < count; i += 2) {
    zsetAdd(shard, ref, value[i + 1] ?? 0, bytes[i + 1] ?? 0, value[i] ?? 0, 0);
  }
}

function replayRemove(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  checkRecord(key.ref !== 0, 'a change of an absent sorted set');
  for (let i = 0; i < parts.count; i++) {
    const isThere = !parts.isNumber(i)
      && findMember(shard, key.ref, parts.value[i] ?? 0, parts.bytes[i] ?? 0);
    checkRecord(isThere, 'a removal of an absent member');
  }
  for (let i = 0; i < parts.count; i++) {
    zsetRemove(shard, key.ref, parts.value[i] ?? 0, parts.bytes[i] ?? 0);
  }
}
