/**
 * Ropes: byte strings of 64 KiB and more, kept as pieces, so that no operation on a part of a
 * value copies megabytes and no allocation needs one long run of pages.
 *
 *   root   | piece count | total bytes u32 | capacity (piece refs) | pins | piece ref | ... |
 *   piece  65,536 bytes each, except the last: it is sized to need and grows by an eighth or so
 *   pins   how many readers hold the rope (ranges on their way to a socket); bit 30: it was freed
 *
 * Invariants: every piece but the last is exactly ROPE_PIECE_BYTES, so a position finds its piece
 *   by a shift; the root owns its pieces, and one owner (an entry) holds the root; what a resize
 *   or a copy needs is reserved before anything changes, so a refusal leaves no trace. A pinned
 *   rope neither changes nor moves; its owner may free it, and the last unpin does.
 * Waste: never above an eighth of the total plus 4 KiB; a created rope has only block rounding.
 * Cost: O(pieces touched) for headers, plus the bytes that the caller asks to move. Growing the
 *   last piece copies at most ROPE_PIECE_BYTES, and each byte O(1) times over a run of appends.
 * Source: ropes after Boehm, Atkinson and Plass 1995, flattened to one level.
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Bytes of every piece but the last; a power of two. */
export const ROPE_PIECE_BYTES = 65_536;
/** The longest rope in bytes: its length is an unsigned 32-bit word. */
export const ROPE_BYTES_MAX = 0xffff_ffff;

const ROOT_PIECES = 0;
const ROOT_BYTES = 1;
const ROOT_CAPACITY = 2;
const ROOT_PINS = 3;
const ROOT_REFS = 4;
/** Bit of the pins word: the owner has freed the rope. */
const PINS_DROPPED = 0x4000_0000;
/** Least room, in bytes, that a growing last piece gets beyond its need. */
const LAST_PIECE_ROOM_BYTES_MIN = 1_024;
/** A last piece with more room than this and an eighth of the total moves to a smaller block. */
const LAST_PIECE_WASTE_BYTES_MAX = 4_096;

/** All ropes of one allocator. A rope is the ref of its root; here are only sums. */
export class Ropes {
  /** Pins of all ropes. */
  pinCount = 0;
  /** Bytes of ropes that were freed and wait for their last unpin; they count as used memory. */
  droppedBytes = 0;
  private readonly memory: WorkerMemory;
  private readonly allocator: Allocator;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
  }

  /**
   * A new rope of `bytes` bytes, 0 to ROPE_BYTES_MAX. Contents are undefined until written.
   * @param expectedBytes what it will grow to by appending: its last piece has room for that, but
   *   for no more than as many bytes again as there are
   * @returns the root's ref, owned by the caller; 0 when memory is short, then nothing was taken
   */
  create(bytes: number, expectedBytes = bytes): number {
    assert(bytes >= 0 && bytes <= ROPE_BYTES_MAX, 'rope length fits 32 bits');
    const pieces = piecesFor(bytes);
    const rootBytes = rootBytesFor(pieces);
    const fullPieces = Math.max(0, pieces - 1);
    const lastBytes = bytes - fullPieces * ROPE_PIECE_BYTES;
    const lastRoom = Math.max(lastBytes, expectedInPiece(fullPieces, bytes, expectedBytes));
    const reserved = this.allocator.reserve(
      pieces + 1,
      this.allocator.realBytes(rootBytes) + this.realBytesOfPieces(fullPieces, lastRoom),
    );
    if (!reserved) return 0;
    const root = this.allocateRoot(rootBytes);
    for (let index = 0; index < pieces; index++) {
      const room = index < fullPieces ? ROPE_PIECE_BYTES : lastRoom;
      this.setPieceRef(root, index, this.allocateReserved(room));
    }
    this.setRootWord(root, ROOT_PIECES, pieces);
    this.setRootWord(root, ROOT_BYTES, bytes | 0);
    return root;
  }

  /** Frees the rope, now or with its last unpin. The root is invalid for the caller afterwards. */
  free(root: number): void {
    const pins = this.rootWord(root, ROOT_PINS);
    if (pins === 0) {
      this.release(root);
      return;
    }
    assert(pins < PINS_DROPPED, 'a rope is freed once');
    this.setRootWord(root, ROOT_PINS, pins | PINS_DROPPED);
    this.droppedBytes += this.heldBytes(root);
  }

  /** Keeps the rope as and where it is until `unpin`; pins are counted. */
  pin(root: number): void {
    const pins = this.rootWord(root, ROOT_PINS);
    assert(pins < PINS_DROPPED - 1, 'a rope that has an owner is pinned');
    this.setRootWord(root, ROOT_PINS, pins + 1);
    this.pinCount++;
  }

  /** Takes one pin back; with the last one a rope that was freed meanwhile is gone. */
  unpin(root: number): void {
    const pins = this.rootWord(root, ROOT_PINS) - 1;
    assert((pins & ~PINS_DROPPED) >= 0 && pins >= 0, 'a pin is taken back once');
    this.setRootWord(root, ROOT_PINS, pins);
    this.pinCount--;
    if (pins !== PINS_DROPPED) return;
    this.droppedBytes -= this.heldBytes(root);
    this.release(root);
  }

  /** True while somebody reads the rope: it must not change. */
  isPinned(root: number): boolean {
    return this.rootWord(root, ROOT_PINS) !== 0;
  }

  private release(root: number): void {
    const pieces = this.pieceCount(root);
    for (let index = 0; index < pieces; index++) this.allocator.free(this.pieceRef(root, index));
    this.allocator.free(root);
  }

  /** Length of the value in bytes. */
  bytesOf(root: number): number {
    return this.rootWord(root, ROOT_BYTES) >>> 0;
  }

  /** Bytes of memory that the rope holds: root and pieces with their rounding. O(1). */
  heldBytes(root: number): number {
    const pieces = this.pieceCount(root);
    const ofRoot = this.allocator.sizeOf(root);
    if (pieces === 0) return ofRoot;
    const last = this.allocator.sizeOf(this.pieceRef(root, pieces - 1));
    return ofRoot + (pieces - 1) * ROPE_PIECE_BYTES + last;
  }

  /** Number of pieces. */
  pieceCount(root: number): number {
    return this.rootWord(root, ROOT_PIECES);
  }

  /** Byte offset of a piece in the worker's memory; valid until the rope changes. */
  pieceAt(root: number, index: number): number {
    assert(index >= 0 && index < this.pieceCount(root), 'piece index is inside the rope');
    return this.pieceRef(root, index) * 8;
  }

  /** Bytes of the value that lie in a piece. */
  pieceBytes(root: number, index: number): number {
    const pieces = this.pieceCount(root);
    assert(index >= 0 && index < pieces, 'piece index is inside the rope');
    if (index < pieces - 1) return ROPE_PIECE_BYTES;
    return this.bytesOf(root) - index * ROPE_PIECE_BYTES;
  }

  /**
   * Makes the rope `bytes` long: new bytes are zero, bytes beyond are dropped. Shrinking cannot
   * fail.
   * @returns the root to keep from now on (it may have moved); 0 when memory is short, then the
   *   rope is as it was
   */
  resize(root: number, bytes: number): number {
    assert(!this.isPinned(root), 'a pinned rope keeps its length');
    const before = this.bytesOf(root);
    if (bytes <= before) return this.shrink(root, bytes);
    const grown = this.grow(root, bytes);
    if (grown !== 0) this.zero(grown, before, bytes - before);
    return grown;
  }

  /**
   * Appends `bytes` bytes that lie at byte offset `from` of the worker's memory, outside this
   * rope.
   * @param expectedBytes what the rope will grow to, see `create`; 0 = not known
   * @returns the root to keep from now on; 0 when memory is short, then the rope is as it was
   */
  appendFrom(root: number, from: number, bytes: number, expectedBytes = 0): number {
    assert(!this.isPinned(root), 'a pinned rope keeps its length');
    const before = this.bytesOf(root);
    const grown = this.grow(root, before + bytes, expectedBytes);
    if (grown !== 0) this.write(grown, before, from, bytes);
    return grown;
  }

  /** Overwrites `bytes` bytes at `offset` with those at byte offset `from` of the memory. */
  write(root: number, offset: number, from: number, bytes: number): void {
    assert(offset >= 0 && offset + bytes <= this.bytesOf(root), 'write stays inside the rope');
    assert(!this.isPinned(root), 'a pinned rope keeps its bytes');
    let done = 0;
    while (done < bytes) {
      const at = offset + done;
      const inPiece = at % ROPE_PIECE_BYTES;
      const step = Math.min(bytes - done, ROPE_PIECE_BYTES - inPiece);
      this.memory.kernel.copy(this.pieceOf(root, at) + inPiece, from + done, step);
      done += step;
    }
  }

  /** Copies `bytes` bytes from `offset` to byte offset `to` of the worker's memory. */
  read(root: number, offset: number, to: number, bytes: number): void {
    assert(offset >= 0 && offset + bytes <= this.bytesOf(root), 'read stays inside the rope');
    let done = 0;
    while (done < bytes) {
      const at = offset + done;
      const inPiece = at % ROPE_PIECE_BYTES;
      const step = Math.min(bytes - done, ROPE_PIECE_BYTES - inPiece);
      this.memory.kernel.copy(to + done, this.pieceOf(root, at) + inPiece, step);
      done += step;
    }
  }

  /** An equal rope with blocks of its own; 0 when memory is short. Copies all bytes. */
  copyRope(root: number): number {
    return this.copyGrown(root, this.bytesOf(root));
  }

  /**
   * A rope of `bytes` bytes with blocks of its own: those of this one, then zeros.
   * @param bytes at least those of the rope
   * @returns 0 when memory is short
   */
  copyGrown(root: number, bytes: number): number {
    const before = this.bytesOf(root);
    assert(bytes >= before, 'a grown copy holds the whole rope');
    const copy = this.create(bytes);
    if (copy === 0) return 0;
    const pieces = this.pieceCount(root);
    for (let index = 0; index < pieces; index++) {
      const inPiece = this.pieceBytes(root, index);
      this.memory.kernel.copy(this.pieceAt(copy, index), this.pieceAt(root, index), inPiece);
    }
    this.zero(copy, before, bytes - before);
    return copy;
  }

  /**
   * A block for a whole piece that belongs to no rope yet: something outside fills it, then
   * `adoptPiece` or `givePiece` takes it. 0 when memory is short.
   */
  takePiece(): number {
    return this.allocator.alloc(ROPE_PIECE_BYTES);
  }

  /** Frees a block of takePiece. */
  givePiece(piece: number): void {
    this.allocator.free(piece);
  }

  /**
   * Makes a filled block of takePiece the next piece of a rope of whole pieces, without a copy.
   * @returns the root to keep from now on; 0 when memory is short, then nothing has changed
   */
  adoptPiece(root: number, piece: number): number {
    assert(!this.isPinned(root), 'a pinned rope keeps its length');
    const pieces = this.pieceCount(root);
    const bytes = this.bytesOf(root);
    assert(bytes === pieces * ROPE_PIECE_BYTES, 'a piece follows whole pieces');
    assert(bytes + ROPE_PIECE_BYTES <= ROPE_BYTES_MAX, 'rope length fits 32 bits');
    const isFull = pieces === this.rootWord(root, ROOT_CAPACITY);
    const target = isFull ? this.moveRoot(root, pieces + (pieces >>> 3) + 1) : root;
    if (target === 0) return 0;
    this.setPieceRef(target, pieces, piece);
    this.setRootWord(target, ROOT_PIECES, pieces + 1);
    this.setRootWord(target, ROOT_BYTES, (bytes + ROPE_PIECE_BYTES) | 0);
    return target;
  }

  /**
   * Moves what lies in sparse slabs: at most the root and the last piece, since a full piece is a
   * run of whole pages and never in a slab. Without memory, or pinned, the rope stays where it is.
   * @returns the root to keep from now on
   */
  relocatePieces(root: number): number {
    if (this.isPinned(root)) return root;
    const pieces = this.pieceCount(root);
    if (pieces > 0) {
      const last = this.pieceRef(root, pieces - 1);
      if (this.allocator.isSparse(last)) this.moveLastPiece(root, this.allocator.sizeOf(last));
    }
    if (!this.allocator.isSparse(root)) return root;
    const moved = this.moveRoot(root, this.rootWord(root, ROOT_CAPACITY));
    return moved === 0 ? root : moved;
  }

  /** Makes room for `bytes`, more than now; the new bytes are undefined. 0: nothing changed. */
  private grow(root: number, bytes: number, expectedBytes = 0): number {
    assert(bytes <= ROPE_BYTES_MAX, 'rope length fits 32 bits');
    const pieces = this.pieceCount(root);
    const piecesAfter = piecesFor(bytes);
    const lastBytes = bytes - Math.max(0, piecesAfter - 1) * ROPE_PIECE_BYTES;
    const lastRoom = Math.max(
      roomForLastPiece(lastBytes, bytes), expectedInPiece(piecesAfter - 1, bytes, expectedBytes),
    );
    const added = piecesAfter - pieces;
    const tail = pieces === 0 ? 0 : this.pieceRef(root, pieces - 1);
    const tailNeed = added > 0 ? ROPE_PIECE_BYTES : lastBytes;
    const tailMoves = tail !== 0 && this.allocator.sizeOf(tail) < tailNeed;
    const tailRoom = added > 0 ? ROPE_PIECE_BYTES : lastRoom;
    const rootMoves = piecesAfter > this.rootWord(root, ROOT_CAPACITY);
    const capacityAfter = piecesAfter + (piecesAfter >>> 3) + 1;

    let reserveBytes = added > 0 ? this.realBytesOfPieces(added - 1, lastRoom) : 0;
    if (tailMoves) reserveBytes += this.allocator.realBytes(tailRoom);
    if (rootMoves) reserveBytes += this.allocator.realBytes(rootBytesFor(capacityAfter));
    const blocks = added + (tailMoves ? 1 : 0) + (rootMoves ? 1 : 0);
    if (blocks > 0 && !this.allocator.reserve(blocks, reserveBytes)) return 0;

    if (tailMoves) assert(this.moveLastPiece(root, tailRoom), 'reserved piece was had');
    const target = rootMoves ? this.moveRoot(root, capacityAfter) : root;
    assert(target !== 0, 'reserved root was had');
    for (let index = pieces; index < piecesAfter; index++) {
      const room = index < piecesAfter - 1 ? ROPE_PIECE_BYTES : lastRoom;
      this.setPieceRef(target, index, this.allocateReserved(room));
    }
    this.setRootWord(target, ROOT_PIECES, piecesAfter);
    this.setRootWord(target, ROOT_BYTES, bytes | 0);
    return target;
  }

  /** Drops what lies beyond `bytes` and gives excess room back where memory for a move is had. */
  private shrink(root: number, bytes: number): number {
    assert(bytes >= 0, 'rope length is not negative');
    const pieces = this.pieceCount(root);
    const piecesAfter = piecesFor(bytes);
    for (let index = piecesAfter; index < pieces; index++) {
      this.allocator.free(this.pieceRef(root, index));
    }
    this.setRootWord(root, ROOT_PIECES, piecesAfter);
    this.setRootWord(root, ROOT_BYTES, bytes | 0);
    if (piecesAfter > 0) {
      const lastBytes = bytes - (piecesAfter - 1) * ROPE_PIECE_BYTES;
      const room = this.allocator.sizeOf(this.pieceRef(root, piecesAfter - 1));
      const wasteMax = LAST_PIECE_WASTE_BYTES_MAX + bytes / 8;
      if (room - lastBytes > wasteMax) this.moveLastPiece(root, lastBytes);
    }
    if (this.rootWord(root, ROOT_CAPACITY) <= 2 * piecesAfter + ROOT_REFS) return root;
    const moved = this.moveRoot(root, piecesAfter);
    return moved === 0 ? root : moved;
  }

  /** Moves the last piece to a block of `room` bytes; false when memory is short. */
  private moveLastPiece(root: number, room: number): boolean {
    const index = this.pieceCount(root) - 1;
    const from = this.pieceRef(root, index);
    const to = this.allocator.alloc(room);
    if (to === 0) return false;
    this.memory.kernel.copy(to * 8, from * 8, Math.min(room, this.pieceBytes(root, index)));
    this.setPieceRef(root, index, to);
    this.allocator.free(from);
    return true;
  }

  /** Moves the root to a block with room for `capacity` refs; 0 when memory is short. */
  private moveRoot(root: number, capacity: number): number {
    const bytes = rootBytesFor(capacity);
    const to = this.allocator.alloc(bytes);
    if (to === 0) return 0;
    this.memory.kernel.copy(to * 8, root * 8, rootBytesFor(this.pieceCount(root)));
    this.setRootWord(to, ROOT_CAPACITY, this.capacityOf(to));
    this.allocator.free(root);
    return to;
  }

  private allocateRoot(bytes: number): number {
    const root = this.allocateReserved(bytes);
    this.setRootWord(root, ROOT_CAPACITY, this.capacityOf(root));
    this.setRootWord(root, ROOT_PINS, 0);
    return root;
  }

  private allocateReserved(bytes: number): number {
    const ref = this.allocator.alloc(bytes);
    assert(ref !== 0, 'reserved block was had');
    return ref;
  }

  /** Fills a range with zeros. */
  private zero(root: number, offset: number, bytes: number): void {
    let done = 0;
    while (done < bytes) {
      const at = offset + done;
      const inPiece = at % ROPE_PIECE_BYTES;
      const step = Math.min(bytes - done, ROPE_PIECE_BYTES - inPiece);
      this.memory.kernel.fill(this.pieceOf(root, at) + inPiece, 0, step);
      done += step;
    }
  }

  /** Byte offset of the piece that holds a position. */
  private pieceOf(root: number, position: number): number {
    return this.pieceRef(root, Math.floor(position / ROPE_PIECE_BYTES)) * 8;
  }

  private realBytesOfPieces(fullPieces: number, lastRoom: number): number {
    const last = lastRoom === 0 ? 0 : this.allocator.realBytes(lastRoom);
    return fullPieces * this.allocator.realBytes(ROPE_PIECE_BYTES) + last;
  }

  /** Refs that fit into the root's block. */
  private capacityOf(root: number): number {
    return (this.allocator.sizeOf(root) >>> 2) - ROOT_REFS;
  }

  private pieceRef(root: number, index: number): number {
    return this.rootWord(root, ROOT_REFS + index);
  }

  private setPieceRef(root: number, index: number, ref: number): void {
    this.setRootWord(root, ROOT_REFS + index, ref);
  }

  private rootWord(root: number, word: number): number {
    const value = this.memory.i32[root * 2 + word];
    assert(value !== undefined, 'rope root lies inside the memory');
    return value;
  }

  private setRootWord(root: number, word: number, value: number): void {
    this.memory.i32[root * 2 + word] = value;
  }
}

function piecesFor(bytes: number): number {
  return Math.ceil(bytes / ROPE_PIECE_BYTES);
}

function rootBytesFor(pieces: number): number {
  return (ROOT_REFS + pieces) * 4;
}

/** Bytes to ask for when the last piece grows: a sixteenth of the rope ahead, at most a piece. */
function roomForLastPiece(lastBytes: number, totalBytes: number): number {
  const room = Math.max(LAST_PIECE_ROOM_BYTES_MIN, Math.floor(totalBytes / 16));
  return Math.min(ROPE_PIECE_BYTES, lastBytes + room);
}

/**
 * Bytes that the last piece should have room for when the rope is expected to grow: never more
 * ahead than there is already.
 */
function expectedInPiece(fullPieces: number, bytes: number, expectedBytes: number): number {
  const wanted = Math.min(expectedBytes, bytes * 2) - fullPieces * ROPE_PIECE_BYTES;
  return Math.min(ROPE_PIECE_BYTES, Math.max(0, wanted));
}
