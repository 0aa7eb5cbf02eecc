/**
 * Operations that are done and whose user has not been told: what a disk keeps between `submit`
 * and the next `drain`, in the order in which they ended.
 * A listener may submit again: what it adds is told by the next drain, not by this one.
 */
import type { CompletionListener } from './disk.ts';

/** Tokens and results, waiting to be drained. */
export class Completions {
  #tokens: number[] = [];
  #results: number[] = [];

  /** True when there is nothing to tell. */
  get isEmpty(): boolean {
    return this.#tokens.length === 0;
  }

  /** @param result >= 0, or `-errno` */
  add(token: number, result: number): void {
    this.#tokens.push(token);
    this.#results.push(result);
  }

  /** Tells what was there at the call; returns how many. */
  drain(listener: CompletionListener): number {
    const tokens = this.#tokens;
    const results = this.#results;
    if (tokens.length === 0) return 0;
    this.#tokens = [];
    this.#results = [];
    tokens.forEach((token, index) => { listener(token, results[index] ?? 0); });
    return tokens.length;
  }
}
