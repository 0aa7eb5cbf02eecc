/**
 * The request parser by example: results, offsets, errors and bounds, each as a session meets it.
 * Texts and limits are those recorded from redis-server 7.0.15 (protocol.case of the corpus); the
 * differential test beside asks a live one.
 */
import { describe, expect, it } from 'vitest';
import { requestLimits } from './limits.ts';
import type { RequestLimits } from './limits.ts';
import {
  PARSE_BIG, PARSE_ERROR, PARSE_MORE, PARSE_REQUEST, RequestParser,
} from './request-parser.hot.ts';
import { latin1Bytes, latin1Text } from './testing/chunked.ts';

interface Parsed {
  readonly requests: string[][];
  readonly result: number;
  readonly parser: RequestParser;
}

function parseAll(
  text: string, limits: Partial<RequestLimits> = {}, isAuthenticated = true,
): Parsed {
  const parser = new RequestParser(requestLimits(limits), isAuthenticated);
  const u8 = latin1Bytes(text);
  const requests: string[][] = [];
  let result = parser.parse(u8, u8.length);
  while (result === PARSE_REQUEST) {
    requests.push(argumentsOf(parser, u8));
    result = parser.parse(u8, u8.length);
  }
  return { requests, result, parser };
}

function argumentsOf(parser: RequestParser, u8: Uint8Array): string[] {
  return Array.from({ length: parser.argc }, (_, index) => {
    const at = parser.argAt[index]!;
    return latin1Text(u8.subarray(at, at + parser.argBytes[index]!));
  });
}

function errorOf(
  text: string, limits: Partial<RequestLimits> = {}, isAuthenticated = true,
): string {
  const { result, parser } = parseAll(text, limits, isAuthenticated);
  expect(result).toBe(PARSE_ERROR);
  expect(parser.parse(new Uint8Array(100), 100)).toBe(PARSE_ERROR);
  return parser.error?.message ?? 'no error';
}

describe('requests as arrays', () => {
  it('finds the arguments of a pipeline in place', () => {
    const { requests, result, parser } = parseAll(
      '*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nva\r\nl\r\n*1\r\n$4\r\nPING\r\n',
    );
    expect(requests).toEqual([['SET', 'key', 'va\r\nl'], ['PING']]);
    expect(result).toBe(PARSE_MORE);
    expect(parser.isIdle).toBe(true);
    expect(parser.frameStart).toBe(parser.position);
  });

  it('ignores counts of zero and below, and takes empty bulks', () => {
    const text = '*0\r\n*-1\r\n*-9223372036854775808\r\n*2\r\n$0\r\n\r\n$1\r\na\r\n';
    expect(parseAll(text).requests).toEqual([['', 'a']]);
  });

  it('does not look at the two bytes after a bulk, nor at the byte after CR', () => {
    expect(parseAll('*2\rX$4\rYECHO..$2\r\nab--PING\r\n').requests)
      .toEqual([['ECHO', 'ab'], ['PING']]);
  });

  it.each([
    ['*01\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*+1\r\n', 'invalid multibulk length'],
    ['*-0\r\n', 'invalid multibulk length'],
    ['*1 \r\n', 'invalid multibulk length'],
    ['*1048577\r\n', 'invalid multibulk length'],
    ['*2147483648\r\n', 'invalid multibulk length'],
    ['*-9223372036854775809\r\n', 'invalid multibulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$04\r\n', 'invalid bulk length'],
    ['*1\r\n$\r\n', 'invalid bulk length'],
    ['*1\r\n$ 4\r\n', 'invalid bulk length'],
    ['*1\r\n$536870913\r\n', 'invalid bulk length'],
    ['*1\r\n$99999999999999999999\r\n', 'invalid bulk length'],
    ['*1\r\nPING\r\n', "expected '$', got 'P'"],
    ["*1\r\n'\r\n", "expected '$', got '''"],
    ['*1\r\n\r\n', "expected '$', got ' '"],
    ['*1\r\n\n\r\n', "expected '$', got ' '"],
    ['*1\r\n\xe9\r\n', "expected '$', got '\xe9'"],
    [`*${'1'.repeat(65_536)}`, 'too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(65_536)}`, 'too big bulk count string'],
    ['a'.repeat(65_537), 'too big inline request'],
    ['\0'.repeat(65_537), 'too big inline request'],
    ['SET k "abc\r\n', 'unbalanced quotes in request'],
    ["GET 'abc\r\n", 'unbalanced quotes in request'],
    ['ECHO "a"b\r\n', 'unbalanced quotes in request'],
  ])('refuses %j', (text, reason) => {
    expect(errorOf(text)).toBe(`Protocol error: ${reason}`);
  });

  it('waits at the very edge of a long line', () => {
    for (const text of [`*${'1'.repeat(65_535)}`, 'a'.repeat(65_536), '*1\r\nx\0\r\n']) {
      const { result, parser } = parseAll(text);
      expect(result).toBe(PARSE_MORE);
      expect(parser.isIdle).toBe(false);
    }
  });
});

describe('bounds', () => {
  it('holds strangers to ten arguments and 16,384 bytes', () => {
    expect(errorOf('*11\r\n', {}, false)).toBe('Protocol error: unauthenticated multibulk length');
    expect(errorOf('*1\r\n$16385\r\n', {}, false))
      .toBe('Protocol error: unauthenticated bulk length');
    expect(parseAll('*10\r\n$16384\r\n', {}, false).result).toBe(PARSE_MORE);
  });

  it('sees a changed limit and a granted authentication at the next parse', () => {
    const limits = requestLimits();
    const parser = new RequestParser(limits, false);
    const u8 = latin1Bytes('*1\r\n$2\r\nab\r\n*11\r\n$2\r\nab\r\n');
    expect(parser.parse(u8, u8.length)).toBe(PARSE_REQUEST);
    parser.isAuthenticated = true;
    limits.bulkBytesMax = 1;
    expect(parser.parse(u8, u8.length)).toBe(PARSE_ERROR);
    expect(parser.error?.code).toBe('INVALID_BULK_LENGTH');
  });

  it('bounds the bytes of a whole frame, big bulks included', () => {
    const text = '*3\r\n$2\r\nab\r\n$2\r\ncd\r\n$2\r\nef\r\n';
    const toLastByte = text.length - 2;
    expect(parseAll(text, { frameBytesMax: toLastByte }).requests).toHaveLength(1);
    expect(errorOf(text, { frameBytesMax: toLastByte - 1 }))
      .toBe('Protocol error: too big request frame');
    expect(parseAll(text.repeat(9), { frameBytesMax: toLastByte }).requests).toHaveLength(9);
    const parser = new RequestParser(requestLimits({ frameBytesMax: 30, bigBulkBytes: 5 }));
    const big = latin1Bytes('*2\r\n$9\r\nabcdefghi\r\n$9\r\nabcdefghi\r\n');
    expect(parser.parse(big, big.length)).toBe(PARSE_BIG);
    parser.acceptBig(0, parser.position + 9);
    expect(parser.parse(big, big.length)).toBe(PARSE_ERROR);
  });

  it('grows its tables as arguments arrive and drops large ones at begin', () => {
    const parser = new RequestParser(requestLimits());
    const header = latin1Bytes('*1048576\r\n');
    expect(parser.parse(header, header.length)).toBe(PARSE_MORE);
    expect(parser.argAt.length).toBe(16);
    parser.begin(0);
    const u8 = latin1Bytes(`*3000\r\n${'$1\r\nx\r\n'.repeat(3_000)}`);
    expect(parser.parse(u8, u8.length)).toBe(PARSE_REQUEST);
    expect(parser.argc).toBe(3_000);
    expect(parser.argAt.length).toBe(4_096);
    expect(parser.argAt[2_999]).toBe(u8.length - 3);
    parser.reset();
    expect([parser.argAt.length, parser.argBytes.length, parser.argc]).toEqual([16, 16, 0]);
  });
});

describe('inline requests', () => {
  it.each([
    ['PING\r\n', [['PING']]],
    ['PING\n\n\r\n \t\v\f\r\nPING\n', [['PING'], ['PING']]],
    ['SET k "a\\x00b\\n\\t\\"\\\\"\r\n', [['SET', 'k', 'a\0b\n\t"\\']]],
    ['ECHO \'it\\\'s\\n\' "\\xzz\\x4" ""\r\n', [['ECHO', "it's\\n", 'xzzx4', '']]],
    ['ECHO a"b c" a\\"d"\r\n', [['ECHO', 'ab c', 'a\\d']]],
    ['ECHO a\vb "a"\vb\r\n', [['ECHO', 'a\vb', 'a', 'b']]],
    ['ECHO a\rb\r\r\n', [['ECHO', 'a', 'b']]],
    ['$4\r\nPING\r\n', [['$4'], ['PING']]],
  ])('splits %j', (text, requests) => {
    expect(parseAll(text).requests).toEqual(requests);
  });

  it('waits for ever behind a NUL, as redis-server does, up to the bound', () => {
    const { result, parser } = parseAll('a\0b\r\nPING\r\n');
    expect([result, parser.isIdle]).toEqual([PARSE_MORE, false]);
  });
});

describe('frames in pieces', () => {
  it('keeps offsets right when the caller moves the kept bytes', () => {
    const parser = new RequestParser(requestLimits());
    parser.begin(100);
    const u8 = new Uint8Array(200);
    u8.set(latin1Bytes('*2\r\n$4\r\nECHO\r\n$10\r\nabc'), 100);
    expect(parser.parse(u8, 122)).toBe(PARSE_MORE);
    expect([parser.frameStart, parser.pendingBytes, parser.argc]).toEqual([100, 10, 1]);
    u8.copyWithin(7, 100, 122);
    parser.relocate(7 - 100);
    u8.set(latin1Bytes('defghij\r\n'), 29);
    expect(parser.parse(u8, 38)).toBe(PARSE_REQUEST);
    expect(argumentsOf(parser, u8)).toEqual(['ECHO', 'abcdefghij']);
    expect([parser.isIdle, parser.pendingBytes]).toEqual([true, -1]);
  });

  it('hands big bulks to the caller and goes on at their CR LF', () => {
    const parser = new RequestParser(requestLimits({ bigBulkBytes: 5 }));
    const u8 = latin1Bytes('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nabcde\r\n');
    expect(parser.parse(u8, u8.length)).toBe(PARSE_BIG);
    expect(parser.parse(u8, u8.length)).toBe(PARSE_BIG);
    expect([parser.position, parser.pendingBytes]).toEqual([u8.length - 7, 5]);
    parser.acceptBig(41, parser.position + 5);
    expect(parser.parse(u8, u8.length - 1)).toBe(PARSE_MORE);
    parser.relocate(0);
    expect(parser.parse(u8, u8.length)).toBe(PARSE_REQUEST);
    expect([parser.argc, parser.argAt[2], parser.argBytes[2]]).toEqual([3, -42, 5]);
    expect(() => parser.acceptBig(0)).toThrow('acceptBig follows PARSE_BIG');
  });
});
