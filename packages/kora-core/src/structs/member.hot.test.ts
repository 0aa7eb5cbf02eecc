/**
 * Members of collections against plain objects, and dicts of members against a Map: all three kinds
 * of header, keys on both sides of the 16-bit length, values, scores and expiries beside them, with
 * both kernels; neighbours stay as they are, and padding is zero.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { makeDictMemory } from '../testing/dict-driver.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { randomSource } from '../testing/random-source.ts';
import { CHAIN_SLOTS_MAX } from './dict-layout.ts';
import { Dict } from './dict.hot.ts';
import {
  entryExpireMs, entryHasTtl, entryIsDue, entryKeyAt, entryKeyBytes, entryFlags, setEntryExpire,
} from './entry.hot.ts';
import {
  fieldValueAt, fieldValueBytes, MEMBER_FIELD, MEMBER_OF_SET, MEMBER_SCORED, memberBytesFor,
  memberScore, newMember, setFieldValueBytes, setMemberScore,
} from './member.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

const MIB = 1024 * 1024;
const KEY_AT = 70_001;
const KINDS = [MEMBER_OF_SET, MEMBER_FIELD, MEMBER_SCORED];
const KEY_LENGTHS = [0, 1, 3, 4, 5, 65_533, 65_534, 65_535, 65_536, 65_539, 70_000];
const SCORES = [0, -0, 1.5, -1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324];

function place(memory: WorkerMemory, key: string): number {
  memory.low.set(Buffer.from(key, 'latin1'), KEY_AT);
  return key.length;
}

function textAt(memory: WorkerMemory, at: number, bytes: number): string {
  memory.kernel.copy(KEY_AT, at, bytes);
  return Buffer.from(memory.low.slice(KEY_AT, KEY_AT + bytes)).toString('latin1');
}

/** A made member and what it should hold. */
interface Wanted {
  readonly ref: number;
  readonly kind: number;
  readonly key: string;
  readonly value: string;
  readonly score: number;
  readonly expireMs: number;
}

function makeOne(memory: WorkerMemory, random: RandomSource, key: string): Wanted {
  const kind = KINDS[random.below(3)]!;
  const value = kind === MEMBER_FIELD ? 'v'.repeat(random.below(20)) : '';
  const score = SCORES[random.below(SCORES.length)]!;
  const hasTtl = kind === MEMBER_FIELD && random.chance(0.4);
  const low = random.word();
  const high = random.below(4000);
  const bytes = place(memory, key);
  const allocator = memory.arenaAllocator;
  const ref = newMember(
    memory, allocator, kind, KEY_AT, bytes, value.length, hasTtl ? 1 : 0, low, high,
  );
  if (kind === MEMBER_SCORED) setMemberScore(memory.f64, ref, score);
  if (value !== '') memory.kernel.fill(fieldValueAt(memory.i32, ref), 0x76, value.length);
  const expireMs = hasTtl ? high * 4_294_967_296 + (low >>> 0) : -1;
  return { ref, kind, key, value, score, expireMs };
}

function checkOne(memory: WorkerMemory, wanted: Wanted, hint: string): void {
  const { i32 } = memory;
  const { ref, kind, key } = wanted;
  expect(entryFlags(i32, ref) & (3 << 14), hint).toBe(kind);
  expect(entryKeyBytes(i32, ref), hint).toBe(key.length);
  const keyAt = entryKeyAt(i32, ref);
  expect(textAt(memory, keyAt, key.length) === key, hint).toBe(true);
  const padding = (4 - (key.length & 3)) & 3;
  expect(textAt(memory, keyAt + key.length, padding), hint).toBe('\0'.repeat(padding));
  expect(entryHasTtl(i32, ref), hint).toBe(wanted.expireMs >= 0);
  expect(entryExpireMs(i32, ref), hint).toBe(wanted.expireMs);
  if (kind === MEMBER_SCORED) expect(memberScore(memory.f64, ref), hint).toBe(wanted.score);
  if (kind !== MEMBER_FIELD) return;
  expect(fieldValueBytes(i32, ref), hint).toBe(wanted.value.length);
  expect(textAt(memory, fieldValueAt(i32, ref), wanted.value.length), hint).toBe(wanted.value);
}

afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
});

describe('member', () => {
  it('reads back what was written, whatever its kind', () => {
    const seed = 31;
    const random = randomSource(seed);
    const memory = makeDictMemory('wasm', 512 * MIB, 4 * 65_536);
    verify.enabled = true;
    verify.growsOnAlloc = true;
    const made: Wanted[] = [];
    for (let round = 0; round < 600; round++) {
      const bytes = round % 20 === 0 ? KEY_LENGTHS[random.below(KEY_LENGTHS.length)]!
        : random.below(30);
      const key = String.fromCharCode(97 + random.below(26)).repeat(bytes);
      const wanted = makeOne(memory, random, key);
      const held = memory.arenaAllocator.sizeOf(wanted.ref);
      const bytesFor = memberBytesFor(
        wanted.kind, bytes, wanted.value.length, wanted.expireMs >= 0,
      );
      expect(held).toBe(memory.arenaAllocator.realBytes(bytesFor));
      if (wanted.kind === MEMBER_FIELD) {
        expect(fieldValueAt(memory.i32, wanted.ref) + wanted.value.length)
          .toBe(wanted.ref * 8 + bytesFor);
      } else {
        expect(entryKeyAt(memory.i32, wanted.ref) + ((bytes + 3) & ~3))
          .toBe(wanted.ref * 8 + bytesFor);
      }
      made.push(wanted);
    }
    for (const [round, wanted] of made.entries()) {
      checkOne(memory, wanted, `seed ${seed} round ${round}`);
      memory.arenaAllocator.free(wanted.ref);
    }
    expect(memory.usedBytes()).toBe(0);
  });

  it('takes the bytes that its docstring says', () => {
    expect(memberBytesFor(MEMBER_OF_SET, 16, 0, false)).toBe(20);
    expect(memberBytesFor(MEMBER_FIELD, 16, 10, false)).toBe(34);
    expect(memberBytesFor(MEMBER_FIELD, 16, 10, true)).toBe(42);
    expect(memberBytesFor(MEMBER_SCORED, 16, 0, false)).toBe(32);
    expect(memberBytesFor(MEMBER_OF_SET, 65_535, 0, false)).toBe(4 + 4 + 65_536);
  });

  it('answers 0 without memory', () => {
    const memory = makeDictMemory('wasm', MIB);
    while (memory.arenaAllocator.alloc(24) !== 0);
    const bytes = place(memory, 'a member of a set');
    const { arenaAllocator } = memory;
    expect(newMember(memory, arenaAllocator, MEMBER_OF_SET, KEY_AT, bytes, 0, 0, 0, 0)).toBe(0);
  });

  it('changes score, value length and expiry in place', () => {
    const memory = makeDictMemory();
    const { arenaAllocator: allocator } = memory;
    const bytes = place(memory, 'field');
    const field = newMember(memory, allocator, MEMBER_FIELD, KEY_AT, bytes, 8, 1, 5, 0);
    setFieldValueBytes(memory.i32, field, 3);
    setEntryExpire(memory.i32, field, 7, 2);
    expect(fieldValueBytes(memory.i32, field)).toBe(3);
    expect(entryExpireMs(memory.i32, field)).toBe(2 * 2 ** 32 + 7);
    expect(entryIsDue(memory.i32, field, 8, 2)).toBe(true);
    expect(entryIsDue(memory.i32, field, 7, 2)).toBe(false);
    expect(textAt(memory, entryKeyAt(memory.i32, field), 5)).toBe('field');
    const scored = newMember(memory, allocator, MEMBER_SCORED, KEY_AT, bytes, 0, 0, 0, 0);
    setMemberScore(memory.f64, scored, -2.5);
    expect(memberScore(memory.f64, scored)).toBe(-2.5);
    expect(entryKeyBytes(memory.i32, scored)).toBe(5);
  });
});

for (const kernel of ['wasm', 'twin'] as const) {
  for (const seed of [1, 2]) {
    it(`a dict of members with the ${kernel} kernel agrees with a Map (seed ${seed})`, () => {
      verify.enabled = true;
      verify.growsOnAlloc = seed === 2;
      const random = randomSource(seed);
      const memory = makeDictMemory(kernel, 512 * MIB, 4 * 65_536);
      const { arenaAllocator: allocator } = memory;
      const dict = new Dict(memory, allocator, 0x1234567, 0x89abcde);
      dict.create();
      const model = new Map<string, Wanted>();
      const steps = seed === 2 ? 2000 : 6000;
      for (let step = 0; step < steps; step++) {
        const edge = KEY_LENGTHS[5 + random.below(6)]!;
        const key = step % 100 === 0 ? 'k'.repeat(edge) : `m${random.below(steps / 4)}`;
        const hint = `${kernel} seed ${seed} step ${step} key of ${key.length}`;
        const bytes = place(memory, key);
        const slot = dict.find(KEY_AT, bytes, dict.hashOf(KEY_AT, bytes));
        const wanted = model.get(key);
        expect(slot === 0 ? undefined : memory.i32[slot], hint).toBe(wanted?.ref);
        if (wanted === undefined) {
          if (!dict.reserveInsert(70_100)) throw new Error(`reserve ${hint}`);
          const made = makeOne(memory, random, key);
          dict.insert(dict.hashOfEntry(made.ref), made.ref);
          model.set(key, made);
        } else {
          checkOne(memory, wanted, hint);
          expect(dict.slotOf(wanted.ref, dict.hashOfEntry(wanted.ref)), hint).toBe(slot);
          if (random.chance(0.4)) {
            dict.removeAt(slot, dict.hashOfEntry(wanted.ref));
            allocator.free(wanted.ref);
            model.delete(key);
          }
        }
      }
      const slots = new Int32Array(CHAIN_SLOTS_MAX);
      const refs = new Set<number>();
      for (let line = 0; line < dict.lines(); line++) {
        const count = dict.collectLine(line, slots);
        for (const slot of slots.slice(0, count)) refs.add(memory.i32[slot]!);
      }
      const wantedRefs = [...model.values()].map((wanted) => wanted.ref);
      expect([...refs].sort()).toEqual(wantedRefs.sort());
      for (const ref of refs) allocator.free(ref);
      dict.destroy();
      expect(memory.usedBytes()).toBe(0);
    }, 60_000);
  }
}
