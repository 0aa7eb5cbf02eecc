/**
 * What clients of a crash round ask for: commands of every type on keys of their own and on keys
 * of all, alone and in MULTI over shards; texts that are written together and never again, which
 * tell whole from half; reads of those; waits for the disk; and snapshots.
 */
import { SeededChance } from '@kora/core';
import type { RandomSource } from '@kora/core/testing';
import { EVERY_TYPE, RandomTypeCommands } from '@kora/core/testing';
import { severalKeyCommand } from '@kora/server/testing';
import { MARK_PREFIX } from './life-model.ts';

/** One request, or a transaction. */
export interface Job {
  /** More than one: in MULTI. */
  readonly commands: readonly (readonly string[])[];
  readonly isTransaction: boolean;
  /** Texts that it writes; all of them or none. */
  readonly tokens: readonly string[];
  /** WAITAOF, SAVE: whoever is answered 1 or OK was promised what it had seen. */
  readonly isWait: boolean;
}

/** Keys for tokens: enough for every shard to have some. */
const MARK_COUNT = 12;
const MARKS_MAX = 4;
const QUEUED_MAX = 4;
/** Names of RandomTypeCommands. */
const TYPE_KEY = /^(?:list|set|zset|hash|stream|string|vector)\d$/;

export class CrashWorkload {
  readonly #random: RandomSource;
  readonly #commands: RandomTypeCommands;
  readonly #nextToken: () => number;
  readonly #saveChance: number;

  /**
   * @param nextToken numbers that come once in a round
   * @param saveChance of requests: that they ask for a snapshot
   */
  constructor(random: RandomSource, nextToken: () => number, saveChance: number) {
    this.#random = random;
    this.#commands = new RandomTypeCommands(new SeededChance(random.word()), EVERY_TYPE);
    this.#nextToken = nextToken;
    this.#saveChance = saveChance;
  }

  /** @param prefix of the client's keys */
  next(prefix: string): Job {
    const random = this.#random;
    if (random.chance(this.#saveChance)) return this.#save();
    const draw = random.below(100);
    if (draw < 30) return this.#transaction(prefix);
    if (draw < 45) return this.#marks();
    if (draw < 52) return plain(['MGET', ...this.#someMarks()]);
    if (draw < 55) {
      return { ...plain(['WAITAOF', '1', '0', String(random.below(3000))]), isWait: true };
    }
    if (draw < 56) return plain([random.chance(0.5) ? 'FLUSHDB' : 'FLUSHALL']);
    return plain(this.#change(prefix));
  }

  /** A change of some type, which may be refused. */
  #change(prefix: string): string[] {
    const random = this.#random;
    if (random.chance(0.3)) return severalKeyCommand((bound) => random.below(bound), prefix);
    const words = this.#commands.next();
    return words.map((word) => (TYPE_KEY.test(word) ? `${prefix}:${word}` : word));
  }

  #save(): Job {
    const draw = this.#random.below(4);
    if (draw === 0) return { ...plain(['SAVE']), isWait: true };
    return plain(draw === 1 ? ['BGREWRITEAOF'] : draw === 2 ? ['BGSAVE', 'SCHEDULE'] : ['BGSAVE']);
  }

  /** Different keys, anywhere. */
  #someMarks(): string[] {
    const keys = Array.from({ length: MARK_COUNT }, (_, i) => `${MARK_PREFIX}${i}`);
    const count = 1 + this.#random.below(MARKS_MAX);
    return Array.from({ length: count }, () =>
      keys.splice(this.#random.below(keys.length), 1)[0] ?? '');
  }

  #token(): string {
    return `~${this.#nextToken()}~`;
  }

  #marks(): Job {
    const pairs = this.#someMarks().map((key) => [key, this.#token()]);
    const tokens = pairs.map(([, token]) => token ?? '');
    const [first] = pairs;
    const command = pairs.length === 1 ? ['SET', ...first ?? []] : ['MSET', ...pairs.flat()];
    return { ...plain(command), tokens };
  }

  #transaction(prefix: string): Job {
    const random = this.#random;
    const commands: string[][] = this.#someMarks().map((key) => ['SET', key, this.#token()]);
    const tokens = commands.map((words) => words[2] ?? '');
    for (let left = random.below(QUEUED_MAX + 1); left > 0; left--) {
      commands.splice(random.below(commands.length + 1), 0, this.#change(prefix));
    }
    return { commands, isTransaction: true, tokens, isWait: false };
  }
}

function plain(words: readonly string[]): Job {
  return { commands: [words], isTransaction: false, tokens: [], isWait: false };
}
