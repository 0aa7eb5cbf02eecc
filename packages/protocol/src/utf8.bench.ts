/**
 * Writing text as UTF-8 against TextEncoder: the loop wins for the short texts of replies, the
 * encoder for long ones. One iteration writes a hundred texts.
 */
import { bench, describe } from 'vitest';
import { writeUtf8 } from './utf8.hot.ts';

const TEXTS = 100;
const u8 = new Uint8Array(1 << 12);
const encoder = new TextEncoder();
let consumed = 0;

describe.each([8, 24, 1_024])(`%i characters (${consumed} so far)`, (length) => {
  const text = 'caf\u00e9 au lait '.repeat(length).slice(0, length);
  bench('writeUtf8', () => {
    for (let index = 0; index < TEXTS; index++) consumed += writeUtf8(u8, 0, text);
  });
  bench('TextEncoder.encodeInto', () => {
    for (let index = 0; index < TEXTS; index++) consumed += encoder.encodeInto(text, u8).written;
  });
});
