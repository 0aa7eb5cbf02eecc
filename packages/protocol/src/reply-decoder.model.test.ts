/**
 * Random reply trees, written by a plain recursive encoder and by the reply writers, decoded whole,
 * byte by byte and cut anywhere: the tree must come back. Damaged replies must give the same
 * values and the same error wherever they are cut, and never throw.
 */
import { describe, expect, it } from 'vitest';
import { replyLimits } from './limits.ts';
import { ReplyDecoder } from './reply-decoder.ts';
import {
  writeArrayHeader, writeAttributeHeader, writeBigInteger, writeBigNumber3, writeBoolean3,
  writeBulkText, writeDouble3, writeError, writeMapHeader, writeNull2, writeNull3,
  writeNullArray2, writePushHeader, writeSetHeader, writeSimple, writeVerbatim3,
} from './reply-encoder.hot.ts';
import { replyNodesWithAttributes } from './reply-nodes.ts';
import type { RespNode, RespPair } from './resp-types.ts';
import { cutRandomly, latin1Bytes, latin1Text } from './testing/chunked.ts';
import { damaged } from './testing/request-samples.ts';
import { pick, seededChooser } from './testing/seeded.ts';
import type { Chooser } from './testing/seeded.ts';

const utf8 = new TextEncoder();
const ROUNDS = 400;

function sampleText(choose: Chooser): string {
  return Array.from({ length: choose(8) }, () =>
    pick(choose, ['a', ' ', '\u00e9', '\u20ac', '\u{1f600}', '$', '\ufeff'] as const)).join('');
}

function sampleScalar(choose: Chooser): RespNode {
  const text = sampleText(choose);
  const integer = BigInt.asIntN(64, BigInt(choose(2 ** 32)) * BigInt(choose(2 ** 32)) * 3n);
  const isSafe = Number.isSafeInteger(Number(integer));
  return pick<RespNode>(choose, [
    { type: 'simple', value: text }, { type: 'error', value: `ERR ${text}` },
    { type: 'bulk', value: utf8.encode(`${text}\r\n`) },
    { type: 'integer', value: isSafe ? Number(integer) : integer },
    { type: 'null', value: null }, { type: 'null-bulk', value: null },
    { type: 'null-array', value: null }, { type: 'boolean', value: choose(2) === 0 },
    { type: 'double', value: pick(choose, [0.1, -2.5e300, Infinity, choose(1e9) / 64] as const) },
    { type: 'big-number', value: integer ** 3n },
    { type: 'verbatim', format: 'txt', value: text },
  ]);
}

function sampleNode(choose: Chooser, depth: number): RespNode {
  const node = depth === 0 || choose(3) > 0 ? sampleScalar(choose) : sampleAggregate(choose, depth);
  return choose(8) > 0 ? node : { ...node, attributes: samplePairs(choose, 0, 1 + choose(2)) };
}

function samplePairs(choose: Chooser, depth: number, count: number): RespPair[] {
  return Array.from({ length: count }, () =>
    [sampleScalar(choose), sampleNode(choose, depth)] as const);
}

function sampleAggregate(choose: Chooser, depth: number): RespNode {
  const count = choose(4);
  if (choose(3) === 0) return { type: 'map', value: samplePairs(choose, depth - 1, count) };
  const type = pick(choose, ['array', 'set', 'push'] as const);
  return { type, value: Array.from({ length: count }, () => sampleNode(choose, depth - 1)) };
}

const room = new Uint8Array(1 << 16);

/** The node as bytes, by the reply writers; latin1. */
function wireOf(node: RespNode): string {
  const flat = (pairs: readonly RespPair[]): string =>
    pairs.map(([key, value]) => wireOf(key) + wireOf(value)).join('');
  const taken = (end: number): string => latin1Text(room.subarray(0, end));
  const pairs = node.attributes;
  const before = pairs ? taken(writeAttributeHeader(room, 0, pairs.length)) + flat(pairs) : '';
  return before + bodyOf(node, taken, flat);
}

function bodyOf(
  node: RespNode, taken: (end: number) => string, flat: (pairs: readonly RespPair[]) => string,
): string {
  const bytes = (text: string): string => latin1Text(utf8.encode(text));
  switch (node.type) {
    case 'simple': return taken(writeSimple(room, 0, bytes(node.value)));
    case 'error': return taken(writeError(room, 0, bytes(node.value)));
    case 'blob-error': return `!${bytes(node.value).length}\r\n${bytes(node.value)}\r\n`;
    case 'integer': return taken(writeBigInteger(room, 0, BigInt(node.value)));
    case 'bulk': return taken(writeBulkText(room, 0, new TextDecoder('utf-8', { ignoreBOM: true })
      .decode(node.value)));
    case 'verbatim': return taken(writeVerbatim3(room, 0, node.format, node.value));
    case 'null': return taken(writeNull3(room, 0));
    case 'null-bulk': return taken(writeNull2(room, 0));
    case 'null-array': return taken(writeNullArray2(room, 0));
    case 'double': return taken(writeDouble3(room, 0, node.value));
    case 'boolean': return taken(writeBoolean3(room, 0, node.value));
    case 'big-number': return taken(writeBigNumber3(room, 0, node.value));
    case 'map': return taken(writeMapHeader(room, 0, node.value.length)) + flat(node.value);
    default: {
      const writers = { array: writeArrayHeader, set: writeSetHeader, push: writePushHeader };
      const header = taken(writers[node.type](room, 0, node.value.length));
      return header + node.value.map(wireOf).join('');
    }
  }
}

interface Decoded {
  readonly nodes: RespNode[];
  readonly error: string | undefined;
}

function decode(chunks: readonly Uint8Array[], frameBytesMax = 1 << 20): Decoded {
  const decoder = new ReplyDecoder(replyNodesWithAttributes, replyLimits({ frameBytesMax }));
  const nodes = chunks.flatMap((chunk) => decoder.feed(chunk));
  return { nodes, error: decoder.error?.code };
}

describe('reply decoder against random trees', () => {
  it.each([61, 62, 63])('gives back what was written, seed %i', (seed) => {
    const choose = seededChooser(seed);
    for (let round = 0; round < ROUNDS; round++) {
      const nodes = Array.from({ length: 1 + choose(3) }, () => sampleNode(choose, 4));
      const bytes = latin1Bytes(nodes.map(wireOf).join(''));
      const about = `seed ${seed} round ${round}`;
      for (const chunkBytes of [bytes.length, 1, 7]) {
        const found = decode(cutRandomly(bytes, chunkBytes, choose));
        expect(found, about).toEqual({ nodes, error: undefined });
      }
    }
  });

  it.each([71, 72, 73])('answers damage alike however it is cut, seed %i', (seed) => {
    const choose = seededChooser(seed);
    let errorCount = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = latin1Bytes(damaged(wireOf(sampleNode(choose, 4)), choose));
      const frameBytesMax = pick(choose, [1 << 20, 40] as const);
      const whole = decode([bytes], frameBytesMax);
      if (whole.error !== undefined) errorCount++;
      for (const chunkBytes of [1, 3, 50]) {
        const cut = decode(cutRandomly(bytes, chunkBytes, choose), frameBytesMax);
        expect(cut, `seed ${seed} round ${round}`).toEqual(whole);
      }
    }
    expect(errorCount).toBeGreaterThan(ROUNDS / 10);
  });
});
