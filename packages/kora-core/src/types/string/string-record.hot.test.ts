/**
 * Records of plain strings beside the codec that draws them, by WebAssembly and by its twin: the
 * same bytes for random keys, values, deadlines and kinds of strings, and none beside them; none at
 * all for ropes and where there is too little room; and nothing is allocated.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { encodeEffect, recordEventsOf, recordKindOf } from '../../keyspace/effect-codec.ts';
import type { EffectWriter } from '../../keyspace/effect-writer.ts';
import type { Effect } from '../../keyspace/effect.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { SeededChance } from '../../platform/platform.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { stringRecords } from './string-records.ts';
import type { StringRecords } from './string-records.ts';

const ROOM_BYTES = 131_072;
const TWO_32 = 4_294_967_296;

/** Collects a record in an array. */
function writerTo(record: number[], { low, kernel, lowAllocator }: WorkerMemory): EffectWriter {
  return {
    u8: (value) => { record.push(value); },
    u32: (value) => {
      for (let shift = 0; shift < 32; shift += 8) record.push((value >>> shift) & 255);
    },
    bytes: (at, bytes) => {
      const block = lowAllocator.alloc(Math.max(1, bytes));
      kernel.copy(block * 8, at, bytes);
      record.push(...low.subarray(block * 8, block * 8 + bytes));
      lowAllocator.free(block);
    },
  };
}

/** Writes the effect's record at once. */
function writeAtOnce(
  records: StringRecords, effect: Effect, timeMs: number, to: number, room: number,
): number {
  const [low, high] = [timeMs | 0, Math.floor(timeMs / TWO_32)];
  const [kind, events] = [recordKindOf(effect), recordEventsOf(effect)];
  return records.plainSet(to, room, kind, events, low, high, effect.ref);
}

/** Calls back with both records of every string that is set: of the codec, and written at once. */
function compareAll(
  driver: CommandDriver, form: 'kernel' | 'twin',
  take: (plain: number[], atOnce: number[] | null) => void,
): void {
  const { memory, shard } = driver;
  const records = stringRecords(memory, form);
  const block = memory.lowAllocator.alloc(ROOM_BYTES) * 8;
  shard.journal.listen((effect, _sequence, timeMs) => {
    if (effect.op !== EffectOp.StringSet) return;
    const plain: number[] = [];
    encodeEffect(shard, effect, timeMs, writerTo(plain, memory));
    // An odd place: nothing may rely on alignment.
    const to = block + 3;
    memory.low.fill(0xee, block, to + plain.length + 16);
    const isUntouched = (from: number, end: number): boolean =>
      memory.low.subarray(from, end).every((byte) => byte === 0xee);
    expect(writeAtOnce(records, effect, timeMs, to, plain.length - 1)).toBe(0);
    expect(isUntouched(block, to + plain.length + 16)).toBe(true);
    const bytes = writeAtOnce(records, effect, timeMs, to, plain.length);
    expect(isUntouched(block, to)).toBe(true);
    expect(isUntouched(to + bytes, to + plain.length + 16)).toBe(true);
    take(plain, bytes === 0 ? null : [...memory.low.subarray(to, to + bytes)]);
  });
}

describe.each(['kernel', 'twin'] as const)('records of plain strings, %s', (form) => {
  it('are what the codec writes', () => {
    let count = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const chance = new SeededChance(seed);
      const below = (end: number): number => (chance.next32() >>> 0) % end;
      const driver = new CommandDriver({ seed, startMs: 1_700_000_000_000 + seed });
      compareAll(driver, form, (plain, atOnce) => {
        expect(atOnce, `seed ${seed}`).toEqual(plain);
        count++;
      });
      for (let step = 0; step < 40; step++) {
        const key = `k${'y'.repeat(below(40))}`;
        const value = 'v'.repeat(below(step % 10 === 0 ? 60_000 : 100));
        const kind = below(6);
        driver.run('SELECT', String(below(16)));
        if (kind === 0) driver.run('SET', key, value, 'PX', String(1 + below(1e9)));
        else if (kind === 1) driver.run('SET', key, '12', 'KEEPTTL');
        else if (kind === 2) driver.run('INCR', `n${below(3)}`);
        else if (kind === 3) driver.run('MSET', key, value, 'other', '');
        else if (kind === 4) driver.run('GETSET', key, value);
        else driver.run('SET', key, value);
      }
    }
    expect(count).toBeGreaterThan(400);
  });
  it('keep raw and text strings apart, and are there for no rope and no very long key', () => {
    const driver = new CommandDriver();
    const found: boolean[] = [];
    compareAll(driver, form, (plain, atOnce) => {
      found.push(atOnce !== null);
      if (atOnce !== null) expect(atOnce).toEqual(plain);
    });
    driver.run('SET', 'key', 'v'.repeat(70_000));
    driver.run('SET', 'key', 'short');
    driver.run('SET', 'k'.repeat(65_535), 'short');
    driver.run('SET', 'k'.repeat(65_534), 'short');
    driver.run('INCRBYFLOAT', 'number', '10');
    driver.run('APPEND', 'key', 'more');
    expect(found.slice(0, 5)).toEqual([false, true, false, true, true]);
  });
  it('allocate nothing', () => {
    setFlagsFromString('--expose-gc');
    // Byte boundary: the collector has no type of its own.
    const collect = runInNewContext('gc') as () => void;
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    const driver = new CommandDriver();
    const { memory, shard } = driver;
    driver.run('SET', 'key', 'v'.repeat(64), 'EX', '100');
    const room = memory.lowAllocator.alloc(1024) * 8;
    const records = stringRecords(memory, form);
    const { effect } = shard;
    expect(effect.op).toBe(EffectOp.StringSet);
    const { ref } = effect;
    let sum = 0;
    const bytes = bytesPerCall(meter, () => {
      sum += records.plainSet(room, 1024, 1, 2, 3, 4, ref);
    });
    expect(sum).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(1);
  });
});
