/**
 * Requests that are longer than a message: the origin packs them into a block of its low memory,
 * and keeps it, with the ropes of big arguments, until the owner has copied all.
 *
 *   block     | at | bytes | of each argument | flat arguments and lists of pieces |
 *   at >= 0   byte in the origin's memory of a flat argument, a multiple of 4
 *   at < 0    -at - 1 is the byte of a piece list: refs of the pieces of a rope, in order
 *
 * The owner copies flat arguments to a block of its own low memory and ropes to ropes of its own;
 * both belong to it afterwards. Bound: one parcel a connection (its next command waits for the
 * reply) and what the connection may send at all.
 */
import type { ArgFrame, RingWriter, Shard } from '@kora/core';
import { assert, copyBytesToWords, ROPE_PIECE_BYTES } from '@kora/core';
import type { ForeignMemory } from './foreign-memory.ts';

const WORDS_PER_ARGUMENT = 2;
const padded = (bytes: number): number => (bytes + 3) & ~3;

interface Parcel {
  readonly ref: number;
  readonly ropes: readonly number[];
}

/** What the origin has packed and not got back. */
export class ParcelsOut {
  /** Of the parcel packed last. */
  blockAt = 0;
  blockBytes = 0;
  readonly #shard: Shard;
  readonly #parcels = new Map<number, Parcel>();
  #nextId = 1;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  get count(): number {
    return this.#parcels.size;
  }

  /** Packs the request in the frame, whose ropes it takes. @returns its number, 0 = no memory */
  pack(frame: ArgFrame): number {
    const { memory, ropes } = this.#shard;
    let bytes = frame.count * WORDS_PER_ARGUMENT * 4;
    for (let i = 0; i < frame.count; i++) {
      bytes += frame.isBig(i) ? ropes.pieceCount(frame.ropeOf(i)) * 4 : padded(frame.bytes[i] ?? 0);
    }
    const ref = memory.lowAllocator.alloc(bytes);
    if (ref === 0) return 0;
    this.blockAt = ref * 8;
    this.blockBytes = bytes;
    const taken = this.#fill(frame, this.blockAt);
    return this.#add({ ref, ropes: taken });
  }

  /**
   * Packs the request in the frame, and writes the body of the message that stands for it.
   * @param word first word of the body; @param tracker as in requestBytes
   * @returns false when memory is short: nothing was taken
   */
  write(frame: ArgFrame, { words }: RingWriter, word: number, tracker: number): boolean {
    const { count } = frame;
    const parcel = this.pack(frame);
    if (parcel === 0) return false;
    words[word] = this.blockAt;
    words[word + 1] = parcel;
    words[word + 2] = count;
    words[word + 3] = tracker;
    return true;
  }

  /** Lends a block of low memory until the other has copied it. @returns its number */
  lend(ref: number): number {
    return this.#add({ ref, ropes: [] });
  }

  #add(parcel: Parcel): number {
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0x3fff_ffff;
    assert(!this.#parcels.has(id), 'a parcel has a number of its own');
    this.#parcels.set(id, parcel);
    return id;
  }

  #fill(frame: ArgFrame, blockAt: number): number[] {
    const { memory, ropes } = this.#shard;
    const { i32 } = memory;
    const taken: number[] = [];
    let to = blockAt + frame.count * WORDS_PER_ARGUMENT * 4;
    for (let i = 0; i < frame.count; i++) {
      const row = blockAt / 4 + i * WORDS_PER_ARGUMENT;
      const length = frame.bytes[i] ?? 0;
      i32[row + 1] = length;
      if (!frame.isBig(i)) {
        i32[row] = to;
        memory.kernel.copy(to, frame.at[i] ?? 0, length);
        to += padded(length);
        continue;
      }
      const root = frame.takeRope(i);
      taken.push(root);
      i32[row] = -to - 1;
      for (let piece = 0; piece < ropes.pieceCount(root); piece++, to += 4) {
        i32[to / 4] = ropes.pieceAt(root, piece) / 8;
      }
    }
    return taken;
  }

  /** The owner has copied it. */
  release(id: number): void {
    const parcel = this.#parcels.get(id);
    assert(parcel !== undefined, 'a parcel comes back once');
    this.#parcels.delete(id);
    this.#shard.memory.lowAllocator.free(parcel.ref);
    for (const root of parcel.ropes) this.#shard.ropes.free(root);
  }
}

/** Copies a parcel into the owner's memory. */
export class ParcelsIn {
  /** Of the parcel copied last: its arguments as a frame wants them. */
  at = new Int32Array(16);
  bytes = new Int32Array(16);
  /** Block of low memory with its flat arguments; the caller frees it. */
  ref = 0;
  readonly #shard: Shard;
  readonly #foreign: ForeignMemory;

  constructor(shard: Shard, foreign: ForeignMemory) {
    this.#shard = shard;
    this.#foreign = foreign;
  }

  /** @returns the number of arguments, 0 when memory is short: nothing was taken then */
  copy(origin: number, blockAt: number, argc: number): number {
    const { memory, ropes } = this.#shard;
    const words = this.#foreign.words(origin, blockAt + argc * WORDS_PER_ARGUMENT * 4);
    if (this.at.length < argc) {
      this.at = new Int32Array(argc);
      this.bytes = new Int32Array(argc);
    }
    let flatBytes = 0;
    for (let i = 0; i < argc; i++) {
      const row = blockAt / 4 + i * WORDS_PER_ARGUMENT;
      if ((words[row] ?? 0) >= 0) flatBytes += padded(words[row + 1] ?? 0);
    }
    this.ref = memory.lowAllocator.alloc(Math.max(flatBytes, 8));
    if (this.ref === 0) return 0;
    let to = this.ref * 8;
    for (let i = 0; i < argc; i++) {
      const row = blockAt / 4 + i * WORDS_PER_ARGUMENT;
      const from = words[row] ?? 0;
      const length = words[row + 1] ?? 0;
      this.bytes[i] = length;
      if (from >= 0) {
        copyBytesToWords(words, from, memory.i32, to / 4, length);
        this.at[i] = to;
        to += padded(length);
        continue;
      }
      const root = ropes.create(length);
      if (root === 0) return this.#giveUp(i);
      this.#copyPieces(origin, words, -from - 1, root);
      this.at[i] = -root - 1;
    }
    return argc;
  }

  #copyPieces(origin: number, list: Int32Array, listAt: number, root: number): void {
    const { memory, ropes } = this.#shard;
    for (let piece = 0; piece < ropes.pieceCount(root); piece++) {
      const from = ((list[listAt / 4 + piece] ?? 0) >>> 0) * 8;
      const bytes = ropes.pieceBytes(root, piece);
      assert(bytes <= ROPE_PIECE_BYTES, 'a piece is at most as long as a piece');
      const words = this.#foreign.words(origin, from + padded(bytes));
      copyBytesToWords(words, from, memory.i32, ropes.pieceAt(root, piece) / 4, bytes);
    }
  }

  /** No memory for argument i: what was made for those before it goes. */
  #giveUp(i: number): number {
    const { memory, ropes } = this.#shard;
    for (let before = 0; before < i; before++) {
      const at = this.at[before] ?? 0;
      if (at < 0) ropes.free(-at - 1);
    }
    memory.lowAllocator.free(this.ref);
    return 0;
  }
}
