/**
 * Starts the workers of an engine: one memory each, what they share, their directory, and their
 * threads. A directory is checked and locked here, before any of them runs; each loads its own part
 * of it, and the engine is open when all have.
 */
import { resolve } from 'node:path';
import {
  createSharedMemory, Fault, formatRing, MemoryBudget, MeshControl,
} from '@kora/core';
import { storePlanOf } from '@kora/storage/engine';
import type { OpenedStore } from '@kora/storage/engine';
import { openLocalStore, realStoreHost } from '../local-store.ts';
import type { StoreHost } from '../local-store.ts';
import { readOptions } from '../open-options.ts';
import type { OpenOptions } from '../open-options.ts';
import { pooledMemories } from '../pooled-memories.ts';
import type { PipePlan } from './pipe-plan.ts';
import {
  PIPE_RING_BYTES, PIPE_VERSION, replyBytes, replyRingAt, SHARED_BYTES,
} from './pipe-plan.ts';
import { PipeWords } from './pipe-words.ts';
import { findProgram } from './worker-threads.ts';
import { WorkersEngine } from './workers-engine.ts';

/** Share of a worker's address space that is for requests and replies, and the least of it. */
const LOW_SHARE = 16;
const LOW_BYTES_MIN = 16 * 1024 * 1024;
const WASM_PAGE_BYTES = 65_536;

/**
 * An engine on worker threads that is ready for calls.
 * @param program what the threads run; another one for tests only
 * @param storeHost the disk that is looked at before they run; another one for tests only
 * @throws {Fault} INVALID_OPTION, OUT_OF_MEMORY, ENGINE_FAILED; with `dir` also DIRECTORY_IN_USE,
 *   CORRUPT_FILE, CORRUPT_JOURNAL, DISK_FAILED
 */
export async function openWorkers(
  workerCount: number, options: OpenOptions, program: URL = findProgram(),
  storeHost: StoreHost = realStoreHost(),
): Promise<WorkersEngine> {
  const { settings, pairs, memoryBytesMax } = readOptions(options);
  const { dir, onError } = options;
  const onNotice = options.onNotice ?? ((): void => undefined);
  const store = dir === undefined
    ? null : openLocalStore(resolve(dir), storeHost, Date.now(), onNotice, workerCount);
  try {
    return await WorkersEngine.open({
      plans: plansOf(workerCount, pairs, memoryBytesMax, store),
      program,
      databaseCount: settings.number('databases'),
      onDefect: (message, cause) => {
        onError?.(message, cause);
      },
      onNotice,
      store,
    });
  } catch (cause) {
    store?.close();
    throw cause;
  }
}

function plansOf(
  workerCount: number, settings: PipePlan['settings'], memoryBytesMax: number,
  store: OpenedStore | null,
): PipePlan[] {
  const replies = new SharedArrayBuffer(replyBytes(workerCount));
  const words = new Int32Array(replies);
  for (let worker = 0; worker < workerCount; worker++) {
    formatRing(words, replyRingAt(worker), PIPE_RING_BYTES);
  }
  const control = new MeshControl(workerCount);
  control.order.startAfter(store?.lastTransaction ?? 0);
  const shared = {
    version: PIPE_VERSION,
    workerCount,
    settings,
    memoryBytesMax,
    lowBytes: lowBytesOf(memoryBytesMax),
    memories: memoriesOf(workerCount, memoryBytesMax),
    control: control.buffer,
    budget: new MemoryBudget().buffer,
    shared: new SharedArrayBuffer(SHARED_BYTES),
    words: new PipeWords(workerCount).buffer,
    replies,
    ...(store === null ? {} : { store: storePlanOf(store) }),
  };
  return Array.from({ length: workerCount }, (_, index) => ({ ...shared, index }));
}

function lowBytesOf(memoryBytesMax: number): number {
  const pages = Math.ceil(memoryBytesMax / LOW_SHARE / WASM_PAGE_BYTES);
  return Math.max(pages * WASM_PAGE_BYTES, LOW_BYTES_MIN);
}

function memoriesOf(workerCount: number, bytesMax: number): WebAssembly.Memory[] {
  try {
    return Array.from({ length: workerCount }, () => {
      return pooledMemories.take(bytesMax) ?? createSharedMemory(bytesMax, 0);
    });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const message = `the system has no room for the memories of ${workerCount} workers`;
    throw new Fault('OUT_OF_MEMORY', message, { cause });
  }
}
