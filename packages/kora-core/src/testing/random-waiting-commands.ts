/**
 * Random commands around waiting for keys, for tests that compare with redis-server and between
 * numbers of workers: commands that wait, and changes that may serve them or end their waits. Few
 * keys, which hold all types in turn. IDs of streams are given, so that both sides have the same.
 */
import type { RandomSource } from './random-source.ts';

/** What there is; all by default. */
export interface WaitingWorkload {
  /** Commands that move an element from list to list. */
  readonly hasMoves?: boolean;
  /** Commands that wait for several keys. */
  readonly hasSeveralKeys?: boolean;
  /** Changes that end one key and fill another. */
  readonly hasRenames?: boolean;
}

const ENDS = ['LEFT', 'RIGHT'] as const;

export class RandomWaitingCommands {
  readonly #random: RandomSource;
  readonly #keys: readonly string[];
  /** Weights of lists, sorted sets and streams. */
  readonly #types: readonly number[];
  #nextId = 1;
  #nextElement = 1;

  readonly #workload: WaitingWorkload;

  constructor(random: RandomSource, keys: readonly string[], workload: WaitingWorkload = {}) {
    this.#random = random;
    this.#keys = keys;
    this.#workload = workload;
    this.#types = [random.below(5), random.below(3), random.below(3)];
  }

  /** A command that waits when it finds nothing. */
  waiting(): string[] {
    const below = (bound: number): number => this.#random.below(bound);
    const chance = (probability: number): boolean => this.#random.chance(probability);
    switch (this.#pick(this.#types)) {
      case 0: return this.#waitingForList();
      case 1:
        if (chance(0.3)) {
          return ['BZMPOP', '0', ...this.#counted(), this.#minOrMax(), ...this.#count()];
        }
        return [chance(0.5) ? 'BZPOPMIN' : 'BZPOPMAX', ...this.#some(), '0'];
      default: {
        const keys = [...new Set(this.#some())];
        const ids = keys.map(() => (chance(0.5) ? '$' : `${below(this.#nextId + 3)}-0`));
        if (chance(0.4)) return ['XREAD', 'BLOCK', '0', 'STREAMS', ...keys, ...ids];
        const news = keys.map(() => '>');
        const consumer = `c${below(2)}`;
        return ['XREADGROUP', 'GROUP', 'g', consumer, 'BLOCK', '0', 'STREAMS', ...keys, ...news];
      }
    }
  }

  #waitingForList(): string[] {
    const below = (bound: number): number => this.#random.below(bound);
    const isMove = this.#workload.hasMoves !== false;
    switch (isMove ? below(6) : 2 + below(4)) {
      case 0: return ['BLMOVE', this.#key(), this.#key(), this.#end(), this.#end(), '0'];
      case 1: return ['BRPOPLPUSH', this.#key(), this.#key(), '0'];
      case 2: return ['BLMPOP', '0', ...this.#counted(), this.#end(), ...this.#count()];
      case 3: return ['BRPOP', ...this.#some(), '0'];
      default: return ['BLPOP', ...this.#some(), '0'];
    }
  }

  /** A command that changes keys, or one that looks at them. */
  change(): string[] {
    const below = (bound: number): number => this.#random.below(bound);
    switch (below(12)) {
      case 0: return ['DEL', this.#key()];
      case 1: return below(3) === 0 ? ['FLUSHALL'] : ['SET', this.#key(), 'v'];
      case 2:
        if (this.#workload.hasRenames === false) return this.#fill();
        return [below(2) === 0 ? 'RENAME' : 'RENAMENX', this.#key(), this.#key()];
      case 3: return ['COPY', this.#key(), this.#key(), 'REPLACE'];
      case 4: return this.#look();
      case 5:
        if (below(4) === 0) return ['XGROUP', 'DESTROY', this.#key(), 'g'];
        return ['XGROUP', 'CREATE', this.#key(), 'g', below(2) === 0 ? '$' : '0', 'MKSTREAM'];
      default: return this.#fill();
    }
  }

  #look(): string[] {
    const below = (bound: number): number => this.#random.below(bound);
    const key = this.#key();
    switch (below(4)) {
      case 0: return ['LRANGE', key, '0', '-1'];
      case 1: return ['ZRANGE', key, '0', '-1', 'WITHSCORES'];
      case 2: return ['XRANGE', key, '-', '+'];
      default: return ['TYPE', key];
    }
  }

  #fill(): string[] {
    const below = (bound: number): number => this.#random.below(bound);
    const chance = (probability: number): boolean => this.#random.chance(probability);
    switch (this.#pick(this.#types)) {
      case 0: {
        const elements = Array.from({ length: 1 + below(3) }, () => `e${this.#nextElement++}`);
        if (this.#workload.hasMoves !== false && chance(0.1)) {
          return ['LMOVE', this.#key(), this.#key(), this.#end(), this.#end()];
        }
        if (chance(0.1)) return ['LPOP', this.#key()];
        return [chance(0.5) ? 'RPUSH' : 'LPUSH', this.#key(), ...elements];
      }
      case 1:
        if (chance(0.1)) return ['ZPOPMIN', this.#key()];
        return ['ZADD', this.#key(), String(below(9)), `m${below(5)}`, String(below(9)), 'm9'];
      default:
        if (chance(0.1)) return ['XDEL', this.#key(), `${below(this.#nextId)}-0`];
        return ['XADD', this.#key(), `${this.#nextId++}-0`, 'f', `v${this.#nextElement++}`];
    }
  }

  #pick(weights: readonly number[]): number {
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    let left = this.#random.below(Math.max(1, all));
    return weights.findIndex((weight) => (left -= weight) < 0);
  }

  #key(): string {
    return this.#keys[this.#random.below(this.#keys.length)] ?? '';
  }

  #some(): string[] {
    const countMax = this.#workload.hasSeveralKeys === false ? 1 : 3;
    return Array.from({ length: 1 + this.#random.below(countMax) }, () => this.#key());
  }

  #counted(): string[] {
    const keys = this.#some();
    return [String(keys.length), ...keys];
  }

  #end(): string {
    return ENDS[this.#random.below(2)] ?? 'LEFT';
  }

  #minOrMax(): string {
    return this.#random.chance(0.5) ? 'MIN' : 'MAX';
  }

  #count(): string[] {
    return this.#random.chance(0.5) ? [] : ['COUNT', String(1 + this.#random.below(3))];
  }
}
