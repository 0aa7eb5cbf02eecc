/**
 * The request parser against a live redis-server: the same raw bytes go to both, and everything
 * the server answers before it closes is compared with what our parse predicts. Names that are no
 * command are echoed in an error together with the arguments, so the answers show the arguments.
 * Each connection sends, shuts its writing side and reads to the end: no waiting, no timers.
 * Left out where we depart knowingly: counts from 1,048,577 to 2^31-1 (we refuse them), and lines
 * around 64 KiB whose fate in redis-server depends on how the bytes were read.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../reference/redis-server.ts';
import { requestLimits } from './limits.ts';
import { ReplyDecoder } from './reply-decoder.ts';
import { replyNodes } from './reply-nodes.ts';
import { encodeRequest } from './request-encoder.ts';
import type { RespNode } from './resp-types.ts';
import { cutRandomly, latin1Bytes, latin1Text, parseChunked } from './testing/chunked.ts';
import { parseNaively } from './testing/naive-request-parser.ts';
import { damaged, samplePipeline } from './testing/request-samples.ts';
import { seededChooser } from './testing/seeded.ts';

let redis: RedisServer;
let commandNames = new Set<string>();

beforeAll(async () => {
  redis = await RedisServer.start();
  const [names] = repliesOf(await redis.exchange(encodeRequest(['COMMAND', 'LIST'])));
  expect(names?.type).toBe('array');
  const items = names?.type === 'array' ? names.value : [];
  commandNames = new Set(items.map((item) =>
    item.type === 'bulk' ? latin1Text(item.value) : ''));
});
afterAll(() => redis.stop());

function repliesOf(bytes: Uint8Array): RespNode[] {
  const decoder = new ReplyDecoder(replyNodes);
  const replies = decoder.feed(bytes);
  expect(decoder.error).toBeUndefined();
  expect(decoder.isIdle).toBe(true);
  return replies;
}

/** The raw first line of each reply; errors keep their bytes, latin1. */
function errorLinesOf(bytes: Uint8Array): string[] {
  return latin1Text(bytes).split('\r\n').filter((line) => line.startsWith('-'));
}

/** What redis-server answers to a name that is no command. */
function unknownCommandLine(request: readonly string[]): string {
  const shown = (text: string): string => text.replace(/\0.*/s, '');
  let args = '';
  for (const argument of request.slice(1)) {
    if (args.length >= 128) break;
    args += `'${shown(argument).slice(0, 128 - args.length)}' `;
  }
  const name = shown(request[0] ?? '').slice(0, 128);
  return `-ERR unknown command '${name}', with args beginning with: ${args}`
    .replace(/[\r\n]/g, ' ');
}

async function compare(text: string, seed: number): Promise<void> {
  const settings = { limits: requestLimits(), isAuthenticated: true };
  const choose = seededChooser(seed);
  const bytes = latin1Bytes(text);
  const ours = parseChunked(cutRandomly(bytes, 1_000, choose), settings, choose);
  const answer = await redis.exchange(bytes);
  const about = `seed ${seed}, text ${JSON.stringify(text.slice(0, 300))}`;
  const isError = ours.outcome.startsWith('Protocol error');
  expect(repliesOf(answer), about).toHaveLength(ours.requests.length + (isError ? 1 : 0));
  const isKnown = (request: string[]): boolean =>
    commandNames.has((request[0] ?? '').toLowerCase());
  if (ours.requests.some(isKnown)) {
    const last = errorLinesOf(answer).at(-1);
    if (isError) expect(last, about).toBe(`-ERR ${ours.outcome}`);
    return;
  }
  const expected = ours.requests.map(unknownCommandLine);
  if (isError) expected.push(`-ERR ${ours.outcome}`);
  expect(errorLinesOf(answer), about).toEqual(expected);
}

const A_LINE = 'a'.repeat(65_537);
const HOSTILE = [
  '', '\r\n', '\n', ' ', '*', '*1', '*1\r', '*1\r\n', '*0\r\n', '*-1\r\nNOPE\r\n', '*-0\r\n',
  '*-\r\n',
  '*-9223372036854775808\r\nNOPE\r\n', '*-9223372036854775809\r\nNOPE\r\n', '*2147483648\r\n',
  '*01\r\n', '*\r\n', '* 1\r\n', '*1 \r\n', '*+1\r\n', '*1x\r\n', '*99999999999999999999\r\n',
  '*1\rX$4\r\nNOPE\r\n', '*1\n$4\nNOPE\n', '*1\r\n$4\rXNOPE\r\n', '*1\0\r\nNOPE\r\n',
  '*1\r\n$04\r\nNOPE\r\n', '*1\r\n$-0\r\n', '*1\r\n$-1\r\n', '*1\r\n$\r\n', '*1\r\n$ 4\r\nNOPE\r\n',
  '*1\r\n$+4\r\nNOPE\r\n', '*1\r\n$4x\r\n', '*1\r\n$536870912\r\n', '*1\r\n$536870913\r\n',
  '*1\r\n$99999999999999999999\r\n', '*1\r\n\r\nx\r\n', '*1\r\n\nx\r\n', '*1\r\n\0x\r\nNOPE\r\n',
  '*1\r\n\'x\r\n', '*1\r\n"x\r\n', '*1\r\n\\x\r\n', '*1\r\n\xe9x\r\n', '*1\r\n\tx\r\n',
  '*1\r\n\x1bx\r\n',
  '*1\r\n\x7fx\r\n', '*1\r\nNOPE', '*1\r\nNOPE\r\n', '*1\r\n*1\r\n', '*2\r\n$4\r\nNOPE\r\n:1\r\n',
  '*1\r\n$4\r\nNOPEXXNOPE\r\n', '*2\r\n$4\r\nNOPE\r\n$0\r\n\r\n', '*1\r\n$0\r\n\r\n',
  '*2\r\n$2\r\nab\r\n$3\r\n\r\nx\r\n', '$4\r\nNOPE\r\n', ':1\r\n', '+NOPE\r\n', 'NOPE\n',
  'NOPE\n\n\r\nNOPE\n',
  ' \r\n\t\v\f\r\nNOPE\r\n', 'NOPE \v\r\n', 'NOPE a\vb\r\n', 'NOPE "a"b\r\n', 'NOPE "a"\vb\r\n',
  'NOPE a"b c"\r\n', "NOPE 'it\\'s\\n'\r\n", 'NOPE "\\xzz\\x4"\r\n',
  'NOPE "\\x41\\n\\r\\t\\b\\a\\q"\r\n',
  'NOPE "a\\\r\n', 'NOPE a\\"b"\r\n', 'NOPE\r\r\n', '\rNOPE\r\n', 'NOPE a\rb\r\n',
  'a\0b\r\nNOPE\r\n',
  "NOPE 'a''b'\r\n", 'NOPE "\r\n', "NOPE '\\'\r\n", "NOPE '\\\r\n", '"" x\r\n', "'' 'x y'\r\n",
  'a"b\r\n',
  A_LINE, `*${'1'.repeat(65_536)}`, `*1\r\n$${'1'.repeat(65_536)}`, `*1\r\n${A_LINE}`,
  '\0'.repeat(65_537), `*1\r\n$\0${A_LINE}`, `*1\0${A_LINE}`, `*12\r\n${'$1\r\nx\r\n'.repeat(12)}`,
  `*2\r\n$40000\r\n${'x'.repeat(40_000)}\r\n$1\r\ny\r\n`,
];

describe('request parser against redis-server', () => {
  it.each(HOSTILE.map((text) => [text.length > 60 ? `${text.slice(0, 30)}...` : text, text]))(
    'agrees on %j', async (_name, text) => compare(text, 1),
  );

  it.each([51, 52])('agrees on damaged pipelines, seed %i', async (seed) => {
    const choose = seededChooser(seed);
    for (let round = 0; round < 1_000; round++) {
      await compare(damaged(samplePipeline(choose), choose), seed * 1_000 + round);
    }
  });

  it('holds strangers to the same bounds', async () => {
    const settings = { limits: requestLimits(), isAuthenticated: false };
    const setUser = (...rule: string[]): Uint8Array =>
      encodeRequest(['ACL', 'SETUSER', 'default', ...rule]);
    await redis.exchange(setUser('resetpass', '>secret'));
    for (const text of [
      '*11\r\n', '*10\r\n', '*1\r\n$16385\r\n', '*1\r\n$16384\r\n', '*11 \r\n', '*2147483648\r\n',
      '*1\r\n$536870913\r\n',
    ]) {
      const { outcome } = parseNaively(text, settings);
      const choose = seededChooser(1);
      expect(parseChunked([latin1Bytes(text)], settings, choose).outcome).toBe(outcome);
      const lines = errorLinesOf(await redis.exchange(latin1Bytes(text)));
      expect(lines, text).toEqual(outcome === 'partial' ? [] : [`-ERR ${outcome}`]);
    }
    const login = latin1Text(encodeRequest(['AUTH', 'secret']));
    await redis.exchange(latin1Bytes(login + latin1Text(setUser('nopass'))));
  });
});
