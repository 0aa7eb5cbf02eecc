/**
 * What one reply costs to write: numbers of several sizes, headers, texts, doubles. One iteration
 * writes a hundred of them, so that the harness does not drown what it measures.
 */
import { bench, describe } from 'vitest';
import {
  writeBulkHeader, writeBulkText, writeDouble3, writeInteger, writeInteger64, writeSimple,
} from './reply-encoder.hot.ts';

const REPLIES = 100;
const u8 = new Uint8Array(new SharedArrayBuffer(1 << 12));
let consumed = 0;

describe(`reply writers, ${REPLIES} replies (${consumed} so far)`, () => {
  bench('integer, one digit', () => {
    for (let index = 0; index < REPLIES; index++) consumed += writeInteger(u8, 0, index & 7);
  });
  bench('integer, nine digits', () => {
    for (let index = 0; index < REPLIES; index++) consumed += writeInteger(u8, 0, 10 ** 8 + index);
  });
  bench('integer, 64 bits in two words', () => {
    for (let index = 0; index < REPLIES; index++) consumed += writeInteger64(u8, 0, -index, index);
  });
  bench('bulk header', () => {
    for (let index = 0; index < REPLIES; index++) consumed += writeBulkHeader(u8, 0, index);
  });
  bench('simple string OK', () => {
    for (let index = 0; index < REPLIES; index++) consumed += writeSimple(u8, 0, 'OK');
  });
  bench('bulk text of five characters', () => {
    for (let index = 0; index < REPLIES; index++) consumed += writeBulkText(u8, 0, 'hello');
  });
  bench('double that is an integer', () => {
    for (let index = 0; index < REPLIES; index++) consumed += writeDouble3(u8, 0, index);
  });
  bench('double with a fraction', () => {
    for (let index = 0; index < REPLIES; index++) consumed += writeDouble3(u8, 0, index / 7);
  });
});
