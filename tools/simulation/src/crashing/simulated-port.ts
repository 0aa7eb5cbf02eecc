/**
 * Operations on files as a worker's I/O engine has them, on a simulated disk: each happens at some
 * moment after it was asked for and is told at a later one, those under way in any order, and a
 * write may be done by half, as a signal does it. What the power finds in between is up to the
 * disk (simulated-files.ts).
 * The same queue stands for the threads of libuv, which sync files in the background.
 */
import type { RandomSource } from '@kora/core/testing';
import type { RigStore } from '@kora/server/testing';
import { DiskFault } from '@kora/storage/engine';
import { SimulatedCrash } from '@kora/storage/testing';
import type { SimulatedFiles } from '@kora/storage/testing';

/** As an I/O engine has them. */
type FileOperations = NonNullable<RigStore['operations']>;

/** How a disk behaves that works. */
export interface DiskPlan {
  /** Most milliseconds that an operation takes. */
  readonly operationMsMax: number;
  /** That a write is done by half. */
  readonly shortWriteChance: number;
}

interface Pending {
  readonly submittedMs: number;
  readonly dueMs: number;
  /** Does it. @returns the result */
  readonly perform: () => number;
  /** Tells its user, in a turn of the worker. */
  readonly tell: (result: number) => void;
  result: number | null;
}

/** No signal comes between bytes as few as these. */
const WHOLE_BYTES_MAX = 64;
/** Of an operation that nothing keeps: that it happens now, and that it is told now. */
const SOON_CHANCE = 0.5;

export class SimulatedPort implements FileOperations {
  readonly #files: SimulatedFiles;
  readonly #random: RandomSource;
  readonly #plan: DiskPlan;
  readonly #nowMs: () => number;
  /** The worker's memory, and who hears of what has ended; known when the worker is there. */
  #low: Uint8Array = new Uint8Array(0);
  #onFile: (token: number, result: number) => void = () => undefined;
  #pending: Pending[] = [];
  #ended: Pending[] = [];
  /** The longest that an operation has taken until it was told, ms. */
  longestMs = 0;
  /** A broken disk: syncs and durable writes are told, and nothing is durable. */
  lies = false;

  constructor(files: SimulatedFiles, random: RandomSource, plan: DiskPlan, nowMs: () => number) {
    this.#files = files;
    this.#random = random;
    this.#plan = plan;
    this.#nowMs = nowMs;
  }

  attach(low: Uint8Array, onFile: (token: number, result: number) => void): void {
    this.#low = low;
    this.#onFile = onFile;
  }

  write(
    token: number, file: number, at: number, bytes: number, offset: number, isDurable: boolean,
  ): void {
    const isShort = bytes > WHOLE_BYTES_MAX && this.#random.chance(this.#plan.shortWriteChance);
    const count = isShort ? 1 + this.#random.below(bytes - 1) : bytes;
    this.#add(() => (isDurable && !this.lies
      ? this.#files.writeDurable(file, this.#low, at, count, offset)
      : this.#files.write(file, this.#low, at, count, offset)
    ), (result) => {
      this.#onFile(token, result);
    });
  }

  sync(token: number, file: number): void {
    this.#add(() => this.#sync(file), (result) => {
      this.#onFile(token, result);
    });
  }

  /** As fdatasync of Node: `done` is called in a later turn. */
  readonly beginSync = (file: number, done: (error: Error | null) => void): void => {
    this.#add(() => this.#sync(file), (result) => {
      done(result < 0 ? new DiskFault('sync', `file ${file}`, -result) : null);
    });
  };

  #sync(file: number): number {
    if (!this.lies) this.#files.sync(file);
    return 0;
  }

  #add(perform: () => number, tell: (result: number) => void): void {
    const submittedMs = this.#nowMs();
    const { operationMsMax } = this.#plan;
    const takesMs = this.#random.chance(SOON_CHANCE) ? 0 : this.#random.below(operationMsMax + 1);
    this.#pending.push({
      submittedMs, dueMs: submittedMs + takesMs, perform, tell, result: null,
    });
  }

  /** Time for what is under way. */
  advance(): void {
    const nowMs = this.#nowMs();
    for (const one of this.#pending) {
      if (one.result === null && this.#random.chance(SOON_CHANCE)) this.#perform(one);
      if (this.#files.hasCrashed) return;
    }
    const isEnded = (one: Pending): boolean => one.result !== null && one.dueMs <= nowMs;
    this.#ended.push(...this.#pending.filter(isEnded));
    this.#pending = this.#pending.filter((one) => !isEnded(one));
  }

  #perform(one: Pending): void {
    try {
      one.result = one.perform();
    } catch (error) {
      if (error instanceof SimulatedCrash) return;
      if (!(error instanceof DiskFault)) throw error;
      one.result = -error.errno;
    }
  }

  /** True when a turn of the worker would tell something. */
  get hasEnded(): boolean {
    return this.#ended.length > 0;
  }

  /** Within a turn of the worker. */
  takeEnded(): void {
    const ended = this.#ended;
    this.#ended = [];
    for (const { submittedMs, tell, result } of ended) {
      this.longestMs = Math.max(this.longestMs, this.#nowMs() - submittedMs);
      tell(result ?? 0);
    }
  }

  /** Milliseconds that the oldest operation under way has taken so far. */
  get pendingMs(): number {
    const since = [...this.#pending, ...this.#ended].map(({ submittedMs }) => submittedMs);
    return Math.max(0, this.#nowMs() - Math.min(this.#nowMs(), ...since));
  }
}
