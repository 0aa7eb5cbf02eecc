/**
 * Calls on their way to a worker, read back from the ring as the worker would: whatever the sizes
 * of calls and ring, the bytes of a slot are its requests in order, and words keep their place.
 */
import { formatRing, ringBytes, RingReader, RingWriter, SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { Outgoing } from './outgoing.ts';
import { PipeKind } from './pipe-plan.ts';
import type { Content } from './request-writer.ts';
import { contentsOf, writeRequest } from './request-writer.ts';

/** The plain form of a request. */
function plainRequest(contents: readonly Content[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${contents.length}\r\n`)];
  for (const content of contents) {
    const bytes = Buffer.from(content as string);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** A ring with both ends in this thread. */
function openRing(dataBytes: number): { readonly out: RingWriter; readonly reader: RingReader } {
  const words = new Int32Array(new SharedArrayBuffer(ringBytes(dataBytes)));
  formatRing(words, 0, dataBytes);
  return { out: new RingWriter(words, 0), reader: new RingReader(words, 0) };
}

describe('requests on their way', () => {
  it('arrive whole and in order, through rings that are full most of the time', () => {
    const seed = 29;
    const chance = new SeededChance(seed);
    const random = (below: number): number => (chance.next32() >>> 0) % below;
    const { out, reader } = openRing(65_536);
    const outgoing = new Outgoing();
    const sent: Buffer[][] = [[], [], []];
    const arrived: Buffer[][] = [[], [], []];
    const words: string[] = [];
    const expected: string[] = [];
    const receive = (): void => {
      outgoing.writeTo(out);
      out.publish();
      reader.refresh();
      while (reader.next()) {
        const { kind, a, bodyAt, bodyBytes } = reader;
        if (kind === PipeKind.Bytes) {
          arrived[a]?.push(Buffer.from(Buffer.from(reader.words.buffer, bodyAt, bodyBytes)));
        } else {
          const bytes = (arrived[a] ?? []).reduce((sum, one) => sum + one.length, 0);
          words.push(`${kind} ${a} ${bytes}`);
        }
        reader.consume();
      }
      reader.flush();
    };
    for (let round = 0; round < 3_000; round++) {
      const slot = random(3);
      const sizes = [3, 17, 60, 3_000, 16_380, 40_000];
      const contents = Array.from({ length: 1 + random(4) }, (): Content => {
        const size = sizes[random(random(20) === 0 ? 6 : 3)] ?? 3;
        const kind = random(4);
        if (kind === 0) return Uint8Array.from({ length: size }, () => random(256));
        return (kind === 1 ? 'é' : 'k').repeat(random(size));
      });
      writeRequest(outgoing, slot, contents);
      sent[slot]?.push(plainRequest(contents));
      if (random(50) === 0) {
        outgoing.addWord(PipeKind.End, slot);
        const bytes = (sent[slot] ?? []).reduce((sum, one) => sum + one.length, 0);
        expected.push(`${PipeKind.End} ${slot} ${bytes}`);
      }
      if (random(6) === 0) receive();
    }
    while (!outgoing.isEmpty) receive();
    receive();
    for (let slot = 0; slot < 3; slot++) {
      const same = Buffer.concat(arrived[slot] ?? []).equals(Buffer.concat(sent[slot] ?? []));
      expect(same, `seed ${seed}, slot ${slot}`).toBe(true);
    }
    expect(words, `seed ${seed}`).toEqual(expected);
  });

  it('are runs of calls: one message for many of one slot', () => {
    const outgoing = new Outgoing();
    for (let i = 0; i < 100; i++) writeRequest(outgoing, 1, ['GET', `key:${i}`]);
    expect(outgoing.blockCount).toBe(1);
    writeRequest(outgoing, 2, ['GET', 'k']);
    writeRequest(outgoing, 1, ['GET', 'k']);
    expect(outgoing.blockCount).toBe(3);
    const short = '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'.length;
    const long = Array.from({ length: 100 }, (_, i) => `$${`key:${i}`.length}\r\nkey:${i}\r\n`);
    expect(outgoing.bytes).toBe(2 * short + long.join('').length + 100 * 13);
    outgoing.writeTo(openRing(65_536).out);
    expect(outgoing.isEmpty).toBe(true);
    expect(outgoing.bytes).toBe(0);
    writeRequest(outgoing, 1, ['GET', 'k']);
    outgoing.addWord(PipeKind.End, 1);
    expect(outgoing.bytes).toBe(short);
    outgoing.clear();
    expect(outgoing.isEmpty).toBe(true);
    expect(outgoing.bytes).toBe(0);
  });
});

describe('contentsOf', () => {
  it('takes text and bytes as they are and writes numbers in decimal', () => {
    const given = ['SET', new Uint8Array([1])];
    expect(contentsOf(given)).toBe(given);
    expect(contentsOf(['SET', 1, -2.5, 10n ** 20n, Infinity])).toEqual([
      'SET', '1', '-2.5', '100000000000000000000', 'Infinity',
    ]);
  });

  it('refuses what is no argument', () => {
    expect(() => contentsOf([])).toThrow('a call needs the name of a command');
    expect(() => contentsOf(['GET', NaN])).toThrow('argument 1 is NaN');
    expect(() => contentsOf(['GET', null as unknown as string])).toThrow('argument 1 is null');
    expect(() => contentsOf(['GET', {} as unknown as string])).toThrow('argument 1 is object');
    expect(() => contentsOf(new Array<string>(1_048_577).fill('x'))).toThrow('at most 1048576');
  });
});
