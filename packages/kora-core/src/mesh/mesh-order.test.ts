/**
 * The shared logs of the order, by example and against a list per shard: who publishes for which
 * shards under one hold of the lock, what each shard may read, from which moment on and until when,
 * full logs, tickets and publications that pass the ends of int32, and a view of the order that has
 * not looked for a long time.
 * mesh-litmus.test.ts runs it on real threads.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { ORDER_ENTRY_COUNT } from '../limits.ts';
import { bytesPerCall } from '../testing/allocation.ts';
import { randomSource } from '../testing/random-source.ts';
import { MeshOrder } from './mesh-order.ts';

/** Where counters and entries lie, as the header of the order draws them. */
const VISIBLE_WORD = 1;
const NUMBER_F64 = 1;
const FIRST_SHARD_WORD = 16;
const WORDS_PER_SHARD = 32;
const LOOKED_WORD = 1;
const CONSUMED_WORD = 16;
const WORDS_PER_ENTRY = 4;
const PUBLICATION_WORD = 2;
const STAMP_WORD = 3;
/** Bytes before and behind the order that are nobody's. */
const MARGIN_BYTES = 64;

/** An order of which so many tickets have been published and consumed. */
class World {
  readonly buffer: SharedArrayBuffer;
  readonly #workerCount: number;

  constructor(workerCount: number, ticket = 0) {
    this.#workerCount = workerCount;
    this.buffer = new SharedArrayBuffer(MeshOrder.bytesFor(workerCount) + 2 * MARGIN_BYTES);
    this.start(ticket);
  }

  /** So many tickets have been published and consumed, in so many publications. */
  start(ticket: number, publication = 0): void {
    const words = new Int32Array(
      this.buffer, MARGIN_BYTES, MeshOrder.bytesFor(this.#workerCount) / 4,
    );
    words[VISIBLE_WORD] = publication;
    const entries = FIRST_SHARD_WORD + this.#workerCount * WORDS_PER_SHARD;
    for (let word = entries + PUBLICATION_WORD; word < words.length; word += WORDS_PER_ENTRY) {
      words[word] = publication;
    }
    for (let shard = 0; shard < this.#workerCount; shard++) {
      const word = FIRST_SHARD_WORD + shard * WORDS_PER_SHARD;
      for (let i = 1; i <= ORDER_ENTRY_COUNT; i++) {
        const place = (ticket - i) & (ORDER_ENTRY_COUNT - 1);
        const entry = entries + (shard * ORDER_ENTRY_COUNT + place) * WORDS_PER_ENTRY;
        words[entry + STAMP_WORD] = ticket - i + 1;
      }
      words[word] = ticket;
      words[word + LOOKED_WORD] = ticket;
      words[word + CONSUMED_WORD] = ticket;
    }
  }

  /** A thread's view. */
  view(): MeshOrder {
    return new MeshOrder(this.#workerCount, this.buffer, MARGIN_BYTES);
  }

  /** True when nothing was written around the order. */
  isBounded(): boolean {
    const bytes = new Uint8Array(this.buffer);
    const end = bytes.length - MARGIN_BYTES;
    return [...bytes.subarray(0, MARGIN_BYTES), ...bytes.subarray(end)].every((byte) => byte === 0);
  }
}

/** Fills the log of a shard, entry by entry. @returns entries that it took */
function fill(order: MeshOrder, shard: number, sender: number): number {
  let count = 0;
  for (; order.hasRoom(shard); count++) publish(order, [[shard, sender, count * 8]]);
  return count;
}

/** One publication: shards, senders and tails. */
function publish(
  order: MeshOrder, entries: readonly (readonly [shard: number, sender: number, tail: number])[],
): void {
  expect(order.tryLock()).toBe(true);
  for (const [shard, sender, tail] of entries) order.append(shard, sender, tail);
  order.unlock();
}

describe('the lock', () => {
  it('is one worker\'s at a time', () => {
    const world = new World(3);
    const [one, other] = [world.view(), world.view()];
    expect(one.tryLock()).toBe(true);
    expect([other.tryLock(), one.tryLock()]).toEqual([false, false]);
    one.unlock();
    expect(other.tryLock()).toBe(true);
    expect(one.tryLock()).toBe(false);
  });

  it('goes with numbers that only grow, beyond 2^32', () => {
    const world = new World(2);
    const [one, other] = [world.view(), world.view()];
    expect([one.takeNumber(), other.takeNumber(), one.takeNumber()]).toEqual([1, 2, 3]);
    new Float64Array(world.buffer, MARGIN_BYTES)[NUMBER_F64] = 2 ** 32 - 1;
    expect([one.takeNumber(), other.takeNumber()]).toEqual([2 ** 32, 2 ** 32 + 1]);
    expect(one.published(0)).toBe(0);
    expect(world.isBounded()).toBe(true);
  });
});

describe('a log', () => {
  it('gives whoever looks the entries of all, in order', () => {
    const world = new World(4);
    const [one, other, reader] = [world.view(), world.view(), world.view()];
    publish(one, [[2, 0, 64]]);
    publish(other, [[2, 1, 32], [3, 1, 8]]);
    publish(one, [[2, 0, -8]]);
    expect([0, 1, 2, 3].map((shard) => reader.published(shard))).toEqual([0, 0, 3, 1]);
    expect([0, 1, 2].map((ticket) => reader.senderAt(2, ticket))).toEqual([0, 1, 0]);
    expect([0, 1, 2].map((ticket) => reader.tailAt(2, ticket))).toEqual([64, 32, -8]);
    expect([reader.senderAt(3, 0), reader.tailAt(3, 0)]).toEqual([1, 8]);
  });

  it('takes so many entries, and as many as were consumed again', () => {
    const world = new World(2);
    const [writer, reader] = [world.view(), world.view()];
    expect(fill(writer, 1, 0)).toBe(ORDER_ENTRY_COUNT);
    expect([writer.hasRoom(0), writer.hasRoom(1)]).toEqual([true, false]);
    reader.consume(1, 3);
    expect(fill(writer, 1, 0)).toBe(3);
    expect(reader.published(1)).toBe(ORDER_ENTRY_COUNT + 3);
    // What is not consumed is as it was, what came later lies where there was room.
    expect([reader.tailAt(1, 3), reader.tailAt(1, ORDER_ENTRY_COUNT - 1)])
      .toEqual([24, (ORDER_ENTRY_COUNT - 1) * 8]);
    expect([0, 1, 2].map((i) => reader.tailAt(1, ORDER_ENTRY_COUNT + i))).toEqual([0, 8, 16]);
    expect(world.isBounded()).toBe(true);
  });

  it('is of a shard that exists', () => {
    const order = new World(2).view();
    for (const shard of [-1, 2]) {
      expect(() => order.hasRoom(shard)).toThrow('of this mesh');
      expect(() => order.append(shard, 0, 0)).toThrow('of this mesh');
      expect(() => order.published(shard)).toThrow('of this mesh');
      expect(() => order.consume(shard, 0)).toThrow('of this mesh');
    }
  });
});

describe('a publication', () => {
  it('is there on all its shards from one moment on', () => {
    const world = new World(4);
    const [writer, reader] = [world.view(), world.view()];
    publish(writer, [[1, 0, 8], [3, 0, 8]]);
    const published = (): number[] => [0, 1, 2, 3].map((shard) => reader.published(shard, 0));
    const isAt = (): boolean[] => [0, 1, 2, 3].map((shard) => reader.isAt(shard, shard % 2));
    expect(published()).toEqual([0, 1, 0, 1]);
    writer.tryLock();
    writer.append(0, 1, 16);
    expect(published()).toEqual([0, 1, 0, 1]);
    writer.append(1, 1, 16);
    writer.append(2, 1, 16);
    expect(published()).toEqual([0, 1, 0, 1]);
    expect(reader.published(1, 1)).toBe(1);
    expect(isAt()).toEqual([false, false, false, false]);
    writer.unlock();
    expect(published()).toEqual([1, 2, 1, 1]);
    expect(isAt()).toEqual([true, true, true, false]);
    expect(reader.published(1, 1)).toBe(2);
  });

  it('is nothing when nothing was appended', () => {
    const world = new World(2);
    const [one, other] = [world.view(), world.view()];
    publish(one, [[1, 0, 8]]);
    publish(one, []);
    other.tryLock();
    other.append(1, 0, 16);
    // Had the empty one counted, this would be seen before it is whole.
    expect(one.published(1, 0)).toBe(1);
    other.unlock();
    expect(one.published(1, 0)).toBe(2);
  });

  for (const [name, first] of [['2^31', 2 ** 31 - 3], ['2^32', -3]] as const) {
    it(`has a number that passes ${name}`, () => {
      const world = new World(2);
      world.start(0, first);
      const [writer, reader] = [world.view(), world.view()];
      for (let ticket = 0; ticket < 8; ticket++) {
        writer.tryLock();
        writer.append(0, 1, ticket * 8);
        expect([reader.published(0, 0), reader.published(1, 0)]).toEqual([ticket, ticket]);
        writer.append(1, 1, ticket * 8);
        expect([reader.published(0, 0), reader.published(1, 0)]).toEqual([ticket, ticket]);
        writer.unlock();
        expect([reader.published(0, 0), reader.published(1, 0)]).toEqual([ticket + 1, ticket + 1]);
      }
    });
  }

  it('long ago is behind who has come to its end', () => {
    const world = new World(2);
    publish(world.view(), [[1, 0, 8]]);
    const words = new Int32Array(world.buffer, MARGIN_BYTES);
    // More than 2^31 publications for other shards.
    words[VISIBLE_WORD] = (2 ** 31 + 10) | 0;
    expect(world.view().published(1, 1)).toBe(1);
  });
});

describe('tickets', () => {
  for (const [name, first] of [
    ['2^31', 2 ** 31 - 5], ['2^32', -5], ['0', 0], ['the size of a log', ORDER_ENTRY_COUNT - 5],
  ] as const) {
    it(`are int32 that pass ${name}`, () => {
      const world = new World(2, first);
      const [writer, reader] = [world.view(), world.view()];
      expect(fill(writer, 0, 1)).toBe(ORDER_ENTRY_COUNT);
      let ticket = first;
      for (let i = 0; i < ORDER_ENTRY_COUNT; i++) {
        expect(ticket).not.toBe(reader.published(0));
        expect([reader.senderAt(0, ticket), reader.tailAt(0, ticket)]).toEqual([1, i * 8]);
        ticket = (ticket + 1) | 0;
      }
      expect(ticket).toBe(reader.published(0));
      expect(writer.hasRoom(0)).toBe(false);
      reader.consume(0, ticket);
      expect(fill(writer, 0, 1)).toBe(ORDER_ENTRY_COUNT);
    });
  }

  it('make no room for who has not looked while others published 2^31 and more', () => {
    for (const passed of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5000, 2 ** 32 - 1, 2 ** 32 - 5000]) {
      const world = new World(2);
      const [idle, busy] = [world.view(), world.view()];
      expect(idle.hasRoom(1)).toBe(true);
      world.start(passed | 0);
      expect(fill(busy, 1, 0), `${passed} tickets`).toBe(ORDER_ENTRY_COUNT);
      expect(idle.hasRoom(1), `${passed} tickets`).toBe(false);
      busy.consume(1, (busy.published(1) - ORDER_ENTRY_COUNT + 1) | 0);
      expect(idle.hasRoom(1), `${passed} tickets`).toBe(true);
    }
  });
});

describe('the order against a list per shard', () => {
  for (const seed of [31, 32, 33, 34]) {
    it(`is what was appended and not consumed, seed ${seed}`, () => {
      const random = randomSource(seed);
      const workerCount = 2 + random.below(4);
      const first = [0, 2 ** 31 - 700, -700, 900][seed % 4] ?? 0;
      const world = new World(workerCount, first);
      const views = Array.from({ length: workerCount }, () => world.view());
      const logs = views.map((): { ticket: number; sender: number; tail: number }[] => []);
      const next = new Int32Array(workerCount).fill(first);
      const takingShare = 0.003 * (1 + random.below(4));
      let fullCount = 0;
      for (let step = 0; step < 6000; step++) {
        const context = `seed ${seed} step ${step}`;
        const me = random.below(workerCount);
        const view = views[me]!;
        if (!random.chance(takingShare)) {
          const shard = random.below(workerCount);
          const log = logs[shard]!;
          const hasRoom = log.length < ORDER_ENTRY_COUNT;
          if (!hasRoom) fullCount++;
          expect(view.hasRoom(shard), context).toBe(hasRoom);
          for (let i = random.below(40); i > 0 && log.length < ORDER_ENTRY_COUNT; i--) {
            const entry = { ticket: view.published(shard), sender: me, tail: random.word() | 0 };
            publish(view, [[shard, me, entry.tail]]);
            log.push(entry);
          }
        } else {
          const log = logs[me]!;
          const taken = log.splice(0, random.below(log.length + 1));
          for (const { ticket, sender, tail } of taken) {
            const found = [next[me], view.senderAt(me, ticket), view.tailAt(me, ticket)];
            const wanted = [ticket, sender, tail];
            if (found.join() !== wanted.join()) expect(found, context).toEqual(wanted);
            next[me] = (ticket + 1) | 0;
          }
          view.consume(me, next[me]!);
        }
        for (let shard = 0; shard < workerCount; shard++) {
          const published = (next[shard]! + logs[shard]!.length) | 0;
          const found = view.published(shard, next[shard]);
          if (found !== published) expect(found, context).toBe(published);
          expect(view.isAt(shard, next[shard]!), context).toBe(logs[shard]!.length > 0);
        }
      }
      expect(fullCount).toBeGreaterThan(10);
      expect(world.isBounded()).toBe(true);
    });
  }
});

describe('allocation', () => {
  it('a publication and its reading allocate nothing', () => {
    setFlagsFromString('--expose-gc');
    // Byte boundary: the collector has no type of its own.
    const collect = runInNewContext('gc') as () => void;
    const order = new World(4).view();
    let ticket = 0;
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    const bytes = bytesPerCall(meter, () => {
      if (!order.tryLock()) throw new Error('nobody has the lock');
      if (order.takeNumber() === 0) throw new Error('numbers start at 1');
      if (!order.hasRoom(1)) throw new Error('all was consumed');
      order.append(1, 3, ticket);
      order.unlock();
      if (order.senderAt(1, ticket) !== 3) throw new Error('another sender');
      if (order.tailAt(1, ticket) !== ticket) throw new Error('another tail');
      ticket = order.published(1, ticket);
      order.consume(1, ticket);
    });
    expect(bytes).toBeLessThan(1);
  });
});
