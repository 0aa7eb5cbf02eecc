/**
 * Changes as commands make them, whoever's they are: an empty set is made, an element stored or
 * removed; all are announced.
 * The key is argument 1.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import type { VectorShape } from './vector-set-layout.ts';
import { addElementParts, addShapePart } from './vector-set-replay.ts';
import {
  createVectorSet, ELEMENT_NO_MEMORY, elementBytesFor, findElement, putVector, removeElement,
  removeIfEmptied,
} from './vector-set.ts';

/** Makes an empty set of this shape under the key, which holds nothing, and answers. */
export function createEmpty(
  shard: Shard, frame: ArgFrame, shape: VectorShape, out: ReplySink,
): void {
  const ref = createVectorSet(shard, frame.at[1] ?? 0, frame.bytes[1] ?? 0, shape, 0);
  if (ref === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const effect = effectOfKey(shard, frame, 1, EffectOp.VectorCreate, KeyEvent.VNew);
  if (shard.journal.isHeard) addShapePart(shard, effect, ref);
  shard.commit();
  out.ok();
}

/**
 * Stores the vector at hand in the set of entry `found`, or in a new one of that shape when it is
 * 0, and announces it.
 * @returns ELEMENT_ADDED, ELEMENT_UPDATED or ELEMENT_NO_MEMORY
 */
export function storeElement(
  shard: Shard, frame: ArgFrame, found: number, shape: VectorShape, nameAt: number,
  nameBytes: number, jsonAt: number, jsonBytes: number,
): number {
  const keyAt = frame.at[1] ?? 0;
  const keyBytes = frame.bytes[1] ?? 0;
  const bytes = elementBytesFor(shape, nameBytes, Math.max(0, jsonBytes));
  const ref = found === 0 ? createVectorSet(shard, keyAt, keyBytes, shape, bytes) : found;
  if (ref === 0) return ELEMENT_NO_MEMORY;
  const answer = putVector(shard, ref, nameAt, nameBytes, jsonAt, jsonBytes, found === 0);
  if (answer === ELEMENT_NO_MEMORY) return answer;
  const effect = effectOfKey(shard, frame, 1, EffectOp.VectorPut, KeyEvent.VAdd);
  if (shard.journal.isHeard) {
    addShapePart(shard, effect, ref);
    addElementParts(shard, effect, nameAt, nameBytes);
  }
  shard.commit();
  shard.vectors.ensureIndex(ref);
  return answer;
}

/** Removes an element and announces it. @returns true when it was there */
export function takeElement(
  shard: Shard, frame: ArgFrame, ref: number, at: number, bytes: number,
): boolean {
  if (findElement(shard, ref, at, bytes) === 0) return false;
  removeElement(shard, ref);
  const effect = effectOfKey(shard, frame, 1, EffectOp.VectorRemove, KeyEvent.VRem);
  if (shard.journal.isHeard) effect.parts.add(at, bytes);
  shard.commit();
  removeIfEmptied(shard, ref);
  return true;
}
