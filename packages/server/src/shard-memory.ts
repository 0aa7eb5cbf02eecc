/**
 * The size of a shard's memory. Buffers of clients lie in the first GiB, data above; the system
 * gives pages as they are touched.
 */
export const LOW_BYTES = 1024 * 1024 * 1024;
/** Address space of one worker. */
export const MEMORY_BYTES = 4 * 1024 * 1024 * 1024;
