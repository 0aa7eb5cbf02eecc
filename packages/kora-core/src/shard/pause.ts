/**
 * CLIENT PAUSE: until an instant, writing commands (or all) wait at the gate, and keys neither
 * expire actively nor are evicted. One per shard; the server sets all of them together.
 */

export class Pause {
  #untilMs = 0;
  holdsReads = false;

  /** True while commands are held. */
  isActive(nowMs: number): boolean {
    return this.#untilMs !== 0 && nowMs < this.#untilMs;
  }

  /** Starts or extends a pause; as in Redis a later end and the stricter mode win. */
  start(untilMs: number, holdsReads: boolean, nowMs: number): void {
    const isActive = this.isActive(nowMs);
    this.#untilMs = isActive ? Math.max(untilMs, this.#untilMs) : untilMs;
    this.holdsReads = isActive ? this.holdsReads || holdsReads : holdsReads;
  }

  end(): void {
    this.#untilMs = 0;
    this.holdsReads = false;
  }

  /** End of the pause in ms, 0 = none. */
  get untilMs(): number {
    return this.#untilMs;
  }
}
