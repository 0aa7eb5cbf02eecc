/**
 * Advice by madvise: no byte outside what was named is ever advised, whatever the alignment of the
 * memory; huge pages are asked for once and without gaps; on Linux the system really takes free
 * ranges back, and their neighbours keep every byte. Elsewhere there is a reason instead.
 */
import { readFileSync } from 'node:fs';
import { WorkerMemory } from '@kora/core';
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { MadviseAdvisor, openMemoryAdvisor } from './memory-advisor.ts';
import { nativeMemory } from './libc.ts';

const MIB = 1024 * 1024;
const HUGE_BYTES = 2 * MIB;
const PAGE_BYTES = 4096;
const MADV_DONTNEED = 4;
const MADV_HUGEPAGE = 14;

interface Call {
  readonly at: number;
  readonly bytes: number;
  readonly advice: number;
}

function recording(result = 0): { calls: Call[]; madvise: (...call: number[]) => number } {
  const calls: Call[] = [];
  return {
    calls,
    madvise: (at = 0, bytes = 0, advice = 0) => {
      calls.push({ at, bytes, advice });
      return result;
    },
  };
}

/** Bases as the system might give them: aligned to huge pages, to 64 KiB, to 4 KiB. */
const BASES = [0x7f49_5800_0000, 0x7f49_5801_0000, 0x7f49_580f_3000];

describe('madvise advice', () => {
  it.each(BASES)('never names a byte outside the free range, base %i', (base) => {
    const random = randomSource(base % 1_000_003);
    for (const [advice, granule] of [['give-back', 65_536], ['all', HUGE_BYTES]] as const) {
      const libc = recording();
      const advisor = new MadviseAdvisor(libc, base, advice);
      let granted = 0;
      for (let i = 0; i < 2000; i++) {
        const at = random.below(500_000) * PAGE_BYTES;
        const bytes = (1 + random.below(random.chance(0.5) ? 40 : 3000)) * PAGE_BYTES;
        libc.calls.length = 0;
        const isGiven = advisor.giveBack(at, bytes);
        expect(libc.calls.length, `range ${at}, ${bytes}`).toBe(isGiven ? 1 : 0);
        // A range of two granules holds a whole one wherever it begins.
        if (bytes >= 2 * granule) expect(isGiven).toBe(true);
        const [call] = libc.calls;
        if (call === undefined) continue;
        granted++;
        expect(call.advice).toBe(MADV_DONTNEED);
        expect(call.at % granule).toBe(0);
        expect(call.bytes % granule).toBe(0);
        expect(call.at).toBeGreaterThanOrEqual(base + at);
        expect(call.at + call.bytes).toBeLessThanOrEqual(base + at + bytes);
      }
      expect(granted).toBeGreaterThan(500);
    }
  });

  it.each(BASES)('asks for huge pages once and without gaps, base %i', (base) => {
    const libc = recording();
    const advisor = new MadviseAdvisor(libc, base, 'huge-pages');
    const random = randomSource(5);
    const start = 4 * MIB + 3 * 65_536;
    let end = start;
    for (let i = 0; i < 200; i++) {
      const to = end + (1 + random.below(random.chance(0.3) ? 200 : 5)) * 65_536;
      advisor.onGrow(end, to);
      end = to;
    }
    let expected = Math.ceil((base + start) / HUGE_BYTES) * HUGE_BYTES;
    const first = expected;
    for (const call of libc.calls) {
      expect(call.advice).toBe(MADV_HUGEPAGE);
      expect(call.at).toBe(expected);
      expect(call.bytes % HUGE_BYTES).toBe(0);
      expected += call.bytes;
    }
    expect(base + end - expected).toBeLessThan(HUGE_BYTES);
    expect(base + end - expected).toBeGreaterThanOrEqual(0);
    expect(advisor.hugeBytes).toBe(expected - first);
  });

  it('does only what was asked for', () => {
    const libc = recording();
    expect(new MadviseAdvisor(libc, 0, 'huge-pages').giveBack(0, 64 * MIB)).toBe(false);
    new MadviseAdvisor(libc, 0, 'give-back').onGrow(0, 64 * MIB);
    expect(libc.calls).toEqual([]);
  });

  it('counts refusals and says false', () => {
    const advisor = new MadviseAdvisor(recording(-1), 0, 'all');
    advisor.onGrow(0, 64 * MIB);
    expect(advisor.giveBack(0, 64 * MIB)).toBe(false);
    expect(advisor.refusals).toBe(2);
    expect(advisor.hugeBytes).toBe(0);
  });
});

/** Flags of the mapping that holds an address, as the kernel shows them. */
function flagsAt(address: number): string[] {
  let isHere = false;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) {
      const [, from = '', to = ''] = range;
      isHere = parseInt(from, 16) <= address && address < parseInt(to, 16);
    } else if (isHere && line.startsWith('VmFlags:')) {
      return line.slice(8).trim().split(' ');
    }
  }
  return [];
}

describe('the system', () => {
  it('is there on Linux, with koffi, and says why it is not elsewhere', () => {
    const memory = WorkerMemory.create({ lowBytes: MIB, bytesMax: 64 * MIB });
    const advisor = openMemoryAdvisor('give-back', memory);
    const reason = typeof advisor === 'string' ? advisor : '';
    if (process.platform === 'linux') expect(reason).toBe('');
    else expect(reason).toMatch(/^.+$/);
  });

  it('takes free pages back and leaves their neighbours alone', () => {
    const memory = WorkerMemory.create({ lowBytes: MIB, bytesMax: 512 * MIB });
    const advisor = openMemoryAdvisor('give-back', memory);
    if (typeof advisor === 'string') {
      expect(process.platform).not.toBe('linux');
      return;
    }
    memory.attachAdvisor(advisor);
    const allocator = memory.arenaAllocator;
    const refs = [0, 1, 2].map(() => allocator.alloc(100 * MIB));
    for (const ref of refs) memory.kernel.fill(ref * 8, 0x5a, 100 * MIB);
    const full = process.memoryUsage.rss();
    const [, middle = 0] = refs;
    allocator.free(middle);
    expect(advisor.giveBack(middle * 8 + PAGE_BYTES, 100 * MIB - PAGE_BYTES)).toBe(true);
    expect(full - process.memoryUsage.rss()).toBeGreaterThan(80 * MIB);
    const word = (byteOffset: number): number => memory.i32[byteOffset / 4] ?? NaN;
    expect(word(middle * 8 + 50 * MIB)).toBe(0);
    for (const ref of [refs[0] ?? 0, refs[2] ?? 0]) {
      for (let at = 0; at < 100 * MIB; at += PAGE_BYTES) {
        if (word(ref * 8 + at) !== 0x5a5a5a5a) throw new Error(`byte ${at} was lost`);
      }
    }
    expect(allocator.alloc(100 * MIB)).toBe(middle);
    memory.kernel.fill(middle * 8, 1, 100 * MIB);
    expect(advisor.refusals).toBe(0);
  });

  it('marks what the arena has now and grows later for huge pages', () => {
    const memory = WorkerMemory.create({ lowBytes: MIB, bytesMax: 256 * MIB });
    const advisor = openMemoryAdvisor('all', memory);
    const native = nativeMemory(memory);
    if (typeof advisor === 'string' || typeof native === 'string') {
      // A kernel may be built without huge pages.
      if (process.platform === 'linux') expect(advisor).toMatch(/huge pages/);
      return;
    }
    memory.ensurePages((20 * MIB) / PAGE_BYTES);
    memory.attachAdvisor(advisor);
    expect(flagsAt(native.addressOf(8 * MIB))).toContain('hg');
    expect(flagsAt(native.addressOf(0))).not.toContain('hg');
    expect(memory.ensurePages((150 * MIB) / PAGE_BYTES)).toBe(true);
    expect(flagsAt(native.addressOf(140 * MIB))).toContain('hg');
    expect(advisor.refusals).toBe(0);
    expect(advisor.hugeBytes).toBeGreaterThan(140 * MIB);
  });
});
