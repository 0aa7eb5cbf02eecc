/**
 * Records of plain strings, replayed where they lie, beside replayEffect: the same data for records
 * of random commands, nothing done for all others; of damaged ones whatever is taken is what
 * replayEffect makes of it, and what that refuses is refused; and nothing is allocated.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../errors/fault.ts';
import { encodeEffect, replayEffect } from '../../keyspace/effect-codec.ts';
import type { EffectWriter } from '../../keyspace/effect-writer.ts';
import { SeededChance } from '../../platform/platform.ts';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { RandomTypeCommands } from '../../testing/random-type-commands.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { replayPlainSet } from './replay-string.hot.ts';

const STAGE_BYTES = 200_000;

/** The records of all that the driver changes from now on. */
function recordsOf({ shard, memory }: CommandDriver): Uint8Array[] {
  const records: Uint8Array[] = [];
  shard.journal.listen((effect, _sequence, timeMs) => {
    const record: number[] = [];
    const writer: EffectWriter = {
      u8: (value) => { record.push(value); },
      u32: (value) => {
        for (let shift = 0; shift < 32; shift += 8) record.push((value >>> shift) & 255);
      },
      bytes: (at, bytes) => {
        const block = memory.lowAllocator.alloc(Math.max(1, bytes));
        memory.kernel.copy(block * 8, at, bytes);
        for (let i = 0; i < bytes; i++) record.push(memory.low[block * 8 + i]!);
        memory.lowAllocator.free(block);
      },
    };
    encodeEffect(shard, effect, timeMs, writer);
    records.push(Uint8Array.from(record));
  });
  return records;
}

/** A shard that replays, with a place for records in its low memory. */
class Replaying {
  readonly driver = new CommandDriver({ seed: 5, startMs: 1_700_000_000_000 });
  readonly #at: number;

  constructor() {
    this.driver.shard.isReplaying = true;
    // An odd place: nothing may rely on alignment.
    this.#at = this.driver.memory.lowAllocator.alloc(STAGE_BYTES) * 8 + 3;
  }

  plain(record: Uint8Array): boolean {
    this.driver.memory.low.set(record, this.#at);
    return replayPlainSet(this.driver.shard, this.#at, record.length);
  }

  contents(): ReturnType<typeof contentsOf> {
    return contentsOf(this.driver.shard);
  }
}

/** Records of random commands on all types. */
function randomRecords(seed: number): Uint8Array[] {
  const driver = new CommandDriver({ seed, startMs: 1_700_000_000_000 });
  const records = recordsOf(driver);
  const random = new RandomTypeCommands(new SeededChance(seed));
  for (let step = 0; step < 150; step++) {
    driver.run('SELECT', random.below(16));
    const value = 'v'.repeat(random.below(step % 9 === 0 ? 70_000 : 100));
    const key = `k${'y'.repeat(random.below(30))}`;
    const kind = random.below(5);
    if (kind === 0) driver.run('SET', key, value, 'PX', 1 + random.below(1e9));
    else if (kind === 1) driver.run('INCR', `n${random.below(3)}`);
    else if (kind === 2) driver.run('SETRANGE', key, 2, value);
    else if (kind === 3) driver.run('SET', key, value);
    else driver.reply(...random.next());
    driver.advance(random.below(50));
  }
  return records;
}

describe('records of plain strings', () => {
  it('give what replayEffect gives', () => {
    let plain = 0;
    let others = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const [a, b] = [new Replaying(), new Replaying()];
      for (const record of randomRecords(seed)) {
        replayEffect(a.driver.shard, record);
        if (b.plain(record)) {
          plain++;
        } else {
          others++;
          replayEffect(b.driver.shard, record);
        }
      }
      expect(b.contents(), `seed ${seed}`).toEqual(a.contents());
      expect(b.driver.shard.nowMs, `seed ${seed}`).toBe(a.driver.shard.nowMs);
    }
    expect(plain).toBeGreaterThan(500);
    expect(others).toBeGreaterThan(200);
  });

  it('that are damaged do what replayEffect does, or nothing', () => {
    let refused = 0;
    let taken = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const chance = new SeededChance(seed);
      const below = (end: number): number => (chance.next32() >>> 0) % end;
      for (const record of randomRecords(seed).filter(({ length }) => length < 200)) {
        const damaged = record.slice(0, below(3) === 0 ? below(record.length + 1) : record.length);
        if (damaged.length > 0) damaged[below(Math.min(40, damaged.length))] = below(256);
        const [a, b] = [new Replaying(), new Replaying()];
        const isTaken = b.plain(damaged);
        let isRefused = false;
        try {
          replayEffect(a.driver.shard, damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
          isRefused = true;
        }
        if (isRefused) {
          refused++;
          expect(isTaken, `seed ${seed}: ${damaged.join()}`).toBe(false);
          expect(b.contents().size).toBe(0);
        } else if (isTaken) {
          taken++;
          expect(b.contents(), `seed ${seed}: ${damaged.join()}`).toEqual(a.contents());
        }
      }
    }
    expect(refused).toBeGreaterThan(100);
    expect(taken).toBeGreaterThan(50);
  }, 60_000);

  it('allocate nothing', () => {
    setFlagsFromString('--expose-gc');
    // Byte boundary: the collector has no type of its own.
    const collect = runInNewContext('gc') as () => void;
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    const source = new CommandDriver({ startMs: 1_700_000_000_000 });
    const records = recordsOf(source);
    source.run('SET', 'key', 'v'.repeat(64));
    const record = records[0]!;
    const { driver } = new Replaying();
    const at = driver.memory.lowAllocator.alloc(1024) * 8;
    driver.memory.low.set(record, at);
    let count = 0;
    const bytes = bytesPerCall(meter, () => {
      if (replayPlainSet(driver.shard, at, record.length)) count++;
    });
    expect(count).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(1);
  });
});
