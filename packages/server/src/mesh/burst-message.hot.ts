/**
 * Requests of one connection for one shard that go together, as one message (KIND_BURST):
 *   tracker    number of the client, where it tracks keys
 *   heads      of each    | call:17 | place - first place:6 | arguments:5 | word 0
 *                         | offset:16 | bytes:16 |     of every argument; from the first head
 *   requests   of each    as it came, from its first argument to the end of its last
 * What lies between the arguments is copied with them: one copy for a request, not one for each,
 * of the words in which it lies, whose first and last bytes may be of its neighbours.
 * The reader finds the arguments in place, and looks the keys of all requests up together, as
 * pipeline.hot.ts does for those that run where they came in: the heads lie in few lines, since
 * all of a message come from another core, and of the rest many are fetched at once.
 * Invariants: a body is at most a message, so offsets fit 16 bits; requests have their only key as
 *   their first argument, at most BURST_ARGUMENTS_MAX arguments, and one database.
 * Owner: the worker's thread; nothing is allocated.
 */
import type { ArgFrame, Command, RingReader, RingWriter, Shard, WorkerMemory } from '@kora/core';
import { copyBytesToWords } from '@kora/core';
import {
  BURST_COUNT_MASK, BURST_REMEMBERS, BURST_TRACKS, CALL_COMMAND_BITS, CALL_DB_MASK, CALL_MASK,
  CALL_REMEMBERS, CALL_TRACKS,
} from './message-kinds.ts';

/** Most requests of a message. */
export const BURST_COUNT_MAX = 16;
/** Most arguments of each. */
export const BURST_ARGUMENTS_MAX = 16;
const PLACE_SHIFT = 17;
const PLACE_MASK = 63;
const ARGUMENTS_SHIFT = 23;
/** From so many on keys are looked up together. */
const WARM_COUNT_MIN = 2;
const ROW_BYTES = 16;
const ROW_SHIFT = 2;

/**
 * Most bytes that a request takes in the body.
 * @param span of it from its first argument to the end of its last
 */
export function burstBytes(argc: number, span: number): number {
  return 4 + argc * 4 + ((span + 6) & ~3);
}

/** What a burst is made of: see Pipeline. */
export interface BurstSource {
  readonly countOf: Int32Array;
  readonly places: Int32Array;
  readonly commands: readonly Command[];
  readonly at: readonly Int32Array[];
  readonly bytes: readonly Int32Array[];
  readonly argc: Int32Array;
  readonly spans: Int32Array;
}

/**
 * Writes the requests for a shard into the open message.
 * @param headWord index of the first head in the ring's words
 * @param callBase who calls
 * @returns the first of them
 */
export function writeBurst(
  out: RingWriter, headWord: number, from: BurstSource, owner: number, callBase: number,
  i32: Int32Array,
): number {
  const count = from.countOf[owner]!;
  const list = owner * BURST_COUNT_MAX;
  const words = out.words;
  const first = from.places[list]!;
  let to = headWord + count;
  for (let k = 0; k < count; k++) to += from.argc[from.places[list + k]!]!;
  let head = headWord;
  for (let k = 0; k < count; k++) {
    const i = from.places[list + k]!;
    const at = from.at[i]!;
    const bytes = from.bytes[i]!;
    const argc = from.argc[i]!;
    const call = callBase | from.commands[i]!.index;
    const start = at[0]!;
    const span = from.spans[i]!;
    words[head] = call | ((i - first) << PLACE_SHIFT) | (argc << ARGUMENTS_SHIFT);
    const skew = start & 3;
    const wordCount = (skew + span + 3) >>> 2;
    const offset = ((to - headWord) << 2) + skew - start;
    head++;
    for (let argument = 0; argument < argc; argument++) {
      words[head + argument] = ((offset + at[argument]!) << 16) | bytes[argument]!;
    }
    head += argc;
    copyBytesToWords(i32, start - skew, words, to, wordCount << 2);
    to += wordCount;
  }
  return first;
}

/** The requests of the current message of a ring. */
export class BurstReader {
  count: number;
  /** Number of their client among those who track keys, 0 = it does not. */
  tracker: number;
  /** What is added to the calls of all of them, and of those that only read. */
  tracks: number;
  remembers: number;
  private readonly shard: Shard;
  private readonly memory: WorkerMemory;
  private readonly heads: Int32Array;
  private readonly at: Int32Array;
  private readonly bytes: Int32Array;
  private readonly list: number;
  private words: Int32Array;
  private headAt: number;
  private firstPlace: number;
  private isWarm: number;
  private db: number;
  private epoch: number;
  private generation: number;

  constructor(shard: Shard) {
    this.shard = shard;
    this.memory = shard.memory;
    this.heads = new Int32Array(BURST_COUNT_MAX);
    this.at = new Int32Array(BURST_ARGUMENTS_MAX);
    this.bytes = new Int32Array(BURST_ARGUMENTS_MAX);
    this.list = shard.memory.lowAllocator.alloc(BURST_COUNT_MAX * ROW_BYTES) * 8;
    this.words = shard.memory.i32;
    this.count = 0;
    this.tracker = 0;
    this.tracks = 0;
    this.remembers = 0;
    this.headAt = 0;
    this.firstPlace = 0;
    this.isWarm = 0;
    this.db = 0;
    this.epoch = 0;
    this.generation = 0;
  }

  /** Takes the current message, and looks the keys up of its requests. */
  open(reader: RingReader): void {
    const words = reader.words;
    const count = reader.c & BURST_COUNT_MASK;
    const i32 = this.memory.i32;
    let row = this.list >>> 2;
    const isTracked = (reader.c & BURST_TRACKS) !== 0;
    const headAt = isTracked ? reader.bodyAt + 4 : reader.bodyAt;
    let word = headAt >>> 2;
    this.tracker = isTracked ? words[word - 1]! : 0;
    this.tracks = isTracked ? CALL_TRACKS : 0;
    this.remembers = (reader.c & BURST_REMEMBERS) !== 0 ? CALL_REMEMBERS : 0;
    this.words = words;
    this.headAt = headAt;
    this.firstPlace = reader.b;
    this.count = count;
    this.isWarm = 0;
    for (let i = 0; i < count; i++) {
      const key = words[word + 2]!;
      this.heads[i] = word;
      i32[row] = headAt + (key >>> 16);
      i32[row + 1] = key & 0xffff;
      row += 1 << ROW_SHIFT;
      word += 1 + (words[word]! >>> ARGUMENTS_SHIFT);
    }
    if (count < WARM_COUNT_MIN || this.list === 0) return;
    const db = (words[this.heads[0]!]! >>> CALL_COMMAND_BITS) & CALL_DB_MASK;
    const keyspace = this.shard.keyspace;
    const database = keyspace.databases[db]!;
    if (database.dict.header === 0) return;
    keyspace.findMany(database, this.list, count);
    if (this.remembers !== 0) this.shard.tracking.table.lookAhead(this.list, count, this.tracker);
    this.isWarm = 1;
    this.db = db;
    this.epoch = database.dict.epoch();
    this.generation = keyspace.generation;
  }

  /** Which command a request calls, and for whom: CALL_*, without what it says of tracking. */
  callOf(i: number): number {
    return this.words[this.heads[i]!]! & CALL_MASK;
  }

  /** Its place in the window of its connection. */
  placeOf(i: number): number {
    return this.firstPlace + ((this.words[this.heads[i]!]! >>> PLACE_SHIFT) & PLACE_MASK);
  }

  /** Points the frame at its arguments, which lie in the ring. */
  present(frame: ArgFrame, i: number): void {
    const words = this.words;
    const head = this.heads[i]!;
    const argc = words[head]! >>> ARGUMENTS_SHIFT;
    const at = this.at;
    const bytes = this.bytes;
    for (let k = 0; k < argc; k++) {
      const word = words[head + 1 + k]!;
      at[k] = this.headAt + (word >>> 16);
      bytes[k] = word & 0xffff;
    }
    if (this.isWarm === 0) {
      frame.bindFound(at, bytes, argc, 0, 0, 0, 0, 0);
      frame.warmed = 0;
      return;
    }
    const i32 = this.memory.i32;
    const row = (this.list >>> 2) + (i << ROW_SHIFT);
    frame.bindFound(
      at, bytes, argc, i32[row + 2]!, i32[row + 3]!, this.epoch, this.generation, this.db,
    );
  }
}
