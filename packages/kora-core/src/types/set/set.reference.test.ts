/**
 * Sets side by side with a real redis-server 7.0: payloads of DUMP travel both ways and give the
 * same sets of the same encoding; where the order of members is determined, and neither side
 * compresses, they are the same bytes. Random algebra and its encodings answer the same.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../reference/redis-server.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';
import { notationOf } from '../../testing/recorded-reply.ts';

const KEYS = ['a', 'b', 'c', 'd'];
const UNORDERED = /^(SMEMBERS|SINTER|SUNION|SDIFF|SSCAN)$/;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

async function ask(args: readonly (string | Uint8Array)[]): Promise<RecordedReply> {
  const [reply] = await redis.ask([args]);
  if (reply === undefined) throw new Error('a reply is missing');
  return reply;
}

function inOrder(name: string, reply: RecordedReply): string {
  if (!UNORDERED.test(name) || !('items' in reply)) return notationOf(reply);
  return reply.items.map(notationOf).sort().join(' ');
}

function bytesOf(reply: RecordedReply): Uint8Array {
  if (!('text' in reply)) throw new Error('a payload is missing');
  return Uint8Array.from(reply.text, (character) => character.charCodeAt(0));
}

const numbers = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => String(from + i));

const shapes: readonly (readonly [name: string, members: readonly string[], isSame: boolean])[] = [
  ['integers of two bytes', numbers(-300, 500), true],
  ['integers of four bytes', ['1', '-70000', '2147483647', '-2147483648'], true],
  ['integers of eight bytes', ['0', '2147483648', '-9223372036854775808', '9223372036854775807'],
    false],
  ['one text', ['text'], true],
  ['one long text', ['long '.repeat(1000)], false],
  ['an empty text', [''], true],
  ['integers beyond the bound', numbers(0, 513), false],
  ['texts', ['a', 'b', '007', '12345', '9223372036854775808', 'x'.repeat(70)], false],
  ['many texts', numbers(0, 3000).map((text) => `member:${text}`), false],
];

describe('sets and redis-server', () => {
  it.each(shapes)('exchange %s', async (_, members, isSame) => {
    const driver = new CommandDriver();
    await ask(['FLUSHALL']);
    expect(driver.run('SADD', 's', ...members)).toBe(`:${members.length}`);
    await ask(['SADD', 's', ...members]);
    const ours = bytesOf(driver.reply('DUMP', 's'));
    const theirs = bytesOf(await ask(['DUMP', 's']));
    if (isSame) expect(ours).toEqual(theirs);
    expect(notationOf(await ask(['RESTORE', 'copy', '0', ours]))).toBe('+"OK"');
    expect(driver.run('RESTORE', 'copy', '0', theirs)).toBe('+"OK"');
    for (const command of [['SMEMBERS', 'copy'], ['OBJECT', 'ENCODING', 'copy']]) {
      const [name = ''] = command;
      expect(inOrder(name, driver.reply(...command))).toBe(inOrder(name, await ask(command)));
    }
  });

  it('refuse damaged payloads alike', async () => {
    const driver = new CommandDriver();
    for (const members of [numbers(0, 20), ['a', 'b', 'c']]) {
      driver.run('SADD', 's', ...members);
      const payload = bytesOf(driver.reply('DUMP', 's'));
      for (let i = 0; i < payload.length; i++) {
        const damaged = payload.slice();
        damaged[i] = (damaged[i] ?? 0) ^ 0x15;
        expect(driver.run('RESTORE', 'copy', '0', damaged)).toMatch(/^-"ERR/);
      }
      driver.run('DEL', 's');
    }
  });

  it.each([1, 2, 3, 4])('answer the same, seed %i', async (seed) => {
    const random = randomSource(seed);
    const bound = [512, 8, 20][seed % 3] ?? 512;
    const driver = new CommandDriver({ settings: { 'set-max-intset-entries': String(bound) } });
    await redis.ask([['FLUSHALL'], ['CONFIG', 'SET', 'set-max-intset-entries', String(bound)]]);
    const key = (): string => KEYS[random.below(KEYS.length)] ?? 'a';
    const member = (): string => {
      const value = String(random.below(60) - 20);
      return random.below(12) === 0 ? `m${value}` : value;
    };
    const several = (countMax: number, make: () => string): string[] =>
      Array.from({ length: 1 + random.below(countMax) }, make);
    const commands = Array.from({ length: 1500 }, (): string[] => {
      const pick = random.below(14);
      const operation = ['SINTER', 'SUNION', 'SDIFF'][random.below(3)] ?? 'SINTER';
      if (pick < 4) return ['SADD', key(), ...several(random.below(5) === 0 ? 200 : 5, member)];
      if (pick < 6) return ['SREM', key(), ...several(40, member)];
      if (pick === 6) return ['SMOVE', key(), key(), member()];
      if (pick === 7) return [operation, ...several(6, key)];
      if (pick === 8) return [`${operation}STORE`, key(), ...several(6, key)];
      if (pick === 9) return ['SMEMBERS', key()];
      if (pick === 10) return ['SMISMEMBER', key(), ...several(4, member)];
      if (pick === 11) return ['COPY', key(), key(), 'REPLACE'];
      if (pick === 12) return ['SCARD', key()];
      return ['OBJECT', 'ENCODING', key()];
    });
    const wanted = await redis.ask(commands);
    commands.forEach((args, i) => {
      const [name = ''] = args;
      const reply = wanted[i];
      if (reply === undefined) throw new Error('a reply is missing');
      const note = `seed ${seed}, command ${i}: ${args.join(' ').slice(0, 100)}`;
      expect(inOrder(name, driver.reply(...args)), note).toBe(inOrder(name, reply));
    });
  });
});
