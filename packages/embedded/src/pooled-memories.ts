/**
 * Memories of closed engines that wait for the next one, kept zeroed: dropped ones are not
 * collected in time. One pool for all engines that this thread opens, with their data here or on
 * workers.
 */
import { MemoryPool } from '@kora/core';

export const pooledMemories = new MemoryPool();
