/**
 * A key space as simple as can be, for the search of an order that explains a history: values are
 * never changed in place, and every step can be taken back. Per key it counts changes, as WATCH
 * sees them. Deadlines act when the clock has passed them, for the keys for which it has moved.
 */

export type ValueType = 'string' | 'list' | 'set';

/** What a key holds; a list's items in order, a set's in any. */
export interface Value {
  readonly type: ValueType;
  readonly text: string;
  readonly items: readonly string[];
  /** Infinity: none. */
  readonly expireAtMs: number;
}

export class KeySpace {
  readonly #startMs: number;
  /** What the clock says for each key, where it has moved. */
  readonly #nows = new Map<string, number>();
  readonly #values = new Map<string, Value>();
  readonly #changes = new Map<string, number>();
  /** Changes of the keys that a WATCH has seen, by its operation. */
  readonly #watches = new Map<number, ReadonlyMap<string, number>>();
  /** Long texts that digests name, by number. */
  readonly #longTexts = new Map<string, number>();
  /** Takes back the last steps, newest last. */
  readonly #undo: (() => void)[] = [];

  constructor(nowMs: number) {
    this.#startMs = nowMs;
  }

  /** The instant of whatever happens to a key next. */
  nowOf(key: string): number {
    return this.#nows.get(key) ?? this.#startMs;
  }

  /** For `rollback`: grows with every step that changes something. */
  get mark(): number {
    return this.#undo.length;
  }

  /** Everything as it was at the mark. */
  rollback(mark: number): void {
    while (this.#undo.length > mark) this.#undo.pop()?.();
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** Sets or removes a key: a change. */
  put(key: string, value: Value | undefined): void {
    const values = this.#values;
    const changes = this.#changes;
    const before = values.get(key);
    const count = changes.get(key) ?? 0;
    this.#undo.push(() => {
      if (before === undefined) values.delete(key);
      else values.set(key, before);
      changes.set(key, count);
    });
    const isDue = value !== undefined && value.expireAtMs < this.nowOf(key);
    if (value === undefined || isDue) values.delete(key);
    else values.set(key, value);
    changes.set(key, count + 1);
  }

  /** Time passes for some keys: those that are due are gone. */
  advance(keys: readonly string[], nowMs: number): void {
    for (const key of keys) {
      const before = this.nowOf(key);
      this.#undo.push(() => {
        this.#nows.set(key, before);
      });
      this.#nows.set(key, nowMs);
      const value = this.#values.get(key);
      if (value !== undefined && value.expireAtMs < nowMs) this.put(key, undefined);
    }
  }

  /** Notes how often the keys have changed so far. */
  watch(operation: number, keys: readonly string[]): void {
    const seen = new Map(keys.map((key) => [key, this.#changes.get(key) ?? 0]));
    this.#watches.set(operation, seen);
    this.#undo.push(() => {
      this.#watches.delete(operation);
    });
  }

  /** A key that has changed since this WATCH, undefined when none has. */
  dirtyKey(operation: number): string | undefined {
    for (const [key, count] of this.#watches.get(operation) ?? []) {
      if ((this.#changes.get(key) ?? 0) !== count) return key;
    }
    return undefined;
  }

  /** Two spaces with the same digest answer everything alike. */
  digest(): string {
    const values = [...this.#values].map(([key, { text, items, expireAtMs }]) =>
      `${key}=${this.#nameOf(text)}|${this.#nameOf(items.join(','))}|${expireAtMs}`);
    const dirty = [...this.#watches.keys()].map((one) => `${one}${this.dirtyKey(one) ?? ''}`);
    const nows = [...this.#nows].map(([key, nowMs]) => `${key}${nowMs - this.#startMs}`);
    return [nows, values, dirty].map((each) => each.sort().join(';')).join('/');
  }

  #nameOf(text: string): string {
    if (text.length < NAMED_TEXT_LENGTH) return text;
    const number = this.#longTexts.get(text) ?? this.#longTexts.size;
    this.#longTexts.set(text, number);
    return `#${number}`;
  }
}

/** Longer texts are numbered where many digests are kept. */
const NAMED_TEXT_LENGTH = 64;

/** A value without a deadline. */
export function stringOf(text: string, expireAtMs = Infinity): Value {
  return { type: 'string', text, items: [], expireAtMs };
}

/** A list or set; undefined when nothing is in it. */
export function collectionOf(
  type: 'list' | 'set', items: readonly string[], expireAtMs = Infinity,
): Value | undefined {
  return items.length === 0 ? undefined : { type, text: '', items, expireAtMs };
}
