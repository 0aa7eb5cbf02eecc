/**
 * Speed of LZ4 in blocks of 64 KiB: JSON values and noise, kernel and twin. MB/s = 0.0655 times the
 * operations a second.
 */
import { bench, describe } from 'vitest';
import { SeededChance } from '@kora/core';
import { Lz4Codec } from './lz4-codec.ts';

const BLOCK_BYTES = 65_536;
const chance = new SeededChance(1);

function jsonBytes(): Uint8Array {
  let text = '';
  while (text.length < BLOCK_BYTES) {
    const id = chance.next32() >>> 0;
    text += `{"id":${id},"name":"user ${id % 1000}","email":"u${id % 5000}@example.org",` +
      `"score":${(id % 977) / 10},"tags":["red","green"],"active":${id % 2 === 0}}`;
  }
  return new TextEncoder().encode(text.slice(0, BLOCK_BYTES));
}

const inputs = {
  json: jsonBytes(),
  noise: Uint8Array.from({ length: BLOCK_BYTES }, () => chance.next32() & 255),
};

for (const [name, raw] of Object.entries(inputs)) {
  describe(`64 KiB of ${name}`, () => {
    for (const form of ['kernel', 'twin'] as const) {
      const packer = new Lz4Codec(BLOCK_BYTES, form);
      packer.bytes.set(raw, packer.inputAt);
      const length = packer.compress(BLOCK_BYTES);
      const ratio = (length / BLOCK_BYTES).toFixed(2);
      bench(`compress, ${form} (to ${ratio})`, () => { packer.compress(BLOCK_BYTES); });
      const opener = new Lz4Codec(BLOCK_BYTES, form);
      const block = packer.bytes.subarray(packer.outputAt, packer.outputAt + length);
      opener.bytes.set(block, opener.inputAt);
      bench(`decompress, ${form}`, () => { opener.decompress(length, BLOCK_BYTES); });
    }
  });
}
