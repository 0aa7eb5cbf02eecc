/**
 * Hash commands side by side with a real redis-server 7.0: the same random commands to both, then
 * every hash and its encoding, must give the same replies. Payloads of DUMP travel both ways and
 * give the same hashes; where the order of fields is determined they are the same bytes. What came
 * after 7.0 is left out; the model test has it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../reference/redis-server.ts';
import { SeededChance } from '../../platform/platform.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { RandomHashCommands } from '../../testing/random-hash-commands.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';
import { notationOf } from '../../testing/recorded-reply.ts';
import { hashLayout } from './hash-layout.ts';

const KEYS = ['h', 'g', 'k\0\xff'];
const UNORDERED = new Set(['HKEYS', 'HVALS', 'HGETALL']);
const LATER = /^H(P?EXPIRE|P?TTL|P?EXPIRETIME|PERSIST|GETEX|SETEX|GETDEL)/;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

function inOrder(name: string, reply: RecordedReply): string {
  if (!UNORDERED.has(name) || !('items' in reply)) return notationOf(reply);
  const texts = reply.items.map(notationOf);
  if (name !== 'HGETALL') return texts.sort().join(' ');
  const pairs = texts.flatMap((text, i) => (i % 2 === 0 ? [`${text} ${texts[i + 1] ?? ''}`] : []));
  return pairs.sort().join(' ');
}

function bytesOf(reply: RecordedReply): Uint8Array | undefined {
  if (!('text' in reply) || reply.kind !== 'bulk') return undefined;
  return Uint8Array.from(reply.text, (character) => character.charCodeAt(0));
}

async function ask(args: readonly (string | Uint8Array)[]): Promise<RecordedReply> {
  const [reply] = await redis.ask([args]);
  if (reply === undefined) throw new Error('a reply is missing');
  return reply;
}

async function expectSamePayloads(driver: CommandDriver, key: string): Promise<void> {
  const ours = bytesOf(driver.reply('DUMP', key));
  const theirs = bytesOf(await ask(['DUMP', key]));
  expect(ours === undefined, key).toBe(theirs === undefined);
  if (ours === undefined || theirs === undefined) return;
  expect(notationOf(await ask(['RESTORE', 'copy', '0', ours, 'REPLACE']))).toBe('+"OK"');
  expect(driver.run('RESTORE', 'copy', '0', theirs, 'REPLACE')).toBe('+"OK"');
  for (const command of [['HGETALL', 'copy'], ['OBJECT', 'ENCODING', 'copy']]) {
    const [name = ''] = command;
    expect(inOrder(name, driver.reply(...command))).toBe(inOrder(name, await ask(command)));
  }
  const isPack = driver.run('OBJECT', 'ENCODING', key) === '$"listpack"'
    && Number(driver.run('HLEN', key).slice(1)) <= hashLayout.packPairsMax;
  if (isPack && ours.length === theirs.length) {
    const order = notationOf(driver.reply('HGETALL', key));
    if (order === notationOf(await ask(['HGETALL', key]))) expect(ours).toEqual(theirs);
  }
}

describe('hash commands and redis-server', () => {
  it.each([1, 2, 3, 4, 5, 6])('answer the same, seed %i', async (seed) => {
    const settings = seed % 2 === 0
      ? { 'hash-max-listpack-entries': '9', 'hash-max-listpack-value': '20' } : {};
    const driver = new CommandDriver({ seed, settings });
    const fields = seed % 3 === 0 ? 200 : 15;
    const random = new RandomHashCommands(new SeededChance(seed), 0, fields);
    await redis.ask([
      ['FLUSHALL'],
      ['CONFIG', 'SET', 'hash-max-listpack-entries', settings['hash-max-listpack-entries'] ?? '512',
        'hash-max-listpack-value', settings['hash-max-listpack-value'] ?? '64'],
    ]);
    for (let batch = 0; batch < 6; batch++) {
      const commands: string[][] = [];
      while (commands.length < 250) {
        const args = random.next();
        if (!LATER.test(args[0] ?? '')) commands.push(args);
      }
      for (const key of KEYS) commands.push(['HGETALL', key], ['OBJECT', 'ENCODING', key]);
      const wanted = await redis.ask(commands);
      commands.forEach((args, i) => {
        const name = args[0] ?? '';
        const got = inOrder(name, driver.reply(...args));
        const reply = wanted[i];
        const other = reply === undefined ? '' : inOrder(name, reply);
        if (got === other) return;
        const shown = args.map((arg) => JSON.stringify(arg.slice(0, 30))).join(' ');
        expect.fail(`seed ${seed}: ${shown}: ${got.slice(0, 300)}, not ${other.slice(0, 300)}`);
      });
      for (const key of KEYS) await expectSamePayloads(driver, key);
    }
    expect(driver.errors).toEqual([]);
  });

  it('refuse the same arguments in the same words', async () => {
    const driver = new CommandDriver();
    const lines = [
      'HSET h', 'HSET h a', 'HSET h a 1 b', 'HMSET h a 1 b', 'HSETNX h a', 'HSET h a 1', 'SET s x',
      'HSET s a 1', 'HGETALL s', 'HSCAN s 0', 'HSCAN s x', 'HSCAN s 0 COUNT', 'HSCAN nokey x',
      'HSCAN nokey 0 COUNT x', 'HSCAN nokey 0 FOO', 'HSCAN h 0 COUNT -1', 'HSCAN h 0 COUNT 1.5',
      'HSCAN h 0 MATCH a COUNT 1 MATCH', 'HSCAN h 0 TYPE hash', 'HSCAN h 99999999999999999999',
      'HSCAN h 18446744073709551615', 'HSCAN h 1234 COUNT 9223372036854775807',
      'HINCRBY s a x', 'HINCRBY s a 1', 'HINCRBY h a 9223372036854775807', 'HINCRBY h a 1.0',
      'HINCRBY h a', 'HINCRBYFLOAT s a x', 'HINCRBYFLOAT s a 1', 'HINCRBYFLOAT h a nan',
      'HINCRBYFLOAT h a -inf', 'HINCRBYFLOAT h b 1e4000', 'HINCRBYFLOAT h b 1e5000',
      'HINCRBYFLOAT h b " 1"', 'HSET h t " 1"', 'HINCRBYFLOAT h t 1', 'HINCRBY h t 1',
      'HSET h big 9223372036854775807', 'HINCRBY h big 1', 'HINCRBY h big -1',
      'HINCRBY h big -9223372036854775808', 'HINCRBY h zero 0', 'HINCRBY h zero -0',
      'HRANDFIELD s', 'HRANDFIELD nokey', 'HRANDFIELD nokey 0', 'HRANDFIELD h 0 WITHVALUES',
      'HRANDFIELD h x', 'HRANDFIELD h 1 2', 'HRANDFIELD h 1 WITHVALUES x',
      'HRANDFIELD h 1 WITHSCORES',
      'HRANDFIELD h -9223372036854775808', 'HRANDFIELD h -4611686018427387904 WITHVALUES',
      'HRANDFIELD h 4611686018427387904 WITHVALUES', 'HRANDFIELD s 1', 'HRANDFIELD nokey -5',
      'HRANDFIELD nokey 5 WITHVALUES', 'HRANDFIELD nokey 4611686018427387903 WITHVALUES',
      'HDEL s a', 'HDEL nokey a', 'HDEL h', 'HMGET s a', 'HMGET nokey a b', 'HSTRLEN s a',
      'HEXISTS s a', 'HLEN s', 'HKEYS s', 'HVALS s', 'HKEYS nokey', 'HGETALL nokey', 'HGET s a',
    ];
    await redis.ask([['FLUSHALL']]);
    for (const line of lines) {
      const args = (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''));
      expect(driver.run(...args), line).toBe(notationOf(await ask(args)));
    }
  });
});
