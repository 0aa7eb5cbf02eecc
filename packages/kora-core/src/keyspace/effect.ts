/**
 * One change of the data, as the journal announces it: an after-image or a deterministic effect
 * with absolute times, never the client's command. A shard has one Effect object and fills it again
 * for every change; a listener reads it during the call and keeps nothing, for its addresses are
 * only valid then. Opcode numbers reach disk and wire: explicit and append-only.
 */
import { EffectParts } from './effect-parts.ts';

/** Version of the layout of records (effect-codec.ts). */
export const EFFECT_VERSION = 1;

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
  /** The key now holds this value of any type and this expiry (or none); the whole of it. */
  ValueSet: 13,
  /** Parts: elements, in the order they were pushed. */
  ListPushHead: 16,
  ListPushTail: 17,
  /** Parts: index of the first element, number of elements. */
  ListRemove: 18,
  /** Parts: index, element. */
  ListSet: 19,
  /** Parts: index that the element has afterwards, element. */
  ListInsert: 20,
  /** Parts: members. */
  SetAdd: 24,
  SetRemove: 25,
  /** Parts: field, value and so on; these fields have no deadline afterwards. */
  HashPut: 32,
  /** As HashPut, but deadlines of fields stay. */
  HashUpdate: 33,
  /** Parts: fields. */
  HashRemove: 34,
  /** Parts: absolute deadline in ms, then fields. */
  HashExpire: 35,
  /** Parts: fields. */
  HashPersist: 36,
  /** Parts: score, member and so on. */
  ScoredPut: 40,
  /** Parts: members. */
  ScoredRemove: 41,
  /** Parts: ID, then field, value and so on. IDs are 16 bytes: ms, sequence, big-endian. */
  StreamAdd: 48,
  /** Parts: IDs of deleted entries. */
  StreamRemove: 49,
  /** Parts: number of entries that went at the head. */
  StreamTrim: 50,
  /** Parts: last ID, highest deleted ID, entries added (8 bytes). */
  StreamSetId: 51,
  /** Parts: group, last delivered ID, entries read (8 bytes). */
  StreamGroupPut: 52,
  /** Parts: group. */
  StreamGroupRemove: 53,
  /** Parts: group, consumer, seen and active time (8 bytes each, one part). */
  StreamConsumerPut: 54,
  /** Parts: group, consumer. */
  StreamConsumerRemove: 55,
  /** Parts: group, consumer, then ID, delivery time, deliveries (32 bytes, one part) and so on. */
  StreamPendingPut: 56,
  /** Parts: group, then IDs. */
  StreamPendingRemove: 57,
  /** Parts: what the set is (24 bytes), name, element as it is kept. */
  VectorPut: 64,
  /** Parts: names. */
  VectorRemove: 65,
  /** Parts: name, attributes; empty: it has none. */
  VectorAttributes: 66,
  /** Parts: what the set is. */
  VectorCreate: 67,
} as const);

/** Ops of collections have numbers from here on, eight to a type (value-effects.ts). */
export const COLLECTION_OP_MIN = 16;

/** Why a change happened. */
export const EffectReason = Object.freeze({ Command: 0, Expired: 1, Evicted: 2 } as const);

/** The reused description of one change. What is absent is 0. */
export class Effect {
  /** Operands of changes of collections; filled only while someone listens. */
  readonly parts = new EffectParts();
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
  /** Entry after the change (StringSet, ValueSet), else 0. */
  ref = 0;
  /** Byte offset of StringPatch. */
  offset = 0;
  /** Words of the absolute expiry in ms (KeyExpire). */
  expireLow = 0;
  expireHigh = 0;
}
