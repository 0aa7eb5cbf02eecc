/**
 * Ends of values against values made by hand of every type, whole and nested, RESP2 and RESP3, and
 * against random trees whose length is known as they are made.
 */
import { describe, expect, it } from 'vitest';
import { endOfValue, header, readLine } from './resp-values.hot.ts';

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

const values = [
  '+OK\r\n', '-ERR no\r\n', ':-12\r\n', '$-1\r\n', '$0\r\n\r\n', '$5\r\na\r\nbc\r\n',
  '_\r\n', '#t\r\n',
  ',1.5\r\n', '(123\r\n', '=7\r\ntxt:abc\r\n', '!5\r\nERR x\r\n',
  '*-1\r\n', '*0\r\n', '*2\r\n:1\r\n$1\r\nx\r\n',
  '%1\r\n+a\r\n*1\r\n:2\r\n', '~2\r\n+a\r\n+b\r\n', '>1\r\n+a\r\n',
  '*2\r\n*2\r\n:1\r\n:2\r\n%0\r\n',
];

/** A random value of at most this depth. */
function randomValue(next: (bound: number) => number, depth: number): string {
  const kind = next(depth === 0 ? 4 : 7);
  if (kind === 0) return `:${next(1000)}\r\n`;
  if (kind === 1) return '+some text\r\n';
  if (kind === 2) return '$-1\r\n';
  if (kind === 3) {
    const text = '\r\n$*'.repeat(next(4));
    return `$${text.length}\r\n${text}\r\n`;
  }
  const count = next(4);
  const members = Array.from({ length: kind === 4 ? count * 2 : count }, () =>
    randomValue(next, depth - 1));
  return `${['%', '*', '~'][kind - 4] ?? '*'}${count}\r\n${members.join('')}`;
}

describe('ends of RESP values', () => {
  it.each(values)('%j', (value) => {
    const bytes = bytesOf(`xx${value}+next\r\n`);
    expect(endOfValue(bytes, 2, bytes.length)).toBe(2 + value.length);
  });

  it('of random trees', () => {
    let state = 7;
    const next = (bound: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (state >>> 8) % bound;
    };
    for (let i = 0; i < 500; i++) {
      const value = randomValue(next, 4);
      const bytes = bytesOf(value);
      expect(endOfValue(bytes, 0, bytes.length), JSON.stringify(value)).toBe(bytes.length);
    }
  });

  it('a reply that is cut off is no reply', () => {
    const bytes = bytesOf('*2\r\n:1\r\n');
    expect(() => endOfValue(bytes, 0, bytes.length)).toThrow('a reply is whole');
  });

  it('a line gives its number and its end', () => {
    expect(readLine(bytesOf('$-17\r\nrest'), 0)).toBe(6);
    expect(header.number).toBe(-17);
  });
});
