/**
 * The reply counter against the protocol package's decoder: the same replies, cut at every place
 * and at random places.
 */
import { ReplyDecoder, replyNodes } from '@kora/protocol';
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { ReplyCounter } from './reply-counter.ts';

const KINDS = ['+OK\r\n', '-ERR no\r\n', ':-12\r\n', '$-1\r\n', '$0\r\n\r\n', '$3\r\n$-1\r\n',
  `$70\r\n${'\r\n-x'.repeat(17)}yz\r\n`];

function countsOf(text: string, cuts: readonly number[]): number[] {
  const bytes = Buffer.from(text, 'latin1');
  const counter = new ReplyCounter();
  let complete = 0;
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    const piece = bytes.subarray(start, end);
    complete += counter.feed(piece, piece.length);
    start = end;
  }
  return [complete, counter.errors, counter.nulls];
}

function countsOfDecoder(text: string): number[] {
  const nodes = new ReplyDecoder(replyNodes).feed(Buffer.from(text, 'latin1'));
  const ofType = (type: string): number => nodes.filter((node) => node.type === type).length;
  return [nodes.length, ofType('error'), ofType('null-bulk')];
}

describe('ReplyCounter', () => {
  it('counts as the decoder does, whole and cut at every byte', () => {
    const text = KINDS.join('');
    for (let cut = 0; cut <= text.length; cut++) {
      expect(countsOf(text, [cut]), `cut at ${cut}`).toEqual(countsOfDecoder(text));
    }
    expect(countsOf(text, [...text].map((_, i) => i))).toEqual(countsOfDecoder(text));
  });

  it.each([1, 2, 3, 4])('counts random replies in random pieces, seed %i', (seed) => {
    const random = randomSource(seed);
    const count = 200;
    const text = Array.from({ length: count }, () => KINDS[random.below(KINDS.length)]).join('');
    const cuts = Array.from({ length: 60 }, () => random.below(text.length)).sort((a, b) => a - b);
    expect(countsOf(text, cuts), `seed ${seed}`).toEqual(countsOfDecoder(text));
  });

  it('does not count what has not arrived whole', () => {
    expect(countsOf('$3\r\nabc\r', [])).toEqual([0, 0, 0]);
    expect(countsOf('+O', [])).toEqual([0, 0, 0]);
  });
});
