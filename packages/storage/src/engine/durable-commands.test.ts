/**
 * W-07, W-26, W-28 and W-30 of the list of faults that this engine must not have: every command
 * that changes data survives a restart, with its deadlines; groups of streams live and die with
 * their key; what was flushed stays away; another number of shards finds every key.
 * A restart is a loss of power after everything was made durable, and a load into an empty shard.
 */
import { describe, expect, it } from 'vitest';
import { Flag, SeededChance, SLOT_COUNT, slotOfKey } from '@kora/core';
import type { Command } from '@kora/core';
import {
  CommandDriver, contentsOf, RandomTypeCommands, splitCommandLine,
} from '@kora/core/testing';
import { DirectDisk } from '../disk/direct-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { dealOut } from './deal-out.ts';
import { LogWords } from './log-words.ts';
import { openStore } from './open-store.ts';
import type { ShardStorePlan } from './open-store.ts';
import { ShardLoad } from './shard-load.ts';
import { ShardPersistence } from './shard-persistence.ts';

const START_MS = 1_700_000_000_000;
/** Turns until everything is durable: a segment has to be begun. */
const TURNS = 20;
const processes = { pid: 1, identityOf: () => undefined };

/** A shard with its log on a simulated disk. */
class Kept {
  readonly driver: CommandDriver;
  readonly persistence: ShardPersistence;

  constructor(files: SimulatedFiles, startMs = START_MS) {
    const { driver, plan } = loaded(files, startMs, 1, 0);
    this.driver = driver;
    this.persistence = new ShardPersistence({
      shard: driver.shard, disk: new DirectDisk(files), directory: 'data', next: plan.next,
      policy: 'every_write', words: new LogWords(1), tag: startMs | 0,
    });
  }

  /** Everything that has changed is durable. */
  settle(): void {
    for (let turn = 0; turn < TURNS; turn++) this.persistence.endTurn();
    expect(this.persistence.log.durableSequence).toBe(this.persistence.appended);
  }

  /** All keys with their values and deadlines. */
  contents(): Map<string, string> {
    return contentsIn(this.driver);
  }
}

/** Opens the directory for some shards and loads one of them. */
function loaded(
  files: SimulatedFiles, nowMs: number, shardCount: number, index: number,
): { readonly driver: CommandDriver; readonly plan: ShardStorePlan } {
  const options = { directory: 'data', shardCount, processes, nowMs };
  const plan = openStore(files, options, dealOut).shards[index]!;
  const driver = new CommandDriver({
    startMs: nowMs, settings: { 'enable-debug-command': 'yes' },
  });
  const load = new ShardLoad(files, driver.shard, plan.data);
  load.step(Infinity);
  load.close();
  return { driver, plan };
}

function contentsIn({ shard }: CommandDriver): Map<string, string> {
  shard.refreshClock();
  return new Map([...contentsOf(shard)].sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { type, value, deadlineMs }]) => [key, `${type} ${value} ${String(deadlineMs)}`]));
}

/** What a restart makes of the disk of this shard. */
function restarted(files: SimulatedFiles, kept: Kept): Kept {
  kept.settle();
  files.crash('drop');
  return new Kept(files, kept.driver.clock.nowMs());
}

function newFiles(): SimulatedFiles {
  return new SimulatedFiles(new SeededChance(1));
}

/** Writes whose examples change nothing on one empty shard. */
const CHANGE_NOTHING: ReadonlySet<string> = new Set(['flushall', 'flushdb']);

describe('W-07: a command that changes data survives a restart', () => {
  const { registry } = new CommandDriver();
  const writes = registry.commands.filter(({ flags, definition }) =>
    (flags & Flag.Write) !== 0 && definition.examples.length > 0);

  it.each(writes.map((command): [string, Command] => [command.name, command]))(
    '%s', (name, command) => {
      const files = newFiles();
      const kept = new Kept(files);
      const before = kept.persistence.appended;
      for (const [line] of command.definition.examples) {
        kept.driver.reply(...splitCommandLine(line));
      }
      const contents = kept.contents();
      if (!CHANGE_NOTHING.has(name)) {
        expect(kept.persistence.appended, 'changes that are logged').toBeGreaterThan(before);
      }
      expect(restarted(files, kept).contents()).toEqual(contents);
    },
  );

  it('all of them together, with deadlines that go on from where they were', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const files = newFiles();
      let kept = new Kept(files);
      const random = new RandomTypeCommands(new SeededChance(seed));
      for (let start = 0; start < 4; start++) {
        for (let i = 0; i < 150; i++) {
          kept.driver.reply(...random.next());
          if (i % 10 === 0) kept.driver.clock.advance(50);
        }
        const contents = kept.contents();
        kept = restarted(files, kept);
        expect(kept.contents(), `seed ${seed}, start ${start}`).toEqual(contents);
      }
    }
  });

  it('a deadline is an instant: time that passes while nothing runs counts', () => {
    const files = newFiles();
    const kept = new Kept(files);
    kept.driver.reply('SET', 'soon', '1', 'PX', '1000');
    kept.driver.reply('RPUSH', 'list', 'a');
    kept.driver.reply('PEXPIRE', 'list', '5000');
    kept.driver.reply('SET', 'stays', '1');
    kept.settle();
    files.crash('drop');
    const { driver } = new Kept(files, START_MS + 2000);
    expect(driver.run('EXISTS', 'soon', 'list', 'stays')).toBe(':2');
    expect(driver.run('PTTL', 'list')).toBe(':3000');
  });
});

describe('W-26: groups of a stream', () => {
  it('are there after a restart, with what is pending, and follow RENAME and COPY', () => {
    const files = newFiles();
    const kept = new Kept(files);
    const { driver } = kept;
    driver.reply('XADD', 'one', '1-1', 'f', 'v');
    driver.reply('XADD', 'one', '2-1', 'f', 'w');
    driver.reply('XGROUP', 'CREATE', 'one', 'g', '0');
    driver.reply('XREADGROUP', 'GROUP', 'g', 'ada', 'COUNT', '1', 'STREAMS', 'one', '>');
    driver.reply('COPY', 'one', 'two');
    driver.reply('RENAME', 'one', 'three');
    const again = restarted(files, kept).driver;
    for (const key of ['two', 'three']) {
      expect(again.run('XPENDING', key, 'g')).toBe(driver.run('XPENDING', key, 'g'));
      expect(again.run('XREADGROUP', 'GROUP', 'g', 'ada', 'STREAMS', key, '>'))
        .toContain('2-1');
    }
    expect(again.run('EXISTS', 'one')).toBe(':0');
  });
  it('go with their key, and do not come back with it or with a restart', () => {
    const files = newFiles();
    const kept = new Kept(files);
    const { driver } = kept;
    driver.reply('XADD', 's', '1-1', 'f', 'v');
    driver.reply('XGROUP', 'CREATE', 's', 'g', '0');
    driver.reply('DEL', 's');
    driver.reply('XADD', 's', '9-1', 'f', 'v');
    expect(driver.run('XINFO', 'GROUPS', 's')).toBe('*[]');
    expect(restarted(files, kept).driver.run('XINFO', 'GROUPS', 's')).toBe('*[]');
  });
});

describe('W-28: FLUSHDB and FLUSHALL', () => {
  it.each([['FLUSHALL'], ['FLUSHALL', 'ASYNC'], ['FLUSHDB'], ['FLUSHDB', 'ASYNC']])(
    'leave nothing of any type, and it stays away: %s %s', (...words) => {
      const files = newFiles();
      const kept = new Kept(files);
      const random = new RandomTypeCommands(new SeededChance(3));
      for (let i = 0; i < 300; i++) kept.driver.reply(...random.next());
      expect(kept.contents().size).toBeGreaterThan(10);
      for (const db of words[0] === 'FLUSHDB' ? [0, 1] : [0]) {
        kept.driver.reply('SELECT', db);
        kept.driver.reply(...words.filter((word) => word !== undefined));
      }
      expect(kept.contents().size).toBe(0);
      const again = restarted(files, kept);
      expect(again.contents().size).toBe(0);
      expect(again.driver.run('DBSIZE')).toBe(':0');
    },
  );
});

describe('W-30: another number of shards', () => {
  it('finds every key, of every type, again and again', () => {
    const files = newFiles();
    const first = new Kept(files);
    const random = new RandomTypeCommands(new SeededChance(4));
    for (let i = 0; i < 400; i++) first.driver.reply(...random.next());
    for (let i = 0; i < 200; i++) {
      first.driver.reply('SET', `key:${i}`, String(i));
      first.driver.reply('PFADD', `log:${i % 7}`, String(i));
    }
    const contents = first.contents();
    first.settle();
    for (const shardCount of [3, 1, 4, 2, 2, 1]) {
      files.crash('drop');
      const found = new Map<string, string>();
      for (let shard = 0; shard < shardCount; shard++) {
        const { driver } = loaded(files, START_MS, shardCount, shard);
        for (const [key, value] of contentsIn(driver)) {
          const name = Buffer.from(key.slice(key.indexOf('/') + 1), 'latin1');
          const owner = Math.floor((slotOfKey(name, 0, name.length) * shardCount) / SLOT_COUNT);
          expect(owner, key).toBe(shard);
          found.set(key, value);
        }
      }
      const sorted = new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
      expect(sorted, `${shardCount} shards`).toEqual(contents);
    }
  });
});
