/**
 * What the keys of the scene of caching are written to: of each key all values in the order in
 * which they were asked for, one write at a time, and the newest that some writer knows to be
 * there. Every value is written once, so it tells which of them it is; null is an absent key.
 */
import type { RandomSource } from '@kora/core/testing';

/** A write under way: its keys, what they will be, and what to do when it is known to be done. */
export interface Write {
  readonly keys: readonly string[];
  readonly values: readonly string[];
  readonly done: () => void;
}

export class CacheBook {
  readonly keys: readonly string[];
  readonly #values = new Map<string, (string | null)[]>();
  readonly #known = new Map<string, number>();
  readonly #busy = new Set<string>();
  /** All keys are being removed, also such as nobody has written yet. */
  #isRemovingAll = false;
  readonly #random: RandomSource;
  #writes = 0;

  constructor(random: RandomSource, keyCount: number) {
    this.#random = random;
    this.keys = Array.from({ length: keyCount * 3 }, (_, i) => `k${i}`);
  }

  get writes(): number {
    return this.#writes;
  }

  get anyKey(): string {
    return this.keys[this.#random.below(this.keys.length)] ?? '';
  }

  /** Keys that nobody writes now, each in the history of its values from now on. */
  begin(countMax: number, isRemoved: boolean): Write {
    const free = this.keys.filter((key) => !this.#busy.has(key));
    const keys: string[] = [];
    for (let left = 1 + this.#random.below(countMax); left > 0 && free.length > 0; left--) {
      keys.push(...free.splice(this.#random.below(free.length), 1));
    }
    return this.#plan(keys, isRemoved);
  }

  /** As begin, of a key that this client alone writes. */
  beginOwn(key: string): Write {
    return this.#plan(this.#isRemovingAll || this.#busy.has(key) ? [] : [key], false);
  }

  /** All keys, if nobody writes any now; until it is done nobody writes another. */
  beginAll(): Write {
    if (this.#busy.size > 0) return this.#plan([], true);
    this.#isRemovingAll = true;
    const write = this.#plan([...this.#values.keys(), ...this.keys], true);
    return {
      ...write,
      done: () => {
        this.#isRemovingAll = false;
        write.done();
      },
    };
  }

  #plan(keys: readonly string[], isRemoved: boolean): Write {
    const all = [...new Set(keys)];
    const values = all.map((key) => `${key}:${++this.#writes}`);
    const places = all.map((key, i) => {
      this.#busy.add(key);
      const history = this.#historyOf(key);
      history.push(isRemoved ? null : values[i] ?? '');
      return history.length - 1;
    });
    const done = (): void => {
      for (const [i, key] of all.entries()) {
        this.#busy.delete(key);
        this.#known.set(key, places[i] ?? 0);
      }
    };
    return { keys: all, values, done };
  }

  #historyOf(key: string): (string | null)[] {
    const history = this.#values.get(key) ?? [null];
    this.#values.set(key, history);
    return history;
  }

  /** Everything is at rest: what writers who have gone may have written is done or not. */
  settle(): void {
    this.#busy.clear();
    this.#isRemovingAll = false;
  }

  /** What writers know at this moment: values older than these may not be kept. */
  known(): ReadonlyMap<string, number> {
    return new Map(this.#known);
  }

  /** True when a value is older than what was known of its key. */
  isStale(key: string, value: string | null, known: ReadonlyMap<string, number>): boolean {
    return this.#historyOf(key).lastIndexOf(value) < (known.get(key) ?? 0);
  }
}
