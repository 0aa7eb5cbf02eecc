/**
 * Moves the index of a dict out of sparse slabs: header, directory and chunks of lines. Many small
 * collections have an index of a kilobyte each; after most of them were deleted it would hold slabs
 * that are nearly empty. Members and overflow lines are moved by others (Dict.evacuateLine).
 * Invariant: what moves is copied whole and its one reference overwritten; nothing is lost when
 * memory is short, the rest just stays. Slots found before are void, and windows bound to the old
 * header too.
 * Cost: a copy of each block that moves, at most CHUNKS_PER_CALL of 16 KiB.
 */
import type { Allocator } from './allocator.hot.ts';
import {
  CHUNK_BYTES, DICT_CHUNKS, DICT_DIRECTORY, DICT_DIRECTORY_CAPACITY, DICT_EPOCH, DICT_FIRST_LINES,
  DICT_HEADER_BYTES, LINE_BYTES,
} from './dict-layout.ts';
import { movedBlock } from './moved-block.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Chunks of lines that one call moves at most. */
const CHUNKS_PER_CALL = 16;

/** @returns the dict's header, which may be another one now */
export function evacuateDictIndex(
  memory: WorkerMemory, allocator: Allocator, header: number,
): number {
  const { i32 } = memory;
  const word = header << 1;
  moveChunks(memory, allocator, word);
  const directory = i32[word + DICT_DIRECTORY] ?? 0;
  const directoryBytes = (i32[word + DICT_DIRECTORY_CAPACITY] ?? 0) * 4;
  const movedDirectory = movedBlock(memory, allocator, directory, directoryBytes);
  memory.i32[word + DICT_DIRECTORY] = movedDirectory;
  return movedBlock(memory, allocator, header, DICT_HEADER_BYTES);
}

function moveChunks(memory: WorkerMemory, allocator: Allocator, word: number): void {
  const chunks = memory.i32[word + DICT_CHUNKS] ?? 0;
  let moves = 0;
  for (let chunk = 0; chunk < chunks && moves < CHUNKS_PER_CALL; chunk++) {
    const { i32 } = memory;
    const at = ((i32[word + DICT_DIRECTORY] ?? 0) << 1) + chunk;
    // The directory names the first word of a chunk.
    const old = (i32[at] ?? 0) >>> 1;
    const firstBytes = (i32[word + DICT_FIRST_LINES] ?? 0) * LINE_BYTES;
    const moved = movedBlock(memory, allocator, old, chunk === 0 ? firstBytes : CHUNK_BYTES);
    if (moved === old) continue;
    memory.i32[at] = moved << 1;
    memory.i32[word + DICT_EPOCH] = ((memory.i32[word + DICT_EPOCH] ?? 0) + 1) | 0;
    moves++;
  }
}
