/**
 * The program of a thread for files: waits for operations, does them one after the other, and says
 * so. Started by FileThread and by nobody else; importing it anywhere else is a mistake.
 */
import { closeSync, fdatasyncSync, writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { Errno } from '@kora/storage/directory';
import { FileKind, FileThreadWords } from './file-thread-words.ts';
import type { FileOperation } from './file-thread-words.ts';
import type { FileThreadPlan, FileWake } from './file-thread.ts';

/** A 64-bit 1 in the machine's order, as an eventfd wants it. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

function errnoOf(cause: unknown): number {
  const errno: unknown = cause instanceof Error && 'errno' in cause ? cause.errno : undefined;
  return typeof errno === 'number' && errno < 0 ? -errno : Errno.InputOutput;
}

function perform(operation: FileOperation, low: Uint8Array): number {
  const { kind, file, at, bytes, position } = operation;
  try {
    if (kind === FileKind.Sync) {
      fdatasyncSync(file);
      return 0;
    }
    const written = writeSync(file, low, at, bytes, position);
    if (kind === FileKind.WriteDurable) fdatasyncSync(file);
    return written;
  } catch (cause) {
    return -errnoOf(cause);
  }
}

/** The shard's thread is up, or does not wait when it looks next. */
function ring(wake: FileWake): void {
  if (typeof wake === 'number') {
    if (wake >= 0) writeSync(wake, ONE);
    return;
  }
  const words = new Int32Array(wake.buffer);
  Atomics.add(words, wake.word, 1); // Pairs with the load in `PipeWords.bell`.
  Atomics.notify(words, wake.word);
}

function run({ words: shared, memory, lowBytes, wake }: FileThreadPlan): void {
  const words = new FileThreadWords(shared);
  const low = new Uint8Array(memory.buffer, 0, lowBytes);
  let ticket = words.done;
  for (;;) {
    const { submitted } = words;
    if (ticket === submitted) {
      if (words.isEnding) break;
      words.waitForWork(submitted);
      continue;
    }
    words.complete(ticket, perform(words.operationOf(ticket), low));
    ticket = (ticket + 1) | 0;
    ring(wake);
  }
  if (typeof wake === 'number' && wake >= 0) closeSync(wake);
}

// The boundary between threads: FileThread puts exactly this there.
run(workerData as FileThreadPlan);
