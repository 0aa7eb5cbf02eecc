/**
 * Says which worker runs a command, from the places of its keys: the owner of their slots. Commands
 * without keys, and those whose arguments do not fit their key specification (they answer an error
 * anyhow), run where they came in.
 * Cost: one CRC of the key for commands whose only key is their first argument; others search.
 */
import { assert } from '../assert.ts';
import { echoText } from '../errors/reply-error.ts';
import { CRC_TABLES, slotOfKey } from '../bytes/crc16.hot.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { findKeys, indexNameBytes } from '../command/key-spec.ts';
import type { CommandRegistry } from '../command/registry.ts';
import type { Command } from '../command/spec.ts';
import { KEY_BYTES_MAX } from '../limits.ts';
import { reachOf } from '../transaction/across-shards.ts';
import { hasPattern } from '../transaction/plan.ts';
import type { Shard } from './shard.ts';
import { slotOwners } from './slot-map.ts';

/** Answers of `ownerOf` that are no worker. */
export const ROUTE_HERE = -1;
export const ROUTE_SEVERAL = -2;

const KEYLESS = 0;
const FIRST_ARGUMENT = 1;
const SEARCHED = 2;
const MAYBE_UNKNOWN = 3;
/** As FIRST_ARGUMENT, of something that is no key. */
const FIRST_IS_NO_KEY = 4;
/** The first argument names an index, whose name is the key. */
const FIRST_NAMES_INDEX = 5;

export class Router {
  /** The worker it routes for. */
  readonly me: number;
  readonly workerCount: number;
  readonly owners: Uint8Array;
  /** Byte offset of the tables in low memory with which the kernel finds slots (slotBatch). */
  readonly slotTables: number;
  readonly #shard: Shard;
  readonly #kinds: Uint8Array;
  /** Argument indices of the keys of the command that was searched last. */
  readonly keys: number[] = [];

  constructor(shard: Shard, registry: CommandRegistry, me: number, workerCount: number) {
    this.me = me;
    this.workerCount = workerCount;
    this.owners = slotOwners(workerCount);
    this.#shard = shard;
    const { low, lowAllocator } = shard.memory;
    this.slotTables = lowAllocator.alloc(CRC_TABLES.byteLength) * 8;
    assert(this.slotTables !== 0, 'low memory holds the tables of slots');
    for (const [i, entry] of CRC_TABLES.entries()) {
      low[this.slotTables + i * 2] = entry & 0xff;
      low[this.slotTables + i * 2 + 1] = entry >>> 8;
    }
    this.#kinds = Uint8Array.from(registry.commands, kindOf);
  }

  /** The worker that owns all keys of the command, ROUTE_HERE without keys, or ROUTE_SEVERAL. */
  ownerOf(command: Command, frame: ArgFrame): number {
    const kind = this.#kinds[command.index];
    if (kind === FIRST_ARGUMENT || kind === FIRST_IS_NO_KEY) {
      return frame.count < 2 ? ROUTE_HERE : this.#ownerOfKey(frame, 1);
    }
    if (kind === KEYLESS) return ROUTE_HERE;
    if (kind === FIRST_NAMES_INDEX) {
      return frame.count < 2 ? ROUTE_HERE : this.#ownerOfIndex(frame);
    }
    if (kind === MAYBE_UNKNOWN && hasPattern(frame, (i) => argumentText(frame, i))) {
      return ROUTE_SEVERAL;
    }
    return this.#search(command, frame);
  }

  /** True for commands whose only key is their first argument, by index. */
  hasKeyFirst(commandIndex: number): boolean {
    return this.#kinds[commandIndex] === FIRST_ARGUMENT;
  }

  /** Owner of a key of `bytes` bytes in low memory. */
  ownerOfFlatKey(at: number, bytes: number): number {
    return this.owners[slotOfKey(this.#shard.memory.low, at, bytes)] ?? ROUTE_HERE;
  }

  /** Slot of the key in argument i. */
  slotOf(frame: ArgFrame, i: number): number {
    const at = frame.at[i] ?? 0;
    const bytes = frame.bytes[i] ?? 0;
    if (at < 0) return this.#slotOfBig(frame.ropeOf(i), bytes);
    return slotOfKey(frame.memory.low, at, bytes);
  }

  #ownerOfKey(frame: ArgFrame, i: number): number {
    // The executor answers an error for longer keys, wherever it is.
    if (frame.isBig(i) && (frame.bytes[i] ?? 0) > KEY_BYTES_MAX) return ROUTE_HERE;
    return this.owners[this.slotOf(frame, i)] ?? ROUTE_HERE;
  }

  #ownerOfIndex(frame: ArgFrame): number {
    const { low } = frame.memory;
    const at = frame.at[1] ?? 0;
    if (at < 0) return this.#ownerOfKey(frame, 1);
    return this.ownerOfFlatKey(at, indexNameBytes(low, at, frame.bytes[1] ?? 0));
  }

  #search(command: Command, frame: ArgFrame): number {
    const { keys } = this;
    const text = (i: number): string => argumentText(frame, i);
    findKeys(command.definition.keys, frame.count, text, keys);
    let owner = ROUTE_HERE;
    for (const key of keys) {
      const next = this.#ownerOfKey(frame, key);
      if (next === ROUTE_HERE) return ROUTE_HERE;
      if (owner !== ROUTE_HERE && owner !== next) return ROUTE_SEVERAL;
      owner = next;
    }
    return owner;
  }

  /** Keys of 64 KiB and more are ropes: made contiguous for a moment. */
  #slotOfBig(root: number, bytes: number): number {
    const { memory, ropes } = this.#shard;
    const ref = memory.lowAllocator.alloc(bytes);
    if (ref === 0) return 0; // Its owner has no memory for it either: any shard says so.
    ropes.read(root, 0, ref * 8, bytes);
    const slot = slotOfKey(memory.low, ref * 8, bytes);
    memory.lowAllocator.free(ref);
    return slot;
  }
}

function kindOf(command: Command): number {
  if (reachOf(command).mayReadUnknownKeys) return MAYBE_UNKNOWN;
  const { keys, route } = command.definition;
  const [first, second] = route ?? keys;
  if (first === undefined || first.extra?.includes('not_key') === true) return KEYLESS;
  if (first.namesIndex === true) return FIRST_NAMES_INDEX;
  const isFirst = first.begin.kind === 'index' && first.begin.index === 1;
  const isOne = first.find.kind === 'range' && first.find.last === 0;
  const isOnly = second === undefined && first.locate === undefined;
  if (!isFirst || !isOne || !isOnly) return SEARCHED;
  return route === undefined ? FIRST_ARGUMENT : FIRST_IS_NO_KEY;
}

/** A short argument as text, for counts and keywords among key specifications. */
function argumentText(frame: ArgFrame, i: number): string {
  const at = frame.at[i] ?? -1;
  return at < 0 ? '' : echoText(frame.memory.low, at, frame.bytes[i] ?? 0);
}
