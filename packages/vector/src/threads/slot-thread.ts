/**
 * The program of a thread that works at the indexes of one owner; `slot-threads.ts` starts it by
 * its built file. What it dies of is said before it is gone, for its owner may never hear of an
 * event: it may live outside of Node's loop.
 */
import { closeSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../vector-error.ts';
import { SearchBoard } from './search-board.ts';
import { SlotThreadLoop } from './slot-thread-loop.ts';
import type { SlotThreadPlan } from './slot-thread-messages.ts';

/** A 64-bit 1 in the machine's order, as an eventfd wants it. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

assert(parentPort !== null, 'this program is run by a thread');
const port = parentPort;
// The byte boundary: SlotThreads gives nothing else.
const plan = workerData as SlotThreadPlan;

function ring(): void {
  if (plan.wakeDescriptor >= 0) writeSync(plan.wakeDescriptor, ONE);
  else port.postMessage(0);
}

try {
  new SlotThreadLoop(plan, port, ring).run();
} catch (error) {
  new SearchBoard(plan.searches).fail(error instanceof Error ? error.message : String(error));
  ring();
  throw error;
} finally {
  if (plan.wakeDescriptor >= 0) closeSync(plan.wakeDescriptor);
}
