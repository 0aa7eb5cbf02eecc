/**
 * The keyspace events of list commands, in the order in which redis-server 7.0 announces them, with
 * the key each is about; and removals in so many places that one effect does not hold them.
 */
import { describe, expect, it } from 'vitest';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { keyEvents } from '../../keyspace/events.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

/** Events by command line, as recorded from redis-server 7.0.15. */
const recorded: readonly (readonly [line: string, events: string])[] = [
  ['RPUSH a 1 2 3', 'rpush a'],
  ['LMOVE a b left right', 'rpush b, lpop a'],
  ['LMOVE a a left right', 'rpush a, lpop a'],
  ['RPOPLPUSH a b', 'lpush b, rpop a'],
  ['LMOVE a b left left', 'lpush b, lpop a, del a'],
  ['LMPOP 1 b left count 2', 'lpop b'],
  ['LPOP b 5', 'lpop b, del b'],
  ['LPOP nokey', ''],
  ['RPUSH c 1 1 1', 'rpush c'],
  ['LREM c 0 1', 'lrem c, del c'],
  ['RPUSH c 1 2', 'rpush c'],
  ['LTRIM c 0 -1', 'ltrim c'],
  ['LTRIM c 0 0', 'ltrim c'],
  ['LTRIM c 5 6', 'ltrim c, del c'],
  ['RPUSH d x', 'rpush d'],
  ['LSET d 0 y', 'lset d'],
  ['LINSERT d before y z', 'linsert d'],
  ['LINSERT d before q z', ''],
  ['LREM d 0 q', ''],
  ['LPOP d 0', ''],
  ['BLMOVE d e left right 0', 'rpush e, lpop d'],
  ['BLPOP e 0', 'lpop e, del e'],
  ['BLMPOP 0 1 d left count 9', 'lpop d, del d'],
  ['LMOVE nokey d left right', ''],
  ['LPUSHX nokey a', ''],
  ['RPUSH q 1', 'rpush q'],
  ['RPOPLPUSH q q', 'lpush q, rpop q'],
  ['LPOP q 1', 'lpop q, del q'],
];

describe('events of lists', () => {
  it('come in the order of Redis', () => {
    const driver = new CommandDriver();
    const { memory, shard } = driver;
    const events: string[] = [];
    shard.journal.listen(({ event, keyAt, keyBytes }) => {
      const block = memory.lowAllocator.alloc(64);
      memory.kernel.copy(block * 8, keyAt, keyBytes);
      const key = String.fromCharCode(...memory.low.subarray(block * 8, block * 8 + keyBytes));
      memory.lowAllocator.free(block);
      events.push(`${keyEvents[event]?.name ?? ''} ${key}`);
    });
    for (const [line, wanted] of recorded) {
      driver.runLine(line);
      expect(events.splice(0).join(', '), line).toBe(wanted);
    }
  });

  it('of a removal in very many places come once, and replay', () => {
    const driver = new CommandDriver();
    const replica = new CommandDriver();
    const recorder = new JournalRecorder(driver.shard);
    const pairs = Array.from({ length: 4000 }, () => ['a', 'b']).flat();
    for (let i = 0; i < 10; i++) driver.run('RPUSH', 'k', ...pairs);
    let announced = 0;
    let effects = 0;
    driver.shard.journal.listen(({ event }) => {
      effects++;
      if (event !== 0) announced++;
    });
    expect(driver.run('LREM', 'k', 0, 'a')).toBe(':40000');
    expect([effects, announced]).toEqual([2, 1]);
    for (const record of recorder.records) replayEffect(replica.shard, record);
    expect(contentsOf(replica.shard)).toEqual(contentsOf(driver.shard));
    recorder.close();
  });
});
