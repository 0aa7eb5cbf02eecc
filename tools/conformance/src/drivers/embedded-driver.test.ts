/**
 * JavaScript values stand for replies: which value is equal to which reply of the wire, and
 * which is not, so that the embedded engine is held to its types and not to a protocol's.
 */
import { describe, expect, it } from 'vitest';
import { parseExpectation } from '../case-file.ts';
import { isExpected } from '../comparison.ts';
import { isNoReply, type Outcome } from '../reply-notation.ts';
import { embeddedDriver } from './embedded-driver.ts';

async function outcomeOf(answer: () => unknown): Promise<Outcome> {
  const connection = { call: answer };
  const driver = embeddedDriver({ connection: () => connection, close: () => undefined });
  const opened = await driver.open();
  opened.send(['ANY']);
  return opened.next(1);
}

async function accepts(notation: string, answer: () => unknown): Promise<boolean> {
  const outcome = await outcomeOf(answer);
  const { comparable } = embeddedDriver({
    connection: () => ({ call: answer }),
    close: () => undefined,
  });
  const expectation = parseExpectation(notation);
  const expected = comparable!.expected(expectation.reply);
  const received = isNoReply(outcome) ? outcome : comparable!.received(outcome);
  return isExpected({ ...expectation, reply: expected }, received);
}

class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

describe('a value', () => {
  it.each([
    ['+"OK"', 'OK'],
    ['$"OK"', 'OK'],
    ['="txt:abc"', 'abc'],
    ['$"\\xc3\\xa9"', 'é'],
    ['$"\\xff\\x00"', new Uint8Array([255, 0])],
    [':12', 12],
    [':12', 12n],
    [':9223372036854775807', 9223372036854775807n],
    [',3', 3],
    [',1.1000000000000001', 1.1],
    [',inf', Number.POSITIVE_INFINITY],
    [',-inf', Number.NEGATIVE_INFINITY],
    ['(12345678901234567890', 12345678901234567890n],
    ['#t', true],
    ['_', null],
    ['*_', null],
    ['*[$"a" :1 *[_]]', ['a', 1, [null]]],
    ['%[$"b" :2 $"a" *[:1]]', new Map<string, unknown>([['a', [1]], ['b', 2]])],
    ['~[$"b" $"a"]', new Set(['a', 'b'])],
    ['*[-"ERR x"]', [{ text: 'ERR x', prefix: 'ERR' }]],
    ['{len} =#7', 'abc'],
    ['{approx=2} :10', 11],
    ['{match=^a} ?', 'abc'],
  ])('%s accepts %o', async (notation, value) => {
    expect(await accepts(notation, () => value)).toBe(true);
  });

  it.each([
    ['$"12"', 12],
    [':12', '12'],
    [':9223372036854775807', Number(9223372036854775807n)],
    ['_', ''],
    ['*[]', new Map()],
    ['%[]', []],
    ['~[$"a"]', ['a']],
    ['-"ERR x"', 'ERR x'],
    ['{any} ?', undefined],
    ['{any} ?', { answer: 1 }],
  ])('%s refuses %o', async (notation, value) => {
    expect(await accepts(notation, () => value)).toBe(false);
  });

  it('may be thrown when it is a reply error, and only then', async () => {
    const thrown = (error: unknown) => () => {
      throw error;
    };
    expect(await accepts('-"ERR x"', thrown(new ReplyError('ERR x')))).toBe(true);
    expect(await accepts('-"ERR y"', thrown(new ReplyError('ERR x')))).toBe(false);
    const coded = Object.assign(new Error('ERR x'), { code: 'ERR' });
    expect(await accepts('-"ERR x"', thrown(coded))).toBe(true);
    const fault = Object.assign(new Error('the engine is closed'), { code: 'ENGINE_CLOSED' });
    expect(await accepts('{any} ?', thrown(fault))).toBe(false);
    expect(await accepts('-"ERR x"', thrown(new Error('ERR x')))).toBe(false);
    expect(await accepts('{any} ?', thrown(new Error('ERR x')))).toBe(false);
  });
});

it('asks for bytes where the engine offers them', async () => {
  const session = { call: () => 'text', callBytes: () => new Uint8Array([255]) };
  const driver = embeddedDriver({ connection: () => session, close: () => undefined });
  const connection = await driver.open();
  connection.send(['GET', 'k']);
  expect(await connection.next(1)).toEqual({ kind: 'bulk', text: '\xff' });
});

it('hands over ASCII as text and everything else as bytes', async () => {
  const received: unknown[] = [];
  const session = {
    call(...requestArguments: unknown[]) {
      received.push(...requestArguments);
      return null;
    },
  };
  const driver = embeddedDriver({ connection: () => session, close: () => undefined });
  const connection = await driver.open();
  connection.send(['SET', 'a\0\n', 'b\xff']);
  expect(received).toEqual(['SET', 'a\0\n', Buffer.from([98, 255])]);
});
