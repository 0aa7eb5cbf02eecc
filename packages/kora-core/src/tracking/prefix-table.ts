/**
 * Keys that changed, by the prefixes that somebody wants to hear of (CLIENT TRACKING ... BCAST):
 * they are gathered, and told once in a while in one message, in the order of their bytes. Whoever
 * changed a key last is kept beside it, for clients who do not want to hear of their own changes.
 * Some may have to be told earlier than others: `tellEarly` leaves the keys for those.
 * A prefix is there while it has a subscriber; subscribers are whatever the caller takes for one.
 * Bounds: BROADCAST_KEY_COUNT_MAX keys wait; `isFull` says that they have to be told before more.
 * Cost: a change looks once for every length that a prefix has, whatever the number of prefixes.
 */
import { BROADCAST_KEY_COUNT_MAX } from '../limits.ts';

/** One prefix: who wants it, and the keys that changed since it was told last. */
export interface PrefixState<Subscriber> {
  readonly prefix: string;
  readonly subscribers: Set<Subscriber>;
  /** Who changed a key last, as a reader (tracking-layout.ts); 0 = nobody who could be told. */
  readonly writerOfKey: Map<string, number>;
  /** Of these the ones that changed since `tellEarly`. */
  readonly late: Set<string>;
}

export class PrefixTable<Subscriber> {
  readonly #states = new Map<string, PrefixState<Subscriber>>();
  /** Prefixes of each length that has some. */
  readonly #countOfLength = new Map<number, number>();
  /** Those that have keys to tell. */
  #changed = new Set<PrefixState<Subscriber>>();
  #keyCount = 0;
  /** Keys that `tellEarly` would tell. */
  #lateCount = 0;

  /** Prefixes that somebody wants. */
  get prefixCount(): number {
    return this.#states.size;
  }

  /** Keys wait to be told. */
  get hasKeys(): boolean {
    return this.#keyCount > 0;
  }

  /** As many keys wait as may. */
  get isFull(): boolean {
    return this.#keyCount >= BROADCAST_KEY_COUNT_MAX;
  }

  /** Every prefix and who wants it. */
  states(): Iterable<PrefixState<Subscriber>> {
    return this.#states.values();
  }

  /** Who wants a prefix, and its keys; undefined when nobody does. */
  stateOf(prefix: string): PrefixState<Subscriber> | undefined {
    return this.#states.get(prefix);
  }

  /** From now on the subscriber hears of keys with this prefix. @param prefix binary string */
  add(prefix: string, subscriber: Subscriber): void {
    let state = this.#states.get(prefix);
    if (state === undefined) {
      state = { prefix, subscribers: new Set(), writerOfKey: new Map(), late: new Set() };
      this.#states.set(prefix, state);
      const { length } = prefix;
      this.#countOfLength.set(length, (this.#countOfLength.get(length) ?? 0) + 1);
    }
    state.subscribers.add(subscriber);
  }

  /** The subscriber does not want it any more. */
  remove(prefix: string, subscriber: Subscriber): void {
    const state = this.#states.get(prefix);
    if (state === undefined) return;
    state.subscribers.delete(subscriber);
    if (state.subscribers.size > 0) return;
    this.#states.delete(prefix);
    if (this.#changed.delete(state)) this.#keyCount -= state.writerOfKey.size;
    this.#lateCount -= state.late.size;
    const { length } = prefix;
    const left = (this.#countOfLength.get(length) ?? 1) - 1;
    if (left > 0) this.#countOfLength.set(length, left);
    else this.#countOfLength.delete(length);
  }

  /** A key has changed. @param key binary string; @param writer a reader, 0 = nobody's */
  note(key: string, writer: number): void {
    for (const length of this.#countOfLength.keys()) {
      if (length > key.length) continue;
      const state = this.#states.get(key.slice(0, length));
      if (state === undefined) continue;
      if (!state.writerOfKey.has(key)) this.#keyCount++;
      state.writerOfKey.set(key, writer);
      if (!state.late.has(key)) this.#lateCount++;
      state.late.add(key);
      this.#changed.add(state);
    }
  }

  /** Gives every prefix with the keys that changed since the last time, both in order. */
  tellEarly(each: (state: PrefixState<Subscriber>, keys: readonly string[]) => void): void {
    if (this.#lateCount === 0) return;
    this.#lateCount = 0;
    for (const state of [...this.#changed].sort(byPrefix)) {
      if (state.late.size === 0) continue;
      each(state, [...state.late].sort());
      state.late.clear();
    }
  }

  /** Gives every prefix with the keys that changed, both in order, and forgets these. */
  tell(each: (state: PrefixState<Subscriber>, keys: readonly string[]) => void): void {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#keyCount = 0;
    this.#lateCount = 0;
    for (const state of [...changed].sort(byPrefix)) {
      const keys = [...state.writerOfKey.keys()].sort();
      each(state, keys);
      state.writerOfKey.clear();
      state.late.clear();
    }
  }
}

/** Binary strings have the order of their bytes. */
function byPrefix(
  { prefix: one }: { readonly prefix: string }, { prefix: other }: { readonly prefix: string },
): number {
  return one < other ? -1 : 1;
}
