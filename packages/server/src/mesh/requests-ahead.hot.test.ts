/**
 * A batch found ahead in a ring: which requests belong to it, that each is known again by its
 * place, and that what was found is what a lookup of its own finds. Ends of a batch: another
 * database, a command without a key in front, a parcel, the bound.
 */
import { ArgFrame, ClientState, RingReader, RingWriter, Router, createRing } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { WorkerRig } from '../testing/worker-rig.ts';
import { CALL_COMMAND_BITS, KIND_PARCEL, KIND_REQUEST } from './message-kinds.ts';
import { RequestsAhead } from './requests-ahead.hot.ts';

interface Wanted {
  readonly words: readonly string[];
  readonly db?: number;
  readonly isParcel?: boolean;
}

class AheadRig {
  readonly rig = new WorkerRig();
  readonly reader: RingReader;
  readonly ahead: RequestsAhead;
  readonly frame: ArgFrame;
  readonly #writer: RingWriter;
  readonly #scratch: number;

  constructor() {
    const { memory, shard, registry } = this.rig.composed;
    const ring = createRing(memory);
    if (ring === null) throw new Error('no memory for a ring');
    this.#writer = new RingWriter(memory.i32, ring.ringAt);
    this.reader = new RingReader(memory.i32, ring.ringAt);
    this.ahead = new RequestsAhead(shard, new Router(shard, registry, 0, 1));
    this.frame = new ArgFrame(memory, new ClientState(0));
    this.#scratch = memory.lowAllocator.alloc(4096) * 8;
    const slot = this.rig.connect();
    this.rig.receive(slot, Buffer.from('SET a 1\r\nSET bb 2\r\nSET ccc 3\r\n'));
  }

  send({ words, db = 0, isParcel = false }: Wanted): void {
    const { memory, registry } = this.rig.composed;
    const command = registry.byName(words[0] ?? '');
    if (command === undefined) throw new Error('no such command');
    const word = this.#writer.begin(isParcel ? KIND_PARCEL : KIND_REQUEST, 1024);
    const target = this.#writer.words;
    target[word] = words.length;
    let to = word + 1 + words.length;
    for (const [i, text] of words.entries()) {
      const bytes = Buffer.from(text, 'latin1');
      memory.low.set(bytes, this.#scratch);
      target[word + 1 + i] = bytes.length;
      this.#writer.copyFrom(memory.i32, this.#scratch, to, bytes.length);
      to += (bytes.length + 3) >>> 2;
    }
    this.#writer.header(0, 0, command.index | (db << CALL_COMMAND_BITS));
    this.#writer.end((to - word) * 4);
    this.#writer.publish();
  }

  /** Goes through the ring; how many requests a look at the first one has found. */
  found(): number {
    const { reader, ahead } = this;
    reader.refresh();
    reader.next();
    ahead.look(reader);
    let count = 0;
    while (reader.next() && ahead.isNext(reader.bodyAt)) {
      const at = new Int32Array(4);
      const bytes = new Int32Array(4);
      const first = reader.bodyAt >>> 2;
      const argc = reader.words[first] ?? 0;
      let to = reader.bodyAt + 4 + argc * 4;
      for (let i = 0; i < argc; i++) {
        at[i] = to;
        bytes[i] = reader.words[first + 1 + i] ?? 0;
        to += ((bytes[i] ?? 0) + 3) & ~3;
      }
      ahead.bind(this.frame, at, bytes, argc);
      const { shard } = this.rig.composed;
      const warmed = shard.keyspace.peek(this.frame, 1);
      expect(this.frame.warmed).toBe(1);
      this.frame.bind(at, bytes, argc);
      expect(warmed).toBe(shard.keyspace.peek(this.frame, 1));
      reader.consume();
      count++;
    }
    return count;
  }
}

const get = (key: string): Wanted => ({ words: ['GET', key] });

describe('requests found ahead in a ring', () => {
  it.each<[string, readonly Wanted[], number]>([
    ['several', [get('a'), get('bb'), get('nosuch'), { words: ['SET', 'ccc', '4'] }], 4],
    ['one alone', [get('a')], 0],
    ['until another database', [get('a'), get('bb'), { words: ['GET', 'a'], db: 1 }], 2],
    ['until a command without a key', [get('a'), get('bb'), { words: ['PING'] }, get('a')], 2],
    ['until keys that are counted', [get('a'), get('a'), { words: ['MGET', 'a', 'bb'] }], 2],
    ['until a parcel', [get('a'), get('bb'), { words: ['GET', 'a'], isParcel: true }], 2],
    ['sixteen at most', Array.from({ length: 20 }, () => get('bb')), 16],
  ])('%s', (_name, requests, wanted) => {
    const rig = new AheadRig();
    for (const request of requests) rig.send(request);
    expect(rig.found()).toBe(wanted);
  });

  it('a request that is not of the batch is not known', () => {
    const rig = new AheadRig();
    for (const request of [get('a'), get('bb')]) rig.send(request);
    rig.reader.refresh();
    rig.reader.next();
    rig.ahead.look(rig.reader);
    expect(rig.ahead.isNext(rig.reader.bodyAt + 8)).toBe(false);
    expect(rig.ahead.isNext(rig.reader.bodyAt)).toBe(true);
  });
});
