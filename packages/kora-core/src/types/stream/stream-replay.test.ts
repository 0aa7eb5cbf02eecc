/**
 * Replays of stream changes that do not fit the data are refused as a damaged journal and change
 * nothing; those that fit are made. That whole journals give the same streams is in the model test.
 */
import { describe, expect, it } from 'vitest';
import { Fault } from '../../errors/fault.ts';
import { EffectParts } from '../../keyspace/effect-parts.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { replayStream } from './stream-replay.ts';

const ID_5 = '\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01';
const ID_9 = '\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x01';
const LONG = '\x01\0\0\0\0\0\0\0';
const BEYOND = '\0\0\0\0\0\0\0\x7f';

function prepared(): CommandDriver {
  const driver = new CommandDriver();
  driver.run('XADD', 's', '5-1', 'a', '1');
  driver.run('XADD', 's', '6-1', 'a', '1');
  driver.run('XGROUP', 'CREATE', 's', 'g', '0');
  driver.run('XREADGROUP', 'GROUP', 'g', 'ada', 'COUNT', '1', 'STREAMS', 's', '>');
  driver.run('SET', 'text', 'x');
  return driver;
}

/** Replays one change of a key; true when it was refused as damaged. */
function isRefused(
  driver: CommandDriver, key: string, op: number, values: readonly (string | number)[],
): boolean {
  const { memory, shard } = driver;
  const parts = new EffectParts();
  // Odd addresses, as records have them.
  let next = memory.lowAllocator.alloc(4096) * 8 + 1;
  const place = (text: string): number => {
    const at = next;
    for (let i = 0; i < text.length; i++) memory.low[next++] = text.charCodeAt(i);
    next |= 1;
    return at;
  };
  const keyAt = place(key);
  for (const value of values) {
    if (typeof value === 'number') parts.addNumber(value);
    else parts.add(place(value), value.length);
  }
  const [db] = shard.keyspace.databases;
  const ref = db === undefined ? 0 : shard.keyspace.find(db, keyAt, key.length);
  try {
    replayStream(shard, op, { at: keyAt, bytes: key.length, ref }, parts);
    return false;
  } catch (fault) {
    expect(fault).toBeInstanceOf(Fault);
    expect((fault as Fault).code).toBe('CORRUPT_JOURNAL');
    return true;
  }
}

type Case = readonly [string, string, number, readonly (string | number)[]];

const refused: readonly Case[] = [
  ['an entry in the past', 's', EffectOp.StreamAdd, [ID_5, 'a', '1']],
  ['half an entry', 's', EffectOp.StreamAdd, [ID_9, 'a']],
  ['an entry without fields', 's', EffectOp.StreamAdd, [ID_9]],
  ['an entry of numbers', 's', EffectOp.StreamAdd, [ID_9, 1, 2]],
  ['a short ID', 's', EffectOp.StreamAdd, ['xyz', 'a', '1']],
  ['an entry of a string', 'text', EffectOp.StreamAdd, [ID_9, 'a', '1']],
  ['the removal of nothing', 's', EffectOp.StreamRemove, [ID_5, ID_9]],
  ['a removal from nothing', 'none', EffectOp.StreamRemove, [ID_5]],
  ['too long a trim', 's', EffectOp.StreamTrim, [3]],
  ['a trim of a part', 's', EffectOp.StreamTrim, [0.5]],
  ['a trim by a name', 's', EffectOp.StreamTrim, ['x']],
  ['a last ID in the past', 's', EffectOp.StreamSetId, [ID_5, ID_5, LONG]],
  ['a group without a position', 's', EffectOp.StreamGroupPut, ['g', ID_5]],
  ['the removal of no group', 's', EffectOp.StreamGroupRemove, ['h']],
  ['a consumer of no group', 's', EffectOp.StreamConsumerPut, ['h', 'bob', LONG + LONG]],
  ['a consumer of another time', 's', EffectOp.StreamConsumerPut, ['g', 'bob', BEYOND + LONG]],
  ['the removal of no consumer', 's', EffectOp.StreamConsumerRemove, ['g', 'bob']],
  ['an entry pending for nobody', 's', EffectOp.StreamPendingPut, ['g', 'bob', ID_5 + LONG + LONG]],
  ['a short pending entry', 's', EffectOp.StreamPendingPut, ['g', 'ada', ID_5 + LONG]],
  ['an entry pending since never', 's', EffectOp.StreamPendingPut,
    ['g', 'ada', ID_5 + LONG + LONG, ID_9 + BEYOND + LONG]],
  ['the end of what is not pending', 's', EffectOp.StreamPendingRemove, ['g', ID_5, ID_9]],
];

const made: readonly Case[] = [
  ['an entry', 's', EffectOp.StreamAdd, [ID_9, 'a', '1']],
  ['a first entry', 'none', EffectOp.StreamAdd, [ID_9, 'a', '1']],
  ['a removal', 's', EffectOp.StreamRemove, [ID_5]],
  ['a trim', 's', EffectOp.StreamTrim, [2]],
  ['a last ID', 's', EffectOp.StreamSetId, [ID_9, ID_5, LONG]],
  ['a group of nothing', 'none', EffectOp.StreamGroupPut, ['g', ID_5, LONG]],
  ['the removal of a group', 's', EffectOp.StreamGroupRemove, ['g']],
  ['a consumer', 's', EffectOp.StreamConsumerPut, ['g', 'bob', LONG + LONG]],
  ['the removal of a consumer', 's', EffectOp.StreamConsumerRemove, ['g', 'ada']],
  ['a pending entry', 's', EffectOp.StreamPendingPut, ['g', 'ada', ID_9 + LONG + LONG]],
  ['the end of one', 's', EffectOp.StreamPendingRemove, ['g', ID_5]],
];

describe('replays of streams', () => {
  it.each(refused)('refuse %s', (_, key, op, values) => {
    const driver = prepared();
    const before = contentsOf(driver.shard);
    expect(isRefused(driver, key, op, values)).toBe(true);
    expect(contentsOf(driver.shard)).toEqual(before);
  });

  it.each(made)('make %s', (_, key, op, values) => {
    const driver = prepared();
    const before = contentsOf(driver.shard);
    expect(isRefused(driver, key, op, values)).toBe(false);
    expect(contentsOf(driver.shard)).not.toEqual(before);
  });
});
