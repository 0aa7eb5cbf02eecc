/**
 * Law 7 beyond strings: commands that move, copy, restore and date keys, mixed with string
 * commands, with memory refused at the n-th reserve for every n, and met for real in memories that
 * are nearly full, with eviction by every policy, expiry, and a clock that is also put back. After
 * a refusal nothing has changed and nothing has leaked; at the end the journal tells the whole
 * story, and flushing gives every byte back.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../admin/shard-check.ts';
import { verify } from '../assert.ts';
import { replayEffect } from '../keyspace/effect-codec.ts';
import { BIG_ARGUMENT_BYTES_MIN } from '../limits.ts';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { refuseReserve } from '../testing/memory-faults.ts';
import { JournalRecorder } from '../testing/journal-recorder.ts';
import { RandomStringCommands } from '../testing/random-string-commands.ts';
import { contentsOf } from '../testing/shard-contents.ts';

const START_MS = 1_700_000_000_000;
const LOW_BYTES = 16 * 1024 * 1024;
const RESERVES_PER_COMMAND_MAX = 12;
const POLICIES = [
  'noeviction', 'allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-ttl',
];

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Commands of keys, values and databases; `payload` is a DUMP, empty while there is none. */
function genericCommand(random: RandomStringCommands, payload: string): string[] {
  const db = String(random.below(3));
  const time = String(1 + random.below(4000));
  const makers: readonly (() => string[])[] = [
    () => ['RENAME', random.key(), random.key()],
    () => ['RENAMENX', random.key(), random.key()],
    () => ['COPY', random.key(), random.key(), 'REPLACE'],
    () => ['COPY', random.key(), random.key(), 'DB', db, 'REPLACE'],
    () => ['MOVE', random.key(), db],
    () => ['PEXPIRE', random.key(), time],
    () => ['PEXPIRE', random.key(), '-1'],
    () => ['PERSIST', random.key()],
    () => ['DEL', ...random.keys()],
    () => ['RESTORE', random.key(), '0', payload, 'REPLACE'],
    () => ['RESTORE', random.key(), time, payload],
    () => ['RESTORE', random.key(), '5', payload, 'ABSTTL', 'REPLACE'],
    () => ['SELECT', db],
    () => ['SWAPDB', db, String(random.below(3))],
    () => ['SCAN', '0', 'COUNT', '5'],
    () => ['RANDOMKEY'],
    () => (random.below(12) === 0 ? ['FLUSHDB'] : ['SELECT', db]),
  ];
  return random.pick(makers)();
}

function isBig(argument: string): boolean {
  return argument.length >= BIG_ARGUMENT_BYTES_MIN;
}

/** The next command; now and then the payload of a random key is taken for later RESTOREs. */
class Commands {
  readonly random: RandomStringCommands;
  payload = '';
  readonly #driver: CommandDriver;

  constructor(driver: CommandDriver, seed: number) {
    this.#driver = driver;
    this.random = new RandomStringCommands(new SeededChance(seed), START_MS);
  }

  next(): string[] {
    if (this.random.below(8) === 0) {
      const dump = this.#driver.reply('DUMP', this.random.key());
      if (dump.kind !== 'error' && 'text' in dump) this.payload = dump.text;
    }
    this.random.nowMs = this.#driver.clock.nowMs();
    return this.random.below(2) === 0
      ? genericCommand(this.random, this.payload)
      : this.random.next();
  }
}

function expectSameAfterReplay(driver: CommandDriver, recorder: JournalRecorder): void {
  const fresh = new CommandDriver();
  for (const record of recorder.records) replayEffect(fresh.shard, record);
  fresh.shard.keyspace.setNow(driver.shard.nowMs);
  const replayed = contentsOf(fresh.shard, latin1Of);
  expect(replayed).toEqual(contentsOf(driver.shard, latin1Of));
}

describe('memory refused at any point', () => {
  for (const seed of [51, 52, 53, 54]) {
    it(`changes nothing and leaks nothing (seed ${seed})`, () => {
      const driver = new CommandDriver({ seed, startMs: START_MS });
      const commands = new Commands(driver, seed);
      let refused = 0;
      for (let step = 0; step < 250; step++) {
        const args = commands.next();
        for (let n = 1; n <= RESERVES_PER_COMMAND_MAX; n++) {
          const before = contentsOf(driver.shard, latin1Of);
          const used = driver.memory.usedBytes();
          const { sequence } = driver.shard.journal;
          // A long argument arrives in a rope, which takes a reserve of its own.
          const undo = refuseReserve(driver, n + args.filter(isBig).length);
          const reply = driver.reply(...args);
          if (!undo() || reply.kind !== 'error' || !reply.text.startsWith('OOM')) break;
          refused++;
          const where = `seed ${seed} step ${step} reserve ${n}: ${args.join(' ').slice(0, 80)}`;
          expect(driver.memory.usedBytes(), where).toBe(used);
          expect(driver.shard.journal.sequence, where).toBe(sequence);
          expect(contentsOf(driver.shard, latin1Of), where).toEqual(before);
        }
        if (step % 10 === 0) driver.advance(commands.random.below(900));
      }
      expect(refused).toBeGreaterThan(50);
    });
  }
});

describe('a memory that is nearly full', () => {
  POLICIES.forEach((policy, i) => {
    it(`stays whole, and its journal complete (${policy})`, () => {
      const seed = 60 + i;
      const driver = new CommandDriver({
        seed, startMs: START_MS, settings: { 'maxmemory-policy': policy },
        memoryOptions: { lowBytes: LOW_BYTES, bytesMax: LOW_BYTES + 3 * 1024 * 1024 },
      });
      const limit = driver.shard.usedBytes() + 700_000;
      if (policy !== 'noeviction') driver.run('CONFIG', 'SET', 'maxmemory', limit);
      const base = driver.memory.arenaAllocator.usedBytes();
      const recorder = new JournalRecorder(driver.shard);
      const commands = new Commands(driver, seed);
      const { random } = commands;
      verify.enabled = true;
      try {
        for (let step = 0; step < 1_500; step++) {
          driver.run(...commands.next().map((word) => word.slice(0, 100_000)));
          if (step % 20 === 0) checkShard(driver.shard);
          if (random.below(6) === 0) driver.clock.advance(random.below(900) - random.below(300));
          if (random.below(3) === 0) driver.shard.maintain();
        }
        expect(driver.errors, `seed ${seed}`).toEqual([]);
        expectSameAfterReplay(driver, recorder);
        recorder.close();
        driver.emptyCompletely();
        expect(driver.memory.arenaAllocator.usedBytes(), `seed ${seed}`).toBe(base);
      } finally {
        verify.enabled = false;
      }
    });
  });
});
