/**
 * What must hold for every type alike, under random commands on all of them: a journal replayed
 * gives the same data at every cut; DUMP restored is the same value, also into its own place; the
 * shard is whole at any time; and when everything is deleted, at once or in slices, not a byte
 * stays behind. Commands that fail change nothing.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../admin/shard-check.ts';
import { verify } from '../assert.ts';
import { EffectOp } from '../keyspace/effect.ts';
import { replayEffect } from '../keyspace/effect-codec.ts';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { JournalRecorder } from '../testing/journal-recorder.ts';
import type { TemplateType } from '../testing/random-type-commands.ts';
import { EVERY_TYPE, RandomTypeCommands } from '../testing/random-type-commands.ts';
import { contentsOf } from '../testing/shard-contents.ts';
import type { ShardContents } from '../testing/shard-contents.ts';

const START_MS = 1_700_000_000_000;
const STEPS = 700;
const CUT_STEPS = 100;
const SUBJECTS: readonly (readonly TemplateType[])[] = [
  ['list'], ['set'], ['zset'], ['hash'], ['stream'], ['vector'], ['string'],
  EVERY_TYPE,
];
const SETTINGS = { 'enable-debug-command': 'yes' };

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The first key that differs, as a text; empty when all are the same. */
function difference(got: ShardContents, wanted: ShardContents): string {
  for (const key of new Set([...got.keys(), ...wanted.keys()])) {
    const [left, right] = [got, wanted].map((contents) => textOf(contents, key));
    if (left !== right) return `${key}:\n${left}\nwanted\n${right}`.slice(0, 4_000);
  }
  return '';
}

/** As after a restart of Redis, small values may have lost the encodings of big ones. */
function withoutEncodings(contents: ShardContents): ShardContents {
  return new Map([...contents].map(([key, held]) => [key, { ...held, encoding: '' }]));
}

function textOf(contents: ShardContents, key: string): string {
  const held = contents.get(key);
  if (held === undefined) return 'absent';
  return JSON.stringify({ ...held, deadlineMs: String(held.deadlineMs) });
}

describe('values of every type', () => {
  for (const [i, types] of SUBJECTS.entries()) {
    const name = types.length > 1 ? 'all' : types.join();
    const seed = 80 + i;
    it(`${name}: the journal replays to the same data, and nothing leaks (seed ${seed})`, () => {
      const driver = new CommandDriver({ seed, startMs: START_MS, settings: SETTINGS });
      const recorder = new JournalRecorder(driver.shard);
      const random = new RandomTypeCommands(new SeededChance(seed), types);
      const fresh = new CommandDriver({ seed: seed + 1, startMs: START_MS });
      const base = driver.memory.arenaAllocator.usedBytes();
      let replayed = 0;
      verify.enabled = true;
      try {
        for (let step = 1; step <= STEPS; step++) {
          const args = random.next();
          driver.reply(...args);
          if (driver.errors.length > 0) throw new Error(`${args.join(' ')}: ${driver.errors[0]}`);
          if (random.below(12) === 0) driver.advance(random.pick([1, 100, 1_000]));
          if (step % CUT_STEPS !== 0) continue;
          checkShard(driver.shard);
          for (; replayed < recorder.records.length; replayed++) {
            replayEffect(fresh.shard, recorder.records[replayed]!);
          }
          fresh.shard.keyspace.setNow(driver.shard.nowMs);
          checkShard(fresh.shard);
          const differs = difference(
            contentsOf(fresh.shard, latin1Of), contentsOf(driver.shard, latin1Of),
          );
          expect(differs, `seed ${seed} step ${step}`).toBe('');
        }
        recorder.close();
        driver.emptyCompletely();
        expect(driver.memory.arenaAllocator.usedBytes(), `seed ${seed}`).toBe(base);
      } finally {
        verify.enabled = false;
      }
    });

    it(`${name}: DUMP restores to the same value (seed ${seed})`, () => {
      const driver = new CommandDriver({ seed, startMs: START_MS, settings: SETTINGS });
      const random = new RandomTypeCommands(new SeededChance(seed + 100), types);
      let restored = 0;
      for (let step = 0; step < 400; step++) {
        driver.reply(...random.next());
        const key = random.key();
        const payload = driver.reply('DUMP', key);
        if (payload.kind !== 'bulk') continue;
        expect(driver.run('RESTORE', 'copy', '0', payload.text, 'REPLACE'), key).toBe('+"OK"');
        const contents = contentsOf(driver.shard, latin1Of);
        const db = driver.client.db;
        const value = contents.get(`${db}/${key}`)?.value;
        expect(contents.get(`${db}/copy`)?.value, `seed ${seed} step ${step} ${key}`).toBe(value);
        restored++;
      }
      expect(restored).toBeGreaterThan(50);
    });

    it(`${name}: DEBUG RELOAD keeps every value (seed ${seed})`, () => {
      const driver = new CommandDriver({ seed, startMs: START_MS, settings: SETTINGS });
      const random = new RandomTypeCommands(new SeededChance(seed + 200), types);
      for (let step = 1; step <= 300; step++) {
        driver.reply(...random.next());
        if (step % 30 !== 0) continue;
        const before = withoutEncodings(contentsOf(driver.shard, latin1Of));
        expect(driver.run('DEBUG', 'RELOAD'), `seed ${seed} step ${step}`).toBe('+"OK"');
        const after = withoutEncodings(contentsOf(driver.shard, latin1Of));
        expect(difference(after, before), `seed ${seed} step ${step}`).toBe('');
      }
      expect(driver.errors).toEqual([]);
    });
  }

  it('are changed in every way that the journal knows', () => {
    const ops = new Set<number>();
    for (const types of SUBJECTS) {
      const driver = new CommandDriver({ seed: 91, startMs: START_MS });
      driver.shard.journal.listen(({ op }) => void ops.add(op));
      const random = new RandomTypeCommands(new SeededChance(91), types);
      for (let step = 0; step < 1_500; step++) driver.reply(...random.next());
    }
    const known = Object.entries(EffectOp).filter(([, op]) => op >= EffectOp.ValueSet);
    expect(known.filter(([, op]) => !ops.has(op)).map(([name]) => name)).toEqual([]);
  });
});
