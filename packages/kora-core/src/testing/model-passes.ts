/**
 * The three passes in which a model test of the whole key space is played: on the WebAssembly
 * kernel, on its plain twin, and on the WebAssembly kernel under verification, where each
 * allocation grows the memory and each free poisons, so that a view or a block that was kept too
 * long shows at once. Every pass has seeds of its own, told by the caller's first one.
 */
import { verify } from '../assert.ts';
import type { WorkerMemoryOptions } from '../structs/worker-memory.ts';

export type KernelName = NonNullable<WorkerMemoryOptions['kernel']>;

/** A run of the engine beside a model; it fails by throwing. */
export interface ModelRun {
  /** Makes what stays for good; returns the bytes in use then. */
  warmUp(): number;
  /** Does one thing on both sides and compares all that they hold. */
  step(): void;
  /** Takes everything away; the memory account must be at `usedBytes` again. */
  finish(usedBytes: number): void;
}

export interface ModelPass {
  /** Ends the name of its test. */
  readonly title: string;
  readonly kernel: KernelName;
  readonly isVerified: boolean;
  readonly seedFirst: number;
  readonly seedCount: number;
}

const SEEDS_APART = 100;
const SEED_COUNT_BESIDE = 4;

/** The passes, with `seedCount` seeds from `seedFirst` for the first of them. */
export function modelPasses(seedFirst: number, seedCount: number): ModelPass[] {
  return [
    { title: 'with the wasm kernel', kernel: 'wasm', isVerified: false, seedFirst, seedCount },
    {
      title: 'with the twin kernel', kernel: 'twin', isVerified: false,
      seedFirst: seedFirst + SEEDS_APART, seedCount: SEED_COUNT_BESIDE,
    },
    {
      title: 'while each allocation grows and each free poisons', kernel: 'wasm', isVerified: true,
      seedFirst: seedFirst + 2 * SEEDS_APART, seedCount: SEED_COUNT_BESIDE,
    },
  ];
}

/** Plays all seeds of a pass, each with as many steps. Switches verification, and off again. */
export function playPass(
  pass: ModelPass, stepCount: number, runOf: (seed: number, kernel: KernelName) => ModelRun,
): void {
  verify.enabled = pass.isVerified;
  verify.growsOnAlloc = pass.isVerified;
  try {
    for (let seed = pass.seedFirst; seed < pass.seedFirst + pass.seedCount; seed++) {
      const run = runOf(seed, pass.kernel);
      const usedBytes = run.warmUp();
      for (let step = 0; step < stepCount; step++) run.step();
      run.finish(usedBytes);
    }
  } finally {
    verify.enabled = false;
    verify.growsOnAlloc = false;
  }
}
