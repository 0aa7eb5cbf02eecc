/**
 * The bound on reply chunks: scarce when only the reserve is left, refused when that is gone too,
 * and neither any more once chunks came back. Chunks go round with their memory, up to a bound.
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

it('go round: few keep their memory, the others give it back', () => {
  const memory = WorkerMemory.create({ lowBytes: 16 * 1024 * 1024, bytesMax: 64 * 1024 * 1024 });
  const { lowAllocator } = memory;
  const chunks = new ReplyChunks(lowAllocator);
  const taken = Array.from({ length: 100 }, () => chunks.take()!);
  const first = new Set(taken);
  for (const chunk of taken) chunks.give(chunk);
  expect(chunks.alive).toBe(0);
  const keptBytes = lowAllocator.usedBytes();
  expect(keptBytes).toBe(32 * REPLY_CHUNK_BYTES);
  const again = Array.from({ length: 32 }, () => chunks.take()!);
  expect(again.every((chunk) => first.has(chunk) && chunk.pins === 0)).toBe(true);
  expect(lowAllocator.usedBytes()).toBe(keptBytes);
  for (const chunk of again) chunks.give(chunk);
  chunks.trim();
  expect(lowAllocator.usedBytes()).toBe(keptBytes);
  const [one, two] = [chunks.take()!, chunks.take()!];
  chunks.give(one);
  chunks.give(two);
  chunks.trim();
  expect(lowAllocator.usedBytes()).toBe(2 * REPLY_CHUNK_BYTES);
  chunks.trim();
  expect(lowAllocator.usedBytes()).toBe(0);
});
