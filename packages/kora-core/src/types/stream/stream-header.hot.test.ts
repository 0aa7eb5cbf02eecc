/**
 * The header's 64-bit counter, and that a fresh header says nothing.
 */
import { describe, expect, it } from 'vitest';
import {
  addOne64, HEADER_BYTES, headerGroups, headerTail, headerTree, startHeader,
} from './stream-header.hot.ts';

describe('the header of a stream', () => {
  it('is empty at the start, and writes nothing beside itself', () => {
    const words = new Int32Array(40).fill(9);
    startHeader(words, 2);
    const length = HEADER_BYTES / 4;
    expect(Array.from(words.subarray(4, 4 + length))).toEqual(new Array(length).fill(0));
    expect([words[3], words[4 + length]]).toEqual([9, 9]);
    expect([headerTail(words, 2), headerTree(words, 2), headerGroups(words, 2)]).toEqual([0, 0, 0]);
  });

  it.each([0n, 1n, 0x7fff_ffffn, 0xffff_ffffn, 0x1_0000_0000n, 0x7fff_ffff_ffff_fffen, -1n])(
    'counts on from %i', (value) => {
      const words = new Int32Array(4);
      new BigInt64Array(words.buffer)[1] = value;
      addOne64(words, 2);
      expect(new BigInt64Array(words.buffer)[1]).toBe(BigInt.asIntN(64, value + 1n));
    },
  );
});
