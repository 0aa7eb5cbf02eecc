/**
 * Walks over all fields of a hash: the replies of HGETALL and its sisters, the places that random
 * choices and scans draw from, and the plain visit of codec and checks. A place is a position in
 * the pack or a member of the dict; it holds until the hash changes.
 * Replies go out by the hundred (bulkMany), so that the sink encodes many texts in one call; the
 * texts are named in the scratch area. Fields that are due are passed over, except by visitFields.
 * Cost: O(fields); no heap allocation in the replies.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import {
  entryEncoding, entryExpireMs, entryKeyAt, entryKeyBytes, entryRoot,
} from '../../structs/entry.hot.ts';
import { fieldValueAt, fieldValueBytes } from '../../structs/member.hot.ts';
import { HASH_PACK } from './hash-layout.ts';
import {
  dictHeader, findField, foundValueAt, foundValueBytes, isMemberDue,
} from './hash.ts';

/** What of a pair a reply shows, as bits. */
export const SHOW_FIELD = 1;
export const SHOW_VALUE = 2;
export const SHOW_BOTH: number = SHOW_FIELD | SHOW_VALUE;

/** Texts named in the scratch area before they are written: 8 bytes each. */
const BATCH_TEXTS = 512;

/** Slots of the chain that is being looked at. */
const slots = new Int32Array(CHAIN_SLOTS_MAX);

/**
 * Texts gathered for one bulkMany. Owner: the running command of this thread: `start`, then `add`,
 * then `flush`.
 */
class TextBatch {
  private count = 0;

  /** Forgets what a command that broke off may have left. */
  start(): void {
    this.count = 0;
  }

  /** Adds a text; writes what is gathered when it is enough. */
  add(shard: Shard, at: number, bytes: number, out: ReplySink): void {
    const { i32 } = shard.memory;
    const word = (shard.scratchAt >>> 2) + this.count * 2;
    i32[word] = at;
    i32[word + 1] = bytes;
    this.count++;
    if (this.count === BATCH_TEXTS) this.flush(shard, out);
  }

  /** Writes what is gathered. */
  flush(shard: Shard, out: ReplySink): void {
    if (this.count !== 0) out.bulkMany(shard.scratchAt, this.count);
    this.count = 0;
  }
}

const textBatch = new TextBatch();

/** Writes what `show` says of all living pairs, as bulk strings; the caller announced them. */
export function writePairs(shard: Shard, ref: number, show: number, out: ReplySink): void {
  textBatch.start();
  if (entryEncoding(shard.memory.i32, ref) === HASH_PACK) {
    writePacked(shard, entryRoot(shard.memory.i32, ref), show, out);
    return;
  }
  const { dict } = shard.collections;
  dict.bind(dictHeader(shard, ref));
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      const member = shard.memory.i32[slots[i] ?? 0] ?? 0;
      if (!isMemberDue(shard, member)) writeMember(shard, member, show, out);
    }
  }
  textBatch.flush(shard, out);
}

function writeMember(shard: Shard, member: number, show: number, out: ReplySink): void {
  const { i32 } = shard.memory;
  if ((show & SHOW_FIELD) !== 0) {
    textBatch.add(shard, entryKeyAt(i32, member), entryKeyBytes(i32, member), out);
  }
  if ((show & SHOW_VALUE) !== 0) {
    textBatch.add(shard, fieldValueAt(i32, member), fieldValueBytes(i32, member), out);
  }
}

function writePacked(shard: Shard, pack: number, show: number, out: ReplySink): void {
  const { packs } = shard.collections;
  let pos = pack === 0 ? 0 : packs.first(pack);
  if (show === SHOW_BOTH) {
    let left = pos === 0 ? 0 : packs.count(pack);
    while (left > 0) {
      const count = Math.min(BATCH_TEXTS, left);
      pos = packs.list(pack, pos, count, shard.scratchAt);
      out.bulkMany(shard.scratchAt, count);
      left -= count;
    }
    return;
  }
  while (pos !== 0) {
    const valuePos = packs.next(pack, pos);
    const shown = show === SHOW_FIELD ? pos : valuePos;
    textBatch.add(shard, packs.entryAt(pack, shown), packs.entryBytes(pack, shown), out);
    pos = packs.next(pack, valuePos);
  }
  textBatch.flush(shard, out);
}

/** Writes an array: the value, or null, of each field in the arguments `from` .. `end` - 1. */
export function writeValues(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number, out: ReplySink,
): void {
  out.array(end - from);
  textBatch.start();
  for (let i = from; i < end; i++) {
    if (ref !== 0 && findField(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0)) {
      textBatch.add(shard, foundValueAt(shard), foundValueBytes(shard), out);
    } else {
      textBatch.flush(shard, out);
      out.null();
    }
  }
  textBatch.flush(shard, out);
}

/** Places of all living fields, after emptying `into`. */
export function collectPlaces(shard: Shard, ref: number, into: number[]): void {
  into.length = 0;
  if (entryEncoding(shard.memory.i32, ref) === HASH_PACK) {
    const { packs } = shard.collections;
    const pack = entryRoot(shard.memory.i32, ref);
    for (let pos = pack === 0 ? 0 : packs.first(pack); pos !== 0;) {
      into.push(pos);
      pos = packs.next(pack, packs.next(pack, pos));
    }
    return;
  }
  const { dict } = shard.collections;
  dict.bind(dictHeader(shard, ref));
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      const member = shard.memory.i32[slots[i] ?? 0] ?? 0;
      if (!isMemberDue(shard, member)) into.push(member);
    }
  }
}

/** Writes what `show` says of the pair at a place. */
export function writePlace(
  shard: Shard, ref: number, place: number, show: number, out: ReplySink,
): void {
  const { i32 } = shard.memory;
  if ((show & SHOW_FIELD) !== 0) {
    out.bulk(placeFieldAt(shard, ref, place), placeFieldBytes(shard, ref, place));
  }
  if ((show & SHOW_VALUE) === 0) return;
  if (entryEncoding(i32, ref) === HASH_PACK) {
    const { packs } = shard.collections;
    const pack = entryRoot(i32, ref);
    const valuePos = packs.next(pack, place);
    out.bulk(packs.entryAt(pack, valuePos), packs.entryBytes(pack, valuePos));
  } else {
    out.bulk(fieldValueAt(i32, place), fieldValueBytes(i32, place));
  }
}

/** Byte offset of the field's name at a place. */
export function placeFieldAt(shard: Shard, ref: number, place: number): number {
  const { i32 } = shard.memory;
  if (entryEncoding(i32, ref) !== HASH_PACK) return entryKeyAt(i32, place);
  return shard.collections.packs.entryAt(entryRoot(i32, ref), place);
}

/** Length of the field's name at a place. */
export function placeFieldBytes(shard: Shard, ref: number, place: number): number {
  const { i32 } = shard.memory;
  if (entryEncoding(i32, ref) !== HASH_PACK) return entryKeyBytes(i32, place);
  return shard.collections.packs.entryBytes(entryRoot(i32, ref), place);
}

/** Called with byte offsets and lengths of a pair, and its deadline in ms, -1 without one. */
export type PairVisitor = (
  fieldAt: number, fieldBytes: number, valueAt: number, valueBytes: number, deadlineMs: number,
) => void;

/** Visits all pairs held, due ones included, in the order of the bytes. Nothing may change. */
export function visitPairs(shard: Shard, ref: number, visit: PairVisitor): void {
  if (entryEncoding(shard.memory.i32, ref) === HASH_PACK) {
    const { packs } = shard.collections;
    const pack = entryRoot(shard.memory.i32, ref);
    for (let pos = pack === 0 ? 0 : packs.first(pack); pos !== 0;) {
      const valuePos = packs.next(pack, pos);
      visit(
        packs.entryAt(pack, pos), packs.entryBytes(pack, pos),
        packs.entryAt(pack, valuePos), packs.entryBytes(pack, valuePos), -1,
      );
      pos = packs.next(pack, valuePos);
    }
    return;
  }
  const header = dictHeader(shard, ref);
  const { dict } = shard.collections;
  dict.bind(header);
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    dict.bind(header);
    const met = dict.collectLine(line, slots);
    const members = Array.from(slots.subarray(0, met), (slot) => shard.memory.i32[slot] ?? 0);
    for (const member of members) {
      const { i32 } = shard.memory;
      visit(
        entryKeyAt(i32, member), entryKeyBytes(i32, member),
        fieldValueAt(i32, member), fieldValueBytes(i32, member), entryExpireMs(i32, member),
      );
    }
  }
}
