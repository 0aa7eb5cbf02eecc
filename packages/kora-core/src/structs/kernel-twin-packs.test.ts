/**
 * The kernel's loops over packs in both forms: the same changes leave the same bytes. Bulk strings
 * in both forms against Buffer: random lists of ranges at every alignment and length on both sides
 * of each copy loop and of each count of digits; not a byte is written beyond what was announced.
 * (packs.model.test.ts holds the packs against arrays.)
 */
import { describe, expect, it } from 'vitest';
import { makeDictMemory } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';

const MIB = 1024 * 1024;
const LIST_AT = 70_000;
const OUT_AT = 200_003;
const COUNT_MAX = 40;
const LENGTHS = [
  0, 1, 3, 4, 7, 8, 9, 10, 15, 16, 17, 63, 64, 65, 99, 100, 999, 1000, 9999, 10_000, 99_999,
  100_000,
];
const FILLER = 0x5a;

for (const kernelName of ['wasm', 'twin'] as const) {
  describe(`bulk strings with the ${kernelName} kernel`, () => {
    const memory = makeDictMemory(kernelName, 64 * MIB, 8 * MIB);
    const { kernel } = memory;
    const sourceBytes = 200_000;
    const source = memory.arenaAllocator.alloc(sourceBytes) * 8;
    const bytesOf = Buffer.alloc(sourceBytes);
    for (let i = 0; i < sourceBytes; i++) bytesOf[i] = (i * 31) ^ (i >>> 5);
    memory.low.set(bytesOf, OUT_AT);
    kernel.copy(source, OUT_AT, sourceBytes);

    it('writes what Buffer writes, and as much as it says', () => {
      const seed = 21;
      const random = randomSource(seed);
      for (let round = 0; round < 300; round++) {
        const count = random.below(COUNT_MAX);
        const parts: Buffer[] = [];
        for (let i = 0; i < count; i++) {
          const isEdge = random.chance(0.2);
          const edge = LENGTHS[random.below(random.chance(0.1) ? LENGTHS.length : 18)]!;
          const bytes = isEdge ? edge : random.below(40);
          const from = random.below(sourceBytes - bytes);
          memory.i32[LIST_AT / 4 + i * 2] = source + from;
          memory.i32[LIST_AT / 4 + i * 2 + 1] = bytes;
          parts.push(
            Buffer.from(`$${bytes}\r\n`), bytesOf.subarray(from, from + bytes), Buffer.from('\r\n'),
          );
        }
        const wanted = Buffer.concat(parts);
        const hint = `seed ${seed} round ${round}`;
        const to = OUT_AT + random.below(8);
        memory.low.fill(FILLER, to, to + wanted.length + 8);
        expect(kernel.bulksBytes(LIST_AT, count), hint).toBe(wanted.length);
        expect(kernel.encodeBulks(LIST_AT, count, to), hint).toBe(wanted.length);
        const written = Buffer.from(memory.low.slice(to, to + wanted.length + 8));
        if (!written.subarray(0, wanted.length).equals(wanted)) throw new Error(hint);
        expect(written.subarray(wanted.length).every((byte) => byte === FILLER), hint).toBe(true);
      }
    });

    it('gathers what Buffer puts together, and writes no more', () => {
      const seed = 22;
      const random = randomSource(seed);
      for (let round = 0; round < 300; round++) {
        const parts = Array.from({ length: random.below(COUNT_MAX) }, (_, i) => {
          const bytes = random.chance(0.2) ? LENGTHS[random.below(18)]! : random.below(90);
          const from = random.below(sourceBytes - bytes);
          memory.i32[LIST_AT / 4 + i * 2] = source + from;
          memory.i32[LIST_AT / 4 + i * 2 + 1] = bytes;
          return bytesOf.subarray(from, from + bytes);
        });
        const wanted = Buffer.concat(parts);
        const to = OUT_AT + random.below(8);
        memory.low.fill(FILLER, to, to + wanted.length + 8);
        const hint = `seed ${seed} round ${round}`;
        expect(kernel.gather(LIST_AT, parts.length, to), hint).toBe(wanted.length);
        const written = Buffer.from(memory.low.slice(to, to + wanted.length + 8));
        if (!written.subarray(0, wanted.length).equals(wanted)) throw new Error(hint);
        expect(written.subarray(wanted.length).every((byte) => byte === FILLER), hint).toBe(true);
      }
    });

    it('stops counting at 2^31 - 1', () => {
      for (let i = 0; i < 4; i++) {
        memory.i32[LIST_AT / 4 + i * 2] = source;
        memory.i32[LIST_AT / 4 + i * 2 + 1] = 0x60000000;
      }
      expect(kernel.bulksBytes(LIST_AT, 1)).toBe(0x60000000 + 15);
      expect(kernel.bulksBytes(LIST_AT, 2)).toBe(0x7fffffff);
      expect(kernel.bulksBytes(LIST_AT, 4)).toBe(0x7fffffff);
    });
  });
}

describe('packs in both kernels', () => {
  const PACK_BYTES = 80_000;
  const FIRST = 8;
  const COPY_AT = OUT_AT + MIB;

  it('come to the same bytes by the same changes', () => {
    const seed = 23;
    const random = randomSource(seed);
    const memories = [
      makeDictMemory('wasm', 64 * MIB, 8 * MIB), makeDictMemory('twin', 64 * MIB, 8 * MIB),
    ];
    const packs = memories.map((memory) => {
      const pack = memory.arenaAllocator.alloc(PACK_BYTES);
      for (let i = 0; i < OUT_AT; i++) memory.low[OUT_AT + i] = i * 7;
      memory.kernel.fill(pack * 8, FILLER, PACK_BYTES);
      memory.i32[pack << 1] = FIRST;
      memory.i32[(pack << 1) + 1] = 0;
      return pack;
    });
    for (let step = 0; step < 400; step++) {
      const words = packs[0]! << 1;
      const count = memories[0]!.i32[words + 1]!;
      const index = random.below(count + 1);
      const length = random.chance(0.1) ? LENGTHS[random.below(19)]! : random.below(40);
      const from = OUT_AT + random.below(500);
      const entries = 1 + random.below(Math.min(3, Math.max(1, count - index)));
      const isFull = memories[0]!.i32[words]! > PACK_BYTES - 12_000;
      const draw = isFull ? 0.9 : random.below(100) / 100;
      for (const [which, { kernel }] of memories.entries()) {
        const pack = packs[which]!;
        const pos = index < count ? kernel.packForward(pack, FIRST, index) : 0;
        if (draw < 0.55) kernel.packInsert(pack, pos, from, length);
        else if (pos !== 0 && draw < 0.75) kernel.packReplace(pack, pos, from, length);
        else if (pos !== 0) kernel.packRemove(pack, pos, entries);
      }
      const [wasm, twin] = memories.map((memory, which) => {
        const used = memory.i32[packs[which]! << 1]!;
        memory.kernel.copy(COPY_AT, packs[which]! * 8, used);
        return Buffer.from(memory.low.slice(COPY_AT, COPY_AT + used));
      });
      const hint = `seed ${seed} step ${step}`;
      if (!wasm!.equals(twin!)) throw new Error(`bytes ${hint}`);
      const places = memories.map(({ kernel, i32 }, which) => [
        kernel.packCount(packs[which]!, FIRST),
        kernel.packBack(packs[which]!, i32[packs[which]! << 1]!, i32[words + 1]! >>> 1),
        kernel.packFind(packs[which]!, FIRST, from, length, 1 + (step % 3)),
      ]);
      expect(places[0], hint).toEqual(places[1]);
    }
    expect(memories[0]!.i32[(packs[0]! << 1) + 1]).toBeGreaterThan(5);
  });
});
