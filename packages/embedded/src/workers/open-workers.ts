/**
 * Starts the workers of an engine: one memory each, what they share, and their threads.
 */
import {
  createSharedMemory, Fault, formatRing, MemoryBudget, MeshControl,
} from '@kora/core';
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
 * @throws {Fault} INVALID_OPTION, OUT_OF_MEMORY, ENGINE_FAILED
 */
export function openWorkers(
  workerCount: number, options: OpenOptions, program: URL = findProgram(),
): Promise<WorkersEngine> {
  const { settings, pairs, memoryBytesMax } = readOptions(options);
  const { onError } = options;
  return WorkersEngine.open({
    plans: plansOf(workerCount, pairs, memoryBytesMax),
    program,
    databaseCount: settings.number('databases'),
    onDefect: (message, cause) => {
      onError?.(message, cause);
    },
  });
}

function plansOf(
  workerCount: number, settings: PipePlan['settings'], memoryBytesMax: number,
): PipePlan[] {
  const replies = new SharedArrayBuffer(replyBytes(workerCount));
  const words = new Int32Array(replies);
  for (let worker = 0; worker < workerCount; worker++) {
    formatRing(words, replyRingAt(worker), PIPE_RING_BYTES);
  }
  const shared = {
    version: PIPE_VERSION,
    workerCount,
    settings,
    memoryBytesMax,
    lowBytes: lowBytesOf(memoryBytesMax),
    memories: memoriesOf(workerCount, memoryBytesMax),
    control: new MeshControl(workerCount).buffer,
    budget: new MemoryBudget().buffer,
    shared: new SharedArrayBuffer(SHARED_BYTES),
    words: new PipeWords(workerCount).buffer,
    replies,
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
