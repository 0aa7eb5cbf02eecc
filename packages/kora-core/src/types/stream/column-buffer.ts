/**
 * Byte strings gathered one after another in low memory, as the columns that a stream appends from:
 * for loaders, whose reader forgets each string at the next one.
 *   begin -> add, add, ... -> columns()        again from begin
 * Invariant: the columns are valid until the next `begin`; `close` gives the memory back.
 * Cost: one copy a byte; the block grows by doubling.
 */
import { RdbError } from '../../rdb/rdb-error.ts';
import type { Allocator } from '../../structs/allocator.hot.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';

const FIRST_BYTES = 1024;
const FIRST_COUNT = 16;

export class ColumnBuffer {
  readonly #allocator: Allocator;
  readonly #memory: WorkerMemory;
  #block = 0;
  #room = 0;
  #used = 0;
  #count = 0;
  /** Offsets in the block while it is filled. */
  #at = new Int32Array(FIRST_COUNT);
  #bytes = new Int32Array(FIRST_COUNT);

  constructor(allocator: Allocator, memory: WorkerMemory) {
    this.#allocator = allocator;
    this.#memory = memory;
  }

  /** Forgets what was gathered. */
  begin(): void {
    this.#used = 0;
    this.#count = 0;
  }

  /** Adds bytes of low memory. @throws {RdbError} `memory` */
  add(at: number, bytes: number): void {
    this.#makeRoom(bytes);
    this.#memory.kernel.copy(this.#block * 8 + this.#used, at, bytes);
    if (this.#count === this.#at.length) this.#growColumns();
    this.#at[this.#count] = this.#used;
    this.#bytes[this.#count] = bytes;
    this.#count++;
    this.#used += bytes;
  }

  /** Adds string i of another buffer. */
  addFrom(other: ColumnBuffer, i: number): void {
    this.add(other.#block * 8 + (other.#at[i] ?? 0), other.#bytes[i] ?? 0);
  }

  /** Where the strings lie, and their lengths. Ends the gathering. */
  columns(): { readonly at: Int32Array; readonly bytes: Int32Array } {
    const blockAt = this.#block * 8;
    for (let i = 0; i < this.#count; i++) this.#at[i] = blockAt + (this.#at[i] ?? 0);
    return { at: this.#at, bytes: this.#bytes };
  }

  /** Gives the memory back. */
  close(): void {
    if (this.#block !== 0) this.#allocator.free(this.#block);
    this.#block = 0;
    this.#room = 0;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#used + bytes;
    if (this.#block !== 0 && needed <= this.#room) return;
    const room = Math.max(needed * 2, FIRST_BYTES);
    const block = this.#allocator.alloc(room);
    if (block === 0) throw new RdbError('memory', 'no low memory for the fields of an entry');
    if (this.#block !== 0) {
      this.#memory.kernel.copy(block * 8, this.#block * 8, this.#used);
      this.#allocator.free(this.#block);
    }
    this.#block = block;
    this.#room = room;
  }

  #growColumns(): void {
    const at = new Int32Array(this.#count * 2);
    const bytes = new Int32Array(this.#count * 2);
    at.set(this.#at);
    bytes.set(this.#bytes);
    this.#at = at;
    this.#bytes = bytes;
  }
}
