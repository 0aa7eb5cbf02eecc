/**
 * Slots of keys in the plain twin of the kernel: byte by byte, with the first of the four tables
 * that lie in memory (bytes/crc16.hot.ts). The oracle of the WebAssembly form, which takes four
 * bytes at once; both against slotOfKey in kernel-twin-slots.test.ts.
 */
import { byteAt } from './word-bytes.hot.ts';

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SLOT_MASK = 0x3fff;

/** Records of four words: key address, key bytes, slot (out), any. */
export function slotBatch(i32: Int32Array, list: number, count: number, tables: number): void {
  const first = list >>> 2;
  for (let word = first; word < first + count * 4; word += 4) {
    i32[word + 2] = slotOf(i32, i32[word]! >>> 0, i32[word + 1]! >>> 0, tables);
  }
}

function slotOf(i32: Int32Array, at: number, bytes: number, tables: number): number {
  const end = at + bytes;
  let open = at;
  while (open < end && byteAt(i32, open) !== OPEN_BRACE) open++;
  let close = open + 1;
  while (close < end && byteAt(i32, close) !== CLOSE_BRACE) close++;
  const hasTag = close < end && close > open + 1;
  const stop = hasTag ? close : end;
  let crc = 0;
  for (let i = hasTag ? open + 1 : at; i < stop; i++) {
    const entry = tables + (((crc >>> 8) ^ byteAt(i32, i)) << 1);
    crc = ((crc << 8) & 0xffff) ^ (byteAt(i32, entry) | (byteAt(i32, entry + 1) << 8));
  }
  return crc & SLOT_MASK;
}
