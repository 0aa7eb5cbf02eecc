/**
 * Memories of engines that were closed, zeroed for the next one: dropped shared memories are
 * collected late, and hundreds of them hold gigabytes. Small ones are kept, few of them; a large
 * one is left to the collector, for zeroing it would take long.
 * Invariant: what is given out is as a fresh memory is, but may be longer.
 */
import type { Engine } from './engine.ts';
import { TAIL_BYTES } from './engine.ts';

/** Memories kept at most ... */
const MEMORIES_MAX = 16;
/** ... of this many bytes at most; zeroing one takes half a millisecond. */
const MEMORY_BYTES_MAX = 4 << 20;

export class PooledMemories {
  private readonly kept: WebAssembly.Memory[] = [];

  /** A zeroed one, if there is one. */
  take(): WebAssembly.Memory | undefined {
    return this.kept.pop();
  }

  /** Takes the memory of an engine that nobody uses any more. */
  give(engine: Engine): void {
    const { memory } = engine;
    const bytes = memory.buffer.byteLength;
    if (this.kept.length >= MEMORIES_MAX || bytes > MEMORY_BYTES_MAX) return;
    new Uint8Array(memory.buffer).fill(0, 0, Math.min(bytes, engine.bytesUsed + TAIL_BYTES));
    this.kept.push(memory);
  }
}
