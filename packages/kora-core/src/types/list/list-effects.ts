/**
 * What changes of lists announce, together with the removals that several commands share. Pushes
 * name the elements, removals their places.
 *
 * Invariant: a key that becomes empty is removed, and announced as such, after the change that
 *   emptied it.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import { removeIfEmpty } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import type { Effect } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { popFromEnd } from './list-ends.hot.ts';
import { findEnd, listCount, place, removeElements } from './list.ts';

/** Parts of one effect of many removals, at most; what is beyond follows in another. */
const REMOVAL_PARTS_MAX = 65_536;

/** Announces that arguments 2 and following were pushed to the list at argument 1. */
export function commitPush(shard: Shard, frame: ArgFrame, isHead: boolean): void {
  const effect = effectOfPush(shard, frame, 1, isHead);
  if (shard.journal.isHeard) {
    for (let i = 2; i < frame.count; i++) effect.parts.add(frame.at[i] ?? 0, frame.bytes[i] ?? 0);
  }
  shard.commit();
}

/** The effect of a push to the list at argument `key`, without its elements. */
export function effectOfPush(
  shard: Shard, frame: ArgFrame, key: number, isHead: boolean,
): Effect {
  const op = isHead ? EffectOp.ListPushHead : EffectOp.ListPushTail;
  return effectOfKey(shard, frame, key, op, isHead ? KeyEvent.LPush : KeyEvent.RPush);
}

/** Announces that `count` elements from `from` on left the list at argument `key`. */
export function commitRemoval(
  shard: Shard, frame: ArgFrame, key: number, from: number, count: number, event: number,
): void {
  const effect = effectOfKey(shard, frame, key, EffectOp.ListRemove, event);
  if (shard.journal.isHeard) {
    effect.parts.addNumber(from);
    effect.parts.addNumber(count);
  }
  shard.commit();
}

/** Removes elements from an end of list `ref`, which was looked up last, and announces it. */
export function popElements(
  shard: Shard, frame: ArgFrame, key: number, ref: number, isHead: boolean, count: number,
): void {
  const from = isHead ? 0 : listCount(shard, ref) - count;
  removeElements(shard, ref, from, count);
  const event = isHead ? KeyEvent.LPop : KeyEvent.RPop;
  commitRemoval(shard, frame, key, from, count, event);
  removeIfEmpty(shard, ref);
}

/** Answers the first or last element of list `ref`, which was looked up last, and takes it away. */
export function popOne(
  shard: Shard, frame: ArgFrame, out: ReplySink, key: number, ref: number, isHead: boolean,
): void {
  if (popFromEnd(shard, ref, isHead, out)) {
    const from = isHead ? 0 : listCount(shard, ref);
    commitRemoval(shard, frame, key, from, 1, isHead ? KeyEvent.LPop : KeyEvent.RPop);
    return;
  }
  findEnd(shard, ref, isHead);
  out.bulk(place.at, place.bytes);
  popElements(shard, frame, key, ref, isHead, 1);
}

/** Collects the removals of one LREM: one effect of many parts, or several of very many. */
export class RemovalEffect {
  readonly #shard: Shard;
  readonly #frame: ArgFrame;
  #isOpen = false;
  #event: number = KeyEvent.LRem;

  constructor(shard: Shard, frame: ArgFrame) {
    this.#shard = shard;
    this.#frame = frame;
  }

  /** The element that had this index is gone. */
  add(index: number): void {
    const { parts } = this.#shard.effect;
    if (!this.#isOpen) this.#open();
    const last = parts.count - 2;
    if (last >= 0 && parts.value[last] === index + 1) {
      parts.value[last] = index;
      parts.value[last + 1] = (parts.value[last + 1] ?? 0) + 1;
      return;
    }
    parts.addNumber(index);
    parts.addNumber(1);
    if (parts.count >= REMOVAL_PARTS_MAX) this.commit();
  }

  /** Announces what was collected. Only the first effect of a command carries its event. */
  commit(): void {
    if (!this.#isOpen) return;
    this.#shard.commit();
    this.#isOpen = false;
    this.#event = KeyEvent.None;
  }

  #open(): void {
    effectOfKey(this.#shard, this.#frame, 1, EffectOp.ListRemove, this.#event);
    this.#isOpen = true;
  }
}
