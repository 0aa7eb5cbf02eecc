/**
 * Packs: small collections in one block. The type above decides what the entries are: elements,
 * members, fields and values in turn, members and scores.
 *
 *   pack     | used bytes u32, this header included | count of entries u32 | entry | entry | ...
 *   entry    | length | bytes | length again |
 *   length   below 128: one byte; below 16384: 10hhhhhh llllllll; else 0xff and a u32. Behind the
 *            bytes the same, mirrored, so that it reads from its last byte.
 *
 * A position is an entry's byte offset inside its pack; 0 = none. It holds until the pack changes.
 * Invariants: used <= bytes of the block; the entries tile [8, used); count of them is the count.
 * Cost: O(entries passed), by the kernel; insert, replace and remove also move the bytes behind.
 *   On 2026-11-20, Node 20: a find that hits among 8 pairs 40 ns, an insert at the end 15 ns.
 *   A pack takes the block of the class above its used bytes: at most 1/8 is slack from 128 bytes
 *   on, and every class crossed costs one copy. 2 bytes an entry below 128 bytes.
 * Source: the idea of Redis's listpack; the layout is our own.
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import type { Kernel } from './kernel.ts';
import { PACK_COUNT, PACK_FIRST, PACK_USED, packLengthAt, packLengthBefore, packLengthBytes }
  from './pack-layout.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Bytes of a pack without entries. */
export const PACK_HEADER_BYTES = PACK_FIRST;
/** A block is given up for a smaller one only when that saves an eighth of it and this much. */
const SHRINK_BYTES_MIN = 16;

/** Is told of packs before they change, move or go: a snapshot that is being taken. */
export interface PackKeeper {
  savePack(pack: number): void;
}

/**
 * All packs of one memory. Owner: the shard's thread; stateless, so it may be shared freely.
 * `pack` arguments are refs; what a function returns as `pack ref` takes the old ref's place.
 */
export class Packs {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  readonly kernel: Kernel;
  /** Null unless a snapshot saves lists block by block. */
  keeper: PackKeeper | null;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
    this.kernel = memory.kernel;
    this.keeper = null;
  }

  /** To be called before a pack is changed by other means. */
  noteChange(pack: number): void {
    if (this.keeper !== null) this.keeper.savePack(pack);
  }

  /** An empty pack with room for `bytes` of entries (sums of {@link entryRoom}); 0: no memory. */
  create(bytes: number): number {
    const pack = this.allocator.alloc(PACK_FIRST + bytes);
    if (pack === 0) return 0;
    const i32 = this.memory.i32;
    i32[(pack << 1) + PACK_USED] = PACK_FIRST;
    i32[(pack << 1) + PACK_COUNT] = 0;
    return pack;
  }

  destroy(pack: number): void {
    this.noteChange(pack);
    this.allocator.free(pack);
  }

  /** A second pack of the same entries, without slack; 0: no memory. */
  copy(pack: number): number {
    const used = this.memory.i32[(pack << 1) + PACK_USED]!;
    const fresh = this.allocator.alloc(used);
    if (fresh !== 0) this.kernel.copy(fresh * 8, pack * 8, used);
    return fresh;
  }

  /** Number of entries. */
  count(pack: number): number {
    return this.memory.i32[(pack << 1) + PACK_COUNT]!;
  }

  /** Bytes of header and entries. */
  usedBytes(pack: number): number {
    return this.memory.i32[(pack << 1) + PACK_USED]!;
  }

  /** Bytes of the block. */
  heldBytes(pack: number): number {
    return this.allocator.sizeOf(pack);
  }

  /** Bytes that one entry of `bytes` bytes takes. */
  entryRoom(bytes: number): number {
    return bytes + 2 * packLengthBytes(bytes);
  }

  /** Position of the first entry, 0 in an empty pack. */
  first(pack: number): number {
    return this.memory.i32[(pack << 1) + PACK_COUNT] === 0 ? 0 : PACK_FIRST;
  }

  /** Position of the last entry, 0 in an empty pack. */
  last(pack: number): number {
    const i32 = this.memory.i32;
    const used = i32[(pack << 1) + PACK_USED]!;
    return used === PACK_FIRST ? 0 : entryStartBefore(i32, pack, used);
  }

  /** Position of the entry behind the one at `pos`, 0 at the end. */
  next(pack: number, pos: number): number {
    const i32 = this.memory.i32;
    const bytes = packLengthAt(i32, pack, pos);
    const end = pos + bytes + 2 * packLengthBytes(bytes);
    return end === i32[(pack << 1) + PACK_USED] ? 0 : end;
  }

  /** Position of the entry before the one at `pos`, 0 at the start. */
  previous(pack: number, pos: number): number {
    return pos === PACK_FIRST ? 0 : entryStartBefore(this.memory.i32, pack, pos);
  }

  /** Position of entry `index`; negative counts from the end (-1 is the last). 0 outside. */
  seek(pack: number, index: number): number {
    const count = this.memory.i32[(pack << 1) + PACK_COUNT]!;
    const place = index < 0 ? index + count : index;
    if (place < 0 || place >= count) return 0;
    if (place <= count >>> 1) return this.kernel.packForward(pack, PACK_FIRST, place);
    return this.kernel.packBack(pack, this.usedBytes(pack), count - place);
  }

  /** Byte offset (u32) in the worker memory of the entry's bytes. Never aligned: kernel only. */
  entryAt(pack: number, pos: number): number {
    return pack * 8 + pos + packLengthBytes(packLengthAt(this.memory.i32, pack, pos));
  }

  /** Length of the entry's bytes. */
  entryBytes(pack: number, pos: number): number {
    return packLengthAt(this.memory.i32, pack, pos);
  }

  /**
   * Position of the first entry from `from` on, in steps of `stride` entries, that holds the
   * `bytes` bytes at `at`. 0: none, also when `from` is 0.
   */
  find(pack: number, from: number, at: number, bytes: number, stride: number): number {
    return this.kernel.packFind(pack, from, at, bytes, stride);
  }

  /**
   * Bytes of the block that entries of `more` bytes of room together make necessary; 0 when they
   * fit. What `reserve` needs before {@link grow}, or before one insert or replace (one block).
   */
  growBytes(pack: number, more: number): number {
    const needed = this.memory.i32[(pack << 1) + PACK_USED]! + more;
    return needed <= this.allocator.sizeOf(pack) ? 0 : needed;
  }

  /**
   * Makes room for entries of `more` bytes of room together, so that their inserts allocate nothing
   * and cannot fail until something is removed. 0: no memory, nothing changed (never after
   * `reserve(1, growBytes(pack, more))`). Otherwise the pack ref.
   */
  grow(pack: number, more: number): number {
    const needed = this.memory.i32[(pack << 1) + PACK_USED]! + more;
    if (needed <= this.allocator.sizeOf(pack)) return pack;
    return this.#moveTo(pack, needed);
  }

  /**
   * Inserts the `bytes` bytes at `at`, which lie outside this pack, as an entry at `pos`; the one
   * that stood there follows it. 0 appends. The caller reserved. @returns the pack ref
   */
  insert(pack: number, pos: number, at: number, bytes: number): number {
    const room = bytes + 2 * packLengthBytes(bytes);
    this.noteChange(pack);
    const roomy = this.grow(pack, room);
    assert(roomy !== 0, 'an insert into a pack was reserved');
    this.kernel.packInsert(roomy, pos, at, bytes);
    return roomy;
  }

  /**
   * Replaces the entry at `pos` by the `bytes` bytes at `at`, which lie outside this pack; the
   * position holds. Never shrinks the block. The caller reserved the new entry's room.
   * @returns the pack ref
   */
  replace(pack: number, pos: number, at: number, bytes: number): number {
    this.noteChange(pack);
    const old = packLengthAt(this.memory.i32, pack, pos);
    let roomy = pack;
    if (bytes > old) {
      const more = bytes - old + 2 * (packLengthBytes(bytes) - packLengthBytes(old));
      roomy = this.grow(pack, more);
      assert(roomy !== 0, 'a replacement in a pack was reserved');
    }
    this.kernel.packReplace(roomy, pos, at, bytes);
    return roomy;
  }

  /**
   * Removes `entries` entries from `pos` on; there are as many. What follows them stands at `pos`.
   * May move to a smaller block where memory allows it. @returns the pack ref
   */
  remove(pack: number, pos: number, entries: number): number {
    this.noteChange(pack);
    this.kernel.packRemove(pack, pos, entries);
    return this.trim(pack);
  }

  /**
   * Moves the pack to a smaller block where that saves an eighth and memory allows it without
   * touching what is reserved. @returns the pack ref
   */
  trim(pack: number): number {
    const used = this.memory.i32[(pack << 1) + PACK_USED]!;
    const held = this.allocator.sizeOf(pack);
    const saved = held - this.allocator.realBytes(used);
    if (saved < SHRINK_BYTES_MIN || saved * 8 < held) return pack;
    if (!this.allocator.reserveBeside(1, used)) return pack;
    const moved = this.#moveTo(pack, used);
    return moved === 0 ? pack : moved;
  }

  /**
   * Moves the entries from `pos` on into a second pack, without slack; this one keeps its block
   * (see {@link trim}). @returns the second pack, 0 without memory: nothing changed then
   */
  split(pack: number, pos: number): number {
    const used = this.memory.i32[(pack << 1) + PACK_USED]!;
    const second = this.allocator.alloc(PACK_FIRST + used - pos);
    if (second === 0) return 0;
    this.noteChange(pack);
    this.kernel.copy(second * 8 + PACK_FIRST, pack * 8 + pos, used - pos);
    const i32 = this.memory.i32;
    const moved = this.kernel.packCount(pack, pos);
    i32[(second << 1) + PACK_USED] = PACK_FIRST + used - pos;
    i32[(second << 1) + PACK_COUNT] = moved;
    i32[(pack << 1) + PACK_USED] = pos;
    i32[(pack << 1) + PACK_COUNT]! -= moved;
    return second;
  }

  /**
   * Writes, for up to `entries` entries from `pos` on, pairs of words (byte offset in the worker
   * memory, bytes) to low memory at `out`, 4-aligned: what `bulkMany` takes.
   * @returns the position after the last one, 0 at the pack's end
   */
  list(pack: number, pos: number, entries: number, out: number): number {
    return this.kernel.packList(pack, pos, entries, out);
  }

  /** The pack, or its copy when it lay in a sparse slab and there was memory. */
  evacuate(pack: number): number {
    if (!this.allocator.isSparse(pack)) return pack;
    const fresh = this.copy(pack);
    if (fresh === 0) return pack;
    this.destroy(pack);
    return fresh;
  }

  /** Throws unless the pack is whole. @internal */
  check(pack: number): void {
    const i32 = this.memory.i32;
    const used = i32[(pack << 1) + PACK_USED]!;
    assert(used >= PACK_FIRST, 'a pack has its header');
    assert(used <= this.allocator.sizeOf(pack), 'a pack lies in its block');
    let count = 0;
    let pos = PACK_FIRST;
    for (; pos < used; count++) {
      const bytes = packLengthAt(i32, pack, pos);
      const end = pos + bytes + 2 * packLengthBytes(bytes);
      assert(end <= used, 'an entry ends inside its pack');
      assert(packLengthBefore(i32, pack, end) === bytes, 'both lengths of an entry agree');
      pos = end;
    }
    assert(pos === used, 'the entries tile the pack');
    assert(count === i32[(pack << 1) + PACK_COUNT], 'a pack states its count');
  }

  /** The same pack in a fresh block of at least `bytes` bytes; the old one is freed. */
  #moveTo(pack: number, bytes: number): number {
    const fresh = this.allocator.alloc(bytes);
    if (fresh === 0) return 0;
    this.noteChange(pack);
    const used = this.memory.i32[(pack << 1) + PACK_USED]!;
    this.kernel.copy(fresh * 8, pack * 8, used);
    this.allocator.free(pack);
    return fresh;
  }
}

/** Position of the entry that ends at `end`, which is not the first position. */
function entryStartBefore(i32: Int32Array, pack: number, end: number): number {
  const bytes = packLengthBefore(i32, pack, end);
  return end - bytes - 2 * packLengthBytes(bytes);
}
