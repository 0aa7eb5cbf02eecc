/**
 * The bound on reply chunks: scarce when only the reserve is left, refused when that is gone too,
 * and neither any more once chunks came back.
 */
import { WorkerMemory } from '@kora/core';
import { expect, it } from 'vitest';
import type { ReplyChunk } from './reply-chunks.ts';
import {
  REPLY_CHUNK_BYTES, REPLY_CHUNKS_MAX, REPLY_CHUNKS_RESERVED, ReplyChunks,
} from './reply-chunks.ts';

it('are scarce at the reserve and refused at the bound', () => {
  const bytes = REPLY_CHUNKS_MAX * REPLY_CHUNK_BYTES * 1.5;
  const memory = WorkerMemory.create({ lowBytes: bytes, bytesMax: bytes * 1.5 });
  const chunks = new ReplyChunks(memory.lowAllocator);
  const taken: ReplyChunk[] = [];
  const take = (until: number): void => {
    while (taken.length < until) taken.push(chunks.take()!);
  };
  take(REPLY_CHUNKS_MAX - REPLY_CHUNKS_RESERVED);
  expect(chunks.isScarce).toBe(false);
  take(REPLY_CHUNKS_MAX);
  expect(chunks.isScarce).toBe(true);
  expect(chunks.take()).toBeUndefined();
  for (const chunk of taken.splice(0, REPLY_CHUNKS_RESERVED)) chunks.give(chunk);
  expect(chunks.isScarce).toBe(false);
  expect(chunks.take()).toBeDefined();
});
