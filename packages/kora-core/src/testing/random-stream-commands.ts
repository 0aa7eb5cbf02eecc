/**
 * Random commands on two streams and two groups of each, for tests beside a model and beside
 * redis-server: IDs around those that are there, names of every kind of byte, entries with the same
 * fields and with others. Most commands do something; some are refused.
 */
import type { RandomSource } from './random-source.ts';

/** Keys that the commands use. */
export const STREAM_KEYS: readonly string[] = ['s', 't'];

/** Draws commands. One object per run: it remembers how far the IDs have come. */
export class RandomStreamCommands {
  readonly #random: RandomSource;
  #topMs = 1;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  #pick(...items: readonly string[]): string {
    return items[this.#random.below(items.length)] ?? '';
  }

  #id(): string {
    const ms = this.#random.below(this.#topMs + 2);
    return this.#random.chance(0.1)
      ? this.#pick('0', '18446744073709551615', '9007199254740993-9007199254740993')
      : `${ms}-${this.#random.below(4)}`;
  }

  #ids(): string[] {
    return Array.from({ length: 1 + this.#random.below(4) }, () => this.#id());
  }

  #pairs(): string[] {
    const longest = this.#random.chance(0.5) ? 3 : 60;
    const value = (): string => 'v\0\xff'.repeat(this.#random.below(longest));
    if (this.#random.chance(0.7)) return ['a', value(), 'field', String(this.#random.word())];
    const pair = (): string[] => [this.#pick('a', 'b', ''), value()];
    return Array.from({ length: 1 + this.#random.below(4) }, pair).flat();
  }

  /** The next command. */
  next(): string[] {
    const key = this.#pick(...STREAM_KEYS);
    const group = this.#pick('g', 'h\xff');
    const consumer = this.#pick('ada', 'bob', '');
    const draw = this.#random.below(100);
    if (draw < 40) {
      this.#topMs += this.#random.below(3);
      const id = this.#pick(`${this.#topMs}-*`, `${this.#topMs}-${this.#random.below(4)}`, '5-5');
      return ['XADD', key, this.#random.chance(0.002) ? '*' : id, ...this.#pairs()];
    }
    const count = String(this.#random.below(12));
    if (draw < 48) return ['XDEL', key, ...this.#ids()];
    if (draw < 50) return ['XTRIM', key, 'MAXLEN', String(this.#random.below(80))];
    if (draw < 52) return ['XTRIM', key, 'MINID', this.#id()];
    if (draw < 58) return ['XRANGE', key, this.#id(), this.#pick('+', `(${this.#topMs}-1`)];
    if (draw < 62) return ['XREVRANGE', key, '+', this.#pick('-', '3'), 'COUNT', count];
    if (draw < 65) return ['XGROUP', 'CREATE', key, group, this.#pick('0', '$', '3'), 'MKSTREAM'];
    if (draw < 67) return ['XGROUP', 'SETID', key, group, this.#pick('0', '$', this.#id())];
    if (draw < 68) return ['XGROUP', 'DESTROY', key, group];
    if (draw < 70) return ['XGROUP', 'CREATECONSUMER', key, group, consumer];
    if (draw < 71) return ['XGROUP', 'DELCONSUMER', key, group, consumer];
    if (draw < 83) {
      const id = this.#pick('>', '>', '>', '0', '2-1');
      return ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', key, id];
    }
    if (draw < 87) return ['XACK', key, group, ...this.#ids()];
    if (draw < 91) return ['XCLAIM', key, group, consumer, this.#pick('0', '50'), ...this.#ids(),
      ...(this.#random.chance(0.3) ? ['FORCE'] : [])];
    if (draw < 94) {
      const most = String(1 + this.#random.below(6));
      return ['XAUTOCLAIM', key, group, consumer, this.#pick('0', '50'), this.#id(), 'COUNT', most];
    }
    if (draw < 96) return ['XPENDING', key, group, '-', '+', count, consumer];
    return this.#random.chance(0.05) ? ['DEL', key] : ['XLEN', key];
  }
}
