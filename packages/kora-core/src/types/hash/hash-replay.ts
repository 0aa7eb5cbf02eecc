/**
 * Makes changes of hashes again that a journal tells, by the same functions that made them. While a
 * journal is replayed no deadline acts: fields go when the journal says so, and a hash that has
 * lost its last field stays empty until the record that follows removes its key.
 */
import { Fault } from '../../errors/fault.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import type { EffectParts } from '../../keyspace/effect-parts.ts';
import type { ReplayKey } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  armFields, dropDeadline, FIELD_DEADLINE_MS_MAX, firstDeadlineMs, foundDeadlineMs,
  setFoundDeadline,
} from './hash-deadlines.ts';
import { found } from './hash-layout.ts';
import { prepareDeadlines } from './hash-timed.ts';
import { findHeld, foundValueBytes, preparePut, putField, removeFound } from './hash.ts';

/** @throws {Fault} CORRUPT_JOURNAL, OUT_OF_MEMORY; nothing has changed then */
export function replayHash(shard: Shard, op: number, key: ReplayKey, parts: EffectParts): void {
  if (op === EffectOp.HashPut || op === EffectOp.HashUpdate) {
    replayPut(shard, key, parts, op === EffectOp.HashUpdate);
    return;
  }
  checkRecord(key.ref !== 0, 'a change of an absent hash');
  const first = op === EffectOp.HashExpire ? 1 : 0;
  for (let i = first; i < parts.count; i++) checkRecord(!parts.isNumber(i), 'a number for a field');
  if (op === EffectOp.HashExpire) replayExpire(shard, key, parts);
  else if (op === EffectOp.HashRemove) replayRemove(shard, key, parts);
  else if (op === EffectOp.HashPersist) replayPersist(shard, key, parts);
  else checkRecord(false, `an unknown change of a hash, ${op}`);
}

function checkRecord(isSound: boolean, what: string): asserts isSound {
  if (!isSound) throw new Fault('CORRUPT_JOURNAL', `The journal has ${what}.`);
}

function checkMemory(isDone: boolean): void {
  if (!isDone) throw new Fault('OUT_OF_MEMORY', 'The memory is full while a journal is replayed.');
}

function replayPut(
  shard: Shard, key: ReplayKey, parts: EffectParts, keepsDeadline: boolean,
): void {
  const pairs = parts.count >>> 1;
  checkRecord(pairs > 0 && parts.count % 2 === 0, 'a hash with half a pair');
  for (let i = 0; i < parts.count; i++) checkRecord(!parts.isNumber(i), 'a number for a field');
  const { bytes, value } = parts;
  const ref = preparePut(shard, key.ref, key.at, key.bytes, value, bytes, 0, pairs);
  checkMemory(ref !== 0);
  for (let i = 0; i < pairs * 2; i += 2) {
    putField(
      shard, ref, value[i] ?? 0, bytes[i] ?? 0, value[i + 1] ?? 0, bytes[i + 1] ?? 0,
      keepsDeadline,
    );
  }
}

function replayRemove(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  for (let i = 0; i < parts.count; i++) {
    checkRecord(hasField(shard, key, parts, i), 'a removal of an absent field');
  }
  for (let i = 0; i < parts.count; i++) {
    if (hasField(shard, key, parts, i)) removeFound(shard, key.ref);
  }
}

function replayExpire(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  checkRecord(parts.count > 1 && parts.isNumber(0), 'a deadline without a time or a field');
  const ms = parts.value[0] ?? 0;
  checkRecord(Number.isInteger(ms) && ms >= 0 && ms <= FIELD_DEADLINE_MS_MAX, 'a bad deadline');
  let textBytes = 0;
  for (let i = 1; i < parts.count; i++) {
    checkRecord(hasField(shard, key, parts, i), 'a deadline of an absent field');
    textBytes += (parts.bytes[i] ?? 0) + foundValueBytes(shard);
  }
  const beforeMs = firstDeadlineMs(shard, key.ref);
  checkMemory(prepareDeadlines(shard, key.ref, parts.count - 1, textBytes, 0, 0));
  for (let i = 1; i < parts.count; i++) {
    hasField(shard, key, parts, i);
    setFoundDeadline(shard, key.ref, ms);
  }
  armFields(shard, beforeMs, ms);
}

function replayPersist(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  for (let i = 0; i < parts.count; i++) {
    const isTimed = hasField(shard, key, parts, i) && foundDeadlineMs(shard) >= 0;
    checkRecord(isTimed, 'a field persisted that has no deadline');
  }
  for (let i = 0; i < parts.count; i++) {
    hasField(shard, key, parts, i);
    if (foundDeadlineMs(shard) >= 0) dropDeadline(shard, key.ref, found.member);
  }
}

function hasField(shard: Shard, key: ReplayKey, parts: EffectParts, i: number): boolean {
  return findHeld(shard, key.ref, parts.value[i] ?? 0, parts.bytes[i] ?? 0);
}
