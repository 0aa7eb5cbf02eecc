/**
 * One change of the data, as the journal announces it: an after-image or a deterministic effect
 * with absolute times, never the client's command. A shard has one Effect object and fills it again
 * for every change; a listener reads it during the call and keeps nothing, for its addresses are
 * only valid then. Opcode numbers reach disk and wire: explicit and append-only.
 */

/** What a change did. */
export const EffectOp = Object.freeze({
  /** The key now holds this string and this expiry (or none). */
  StringSet: 1,
  /** Bytes were appended to a string. */
  StringAppend: 2,
  /** Bytes were written into a string at an offset, zeros before them where it was shorter. */
  StringPatch: 3,
  KeyRemove: 4,
  /** The key's deadline is now this absolute time. */
  KeyExpire: 5,
  KeyPersist: 6,
  /** The value and expiry moved to another key, replacing what was there. */
  KeyRename: 7,
  /** The value and expiry were copied to another key or database, replacing what was there. */
  KeyCopy: 8,
  KeyMove: 9,
  DatabaseFlush: 10,
  EverythingFlush: 11,
  DatabaseSwap: 12,
} as const);

/** Why a change happened. */
export const EffectReason = Object.freeze({ Command: 0, Expired: 1, Evicted: 2 } as const);

/** The reused description of one change. Absent parts are 0. */
export class Effect {
  op = 0;
  reason = 0;
  db = 0;
  /** Second database of KeyCopy, KeyMove and DatabaseSwap. */
  otherDb = 0;
  /**
   * Numbers of KeyEvent; one command can give two. `event` is of the key in `db`; in KeyRename,
   * KeyCopy and
   * KeyMove `secondEvent` is of the second key (KeyMove: the same key) in `otherDb`.
   */
  event = 0;
  secondEvent = 0;
  /** The key's bytes in the worker memory. */
  keyAt = 0;
  keyBytes = 0;
  /** Second key, or the bytes of StringAppend and StringPatch. */
  otherAt = 0;
  otherBytes = 0;
  /** Root ref of the bytes of StringAppend and StringPatch when they are a rope, else 0. */
  otherRope = 0;
  /** Entry after the change (StringSet), else 0. */
  ref = 0;
  /** Byte offset of StringPatch. */
  offset = 0;
  /** Words of the absolute expiry in ms (KeyExpire). */
  expireLow = 0;
  expireHigh = 0;
}
