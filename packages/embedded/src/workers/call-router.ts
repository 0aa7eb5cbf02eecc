/**
 * Says for the program's thread which worker a call goes to, by the same rule as the workers' own
 * router: the owner of the slot of its keys. A call whose keys cannot be told from fixed places in
 * its arguments, whose keys have several owners, or that is about the connection or the process
 * goes HOME, to the worker that the connection calls its own, which passes it on and coordinates.
 * A wrong guess would cost a hop, never an answer.
 * Cost: one look into a Map by the name as given, and the CRC of the keys.
 */
import {
  CommandRegistry, coreCommands, DATABASE_COUNT, KEY_BYTES_MAX, slotOfKey, slotOwners,
} from '@kora/core';
import type { Command } from '@kora/core';
import { SHORT_TEXT_CHARACTERS_MAX, writeAscii } from '../short-bytes.hot.ts';
import type { Content } from './request-writer.ts';

/** The connection's own worker. */
export const HOME = -1;

/** What a call means to its connection, beside its reply. */
export const Meaning = Object.freeze({
  Plain: 0, Select: 1, Multi: 2, Exec: 3, Discard: 4, Subscribe: 5,
} as const);

/** What is known of a call by its name. */
export interface CallPlan {
  /** One of Meaning. */
  readonly meaning: number;
  /** Argument indices of its keys: the first, and the last counted from the end when negative. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
}

/** Names as given, in any case, that are remembered. */
const PLANS_MAX = 4096;
/** Text that is made bytes to find its slot, at most; longer keys take a buffer of their own. */
const SCRATCH_BYTES = 4096;
const UTF8_BYTES_PER_UNIT_MAX = 3;

const meanings: ReadonlyMap<string, number> = new Map([
  ['select', Meaning.Select], ['multi', Meaning.Multi], ['exec', Meaning.Exec],
  ['discard', Meaning.Discard], ['subscribe', Meaning.Subscribe],
  ['psubscribe', Meaning.Subscribe], ['ssubscribe', Meaning.Subscribe],
  ['unsubscribe', Meaning.Subscribe], ['punsubscribe', Meaning.Subscribe],
  ['sunsubscribe', Meaning.Subscribe],
]);
/** Their keys are of no one worker: they belong to the connection. */
const homeward: ReadonlySet<string> = new Set(['watch']);
/** Without keys in fixed places. */
const NO_KEYS = { firstKey: 0, lastKey: 0, keyStep: 1 } as const;

export class CallRouter {
  readonly #owners: Uint8Array;
  readonly #workerCount: number;
  readonly #registry = new CommandRegistry();
  readonly #plans = new Map<string, CallPlan>();
  readonly #scratch = Buffer.alloc(SCRATCH_BYTES);

  constructor(workerCount: number) {
    this.#workerCount = workerCount;
    this.#owners = slotOwners(workerCount);
    this.#registry.add(coreCommands);
  }

  /** What is known of a call by the name that was given. */
  planOf(name: Content): CallPlan {
    const text = typeof name === 'string' ? name : Buffer.from(name).toString('latin1');
    return this.#plans.get(text) ?? this.#remember(text);
  }

  /** The worker that the messages of a channel go through. */
  ownerOfChannel(name: Content): number {
    return this.#workerCount === 1 ? 0 : this.#ownerOfKey(name);
  }

  /** The worker that has all keys of the call; HOME when no single one has. */
  ownerOf(plan: CallPlan, contents: readonly Content[]): number {
    const { firstKey, lastKey, keyStep } = plan;
    if (firstKey === 0) return HOME;
    const last = lastKey < 0 ? contents.length + lastKey : lastKey;
    if (last >= contents.length || last < firstKey) return HOME;
    let owner = HOME;
    for (let i = firstKey; i <= last; i += keyStep) {
      const key = contents[i];
      if (key === undefined || key.length > KEY_BYTES_MAX) return HOME;
      const next = this.#workerCount === 1 ? 0 : this.#ownerOfKey(key);
      if (owner !== HOME && owner !== next) return HOME;
      owner = next;
    }
    return owner;
  }

  #remember(name: string): CallPlan {
    const lower = name.toLowerCase();
    const plan = {
      meaning: meanings.get(lower) ?? Meaning.Plain,
      ...(homeward.has(lower) ? NO_KEYS : keysOf(this.#registry.byName(lower))),
    };
    if (this.#plans.size < PLANS_MAX) this.#plans.set(name, plan);
    return plan;
  }

  #ownerOfKey(key: Content): number {
    return this.#owners[this.#slotOf(key)] ?? HOME;
  }

  #slotOf(key: Content): number {
    if (typeof key !== 'string') return slotOfKey(key, 0, key.length);
    const scratch = this.#scratch;
    const { length } = key;
    if (length <= SHORT_TEXT_CHARACTERS_MAX && writeAscii(scratch, 0, key)) {
      return slotOfKey(scratch, 0, length);
    }
    if (length * UTF8_BYTES_PER_UNIT_MAX <= SCRATCH_BYTES) {
      return slotOfKey(scratch, 0, scratch.write(key, 0, 'utf8'));
    }
    const bytes = Buffer.from(key, 'utf8');
    return slotOfKey(bytes, 0, bytes.length);
  }
}

/** The places of a command's keys; none when they have to be searched. */
function keysOf(command: Command | undefined): Omit<CallPlan, 'meaning'> {
  const [spec, ...others] = command?.definition.keys ?? [];
  if (spec === undefined || others.length > 0 || spec.locate !== undefined) return NO_KEYS;
  if (spec.begin.kind !== 'index' || spec.find.kind !== 'range' || spec.find.limit > 1) {
    return NO_KEYS;
  }
  if (spec.extra?.includes('not_key') === true || spec.namesIndex === true) return NO_KEYS;
  const { last, step } = spec.find;
  const firstKey = spec.begin.index;
  return { firstKey, lastKey: last < 0 ? last : firstKey + last, keyStep: step };
}

/** The database that SELECT with this argument selects; -1 when it will be refused. */
export function databaseOf(content: Content | undefined, databaseCount = DATABASE_COUNT): number {
  if (content === undefined) return -1;
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('latin1');
  if (!/^(0|[1-9]\d?)$/.test(text)) return -1;
  const number = Number(text);
  return number < databaseCount ? number : -1;
}
