/**
 * The proof that the journal is complete: thousands of random commands on one shard, under a
 * virtual clock with expiry, eviction and whole-database commands, then its records replayed into a
 * fresh shard give the same data at every cut point. Records that were damaged are refused with a
 * Fault and never bring the shard down.
 */
import { describe, expect, it } from 'vitest';
import { Fault } from '../errors/fault.ts';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { JournalRecorder } from '../testing/journal-recorder.ts';
import { RandomStringCommands } from '../testing/random-string-commands.ts';
import type { KeyContents, ShardContents } from '../testing/shard-contents.ts';
import { contentsOf } from '../testing/shard-contents.ts';
import { EffectOp, EffectReason } from './effect.ts';
import { replayEffect } from './effect-codec.ts';

const START_MS = 1_700_000_000_000;
const CUTS = 6;

interface Cut {
  readonly recordCount: number;
  readonly nowMs: number;
  readonly contents: ShardContents;
}

interface Recording {
  readonly records: readonly Uint8Array[];
  readonly cuts: readonly Cut[];
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** A command that ignores the type, or concerns whole databases. */
function genericCommand(random: RandomStringCommands): string[] {
  const db = String(random.below(3));
  const makers: (() => string[])[] = [
    () => ['DEL', ...random.keys()],
    () => ['UNLINK', random.key()],
    () => ['RENAME', random.key(), random.key()],
    () => ['RENAMENX', random.key(), random.key()],
    () => ['COPY', random.key(), random.key(), 'DB', db, 'REPLACE'],
    () => ['COPY', random.key(), random.key()],
    () => ['MOVE', random.key(), db],
    () => ['EXPIRE', random.key(), random.time()],
    () => ['PEXPIREAT', random.key(), String(random.nowMs + random.below(5000) - 500)],
    () => ['PERSIST', random.key()],
    () => ['SELECT', db],
    () => ['SELECT', db],
    () => ['SWAPDB', db, String(random.below(3))],
    () => (random.below(10) === 0 ? ['FLUSHDB'] : ['SELECT', db]),
    () => (random.below(25) === 0 ? ['FLUSHALL'] : ['SELECT', db]),
  ];
  return random.pick(makers)();
}

function record(seed: number, steps: number, settings: Record<string, string> = {}): Recording {
  const driver = new CommandDriver({ seed, startMs: START_MS, settings });
  const recorder = new JournalRecorder(driver.shard);
  const random = new RandomStringCommands(new SeededChance(seed), START_MS);
  const cuts: Cut[] = [];
  for (let step = 1; step <= steps; step++) {
    if (random.below(8) === 0) driver.advance(random.pick([1, 50, 100, 500, 1000, 5000]));
    random.nowMs = driver.clock.nowMs();
    const args = random.below(3) === 0 ? genericCommand(random) : random.next();
    driver.reply(...args);
    if (step % Math.floor(steps / CUTS) === 0) {
      const contents = contentsOf(driver.shard, latin1Of);
      const nowMs = driver.shard.nowMs;
      cuts.push({ recordCount: recorder.records.length, nowMs, contents });
    }
  }
  recorder.close();
  expect(driver.errors).toEqual([]);
  return { records: recorder.records, cuts };
}

function expectSameReplay(recording: Recording, seed: number): void {
  const differs = replayDifference(recording, seed);
  if (differs !== '') expect.fail(differs);
}

/** Where a replay leaves the recorded data first; empty when it never does. */
function replayDifference(recording: Recording, seed: number): string {
  const fresh = new CommandDriver({ seed: seed + 1, startMs: START_MS });
  let done = 0;
  for (const cut of recording.cuts) {
    for (; done < cut.recordCount; done++) {
      const each = recording.records[done];
      if (each !== undefined) replayEffect(fresh.shard, each);
    }
    fresh.shard.keyspace.setNow(cut.nowMs);
    const got = contentsOf(fresh.shard, latin1Of);
    const where = `seed ${seed}, after ${done} records`;
    for (const key of new Set([...got.keys(), ...cut.contents.keys()])) {
      const isSame = flat(got.get(key)) === flat(cut.contents.get(key));
      if (!isSame) return `${where}: ${key} differs`;
    }
  }
  expect(fresh.shard.journal.sequence, 'a replay announces nothing').toBe(0);
  return '';
}

function flat(contents: KeyContents | undefined): string {
  return contents === undefined
    ? 'absent'
    : JSON.stringify({ ...contents, deadlineMs: String(contents.deadlineMs) });
}

describe('the journal, replayed into a fresh shard', () => {
  it.each([11, 12, 13, 14, 15, 16])('gives identical data at every cut, seed %i', (seed) => {
    const recording = record(seed, 1200);
    expect(recording.records.length).toBeGreaterThan(100);
    expectSameReplay(recording, seed);
  });

  it('names evictions like every other change', () => {
    const settings = { maxmemory: '400kb', 'maxmemory-policy': 'allkeys-random' };
    const recording = record(21, 1500, settings);
    expect(recording.records.some((each) => each[2] === EffectReason.Evicted)).toBe(true);
    expectSameReplay(recording, 21);
  });

  it('differs when one record is left out', () => {
    const recording = record(51, 300);
    const { cuts, records } = recording;
    const last = records.length - 1;
    const lastSet = records.findLastIndex((each) => each[1] === EffectOp.StringSet);
    const without = records.filter((_, i) => i !== lastSet);
    const shortened = cuts.map((cut) => ({ ...cut, recordCount: last }));
    expect(replayDifference({ records: without, cuts: shortened.slice(-1) }, 51)).not.toBe('');
  });

  it('reaches every kind of change', () => {
    const ops = new Set<number>();
    const reasons = new Set<number>();
    for (const seed of [31, 32, 33]) {
      for (const each of record(seed, 1200).records) {
        ops.add(each[1] ?? 0);
        reasons.add(each[2] ?? 0);
      }
    }
    expect([...ops].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(reasons.has(1), 'expiry').toBe(true);
  });
});

describe('damaged records', () => {
  const recording = record(41, 600);

  it('are refused when they end early or go on too long', () => {
    const fresh = new CommandDriver();
    for (const whole of recording.records.slice(0, 60)) {
      const step = Math.max(1, Math.floor(whole.length / 40));
      for (let length = 0; length < whole.length; length += step) {
        expectCorrupt(fresh, whole.slice(0, length));
      }
      const longer = new Uint8Array(whole.length + 1);
      longer.set(whole);
      expectCorrupt(fresh, longer);
      replayEffect(fresh.shard, whole);
    }
  });

  it('never bring the shard down, whatever bit flips', () => {
    const chance = new SeededChance(42);
    const fresh = new CommandDriver({ memoryOptions: { bytesMax: 96 * 1024 * 1024 } });
    for (const whole of recording.records) {
      for (let i = 0; i < 6; i++) {
        const damaged = whole.slice();
        const at = (chance.next32() >>> 0) % Math.min(damaged.length, 64);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (chance.next32() & 7));
        try {
          replayEffect(fresh.shard, damaged);
        } catch (error) {
          const code = error instanceof Fault ? error.code : String(error);
          expect(['CORRUPT_JOURNAL', 'OUT_OF_MEMORY']).toContain(code);
        }
      }
      contentsOf(fresh.shard, latin1Of);
    }
    expect(fresh.shard.isReplaying).toBe(false);
    expect(fresh.run('SET', 'k', 'v')).toBe('+"OK"');
    expect(fresh.run('GET', 'k')).toBe('$"v"');
  });

  it('are not those that a longer proto-max-bulk-len allows', () => {
    // A StringPatch of one byte at 600 MiB: sound, though this shard has no room for it.
    const record = Uint8Array.of(
      1, EffectOp.StringPatch, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x6b,
      0, 0, 0x80, 0x25, 1, 0, 0, 0, 0x78,
    );
    const fresh = new CommandDriver();
    let code = 'nothing thrown';
    try {
      replayEffect(fresh.shard, record);
    } catch (error) {
      code = error instanceof Fault ? error.code : String(error);
    }
    expect(code).toBe('OUT_OF_MEMORY');
  });
});

function expectCorrupt(driver: CommandDriver, damaged: Uint8Array): void {
  const before = driver.memory.arenaAllocator.usedBytes();
  let code = 'nothing thrown';
  try {
    replayEffect(driver.shard, damaged);
  } catch (error) {
    code = error instanceof Fault ? error.code : String(error);
  }
  expect(code).toBe('CORRUPT_JOURNAL');
  expect(driver.memory.arenaAllocator.usedBytes()).toBe(before);
}
