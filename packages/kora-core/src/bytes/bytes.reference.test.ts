/**
 * Everything in bytes/ that claims "exactly as Redis", asked of a real redis-server 7.0.
 * One plain server answers for numbers, patterns, payloads and LCS; a second one in cluster mode
 * answers for slots. Each random table prints its seed and the offending inputs when it fails.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../reference/redis-server.ts';
import type { RedisArgument } from '../../reference/redis-server.ts';
import { STRING_BYTES_MAX } from '../limits.ts';
import { SeededChance } from '../platform/platform.ts';
import type { RecordedReply } from '../testing/recorded-reply.ts';
import { slotOfKey } from './crc16.hot.ts';
import { globMatch } from './glob.ts';
import { longestCommonSubsequence } from './lcs.ts';
import { incrByFloat } from './long-double.ts';
import { INTEGER_TEXT_BYTES_MAX, parseInteger, parsed, writeInteger64 } from './number-text.hot.ts';
import { doubleToText17, parseDoubleStrict } from './number-text.ts';
import {
  RdbCursor, decodeDump, dumpStringBytesMax, encodeDumpString, writeDumpFooter,
} from './rdb-string.ts';

type Reply = string | number | null | Error | Reply[];

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A reply as a plain value; strings are Latin-1. */
function plain(reply: RecordedReply): Reply {
  if ('items' in reply) return reply.items.map(plain);
  if (!('text' in reply)) return null;
  if (reply.kind === 'error') return new Error(reply.text);
  return reply.kind === 'integer' ? Number(reply.text) : reply.text;
}

const shown = (reply: Reply | undefined): string =>
  reply instanceof Error ? `(error) ${reply.message}` : String(reply);

/** Picks from tables by a seeded generator. */
class Dice {
  readonly #chance: SeededChance;
  constructor(seed: number) { this.#chance = new SeededChance(seed); }
  below(count: number): number { return (this.#chance.next32() >>> 0) % count; }
  pick<T>(items: readonly T[]): T { return items[this.below(items.length)]!; }
  text(alphabet: readonly string[], lengthMax: number): string {
    let text = '';
    for (let left = this.below(lengthMax + 1); left > 0; left--) text += this.pick(alphabet);
    return text;
  }
  digits(count: number): string {
    let text = '';
    for (let i = 0; i < count; i++) text += String(this.below(10));
    return text;
  }
}

const seed = Date.now() % 1_000_000;
let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start({ flags: ['--enable-debug-command', 'yes'] });
});
afterAll(() => redis.stop());

/** Sends all commands at once and gives their replies in order. */
async function ask(
  commands: readonly (readonly RedisArgument[])[], server = redis,
): Promise<Reply[]> {
  return (await server.ask(commands)).map(plain);
}

/** Asks one question a case and lists the cases where the answers differ, with the seed. */
async function compare<T>(
  cases: readonly T[],
  commandsOf: (one: T) => readonly (readonly RedisArgument[])[],
  theirs: (replies: readonly Reply[], one: T) => string,
  ours: (one: T) => string,
): Promise<void> {
  const differences: string[] = [];
  for (let from = 0; from < cases.length; from += 500) {
    const batch = cases.slice(from, from + 500);
    const commands = batch.map(commandsOf);
    const replies = await ask(commands.flat());
    let at = 0;
    batch.forEach((one, i) => {
      const count = commands[i]!.length;
      const expected = theirs(replies.slice(at, at + count), one);
      const found = ours(one);
      at += count;
      if (found !== expected) {
        differences.push(`${JSON.stringify(one)}: redis ${expected}, ours ${found}`);
      }
    });
  }
  expect(differences.slice(0, 20), `seed ${String(seed)}`).toEqual([]);
}

describe('integers against INCRBY k 0', () => {
  it('reads the same texts and prints the same digits', async () => {
    const dice = new Dice(seed + 1);
    const texts = [
      '0', '-0', '+1', '01', ' 1', '1 ', '', '-', '--1', '1a', '1\0', '9223372036854775807',
      '9223372036854775808', '-9223372036854775808', '-9223372036854775809', '9007199254740991',
      '9007199254740992', '-9007199254740993', '18446744073709551616', '99999999999999999999',
    ];
    for (let i = 0; i < 4000; i++) {
      const sign = dice.pick(['', '', '-', '-', '+', '0']);
      texts.push(sign + dice.digits(1 + dice.below(20)) + dice.pick(['', '', '', '', ' ', 'x']));
    }
    for (let i = 0n; i < 200n; i++) texts.push(String(9223372036854775707n + i));
    await compare(
      texts,
      (text) => [['SET', 'k', text], ['INCRBY', 'k', '0'], ['GET', 'k']],
      (replies) => (replies[1] instanceof Error ? 'refused' : shown(replies[2])),
      (text) => {
        const bytes = latin1(text);
        if (!parseInteger(bytes, 0, bytes.length)) return 'refused';
        const out = new Uint8Array(INTEGER_TEXT_BYTES_MAX);
        return textOf(out.slice(0, writeInteger64(out, 0, parsed.high, parsed.low)));
      },
    );
  });
});

/** Number texts of every kind: plain, long, tiny, huge, hexadecimal, broken. */
function floatTexts(dice: Dice, count: number, exponentMax: number): string[] {
  const texts = [
    '0', '-0', '+0', '0.1', '0.2', '0.3', '3.0e3', '1e300', '5e-324', '2.5e-324', '1e308', '2e308',
    '1.7976931348623157e308', '1.7976931348623159e308', 'inf', '-inf', '+Infinity', 'INF', 'nan',
    '-nan', 'nan(1)', 'infinit', '1.', '.5', '.', '', ' 1', '1 ', '1e', '1e+', '1e5 ', '0x', '0x1',
    '0x.8', '0x1p', '0x1p3', '-0x1.8p-3', '0x1.fffffffffffff8p0', '0x1.fffffffffffff7p0', '1_0',
    '0x1p-1074', '0x1p-1075', '0x1.8p-1075', '0x1p1024', '1e999999999999', '1e-999999999999',
    '0e999999999999', '1,5', '1\0', '2.98023223876953125e-8', '4.5e15', '4503599627370497.5',
    '123456789012345678', '0.000012345', '0.00012345', '1e17', '1e16', '99999999999999999',
  ];
  for (let i = 0; i < count; i++) {
    const sign = dice.pick(['', '', '-', '+']);
    const whole = dice.digits(dice.below(dice.pick([3, 8, 25])));
    const fraction = dice.digits(dice.below(dice.pick([3, 8, 25])));
    const power = dice.below(2 * exponentMax) - exponentMax;
    const exponent = dice.pick(['', '', `e${String(dice.below(41) - 20)}`, `E${String(power)}`]);
    texts.push(`${sign}${whole}.${fraction}${exponent}`);
    if (i % 4 === 0) {
      texts.push(`${sign}0x${dice.text([...'0123456789abcDEF'], 20)}.${dice.text([...'07f8'], 5)}` +
        dice.pick(['', `p${String(dice.below(40) - 20)}`, `P${String(power * 3)}`]));
    }
    if (i % 4 === 1) texts.push(dice.text([...'01.e-+xpinf '], 6));
  }
  return texts;
}

describe('doubles against ZADD and ZSCORE', () => {
  it('reads and prints the same', async () => {
    const dice = new Dice(seed + 2);
    const texts = floatTexts(dice, 3000, 330);
    const view = new DataView(new ArrayBuffer(8));
    for (let i = 0; i < 3000; i++) {
      view.setUint32(0, dice.below(2 ** 32));
      view.setUint32(4, dice.pick([0, 0, dice.below(2 ** 32)]));
      texts.push(String(view.getFloat64(0)));
      // Few mantissa bits and a small exponent: where the 18th digit is often an exact 5.
      texts.push(String((1 + dice.below(4096)) * 2 ** -(10 + dice.below(40))));
    }
    await compare(
      texts,
      (text) => [['DEL', 'z'], ['ZADD', 'z', text, 'm'], ['ZSCORE', 'z', 'm']],
      (replies) => (replies[1] instanceof Error ? 'refused' : shown(replies[2])),
      (text) => {
        const value = parseDoubleStrict(latin1(text), 0, text.length);
        if (value === undefined) return 'refused';
        // A small sorted set of Redis keeps whole scores as integers and so loses the sign of -0.
        return value === 0 ? '0' : doubleToText17(value);
      },
    );
  });
});

describe('long doubles against INCRBYFLOAT', () => {
  const theirs = (reply: Reply | undefined): string => {
    if (!(reply instanceof Error)) return shown(reply);
    return reply.message.includes('NaN or Infinity') ? 'nan-or-infinity' : 'not-a-float';
  };

  it('adds thousands of random pairs to the same text', async () => {
    const dice = new Dice(seed + 3);
    const texts = [
      ...floatTexts(dice, 5000, 60), ...floatTexts(dice, 600, 5000), '1e4932', '-1e4932',
      '1.189731495357231765e4932', '1.18973149535723176502e4932', '1.2e4932', '3.6e-4951',
      '1e-4951', '1.8e-4951', '9223372036854775807', '18446744073709551615', '0x1p-16445',
      '0x1p-16446', '0x1.8p-16446', '0x1p16383', '0x1p16384', `0.${'0'.repeat(5000)}1`,
      `${'0'.repeat(5118)}`, `${'0'.repeat(5119)}`, `${'0'.repeat(5120)}1`,
    ];
    const pairs = texts.map((text, i) => [text, i % 3 === 0 ? '0' : dice.pick(texts)] as const);
    await compare(
      pairs,
      ([current, increment]) => [['SET', 'k', current], ['INCRBYFLOAT', 'k', increment]],
      (replies) => theirs(replies[1]),
      ([current, increment]) => incrByFloat(current, increment),
    );
  });

  it('stays equal along chains of sums', async () => {
    for (const step of ['0.1', '0.2', '-0.7', '1e-17', '123456789.123456789', '1e18', '3e-5']) {
      const replies = await ask([
        ['DEL', 'k'], ...Array.from({ length: 400 }, () => ['INCRBYFLOAT', 'k', step]),
      ]);
      let current = '0';
      const chain = replies.slice(1).map(() => (current = incrByFloat(current, step)));
      expect(chain, step).toEqual(replies.slice(1));
    }
  });
});

describe('patterns', () => {
  const alphabet = ['a', 'b', 'c', 'A', '-', '^', '[', ']', '\\', '*', '?', '\x80', '\xff', '\0'];

  it('match the same keys as KEYS', async () => {
    const dice = new Dice(seed + 4);
    const keys = [...new Set(['', ...Array.from({ length: 80 }, () => dice.text(alphabet, 6))])];
    await ask([['FLUSHALL'], ...keys.map((key) => ['SET', key, 'v'])]);
    const letters = [...alphabet, '*', '[', '[', ']', '-'];
    const patterns = ['**', '***', '[', '[^', '[^a', '[a-', '[a-]', '[]', '[^]', '\\', '*\\'];
    for (let i = 0; i < 5000; i++) patterns.push(dice.text(letters, 9));
    await compare(
      // KEYS answers a lone star without matching at all.
      patterns.filter((pattern) => pattern !== '*'),
      (pattern) => [['KEYS', pattern]],
      (replies) => JSON.stringify((replies[0] as string[]).sort()),
      (pattern) => JSON.stringify(keys.filter((key) => globMatch(
        latin1(pattern), 0, pattern.length, latin1(key), 0, key.length, false,
      )).sort()),
    );
    await ask([['FLUSHALL']]);
  });

  it('fold cases as CONFIG GET', async () => {
    const dice = new Dice(seed + 5);
    const [all] = await ask([['CONFIG', 'GET', '*']]);
    const names = (all as string[]).filter((_, i) => i % 2 === 0);
    const items = [...'amMzZ-^]\\*?_', '[', '[a', 'a-Z', 'A-z', 'Z-a', 'Z-m', '\\M'];
    const patterns: string[] = [];
    for (let i = 0; i < 2000; i++) {
      const set = `[${dice.text(items, 4)}${dice.pick([']', ']', ''])}`;
      patterns.push(`${dice.pick(['*', 'MAX*', 'max', 's', '?'])}${set}*${dice.text(items, 1)}`);
    }
    await compare(
      patterns,
      (pattern) => [['CONFIG', 'GET', pattern]],
      (replies) =>
        JSON.stringify((replies[0] as string[]).filter((_, i) => i % 2 === 0).sort()),
      (pattern) => JSON.stringify(names.filter((name) => globMatch(
        latin1(pattern), 0, pattern.length, latin1(name), 0, name.length, true,
      )).sort()),
    );
  });
});

describe('payloads against DUMP and RESTORE', () => {
  const valueBytesMax = 1 << 20;
  const dumpOf = (value: Uint8Array): Uint8Array => {
    const into = new Uint8Array(dumpStringBytesMax(value.length));
    return into.slice(0, encodeDumpString(value, into, 0));
  };
  const isPacked = (payload: Uint8Array): boolean => payload[1] === 0xc3;

  function values(dice: Dice): Uint8Array[] {
    const texts = [
      '', '0', '-1', '127', '128', '-128', '-129', '32767', '32768', '-32769', '2147483647',
      '2147483648', '-2147483648', '-2147483649', '12345678901', '-12345678901', '007', '-0',
    ];
    const made: Uint8Array[] = texts.map(latin1);
    for (let i = 0; i < 500; i++) {
      const bytes = dice.pick([20, 21, 63, 64, 300, 16_383, 16_384, 40_000, dice.below(20_000)]);
      const value = new Uint8Array(bytes);
      const symbols = dice.pick([1, 2, 4, 30, 256]);
      const period = dice.pick([1, 7, 700, 8192, 9000, bytes]);
      for (let at = 0; at < bytes; at++) {
        value[at] = at < period ? dice.below(symbols) : value[at - period]!;
      }
      made.push(value);
    }
    return made;
  }

  it('are the same bytes, or, where LZF chose otherwise, mean the same', async () => {
    for (const value of values(new Dice(seed + 6))) {
      const ours = dumpOf(value);
      const [, theirs, restored, back] = await ask([
        ['SET', 'k', value], ['DUMP', 'k'], ['RESTORE', 'copy', '0', ours, 'REPLACE'],
        ['GET', 'copy'],
      ]);
      const note = `seed ${String(seed)}, ${String(value.length)} bytes`;
      const payload = latin1(theirs as string);
      if (!isPacked(payload) && !isPacked(ours)) expect(textOf(ours), note).toBe(theirs);
      expect(restored, note).toBe('OK');
      expect(back === textOf(value), note).toBe(true);
      const decoded = decodeDump(payload, 0, payload.length, valueBytesMax);
      const isSame = typeof decoded !== 'string' && textOf(decoded.value) === textOf(value);
      expect(isSame, note).toBe(true);
    }
  });

  it('are refused alike when damaged and sealed again', async () => {
    const dice = new Dice(seed + 7);
    const sources = values(dice).filter((value) => value.length < 400).map(dumpOf);
    const damaged: string[] = [];
    for (let i = 0; i < 4000; i++) {
      const payload = dice.pick(sources).slice();
      const bodyEnd = payload.length - 10;
      for (let hits = 1 + dice.below(2); hits > 0 && bodyEnd > 1; hits--) {
        payload[1 + dice.below(Math.min(bodyEnd - 1, 12))] = dice.below(256);
      }
      const room = new Uint8Array(payload.length + 20);
      room.set(payload);
      const end = Math.max(1, bodyEnd + dice.pick([0, 0, 0, -1, -3, 2]));
      damaged.push(textOf(room.slice(0, writeDumpFooter(room, 0, end))));
    }
    await compare(
      damaged,
      (payload) => [['DEL', 'k'], ['RESTORE', 'k', '0', payload], ['GET', 'k']],
      (replies, payload) => {
        if (replies[1] instanceof Error) return 'refused';
        // For LZF, Redis believes lengths of zero and marks in their place; ours may refuse those.
        const bytes = latin1(payload);
        const isRefused = decodeDump(bytes, 0, bytes.length, STRING_BYTES_MAX) === 'bad-format';
        return isPacked(bytes) && isRefused ? 'refused' : `value ${shown(replies[2])}`;
      },
      (payload) => {
        const bytes = latin1(payload);
        const found = decodeDump(bytes, 0, bytes.length, STRING_BYTES_MAX);
        const shownValue = typeof found === 'string' ? 'refused' : `value ${textOf(found.value)}`;
        // Redis lets a body run on into the footer; read like that, ours must say the same.
        const reader = new RdbCursor(bytes, 1, bytes.length);
        const value = reader.readString(STRING_BYTES_MAX);
        const isInside = value === undefined || reader.position <= bytes.length - 10;
        if (isInside || isPacked(bytes)) return shownValue;
        return shownValue === 'refused' ? `value ${textOf(value)}` : 'footer taken for data';
      },
    );
  });
});

describe('LCS', () => {
  it('finds the same length, bytes and ranges', async () => {
    const dice = new Dice(seed + 8);
    const cases = Array.from({ length: 1500 }, () =>
      [dice.text(['a', 'b', 'c'], 14), dice.text(['a', 'b', 'c'], 14), dice.below(4)] as const);
    await compare(
      cases,
      ([a, b, least]) => [
        ['MSET', 'a', a, 'b', b], ['LCS', 'a', 'b'], ['LCS', 'a', 'b', 'LEN'],
        ['LCS', 'a', 'b', 'IDX', 'MINMATCHLEN', String(least), 'WITHMATCHLEN'],
      ],
      (replies) => JSON.stringify(replies.slice(1)),
      ([a, b, least]) => {
        const found = longestCommonSubsequence(latin1(a), latin1(b), 1 << 20, least);
        if (found === 'table-too-large') return found;
        const matches = found.ranges.map((range) => [
          [range.aStart, range.aEnd], [range.bStart, range.bEnd], range.aEnd - range.aStart + 1,
        ]);
        const index = ['matches', matches, 'len', found.length];
        return JSON.stringify([textOf(found.bytes), found.length, index]);
      },
    );
  });
});

describe('slots against CLUSTER KEYSLOT', () => {
  it('are the same for keys with and without hashtags', async () => {
    const cluster = await RedisServer.start({ isCluster: true });
    try {
      const dice = new Dice(seed + 9);
      const keys = ['', '{}', '{a}', 'x{a}y', '{}{a}', '{{a}}', '{a', 'a}', '}{a}'];
      for (let i = 0; i < 2000; i++) keys.push(dice.text([...'ab{}\xff\0'], 12));
      const replies = await ask(keys.map((key) => ['CLUSTER', 'KEYSLOT', key]), cluster);
      const ours = keys.map((key) => slotOfKey(latin1(key), 0, key.length));
      expect(ours, `seed ${String(seed)}`).toEqual(replies);
    } finally {
      await cluster.stop();
    }
  });
});
