/**
 * The contract between a program and its worker threads, for whoever writes the program that such
 * threads run: @kora/server.
 */
export {
  PIPE_RING_BYTES, PIPE_VERSION, PipeKind, replyRingAt, SHARED_BYTES,
} from './workers/pipe-plan.ts';
export type { PipeMessage, PipePlan } from './workers/pipe-plan.ts';
export { PipeWords } from './workers/pipe-words.ts';
