/**
 * The program of a thread of a shared index; `thread-pool.ts` starts it by its built file. Ends by
 * itself when it is told to stop, and with its error when something is wrong.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert, VectorError } from '../vector-error.ts';
import { ThreadLoop } from './thread-loop.ts';
import type { ThreadMessage, ThreadPlan } from './thread-messages.ts';

assert(parentPort !== null, 'this program is run by a thread');
try {
  // The byte boundary: the pool gives nothing else.
  new ThreadLoop(workerData as ThreadPlan, parentPort).run();
} catch (error) {
  if (!(error instanceof VectorError)) throw error;
  const message: ThreadMessage = { kind: 'unready', message: error.message };
  parentPort.postMessage(message);
}
