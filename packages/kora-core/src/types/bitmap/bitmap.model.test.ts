/**
 * Bitmap commands against a model that keeps every string as a text of zeros and ones: legal
 * commands on short values and ropes, all eight operations of BITOP, every width of BITFIELD. After
 * each the reply and the value are the same; in the end the journal tells the same data, and no
 * memory is lost.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { checkShard } from '../../admin/shard-check.ts';
import { verify } from '../../assert.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import type { RandomSource } from '../../testing/random-source.ts';
import { randomSource } from '../../testing/random-source.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { BIT_OPERATIONS } from './bit-operation.ts';

const KEYS = ['a', 'b', 'c', 'd'];
/** Where longer values begin to end: around the bound of ropes, and of their first piece. */
const FAR_BITS = [65_535 * 8 - 3, 65_536 * 8, 65_536 * 16 + 5];

afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
});

/** Strings as texts of '0' and '1', eight of them a byte. */
class NaiveBitmaps {
  readonly values = new Map<string, string>();

  bits(key: string): string {
    return this.values.get(key) ?? '';
  }

  grow(key: string, bits: number): void {
    this.values.set(key, this.bits(key).padEnd(Math.ceil(bits / 8) * 8, '0'));
  }

  put(key: string, offset: number, field: string): void {
    this.grow(key, offset + field.length);
    const bits = this.bits(key);
    this.values.set(key, bits.slice(0, offset) + field + bits.slice(offset + field.length));
  }

  combine(operation: string, target: string, keys: readonly string[]): number {
    const sources = keys.map((key) => this.bits(key));
    const length = Math.max(...sources.map((source) => source.length));
    let result = '';
    for (let i = 0; i < length; i++) {
      // Long values are mostly zeros: skip bytes that all sources have so.
      const isZeroByte =
        i % 8 === 0 && sources.every((source) => !source.slice(i, i + 8).includes('1'));
      if (isZeroByte) {
        result += (operation === 'NOT' ? '1' : '0').repeat(8);
        i += 7;
        continue;
      }
      const [first = false, ...others] = sources.map((source) => source[i] === '1');
      const count = [first, ...others].filter(Boolean).length;
      const isInOthers = others.some(Boolean);
      const isSet: Record<string, boolean> = {
        AND: count === sources.length, OR: count > 0, XOR: count % 2 === 1, NOT: !first,
        DIFF: first && !isInOthers, DIFF1: !first && isInOthers, ANDOR: first && isInOthers,
        ONE: count === 1,
      };
      result += isSet[operation] === true ? '1' : '0';
    }
    if (length === 0) this.values.delete(target);
    else this.values.set(target, result);
    return length / 8;
  }

  /** The text of a field as an integer. */
  field(key: string, isSigned: boolean, bits: number, offset: number): bigint {
    const text = this.bits(key).slice(offset, offset + bits).padEnd(bits, '0');
    const value = BigInt(`0b${text}`);
    return isSigned ? BigInt.asIntN(bits, value) : value;
  }

  putField(key: string, bits: number, offset: number, value: bigint): void {
    this.put(key, offset, BigInt.asUintN(bits, value).toString(2).padStart(bits, '0'));
  }
}

type Step = readonly [args: readonly string[], wanted: string];

function singleBit(random: RandomSource, model: NaiveBitmaps, key: string): Step {
  const far = random.below(40) === 0;
  const offset = far ? FAR_BITS[random.below(3)] ?? 0 : random.below(200);
  const old = model.bits(key)[offset] ?? '0';
  if (random.chance(0.3)) return [['GETBIT', key, String(offset)], `:${old}`];
  const bit = String(random.below(2));
  model.put(key, offset, bit);
  return [['SETBIT', key, String(offset), bit], `:${old}`];
}

function rangeOfBits(random: RandomSource, model: NaiveBitmaps, key: string): Step {
  const bits = model.bits(key);
  const isBits = random.chance(0.5);
  const unit = isBits ? 1 : 8;
  const start = random.below(bits.length / unit + 3);
  const end = random.below(bits.length / unit + 3);
  const range = [String(start), String(end), isBits ? 'BIT' : 'BYTE'];
  const part = bits.slice(start * unit, (end + 1) * unit);
  const count = part.split('1').length - 1;
  if (random.chance(0.5)) return [['BITCOUNT', key, ...range], `:${count}`];
  const bit = String(random.below(2));
  const found = part.indexOf(bit);
  const absent = bit === '0' ? 0 : -1;
  const wanted = found < 0 ? -1 : start * unit + found;
  return [['BITPOS', key, bit, ...range], `:${model.values.has(key) ? wanted : absent}`];
}

function combination(random: RandomSource, model: NaiveBitmaps, key: string): Step {
  const operation = BIT_OPERATIONS[random.below(BIT_OPERATIONS.length)] ?? 'OR';
  const count = operation === 'NOT' ? 1 : 2 + random.below(4);
  const keys = Array.from({ length: count }, () => KEYS[random.below(KEYS.length)] ?? '');
  const bytes = model.combine(operation, key, keys);
  return [['BITOP', operation, key, ...keys], `:${bytes}`];
}

function field(random: RandomSource, model: NaiveBitmaps, key: string): Step {
  const isSigned = random.chance(0.5);
  const bits = 1 + random.below(isSigned ? 64 : 63);
  const offset = random.below(40) === 0 ? FAR_BITS[random.below(3)] ?? 0 : random.below(150);
  const type = `${isSigned ? 'i' : 'u'}${bits}`;
  const old = model.field(key, isSigned, bits, offset);
  if (random.chance(0.3)) {
    return [['BITFIELD_RO', key, 'GET', type, String(offset)], `*[:${old}]`];
  }
  const span = BigInt.asIntN(64, (BigInt(random.word()) << 32n) | BigInt(random.word() >>> 0));
  const amount = random.chance(0.5) ? span : span >> 40n;
  const isSet = random.chance(0.5);
  const sum = isSet ? amount : old + amount;
  const kept = isSigned ? BigInt.asIntN(bits, sum) : BigInt.asUintN(bits, sum);
  model.putField(key, bits, offset, kept);
  const action = isSet ? 'SET' : 'INCRBY';
  const reply = isSet ? old : kept;
  return [['BITFIELD', key, action, type, String(offset), String(amount)], `*[:${reply}]`];
}

function removal(_random: RandomSource, model: NaiveBitmaps, key: string): Step {
  const removed = model.values.delete(key) ? 1 : 0;
  return [['DEL', key], `:${removed}`];
}

const MAKERS = [
  singleBit, singleBit, singleBit, rangeOfBits, rangeOfBits, combination, field, field, removal,
];

function bytesOf(bits: string): string {
  return bits.replace(/.{8}/g, (byte) => String.fromCharCode(Number.parseInt(byte, 2)));
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function expectSame(
  driver: CommandDriver, model: NaiveBitmaps, key: string, where: string,
): void {
  const reply = driver.reply('GET', key);
  const got = 'text' in reply ? reply.text : '';
  if (got !== bytesOf(model.bits(key))) expect.fail(`${where}: value of ${key} differs`);
}

function play(seed: number, steps: number, kernel: 'wasm' | 'twin'): void {
  const random = randomSource(seed);
  const driver = new CommandDriver({ seed, memoryOptions: { kernel } });
  const recorder = new JournalRecorder(driver.shard);
  const usedAtStart = driver.memory.arenaAllocator.usedBytes();
  const model = new NaiveBitmaps();
  for (let step = 0; step < steps; step++) {
    const maker = MAKERS[random.below(MAKERS.length)] ?? removal;
    const [args, wanted] = maker(random, model, KEYS[random.below(KEYS.length)] ?? '');
    const where = `seed ${seed}, step ${step}: ${args.join(' ')}`;
    expect(driver.run(...args), where).toBe(wanted);
    const changed = args[0] === 'BITOP' ? args[2] : args[1];
    expectSame(driver, model, changed ?? '', where);
  }
  for (const key of KEYS) expectSame(driver, model, key, `seed ${seed}, at the end`);
  expect(driver.errors).toEqual([]);
  checkShard(driver.shard);
  const fresh = new CommandDriver();
  for (const record of recorder.records) replayEffect(fresh.shard, record);
  const same = contentsOf(driver.shard, latin1Of);
  expect(contentsOf(fresh.shard, latin1Of), `seed ${seed}: replayed`).toEqual(same);
  recorder.close();
  driver.run('FLUSHALL');
  driver.settle();
  expect(driver.memory.arenaAllocator.usedBytes(), `seed ${seed}: leak`).toBe(usedAtStart);
}

describe('bitmap commands against texts of zeros and ones', () => {
  it.each([1, 2, 3, 4])('agree in replies and values, seed %i', (seed) => {
    play(seed, 150, 'wasm');
  });

  it('agree on the twin kernel', () => {
    play(9, 80, 'twin');
  });

  it('agree while every allocation makes older views stale', () => {
    verify.enabled = true;
    verify.growsOnAlloc = true;
    play(11, 60, 'wasm');
  });
});
