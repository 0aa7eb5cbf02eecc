/**
 * Both ends of a ring against an array of messages and a map of its bytes in cells of 8: random
 * messages of all sizes, given up, taken back, ended shorter, published in batches, looked ahead,
 * consumed in part, freed late. After each step all that can be seen is compared: what `begin` and
 * `hasRoom` say of room, every field and byte of a message, and the bytes around the ring.
 * Positions start where they are about to pass 2^31 and 2^32, or anywhere. Of half of the rings the
 * reader is told how far to read, batch by batch, as by the order of the mesh (seal, advance).
 */
import { describe, it } from 'vitest';
import { randomSource } from '../testing/random-source.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { RingReader } from './ring-reader.hot.ts';
import { MESSAGE_HEADER_BYTES, formatRing, messageBytesMaxOf, ringBytes } from './ring-layout.ts';
import { RingWriter } from './ring-writer.hot.ts';

const CELL_BYTES = 8;
const RING_AT = 256;
const SOURCE_AT = 0;
const SEEDS = 80;
const STEPS = 2500;
const POISON = 0x77;

interface Message {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly body: Uint8Array;
  /** Cells of it and of the PAD before it. */
  readonly cells: readonly number[];
}

/** The ring as an array of messages, and which of its cells nobody may write. */
class NaiveRing {
  readonly isTaken: boolean[];
  /** Ended, published in batches, seen by the reader; in order. */
  ended: Message[] = [];
  published: Message[][] = [];
  seen: Message[] = [];
  /** Consumed, and not freed yet. */
  held: number[] = [];
  /** Index in `seen` of the current message. */
  current = -1;
  hasFreed = false;
  #place: number;

  constructor(cellCount: number, firstCell: number) {
    this.isTaken = new Array<boolean>(cellCount).fill(false);
    this.#place = firstCell;
  }

  /** Cells that a message of so many bytes takes next, or none when some are taken. */
  cellsFor(bodyBytes: number): number[] | null {
    const count = this.isTaken.length;
    const needed = Math.ceil((bodyBytes + MESSAGE_HEADER_BYTES) / CELL_BYTES);
    const pad = this.#place + needed > count ? count - this.#place : 0;
    if (pad + needed > count) return null;
    const cells = Array.from({ length: pad + needed }, (_, i) => (this.#place + i) % count);
    return cells.some((cell) => this.isTaken[cell]) ? null : cells;
  }

  end(message: Message): void {
    for (const cell of message.cells) this.isTaken[cell] = true;
    this.#place = (message.cells.at(-1)! + 1) % this.isTaken.length;
    this.ended.push(message);
  }

  /** So many are ended, and the next one starts there: for `rollBack`. */
  mark(): { readonly endedCount: number; readonly place: number } {
    return { endedCount: this.ended.length, place: this.#place };
  }

  rollBack({ endedCount, place }: { readonly endedCount: number; readonly place: number }): void {
    for (const { cells } of this.ended.splice(endedCount)) {
      for (const cell of cells) this.isTaken[cell] = false;
    }
    this.#place = place;
  }

  consume(): void {
    for (const message of this.seen.splice(0, this.current + 1)) this.held.push(...message.cells);
    this.current = -1;
    if (this.held.length >= this.isTaken.length / 4) this.free();
  }

  free(): void {
    if (this.held.length === 0) return;
    for (const cell of this.held.splice(0)) this.isTaken[cell] = false;
    this.hasFreed = true;
  }
}

class Pair {
  readonly #random: RandomSource;
  readonly #naive: NaiveRing;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #writer: RingWriter;
  readonly #reader: RingReader;
  readonly #ringEnd: number;
  readonly #bodyBytesMax: number;
  /** The reader is told of tails, oldest first. */
  readonly #isTold: boolean;
  readonly #tails: number[] = [];
  #lastTail: number;
  #wantsRoom = false;

  constructor(random: RandomSource) {
    this.#random = random;
    const dataBytes = 64 << random.below(6);
    const position = [0, 2 ** 31 - 64, 2 ** 32 - 72, random.word()][random.below(4)]! & ~7;
    const buffer = new SharedArrayBuffer(RING_AT + ringBytes(dataBytes) + 256);
    this.#bytes = new Uint8Array(buffer).fill(POISON);
    this.#words = new Int32Array(buffer);
    formatRing(this.#words, RING_AT, dataBytes, position);
    this.#writer = new RingWriter(this.#words, RING_AT);
    this.#reader = new RingReader(this.#words, RING_AT);
    this.#ringEnd = RING_AT + ringBytes(dataBytes);
    this.#bodyBytesMax = messageBytesMaxOf(dataBytes) - MESSAGE_HEADER_BYTES;
    this.#isTold = random.chance(0.5);
    this.#lastTail = position | 0;
    this.#naive = new NaiveRing(dataBytes / 8, ((position >>> 0) % dataBytes) / 8);
    check(this.#writer.bodyBytesMax, this.#bodyBytesMax, 'bodyBytesMax');
  }

  /** Begins a message; ends it, or now and then gives it up. */
  write(): void {
    const random = this.#random;
    const most = this.#bodyBytesMax;
    const announced = random.chance(0.2) ? most : random.below(most + 1);
    const room = this.#naive.cellsFor(announced);
    const kind = 1 + random.below(255);
    if (random.chance(0.3)) check(this.#writer.hasRoom(announced), room !== null, 'hasRoom');
    const word = this.#writer.begin(kind, announced);
    check(word >= 0, room !== null, `room for ${announced} bytes`);
    if (word < 0) {
      this.#askForRoom(announced);
      return;
    }
    if (random.chance(0.1)) return;
    const bytes = random.chance(0.5) ? announced : random.below(announced + 1);
    const body = this.#writeBody(word, bytes);
    const [a, b, c] = [random.word(), random.word(), random.word()];
    this.#writer.header(a, b, c);
    this.#writer.end(bytes);
    // A message that needs a PAD for what was announced has it for what it became.
    const pad = room!.length - Math.ceil((announced + MESSAGE_HEADER_BYTES) / CELL_BYTES);
    const length = pad + Math.ceil((bytes + MESSAGE_HEADER_BYTES) / CELL_BYTES);
    this.#naive.end({ kind, a, b, c, body, cells: room!.slice(0, length) });
  }

  /** Writes some messages and takes them back. */
  takeBack(): void {
    const mark = this.#writer.mark();
    const naiveMark = this.#naive.mark();
    for (let count = this.#random.below(4); count > 0; count--) this.write();
    this.#writer.rollBack(mark);
    this.#naive.rollBack(naiveMark);
    check(this.#writer.mark(), mark, 'mark');
    check(this.#writer.hasUnpublished, this.#naive.ended.length > 0, 'hasUnpublished');
  }

  /** Writes in one or two parts; the second starts on a word. */
  #writeBody(word: number, bytes: number): Uint8Array {
    const random = this.#random;
    const skew = random.below(4);
    const body = Uint8Array.from({ length: bytes }, () => random.below(256));
    const source = new Uint8Array(new SharedArrayBuffer((bytes + 11) & ~3));
    source.set(body, SOURCE_AT + skew);
    const from = new Int32Array(source.buffer);
    const first = bytes < 4 ? 0 : random.below(bytes >>> 2) * 4;
    this.#writer.copyFrom(from, SOURCE_AT + skew, word, first);
    this.#writer.copyFrom(from, SOURCE_AT + skew + first, word + first / 4, bytes - first);
    return body;
  }

  #askForRoom(bytes: number): void {
    if (this.#naive.ended.length > 0 || this.#random.chance(0.5)) return;
    check(this.#writer.askForRoom(bytes), false, 'room that was not there a moment ago');
    this.#wantsRoom = true;
  }

  publish(): void {
    const naive = this.#naive;
    check(this.#writer.hasUnpublished, naive.ended.length > 0, 'hasUnpublished');
    if (this.#isTold) this.#tails.push(this.#writer.seal());
    else check(this.#writer.publish(), naive.ended.length > 0, 'publish');
    check(this.#writer.hasUnpublished, false, 'hasUnpublished after all was published');
    naive.published.push(naive.ended.splice(0));
  }

  refresh(): void {
    const naive = this.#naive;
    if (!this.#isTold) {
      naive.seen.push(...naive.published.splice(0).flat());
      check(this.#reader.refresh(), naive.seen.length > 0, 'refresh');
      return;
    }
    naive.seen.push(...naive.published.shift() ?? []);
    this.#lastTail = this.#tails.shift() ?? this.#lastTail;
    check(this.#reader.advance(this.#lastTail), naive.seen.length > 0, 'advance');
  }

  next(): void {
    const naive = this.#naive;
    check(this.#reader.next(), naive.seen.length > 0, 'next');
    if (naive.seen.length > 0) naive.current = 0;
    this.compareCurrent();
  }

  following(): void {
    const naive = this.#naive;
    const isThere = naive.current + 1 < naive.seen.length;
    check(this.#reader.following(), isThere, 'following');
    if (isThere) naive.current += 1;
    this.compareCurrent();
  }

  consume(): void {
    if (this.#naive.current < 0) return;
    this.#reader.consume();
    this.#naive.consume();
  }

  flush(): void {
    this.#naive.free();
    const isAsked = this.#wantsRoom && this.#naive.hasFreed;
    this.#naive.hasFreed = false;
    check(this.#reader.flush(), isAsked, 'flush says that room is wanted');
    if (isAsked) this.#wantsRoom = false;
  }

  /** All of the current message: its bytes stay as they are until it is consumed. */
  compareCurrent(): void {
    const message = this.#naive.seen[this.#naive.current];
    if (message === undefined) return;
    const reader = this.#reader;
    check(reader.kind, message.kind, 'kind');
    check(reader.a, message.a, 'a');
    check(reader.b, message.b, 'b');
    check(reader.c, message.c, 'c');
    check(reader.bodyBytes, message.body.length, 'bodyBytes');
    check(reader.bodyAt % 8, 0, 'alignment of the body');
    for (let i = 0; i < message.body.length; i++) {
      check(this.#bytes[reader.bodyAt + i]!, message.body[i]!, `byte ${i} of a body`);
    }
  }

  compareSurroundings(): void {
    for (let i = 0; i < RING_AT; i++) check(this.#bytes[i]!, POISON, `byte ${i} before the ring`);
    for (let i = this.#ringEnd; i < this.#bytes.length; i++) {
      check(this.#bytes[i]!, POISON, `byte ${i} behind the ring`);
    }
  }
}

function check<T extends number | boolean>(actual: T, expected: T, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${actual}, expected ${expected}`);
}

function run(seed: number): void {
  const random = randomSource(seed);
  const pair = new Pair(random);
  // Some seeds hardly read, some hardly publish, some never free but by the early flush.
  const weights = Array.from({ length: 8 }, () => (random.chance(0.2) ? 1 : 3 + random.below(8)));
  const steps = [
    () => { pair.write(); }, () => { pair.publish(); }, () => { pair.refresh(); },
    () => { pair.next(); }, () => { pair.following(); }, () => { pair.consume(); },
    () => { pair.flush(); }, () => { pair.takeBack(); },
  ];
  const choices = steps.flatMap((step, index) => new Array<() => void>(weights[index]!).fill(step));
  for (let i = 0; i < STEPS; i++) {
    try {
      choices[random.below(choices.length)]!();
      pair.compareCurrent();
    } catch (cause) {
      throw new Error(`seed ${seed}, step ${i}: ${String(cause)}`, { cause });
    }
  }
  pair.compareSurroundings();
}

describe('a ring', () => {
  it(`is an array of messages, ${SEEDS} seeds of ${STEPS} steps`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) run(seed);
  });
});
