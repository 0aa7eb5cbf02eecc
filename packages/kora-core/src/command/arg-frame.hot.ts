/**
 * The arguments of one command: where their bytes lie, and what its parser found in them. A worker
 * has one frame and fills it again for every command; nothing is allocated per command.
 *
 *   at[i], bytes[i]   argument i (0 = the command's name): byte offset in low memory and length.
 *                     at[i] < 0: a big argument, a rope whose root ref is -at[i] - 1; the frame's
 *                     until a command takes it (`takeRope`); the executor frees what is left
 *   index[s]          argument index where grammar slot s was found, 0 = absent
 *   choice[s]         1-based alternative taken by a oneOf in slot s, 0 = none
 *   times[s]          repetitions of a repeated slot
 *   number[s]         value of an integer or double slot (exact when isExact[s] = 1)
 *   high[s], low[s]   the two words of an integer slot, always exact
 *
 * `at` and `bytes` are borrowed from the request parser: valid until the next request is parsed.
 * Key columns: the dict's work for the first key, done ahead for a whole pipeline; a slot is
 * trusted only in the same database and while the dict's epoch is unchanged.
 */
import { GRAMMAR_SLOT_COUNT_MAX } from '../limits.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import type { ClientState } from './client-state.ts';

export class ArgFrame {
  readonly memory: WorkerMemory;
  client: ClientState;
  /** Number of arguments, the command's name included. */
  count: number;
  at: Int32Array;
  bytes: Int32Array;
  readonly index: Int32Array;
  readonly choice: Int32Array;
  readonly times: Int32Array;
  readonly number: Float64Array;
  readonly isExact: Int32Array;
  readonly high: Int32Array;
  readonly low: Int32Array;
  /** 1 when a flat argument was turned into a rope; until `bind`. */
  madeRopes: number;
  /** 1 when keyHash, keySlot, keyEpoch, keyGeneration and keyDb describe the first key. */
  warmed: number;
  keyHash: number;
  keySlot: number;
  keyEpoch: number;
  keyGeneration: number;
  /** Database in which keySlot was found. */
  keyDb: number;

  constructor(memory: WorkerMemory, client: ClientState) {
    this.memory = memory;
    this.client = client;
    this.count = 0;
    this.at = new Int32Array(16);
    this.bytes = new Int32Array(16);
    this.index = new Int32Array(GRAMMAR_SLOT_COUNT_MAX);
    this.choice = new Int32Array(GRAMMAR_SLOT_COUNT_MAX);
    this.times = new Int32Array(GRAMMAR_SLOT_COUNT_MAX);
    this.number = new Float64Array(GRAMMAR_SLOT_COUNT_MAX);
    this.isExact = new Int32Array(GRAMMAR_SLOT_COUNT_MAX);
    this.high = new Int32Array(GRAMMAR_SLOT_COUNT_MAX);
    this.low = new Int32Array(GRAMMAR_SLOT_COUNT_MAX);
    this.madeRopes = 0;
    this.warmed = 0;
    this.keyHash = 0;
    this.keySlot = 0;
    this.keyEpoch = 0;
    this.keyGeneration = 0;
    this.keyDb = 0;
  }

  /** Points the frame at the arguments of the next request. The arrays stay the caller's. */
  bind(at: Int32Array, bytes: Int32Array, count: number): void {
    this.at = at;
    this.bytes = bytes;
    this.count = count;
    this.madeRopes = 0;
    this.warmed = 0;
  }

  /**
   * As bind, with what a batch found for the first key: its hash and slot (0 = absent) in database
   * `db`, when the dict had this epoch and the key space this generation.
   */
  bindFound(
    at: Int32Array, bytes: Int32Array, count: number, hash: number, slot: number, epoch: number,
    generation: number, db: number,
  ): void {
    this.at = at;
    this.bytes = bytes;
    this.count = count;
    this.madeRopes = 0;
    this.warmed = 1;
    this.keyHash = hash;
    this.keySlot = slot;
    this.keyEpoch = epoch;
    this.keyGeneration = generation;
    this.keyDb = db;
  }

  /** Forgets the grammar results of the previous command; `slots` = slots its entry uses. */
  clear(slots: number): void {
    for (let i = 0; i < slots; i++) {
      this.index[i] = 0;
      this.choice[i] = 0;
      this.times[i] = 0;
    }
  }

  /** True when argument i is a rope (64 KiB and more). */
  isBig(i: number): boolean {
    return this.at[i]! < 0;
  }

  /** Root ref of big argument i, which the caller now owns; the argument is empty afterwards. */
  takeRope(i: number): number {
    const root = -this.at[i]! - 1;
    this.at[i] = 0;
    this.bytes[i] = 0;
    return root;
  }

  /** Puts a rope of `bytes` bytes in the place of argument i; the frame owns it from now on. */
  giveRope(i: number, root: number, bytes: number): void {
    this.at[i] = -root - 1;
    this.bytes[i] = bytes;
    this.madeRopes = 1;
  }

  /** Root ref of big argument i; the frame keeps it. */
  ropeOf(i: number): number {
    return -this.at[i]! - 1;
  }

  /** The signed 64-bit integer of a slot as a bigint; for rare paths only. */
  integer64(slot: number): bigint {
    return (BigInt(this.high[slot]!) << 32n) | BigInt(this.low[slot]! >>> 0);
  }
}
