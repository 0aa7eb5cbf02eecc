/**
 * Replies as values, wherever messages cut them: the same from one piece, from every pair of
 * pieces, and byte by byte.
 */
import { describe, expect, it } from 'vitest';
import { KoraReplyError } from '../kora-reply-error.ts';
import { BulkForm } from '../open-values.ts';
import type { ReplyValue } from '../open-values.ts';
import { ReplyReader } from './reply-reader.ts';

interface Sample {
  readonly wire: string;
  readonly value: ReplyValue;
}

const samples: readonly Sample[] = [
  { wire: '+OK\r\n', value: 'OK' },
  { wire: '+QUEUED\r\n', value: 'QUEUED' },
  { wire: '+\r\n', value: '' },
  { wire: ':0\r\n', value: 0 },
  { wire: ':-12\r\n', value: -12 },
  { wire: ':9007199254740991\r\n', value: 9_007_199_254_740_991 },
  { wire: ':9223372036854775807\r\n', value: 9_223_372_036_854_775_807n },
  { wire: ':-9223372036854775808\r\n', value: -9_223_372_036_854_775_808n },
  { wire: '$0\r\n\r\n', value: '' },
  { wire: '$5\r\nhello\r\n', value: 'hello' },
  { wire: '$7\r\na\r\nb\r\nc\r\n', value: 'a\r\nb\r\nc' },
  { wire: '$2\r\né\r\n', value: 'é' },
  { wire: `$300\r\n${'x'.repeat(300)}\r\n`, value: 'x'.repeat(300) },
  { wire: '_\r\n', value: null },
  { wire: ',3.25\r\n', value: 3.25 },
  { wire: ',1e+300\r\n', value: 1e300 },
  { wire: ',inf\r\n', value: Infinity },
  { wire: ',-inf\r\n', value: -Infinity },
  { wire: '#t\r\n', value: true },
  { wire: '#f\r\n', value: false },
  { wire: '(123456789012345678901234567890\r\n', value: 123456789012345678901234567890n },
  { wire: '=8\r\ntxt:some\r\n', value: 'some' },
  { wire: '*0\r\n', value: [] },
  { wire: '%0\r\n', value: new Map() },
  { wire: '*2\r\n$1\r\na\r\n_\r\n', value: ['a', null] },
  { wire: '%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*1\r\n:2\r\n', value: new Map<ReplyValue, ReplyValue>([
    ['a', 1], ['b', [2]],
  ]) },
  { wire: '~2\r\n+a\r\n:1\r\n', value: new Set<ReplyValue>(['a', 1]) },
  { wire: '>2\r\n+a\r\n*0\r\n', value: ['a', []] },
  { wire: '*3\r\n*2\r\n*0\r\n*1\r\n:1\r\n~0\r\n+z\r\n', value: [[[], [1]], new Set(), 'z'] },
];

/** Reads pieces one after the other; the values of complete replies and the errors. */
function readAll(pieces: readonly Buffer[], form: number = BulkForm.Text): unknown[] {
  const reader = new ReplyReader();
  const values: unknown[] = [];
  for (const piece of pieces) {
    // As in the ring: other bytes around them, which are gone afterwards.
    const place = Buffer.alloc(piece.length + 16, 0x21);
    piece.copy(place, 8);
    const end = 8 + piece.length;
    for (let at = 8; at < end; ) {
      at = reader.read(place, at, end, form);
      if (reader.isComplete) values.push(reader.refusal ?? reader.value);
    }
    place.fill(0x21);
  }
  expect(reader.isIdle).toBe(true);
  return values;
}

describe('a reader of replies', () => {
  it.each(samples)('reads $wire', ({ wire, value }) => {
    const bytes = Buffer.from(wire);
    expect(readAll([bytes])).toEqual([value]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
      expect(readAll(pieces), `cut at ${cut}`).toEqual([value]);
    }
    expect(readAll([...bytes].map((byte) => Buffer.of(byte)))).toEqual([value]);
  });

  it('reads one reply after the other, in pieces of every size', () => {
    const bytes = Buffer.from(samples.map(({ wire }) => wire).join(''));
    const values = samples.map(({ value }) => value);
    for (let size = 1; size < 80; size++) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      expect(readAll(pieces), `pieces of ${size}`).toEqual(values);
    }
  });

  it('gives bytes of the receiver where bytes are asked for, and text of status lines', () => {
    const bytes = Buffer.from('*3\r\n$2\r\n\xff\x00\r\n+OK\r\n=5\r\ntxt:x\r\n', 'latin1');
    expect(readAll([bytes], BulkForm.Bytes)).toEqual([[Uint8Array.of(0xff, 0), 'OK', 'x']]);
    const [copy] = readAll([Buffer.from('$3\r\nabc\r\n')], BulkForm.Bytes);
    expect(copy).toEqual(Uint8Array.of(0x61, 0x62, 0x63));
    expect(copy).not.toBeInstanceOf(Buffer);
  });

  it('tells a refusal from an error inside a list', () => {
    const [refusal] = readAll([Buffer.from('-WRONGTYPE no\r\n')]);
    expect(refusal).toBeInstanceOf(KoraReplyError);
    expect(refusal).toMatchObject({ code: 'WRONGTYPE', message: 'WRONGTYPE no' });
    const [list] = readAll([Buffer.from('*2\r\n-ERR no\r\n:1\r\n')]);
    expect(list).toEqual([expect.any(KoraReplyError), 1]);
  });

  it('refuses bytes that no worker sends', () => {
    expect(() => readAll([Buffer.from('!3\r\nabc\r\n')])).toThrow('a worker speaks RESP3');
  });
});
