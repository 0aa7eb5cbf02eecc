/**
 * Requests of a peer found ahead: the keys of those that lie in the ring are looked up together
 * before they run, so that their cache misses overlap, as pipeline.hot.ts does for requests of own
 * connections. What was found is a hint: a wrong guess costs time, never an answer.
 *
 *   row        0    1    2     count - 1        4 words: key at | bytes | hash | slot
 *   bodies     byte of the body of each request, by which it is known again
 *
 * Invariants: all of a batch are requests of one database whose first argument is their only key;
 *   others, parcels and intents end it. Owner: the worker's thread; nothing is allocated per batch.
 */
import type { ArgFrame, RingReader, Router, Shard } from '@kora/core';
import {
  CALL_COMMAND_BITS, CALL_COMMAND_MASK, CALL_DB_MASK, KIND_REQUEST,
} from './message-kinds.ts';

/** Most requests of a batch. */
const COUNT_MAX = 16;
/** From so many on keys are looked up together. */
const COUNT_MIN = 2;
const ROW_BYTES = 16;
const ROW_SHIFT = 2;

export class RequestsAhead {
  private readonly shard: Shard;
  private readonly router: Router;
  private readonly list: number;
  private readonly bodies: Int32Array;
  private count: number;
  private at: number;
  private db: number;
  private epoch: number;
  private generation: number;

  constructor(shard: Shard, router: Router) {
    this.shard = shard;
    this.router = router;
    this.list = shard.memory.lowAllocator.alloc(COUNT_MAX * ROW_BYTES) * 8;
    this.bodies = new Int32Array(COUNT_MAX);
    this.count = 0;
    this.at = 0;
    this.db = 0;
    this.epoch = 0;
    this.generation = 0;
  }

  /** Looks ahead from the reader's current message, which it is on again afterwards. */
  look(reader: RingReader): void {
    const i32 = this.shard.memory.i32;
    const words = reader.words;
    this.count = 0;
    this.at = 0;
    if (this.list === 0) return;
    let count = 0;
    const db = (reader.c >>> CALL_COMMAND_BITS) & CALL_DB_MASK;
    do {
      const call = reader.c;
      if (reader.kind !== KIND_REQUEST) break;
      if (((call >>> CALL_COMMAND_BITS) & CALL_DB_MASK) !== db) break;
      if (!this.router.hasKeyFirst(call & CALL_COMMAND_MASK)) break;
      const first = reader.bodyAt >>> 2;
      const argc = words[first]!;
      if (argc < 2) break;
      const row = (this.list >>> 2) + (count << ROW_SHIFT);
      i32[row] = reader.bodyAt + 4 + argc * 4 + ((words[first + 1]! + 3) & ~3);
      i32[row + 1] = words[first + 2]!;
      this.bodies[count] = reader.bodyAt;
      count++;
    } while (count < COUNT_MAX && reader.following());
    reader.next();
    if (count < COUNT_MIN) return;
    const keyspace = this.shard.keyspace;
    const database = keyspace.databases[db]!;
    if (database.dict.header === 0) return;
    keyspace.findMany(database, this.list, count);
    this.count = count;
    this.db = db;
    this.epoch = database.dict.epoch();
    this.generation = keyspace.generation;
  }

  /** True when the request at this body is the next of the batch. */
  isNext(bodyAt: number): boolean {
    return this.at < this.count && this.bodies[this.at] === bodyAt;
  }

  /** Points the frame at the request's arguments, with what was found for its key. */
  bind(frame: ArgFrame, at: Int32Array, bytes: Int32Array, argc: number): void {
    const i32 = this.shard.memory.i32;
    const row = (this.list >>> 2) + (this.at << ROW_SHIFT);
    this.at++;
    frame.bindFound(
      at, bytes, argc, i32[row + 2]!, i32[row + 3]!, this.epoch, this.generation, this.db,
    );
  }
}
