/**
 * Turns entries into records of a snapshot. A short string is one copy; collections pass through an
 * RDB writer without LZF, since storage compresses whole blocks. A rope is pinned and given in
 * parts when its turn comes: a pinned rope neither changes nor moves, so a change copies it.
 * Whoever saves marks the entry; here nothing of the shard changes but pins.
 * Cost: O(bytes); of a rope O(1) to begin with.
 */
import { assert } from '../assert.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { SNAPSHOT_PART_BYTES } from '../limits.ts';
import { RdbWriter } from '../rdb/rdb-writer.ts';
import type { Shard } from '../shard/shard.ts';
import {
  ENTRY_IS_ROPE, ENTRY_LIST, ENTRY_RAW, ENTRY_TYPE_MASK, ENTRY_WIDE, entryAccess, entryEncoding,
  entryExpireHigh, entryExpireLow, entryFlags, entryHasTtl, entryKeyAt, entryKeyBytes, entryRoot,
  entryType, entryValueAt, entryValueBytes,
} from '../structs/entry.hot.ts';
import { ROPE_PIECE_BYTES } from '../structs/rope.ts';
import { isLongList } from '../types/list/list.ts';
import { STRING_TEXT } from '../types/string/string.ts';
import type { OpenList } from './open-lists.ts';
import { ListWalk } from './open-lists.ts';
import type { OpenMembers } from './open-members.ts';
import { memberDict, MemberWalk } from './open-members.ts';
import {
  OpenForm, RECORD_HEAD_BYTES_MAX, SnapshotRecord, TRAIT_ACCESS, TRAIT_GOES_ON, TRAIT_MARK,
  TRAIT_TEXT, TRAIT_TTL, VARINT_BYTES_MAX,
} from './snapshot-format.ts';
import type { SnapshotStage } from './snapshot-stage.ts';

/** A rope of which parts are left. */
interface OpenRope {
  readonly id: number;
  readonly root: number;
  readonly bytes: number;
  done: number;
}

/** Sets, hashes and sorted sets of more members are saved member by member. */
export const OPEN_MEMBERS_MIN = 257;
/** Lists of more blocks are saved block by block. */
export const OPEN_BLOCKS_MIN = 33;

/** Type and rope flag of a string that lies in its entry. */
const INLINE_STRING = 0;
/** What a member of a fragment, a block and the opening of a list count for in a slice. */
const MEMBER_BYTES = 256;
const BLOCK_BYTES = 8192;
const LIST_OPEN_BYTES = 65_536;

const FORM_OF_TYPE: Readonly<Record<number, number>> = {
  [ValueType.Set]: OpenForm.SetFragments, [ValueType.Hash]: OpenForm.HashFragments,
  [ValueType.SortedSet]: OpenForm.ZsetFragments,
  [ValueType.VectorSet]: OpenForm.VectorFragments,
};

export class EntrySaver {
  readonly #shard: Shard;
  readonly #stage: SnapshotStage;
  readonly #rdb: RdbWriter;
  readonly #keepsAccess: boolean;
  readonly #ropes: OpenRope[] = [];
  readonly #members: MemberWalk;
  readonly #lists: ListWalk;
  /** Open dicts by their header. */
  readonly #open = new Map<number, OpenMembers>();
  #nextId = 1;
  /** The collection that is being saved: its database, entry, and id once it comes in parts. */
  #db = 0;
  #ref = 0;
  #id = 0;
  #isLast = false;
  /** Nothing is written any more. */
  #isClosed = false;

  constructor(shard: Shard, stage: SnapshotStage) {
    this.#shard = shard;
    this.#stage = stage;
    this.#rdb = new RdbWriter(shard.memory, false);
    this.#members = new MemberWalk(shard, this.#rdb);
    this.#lists = new ListWalk(shard, this.#rdb);
    // As in Redis, where nothing is evicted nobody asks when keys were used.
    this.#keepsAccess = shard.settings.maxmemoryBytes !== 0;
    stage.begin(2);
    stage.u8(SnapshotRecord.Access);
    stage.u8(shard.keyspace.access.isLfu !== 0 ? 1 : 0);
    for (const { count, index } of shard.keyspace.databases) {
      if (count === 0) continue;
      stage.begin(2 + VARINT_BYTES_MAX);
      stage.u8(SnapshotRecord.Size);
      stage.u8(index);
      stage.count(count);
    }
  }

  /** Values of which something is left. */
  get openCount(): number {
    return this.#ropes.length + this.#open.size + this.#lists.openCount;
  }

  /** Writes an entry, or begins to. @returns about how many bytes that took */
  save(db: number, ref: number): number {
    const { i32 } = this.#shard.memory;
    const kind = entryFlags(i32, ref) & (ENTRY_TYPE_MASK | ENTRY_IS_ROPE);
    if (kind === INLINE_STRING) return this.#saveInline(db, ref);
    if ((kind & ENTRY_TYPE_MASK) === INLINE_STRING) return this.#openRope(db, ref);
    if (entryValueBytes(i32, ref) >= OPEN_MEMBERS_MIN) {
      const header = memberDict(this.#shard, ref);
      if (header !== 0) return this.#openMembers(db, ref, header);
    }
    const isLong = (kind & ENTRY_TYPE_MASK) === ENTRY_LIST && isLongList(this.#shard, ref);
    if (isLong && this.#lists.blockCount(entryRoot(i32, ref)) >= OPEN_BLOCKS_MIN) {
      return this.#openList(db, ref);
    }
    return this.#saveCollection(db, ref);
  }

  /** True while lists are saved block by block. */
  get hasLists(): boolean {
    return this.#lists.openCount > 0;
  }

  /** Saves a pack that is about to change or to go, if it is a block of an open list. */
  savePack(pack: number): void {
    this.#lists.find(pack, this.#saveBlock);
  }

  readonly #saveBlock = (list: OpenList, index: number): void => {
    this.#beginFragment(list.id);
    this.#lists.write(list, index);
    this.#endFragment();
  };

  /** Saves a member of an open dict, which is about to change or to go. */
  saveMember(header: number, ref: number): void {
    const open = this.#open.get(header);
    assert(open !== undefined, 'an open dict is known');
    this.#beginFragment(open.id);
    this.#members.single(open, ref, !this.#isClosed);
    this.#endFragment();
  }

  /** Takes over an entry whose members are being saved. @returns false when they are not */
  adopt(ref: number): boolean {
    const open = this.#open.size === 0 ? undefined : this.#open.get(memberDict(this.#shard, ref));
    if (open === undefined) return false;
    open.ownRef = ref;
    return true;
  }

  /** True when it owns an entry that is to be freed: memory that waits for `step`. */
  get hasAdopted(): boolean {
    for (const { ownRef } of this.#open.values()) if (ownRef !== 0) return true;
    return false;
  }

  /** Writes a part of what is open; only marks it when this is closed. @returns bytes, about */
  step(): number {
    const [rope] = this.#ropes;
    if (rope !== undefined) return this.#stepRope(rope);
    const list = this.#lists.first;
    if (list !== undefined) return this.#stepList(list);
    const [open] = this.#open.values();
    assert(open !== undefined, 'something is open');
    this.#beginFragment(open.id);
    const count = this.#members.step(open, !this.#isClosed);
    this.#endFragment();
    if (open.left === 0) this.#closeMembers(open);
    return (1 + count) * MEMBER_BYTES;
  }

  #stepList(list: OpenList): number {
    this.#beginFragment(list.id);
    this.#lists.step(list);
    this.#endFragment();
    if (list.left === 0) {
      this.#lists.close(list);
      this.#close(list.id);
    }
    return BLOCK_BYTES;
  }

  #stepRope(rope: OpenRope): number {
    const { ropes } = this.#shard;
    const inPiece = rope.done % ROPE_PIECE_BYTES;
    const left = Math.min(rope.bytes - rope.done, ROPE_PIECE_BYTES - inPiece);
    const bytes = Math.min(left, SNAPSHOT_PART_BYTES);
    const piece = ropes.pieceAt(rope.root, Math.floor(rope.done / ROPE_PIECE_BYTES));
    this.#part(rope.id, piece + inPiece, bytes);
    rope.done += bytes;
    if (rope.done === rope.bytes) {
      this.#close(rope.id);
      ropes.unpin(rope.root);
      this.#ropes.shift();
    }
    return bytes;
  }

  /** Lets go of all it holds. */
  close(): void {
    for (const { root } of this.#ropes) this.#shard.ropes.unpin(root);
    this.#ropes.length = 0;
    this.#lists.closeAll();
    for (const { image } of this.#open.values()) image?.end();
    this.#rdb.close();
    this.#isClosed = true;
  }

  /** Its members are told apart from now on; nothing of them is read yet. */
  #openMembers(db: number, ref: number, header: number): number {
    const type = entryType(this.#shard.memory.i32, ref);
    const root = entryRoot(this.#shard.memory.i32, ref);
    const image = type === ValueType.VectorSet ? this.#shard.vectors.beginImage(root) : null;
    const form = image === null ? FORM_OF_TYPE[type] : OpenForm.VectorNodeFragments;
    assert(form !== undefined, 'members have a form of their own');
    const id = this.#openRecord(db, ref, form, 0);
    const left = this.#members.open(header);
    this.#open.set(header, {
      id, type, header, root, image, total: left, line: 0, left, passed: 0, ownRef: 0,
    });
    return entryKeyBytes(this.#shard.memory.i32, ref);
  }

  #openList(db: number, ref: number): number {
    const id = this.#openRecord(db, ref, OpenForm.ListFragments, 0);
    this.#lists.open(id, entryRoot(this.#shard.memory.i32, ref));
    return entryKeyBytes(this.#shard.memory.i32, ref) + LIST_OPEN_BYTES;
  }

  #closeMembers(open: OpenMembers): void {
    this.#members.close(open.header);
    this.#open.delete(open.header);
    open.image?.end();
    if (!this.#isClosed) this.#close(open.id);
    if (open.ownRef === 0) return;
    this.#shard.freeValue(open.ownRef);
    this.#shard.memory.arenaAllocator.free(open.ownRef);
  }

  #beginFragment(id: number): void {
    if (this.#isClosed) return;
    this.#id = id;
    this.#isLast = false;
    this.#rdb.beginStream(this.#takeFragment);
  }

  #endFragment(): void {
    if (this.#isClosed) return;
    this.#isLast = true;
    this.#rdb.end();
  }

  /** Takes the next bytes of a fragment from the RDB writer. */
  readonly #takeFragment = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length; done += SNAPSHOT_PART_BYTES) {
      const part = bytes.subarray(done, done + SNAPSHOT_PART_BYTES);
      const goesOn = !this.#isLast || done + part.length < bytes.length;
      this.#partHead(this.#id, part.length, goesOn ? TRAIT_GOES_ON : 0);
      this.#stage.copyOf(part);
    }
  };

  #saveInline(db: number, ref: number): number {
    const { i32 } = this.#shard.memory;
    const keyBytes = entryKeyBytes(i32, ref);
    const bytes = entryValueBytes(i32, ref);
    if (keyBytes <= SNAPSHOT_PART_BYTES && bytes <= SNAPSHOT_PART_BYTES) {
      const stage = this.#stage;
      stage.beginIn(db, RECORD_HEAD_BYTES_MAX + keyBytes + bytes);
      stage.u8(SnapshotRecord.String | this.#traitsOf(ref));
      stage.count(keyBytes);
      stage.count(bytes);
      this.#facts(ref);
      // A value lies right behind a key whose length needs no padding.
      if ((keyBytes & 3) === 0) {
        stage.copy(entryKeyAt(i32, ref), keyBytes + bytes);
      } else {
        stage.copy(entryKeyAt(i32, ref), keyBytes);
        stage.copy(entryValueAt(i32, ref), bytes);
      }
    } else {
      const id = this.#openRecord(db, ref, OpenForm.String, bytes);
      this.#parts(id, entryValueAt(i32, ref), bytes);
      this.#close(id);
    }
    return keyBytes + bytes;
  }

  #openRope(db: number, ref: number): number {
    const { i32 } = this.#shard.memory;
    const root = entryRoot(i32, ref);
    const bytes = entryValueBytes(i32, ref);
    const id = this.#openRecord(db, ref, OpenForm.String, bytes);
    this.#shard.ropes.pin(root);
    this.#ropes.push({ id, root, bytes, done: 0 });
    return entryKeyBytes(i32, ref);
  }

  #saveCollection(db: number, ref: number): number {
    const before = this.#stage.bytesGiven;
    this.#db = db;
    this.#ref = ref;
    this.#id = 0;
    this.#isLast = false;
    this.#rdb.beginStream(this.#take);
    this.#shard.handlerOf(ref).save(this.#shard, ref, this.#rdb);
    this.#isLast = true;
    const last = this.#rdb.length;
    this.#rdb.end();
    if (this.#id !== 0) this.#close(this.#id);
    return this.#stage.bytesGiven - before + last;
  }

  /** Takes the next bytes of the collection from the RDB writer. */
  readonly #take = (bytes: Uint8Array): void => {
    const { i32 } = this.#shard.memory;
    const ref = this.#ref;
    const keyBytes = entryKeyBytes(i32, ref);
    const isShort = keyBytes <= SNAPSHOT_PART_BYTES && bytes.length <= SNAPSHOT_PART_BYTES;
    if (this.#isLast && this.#id === 0 && isShort) {
      const stage = this.#stage;
      stage.beginIn(this.#db, RECORD_HEAD_BYTES_MAX + keyBytes + bytes.length);
      stage.u8(SnapshotRecord.Value | this.#traitsOf(ref));
      stage.count(keyBytes);
      stage.count(bytes.length);
      this.#facts(ref);
      stage.copy(entryKeyAt(i32, ref), keyBytes);
      stage.copyOf(bytes);
      return;
    }
    if (this.#id === 0) this.#id = this.#openRecord(this.#db, ref, OpenForm.Value, 0);
    for (let done = 0; done < bytes.length; done += SNAPSHOT_PART_BYTES) {
      const part = bytes.subarray(done, done + SNAPSHOT_PART_BYTES);
      this.#partHead(this.#id, part.length);
      this.#stage.copyOf(part);
    }
  };

  /** Writes an Open and the parts of its key. @returns its id */
  #openRecord(db: number, ref: number, form: number, bytes: number): number {
    const { i32 } = this.#shard.memory;
    const stage = this.#stage;
    const id = this.#nextId++;
    const keyBytes = entryKeyBytes(i32, ref);
    stage.beginIn(db, RECORD_HEAD_BYTES_MAX);
    stage.u8(SnapshotRecord.Open | this.#traitsOf(ref));
    stage.count(id);
    stage.u8(form);
    stage.count(keyBytes);
    stage.count(bytes);
    this.#facts(ref);
    this.#parts(id, entryKeyAt(i32, ref), keyBytes);
    return id;
  }

  #parts(id: number, at: number, bytes: number): void {
    for (let done = 0; done < bytes; done += SNAPSHOT_PART_BYTES) {
      this.#part(id, at + done, Math.min(SNAPSHOT_PART_BYTES, bytes - done));
    }
  }

  #part(id: number, at: number, bytes: number): void {
    this.#partHead(id, bytes);
    this.#stage.copy(at, bytes);
  }

  #partHead(id: number, bytes: number, trait = 0): void {
    const stage = this.#stage;
    stage.begin(1 + 2 * VARINT_BYTES_MAX + bytes);
    stage.u8(SnapshotRecord.Part | trait);
    stage.count(id);
    stage.count(bytes);
  }

  #close(id: number): void {
    const stage = this.#stage;
    stage.begin(1 + VARINT_BYTES_MAX);
    stage.u8(SnapshotRecord.Close);
    stage.count(id);
  }

  #traitsOf(ref: number): number {
    const { i32 } = this.#shard.memory;
    const flags = entryFlags(i32, ref);
    const isString = (flags & ENTRY_TYPE_MASK) === INLINE_STRING;
    const isMarked = (flags & (isString ? ENTRY_RAW : ENTRY_WIDE)) !== 0;
    const isText = isString && entryEncoding(i32, ref) === STRING_TEXT;
    return (entryHasTtl(i32, ref) ? TRAIT_TTL : 0) | (this.#keepsAccess ? TRAIT_ACCESS : 0)
      | (isMarked ? TRAIT_MARK : 0) | (isText ? TRAIT_TEXT : 0);
  }

  /** Deadline and access field, where the traits name them. */
  #facts(ref: number): void {
    const { i32 } = this.#shard.memory;
    const stage = this.#stage;
    if (entryHasTtl(i32, ref)) {
      stage.u32(entryExpireLow(i32, ref));
      stage.u32(entryExpireHigh(i32, ref));
    }
    if (this.#keepsAccess) stage.u24(entryAccess(i32, ref));
  }
}
