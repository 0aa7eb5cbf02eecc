/**
 * An endless, seeded stream of bitmap commands for model tests: few keys, offsets and ranges around
 * the ends of bytes, words and ropes, wrong arguments among them, and now and then a command of
 * another type, so that keys of the wrong kind are met.
 */
import type { RandomSource } from './random-source.ts';
import { randomSource } from './random-source.ts';

const KEYS = ['a', 'b', 'c', 'd', 'list', 'number'];
const OFFSETS = [
  '0', '1', '7', '8', '9', '31', '32', '63', '64', '100', '255', '524287', '524288', '524296',
  '1048576', '-1', '4294967296', 'x', '', '9223372036854775807',
];
const INDEXES = [
  '0', '1', '2', '3', '7', '8', '20', '-1', '-2', '-8', '-100', '100', '65535', '65536', 'x',
  '9223372036854775807', '-9223372036854775808', '524290',
];
const OPERANDS = [
  '0', '1', '-1', '2', '5', '-7', '100', '-100', '255', '256', '65535', '-32768', '4294967295',
  '2147483648', '-2147483649', '9007199254740993', '9223372036854775807',
  '-9223372036854775808', '-9223372036854775700', '1.5', '',
];
const TYPES = ['u64', 'i65', 'u0', 'x8', 'i', '', 'U8', 'i-3', 'u08'];

/** Which commands the stream may hold. */
export interface BitmapStreamOptions {
  /** False leaves out what redis-server 7.0 does not know. Default true. */
  readonly hasLaterOperations?: boolean;
}

export class RandomBitmapCommands {
  readonly #random: RandomSource;
  readonly #operations: readonly string[];

  constructor(seed: number, options: BitmapStreamOptions = {}) {
    this.#random = randomSource(seed);
    const later = options.hasLaterOperations ?? true ? ['DIFF', 'DIFF1', 'ANDOR', 'ONE'] : [];
    this.#operations = ['AND', 'OR', 'XOR', 'NOT', 'NOR', 'and', ...later];
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
      () => ['SETBIT', this.key(), this.#offset(), this.pick(['0', '1', '1', '2', '-1', 'x'])],
      () => ['SETBIT', this.key(), String(this.below(200)), String(this.below(2))],
      () => ['GETBIT', this.key(), this.#offset()],
      () => ['BITCOUNT', this.key(), ...this.#range()],
      () => ['BITPOS', this.key(), this.pick(['0', '1', '0', '1', '2', 'x']), ...this.#range()],
      () => ['BITOP', this.pick(this.#operations), this.key(), ...this.#keys()],
      () => ['BITFIELD', this.key(), ...this.#steps(this.below(4))],
      () => ['BITFIELD', this.key(), ...this.#steps(2)],
      () => ['BITFIELD_RO', this.key(), ...this.#steps(this.below(3))],
      () => ['SET', this.key(), this.#value()],
      () => [this.pick(['GET', 'STRLEN', 'DEL', 'PERSIST']), this.key()],
      () => ['SETRANGE', this.key(), this.pick(['0', '3', '65534', '70000']), this.#value()],
    ];
    return this.pick(makers)();
  }

  #offset(): string {
    return this.below(3) === 0 ? this.pick(OFFSETS) : String(this.below(300));
  }

  #index(): string {
    return this.below(3) === 0 ? this.pick(INDEXES) : String(this.below(60) - 30);
  }

  #range(): string[] {
    const unit = this.pick(['BYTE', 'BIT', 'bit', 'WORD', 'BIT']);
    const all = [this.#index(), this.#index(), unit, 'BIT'];
    return all.slice(0, this.pick([0, 1, 2, 2, 3, 3, 3, 4]));
  }

  #keys(): string[] {
    return Array.from({ length: 1 + this.below(4) }, () => this.key());
  }

  #value(): string {
    const kind = this.below(12);
    if (kind === 0) return this.pick(['', '5', '123456', '\xff', '\xff\xff\xff\xff\xff\xff']);
    if (kind === 1) return '\xff'.repeat(this.pick([65_535, 65_536, 65_600, 140_000]));
    if (kind === 2) return '\0'.repeat(this.pick([44, 45, 65_536, 131_072]));
    const bytes = Array.from({ length: this.below(40) }, () =>
      String.fromCharCode(this.pick([0, 0, 255, 255, this.below(256)])),
    );
    return bytes.join('');
  }

  #steps(count: number): string[] {
    const steps: string[] = [];
    for (let i = 0; i < count; i++) {
      if (this.below(3) === 0) {
        steps.push('OVERFLOW', this.pick(['WRAP', 'SAT', 'FAIL', 'sat', 'fail', 'FAIL', 'ODD']));
      }
      const action = this.pick(['GET', 'SET', 'INCRBY', 'SET', 'INCRBY', 'get']);
      steps.push(action, this.#type(), this.#fieldOffset());
      if (action.toUpperCase() !== 'GET') steps.push(this.pick(OPERANDS));
    }
    if (this.below(40) === 0) steps.pop();
    if (this.below(60) === 0) steps.push('FOO');
    return steps;
  }

  #type(): string {
    if (this.below(40) === 0) return this.pick(TYPES);
    const sign = this.pick(['i', 'u']);
    return `${sign}${1 + this.below(sign === 'i' ? 64 : 63)}`;
  }

  #fieldOffset(): string {
    const kind = this.below(20);
    if (kind === 0) return this.pick([...OFFSETS, '#-1', '#', '#x', '#8192']);
    return kind < 8 ? `#${this.below(8)}` : String(this.below(140));
  }
}
