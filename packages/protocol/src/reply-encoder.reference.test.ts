/**
 * The reply writers against a live redis-server, byte for byte: the texts of doubles as scores in
 * RESP2 and RESP3 (thousands of random doubles, exact ties among them), and every type that DEBUG
 * PROTOCOL can show. Each connection sends its commands, shuts its writing side and reads to the
 * end, so there is nothing to wait for.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../reference/redis-server.ts';
import {
  writeArrayHeader, writeBigNumber3, writeBoolean3, writeBulkText, writeDouble2, writeDouble3,
  writeInteger, writeMapHeader, writeNull3, writePushHeader, writeSetHeader, writeVerbatim3,
} from './reply-encoder.hot.ts';
import { encodeRequest } from './request-encoder.ts';
import type { RequestArgument } from './request-encoder.ts';
import { latin1Text } from './testing/chunked.ts';
import { seededChooser } from './testing/seeded.ts';

const BATCH = 100;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start([
    '--enable-debug-command', 'local',
    // A listpack would keep -0 as 0; a skiplist keeps the double.
    '--zset-max-listpack-entries', '0',
  ]);
});
afterAll(() => redis.stop());

/** All that redis-server answers to these commands, latin1. */
async function answersOf(commands: readonly (readonly RequestArgument[])[]): Promise<string> {
  return latin1Text(await redis.exchange(Buffer.concat(commands.map(encodeRequest))));
}

/** As answersOf, in RESP3; what HELLO answers is left out. */
async function answersOf3(commands: readonly (readonly RequestArgument[])[]): Promise<string> {
  const mark = '$3\r\nall\r\n';
  const answers = await answersOf([['HELLO', '3'], ['ECHO', 'all'], ...commands]);
  return answers.slice(answers.indexOf(mark) + mark.length);
}

const room = new Uint8Array(4_096);

function written(...writers: ((u8: Uint8Array, at: number) => number)[]): string {
  let at = 0;
  for (const write of writers) at = write(room, at);
  return latin1Text(room.subarray(0, at));
}

function sampleDoubles(seed: number, count: number): number[] {
  const choose = seededChooser(seed);
  const word = new Uint32Array(2);
  const double = new Float64Array(word.buffer);
  const values = [
    0, -0, 1, -1, 0.1, 1e15, 1e16, 1e17, 2 ** 53, 5e-324, Number.MAX_VALUE, Infinity, -Infinity,
  ];
  while (values.length < count) {
    word.set([choose(2 ** 32), choose(2 ** 32)]);
    const shift = 2 + choose(24);
    const odd = (2 ** 52 + choose(2 ** 32) * 2 ** 20 + choose(2 ** 20)) | 1;
    const near = 1e15 + choose(2 ** 30) + (choose(8) * 2 + 1) / 4;
    values.push(choose(1e9) / 10 ** choose(12), -choose(2 ** 32), odd / 2 ** shift, near);
    if (Number.isFinite(double[0]!)) values.push(double[0]!);
  }
  return values;
}

describe('reply writers against redis-server', () => {
  it.each([81, 82])('doubles have the same text, seed %i', async (seed) => {
    const values = sampleDoubles(seed, 2_000);
    for (let from = 0; from < values.length; from += BATCH) {
      const batch = values.slice(from, from + BATCH);
      const commands = batch.flatMap((value) => {
        const text = Object.is(value, -0) ? '-0' : value;
        return [['DEL', 'z'], ['ZADD', 'z', text, 'm'], ['ZSCORE', 'z', 'm']];
      });
      const expectedIn = (write: (u8: Uint8Array, at: number, value: number) => number): string =>
        batch.map((value) => written((u8, at) => write(u8, at, value))).join('');
      const scores = (answers: string): string => answers.replace(/^:\d\r\n/gm, '');
      expect(scores(await answersOf(commands)), `seed ${seed}`).toBe(expectedIn(writeDouble2));
      expect(scores(await answersOf3(commands)), `seed ${seed}`).toBe(expectedIn(writeDouble3));
    }
  });

  it('every type of DEBUG PROTOCOL has the same bytes', async () => {
    const integers = [0, 1, 2].map((value) =>
      (u8: Uint8Array, at: number): number => writeInteger(u8, at, value));
    const pairs = [0, 1, 2].flatMap((value) => [
      (u8: Uint8Array, at: number): number => writeInteger(u8, at, value),
      (u8: Uint8Array, at: number): number => writeBoolean3(u8, at, value === 1),
    ]);
    const forms: Record<string, string> = {
      string: written((u8, at) => writeBulkText(u8, at, 'Hello World')),
      integer: written((u8, at) => writeInteger(u8, at, 12_345)),
      double: written((u8, at) => writeDouble3(u8, at, 3.141)),
      null: written(writeNull3),
      array: written((u8, at) => writeArrayHeader(u8, at, 3), ...integers),
      set: written((u8, at) => writeSetHeader(u8, at, 3), ...integers),
      map: written((u8, at) => writeMapHeader(u8, at, 3), ...pairs),
      bignum: written((u8, at) => writeBigNumber3(u8, at, 1234567999999999999999999999999999999n)),
      verbatim: written((u8, at) => writeVerbatim3(u8, at, 'txt', 'This is a verbatim\nstring')),
      true: written((u8, at) => writeBoolean3(u8, at, true)),
      false: written((u8, at) => writeBoolean3(u8, at, false)),
    };
    for (const [name, bytes] of Object.entries(forms)) {
      expect(await answersOf3([['DEBUG', 'PROTOCOL', name]]), name).toBe(bytes);
    }
    const subscribed = written((u8, at) => writePushHeader(u8, at, 3),
      (u8, at) => writeBulkText(u8, at, 'subscribe'), (u8, at) => writeBulkText(u8, at, 'news'),
      (u8, at) => writeInteger(u8, at, 1));
    expect(await answersOf3([['SUBSCRIBE', 'news']])).toBe(subscribed);
  });
});
