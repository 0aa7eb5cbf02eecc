/**
 * Changes of several fields that more than one command makes, each announced as one effect:
 * removal, deadlines set and taken away. Fields are named by a run of arguments: from `from` on,
 * one in `stride` (2 where values stand between them), before `end`. Absent ones are passed over.
 * Cost: O(1) per field, O(log n) with a deadline.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { collectionCount, removeIfEmpty } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import {
  armFields, dropDeadline, firstDeadlineMs, foundDeadlineMs, setFoundDeadline,
} from './hash-deadlines.ts';
import { found } from './hash-layout.ts';
import { findField, removeFound } from './hash.ts';

/** Removes fields, and the key with the last one. @returns fields that existed */
export function removeFields(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number, stride: number,
): number {
  const effect = effectOfKey(shard, frame, 1, EffectOp.HashRemove, KeyEvent.HDel);
  const { isHeard } = shard.journal;
  let removed = 0;
  for (let i = from; i < end && collectionCount(shard, ref) > 0; i += stride) {
    const at = frame.at[i] ?? 0;
    const bytes = frame.bytes[i] ?? 0;
    if (!findField(shard, ref, at, bytes)) continue;
    if (isHeard) effect.parts.add(at, bytes);
    removeFound(shard, ref);
    removed++;
  }
  if (removed === 0) return 0;
  shard.commit();
  removeIfEmpty(shard, ref);
  return removed;
}

/** Gives fields a deadline in the future; prepareDeadlines reserved for all of them. */
export function setDeadlines(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number, stride: number,
  ms: number,
): void {
  const beforeMs = firstDeadlineMs(shard, ref);
  const effect = effectOfKey(shard, frame, 1, EffectOp.HashExpire, KeyEvent.HExpire);
  effect.parts.addNumber(ms);
  for (let i = from; i < end; i += stride) {
    const at = frame.at[i] ?? 0;
    const bytes = frame.bytes[i] ?? 0;
    if (!findField(shard, ref, at, bytes)) continue;
    setFoundDeadline(shard, ref, ms);
    effect.parts.add(at, bytes);
  }
  if (effect.parts.count === 1) return;
  armFields(shard, beforeMs, ms);
  shard.commit();
}

/** Takes deadlines away. */
export function dropDeadlines(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number,
): void {
  const effect = effectOfKey(shard, frame, 1, EffectOp.HashPersist, KeyEvent.HPersist);
  for (let i = from; i < end; i++) {
    const at = frame.at[i] ?? 0;
    const bytes = frame.bytes[i] ?? 0;
    if (!findField(shard, ref, at, bytes) || foundDeadlineMs(shard) < 0) continue;
    dropDeadline(shard, ref, found.member);
    effect.parts.add(at, bytes);
  }
  if (effect.parts.count !== 0) shard.commit();
}
