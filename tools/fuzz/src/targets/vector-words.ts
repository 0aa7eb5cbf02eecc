/**
 * Requests of the vector commands with arguments that nobody would send: numbers that are none,
 * blobs of any length, filters of tokens in any order, options anywhere. Whatever comes: one reply,
 * no exception, values whole, the journal replays to the same data, no index and no byte left. Some
 * sets are made big first, so that the same requests meet an index.
 */
import { CommandDriver, contentsOf, JournalRecorder, replayEffect } from '@kora/core/testing';
import type { ShardContents } from '@kora/core/testing';
import { vectorEngine } from '@kora/embedded/vector-engine';
import { Choices } from '../target.ts';
import type { FuzzTarget } from '../target.ts';

const STEPS = 150;
const SETTINGS = { 'enable-debug-command': 'yes' };
const BIG_DIMENSION = 1024;
const BIG_COUNT = 160;

const COMMANDS = [
  'VADD', 'VADD', 'VADD', 'VSIM', 'VSIM', 'VSIM', 'VREM', 'VEMB', 'VINFO', 'VLINKS', 'VSETATTR',
  'VGETATTR', 'VRANDMEMBER', 'VISMEMBER', 'VRANGE', 'VCARD', 'VDIM', 'VNEW', 'VSEARCH', 'VDEL',
  'VECSET', 'VECGET', 'VECDEL', 'VECQUERY', 'VECNEW', 'VECADD',
  'VECADD', 'VECINFO', 'VECDROP', 'VECSEARCH', 'VECSEARCH', 'COPY', 'DEL', 'PEXPIRE',
] as const;
const KEYS = ['v', 'v', 'w', 'big', 'v:a', 'w:b:c', 'text', ''] as const;
const NUMBERS = [
  '0', '1', '-1', '2', '3', '0.5', '-0', '1e-50', '3e38', '1e39', '1e400', 'nan', 'inf', '0x10',
  '', ' 1', '1 ', '+5', '9007199254740993', '18446744073709551616', '65536', '65537', 'x',
] as const;
const OPTIONS = [
  'REDUCE', 'VALUES', 'FP32', 'ELE', 'CAS', 'NOQUANT', 'Q8', 'BIN', 'EF', 'M', 'SETATTR', 'COUNT',
  'WITHSCORES', 'WITHATTRIBS', 'EPSILON', 'FILTER', 'FILTER-EF', 'TRUTH', 'NOTHREAD', 'RAW', 'ID',
  'METRIC', 'cosine', 'l2', 'ip', 'PRESET', 'high_speed', 'F32', 'EF_CONSTRUCTION', 'EXACT',
  'OFFSET', 'MAXDISTANCE', 'STRATEGY', 'pre', 'post', 'WITHSELF',
] as const;
const FILTER_TOKENS = [
  '.a', '.b', '.', '.a.b', '1', '1.5', '.5', '"x"', "'y'", '"', "'", '\\', '==', '!=', '<', '<=',
  '>', '>=', '=', 'and', 'or', 'not', '&&', '||', '!', 'in', '[', ']', ',', '(', ')', '+', '-', '*',
  '/', '%', '**', 'true', 'null', '~', '\xff', '\xc3\xa4', '\0', '  ',
] as const;
const JSON_TEXTS = [
  '{}', '{"a":1}', '{"a":"x","b":[1,"x"]}', '{"a":{"b":1}}', '[1]', '"x"', 'null', '{', '', '\xff',
  '{"a":1e999}', '{"__proto__":{"a":1}}', '{"a":true,"b":null}',
] as const;

function blob(choices: Choices): string {
  let text = '';
  for (let left = choices.of([0, 1, 3, 4, 4, 8, 8, 12, 16, 4096]); left > 0; left--) {
    text += String.fromCharCode(choices.of([0, 0x3f, 0x7f, 0x80, 0xff, choices.below(256)]));
  }
  return text;
}

function filter(choices: Choices): string {
  if (choices.once(3)) return choices.of(['.a == 1', '.a > 0 and .b', '"x" in .b', 'not (.a < 2)']);
  return Array.from({ length: choices.below(9) }, () => choices.of(FILTER_TOKENS)).join(' ');
}

function argument(choices: Choices): string[] {
  switch (choices.below(9)) {
    case 0: return [blob(choices)];
    case 1: return [choices.of(JSON_TEXTS)];
    case 2: return ['FILTER', filter(choices)];
    case 3: case 4: return [choices.of(OPTIONS)];
    case 5: return ['VALUES', '2', choices.of(NUMBERS), '1', `e${choices.below(6)}`];
    case 6: return [`e${choices.below(6)}`];
    default: return [choices.of(NUMBERS)];
  }
}

/** A request, half of the time one that could work. */
function request(choices: Choices): string[] {
  const name = choices.of(COMMANDS);
  const key = choices.of(KEYS);
  if (choices.once(2)) {
    return [name, key, ...Array.from({ length: choices.below(7) }, () => argument(choices)).flat()];
  }
  const element = `e${choices.below(6)}`;
  const x = choices.of(['1', '-2', '0.25', '7']);
  switch (name) {
    case 'VADD':
      return [name, key, 'VALUES', '2', x, '1', element, 'SETATTR', choices.of(JSON_TEXTS)];
    case 'VSIM': return [name, key, 'ELE', element, 'FILTER', filter(choices), 'WITHATTRIBS'];
    case 'VSEARCH': return [name, key, blob(choices), choices.of(NUMBERS)];
    case 'VECSET': return [name, key, '2', x, '1'];
    case 'VECNEW': return [name, key, '2', choices.of(['F32', 'Q8', 'BIN']), 'EF', '9'];
    case 'VECADD':
      return [name, key, element, '\0\0\x80?\0\0\0\0', '{"a":1}', 'e', blob(choices), ''];
    case 'VECSEARCH':
      return [name, key, choices.of(NUMBERS), 'ID', element, 'OFFSET', choices.of(NUMBERS)];
    case 'VECQUERY': return [name, key, choices.of(NUMBERS), x, '1'];
    default: return [name, key, element];
  }
}

function makeBig(driver: CommandDriver, choices: Choices): void {
  for (let i = 0; i < BIG_COUNT; i++) {
    const vector = new Float32Array(BIG_DIMENSION).fill(1);
    vector[choices.below(BIG_DIMENSION)] = i;
    const bytes = new Uint8Array(vector.buffer);
    driver.run('VADD', 'big', 'FP32', bytes, `e${i}`, 'SETATTR', choices.of(JSON_TEXTS));
  }
}

function shown(contents: ShardContents): string {
  return [...contents].map(([key, { type, deadlineMs, value }]) =>
    `${key} ${type} ${deadlineMs ?? ''} ${value}`).sort().join('\n');
}

export const vectorWords: FuzzTarget = {
  name: 'vector-words',
  promise: 'one reply each, no exception, values whole, journal complete, nothing left',
  smokeRounds: 40,
  run(seed) {
    const choices = new Choices(seed);
    const driver = new CommandDriver({ seed, settings: SETTINGS, vectorEngine });
    const base = driver.memory.arenaAllocator.usedBytes();
    const recorder = new JournalRecorder(driver.shard);
    driver.run('SET', 'text', 'x');
    if (choices.once(3)) makeBig(driver, choices);
    for (let step = 0; step < STEPS; step++) {
      const words = request(choices);
      driver.reply(...words);
      const [error] = driver.errors;
      if (error !== undefined) throw new Error(`${JSON.stringify(words).slice(0, 400)}: ${error}`);
      if (choices.once(12)) driver.shard.maintain();
    }
    const fresh = new CommandDriver({ seed: seed + 1, vectorEngine });
    for (const record of recorder.records) replayEffect(fresh.shard, record);
    fresh.shard.keyspace.setNow(driver.shard.nowMs);
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    if (shown(contentsOf(fresh.shard, hex)) !== shown(contentsOf(driver.shard, hex))) {
      throw new Error('the journal replays to other data');
    }
    recorder.close();
    driver.run('DEBUG', 'RELOAD');
    const [error] = driver.errors;
    if (error !== undefined) throw new Error(`DEBUG RELOAD threw: ${error}`);
    driver.emptyCompletely();
    if (driver.shard.vectors.indexBytes !== 0) throw new Error('an index stayed');
    const left = driver.memory.arenaAllocator.usedBytes() - base;
    if (left !== 0) throw new Error(`${left} bytes stayed after FLUSHALL`);
  },
};
