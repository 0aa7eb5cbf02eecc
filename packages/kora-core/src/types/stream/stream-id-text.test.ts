/**
 * IDs as text: what is written reads back, and the forms that commands take or refuse, odd ones of
 * the C library included.
 */
import { describe, expect, it } from 'vitest';
import { StreamId } from './stream-id.hot.ts';
import {
  IdForm, idReading, readIntervalId, readStreamId, STREAM_ID_TEXT_BYTES_MAX, writeStreamId,
} from './stream-id-text.ts';

const low = new Uint8Array(512);
const LAST = '18446744073709551615';

function place(text: string): number {
  for (let i = 0; i < text.length; i++) low[i + 8] = text.charCodeAt(i);
  return text.length;
}

function textOf(id: StreamId): string {
  const bytes = writeStreamId(low, 200, id);
  expect(bytes).toBeLessThanOrEqual(STREAM_ID_TEXT_BYTES_MAX);
  return String.fromCharCode(...low.subarray(200, 200 + bytes));
}

/** The ID that a text means, undefined when it is none. */
function read(text: string, form: number = IdForm.Strict, isLast = false): string | undefined {
  const id = new StreamId();
  return readStreamId(low, 8, place(text), form, isLast, id) ? textOf(id) : undefined;
}

function interval(text: string, isLast: boolean): string | undefined {
  const id = new StreamId();
  return readIntervalId(low, 8, place(text), isLast, id) ? textOf(id) : undefined;
}

describe('IDs as text', () => {
  it.each([
    '0-0', '0-1', '5-5', '1700000000000-0', `${LAST}-${LAST}`, '9223372036854775808-0',
    `9007199254740993-${LAST}`, '4294967296-4294967295', '1-18446744073709551614',
  ])('come back: %s', (text) => {
    expect(read(text)).toBe(text);
  });

  it('take the sequence that is missing from the caller', () => {
    expect(read('7')).toBe('7-0');
    expect(read('7', IdForm.Strict, true)).toBe(`7-${LAST}`);
  });

  it.each([
    '', '-', '+', 'x', '1-x', '1-', '-1', '1-1-1', '1--5', '18446744073709551616',
    '1-18446744073709551616', ' ', '1 ', '1- 1 ', '0x1', '*', '1-*', '(1', '1.0',
    '1'.repeat(128),
  ])('are not: %j', (text) => {
    expect(read(text)).toBeUndefined();
  });

  it.each([
    ['01', '1-0'], [' 1', '1-0'], ['+1', '1-0'], ['1-01', '1-1'], ['1- 1', '1-1'], ['1-+2', '1-2'],
    ['1--0', '1-0'], ['1--01', `1-${LAST}`], ['5-1\0junk', '5-1'], [`${'0'.repeat(100)}5-1`, '5-1'],
  ])('are what the C library reads: %j', (text, wanted) => {
    expect(read(text)).toBe(wanted);
  });

  it('are open at the ends where that is allowed', () => {
    expect(read('-', IdForm.Open)).toBe('0-0');
    expect(read('+', IdForm.Open)).toBe(`${LAST}-${LAST}`);
    expect(read('1-*', IdForm.Open)).toBeUndefined();
  });

  it('leave the sequence open when they are added', () => {
    expect(read('9-*', IdForm.Added)).toBe('9-0');
    expect(idReading.hasSequence).toBe(false);
    expect(read('9-1', IdForm.Added)).toBe('9-1');
    expect(idReading.hasSequence).toBe(true);
    expect(read('9-**', IdForm.Added)).toBeUndefined();
    expect(read('+', IdForm.Added)).toBeUndefined();
  });

  it('are exclusive in intervals behind a bracket', () => {
    expect(interval('(3', true)).toBe(`3-${LAST}`);
    expect(idReading.isExclusive).toBe(true);
    expect(interval('3', false)).toBe('3-0');
    expect(idReading.isExclusive).toBe(false);
    expect(interval('(-', false)).toBeUndefined();
    expect(interval('(', false)).toBeUndefined();
    expect(interval('+', true)).toBe(`${LAST}-${LAST}`);
  });
});

describe('the text of an ID', () => {
  it('is the decimal one of both numbers, at every length', () => {
    const id = new StreamId();
    for (let digits = 0; digits < 20; digits++) {
      for (const step of [-1n, 0n, 1n, 7n]) {
        const value = 10n ** BigInt(digits) + step;
        const word = (shift: bigint): number => Number(BigInt.asIntN(32, value >> shift));
        id.set(word(32n), word(0n), word(32n), word(0n));
        expect(textOf(id)).toBe(`${value}-${value}`);
      }
    }
  });
});
