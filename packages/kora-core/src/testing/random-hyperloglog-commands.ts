/**
 * An endless, seeded stream of HyperLogLog commands for model tests: few keys that grow from sparse
 * to dense, merges of both, values that are no HyperLogLog or a corrupt one, and keys of another
 * type.
 */
import type { RandomSource } from './random-source.ts';
import { randomSource } from './random-source.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const STALE = '\0\0\0\0\0\0\0\x80';
const HEADER = 'HYLL\x01\0\0\0';
/** Values that look like a HyperLogLog, and are none or corrupt. */
const ODD_VALUES = [
  'text', 'HYLL', '12', `${HEADER}${STALE}`, `${HEADER}${STALE}\x7f\xfe`, `${HEADER}${STALE}\x40`,
  `${HEADER}${STALE}\x7f\xff\x00`, `HYLL\x02\0\0\0${STALE}\x7f\xff`, `HYLL\0\0\0\0${STALE}\x7f\xff`,
  `${HEADER}\x01\x02\x03\x04\x05\x06\x07\x08\x7f\xff`, `${HEADER}${STALE}${'\x83'.repeat(4096)}`,
  `${HEADER}${STALE}${'\x83'.repeat(4097)}`, `${HEADER}${STALE}${'\xfc'.repeat(16_384)}`,
  `${HEADER}\xff\xff\xff\xff\xff\xff\xff\x7f\x7f\xff`, `${HEADER}${STALE}${'\0'.repeat(40_000)}`,
];

export class RandomHyperloglogCommands {
  readonly #random: RandomSource;

  constructor(seed: number) {
    this.#random = randomSource(seed);
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  /** One of the items. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  key(): string {
    return this.pick(KEYS);
  }

  /** The next command, name first. */
  next(): string[] {
    const makers: readonly (() => string[])[] = [
      () => ['PFADD', this.key(), ...this.#elements(this.below(4))],
      () => ['PFADD', this.key(), ...this.#elements(this.pick([1, 20, 100, 300]))],
      () => ['PFADD', this.key(), ...this.#elements(1)],
      () => ['PFCOUNT', this.key()],
      () => ['PFCOUNT', ...this.#keys()],
      () => ['PFMERGE', ...this.#keys()],
      () => ['PFDEBUG', this.pick(['ENCODING', 'decode', 'TODENSE', 'GETREG', 'x']), this.key()],
      () => ['DEL', this.key()],
      () => (this.below(4) === 0 ? this.#disturb() : ['PFCOUNT', this.key()]),
      () => ['EXPIREAT', this.key(), '99999999999'],
    ];
    return this.pick(makers)();
  }

  /** A command that leaves something else than a sound HyperLogLog. */
  #disturb(): string[] {
    const kind = this.below(3);
    if (kind === 0) return ['SET', this.key(), this.pick(ODD_VALUES)];
    if (kind === 1) return ['SETRANGE', this.key(), String(this.below(40)), this.pick(['\0', 'x'])];
    return ['SETBIT', this.key(), String(16 * 8 + this.below(2000)), String(this.below(2))];
  }

  #keys(): string[] {
    return Array.from({ length: 1 + this.below(4) }, () => this.key());
  }

  #elements(count: number): string[] {
    return Array.from({ length: count }, () => {
      const text = `e${this.below(5000)}`;
      return this.below(20) === 0 ? text.repeat(this.below(5)) : text;
    });
  }
}
