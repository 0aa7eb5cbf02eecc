/**
 * Several workers in one thread, without sockets: every turn of every worker is the test's to give,
 * so any interleaving can be had and had again. Memories, rings and wake words are those of
 * production; a worker that would sleep in the kernel is one whose `mayRun` is false until it is
 * woken, so a wake-up that is lost shows as a mesh that stands still.
 */
import { createSharedMemory, MemoryBudget, MeshControl, VirtualClock } from '@kora/core';
import { ProcessWords } from '../mesh/process-words.ts';
import type { RigStore, WorkerRigOptions } from './worker-rig.ts';
import { RIG_LOW_BYTES, WorkerRig } from './worker-rig.ts';

/** Most bytes that the memory of a worker of a rig may have; address space only. */
export const RIG_MEMORY_BYTES = 4 * 1024 * 1024 * 1024;

/** What a mesh is made of. */
export interface MeshRigOptions extends WorkerRigOptions {
  /** A zeroed memory of RIG_MEMORY_BYTES for each worker; default: new ones. */
  readonly memories?: readonly WebAssembly.Memory[];
  /** Called when a sleeping worker is to be woken; who takes it calls `wakeUp`, now or later. */
  readonly onWake?: (worker: number) => void;
  /** Called when all workers have made their rings and none has opened those of another. */
  readonly beforeConnect?: (rigs: readonly WorkerRig[]) => void;
  /** Where each worker keeps its data; default: nowhere. */
  readonly stores?: readonly RigStore[];
  /** What the clock says first, ms. */
  readonly startMs?: number;
}

export class MeshRig {
  readonly rigs: readonly WorkerRig[];
  readonly clock: VirtualClock;
  /** False: the worker sleeps. */
  readonly #isAwake: boolean[];

  constructor(workerCount: number, options: MeshRigOptions = {}) {
    this.clock = new VirtualClock(options.startMs);
    const control = new MeshControl(workerCount);
    control.order.startAfter(options.stores?.[0]?.plan.lastTransaction ?? 0);
    const shared = {
      workerCount,
      control: control.buffer,
      budget: new MemoryBudget().buffer,
      memories: options.memories ??
        Array.from({ length: workerCount }, () => createSharedMemory(RIG_MEMORY_BYTES, 0)),
      lowBytes: RIG_LOW_BYTES,
      words: new ProcessWords(workerCount).buffer,
    };
    this.#isAwake = Array.from({ length: workerCount }, () => true);
    this.rigs = Array.from({ length: workerCount }, (_, index) => new WorkerRig({
      ...options,
      seed: (options.seed ?? 1) * 100 + index,
      clock: this.clock,
      // A worker that is alone has no mesh, as in production.
      ...(workerCount === 1 ? aloneIn(shared.memories) : { mesh: { ...shared, index } }),
      ...storeOf(options, index),
      wake: options.onWake ?? ((worker) => {
        this.wakeUp(worker);
      }),
    }));
    options.beforeConnect?.(this.rigs);
    for (const { worker } of this.rigs) worker.mesh?.connect();
  }

  /** True when the worker has something to do; a sleeping one has when it was woken. */
  mayRun(index: number): boolean {
    return this.#isAwake[index] === true;
  }

  /** The wait of a worker ends, or its next one does at once. */
  wakeUp(index: number): void {
    this.#isAwake[index] = true;
  }

  /** One turn of a worker, whether it sleeps or not; then it sleeps if it may. */
  turn(index: number): void {
    const rig = this.rigs[index];
    if (rig === undefined) return;
    rig.idle();
    rig.turn();
    this.rest(index);
  }

  /** Bytes of a connection of a worker, in turns of it. */
  receive(index: number, slot: number, bytes: Uint8Array): void {
    this.rigs[index]?.receive(slot, bytes);
    this.rest(index);
  }

  /** The peer of a connection has gone. */
  disconnect(index: number, slot: number): void {
    this.rigs[index]?.disconnect(slot);
    this.rest(index);
  }

  /** After a turn of any kind: the worker sleeps when it has no news. */
  rest(index: number): void {
    const rig = this.rigs[index];
    if (rig === undefined) return;
    const mayWait = !rig.engine.isTurnRequested && (rig.worker.mesh?.maySleep() ?? true);
    this.#isAwake[index] = !mayWait;
  }

  /** Turns of whoever is awake, until nobody is. @returns turns taken */
  settle(turnsMax = 100_000): number {
    for (let turns = 0; ; ) {
      const before = turns;
      for (let index = 0; index < this.rigs.length; index++) {
        if (!this.mayRun(index)) continue;
        this.turn(index);
        turns++;
      }
      if (turns === before) return turns;
      if (turns > turnsMax) throw new Error('the mesh does not come to rest');
    }
  }
}

function aloneIn([memory]: readonly WebAssembly.Memory[]): WorkerRigOptions {
  return memory === undefined ? {} : { memory };
}

function storeOf({ stores }: MeshRigOptions, index: number): { readonly store?: RigStore } {
  const store = stores?.[index];
  return store === undefined ? {} : { store };
}
