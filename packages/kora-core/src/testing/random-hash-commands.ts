/**
 * An endless, seeded stream of hash commands for model tests: few keys and fields, so that commands
 * meet; values that are numbers, almost numbers, short, and at the bounds of encodings. All are
 * well-formed; what they meet may refuse them. The weights of commands vary with the seed, and some
 * are zero.
 */
import type { Chance } from '../platform/platform.ts';

const KEYS = ['h', 'g', 'k\0\xff'];
const NUMBERS = [
  '0', '1', '-1', '99', ' 1', '1.5', '-2.25', '1e3', 'abc', '', 'inf',
  '9007199254740991', '-9007199254740993', '9223372036854775807', '-9223372036854775808',
];
const AMOUNTS = ['0', '1', '-1', '7', '9007199254740991', '9223372036854775807', '-5', 'x'];
const FLOATS = ['0', '1', '0.1', '-2.25', '1e3', 'x', 'inf', 'nan'];
const LENGTHS = [0, 1, 2, 3, 8, 20, 60, 63, 64, 65, 127, 128, 300];

type Maker = (random: RandomHashCommands) => string[];

const makers: readonly Maker[] = [
  (r) => ['HSET', r.key(), r.field(), r.value()],
  (r) => ['HSET', r.key(), r.field(), r.value()],
  (r) => ['HSET', r.key(), ...r.pairs()],
  (r) => ['HMSET', r.key(), ...r.pairs()],
  (r) => ['HSETNX', r.key(), r.field(), r.value()],
  (r) => ['HGET', r.key(), r.field()],
  (r) => ['HMGET', r.key(), ...r.fields()],
  (r) => [r.pick(['HLEN', 'HKEYS', 'HVALS', 'HGETALL']), r.key()],
  (r) => [r.pick(['HEXISTS', 'HSTRLEN']), r.key(), r.field()],
  (r) => ['HDEL', r.key(), ...r.fields()],
  (r) => ['HDEL', r.key(), r.field()],
  (r) => ['HINCRBY', r.key(), r.field(), r.pick(AMOUNTS)],
  (r) => ['HINCRBYFLOAT', r.key(), r.field(), r.pick(FLOATS)],
  (r) => ['HEXPIRE', r.key(), r.pick(['0', '1', '5', '100']), ...r.condition(), ...r.counted()],
  (r) => ['HPEXPIRE', r.key(), r.pick(['1', '150', '2000']), ...r.condition(), ...r.counted()],
  (r) => ['HEXPIREAT', r.key(), r.instant(1000), ...r.condition(), ...r.counted()],
  (r) => ['HPEXPIREAT', r.key(), r.instant(1), ...r.condition(), ...r.counted()],
  (r) => [r.pick(['HTTL', 'HPTTL', 'HEXPIRETIME', 'HPEXPIRETIME']), r.key(), ...r.counted()],
  (r) => ['HPERSIST', r.key(), ...r.counted()],
  (r) => ['HGETEX', r.key(), ...r.expiration('PERSIST'), ...r.counted()],
  (r) => ['HGETDEL', r.key(), ...r.counted()],
  (r) => {
    const pairs = r.pairs();
    const condition = r.pick([[], [], ['FNX'], ['FXX']]);
    const expiration = r.expiration('KEEPTTL');
    return [
      'HSETEX', r.key(), ...condition, ...expiration, 'FIELDS', String(pairs.length / 2), ...pairs,
    ];
  },
  (r) => (r.below(10) === 0 ? ['DEL', r.key()] : ['HLEN', r.key()]),
];

export class RandomHashCommands {
  /** Clock for absolute deadlines, ms. */
  nowMs: number;
  readonly #chance: Chance;
  readonly #weighted: Maker[] = [];
  readonly #fieldCount: number;

  constructor(chance: Chance, nowMs: number, fieldCount = 12) {
    this.#chance = chance;
    this.nowMs = nowMs;
    this.#fieldCount = fieldCount;
    for (const maker of makers) {
      const weight = this.below(5);
      for (let i = 0; i < weight; i++) this.#weighted.push(maker);
    }
    const [first] = makers;
    if (first !== undefined) this.#weighted.push(first);
  }

  /** The next command, its name first. */
  next(): string[] {
    return this.pick(this.#weighted)(this);
  }

  below(limit: number): number {
    return Math.floor(((this.#chance.next32() >>> 0) / 4_294_967_296) * limit);
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('nothing to pick from');
    return choice;
  }

  key(): string {
    return this.pick(KEYS);
  }

  field(): string {
    const n = this.below(this.#fieldCount);
    if (n === 0) return '';
    return n % 7 === 6 ? `field\0${n}`.padEnd(60 + n, '\xfe') : `f${n}`;
  }

  fields(): string[] {
    return Array.from({ length: 1 + this.below(4) }, () => this.field());
  }

  counted(): string[] {
    const fields = this.fields();
    return ['FIELDS', String(fields.length), ...fields];
  }

  value(): string {
    if (this.below(3) === 0) return this.pick(NUMBERS);
    const length = this.below(4) === 0 ? this.pick(LENGTHS) : this.below(12);
    return String.fromCharCode(97 + this.below(26)).repeat(length);
  }

  pairs(): string[] {
    const count = 1 + (this.below(8) === 0 ? this.below(40) : this.below(5));
    return Array.from({ length: count }, () => [this.field(), this.value()]).flat();
  }

  condition(): string[] {
    return this.pick([[], [], ['NX'], ['XX'], ['GT'], ['LT']]);
  }

  /** A point in time around now, in units of `unitMs`. */
  instant(unitMs: number): string {
    return String(Math.max(0, Math.floor((this.nowMs + this.below(8000) - 2000) / unitMs)));
  }

  /** An expiration of HGETEX or HSETEX, or none; `other` is the one without a number. */
  expiration(other: string): string[] {
    const later = (unitMs: number): string => String(Number(this.instant(unitMs)) + 1);
    return this.pick([
      [], [other], ['EX', '3'], ['PX', '250'], ['PX', '1'], ['EXAT', later(1000)],
      ['PXAT', later(1)],
    ]);
  }
}
