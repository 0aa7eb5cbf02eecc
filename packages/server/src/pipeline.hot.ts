/**
 * Requests found ahead: of the bytes at hand up to AHEAD_COUNT_MAX are parsed into columns and
 * their keys looked up together, so that cache misses overlap (86 ns a key at 1 M keys, not 406).
 * Then they run in order; what was found is a hint, so a wrong guess costs time, never an answer.
 *
 *   place        0    1    2        count - 1                     a row of the list, 4 words:
 *   commands     SET  GET  GET      ..                            key at | bytes | hash | slot
 *   at, bytes    tables of ARGUMENTS_MAX words a place            (Kernel.findBatch)
 *   starts       where each begins; starts[count] = where the last one ends
 *   owners       the worker that owns the key, -1 = not asked; rows are of keys that are here
 * Invariants: only commands with a key as their first argument are found ahead, since those change
 *   neither their session nor the limits of its parser; all others end the look-ahead, and so do
 *   big arguments, inline requests (they are unescaped in place) and a request that is not whole.
 *   So giving back what did not run is parser.begin at its start, and the same bytes parse again.
 * Cost: 15 ns a request for the copy of its table and its row; a GET at P=16 takes 0.7 of what it
 * takes without (100 k keys, Node 20, Xeon 2.5 GHz, 2026-11-20). Owner: the worker's thread.
 */
import type {
  ArgFrame, Command, CommandRegistry, Router, Shard, WorkerMemory,
} from '@kora/core';
import { assert, Flag, slotOwner } from '@kora/core';
import type { RequestParser } from '@kora/protocol';
import { PARSE_REQUEST } from '@kora/protocol';
import { BURST_COUNT_MAX, burstBytes } from './mesh/burst-message.hot.ts';
import { isInOrder } from './mesh/request-message.ts';

/** Most requests found ahead. */
export const AHEAD_COUNT_MAX = 16;
/** A request of more arguments runs straight from the parser. */
const ARGUMENTS_MAX = 16;
/** The same for commands of many keys, which look them up together by themselves. */
const ARGUMENTS_OF_MANY_KEYS_MAX = 3;
/** From so many on keys are looked up together. */
const WARM_COUNT_MIN = 2;
/** Workers of a process: a bit of a word each. */
const SHARD_COUNT_MAX = 32;
/** Kinds of commands: its first argument is its only key; it waits for nothing; it writes. */
const ROUTED = 1;
const SHARED = 2;
const WRITES = 4;
const WRITES_SHIFT = 2;
const RECORD_BYTES = 16;
const RECORD_SHIFT = 2;
const STAR = 0x2a;
const DIGIT_ONE = 0x31;
const DIGIT_NINE = 0x39;

export class Pipeline {
  readonly countMax: number;
  /** Requests found; each is to run before the one in the parser. */
  count: number;
  /** 1: the parser holds a whole request that is none of them. */
  hasLast: number;
  /** Its command when that is known already. */
  lastCommand: Command | undefined;
  readonly commands: Command[] = [];
  readonly at: Int32Array[] = [];
  readonly bytes: Int32Array[] = [];
  readonly argc: Int32Array;
  readonly starts: Int32Array;
  readonly owners: Int32Array;
  /**
   * Where all are not here: 1 when all found may go together (mesh/bursts.ts), those other shards
   * that they go to and the places that keep their order, a bit each; places that run here.
   */
  mayShare: number;
  shards: number;
  writes: number;
  ownCount: number;
  /** By shard: how many places, bytes of their message, and the places, BURST_COUNT_MAX a shard. */
  readonly countOf: Int32Array;
  readonly bytesOf: Int32Array;
  readonly places: Int32Array;
  /** Bytes of each from its first argument to the end of its last. */
  readonly spans: Int32Array;
  /** By command: ROUTED | SHARED | WRITES; and by place, SHARED only with as many arguments. */
  private readonly kinds: Uint8Array;
  private readonly placeKinds: Uint8Array;
  /** Rows in the list, of places whose keys are here: those that `warm` looks up. */
  private rowCount: number;
  /** Row of each place, -1 = none; without a router that of the same number. */
  private readonly rows: Int32Array;
  private readonly router: Router | null;
  private readonly memory: WorkerMemory;
  private readonly shard: Shard;
  private readonly registry: CommandRegistry;
  /** Most arguments with which a command may be found ahead, by index; 0 = never. */
  private readonly argumentsMax: Uint8Array;
  /** Byte offset of the rows. */
  private readonly list: number;
  private isWarm: number;
  private db: number;
  private epoch: number;
  private generation: number;

  /**
   * @param countMax 1 … AHEAD_COUNT_MAX; 1 = nothing is found ahead
   * @param router says whose keys are whose; null where all are here
   */
  constructor(
    shard: Shard, registry: CommandRegistry, countMax: number, router: Router | null = null,
  ) {
    this.router = router;
    this.owners = new Int32Array(AHEAD_COUNT_MAX).fill(-1);
    this.rows = new Int32Array(AHEAD_COUNT_MAX);
    for (let i = 0; i < AHEAD_COUNT_MAX; i++) this.rows[i] = i;
    this.rowCount = 0;
    this.mayShare = 0;
    this.shards = 0;
    this.writes = 0;
    this.ownCount = 0;
    this.countOf = new Int32Array(SHARD_COUNT_MAX);
    this.bytesOf = new Int32Array(SHARD_COUNT_MAX);
    this.places = new Int32Array(SHARD_COUNT_MAX * BURST_COUNT_MAX);
    this.kinds = new Uint8Array(registry.commands.length);
    this.placeKinds = new Uint8Array(AHEAD_COUNT_MAX);
    this.spans = new Int32Array(AHEAD_COUNT_MAX);
    this.countMax = countMax < AHEAD_COUNT_MAX ? countMax : AHEAD_COUNT_MAX;
    this.count = 0;
    this.hasLast = 0;
    this.lastCommand = undefined;
    this.argc = new Int32Array(AHEAD_COUNT_MAX);
    this.starts = new Int32Array(AHEAD_COUNT_MAX + 1);
    this.memory = shard.memory;
    this.shard = shard;
    this.registry = registry;
    this.argumentsMax = new Uint8Array(registry.commands.length);
    this.list = shard.memory.lowAllocator.alloc(AHEAD_COUNT_MAX * RECORD_BYTES) * 8;
    assert(this.list !== 0, 'low memory holds the rows of a pipeline');
    this.isWarm = 0;
    this.db = 0;
    this.epoch = 0;
    this.generation = 0;
    for (let i = 0; i < AHEAD_COUNT_MAX; i++) {
      this.commands.push(registry.commands[0]!);
      this.at.push(new Int32Array(ARGUMENTS_MAX));
      this.bytes.push(new Int32Array(ARGUMENTS_MAX));
    }
    for (let i = 0; i < this.argumentsMax.length; i++) {
      this.argumentsMax[i] = argumentsMaxOf(registry.commands[i]!);
      const isRouted = router !== null && router.hasKeyFirst(i);
      this.kinds[i] = (isRouted ? ROUTED : 0) | (isShared(registry.commands[i]!) ? SHARED : 0) |
        (isInOrder(registry.commands[i]!) ? WRITES : 0);
    }
  }

  /** True when behind the parser's request another one seems to lie that may be found ahead. */
  seesMore(low: Uint8Array, position: number, end: number): boolean {
    if (position + 1 >= end || low[position] !== STAR) return false;
    // `*0` and `*-1` are skipped, and an inline request may follow them.
    const digit = low[position + 1]!;
    return digit >= DIGIT_ONE && digit <= DIGIT_NINE;
  }

  /**
   * Takes the request in the parser and those behind it, up to `end`, and looks their keys up.
   * @param parser holds a whole request of an authenticated session
   * @param db the session's database
   */
  find(parser: RequestParser, low: Uint8Array, end: number, db: number): void {
    let count = 0;
    this.hasLast = 0;
    this.lastCommand = undefined;
    this.starts[0] = parser.frameStart;
    const isInline = low[parser.frameStart] !== STAR;
    for (;;) {
      if (isInline || !this.take(parser, low, count)) {
        this.hasLast = 1;
        break;
      }
      count++;
      this.starts[count] = parser.position;
      if (count === this.countMax || !this.seesMore(low, parser.position, end)) break;
      // Whatever else it says, it says again when it is asked to go on.
      if (parser.parse(low, end) !== PARSE_REQUEST) break;
    }
    this.count = count;
    this.isWarm = 0;
    if (this.router !== null) this.route(this.router);
    if (count >= WARM_COUNT_MIN) this.warm(db);
  }

  /**
   * Finds out whose the keys of all places are; the rows of those that are here move together.
   * Nobody foretells whose the next key is, so what depends on it is computed, not branched on.
   */
  private route(router: Router): void {
    const count = this.count;
    const i32 = this.memory.i32;
    const first = this.list >>> 2;
    const me = router.me;
    const workerCount = router.workerCount;
    const kinds = this.placeKinds;
    const countOf = this.countOf;
    const bytesOf = this.bytesOf;
    this.memory.kernel.slotBatch(this.list, count, router.slotTables);
    for (let worker = 0; worker < workerCount; worker++) {
      countOf[worker] = 0;
      bytesOf[worker] = 0;
    }
    let allKinds = ROUTED | SHARED;
    let writes = 0;
    let to = 0;
    for (let i = 0; i < count; i++) {
      const kind = kinds[i]!;
      const row = first + (i << RECORD_SHIFT);
      const toRow = first + (to << RECORD_SHIFT);
      let isHere = 1;
      allKinds &= kind;
      writes |= ((kind & WRITES) >>> WRITES_SHIFT) << i;
      if ((kind & ROUTED) === 0) {
        this.owners[i] = -1;
      } else {
        const owner = slotOwner(i32[row + 2]!, workerCount);
        const k = countOf[owner]!;
        this.owners[i] = owner;
        this.places[owner * BURST_COUNT_MAX + k] = i;
        countOf[owner] = k + 1;
        bytesOf[owner] = bytesOf[owner]! + burstBytes(this.argc[i]!, this.spans[i]!);
        isHere = ((owner ^ me) - 1) >>> 31;
      }
      // Of a key that is elsewhere the row is written over by the next, or lies behind all.
      i32[toRow] = i32[row]!;
      i32[toRow + 1] = i32[row + 1]!;
      this.rows[i] = to | (isHere - 1);
      to += isHere;
    }
    let shards = 0;
    for (let worker = 0; worker < workerCount; worker++) {
      if (countOf[worker] !== 0) shards |= 1 << worker;
    }
    this.rowCount = to;
    this.mayShare = allKinds === (ROUTED | SHARED) ? 1 : 0;
    this.shards = shards & ~(1 << me);
    this.ownCount = countOf[me]!;
    this.writes = writes;
  }

  /** Copies the parser's request to place `count`; false when it has to run from the parser. */
  private take(parser: RequestParser, low: Uint8Array, count: number): boolean {
    const argc = parser.argc;
    const fromAt = parser.argAt;
    const fromBytes = parser.argBytes;
    this.lastCommand = undefined;
    if (fromAt[0]! < 0) return false;
    const command = this.registry.find(low, fromAt[0]!, fromBytes[0]!);
    if (command === undefined || command.subcommands.size !== 0) return false;
    this.lastCommand = command;
    if (argc > this.argumentsMax[command.index]! || argc < 2) return false;
    const toAt = this.at[count]!;
    const toBytes = this.bytes[count]!;
    for (let i = 0; i < argc; i++) {
      const at = fromAt[i]!;
      if (at < 0) return false;
      toAt[i] = at;
      toBytes[i] = fromBytes[i]!;
    }
    this.commands[count] = command;
    this.argc[count] = argc;
    const row = (this.list >>> 2) + (count << RECORD_SHIFT);
    const i32 = this.memory.i32;
    i32[row] = fromAt[1]!;
    i32[row + 1] = fromBytes[1]!;
    const arity = command.arity;
    const kind = this.kinds[command.index]!;
    const fits = arity >= 0 ? argc === arity : argc >= -arity;
    this.placeKinds[count] = fits ? kind : kind & ~SHARED;
    const last = argc - 1;
    this.spans[count] = fromAt[last]! + fromBytes[last]! - fromAt[0]!;
    return true;
  }

  /** Looks the keys of all places up in the database. */
  private warm(db: number): void {
    const keyspace = this.shard.keyspace;
    const database = keyspace.databases[db]!;
    const rowCount = this.router === null ? this.count : this.rowCount;
    if (database.dict.header === 0 || rowCount === 0) return;
    keyspace.findMany(database, this.list, rowCount);
    this.isWarm = 1;
    this.rowCount = rowCount;
    this.db = db;
    this.epoch = database.dict.epoch();
    this.generation = keyspace.generation;
  }

  /** Looks up which of the keys the session has read before: it tracks what it reads. */
  findTracked(reader: number): void {
    this.shard.tracking.table.lookAhead(this.list, this.isWarm === 0 ? 0 : this.rowCount, reader);
  }

  /** Points the frame at the request in this place. */
  present(frame: ArgFrame, place: number): void {
    const found = this.isWarm === 0 ? -1 : this.rows[place]!;
    if (found < 0) {
      frame.bindFound(this.at[place]!, this.bytes[place]!, this.argc[place]!, 0, 0, 0, 0, 0);
      frame.warmed = 0;
      return;
    }
    const i32 = this.memory.i32;
    const row = (this.list >>> 2) + (found << RECORD_SHIFT);
    frame.bindFound(
      this.at[place]!, this.bytes[place]!, this.argc[place]!, i32[row + 2]!, i32[row + 3]!,
      this.epoch, this.generation, this.db,
    );
  }
}

/** Most arguments with which the command may be found ahead: 0 unless its first one is a key. */
function argumentsMaxOf(command: Command): number {
  const spec = command.definition.keys[0];
  if (spec === undefined || spec.begin.kind !== 'index' || spec.begin.index !== 1) return 0;
  if (spec.extra !== undefined && spec.extra.includes('not_key')) return 0;
  const isOneKey = spec.find.kind === 'range' && spec.find.last === 0;
  return isOneKey ? ARGUMENTS_MAX : ARGUMENTS_OF_MANY_KEYS_MAX;
}

/** True when the command may go with others: it waits for nothing, and no other worker for it. */
function isShared(command: Command): boolean {
  return (command.flags & (Flag.Blocking | Flag.PubSub)) === 0 && command.waiting === null;
}
