/**
 * A burst as a message: what is written for each shard is what its reader finds, whatever lies
 * between the arguments, and what was looked up for a key is what a lookup of its own finds.
 */
import { ArgFrame, ClientState, createRing, RingReader, RingWriter } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { belowOf, encodeRequest } from '../testing/mesh-clients.ts';
import { WorkerRig } from '../testing/worker-rig.ts';
import type { BurstSource } from './burst-message.hot.ts';
import { BURST_COUNT_MAX, BurstReader, burstBytes, writeBurst } from './burst-message.hot.ts';
import {
  BURST_REMEMBERS, BURST_TRACKS, CALL_COMMAND_BITS, CALL_COMMAND_MASK, CALL_REMEMBERS, CALL_RESP3,
  CALL_TRACKS, KIND_BURST,
} from './message-kinds.ts';

const SHARDS = 3;
const DB = 2;
const FIRST_PLACE = 1000;
const NAMES = ['GET', 'SET', 'TTL', 'APPEND', 'HSET'];

class BurstRig {
  readonly rig = new WorkerRig();
  readonly reader: RingReader;
  readonly writer: RingWriter;
  readonly burst: BurstReader;
  readonly frame: ArgFrame;
  readonly #scratch: number;

  constructor() {
    const { memory, shard } = this.rig.composed;
    const ring = createRing(memory);
    if (ring === null) throw new Error('no memory for a ring');
    this.writer = new RingWriter(memory.i32, ring.ringAt);
    this.reader = new RingReader(memory.i32, ring.ringAt);
    this.burst = new BurstReader(shard);
    this.frame = new ArgFrame(memory, new ClientState(0));
    this.frame.client.db = DB;
    this.#scratch = memory.lowAllocator.alloc(65_536) * 8;
    const slot = this.rig.connect();
    for (const words of [['SELECT', '2'], ['SET', 'a', '1'], ['SET', 'key7', '2']]) {
      this.rig.receive(slot, encodeRequest(words));
    }
  }

  /** The requests as a pipeline finds them, from this byte of a buffer on. */
  source(requests: readonly (readonly string[])[], owners: readonly number[], from: number):
  BurstSource {
    const { memory, registry } = this.rig.composed;
    let to = this.#scratch + from;
    const at: Int32Array[] = [];
    const bytes: Int32Array[] = [];
    for (const words of requests) {
      memory.low.set(encodeRequest(words), to);
      to += `*${words.length}\r\n`.length;
      const places = new Int32Array(16);
      for (const [i, word] of words.entries()) {
        to += `$${word.length}\r\n`.length;
        places[i] = to;
        to += word.length + 2;
      }
      at.push(places);
      bytes.push(Int32Array.from({ length: 16 }, (_, i) => words[i]?.length ?? 0));
    }
    const countOf = new Int32Array(SHARDS);
    const places = new Int32Array(SHARDS * BURST_COUNT_MAX);
    for (const [i, owner] of owners.entries()) {
      places[owner * BURST_COUNT_MAX + countOf[owner]!++] = i;
    }
    return {
      countOf, places, at, bytes,
      commands: requests.map(([name]) => registry.byName(name ?? '')!),
      argc: Int32Array.from(requests, ({ length }) => length),
      spans: Int32Array.from(requests, ({ length }, i) =>
        at[i]![length - 1]! + bytes[i]![length - 1]! - at[i]![0]!),
    };
  }

  /** Writes what goes to a shard, and opens it as its reader. @param tracker 0 = none */
  pass(from: BurstSource, owner: number, tracker: number, tracking: number): void {
    const headWords = tracker === 0 ? 0 : 1;
    let bytes = headWords * 4;
    const count = from.countOf[owner]!;
    for (let k = 0; k < count; k++) {
      const i = from.places[owner * BURST_COUNT_MAX + k]!;
      bytes += burstBytes(from.argc[i]!, from.spans[i]!);
    }
    const word = this.writer.begin(KIND_BURST, bytes);
    const base = (DB << CALL_COMMAND_BITS) | CALL_RESP3;
    const { i32 } = this.rig.composed.memory;
    if (tracker !== 0) this.writer.words[word] = tracker;
    const first = writeBurst(this.writer, word + headWords, from, owner, base, i32);
    this.writer.header(7, FIRST_PLACE + first, count | tracking);
    this.writer.end(bytes);
    this.writer.publish();
    this.reader.refresh();
    expect(this.reader.next()).toBe(true);
    this.burst.open(this.reader);
    expect(this.burst.count).toBe(count);
  }

  words(): string[] {
    const { at, bytes, count } = this.frame;
    const { low } = this.rig.composed.memory;
    return Array.from({ length: count }, (_, i) =>
      Buffer.from(low.slice(at[i], at[i]! + bytes[i]!)).toString('latin1'));
  }
}

describe('a burst as a message', () => {
  it('holds for each shard what goes there, seed 41', () => {
    const below = belowOf(41);
    const rig = new BurstRig();
    const { burst, frame, reader } = rig;
    const { shard } = rig.rig.composed;
    for (let round = 0; round < 400; round++) {
      const requests = Array.from({ length: 1 + below(BURST_COUNT_MAX) }, () => {
        const words = [NAMES[below(NAMES.length)]!, ['a', 'key7', '', `k${below(99)}`][below(4)]!];
        for (let more = below(4); more > 0; more--) {
          words.push('v'.repeat(below(below(9) * 30 + 1)));
        }
        return words;
      });
      const owners = requests.map(() => below(SHARDS));
      const from = rig.source(requests, owners, below(8));
      for (let owner = 0; owner < SHARDS; owner++) {
        if (!owners.includes(owner)) continue;
        const tracker = below(3) * 0x70000001;
        const remembers = tracker !== 0 && below(2) === 0;
        const tracking = (tracker === 0 ? 0 : BURST_TRACKS) | (remembers ? BURST_REMEMBERS : 0);
        rig.pass(from, owner, tracker, tracking);
        expect([burst.tracker, burst.tracks, burst.remembers]).toEqual([
          tracker | 0, tracker === 0 ? 0 : CALL_TRACKS, remembers ? CALL_REMEMBERS : 0,
        ]);
        let k = 0;
        for (const [i, words] of requests.entries()) {
          if (owners[i] !== owner) continue;
          burst.present(frame, k);
          expect(rig.words(), `round ${round}`).toEqual(words);
          expect(burst.placeOf(k)).toBe(FIRST_PLACE + i);
          expect(burst.callOf(k) & CALL_COMMAND_MASK).toBe(from.commands[i]!.index);
          expect(burst.callOf(k) & CALL_RESP3).toBe(CALL_RESP3);
          expect(frame.warmed).toBe(burst.count > 1 ? 1 : 0);
          const found = shard.keyspace.peek(frame, 1);
          frame.bind(frame.at, frame.bytes, frame.count);
          expect(shard.keyspace.peek(frame, 1)).toBe(found);
          expect(found !== 0).toBe(['a', 'key7'].includes(words[1]!));
          k++;
        }
        reader.consume();
        reader.flush();
      }
    }
  });
});
