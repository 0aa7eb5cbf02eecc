/**
 * Replies to bytes and back: whatever a command writes, in either protocol, however it lies across
 * chunks and however the engine takes it, the peer decodes the same reply; muting drops whole
 * replies; the bound on chunks ends the session that passes it and no other. Values in pieces are
 * sent from where they lie, or copied, and read the same.
 */
import { ReplyError, ROPE_PIECE_BYTES, Ropes, WorkerMemory } from '@kora/core';
import { ReplyDecoder, replyNodes } from '@kora/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ReplyChunk } from './reply-chunks.ts';
import { REPLY_CHUNK_BYTES, ReplyChunks } from './reply-chunks.ts';
import type { ReplyTarget } from './resp-sink.ts';
import { LENT_BYTES_MIN, LENT_RANGE_BYTES_MAX, RespSink } from './resp-sink.ts';
import { shortText } from './testing/raw-client.ts';

let memory: WorkerMemory;
let chunks: ReplyChunks;
let sink: RespSink;
beforeEach(() => {
  memory = WorkerMemory.create({ lowBytes: 4 * 1024 * 1024, bytesMax: 64 * 1024 * 1024 });
  chunks = new ReplyChunks(memory.lowAllocator);
  sink = new RespSink(memory, chunks, new Peer(2));
});

interface Held {
  readonly at: number;
  readonly bytes: number;
  /** The range is free. */
  readonly release: () => void;
}

/** A session that keeps what is sent, at once or when `read` says so. */
class Peer implements ReplyTarget {
  resp: number;
  isSlow = false;
  isLost = false;
  readonly decoder = new ReplyDecoder(replyNodes);
  readonly replies: string[] = [];
  readonly held: Held[] = [];
  /** Bytes of each range that lay in a rope. */
  readonly lent: number[] = [];

  constructor(resp: number) {
    this.resp = resp;
  }

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    if (this.isSlow) {
      chunk.pins++;
      this.held.push({ at, bytes, release: () => { sink.unpin(chunk); } });
      return false;
    }
    this.#take(at, bytes);
    return true;
  }

  lendRange(ropes: Ropes, root: number, at: number, bytes: number): void {
    this.lent.push(bytes);
    if (this.isSlow) {
      ropes.pin(root);
      this.held.push({ at, bytes, release: () => { ropes.unpin(root); } });
    } else {
      this.#take(at, bytes);
    }
  }

  loseOutput(): void {
    this.isLost = true;
  }

  /** Reads everything held; the bytes must be as they were when they were sent. */
  read(): void {
    for (const { at, bytes, release } of this.held.splice(0)) {
      this.#take(at, bytes);
      release();
    }
  }

  #take(at: number, bytes: number): void {
    const nodes = this.decoder.feed(new Uint8Array(memory.memory.buffer, at, bytes).slice());
    this.replies.push(...nodes.map(shortText));
  }
}

/** Bytes in low memory, filled from a text. */
function place(text: string): { readonly at: number; readonly bytes: number } {
  const at = memory.lowAllocator.alloc(text.length) * 8;
  for (let i = 0; i < text.length; i++) memory.low[at + i] = text.charCodeAt(i);
  return { at, bytes: text.length };
}

/** One of everything. */
function writeAll(): void {
  const { at, bytes } = place('in memory');
  sink.ok();
  sink.simple('PONG');
  sink.error(new ReplyError('ERR bad'));
  sink.integer(-42);
  sink.integer64(9_223_372_036_854_775_807n);
  sink.bulk(at, bytes);
  sink.bulkText('text');
  sink.bulkBytes(Uint8Array.of(0x61, 0x0d, 0x0a));
  sink.null();
  sink.nullArray();
  sink.boolean(true);
  sink.double(1.5);
  sink.double(0.1, () => '0.10000000000000001');
  sink.bigNumber('123456789012345678901234567890');
  sink.verbatim('txt', 'hello');
  sink.array(2);
  sink.integer(1);
  sink.integer(2);
  sink.map(1);
  sink.simple('k');
  sink.integer(3);
  sink.set(1);
  sink.integer(4);
  sink.push(1);
  sink.simple('p');
}

const RESP2 = [
  '+OK', '+PONG', '-ERR bad', ':-42', ':9223372036854775807', '"in memory"', '"text"', '"a\\r\\n"',
  '_', '_', ':1', '"1.5"', '"0.10000000000000001"', '"123456789012345678901234567890"', '"hello"',
  '[:1, :2]', '[+k, :3]', '[:4]', '[+p]',
];
const RESP3 = [
  '+OK', '+PONG', '-ERR bad', ':-42', ':9223372036854775807', '"in memory"', '"text"', '"a\\r\\n"',
  '_', '_', '#t', ',1.5', ',0.1', '(123456789012345678901234567890', '=txt:hello', '[:1, :2]',
  '{+k: :3}', '~[:4]', '>[+p]',
];

describe('RespSink', () => {
  it.each([[2, RESP2], [3, RESP3]] as const)('writes every type in RESP%i', (resp, wanted) => {
    const peer = new Peer(resp);
    sink.begin(peer);
    writeAll();
    sink.flush();
    expect(peer.replies).toEqual(wanted);
    expect(sink.errorCount).toBe(1);
    expect(sink.lastError?.prefix).toBe('ERR');
  });

  it.each([1, 7, 100, 4000, REPLY_CHUNK_BYTES - 20, REPLY_CHUNK_BYTES, 3 * REPLY_CHUNK_BYTES + 5])(
    'keeps order and bytes over chunks with bulks of %i, read at once or late', (bytes) => {
      for (const isSlow of [false, true]) {
        const peer = new Peer(3);
        peer.isSlow = isSlow;
        const text = 'abcdefghij'.repeat(Math.ceil(bytes / 10)).slice(0, bytes);
        const bulk = place(text);
        sink.begin(peer);
        const count = Math.min(200, Math.ceil((5 * REPLY_CHUNK_BYTES) / bytes));
        for (let i = 0; i < count; i++) {
          sink.bulk(bulk.at, bulk.bytes);
          sink.integer(i);
          if (i % 3 === 0) sink.flush();
          if (isSlow && i % 50 === 49) peer.read();
        }
        sink.flush();
        peer.read();
        const wanted = Array.from({ length: count }, (_, i) => [`"${text}"`, `:${i}`]).flat();
        expect(peer.replies).toEqual(wanted);
        expect(chunks.alive).toBe(2);
      }
    },
  );

  it('serves sessions in turn from one chunk', () => {
    const [slow, quick] = [new Peer(2), new Peer(3)];
    slow.isSlow = true;
    for (let i = 0; i < 1000; i++) {
      sink.begin(slow);
      sink.bulkText(`slow ${i}`);
      sink.flush();
      sink.begin(quick);
      sink.null();
      sink.integer(i);
      sink.flush();
    }
    slow.read();
    expect(slow.replies).toEqual(Array.from({ length: 1000 }, (_, i) => `"slow ${i}"`));
    expect(quick.replies).toEqual(Array.from({ length: 1000 }, (_, i) => ['_', `:${i}`]).flat());
  });

  it('drops muted replies wholly, the long ones too', () => {
    const peer = new Peer(2);
    sink.begin(peer);
    sink.integer(1);
    sink.mute();
    sink.bulkText('x'.repeat(200_000));
    sink.error(new ReplyError('ERR counted'));
    sink.unmute();
    sink.integer(2);
    sink.mute();
    sink.flush();
    sink.begin(peer);
    sink.integer(3);
    sink.flush();
    expect(peer.replies).toEqual([':1', ':2', ':3']);
    expect(sink.errorCount).toBe(1);
  });

  it('cuts a line that is longer than a chunk', () => {
    const peer = new Peer(3);
    sink.begin(peer);
    sink.error(new ReplyError(`ERR ${'\u00ff'.repeat(500_000)}`));
    sink.simple('x'.repeat(500_000));
    sink.bigNumber('9'.repeat(5000));
    sink.integer(1);
    sink.flush();
    expect(peer.replies.map((reply) => reply.length)).toEqual([16_385, 16_385, 5001, 2]);
  });

  it('ends the session whose replies find no memory, and serves the next', () => {
    const [greedy, next] = [new Peer(2), new Peer(2)];
    greedy.isSlow = true;
    sink.begin(greedy);
    sink.bulkBytes(new Uint8Array(8 * 1024 * 1024));
    sink.flush();
    expect(greedy.isLost).toBe(true);
    for (const { release } of greedy.held.splice(0)) release();
    sink.begin(next);
    sink.integer(5);
    sink.flush();
    expect(next.replies).toEqual([':5']);
    expect(chunks.alive).toBe(2);
  });
});

describe('RespSink, many bulk strings at once', () => {
  const LISTED_MAX = 400;

  /** Texts in low memory and the list that names them. */
  function listOf(
    lengths: readonly number[],
  ): { readonly list: number; readonly wanted: string[] } {
    const list = memory.lowAllocator.alloc(LISTED_MAX * 8) * 8;
    const wanted = lengths.map((length, i) => {
      const text = String.fromCharCode(97 + (i % 26)).repeat(length);
      const { at, bytes } = place(text);
      memory.i32[list / 4 + i * 2] = at;
      memory.i32[list / 4 + i * 2 + 1] = bytes;
      return `"${text}"`;
    });
    return { list, wanted };
  }

  it('reads as one after the other, wherever the chunk ends, read at once or late', () => {
    // 20 strings of 10 bytes are 340 bytes; `before` leaves room for all, none, or a part of them.
    const { list, wanted } = listOf(Array.from({ length: 20 }, () => 10));
    for (const isSlow of [false, true]) {
      for (const left of [0, 1, 16, 17, 100, 339, 340, 341]) {
        const peer = new Peer(3);
        peer.isSlow = isSlow;
        sink.begin(peer);
        sink.flush();
        const filler = 'f'.repeat(REPLY_CHUNK_BYTES - left - '$65536\r\n\r\n'.length);
        sink.bulkText(filler);
        const before = sink.progress;
        sink.bulkMany(list, 20);
        expect(sink.progress).not.toBe(before);
        sink.integer(7);
        sink.flush();
        peer.read();
        expect(peer.replies.slice(1), `left ${left}`).toEqual([...wanted, ':7']);
        expect(peer.replies[0]?.length).toBe(filler.length + 2);
        expect(chunks.alive).toBe(2);
      }
    }
  });

  it.each([
    ['nothing', []], ['one that is empty', [0]], ['all lengths', [0, 1, 9, 10, 99, 100, 999, 1000]],
    ['a whole chunk', [REPLY_CHUNK_BYTES - 10]], ['a byte more', [REPLY_CHUNK_BYTES - 9]],
    ['two that pass a chunk together', [40_000, 40_000]],
    ['some far beyond a chunk', [200_000, 3, 100_000, 0]],
    ['as many as a list has', Array.from({ length: LISTED_MAX }, (_, i) => i)],
  ])('writes %s', (_, lengths) => {
    const { list, wanted } = listOf(lengths);
    const peer = new Peer(2);
    sink.begin(peer);
    sink.integer(1);
    sink.bulkMany(list, lengths.length);
    sink.integer(2);
    sink.flush();
    expect(peer.replies).toEqual([':1', ...wanted, ':2']);
  });

  it('are dropped while replies are muted', () => {
    const { list } = listOf([10, 20, 30]);
    const peer = new Peer(2);
    sink.begin(peer);
    sink.mute();
    for (let i = 0; i < 3000; i++) sink.bulkMany(list, 3);
    sink.unmute();
    sink.integer(7);
    sink.flush();
    expect(peer.replies).toEqual([':7']);
  });
});

describe('RespSink, values in pieces', () => {
  /** A rope and its text. */
  function rope(ropes: Ropes, bytes: number): { readonly root: number; readonly text: string } {
    const text = Array.from({ length: Math.ceil(bytes / 8) }, (_, i) => `${i}`.padStart(8, '.'))
      .join('').slice(0, bytes);
    const root = ropes.create(bytes);
    for (let piece = 0; piece < ropes.pieceCount(root); piece++) {
      const from = piece * ROPE_PIECE_BYTES;
      const part = Buffer.from(text.slice(from, from + ROPE_PIECE_BYTES));
      new Uint8Array(memory.memory.buffer).set(part, ropes.pieceAt(root, piece));
    }
    return { root, text };
  }

  it.each([false, true])('are lent whole and in part, in order (slow peer: %s)', (isSlow) => {
    const ropes = new Ropes(memory, memory.arenaAllocator);
    const { root, text } = rope(ropes, 1_000_000);
    const peer = new Peer(3);
    peer.isSlow = isSlow;
    sink.begin(peer);
    sink.array(2);
    sink.integer(1);
    sink.bulkRope(ropes, root, 0, text.length);
    sink.bulkRope(ropes, root, 70_001, LENT_BYTES_MIN);
    sink.bulkRope(ropes, root, 70_001, LENT_BYTES_MIN - 1);
    sink.flush();
    const lentBytes = peer.lent.reduce((sum, bytes) => sum + bytes, 0);
    expect(lentBytes).toBe(text.length + LENT_BYTES_MIN);
    expect(Math.max(...peer.lent)).toBe(LENT_RANGE_BYTES_MAX);
    expect(ropes.pinCount).toBe(isSlow ? peer.lent.length : 0);
    peer.read();
    expect(ropes.pinCount).toBe(0);
    expect(peer.replies).toEqual([
      `[:1, "${text}"]`, `"${text.slice(70_001, 70_001 + LENT_BYTES_MIN)}"`,
      `"${text.slice(70_001, 70_000 + LENT_BYTES_MIN)}"`,
    ]);
    expect(chunks.alive).toBe(2);
  });

  it('are neither lent nor copied while replies are muted', () => {
    const ropes = new Ropes(memory, memory.arenaAllocator);
    const { root, text } = rope(ropes, 300_000);
    const peer = new Peer(2);
    peer.isSlow = true;
    sink.begin(peer);
    sink.mute();
    sink.bulkRope(ropes, root, 0, text.length);
    sink.unmute();
    sink.integer(7);
    sink.flush();
    peer.read();
    expect(peer.lent).toEqual([]);
    expect(peer.replies).toEqual([':7']);
  });
});
