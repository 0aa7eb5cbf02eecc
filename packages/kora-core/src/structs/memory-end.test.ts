/**
 * The end of a 4 GiB memory: an address behind its last byte is 2^32, which is 0 to WebAssembly, so
 * a loop "while below the end" over a block that ends there would do nothing. The arena leaves the
 * last page alone.
 */
import { expect, it } from 'vitest';
import { MEMORY_BYTES_MAX, PAGE_BYTES } from './memory-layout.ts';
import { Packs } from './packs.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

const LOW_BYTES = 1_048_576;
const TEXT_AT = 70_000;

it('a pack in the last block of 4 GiB works as any other', () => {
  for (const kernel of ['wasm', 'twin'] as const) {
    const memory = WorkerMemory.create({ lowBytes: LOW_BYTES, bytesMax: MEMORY_BYTES_MAX, kernel });
    const { arenaAllocator } = memory;
    const packs = new Packs(memory, arenaAllocator);
    const arenaBytes = MEMORY_BYTES_MAX - memory.arenaFirstPage * PAGE_BYTES;
    expect(arenaAllocator.alloc(arenaBytes - 2 * PAGE_BYTES)).not.toBe(0);
    const full = PAGE_BYTES - 8;
    let pack = 0;
    for (;;) { // The last page that there is.
      const next = packs.create(full);
      if (next === 0) break;
      pack = next;
    }
    memory.low.fill(0x61, TEXT_AT, TEXT_AT + PAGE_BYTES);
    packs.insert(pack, 0, TEXT_AT, full - 4 - 12);
    packs.insert(pack, 0, TEXT_AT, 10);
    expect(packs.usedBytes(pack), kernel).toBe(PAGE_BYTES);
    expect(packs.find(pack, packs.first(pack), TEXT_AT, 10, 1), kernel).not.toBe(0);
    expect(packs.seek(pack, 0), kernel).toBe(packs.first(pack));
  }
});
