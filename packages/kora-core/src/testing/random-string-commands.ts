/**
 * An endless, seeded stream of string commands for model tests: few keys, so that commands meet;
 * values that are numbers, almost numbers, short, at the bounds of encodings and beyond the bound
 * of ropes; options in any order, wrong ones among them. The weights of commands vary with the
 * seed, and some are zero.
 */
import type { Chance } from '../platform/platform.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'counter', 'price', '', 'k\0\xff', 'long'.repeat(75)];
const NUMBERS = [
  '0', '1', '-1', '7', '99', '-0', '+1', ' 1', '1.5', '-2.25', '1e3', 'abc', '',
  '9007199254740991', '9007199254740992', '-9007199254740993', '9223372036854775807',
  '-9223372036854775808', '9223372036854775808', '123456789012345678901',
];
const LENGTHS = [0, 1, 2, 5, 19, 20, 21, 44, 45, 100, 300, 5000];
const LONG_LENGTHS = [65_000, 65_535, 65_536, 65_537, 131_072, 200_000];
const TIMES = ['1', '5', '60', '1000', '0', '-1', 'x', '9223372036854775807'];

type Maker = (random: RandomStringCommands) => string[];

const makers: readonly Maker[] = [
  (r) => ['SET', r.key(), r.value(), ...r.setOptions()],
  (r) => ['SET', r.key(), r.value()],
  (r) => ['SETNX', r.key(), r.value()],
  (r) => ['SETEX', r.key(), r.time(), r.value()],
  (r) => ['PSETEX', r.key(), r.time(), r.value()],
  (r) => ['GETSET', r.key(), r.value()],
  (r) => ['GET', r.key()],
  (r) => ['GETDEL', r.key()],
  (r) => ['GETEX', r.key(), ...r.getexOptions()],
  (r) => ['STRLEN', r.key()],
  (r) => ['APPEND', r.key(), r.value()],
  (r) => ['GETRANGE', r.key(), r.index(), r.index()],
  (r) => ['SETRANGE', r.key(), r.offset(), r.value()],
  (r) => [r.pick(['INCR', 'DECR']), r.key()],
  (r) => [r.pick(['INCRBY', 'DECRBY']), r.key(), r.pick(NUMBERS)],
  (r) => ['INCRBYFLOAT', r.key(), r.pick(NUMBERS)],
  (r) => ['MGET', ...r.keys()],
  (r) => [r.pick(['MSET', 'MSETNX']), ...r.pairs()],
  (r) => ['MSETEX', ...r.msetexArguments()],
  (r) => ['DELEX', r.key(), ...r.comparison()],
  (r) => ['DIGEST', r.key()],
];

export class RandomStringCommands {
  readonly #chance: Chance;
  readonly #weighted: Maker[] = [];
  /** Share of values beyond the bound of ropes, in percent. */
  readonly #longPercent: number;
  /** Clock for absolute deadlines, ms. */
  nowMs: number;

  constructor(chance: Chance, nowMs: number) {
    this.#chance = chance;
    this.nowMs = nowMs;
    this.#longPercent = this.below(8);
    for (const maker of makers) {
      const weight = this.below(5);
      for (let i = 0; i < weight; i++) this.#weighted.push(maker);
    }
    this.#weighted.push((r) => ['SET', r.key(), r.value()]);
  }

  /** The next command, name first. */
  next(): string[] {
    return this.pick(this.#weighted)(this);
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return (this.#chance.next32() >>> 0) % bound;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  key(): string {
    return this.pick(KEYS);
  }

  keys(): string[] {
    return Array.from({ length: 1 + this.below(6) }, () => this.key());
  }

  value(): string {
    if (this.below(100) < this.#longPercent) return this.#text(this.pick(LONG_LENGTHS));
    return this.below(3) === 0 ? this.pick(NUMBERS) : this.#text(this.pick(LENGTHS));
  }

  pairs(): string[] {
    const pairs = this.keys().flatMap((key) => [key, this.value()]);
    return this.below(12) === 0 ? pairs.slice(0, -1).concat(pairs.length > 2 ? [] : ['v']) : pairs;
  }

  time(): string {
    return this.pick(TIMES);
  }

  index(): string {
    return this.pick(['0', '1', '-1', '-3', '10', '43', '-100', '65535', '65536', '100000', '1.5',
      '9223372036854775807', '-9223372036854775808']);
  }

  offset(): string {
    return this.pick(['0', '1', '5', '44', '65530', '65536', '70000', '-1', 'x', '536870912']);
  }

  setOptions(): string[] {
    const options: string[][] = [];
    if (this.below(2) === 0) options.push(this.#expiration('KEEPTTL'));
    if (this.below(3) === 0) options.push([this.pick(['NX', 'XX', 'nx'])]);
    else if (this.below(3) === 0) options.push(this.comparison());
    if (this.below(3) === 0) options.push(['GET']);
    if (this.below(15) === 0) options.push([this.pick(['FOO', 'EX', 'NX', 'PERSIST'])]);
    if (this.below(2) === 0) options.reverse();
    return options.flat();
  }

  getexOptions(): string[] {
    return this.below(3) === 0 ? [] : this.#expiration('PERSIST');
  }

  msetexArguments(): string[] {
    const pairs = this.pairs();
    const count = this.below(10) === 0 ? this.pick(['0', '-1', 'x', '9']) : pairs.length >> 1;
    const options = [
      ...(this.below(3) === 0 ? [this.pick(['NX', 'XX'])] : []),
      ...(this.below(2) === 0 ? this.#expiration('KEEPTTL') : []),
    ];
    return [String(count), ...pairs, ...options];
  }

  comparison(): string[] {
    const digest = this.pick(['2d06800538d394c2', '2D06800538D394C2', 'xyz']);
    const word = this.pick(['IFEQ', 'IFNE', 'IFDEQ', 'IFDNE', 'none']);
    if (word === 'none') return [];
    return [word, word.startsWith('IFD') ? digest : this.value()];
  }

  #expiration(bare: string): string[] {
    const word = this.pick(['EX', 'PX', 'EXAT', 'PXAT', bare]);
    if (word === bare) return [bare];
    if (word === 'EX' || word === 'PX' || this.below(3) === 0) return [word, this.time()];
    const deadlineMs = this.nowMs + (this.below(4) - 1) * 1000;
    return [word, String(word === 'EXAT' ? Math.floor(deadlineMs / 1000) : deadlineMs)];
  }

  /** Text of some length in which neighbouring positions differ, so that a shifted copy shows. */
  #text(length: number): string {
    const start = this.below(200);
    const block = Array.from({ length: Math.min(length, 251) }, (_, i) =>
      String.fromCharCode((start + i * 7) & 0xff),
    ).join('');
    if (length <= 251) return block;
    return block.repeat(Math.ceil(length / 251)).slice(0, length);
  }
}
