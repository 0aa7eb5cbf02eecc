/**
 * The slow log of one shard: the newest calls that took long, and what several shards of a process
 * share so that together they are one log. Ids are given out one by one over the whole process and
 * every id has an entry, so that `floor` (entries below it are gone) and the next id say how long
 * the log is, without a word between shards: it holds the newest `slowlog-max-len` entries,
 * wherever they ran. Entries below the floor are forgotten when their shard adds its next one, or
 * is asked.
 * Bounds: `slowlog-max-len` entries over all shards; SLOW_LOG_BYTES_MAX of texts in each: beyond it
 * the floor rises as if the log were shorter.
 */

/** Texts that the log of one shard keeps, bytes. */
export const SLOW_LOG_BYTES_MAX = 8 * 1024 * 1024;
/** What an entry weighs besides its texts. */
const ENTRY_BYTES = 160;
const WORD_BYTES = 24;

/** Words that the slow logs of a process share. */
export const SLOW_LOG_WORDS = 2;
const NEXT_ID = 0;
const FLOOR = 1;

/** One call that took long. */
export interface SlowEntry {
  readonly id: number;
  /** When it had run, seconds since 1970. */
  readonly atSeconds: number;
  /** How long it took, whole microseconds. */
  readonly us: number;
  /** Name and arguments as they are shown, one character a byte. */
  readonly words: readonly string[];
  /** Who asked for it; empty for clients without an address. */
  readonly address: string;
  readonly clientName: string;
}

/** Ids of a process's slow log: those of entries that are there are [floor, next). */
export class SlowLogIds {
  readonly #words: BigInt64Array<ArrayBufferLike>;

  /** @param words SLOW_LOG_WORDS of them at 0, shared by all shards; default: words of its own */
  constructor(words: BigInt64Array<ArrayBufferLike> = new BigInt64Array(SLOW_LOG_WORDS)) {
    this.#words = words;
  }

  /** An id that no other entry has. */
  take(): number {
    return Number(Atomics.add(this.#words, NEXT_ID, 1n));
  }

  /** The id of the next entry. */
  get next(): number {
    return Number(Atomics.load(this.#words, NEXT_ID));
  }

  get floor(): number {
    return Number(Atomics.load(this.#words, FLOOR));
  }

  /** Entries with smaller ids are gone; never falls. */
  raiseFloor(to: number): void {
    const wanted = BigInt(to);
    // Another shard may raise it at the same time: the higher one stays.
    for (let seen = Atomics.load(this.#words, FLOOR); seen < wanted;) {
      const found = Atomics.compareExchange(this.#words, FLOOR, seen, wanted);
      if (found === seen) return;
      seen = found;
    }
  }
}

export class SlowLog {
  /** `slowlog-max-len`: entries of all shards that are kept. */
  entryCountMax = 128;
  readonly ids: SlowLogIds;
  /** Oldest first; those before `#first` are gone. */
  #entries: SlowEntry[] = [];
  #first = 0;
  #bytes = 0;

  constructor(ids = new SlowLogIds()) {
    this.ids = ids;
  }

  /** Adds an entry, and lets the oldest go beyond the bounds. */
  add(call: Omit<SlowEntry, 'id'>): void {
    const entry: SlowEntry = { id: this.ids.take(), ...call };
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
    this.ids.raiseFloor(entry.id + 1 - this.entryCountMax);
    this.#forget();
    while (this.#bytes > SLOW_LOG_BYTES_MAX) {
      const oldest = this.#entries[this.#first];
      if (oldest === undefined) return;
      this.ids.raiseFloor(oldest.id + 1);
      this.#forget();
    }
  }

  /** Entries of all shards. */
  get length(): number {
    const { next, floor } = this.ids;
    return Math.max(0, next - floor);
  }

  /** The newest entries of this shard, at most `count` of them, newest first. */
  newest(count: number): SlowEntry[] {
    this.#forget();
    const from = Math.max(this.#first, this.#entries.length - count);
    return this.#entries.slice(from).reverse();
  }

  /** Forgets all entries of all shards; those of others are freed when they notice. */
  reset(): void {
    this.ids.raiseFloor(this.ids.next);
    this.#forget();
  }

  #forget(): void {
    const { floor } = this.ids;
    for (;;) {
      const oldest = this.#entries[this.#first];
      if (oldest === undefined || oldest.id >= floor) break;
      this.#bytes -= bytesOf(oldest);
      this.#first++;
    }
    if (this.#first * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}

function bytesOf({ words, address, clientName }: SlowEntry): number {
  const texts = words.reduce((bytes, word) => bytes + WORD_BYTES + word.length, 0);
  return ENTRY_BYTES + texts + address.length + clientName.length;
}

/**
 * The newest entries of several shards as one log.
 * @param logs entries of each, newest first
 * @param count at most so many; -1 = all
 */
export function mergeSlowEntries(
  logs: readonly (readonly SlowEntry[])[], count: number,
): SlowEntry[] {
  const all = logs.flat().sort((left, right) => right.id - left.id);
  return count < 0 ? all : all.slice(0, count);
}
