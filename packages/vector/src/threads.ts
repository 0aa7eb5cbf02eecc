/**
 * The door to threads of @kora/vector, of its own so that the main one imports nothing of Node's:
 * an index that threads build and search, and one for hosts that keep the vectors themselves.
 */
export { SlotThreads } from './threads/slot-threads.ts';
export type { SlotThreadsHost } from './threads/slot-threads.ts';
export { ThreadedSlotIndex } from './threads/threaded-slot-index.ts';
export { ThreadedVectorIndex } from './threads/threaded-vector-index.ts';
export type { ThreadOptions } from './threads/thread-pool.ts';
export { SEARCHES_WAITING_MAX } from './threads/search-desk.ts';
export { THREADS_MAX } from './threads/thread-board.ts';
export { WRITES_WAITING_MAX } from './threads/write-line.ts';
