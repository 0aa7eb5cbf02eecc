/**
 * A big set, hash, sorted set or vector set that is being saved member by member: in slices by the
 * walk, and each member before it changes or goes. The bit MEMBER_SAVED of a member says whether
 * it is done: as with entries, saved is what equals the bit in the dict's header (DICT_SNAPSHOT),
 * which is turned over when the dict is opened; members that come later get it, so they are not
 * saved.
 *
 *   opened ─ walk, changes ─▶ none is left ─▶ closed
 *
 * What is written are fragments: values in the RDB format of some members each, which a loader adds
 * up. Only the snapshot's own windows are used here: a command may have bound the shard's.
 * Invariant: the dict keeps its header while it is open (nothing is evacuated while a snapshot
 *   runs); when its key is removed the snapshot becomes its owner.
 * Cost: about 100 ns a member; the same once for a member that changes before its turn.
 */
import { assert } from '../assert.ts';
import type { RdbWriter } from '../rdb/rdb-writer.ts';
import { RdbType } from '../rdb/rdb-types.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX, DICT_OPEN, DICT_SNAPSHOT } from '../structs/dict-layout.ts';
import { Dict } from '../structs/dict.hot.ts';
import {
  ENTRY_HASH, ENTRY_SET, ENTRY_VECTOR_SET, ENTRY_ZSET, entryEncoding, entryExpireMs, entryHasTtl,
  entryKeyAt, entryKeyBytes, entryRoot, entryType,
} from '../structs/entry.hot.ts';
import {
  fieldValueAt, fieldValueBytes, MEMBER_SAVED, memberScore,
} from '../structs/member.hot.ts';
import { HASH_DICT, HASH_TIMED } from '../types/hash/hash-layout.ts';
import { SET_DICT } from '../types/set/set-layout.ts';
import type { NearestImage } from '../types/vector-set/vector-engine.ts';
import {
  writeVectorElement, writeVectorHead, writeVectorNodes,
} from '../types/vector-set/vector-set.codec.ts';
import { ZSET_TREE } from '../types/zset/zset-layout.ts';

/** A fragment of a walk has about this many bytes, but at least one member. */
const FRAGMENT_BYTES = 16_384;
/** Members of one fragment at most. */
const FRAGMENT_MEMBERS_MAX = 256;
/** Lines without anything to save that one slice passes over. */
const LINES_PASSED_MAX = 64;
/** Rounds over all lines without one that is left: only a count that is wrong gets there. */
const ROUNDS_MAX = 64;
/** What stands for a member's header and lengths when fragments are measured. */
const MEMBER_SIDE_BYTES = 16;

/** One that is open. */
export interface OpenMembers {
  readonly id: number;
  /** ENTRY_SET, ENTRY_HASH, ENTRY_ZSET or ENTRY_VECTOR_SET. */
  readonly type: number;
  /** Header of the dict. */
  readonly header: number;
  /** Root of the entry's value. */
  readonly root: number;
  /** Of the graph of a vector set, which goes along; else null. */
  readonly image: NearestImage | null;
  /** Members that there were when it was opened. */
  readonly total: number;
  /** Line at which the walk goes on. */
  line: number;
  /** Members that are not saved yet. */
  left: number;
  /** Lines that the walk has passed since it found one of them. */
  passed: number;
  /** The entry, once its key was removed and the snapshot owns it; else 0. */
  ownRef: number;
}

/** Header of the dict that holds the members of entry `ref`; 0 when its value is none. */
export function memberDict(shard: Shard, ref: number): number {
  const { i32 } = shard.memory;
  const encoding = entryEncoding(i32, ref);
  const root = entryRoot(i32, ref);
  if (root === 0) return 0;
  switch (entryType(i32, ref)) {
    case ENTRY_SET:
      return encoding === SET_DICT ? root : 0;
    case ENTRY_HASH:
      if (encoding === HASH_TIMED) return i32[root << 1] ?? 0;
      return encoding === HASH_DICT ? root : 0;
    case ENTRY_ZSET:
      return encoding === ZSET_TREE ? (i32[root << 1] ?? 0) : 0;
    case ENTRY_VECTOR_SET:
      return i32[root << 1] ?? 0;
    default:
      return 0;
  }
}

/** Writes fragments of open dicts. */
export class MemberWalk {
  readonly #shard: Shard;
  readonly #rdb: RdbWriter;
  readonly #dict: Dict;
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  readonly #members = new Int32Array(FRAGMENT_MEMBERS_MAX);

  /** @param rdb where fragments are written, between `begin` and `end` of whoever owns it */
  constructor(shard: Shard, rdb: RdbWriter) {
    this.#shard = shard;
    this.#rdb = rdb;
    this.#dict = new Dict(shard.memory, shard.memory.arenaAllocator, 0, 0);
  }

  /** From now on the members of the dict are told apart by their bit. @returns how many it has */
  open(header: number): number {
    const { i32 } = this.#shard.memory;
    const word = (header << 1) + DICT_SNAPSHOT;
    const before = i32[word] ?? 0;
    assert((before & DICT_OPEN) === 0, 'a dict is opened once');
    i32[word] = (before ^ MEMBER_SAVED) | DICT_OPEN;
    this.#dict.bind(header);
    return this.#dict.count();
  }

  /** No member is left to be saved. */
  close(header: number): void {
    const { i32 } = this.#shard.memory;
    const word = (header << 1) + DICT_SNAPSHOT;
    i32[word] = (i32[word] ?? 0) & ~DICT_OPEN;
  }

  /**
   * Marks the next members of the walk and, where `writes`, makes a fragment of them. Lines go in
   * order, so that another dict of the same seeds takes them evenly; since lines that merge may
   * take members to where the walk has been, it goes around until none is left.
   * @returns members in it; 0: nothing was written
   */
  step(open: OpenMembers, writes: boolean): number {
    const dict = this.#dict;
    dict.bind(open.header);
    let count = 0;
    let bytes = 0;
    for (let lines = 0; lines < LINES_PASSED_MAX && open.left > 0; lines++) {
      if (open.line >= dict.lines()) open.line = 0;
      open.passed++;
      assert(open.passed <= ROUNDS_MAX * dict.lines(), 'what is left of a dict is found');
      const inLine = dict.collectLine(open.line, this.#slots);
      for (let i = 0; i < inLine; i++) {
        const ref = this.#shard.memory.i32[this.#slots[i] ?? 0] ?? 0;
        if (this.#isSaved(open.header, ref)) continue;
        // The rest of the line comes with the next fragment.
        if (count === FRAGMENT_MEMBERS_MAX || bytes >= FRAGMENT_BYTES) {
          return this.#write(open, count, writes);
        }
        this.#mark(open, ref);
        this.#members[count++] = ref;
        bytes += this.#bytesOf(open, ref);
      }
      open.line++;
    }
    return this.#write(open, count, writes);
  }

  /** A fragment of one member, which is about to change or to go. */
  single(open: OpenMembers, ref: number, writes: boolean): void {
    this.#mark(open, ref);
    this.#members[0] = ref;
    this.#write(open, 1, writes);
  }

  #isSaved(header: number, ref: number): boolean {
    const { i32 } = this.#shard.memory;
    const mark = i32[(header << 1) + DICT_SNAPSHOT] ?? 0;
    return ((mark ^ (i32[ref << 1] ?? 0)) & MEMBER_SAVED) === 0;
  }

  #mark(open: OpenMembers, ref: number): void {
    const { i32 } = this.#shard.memory;
    open.left--;
    open.passed = 0;
    i32[ref << 1] = (i32[ref << 1] ?? 0) ^ MEMBER_SAVED;
  }

  #bytesOf(open: OpenMembers, ref: number): number {
    const { i32 } = this.#shard.memory;
    const hasValue = open.type === ENTRY_HASH || open.type === ENTRY_VECTOR_SET;
    const value = hasValue ? fieldValueBytes(i32, ref) : 0;
    return entryKeyBytes(i32, ref) + value + MEMBER_SIDE_BYTES;
  }

  /** Writes the first `count` of `#members`: type byte and body. */
  #write(open: OpenMembers, count: number, writes: boolean): number {
    if (count === 0 || !writes) return count;
    if (open.type === ENTRY_HASH) {
      this.#writeFields(count);
      return count;
    }
    if (open.image !== null) {
      const { root, total, image } = open;
      writeVectorNodes(this.#shard, root, this.#members, count, total, image, this.#rdb);
      return count;
    }
    if (open.type === ENTRY_VECTOR_SET) {
      writeVectorHead(this.#shard, open.root, count, this.#rdb);
      for (let i = 0; i < count; i++) {
        writeVectorElement(this.#shard, this.#members[i] ?? 0, this.#rdb);
      }
      return count;
    }
    const { i32, f64 } = this.#shard.memory;
    const isScored = open.type === ENTRY_ZSET;
    this.#rdb.u8(isScored ? RdbType.SortedSet2 : RdbType.Set);
    this.#rdb.count(count);
    for (let i = 0; i < count; i++) {
      const ref = this.#members[i] ?? 0;
      this.#rdb.string(entryKeyAt(i32, ref), entryKeyBytes(i32, ref));
      if (isScored) this.#rdb.binaryDouble(memberScore(f64, ref));
    }
    return count;
  }

  #writeFields(count: number): void {
    const { i32 } = this.#shard.memory;
    let isTimed = false;
    for (let i = 0; i < count; i++) isTimed ||= entryHasTtl(i32, this.#members[i] ?? 0);
    this.#rdb.u8(isTimed ? RdbType.HashTimed : RdbType.Hash);
    this.#rdb.count(count);
    for (let i = 0; i < count; i++) {
      const ref = this.#members[i] ?? 0;
      this.#rdb.string(entryKeyAt(i32, ref), entryKeyBytes(i32, ref));
      this.#rdb.string(fieldValueAt(i32, ref), fieldValueBytes(i32, ref));
      if (isTimed) this.#rdb.milliseconds(entryExpireMs(i32, ref));
    }
  }
}
