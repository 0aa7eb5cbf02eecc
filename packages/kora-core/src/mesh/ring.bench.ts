/**
 * Speed of rings in calls of 1024 messages or copies (divide by 1024), both ends in one thread, so
 * that no cache line travels: messages from `begin` to `flush` in turns of 16; copies by size and
 * alignment, by word loop and by the engine's bulk copy. What they show: docs/internals/mesh.md.
 */
import { bench, describe } from 'vitest';
import { copyWordsInBulk } from './ring-bulk-copy.ts';
import { copyBytesToWords } from './ring-copy.hot.ts';
import { formatRing, ringBytes } from './ring-layout.ts';
import { RingReader } from './ring-reader.hot.ts';
import { RingWriter } from './ring-writer.hot.ts';

const CALLS = 1024;
const TURN = 16;
const DATA_BYTES = 65_536;
const own = new Int32Array(new SharedArrayBuffer(1 << 20)).fill(0x01020304);

describe(`${CALLS} messages in turns of ${TURN}`, () => {
  for (const bytes of [0, 64, 256, 1024]) {
    const words = new Int32Array(new SharedArrayBuffer(ringBytes(DATA_BYTES)));
    formatRing(words, 0, DATA_BYTES);
    const writer = new RingWriter(words, 0);
    const reader = new RingReader(words, 0);
    bench(`${bytes} bytes`, () => {
      for (let turn = 0; turn < CALLS / TURN; turn++) {
        for (let i = 0; i < TURN; i++) {
          const word = writer.begin(1, bytes);
          writer.header(i, turn, 0);
          writer.copyFrom(own, i << 2, word, bytes);
          writer.end(bytes);
        }
        writer.publish();
        reader.refresh();
        while (reader.next()) {
          own[0]! ^= reader.a; // Consumed, so that nothing is left out.
          reader.consume();
        }
        reader.flush();
      }
    });
  }
});

describe.each([64, 512, 1024, 2048, 4096, 16_384])(`${CALLS} copies of %i bytes`, (bytes) => {
  const to = new Int32Array(new SharedArrayBuffer(1 << 16));
  const offset = (i: number): number => (i * 192) & 0xffff;
  bench('multiple of 8', () => {
    for (let i = 0; i < CALLS; i++) copyBytesToWords(own, offset(i), to, 0, bytes);
  });
  bench('multiple of 4', () => {
    for (let i = 0; i < CALLS; i++) copyBytesToWords(own, offset(i) + 4, to, 0, bytes);
  });
  bench('unaligned', () => {
    for (let i = 0; i < CALLS; i++) copyBytesToWords(own, offset(i) + 3, to, 0, bytes);
  });
  bench('multiple of 8, bulk whatever the size', () => {
    for (let i = 0; i < CALLS; i++) copyWordsInBulk(own, offset(i) >>> 2, to, 0, bytes >>> 2);
  });
  bench('multiple of 4, bulk whatever the size', () => {
    for (let i = 0; i < CALLS; i++) copyWordsInBulk(own, (offset(i) + 4) >>> 2, to, 0, bytes >>> 2);
  });
});
