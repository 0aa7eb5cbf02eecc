/**
 * CLIENT PAUSE: until an instant, writing commands (or all) wait at the gate, and keys neither
 * expire actively nor are evicted. Shards of one process share two words, so that a pause ends
 * also for a shard whose messages wait behind a held request; they are looked at once a turn, so
 * that within a turn nothing begins or ends a pause but the turn's own commands.
 *
 *   f64   | until, ms; 0 = none | 1 = reads are held too |
 *
 * The words are read and written as they are: a late look is one that came before.
 */

/** Words of a pause that several shards share. */
export const PAUSE_WORDS = 2;

const UNTIL_MS = 0;
const HOLDS_READS = 1;

export class Pause {
  holdsReads = false;
  #untilMs = 0;
  readonly #shared: Float64Array | null;

  /** @param shared of all shards of the process; default: this shard is alone */
  constructor(shared: Float64Array | null = null) {
    this.#shared = shared;
  }

  /** End of the pause in ms, 0 = none. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** True while commands are held. */
  isActive(nowMs: number): boolean {
    return this.#untilMs !== 0 && nowMs < this.#untilMs;
  }

  /** A turn begins: takes what other shards have done since. */
  look(): void {
    const shared = this.#shared;
    if (shared === null) return;
    this.#untilMs = shared[UNTIL_MS] ?? 0;
    this.holdsReads = shared[HOLDS_READS] === 1;
  }

  /** Starts or extends a pause; as in Redis a later end and the stricter mode win. */
  start(untilMs: number, holdsReads: boolean, nowMs: number): void {
    this.look();
    const isActive = this.isActive(nowMs);
    this.#set(
      isActive ? Math.max(untilMs, this.#untilMs) : untilMs,
      holdsReads || (isActive && this.holdsReads),
    );
  }

  end(): void {
    this.#set(0, false);
  }

  #set(untilMs: number, holdsReads: boolean): void {
    this.#untilMs = untilMs;
    this.holdsReads = holdsReads;
    if (this.#shared === null) return;
    this.#shared[HOLDS_READS] = holdsReads ? 1 : 0;
    this.#shared[UNTIL_MS] = untilMs;
  }
}
