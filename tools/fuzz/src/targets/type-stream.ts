/**
 * Random commands on all types against a shard alone: borders of encodings, wrong keys, deadlines
 * of keys and fields. Whatever comes: no exception, every value is whole, the journal replays to
 * the same data, each value survives DUMP and RESTORE, and when everything is deleted no byte stays
 * behind.
 */
import {
  CommandDriver, contentsOf, EVERY_TYPE, JournalRecorder, RandomTypeCommands, replayEffect,
} from '@kora/core/testing';
import type { ShardContents } from '@kora/core/testing';
import { Choices } from '../target.ts';
import type { FuzzTarget } from '../target.ts';

const START_MS = 1_700_000_000_000;
const STEPS = 120;
/** Thresholds that turn encodings early. */
const SMALL_SETTINGS: readonly (readonly string[])[] = [
  ['hash-max-listpack-entries', '4'], ['set-max-intset-entries', '4'],
  ['zset-max-listpack-entries', '4'], ['list-max-listpack-size', '3'],
  ['stream-node-max-entries', '5'],
];
const SETTINGS = { 'enable-debug-command': 'yes' };

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Runs the request; DEBUG RELOAD and the clock come in between. */
function play(driver: CommandDriver, request: readonly string[], choices: Choices): void {
  driver.reply(...request);
  if (driver.errors.length > 0) {
    throw new Error(`${JSON.stringify(request).slice(0, 300)} threw: ${driver.errors.join('; ')}`);
  }
  if (choices.once(12)) driver.clock.advance(choices.of([1, 99, 1000, 100_000]));
  if (choices.once(10)) driver.shard.maintain();
}

/** Restores the payload of a random key; another value than the one dumped is an error. */
function copyByPayload(driver: CommandDriver, key: string): void {
  const payload = driver.reply('DUMP', key);
  if (payload.kind !== 'bulk') return;
  const reply = driver.run('RESTORE', 'copied', '0', payload.text, 'REPLACE');
  if (reply !== '+"OK"') throw new Error(`the payload of ${key} is refused: ${reply}`);
  driver.run('DEL', 'copied');
}

function shown(contents: ShardContents, key: string): string {
  const held = contents.get(key);
  if (held === undefined) return 'absent';
  return `${held.type} ${held.encoding} ${held.deadlineMs ?? ''} ${held.value.slice(0, 500)}`;
}

function expectSame(replayed: ShardContents, wanted: ShardContents): void {
  for (const key of new Set([...replayed.keys(), ...wanted.keys()])) {
    const [got, held] = [shown(replayed, key), shown(wanted, key)];
    if (got !== held) throw new Error(`replay of ${key}\n${got}\ninstead of\n${held}`);
  }
}

export const typeStream: FuzzTarget = {
  name: 'type-stream',
  promise: 'no exception, values whole, journal complete, payloads accepted, no byte left',
  smokeRounds: 60,
  run(seed) {
    const choices = new Choices(seed);
    const driver = new CommandDriver({ seed, startMs: START_MS, settings: SETTINGS });
    const base = driver.memory.arenaAllocator.usedBytes();
    const recorder = new JournalRecorder(driver.shard);
    const random = new RandomTypeCommands({ next32: () => choices.below(2 ** 32) }, EVERY_TYPE);
    const settings = choices.once(3) ? SMALL_SETTINGS : [];
    for (const pair of settings) driver.run('CONFIG', 'SET', ...pair);
    for (let step = 0; step < STEPS; step++) {
      play(driver, random.next(), choices);
      if (choices.once(10)) copyByPayload(driver, random.key());
    }
    const fresh = new CommandDriver({ seed: seed + 1, startMs: START_MS });
    for (const pair of settings) fresh.run('CONFIG', 'SET', ...pair);
    for (const record of recorder.records) replayEffect(fresh.shard, record);
    fresh.shard.keyspace.setNow(driver.shard.nowMs);
    expectSame(contentsOf(fresh.shard, latin1Of), contentsOf(driver.shard, latin1Of));
    recorder.close();
    driver.run('DEBUG', 'RELOAD');
    const [error] = driver.errors;
    if (error !== undefined) throw new Error(`DEBUG RELOAD threw: ${error}`);
    driver.emptyCompletely();
    const left = driver.memory.arenaAllocator.usedBytes() - base;
    if (left !== 0) throw new Error(`${left} bytes stayed after FLUSHALL`);
  },
};
