/**
 * Data of every type and encoding for transfers between servers, made by commands that both
 * understand: seeded random ones, and some that make each encoding for sure. And everything a
 * server holds as text, to compare two of them.
 */
import { SeededChance } from '@kora/core';
import { RandomTypeCommands } from '@kora/core/testing';
import type { RespNode } from '@kora/protocol';
import { scalarText } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

/**
 * Not known to Redis 7.0, bound to the time of the test, or without one answer: a range by text of
 * members whose scores differ takes what the structure comes across, on Redis's replicas too.
 */
const LEFT_OUT = /^(H?PEXPIRE|HGETEX|HSETEX|HGETDEL|HPERSIST|ZREMRANGEBYLEX)$/;
const FAR_MS = 4_000_000_000_000;
/** Characters shown around a difference. */
const SHOWN_BEFORE = 120;
const SHOWN_BEHIND = 200;

const range = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

/** A value of each encoding that a dump can have. */
export const EVERY_ENCODING: readonly (readonly string[])[] = [
  ['SET', 'e:int', '-1234567890123'], ['SET', 'e:small', '7'], ['SET', 'e:text', 'hello'],
  ['SET', 'e:empty', ''], ['SET', 'e:packed', 'ab'.repeat(50_000)],
  ['RPUSH', 'e:list', 'a', '1', '-70000', ''], ['RPUSH', 'e:listlong', ...range(5000)],
  ['RPUSH', 'e:listplain', 'x'.repeat(10_000), 'y'.repeat(70)],
  ['SADD', 'e:ints16', '1', '-2', '3'], ['SADD', 'e:ints64', '1', '9223372036854775807'],
  ['SADD', 'e:intsmany', ...range(600)], ['SADD', 'e:set', 'a', 'b'],
  ['SADD', 'e:setmany', ...range(2000), 'z'],
  ['ZADD', 'e:zset', '1', 'a', '-1.5', 'b', 'inf', 'c', '-inf', 'd', '0.1', '7'],
  ['ZADD', 'e:zsetmany', ...range(1000).flatMap((i) => [String(Number(i) / 3), `m${i}`])],
  ['ZADD', 'e:zsetlong', '2', 'm'.repeat(100)],
  ['HSET', 'e:hash', 'f', 'v', 'g', '12', '', ''], ['HSET', 'e:hashlong', 'f', 'v'.repeat(100)],
  ['HSET', 'e:hashmany', ...range(800).flatMap((i) => [`f${i}`, `value ${i}`])],
  ['PFADD', 'e:hll', ...range(100)], ['PFADD', 'e:hlldense', ...range(20_000)],
  ['GEOADD', 'e:geo', '13.361389', '38.115556', 'Palermo'], ['SETBIT', 'e:bits', '9999', '1'],
  ...range(250).map((i) => ['XADD', 'e:stream', `${Number(i) + 1}-${i}`, 'field', `value ${i}`]),
  ['XADD', 'e:stream', '900-0', 'other', 'x', 'field', '7'],
  ['XDEL', 'e:stream', '3-2', '900-0'], ['XGROUP', 'CREATE', 'e:stream', 'g', '0'],
  ['XGROUP', 'CREATE', 'e:stream', 'empty', '5-0'],
  ['XREADGROUP', 'GROUP', 'g', 'alice', 'COUNT', '120', 'STREAMS', 'e:stream', '>'],
  ['XREADGROUP', 'GROUP', 'g', 'bob', 'COUNT', '20', 'STREAMS', 'e:stream', '>'],
  ['XACK', 'e:stream', 'g', '1-0', '2-1', '130-129'],
  ['XGROUP', 'CREATECONSUMER', 'e:stream', 'g', 'carol'],
  ['XGROUP', 'CREATE', 'e:streamempty', 'g', '$', 'MKSTREAM'],
  ['PEXPIREAT', 'e:text', String(FAR_MS)], ['PEXPIREAT', 'e:stream', String(FAR_MS + 1)],
  ['SELECT', '7'], ['SET', 'e:other', 'database'], ['EXPIREAT', 'e:other', '5000000000'],
  ['SELECT', '15'], ['SADD', 'e:last', 'one'], ['SELECT', '0'],
];

/** Random commands on every type, in databases 0 and 1. */
export class RandomData {
  readonly #random: RandomTypeCommands;

  constructor(seed: number) {
    this.#random = new RandomTypeCommands(new SeededChance(seed));
  }

  /** The next commands. */
  next(count: number): string[][] {
    const commands: string[][] = [];
    while (commands.length < count) {
      const command = this.#random.next();
      if (!LEFT_OUT.test(command[0] ?? '')) commands.push(command);
      if (this.#random.below(40) === 0) {
        commands.push(['PEXPIREAT', this.#random.key(), String(FAR_MS + commands.length)]);
      }
    }
    return commands;
  }
}

/** Questions that show all of a value, by its type. */
const QUESTIONS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  string: [['GET', 'KEY']],
  list: [['LRANGE', 'KEY', '0', '-1']],
  set: [['SMEMBERS', 'KEY'], ['SCARD', 'KEY']],
  zset: [['ZRANGE', 'KEY', '0', '-1', 'WITHSCORES']],
  hash: [['HGETALL', 'KEY'], ['HLEN', 'KEY']],
  stream: [['XRANGE', 'KEY', '-', '+'], ['XINFO', 'STREAM', 'KEY', 'FULL', 'COUNT', '0']],
};
/** Fields of XINFO that tell of the server and not of the data. */
const OWN_FIELDS = /(radix-tree-(keys|nodes)|seen-time|active-time|recorded-first-entry-id)=\S+ ?/g;

/** Everything the server holds: a line for each key, by `database/key`. */
export async function contentsOf(server: ServerProcess): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  for (let db = 0; db < 16; db++) {
    await server.ask('SELECT', db);
    const keys = await server.ask('KEYS', '*');
    for (const key of keys.type === 'array' ? keys.value : []) {
      if (key.type !== 'bulk') continue;
      contents.set(`${db}/${latin1(key.value)}`, await describeKey(server, key.value));
    }
  }
  await server.ask('SELECT', 0);
  return contents;
}

async function describeKey(server: ServerProcess, key: Uint8Array): Promise<string> {
  const type = await server.text('TYPE', key);
  const questions = QUESTIONS[type] ?? [];
  const isUnordered = type === 'set' || type === 'hash';
  const answers = await server.askAll(questions.map((question) =>
    question.map((word) => (word === 'KEY' ? key : word))));
  const deadline = await server.text('PEXPIRETIME', key);
  const encoding = type === 'string' ? '' : await server.text('OBJECT', 'ENCODING', key);
  const shown = answers.map((answer) => shownReply(answer, isUnordered ? type : ''));
  return `${type} ${encoding} ${deadline} ${shown.join(' ')}`.replace(OWN_FIELDS, '');
}

/** A reply as text; sets sorted, hashes sorted by pairs, fields of XINFO with their values. */
function shownReply(reply: RespNode, unordered: string): string {
  if (reply.type === 'bulk') return JSON.stringify(latin1(reply.value));
  if (reply.type !== 'array') return scalarText(reply);
  const items = reply.value.map((item) => shownReply(item, ''));
  if (unordered === 'set') return items.sort().join(' ');
  const pairs: string[] = [];
  for (let i = 0; i < items.length; i += 2) pairs.push(`${items[i]}=${items[i + 1]}`);
  if (unordered === 'hash') return pairs.sort().join(' ');
  const isNamed = reply.value[0]?.type === 'bulk' && /^"(length|name)"$/.test(items[0] ?? '');
  return isNamed ? `{${pairs.join(' ').replaceAll('"', '')}}` : `[${items.join(' ')}]`;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** Where two servers differ, a line a key with the first place; empty when they are equal. */
export function differencesOf(
  found: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>,
): string[] {
  const lines: string[] = [];
  for (const key of new Set([...found.keys(), ...wanted.keys()])) {
    const left = found.get(key) ?? 'nothing';
    const right = wanted.get(key) ?? 'nothing';
    if (left === right) continue;
    let at = 0;
    while (left[at] === right[at]) at++;
    const from = Math.max(0, at - SHOWN_BEFORE);
    lines.push(`${key}: ${left.slice(from, at + SHOWN_BEHIND)} instead of ` +
      right.slice(from, at + SHOWN_BEHIND));
  }
  return lines;
}
