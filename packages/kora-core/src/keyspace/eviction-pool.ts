/**
 * The best candidates for eviction seen so far, kept between calls, so that a few samples a step
 * approach an exact choice: a good candidate that loses to a better one is not forgotten.
 * A candidate is (database, hash, score): no ref that could dangle; whoever takes one looks the
 * hash up again. Higher scores go first. Bound: POOL_SIZE candidates.
 * Source: Redis 3.0's eviction pool, described in antirez, "Random notes on improving the Redis LRU
 *   algorithm", 2014.
 */

/** Candidates the pool keeps. */
export const POOL_SIZE = 16;

export class EvictionPool {
  /** Candidates in the pool, ascending by score: the best is at `count - 1`. */
  count = 0;
  readonly dbs = new Int32Array(POOL_SIZE);
  readonly hashes = new Int32Array(POOL_SIZE);
  readonly scores = new Float64Array(POOL_SIZE);

  /** Forgets all candidates. */
  clear(): void {
    this.count = 0;
  }

  /** True when a candidate with this score would be kept. */
  takes(score: number): boolean {
    return this.count < POOL_SIZE || score > (this.scores[0] ?? 0);
  }

  /** Offers a candidate; the worst one leaves a full pool. One known already gets the new score. */
  offer(db: number, hash: number, score: number): void {
    const known = this.#indexOf(db, hash);
    if (known >= 0) this.#remove(known);
    if (!this.takes(score)) return;
    if (this.count === POOL_SIZE) this.#remove(0);
    let at = this.count;
    while (at > 0 && (this.scores[at - 1] ?? 0) >= score) at--;
    this.dbs.copyWithin(at + 1, at, this.count);
    this.hashes.copyWithin(at + 1, at, this.count);
    this.scores.copyWithin(at + 1, at, this.count);
    this.dbs[at] = db;
    this.hashes[at] = hash;
    this.scores[at] = score;
    this.count++;
  }

  /** Removes the best candidate; its values stay readable at index `count` until the next offer. */
  dropBest(): void {
    this.count--;
  }

  #indexOf(db: number, hash: number): number {
    for (let i = 0; i < this.count; i++) {
      if (this.hashes[i] === hash && this.dbs[i] === db) return i;
    }
    return -1;
  }

  #remove(at: number): void {
    this.dbs.copyWithin(at, at + 1, this.count);
    this.hashes.copyWithin(at, at + 1, this.count);
    this.scores.copyWithin(at, at + 1, this.count);
    this.count--;
  }
}
