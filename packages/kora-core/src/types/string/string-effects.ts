/**
 * What the string commands announce. The after-image of a key goes out as StringSet; the codec
 * reads value, flags and deadline from the entry, so a commit costs no copy when nobody listens.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import type { Effect } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';

/**
 * Announces that the key in argument `keyIndex` now holds the string of entry `ref`.
 * @param secondEvent KeyEvent.Expire when the command also set a deadline
 */
export function commitStringSet(
  shard: Shard, frame: ArgFrame, keyIndex: number, ref: number, event: number,
  secondEvent: number = KeyEvent.None,
): void {
  const effect = effectOfKey(shard, frame, keyIndex, EffectOp.StringSet, event);
  effect.secondEvent = secondEvent;
  effect.ref = ref;
  shard.commit();
}

/** Announces that the bytes of argument `valueIndex` were appended or written at `offset`. */
export function commitStringBytes(
  shard: Shard, frame: ArgFrame, op: number, event: number, valueIndex: number, offset: number,
): void {
  const effect = effectOfKey(shard, frame, 1, op, event);
  effect.otherBytes = frame.bytes[valueIndex] ?? 0;
  effect.offset = offset;
  if (frame.isBig(valueIndex)) effect.otherRope = frame.ropeOf(valueIndex);
  else effect.otherAt = frame.at[valueIndex] ?? 0;
  shard.commit();
}

/** The shard's effect for the key in argument `keyIndex`; the caller fills the rest and commits. */
export function effectOfKey(
  shard: Shard, frame: ArgFrame, keyIndex: number, op: number, event: number,
): Effect {
  const keyAt = frame.at[keyIndex] ?? 0;
  return shard.effectOf(op, frame.client.db, keyAt, frame.bytes[keyIndex] ?? 0, event);
}
