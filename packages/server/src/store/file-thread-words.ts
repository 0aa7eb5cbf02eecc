/**
 * What a shard's thread and its thread for files share: a ring of operations, done in order.
 *
 *   i32  | submitted | done | ending |                          counts, modulo 2^32
 *   f64  of each of FILE_SLOTS slots: kind | file | at | bytes | position | token | result
 *
 * Invariants: the shard's thread writes a slot and then `submitted`; the other writes its result
 *   and then `done`; a slot is used again when its result was taken.
 */

/** Operations under way at once: a log has three, a snapshot's part one. */
export const FILE_SLOTS = 16;
const SLOT_DOUBLES = 8;
const HEAD_BYTES = 64;

export const FileKind = Object.freeze({ Write: 1, WriteDurable: 2, Sync: 3 } as const);

const SUBMITTED = 0;
const DONE = 1;
const ENDING = 2;

/** One operation. */
export interface FileOperation {
  readonly kind: number;
  readonly file: number;
  readonly at: number;
  readonly bytes: number;
  readonly position: number;
  readonly token: number;
}

export class FileThreadWords {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #slots: Float64Array;

  constructor(buffer = new SharedArrayBuffer(HEAD_BYTES + FILE_SLOTS * SLOT_DOUBLES * 8)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEAD_BYTES / 4);
    this.#slots = new Float64Array(buffer, HEAD_BYTES);
  }

  get submitted(): number {
    return Atomics.load(this.#words, SUBMITTED);
  }
  get done(): number {
    return Atomics.load(this.#words, DONE);
  }
  get isEnding(): boolean {
    return Atomics.load(this.#words, ENDING) === 1;
  }

  // ------------------------------------------------------------------ the shard's thread

  submit(operation: FileOperation): void {
    const ticket = this.submitted;
    const at = placeOf(ticket);
    const { kind, file, bytes, position, token } = operation;
    this.#slots.set([kind, file, operation.at, bytes, position, token], at);
    // Publishes the slot; pairs with the load in `submitted` of the other thread.
    Atomics.store(this.#words, SUBMITTED, (ticket + 1) | 0);
    Atomics.notify(this.#words, SUBMITTED);
  }

  end(): void {
    Atomics.store(this.#words, ENDING, 1);
    Atomics.notify(this.#words, SUBMITTED);
  }

  /** Token and result of a ticket that is done. */
  resultOf(ticket: number): { readonly token: number; readonly result: number } {
    const at = placeOf(ticket);
    return { token: this.#slots[at + 5] ?? 0, result: this.#slots[at + 6] ?? 0 };
  }

  /** Waits until more than `done` is done. */
  waitForMore(done: number, timeoutMs: number): void {
    Atomics.wait(this.#words, DONE, done, timeoutMs); // Pairs with the store in `complete`.
  }

  // ------------------------------------------------------------------ the thread for files

  /** Waits until more than `submitted` was asked, or the end. */
  waitForWork(submitted: number): void {
    Atomics.wait(this.#words, SUBMITTED, submitted, 1000);
  }

  operationOf(ticket: number): FileOperation {
    const at = placeOf(ticket);
    const [kind = 0, file = 0, from = 0, bytes = 0, position = 0, token = 0] =
      this.#slots.subarray(at, at + 6);
    return { kind, file, at: from, bytes, position, token };
  }

  complete(ticket: number, result: number): void {
    this.#slots[placeOf(ticket) + 6] = result;
    // Publishes the result; pairs with the load in `done`.
    Atomics.store(this.#words, DONE, (ticket + 1) | 0);
    Atomics.notify(this.#words, DONE);
  }
}

function placeOf(ticket: number): number {
  return (ticket & (FILE_SLOTS - 1)) * SLOT_DOUBLES;
}
