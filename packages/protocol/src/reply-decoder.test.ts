/**
 * The reply decoder by example: every RESP2 and RESP3 type in both forms, every refusal, every
 * bound at its edge, attributes in awkward places, and recovery by reset.
 */
import { describe, expect, it } from 'vitest';
import { replyLimits } from './limits.ts';
import type { ReplyLimits } from './limits.ts';
import { ReplyDecoder } from './reply-decoder.ts';
import { replyNodes, replyNodesWithAttributes } from './reply-nodes.ts';
import { replyValues, replyValuesWithBytes } from './reply-values.ts';
import { ErrorReply, PushReply } from './resp-types.ts';
import type { RespNode, RespValue } from './resp-types.ts';
import { latin1Bytes } from './testing/chunked.ts';

const utf8 = new TextEncoder();

function valuesOf(text: string): RespValue[] {
  const decoder = new ReplyDecoder(replyValues);
  const values = decoder.feed(utf8.encode(text));
  expect(decoder.error).toBeUndefined();
  expect(decoder.isIdle).toBe(true);
  return values;
}

function nodeOf(text: string): RespNode | undefined {
  const nodes = new ReplyDecoder(replyNodes).feed(latin1Bytes(text));
  expect(nodes).toHaveLength(1);
  return nodes[0];
}

function refusalOf(text: string, limits: Partial<ReplyLimits> = {}): string | undefined {
  const decoder = new ReplyDecoder(replyValues, replyLimits(limits));
  decoder.feed(latin1Bytes(text));
  expect(decoder.feed(latin1Bytes('+OK\r\n'))).toEqual([]);
  expect(decoder.isIdle).toBe(false);
  return decoder.error?.code;
}

describe('replies as values', () => {
  it.each<[string, RespValue]>([
    ['+OK\r\n', 'OK'], ['$3\r\na\r\n\r\n', 'a\r\n'], ['$0\r\n\r\n', ''],
    ['$5\r\n\u20aca!\r\n', '\u20aca!'],
    [':12\r\n', 12], [':-0\r\n', 0], [':+5\r\n', 5], [':9007199254740991\r\n', 9007199254740991],
    [':9007199254740992\r\n', 9007199254740992n], [':-9223372036854775808\r\n', -(2n ** 63n)],
    ['$-1\r\n', null], ['*-1\r\n', null], ['_\r\n', null], ['*0\r\n', []], ['~0\r\n', new Set()],
    [',1.5\r\n', 1.5], [',10\r\n', 10], [',1e-7\r\n', 1e-7], [',inf\r\n', Infinity],
    [',-inf\r\n', -Infinity], [',nan\r\n', Number.NaN], ['#t\r\n', true], ['#f\r\n', false],
    ['(12345678901234567890123\r\n', 12345678901234567890123n], ['(-1\r\n', -1n],
    ['=9\r\ntxt:a\r\nb!\r\n', 'a\r\nb!'], ['*2\r\n:1\r\n*2\r\n+a\r\n_\r\n', [1, ['a', null]]],
    ['%2\r\n+a\r\n:1\r\n+b\r\n*0\r\n', new Map<RespValue, RespValue>([['a', 1], ['b', []]])],
    ['~2\r\n+a\r\n:1\r\n', new Set<RespValue>(['a', 1])],
    ['>2\r\n+message\r\n+x\r\n', new PushReply(['message', 'x'])],
    ['-ERR no\r\n', new ErrorReply('ERR no')], ['!6\r\nERR no\r\n', new ErrorReply('ERR no')],
    ['|1\r\n+ttl\r\n:5\r\n+OK\r\n', 'OK'],
  ])('%j', (text, value) => {
    expect(valuesOf(text)).toEqual([value]);
    expect(valuesOf(text + text)).toEqual([value, value]);
  });

  it('gives the first word of an error as its code, and bytes where asked', () => {
    expect(new ErrorReply('WRONGTYPE Operation').code).toBe('WRONGTYPE');
    expect(new ErrorReply('ERR').code).toBe('ERR');
    const decoder = new ReplyDecoder(replyValuesWithBytes);
    const chunk = latin1Bytes('$2\r\n\xff\0\r\n');
    const [bytes] = decoder.feed(chunk);
    chunk.fill(0);
    expect(bytes).toEqual(Uint8Array.of(0xff, 0));
  });
});

describe('replies as nodes', () => {
  it('tells apart what values fold together', () => {
    expect(nodeOf('$-1\r\n')).toEqual({ type: 'null-bulk', value: null });
    expect(nodeOf('*-1\r\n')).toEqual({ type: 'null-array', value: null });
    expect(nodeOf('_\r\n')).toEqual({ type: 'null', value: null });
    expect(nodeOf('!3\r\nERR\r\n')).toEqual({ type: 'blob-error', value: 'ERR' });
    expect(nodeOf('=5\r\nmkd:x\r\n')).toEqual({ type: 'verbatim', format: 'mkd', value: 'x' });
    expect(nodeOf('(5\r\n')).toEqual({ type: 'big-number', value: 5n });
    expect(nodeOf('%1\r\n:1\r\n,2\r\n')).toEqual({
      type: 'map', value: [[{ type: 'integer', value: 1 }, { type: 'double', value: 2 }]],
    });
  });

  it('keeps attributes on the value they precede, also inside and before aggregates', () => {
    const text =
      '|1\r\n+a\r\n+1\r\n*2\r\n|1\r\n+b\r\n|1\r\n+c\r\n+3\r\n*0\r\n:7\r\n' +
      '|1\r\n+d\r\n+4\r\n|0\r\n*0\r\n';
    const simple = (value: string): RespNode => ({ type: 'simple', value });
    const [node] = new ReplyDecoder(replyNodesWithAttributes).feed(latin1Bytes(text));
    expect(node).toEqual({
      type: 'array',
      attributes: [[simple('a'), simple('1')]],
      value: [
        { type: 'integer', value: 7, attributes: [[simple('b'), {
          type: 'array', value: [], attributes: [[simple('c'), simple('3')]],
        }]] },
        { type: 'array', value: [], attributes: [[simple('d'), simple('4')]] },
      ],
    });
    expect(new ReplyDecoder(replyNodes).feed(latin1Bytes(text))).toEqual([{
      type: 'array', value: [{ type: 'integer', value: 7 }, { type: 'array', value: [] }],
    }]);
  });
});

describe('refusals', () => {
  it.each([
    ['?\r\n', 'REPLY_UNKNOWN_TYPE'], ['\r\n', 'REPLY_UNKNOWN_TYPE'], [':\r\n', 'REPLY_BAD_NUMBER'],
    [':1x\r\n', 'REPLY_BAD_NUMBER'], [':1.5\r\n', 'REPLY_BAD_NUMBER'],
    [':9223372036854775808\r\n', 'REPLY_BAD_NUMBER'],
    [`:${'0'.repeat(50)}1\r\n`, 'REPLY_BAD_NUMBER'],
    [',\r\n', 'REPLY_BAD_NUMBER'], [',1,5\r\n', 'REPLY_BAD_NUMBER'],
    [',0x10\r\n', 'REPLY_BAD_NUMBER'],
    ['(1.0\r\n', 'REPLY_BAD_NUMBER'], [`(${'9'.repeat(10_001)}\r\n`, 'REPLY_BAD_NUMBER'],
    ['#true\r\n', 'REPLY_BAD_VALUE'], ['_x\r\n', 'REPLY_BAD_VALUE'],
    ['=3\r\ntxt\r\n', 'REPLY_BAD_VALUE'],
    ['=4\r\ntxt;\r\n', 'REPLY_BAD_VALUE'], ['$-2\r\n', 'REPLY_BAD_LENGTH'],
    ['$01\r\n', 'REPLY_BAD_LENGTH'],
    ['$?\r\n', 'REPLY_BAD_LENGTH'], ['*?\r\n', 'REPLY_BAD_LENGTH'], ['~-1\r\n', 'REPLY_BAD_LENGTH'],
    ['%-1\r\n', 'REPLY_BAD_LENGTH'], ['!-1\r\n', 'REPLY_BAD_LENGTH'], ['*\r\n', 'REPLY_BAD_LENGTH'],
    ['+a\rb\r\n', 'REPLY_BAD_TERMINATOR'], ['$1\r\nab\r\n', 'REPLY_BAD_TERMINATOR'],
    ['$1\r\na\rx', 'REPLY_BAD_TERMINATOR'], ['$536870913\r\n', 'REPLY_TOO_BIG'],
    ['*67108865\r\n', 'REPLY_TOO_LONG'], ['%33554433\r\n', 'REPLY_TOO_LONG'],
    ['*1\r\n'.repeat(33), 'REPLY_NESTING_TOO_DEEP'],
    ['|1\r\n'.repeat(33), 'REPLY_NESTING_TOO_DEEP'],
  ])('%j is refused', (text, code) => {
    expect(refusalOf(text)).toBe(code);
  });

  it('gives the replies before the error, then nothing until reset', () => {
    const decoder = new ReplyDecoder(replyValues);
    expect(decoder.feed(latin1Bytes('+a\r\n*2\r\n:1\r\n?\r\n+b\r\n'))).toEqual(['a']);
    expect(decoder.error?.message).toBe('Protocol error: unknown reply type byte 63');
    expect(decoder.feed(latin1Bytes('+c\r\n'))).toEqual([]);
    decoder.reset();
    expect(decoder.isIdle).toBe(true);
    expect(decoder.feed(latin1Bytes('+d\r\n'))).toEqual(['d']);
  });

  it('holds every bound at its edge', () => {
    const decode = (text: string, limits: Partial<ReplyLimits>): RespValue[] =>
      new ReplyDecoder(replyValues, replyLimits(limits)).feed(latin1Bytes(text));
    const line = '+abcdef\r\n';
    expect(decode(line, { lineBytesMax: 8 })).toEqual(['abcdef']);
    expect(refusalOf(line, { lineBytesMax: 7 })).toBe('REPLY_LINE_TOO_LONG');
    expect(refusalOf('+abcdefgh', { lineBytesMax: 7 })).toBe('REPLY_LINE_TOO_LONG');
    expect(decode('*1\r\n*0\r\n', { nestingMax: 2 })).toEqual([[[]]]);
    expect(refusalOf('*1\r\n*0\r\n', { nestingMax: 1 })).toBe('REPLY_NESTING_TOO_DEEP');
    expect(decode('%1\r\n:1\r\n:2\r\n', { elementsMax: 2 })).toEqual([new Map([[1, 2]])]);
    expect(refusalOf('%1\r\n', { elementsMax: 1 })).toBe('REPLY_TOO_LONG');
    expect(decode('$3\r\nabc\r\n', { bulkBytesMax: 3 })).toEqual(['abc']);
    expect(refusalOf('$3\r\n', { bulkBytesMax: 2 })).toBe('REPLY_TOO_BIG');
    const frame = '*2\r\n:1\r\n$3\r\nabc\r\n';
    expect(decode(frame.repeat(5), { frameBytesMax: frame.length })).toHaveLength(5);
    expect(refusalOf(frame, { frameBytesMax: 14 })).toBe('REPLY_TOO_BIG');
    expect(refusalOf('*9\r\n:1\r\n+abcdefghijk', { frameBytesMax: 14 })).toBe('REPLY_TOO_BIG');
  });
});
