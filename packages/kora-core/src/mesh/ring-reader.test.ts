/**
 * The two ends of a ring by example: order of looking and consuming, room that is asked for, what
 * each end refuses, and that a call allocates nothing. ring-writer.model.test.ts does the rest.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { WorkerMemory } from '../structs/worker-memory.ts';
import { bytesPerCall } from '../testing/allocation.ts';
import type { HeapMeter } from '../testing/allocation.ts';
import { KIND_SHIFT, RING_HEADER_BYTES, formatRing, ringBytes } from './ring-layout.ts';
import { createRing, freeRing, lowWordsOf } from './ring-memory.ts';
import { RingReader } from './ring-reader.hot.ts';
import { RingWriter } from './ring-writer.hot.ts';

const DATA_BYTES = 256;
/** What a message of 48 bytes of body takes: four fill the ring. */
const QUARTER = 48;

interface Ends {
  readonly words: Int32Array;
  readonly writer: RingWriter;
  readonly reader: RingReader;
}

function makeEnds(dataBytes = DATA_BYTES): Ends {
  const words = new Int32Array(new SharedArrayBuffer(ringBytes(dataBytes) + 4096));
  formatRing(words, 0, dataBytes);
  return { words, writer: new RingWriter(words, 0), reader: new RingReader(words, 0) };
}

function send(writer: RingWriter, a: number, bytes = QUARTER): boolean {
  if (writer.begin(1, bytes) < 0) return false;
  writer.header(a, 0, 0);
  writer.end(bytes);
  return true;
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void; // V8 makes it; its type is known.
}

describe('a message', () => {
  it('is seen after publish and refresh, and not before', () => {
    const { writer, reader } = makeEnds();
    send(writer, 5);
    expect(reader.refresh()).toBe(false);
    expect(writer.publish()).toBe(true);
    expect(writer.publish()).toBe(false);
    expect(reader.next()).toBe(false);
    expect(reader.refresh()).toBe(true);
    expect(reader.next()).toBe(true);
    expect(reader.a).toBe(5);
  });

  it('comes again until it is consumed, also after a refresh', () => {
    const { writer, reader } = makeEnds();
    for (const a of [1, 2, 3]) send(writer, a);
    writer.publish();
    reader.refresh();
    const seen: number[] = [];
    for (let i = 0; i < 2; i++) {
      expect(reader.next()).toBe(true);
      seen.push(reader.a);
    }
    expect(reader.following()).toBe(true);
    seen.push(reader.a);
    reader.consume();
    reader.refresh();
    expect(reader.next()).toBe(true);
    seen.push(reader.a);
    reader.consume();
    expect(reader.next()).toBe(false);
    expect(seen).toEqual([1, 1, 2, 3]);
  });

  it('may be given up by beginning another', () => {
    const { writer, reader } = makeEnds();
    expect(writer.begin(9, 100)).toBeGreaterThan(0);
    send(writer, 7, 0);
    writer.publish();
    reader.refresh();
    expect([reader.next(), reader.kind, reader.a, reader.bodyBytes]).toEqual([true, 1, 7, 0]);
    reader.consume();
    expect(reader.next()).toBe(false);
  });

  it('may be taken back until it is published', () => {
    const { writer, reader } = makeEnds();
    send(writer, 1);
    const mark = writer.mark();
    for (const a of [2, 3, 4]) send(writer, a);
    expect(send(writer, 5)).toBe(false);
    writer.rollBack(mark);
    expect(() => {
      writer.end(0);
    }).toThrow('a message is open');
    send(writer, 6);
    writer.publish();
    reader.refresh();
    const seen: number[] = [];
    for (; reader.next(); reader.consume()) seen.push(reader.a);
    expect(seen).toEqual([1, 6]);
    expect(() => {
      writer.rollBack(mark);
    }).toThrow('what is published is not taken back');
  });

  it('is consumed once', () => {
    const { writer, reader } = makeEnds();
    expect(() => {
      reader.consume();
    }).toThrow('a message is consumed once');
    send(writer, 1);
    writer.publish();
    reader.refresh();
    reader.next();
    reader.consume();
    expect(() => {
      reader.consume();
    }).toThrow('a message is consumed once');
  });
});

describe('a message that is sealed', () => {
  it('is seen by whoever is told of it, and not before', () => {
    const { writer, reader } = makeEnds();
    send(writer, 1);
    const first = writer.seal();
    send(writer, 2);
    send(writer, 3);
    expect(writer.hasUnpublished).toBe(true);
    const second = writer.seal();
    expect(writer.hasUnpublished).toBe(false);
    expect(writer.seal()).toBe(second);
    expect([reader.refresh(), reader.next()]).toEqual([false, false]);
    expect(reader.advance(first)).toBe(true);
    expect([reader.next(), reader.a]).toEqual([true, 1]);
    reader.consume();
    expect([reader.next(), reader.advance(first)]).toEqual([false, false]);
    expect(reader.advance(second)).toBe(true);
    expect([reader.next(), reader.a]).toEqual([true, 2]);
    expect([reader.following(), reader.a]).toEqual([true, 3]);
    expect(reader.following()).toBe(false);
  });

  it('does not show what is ended behind it', () => {
    const { writer, reader } = makeEnds();
    send(writer, 1);
    const tail = writer.seal();
    send(writer, 2);
    reader.advance(tail);
    reader.next();
    reader.consume();
    expect(reader.next()).toBe(false);
  });

  it('is freed like any other, also for who asked for room', () => {
    const { writer, reader } = makeEnds();
    for (const a of [1, 2, 3, 4]) send(writer, a);
    reader.advance(writer.seal());
    expect(writer.askForRoom(QUARTER)).toBe(false);
    reader.next();
    reader.consume();
    expect(reader.flush()).toBe(true);
    expect(send(writer, 5)).toBe(true);
    expect(writer.hasRoom(0)).toBe(false);
  });

  it('does not go back, and is not further than the ring is long', () => {
    const { writer, reader } = makeEnds();
    send(writer, 1);
    const tail = writer.seal();
    reader.advance(tail);
    reader.next();
    reader.consume();
    expect(() => reader.advance(tail - 8)).toThrow('a tail does not go back');
    expect(() => reader.advance(tail + DATA_BYTES + 8)).toThrow('a writer waits for room');
  });
});

describe('a full ring', () => {
  it('takes as much as it has bytes, and again what was freed', () => {
    const { writer, reader } = makeEnds();
    expect([1, 2, 3, 4, 5].map((a) => send(writer, a))).toEqual([true, true, true, true, false]);
    writer.publish();
    reader.refresh();
    reader.next();
    reader.consume(); // A quarter of the ring: freed at once.
    expect([6, 7].map((a) => send(writer, a))).toEqual([true, false]);
  });

  it('is seen by whoever looks for room, and changes nothing', () => {
    const { writer, reader } = makeEnds();
    const sizes = [0, QUARTER, 112, writer.bodyBytesMax];
    expect(sizes.map((bytes) => writer.hasRoom(bytes))).toEqual([true, true, true, true]);
    for (const a of [1, 2, 3]) send(writer, a);
    // 64 bytes are left: a longer message would start at the beginning.
    expect(sizes.map((bytes) => writer.hasRoom(bytes))).toEqual([true, true, false, false]);
    const word = writer.begin(1, QUARTER);
    expect(writer.hasRoom(112)).toBe(false);
    writer.header(4, 0, 0);
    writer.end(QUARTER);
    expect(word).toBeGreaterThan(0);
    expect(writer.hasRoom(0)).toBe(false);
    writer.publish();
    reader.refresh();
    for (let i = 0; i < 3; i++) {
      reader.next();
      reader.consume();
    }
    expect(sizes.map((bytes) => writer.hasRoom(bytes))).toEqual([true, true, true, true]);
    reader.next();
    expect(reader.a).toBe(4);
  });

  it('says when there is room for who asked', () => {
    const { writer, reader } = makeEnds();
    for (const a of [1, 2, 3, 4]) send(writer, a);
    writer.publish();
    reader.refresh();
    expect(writer.askForRoom(QUARTER)).toBe(false);
    expect(reader.flush()).toBe(false);
    reader.next();
    reader.consume();
    expect(reader.flush()).toBe(true);
    expect(reader.flush()).toBe(false);
    expect(send(writer, 5)).toBe(true);
    writer.publish();
    reader.next();
    reader.consume();
    expect(writer.askForRoom(QUARTER)).toBe(true);
  });

  it('is asked only when all is published', () => {
    const { writer } = makeEnds();
    send(writer, 1);
    expect(() => writer.askForRoom(QUARTER)).toThrow('who waits for room has published');
  });
});

describe('an end of a ring', () => {
  it('refuses what no message can be', () => {
    const { writer } = makeEnds();
    expect(writer.bodyBytesMax).toBe(DATA_BYTES / 2 - 16);
    expect(() => writer.begin(0, 8)).toThrow('a message has a kind');
    expect(() => writer.begin(256, 8)).toThrow('a message has a kind');
    expect(() => writer.begin(1, writer.bodyBytesMax + 1)).toThrow('half a ring');
    expect(() => {
      writer.end(0);
    }).toThrow('a message is open');
    const word = writer.begin(1, 8);
    expect(() => {
      writer.copyFrom(new Int32Array(8), 0, word + 1, 8);
    }).toThrow('the body was announced as long');
    expect(() => {
      writer.copyFrom(new Int32Array(8), 0, word - 1, 4);
    }).toThrow('the body starts behind the header');
    expect(() => {
      writer.end(9);
    }).toThrow('at most as long as announced');
  });

  it.each([
    ['shorter than a header', 8 | (1 << KIND_SHIFT), 'a message holds its header'],
    ['longer than what is published', 128 | (1 << KIND_SHIFT), 'a message is published whole'],
    ['longer than the ring', 512 | (1 << KIND_SHIFT), 'a message does not wrap'],
    ['a PAD that does not fill the end', 64, 'a PAD fills the end of the ring'],
    ['a PAD with nothing behind it', DATA_BYTES, 'a PAD comes with the message behind it'],
  ])('refuses a message that is %s', (_, word, message) => {
    const { words, writer, reader } = makeEnds();
    for (let a = 0; a < (word === DATA_BYTES ? 4 : 1); a++) send(writer, a);
    writer.publish();
    words[RING_HEADER_BYTES / 4] = word;
    reader.refresh();
    expect(() => reader.next()).toThrow(message);
  });

  it('refuses positions that cannot be', () => {
    const { words, reader } = makeEnds();
    words[16] = DATA_BYTES + 8;
    expect(() => reader.refresh()).toThrow('a writer waits for room');
    words[16] = -8;
    expect(() => reader.refresh()).toThrow('a tail does not go back');
  });

  it('goes on where the last one was', () => {
    const { words, writer, reader } = makeEnds();
    for (const a of [1, 2, 3]) send(writer, a);
    writer.publish();
    reader.refresh();
    reader.next();
    reader.consume();
    reader.flush();
    const later = new RingReader(words, 0);
    later.refresh();
    later.next();
    expect(later.a).toBe(2);
    const again = new RingWriter(words, 0);
    expect([4, 5, 6].map((a) => send(again, a))).toEqual([true, true, false]);
  });
});

describe('a ring in a worker memory', () => {
  const options = { lowBytes: 2 ** 20, bytesMax: 2 ** 26 };
  it.each([64, 1024, 65_536])('of %i bytes lies on a line and is given back', (dataBytes) => {
    const memory = WorkerMemory.create(options);
    const before = memory.lowAllocator.usedBytes();
    const ring = createRing(memory, dataBytes)!;
    expect(ring.ringAt % 64).toBe(0);
    freeRing(memory, ring);
    expect(memory.lowAllocator.usedBytes()).toBe(before);
  });

  it('is the same ring for a peer, also after the memory has grown', () => {
    const memory = WorkerMemory.create(options);
    const { ringAt } = createRing(memory)!;
    const reader = new RingReader(memory.i32, ringAt);
    const writer = new RingWriter(lowWordsOf(memory.memory, memory.lowBytes), ringAt);
    expect(writer.bodyBytesMax).toBe(16_384 - 16);
    memory.ensurePages(memory.pages + 1);
    send(writer, 3);
    writer.publish();
    reader.refresh();
    expect([reader.next(), reader.a]).toEqual([true, 3]);
  });

  it('is not made when the low region is full', () => {
    const memory = WorkerMemory.create(options);
    expect(createRing(memory, 2 ** 20)).toBe(null);
  });
});

describe('allocation', () => {
  const meter: HeapMeter = {
    collect: collector(),
    usedBytes: () => process.memoryUsage().heapUsed,
  };

  it('a message from begin to flush allocates nothing', () => {
    const { words, writer, reader } = makeEnds(4096);
    const own = new Int32Array(new SharedArrayBuffer(4096));
    let turn = 0;
    let consumed = 0;
    const bytes = bytesPerCall(meter, () => {
      turn += 1;
      const length = turn & 511;
      const word = writer.begin(3, length);
      writer.header(turn, -turn, turn << 4);
      writer.copyFrom(own, turn & 3, word, length);
      writer.end(length);
      writer.publish();
      reader.refresh();
      while (reader.next()) {
        reader.following();
        consumed |= reader.a | words[reader.bodyAt >>> 2]!;
        reader.consume();
      }
      if (reader.flush()) throw new Error('nobody asked');
    });
    expect(bytes).toBeLessThan(1);
    expect(consumed).not.toBe(0);
  });

  it('a message that is sealed allocates nothing', () => {
    const { writer, reader } = makeEnds();
    let consumed = 0;
    const bytes = bytesPerCall(meter, () => {
      if (!writer.hasRoom(QUARTER) || !send(writer, 1)) throw new Error('no room');
      if (!reader.advance(writer.seal())) throw new Error('nothing new');
      while (reader.next()) {
        consumed += reader.a;
        reader.consume();
      }
      reader.flush();
    });
    expect(bytes).toBeLessThan(1);
    expect(consumed).toBeGreaterThan(0);
  });

  it('a full ring allocates nothing', () => {
    const { writer } = makeEnds();
    while (send(writer, 1));
    writer.publish();
    const bytes = bytesPerCall(meter, () => {
      if (writer.begin(1, QUARTER) >= 0 || writer.askForRoom(QUARTER)) throw new Error('room');
    });
    expect(bytes).toBeLessThan(1);
  });
});
