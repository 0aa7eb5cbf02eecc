/**
 * Commands as clients of the simulator ask for them: few keys, so that they meet; values that are
 * written once, so that what is read tells who wrote it; keys of every shard. Now and then a key of
 * another type, a value longer than a ring, a deadline that has passed.
 */
import type { RandomSource } from '@kora/core/testing';
import type { Plan, Weights } from './plan.ts';
import { ownerOf } from './session-order.ts';

/** A value of so many bytes is a rope. */
const ROPE_BYTES = 65_536;
const ROPE_MORE_BYTES_MAX = 40_000;
const LONG_BYTES_MIN = 100;
const LONG_MORE_BYTES_MAX = 20_000;

/** Commands of many keys, for which it makes no difference that some are absent. */
const TAGGED: ReadonlySet<string> = new Set(['MGET', 'EXISTS', 'DEL', 'UNLINK', 'SUNION']);

type Make = () => string[];

export class Workload {
  readonly #random: RandomSource;
  readonly #plan: Plan;
  readonly #nowMs: () => number;
  #written = 0;
  readonly #spellings = new Map<string, number>();

  constructor(random: RandomSource, plan: Plan, nowMs: () => number) {
    this.#random = random;
    this.#plan = plan;
    this.#nowMs = nowMs;
  }

  /** All keys that commands use. */
  keys(): { readonly strings: string[]; readonly lists: string[]; readonly sets: string[] } {
    const all = (type: string): string[] =>
      Array.from({ length: this.#plan.keyCount }, (_, i) => `${type}${i}`);
    return { strings: [...all('s'), ...all('n')], lists: all('l'), sets: all('e') };
  }

  /** A kind of request, by the plan's weights. */
  kind(): keyof Weights {
    const { weights } = this.#plan;
    const kinds = Object.entries(weights) as [keyof Weights, number][]; // The keys of Weights.
    const sum = kinds.reduce((total, [, weight]) => total + weight, 0);
    let left = (this.#random.below(1_000_000) / 1_000_000) * sum;
    for (const [kind, weight] of kinds) {
      left -= weight;
      if (left < 0) return kind;
    }
    return 'read';
  }

  /** A command of a kind that is one. */
  command(kind: keyof Weights): string[] {
    const makes = this.#makes(kind);
    const [name = '', ...rest] = this.#pick(makes)();
    const tags = TAGGED.has(name) ? this.#tagsOf(rest) : [];
    return [this.#spelled(name), ...rest, ...tags];
  }

  /** Absent keys, one on each shard that the keys are on: a trace tells who asked. */
  #tagsOf(keys: readonly string[]): string[] {
    this.#written += 1;
    const byOwner = new Map(keys.map((key) => [ownerOf(key, this.#plan.workerCount), key]));
    return [...byOwner.values()].map((key) => `{${key}}${this.#written}`);
  }

  /**
   * The name in capitals and small letters: another spelling for each of those that are under way,
   * so that a trace tells them apart.
   */
  #spelled(name: string): string {
    const count = this.#spellings.get(name) ?? 0;
    this.#spellings.set(name, count + 1);
    return [...name].map((letter, i) =>
      (((count >>> i) & 1) === 0 ? letter : letter.toLowerCase())).join('');
  }

  /** A value that nobody else writes; tokens end at `~`. */
  value(): string {
    this.#written += 1;
    const name = `v${this.#written}`;
    const random = this.#random;
    const { ropeChance, longValueChance } = this.#plan;
    if (random.chance(ropeChance)) {
      return `${name}~`.padEnd(ROPE_BYTES + random.below(ROPE_MORE_BYTES_MAX), 'r');
    }
    if (random.chance(longValueChance)) {
      return `${name}~`.padEnd(LONG_BYTES_MIN + random.below(LONG_MORE_BYTES_MAX), 'm');
    }
    return name;
  }

  key(type: string): string {
    return `${type}${this.#random.below(this.#plan.keyCount)}`;
  }

  #pick<T>(choices: readonly T[]): T {
    const choice = choices[this.#random.below(choices.length)];
    if (choice === undefined) throw new Error('something is to be chosen');
    return choice;
  }

  #some(type: string, countMax = this.#plan.keyCount): string[] {
    const count = 1 + this.#random.below(countMax);
    return Array.from({ length: count }, () => this.key(type));
  }

  #pairs(): string[] {
    const keys = [...new Set(this.#some('s'))];
    return keys.flatMap((key) => [key, this.value()]);
  }

  /** An instant that comes soon, or has passed. */
  #instant(): string {
    const { clockStepMsMax } = this.#plan;
    return String(this.#nowMs() - 1 + this.#random.below(clockStepMsMax * 3));
  }

  #makes(kind: keyof Weights): readonly Make[] {
    switch (kind) {
      case 'read': return this.#reads();
      case 'readMany': return this.#readsOfMany();
      case 'write': return this.#writes();
      case 'writeMany': return this.#writesOfMany();
      case 'collection': return this.#collections();
      case 'move': return this.#moves();
      case 'deadline': return this.#deadlines();
      case 'flush': return [() => ['FLUSHALL']];
      default: return [() => ['GET', this.key('s')]];
    }
  }

  /** A number that nobody else adds. */
  #amount(): string {
    this.#written += 1;
    return String(this.#written);
  }

  #reads(): readonly Make[] {
    const any = (): string => this.key(this.#pick(['s', 'n', 'l', 'e']));
    return [
      () => ['GET', this.key('s')], () => ['GET', this.key('s')], () => ['GET', this.key('n')],
      () => ['LRANGE', this.key('l'), '0', '-1'], () => ['SMEMBERS', this.key('e')],
      () => ['STRLEN', this.key('s')], () => ['TYPE', any()], () => ['LLEN', this.key('l')],
      () => ['SCARD', this.key('e')], () => ['PEXPIRETIME', any()], () => ['GET', any()],
    ];
  }

  #readsOfMany(): readonly Make[] {
    const all = (): string[] => ['MGET', ...this.keys().strings];
    return [
      all, all, () => ['MGET', ...this.#some('s'), ...this.#some('n')],
      () => ['EXISTS', ...this.#some('s'), ...this.#some('l'), ...this.#some('e')],
      () => ['SUNION', ...this.#some('e')],
    ];
  }

  #writes(): readonly Make[] {
    const string = (): string => this.key('s');
    return [
      () => ['SET', string(), this.value()], () => ['SET', string(), this.value()],
      () => ['SET', string(), this.value(), 'GET'], () => ['SET', string(), this.value(), 'NX'],
      () => ['SET', string(), this.value(), 'XX', 'GET'], () => ['APPEND', string(), this.value()],
      () => ['INCRBY', this.key('n'), this.#amount()],
      () => ['INCRBY', this.key('n'), this.#amount()], () => ['INCR', this.key('n')],
      () => ['GETDEL', string()], () => ['DEL', this.key(this.#pick(['s', 'n', 'l', 'e']))],
      () => ['INCRBY', this.key('l'), this.#amount()],
    ];
  }

  #writesOfMany(): readonly Make[] {
    return [
      () => ['MSET', ...this.#pairs()], () => ['MSET', ...this.#pairs()],
      () => ['DEL', ...new Set([...this.#some('s'), ...this.#some('l', 2)])],
      () => ['UNLINK', ...new Set([...this.#some('s'), ...this.#some('e', 2)])],
      () => ['MSETNX', ...this.#pairs()],
    ];
  }

  #collections(): readonly Make[] {
    const list = (): string => this.key('l');
    const set = (): string => this.key('e');
    return [
      () => ['RPUSH', list(), this.value()], () => ['LPUSH', list(), this.value(), this.value()],
      () => ['LPOP', list()], () => ['RPOP', list()], () => ['SADD', set(), this.#member()],
      () => ['SADD', set(), this.#member(), this.#member()], () => ['SREM', set(), this.#member()],
      () => ['SISMEMBER', set(), this.#member()],
    ];
  }

  #member(): string {
    return this.#random.chance(0.3) ? this.value() : `m${this.#random.below(4)}`;
  }

  #moves(): readonly Make[] {
    const end = (): string => this.#pick(['LEFT', 'RIGHT']);
    const two = (type: string): [string, string] => [this.key(type), this.key(type)];
    const same = (): string => this.#pick(['s', 'l', 'e']);
    return [
      () => ['LMOVE', ...two('l'), end(), end()], () => ['LMOVE', ...two('l'), end(), end()],
      () => ['SMOVE', ...two('e'), this.#member()], () => ['RENAME', ...two(same())],
      () => ['RENAMENX', ...two(same())], () => ['COPY', ...two(same())],
      () => ['COPY', ...two(same()), 'REPLACE'],
      () => ['SUNIONSTORE', this.key('e'), ...this.#some('e')],
      () => ['SINTERSTORE', this.key('e'), ...this.#some('e')],
    ];
  }

  #deadlines(): readonly Make[] {
    const any = (): string => this.key(this.#pick(['s', 'n', 'l', 'e']));
    return [
      () => ['PEXPIREAT', any(), this.#instant()], () => ['PERSIST', any()],
      () => ['SET', this.key('s'), this.value(), 'PXAT', this.#instant()],
    ];
  }
}
