/**
 * From a command and its arguments to what a coordinator needs: which shards, which locks of each,
 * and how the command runs over them. Several commands may be added before the locks are read:
 * that is the plan of an EXEC. A worker has one planner and uses it again and again.
 * What is planned has parsed without error: a part then has as many arguments as its entry wants.
 * Keys of 64 KiB and more are ropes: whoever makes a planner says how their slots are found.
 * A slot is locked once, exclusively when any of its keys is changed. Whole shards are locked where
 * every database is touched, where the keys cannot be known before (SORT BY), and in place of more
 * than INTENT_LOCK_COUNT_MAX slots.
 * Cost: O(bytes of keys) an `add`, O(locks log locks) a `finish`; few objects a plan.
 */
import { assert } from '../assert.ts';
import { slotOfKey, SLOT_COUNT } from '../bytes/crc16.hot.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { argumentText } from '../command/argument-text.ts';
import { findKeys, indexNameBytes } from '../command/key-spec.ts';
import type { Command } from '../command/spec.ts';
import { INTENT_LOCK_COUNT_MAX } from '../limits.ts';
import type { CommandReach, ReachSpec } from './across-shards.ts';
import { AcrossShards, reachOf } from './across-shards.ts';
import { WholeLock } from './slot-locks.ts';
import type { SlotTaker } from './slot-set.ts';
import { SlotSet } from './slot-set.ts';

/** What the keys of the command added last are, by position among them. */
export interface PlannedKeys {
  readonly count: number;
  /** Argument index of each key. */
  readonly at: Int32Array;
  /** Owner of each key. */
  readonly shard: Uint8Array;
}

export interface PlannerOptions {
  /** Owner of every slot. */
  readonly slotOwner: Uint8Array;
  readonly workerCount: number;
  /** The origin: preferred where the choice is free. */
  readonly self: number;
  /** Slot of the key in argument i; absent: keys are flat. */
  readonly slotOf?: (frame: ArgFrame, i: number) => number;
}

const FIRST_KEYS = 64;
/** Columns longer than this are given back when the next plan starts. */
const KEPT_KEYS_MAX = 65_536;

export class Planner implements SlotTaker {
  /** All commands: mask of the shards that are needed. */
  shards: number;
  /** All commands: locks over all shards; the whole of a shard counts as one. After `finish`. */
  lockCount: number;
  /** The command added last: what its entry says. */
  reach: CommandReach | null;
  /** The command added last: mask of the shards that have its keys; 0 = it has none. */
  commandShards: number;
  /** The command added last: the shard that runs it when it is gathered or a move; else -1. */
  leader: number;
  /** The command added last: it reads keys that are known only while it runs. */
  hasUnknownKeys: boolean;
  readonly #slotOwner: Uint8Array;
  readonly #slotOf: (frame: ArgFrame, i: number) => number;
  readonly #workerCount: number;
  readonly #self: number;
  readonly #reaches: (CommandReach | undefined)[];
  readonly #found: number[];
  readonly #read: (index: number) => string;
  #frame: ArgFrame | null;
  #keyCount: number;
  #keyAt: Int32Array;
  #keyShard: Uint8Array;
  /** Of all shards. */
  readonly #slots: SlotSet;
  /** After `finish`: by shard. */
  readonly #locks: Uint16Array;
  readonly #starts: Int32Array;
  readonly #whole: Uint8Array;

  constructor(options: PlannerOptions) {
    assert(options.slotOwner.length === SLOT_COUNT, 'every slot has an owner');
    this.shards = 0;
    this.lockCount = 0;
    this.reach = null;
    this.commandShards = 0;
    this.leader = -1;
    this.hasUnknownKeys = false;
    this.#slotOwner = options.slotOwner;
    this.#slotOf = options.slotOf ?? slotOfFlatKey;
    this.#workerCount = options.workerCount;
    this.#self = options.self;
    this.#reaches = [];
    this.#found = [];
    this.#frame = null;
    this.#read = (index) => (this.#frame === null ? '' : argumentText(this.#frame, index));
    this.#keyCount = 0;
    this.#keyAt = new Int32Array(FIRST_KEYS);
    this.#keyShard = new Uint8Array(FIRST_KEYS);
    this.#slots = new SlotSet(SLOT_COUNT);
    this.#locks = new Uint16Array(SLOT_COUNT);
    this.#starts = new Int32Array(options.workerCount + 1);
    this.#whole = new Uint8Array(options.workerCount);
  }

  /** What is known of a command of the registry; derived once. */
  reachOf(command: Command): CommandReach {
    const known = this.#reaches[command.index];
    if (known !== undefined) return known;
    const reach = reachOf(command);
    if (command.index >= 0) {
      while (this.#reaches.length <= command.index) this.#reaches.push(undefined);
      this.#reaches[command.index] = reach;
    }
    return reach;
  }

  /** Begins an empty plan. */
  start(): void {
    this.#slots.clear();
    this.#whole.fill(WholeLock.None);
    this.shards = 0;
    this.lockCount = 0;
    this.#keyCount = 0;
    if (this.#keyAt.length > KEPT_KEYS_MAX) {
      this.#keyAt = new Int32Array(FIRST_KEYS);
      this.#keyShard = new Uint8Array(FIRST_KEYS);
    }
  }

  /**
   * Adds a command with its arguments in `frame`.
   * @returns false when the arguments do not fit the key specifications: any shard may run it, and
   *   it answers its own error; the plan has not changed
   */
  add(command: Command, frame: ArgFrame): boolean {
    const reach = this.reachOf(command);
    this.reach = reach;
    this.commandShards = 0;
    this.leader = -1;
    this.hasUnknownKeys = false;
    this.#keyCount = 0;
    this.#frame = frame;
    const fits = this.#addKeys(reach, frame);
    if (fits) {
      this.#addWhole(reach, frame);
      this.shards |= this.commandShards;
    }
    this.#frame = null;
    return fits;
  }

  /** Adds a lock that is no command's: its shard need not run anything. */
  addSlot(slot: number, isWrite: boolean): boolean {
    return this.#slots.addSlot(slot, isWrite);
  }

  /** Adds every shard, with a lock on the whole of each; `whole` is one of WholeLock. */
  addEverywhere(whole: number): void {
    this.addShards(2 ** this.#workerCount - 1, whole);
  }

  /** Adds the shards of a mask, with a lock on the whole of each. */
  addShards(shards: number, whole: number): void {
    for (let shard = 0; shard < this.#workerCount; shard++) {
      if ((shards & (1 << shard)) === 0) continue;
      this.#whole[shard] = Math.max(this.#whole[shard] ?? 0, whole);
    }
    this.commandShards = shards;
    this.shards |= shards;
  }

  /** Keys of the command added last. Borrowed: until the next `add` or `start`. */
  keys(): PlannedKeys {
    return { count: this.#keyCount, at: this.#keyAt, shard: this.#keyShard };
  }

  /** Sorts the locks; call once after the last `add`, before the questions below. */
  finish(): void {
    const { shards } = this;
    const workerCount = this.#workerCount;
    const slots = this.#slots;
    slots.sort();
    const starts = this.#starts.fill(0);
    for (let i = 0; i < slots.count; i++) {
      const next = (this.#slotOwner[slots.slotAt(i)] ?? 0) + 1;
      starts[next] = (starts[next] ?? 0) + 1;
    }
    for (let shard = 0; shard < workerCount; shard++) {
      starts[shard + 1] = (starts[shard + 1] ?? 0) + (starts[shard] ?? 0);
    }
    const ends = starts.slice(0, workerCount);
    for (let i = 0; i < slots.count; i++) {
      const shard = this.#slotOwner[slots.slotAt(i)] ?? 0;
      const at = ends[shard] ?? 0;
      this.#locks[at] = slots.lockAt(i);
      ends[shard] = at + 1;
    }
    this.lockCount = 0;
    for (let shard = 0; shard < workerCount; shard++) {
      this.#settleWhole(shard);
      if ((shards & (1 << shard)) !== 0) {
        this.lockCount += this.wholeOf(shard) === WholeLock.None ? this.#slotsOf(shard) : 1;
      }
    }
  }

  /** One of WholeLock: what the plan wants of a whole shard. When it is not None, no slots. */
  wholeOf(shard: number): number {
    return this.#whole[shard] ?? WholeLock.None;
  }

  /** Slots the plan locks of a shard. */
  lockCountOf(shard: number): number {
    return this.wholeOf(shard) === WholeLock.None ? this.#slotsOf(shard) : 0;
  }

  /** Copies the locks of a shard, ascending, to `into` from index `at` on; their number. */
  copyLocks(shard: number, into: Uint16Array, at: number): number {
    const lockCount = this.lockCountOf(shard);
    const start = this.#starts[shard] ?? 0;
    for (let i = 0; i < lockCount; i++) into[at + i] = this.#locks[start + i] ?? 0;
    return lockCount;
  }

  #slotsOf(shard: number): number {
    return (this.#starts[shard + 1] ?? 0) - (this.#starts[shard] ?? 0);
  }

  #addKeys(reach: CommandReach, frame: ArgFrame): boolean {
    const [only] = reach.specs;
    if (reach.keyAt > 0 && only?.spec.usage === undefined && reach.specs.length === 1) {
      if (reach.keyAt >= frame.count) return false;
      const bytes = frame.bytes[reach.keyAt] ?? 0;
      if (only?.spec.namesIndex === true) {
        const at = frame.at[reach.keyAt] ?? 0;
        frame.bytes[reach.keyAt] = indexNameBytes(frame.memory.low, at, bytes);
      }
      this.#addKey(frame, reach.keyAt, only?.isWrite === true);
      frame.bytes[reach.keyAt] = bytes;
      return true;
    }
    // All are found before the first is locked: a command that does not fit leaves no trace.
    for (const { list } of reach.specs) {
      if (findKeys(list, frame.count, this.#read, this.#found) < 0) return false;
    }
    let leads = 0;
    for (const reachSpec of reach.specs) {
      findKeys(reachSpec.list, frame.count, this.#read, this.#found);
      const isWrite = this.#isWrite(reachSpec, frame);
      for (const index of this.#found) this.#addKey(frame, index, isWrite);
      if (reachSpec.leads > leads && this.#found.length > 0) {
        leads = reachSpec.leads;
        this.leader = this.#keyShard[this.#keyCount - this.#found.length] ?? 0;
      }
    }
    if (reach.kind !== AcrossShards.Gather && reach.kind !== AcrossShards.Move) this.leader = -1;
    else if (leads === 0) this.leader = this.#busiest();
    return true;
  }

  #isWrite(reachSpec: ReachSpec, frame: ArgFrame): boolean {
    const { usage } = reachSpec.spec;
    if (!reachSpec.isWrite || usage === undefined) return reachSpec.isWrite;
    return usage(frame.count, this.#read).access !== 'RO';
  }

  #addKey(frame: ArgFrame, index: number, isWrite: boolean): void {
    const slot = this.#slotOf(frame, index);
    const shard = this.#slotOwner[slot] ?? 0;
    if (this.#keyCount === this.#keyAt.length) {
      const wider = new Int32Array(this.#keyAt.length * 2);
      wider.set(this.#keyAt);
      this.#keyAt = wider;
      const shards = new Uint8Array(wider.length);
      shards.set(this.#keyShard);
      this.#keyShard = shards;
    }
    this.#keyAt[this.#keyCount] = index;
    this.#keyShard[this.#keyCount] = shard;
    this.#keyCount++;
    this.commandShards |= 1 << shard;
    this.#slots.addSlot(slot, isWrite);
  }

  /** Whole shards, for commands about databases and for keys nobody can name. */
  #addWhole(reach: CommandReach, frame: ArgFrame): void {
    this.hasUnknownKeys = reach.mayReadUnknownKeys && hasPattern(frame, this.#read);
    const isEverywhere = reach.kind === AcrossShards.Everywhere;
    if (!isEverywhere && reach.kind !== AcrossShards.Scatter && !this.hasUnknownKeys) return;
    const whole = isEverywhere ? WholeLock.Exclusive : WholeLock.Shared;
    for (let shard = 0; shard < this.#workerCount; shard++) {
      this.#whole[shard] = Math.max(this.#whole[shard] ?? 0, whole);
    }
    this.commandShards = 2 ** this.#workerCount - 1;
  }

  /** A shard is locked by its slots or as a whole: whole where that was asked, or with too many. */
  #settleWhole(shard: number): void {
    const lockCount = this.#slotsOf(shard);
    const whole = this.#whole[shard] ?? WholeLock.None;
    if (whole === WholeLock.Exclusive) return;
    if (whole === WholeLock.None && lockCount <= INTENT_LOCK_COUNT_MAX) return;
    const start = this.#starts[shard] ?? 0;
    let writes = 0;
    for (let i = start; i < start + lockCount; i++) writes |= (this.#locks[i] ?? 0) & 1;
    this.#whole[shard] = writes === 1 ? WholeLock.Exclusive : WholeLock.Shared;
  }

  /** The shard with most of the keys; of equals the origin's, else the lowest. */
  #busiest(): number {
    let best = -1;
    let most = 0;
    for (let shard = 0; shard < this.#workerCount; shard++) {
      let keys = 0;
      for (let i = 0; i < this.#keyCount; i++) if (this.#keyShard[i] === shard) keys++;
      if (keys > most || (keys === most && keys > 0 && shard === this.#self)) {
        best = shard;
        most = keys;
      }
    }
    return best;
  }
}

function slotOfFlatKey(frame: ArgFrame, i: number): number {
  assert(!frame.isBig(i), 'keys are flat before they are planned');
  return slotOfKey(frame.memory.low, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
}

/** True when SORT is given patterns that make keys of elements: nobody knows whose they are. */
export function hasPattern(frame: ArgFrame, read: (index: number) => string): boolean {
  for (let i = 2; i + 1 < frame.count; i++) {
    const word = read(i).toUpperCase();
    if (word === 'LIMIT') i += 2;
    else if (word === 'STORE') i++;
    else if (word === 'BY' || word === 'GET') {
      i++;
      if (read(i).includes('*')) return true;
    }
  }
  return false;
}
