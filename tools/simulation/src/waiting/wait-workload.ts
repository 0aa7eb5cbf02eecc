/**
 * Commands of the scene of waiting: those that wait, for keys of any shard, and all the ways in
 * which a key gets something: pushes, EXEC, moves, RENAMENX, COPY, RESTORE, MOVE and SWAPDB. Every
 * element is added once, so where it is found tells who has had it; only copies are many.
 *
 *   l0..  lists   z0..  sorted sets   x0..  streams, each with the group g   y0  a group that goes
 *   stash, other:l, other:z  nobody waits for them   copied:l, copied:z  what COPY gives
 */
import type { RandomSource } from '@kora/core/testing';
import type { Plan } from '../plan.ts';
import type { Reply } from '../reply.ts';
import { isError, listOf } from '../reply.ts';
import type { WaitKind } from './blocking-op.ts';
import { elementsIn } from './ledger.ts';

/** A request, and what it does to the elements. */
export interface Ask {
  readonly words: readonly string[];
  /** Elements that it may add. */
  readonly adds: readonly string[];
  /** Of those it may add the ones that it has added. */
  readonly added: (reply: Reply) => readonly string[];
  /** Kind of the elements that it takes, and how many at most; null: it takes none. */
  readonly takes: { readonly kind: string; readonly countMax: number } | null;
}

/** A command that waits. */
export interface WaitAsk extends Ask {
  readonly kind: WaitKind;
  readonly keys: readonly string[];
  readonly timeoutMs: number;
}

/** Elements that are many: copies of them are made. */
export const COPIED: Readonly<Record<string, string>> = { l: '#eC', z: '#mC' };
const ENDS = ['LEFT', 'RIGHT'];
const TIMEOUTS_MS = [0, 0, 0, 1, 50, 120, 700];

export class WaitWorkload {
  readonly lists: readonly string[];
  readonly zsets: readonly string[];
  readonly streams: readonly string[];
  /** DUMP of what COPY copies, by letter. */
  readonly payloads = new Map<string, string>();
  /** SWAPDB has been asked for. */
  hasSwapped = false;
  readonly #random: RandomSource;
  readonly #maySwap: boolean;
  #elements = 0;
  #groups = 0;

  constructor(random: RandomSource, { keyCount }: Plan) {
    this.#random = random;
    this.#maySwap = random.chance(0.5);
    const keys = (letter: string): string[] =>
      Array.from({ length: keyCount }, (_, i) => `${letter}${i}`);
    this.lists = keys('l');
    this.zsets = keys('z');
    this.streams = keys('x');
  }

  #pick<T>(choices: readonly T[]): T {
    const choice = choices[this.#random.below(choices.length)];
    if (choice === undefined) throw new Error('something is to be chosen');
    return choice;
  }

  #some(keys: readonly string[]): string[] {
    return Array.from({ length: 1 + this.#random.below(3) }, () => this.#pick(keys));
  }

  #element(kind: string): string {
    return `#${kind}${this.#elements++}`;
  }

  // ------------------------------------------------------------------ waiting

  waiting(): WaitAsk {
    const timeoutMs = this.#pick(TIMEOUTS_MS);
    switch (this.#random.below(10)) {
      case 0: case 1: case 2: return this.#pop(timeoutMs);
      case 3: return this.#popMany('BLMPOP', 'list', this.lists, ENDS, timeoutMs);
      case 4: case 5: return this.#move(timeoutMs);
      case 6: return this.#popScored(timeoutMs);
      case 7: return this.#popMany('BZMPOP', 'zset', this.zsets, ['MIN', 'MAX'], timeoutMs);
      case 8: return this.#readGroup(timeoutMs);
      default: return this.#read(timeoutMs);
    }
  }

  #pop(timeoutMs: number): WaitAsk {
    const keys = this.#some(this.lists);
    const name = this.#pick(['BLPOP', 'BRPOP']);
    return waitAsk('list', keys, timeoutMs, [name, ...keys, seconds(timeoutMs)], 1);
  }

  #popScored(timeoutMs: number): WaitAsk {
    const keys = this.#some(this.zsets);
    const name = this.#pick(['BZPOPMIN', 'BZPOPMAX']);
    return waitAsk('zset', keys, timeoutMs, [name, ...keys, seconds(timeoutMs)], 1);
  }

  #popMany(
    name: string, kind: WaitKind, from: readonly string[], ends: readonly string[],
    timeoutMs: number,
  ): WaitAsk {
    const keys = this.#some(from);
    const count = 1 + this.#random.below(3);
    const words = [
      name, seconds(timeoutMs), String(keys.length), ...keys, this.#pick(ends), 'COUNT',
      String(count),
    ];
    return waitAsk(kind, keys, timeoutMs, words, count);
  }

  #move(timeoutMs: number): WaitAsk {
    const source = this.#pick(this.lists);
    const destination = this.#pick([...this.lists, 'stash']);
    const words = this.#random.chance(0.3)
      ? ['BRPOPLPUSH', source, destination, seconds(timeoutMs)]
      : ['BLMOVE', source, destination, this.#pick(ENDS), this.#pick(ENDS), seconds(timeoutMs)];
    return waitAsk('list', [source], timeoutMs, words, 0);
  }

  #readGroup(timeoutMs: number): WaitAsk {
    const isGone = this.#random.chance(0.2);
    const keys = isGone ? ['y0'] : [...new Set(this.#some(this.streams))];
    const count = 1 + this.#random.below(2);
    const words = [
      'XREADGROUP', 'GROUP', 'g', this.#pick(['ann', 'bob']), 'COUNT', String(count),
      'BLOCK', String(timeoutMs), ...(this.#random.chance(0.3) ? ['NOACK'] : []),
      'STREAMS', ...keys, ...keys.map(() => '>'),
    ];
    return waitAsk(isGone ? 'gone' : 'group', keys, timeoutMs, words, count * keys.length);
  }

  #read(timeoutMs: number): WaitAsk {
    const keys = [...new Set(this.#some(this.streams))];
    const words = ['XREAD', 'BLOCK', String(timeoutMs), 'STREAMS', ...keys, ...keys.map(() => '$')];
    return waitAsk('stream', keys, timeoutMs, words, 0);
  }

  // ------------------------------------------------------------------ filling

  /** Commands that belong together: one, or those of an EXEC, or what leads to one. */
  change(): Ask[] {
    switch (this.#random.below(19)) {
      case 0: case 1: case 2: case 3: case 4: return [this.#push(this.#pick(this.lists))];
      case 5: return [this.#score(this.#pick(this.zsets))];
      case 6: return [this.#entry()];
      case 7: return this.#exec();
      case 8: return [this.#push('stash'), plain(['LMOVE', 'stash', this.#pick(this.lists), 'LEFT',
        this.#pick(ENDS)])];
      case 9: return this.#rename();
      case 10: return [this.#copy()];
      case 11: return this.#restore();
      case 12: return this.#byDatabase();
      case 13: case 16: case 17: case 18: return [this.#take()];
      case 14: return this.#group();
      default: return [plain(['LMOVE', this.#pick(this.lists), this.#pick(this.lists), 'LEFT',
        'LEFT'])];
    }
  }

  #push(key: string): Ask {
    const elements = Array.from(
      { length: 1 + this.#random.below(3) }, () => this.#element('e'),
    );
    return adding([this.#pick(['LPUSH', 'RPUSH']), key, ...elements], elements);
  }

  #score(key: string): Ask {
    const members = Array.from({ length: 1 + this.#random.below(2) }, () => this.#element('m'));
    const pairs = members.flatMap((member) => [String(this.#random.below(5)), member]);
    return adding(['ZADD', key, ...pairs], members);
  }

  #entry(): Ask {
    const element = this.#element('x');
    return adding(['XADD', this.#pick(this.streams), '*', 'f', element], [element]);
  }

  #exec(): Ask[] {
    const asks = Array.from({ length: 1 + this.#random.below(4) }, (): Ask => {
      switch (this.#random.below(7)) {
        case 0: return this.#score(this.#pick(this.zsets));
        case 1: return this.#entry();
        case 2: return plain(['RENAMENX', this.#pick(this.lists), this.#pick(this.lists)]);
        case 3: return { ...this.#pop(0), words: ['BLPOP', this.#pick(this.lists), '0'] };
        default: return this.#push(this.#pick(this.lists));
      }
    });
    const kinds = asks.flatMap(({ takes }) => (takes === null ? [] : [takes]));
    const exec: Ask = {
      words: ['EXEC'], adds: asks.flatMap(({ adds }) => adds),
      added: (reply) => (Array.isArray(reply)
        ? asks.flatMap(({ added }, i) => added(listOf(reply)[i] ?? null)) : []),
      takes: kinds.length === 0 ? null : { kind: '#e', countMax: kinds.length },
    };
    return [plain(['MULTI']), ...asks.map(({ words }) => plain(words)), exec];
  }

  #rename(): Ask[] {
    const isList = this.#random.chance(0.7);
    const keys = isList ? this.lists : this.zsets;
    if (this.#random.chance(0.5)) {
      return [plain(['RENAMENX', this.#pick(keys), this.#pick(keys)])];
    }
    const other = isList ? 'other:l' : 'other:z';
    const fill = isList ? this.#push(other) : this.#score(other);
    return [fill, plain(['RENAMENX', other, this.#pick(keys)])];
  }

  #copied(): { readonly letter: string; readonly key: string; readonly element: string } {
    const letter = this.#pick(['l', 'l', 'z']);
    const key = this.#pick(letter === 'l' ? this.lists : this.zsets);
    return { letter, key, element: COPIED[letter] ?? '' };
  }

  #copy(): Ask {
    const { letter, key, element } = this.#copied();
    return {
      words: ['COPY', `copied:${letter}`, key], adds: [element], takes: null,
      added: (reply) => (reply === ':1' ? [element] : []),
    };
  }

  #restore(): Ask[] {
    const { letter, key, element } = this.#copied();
    const payload = this.payloads.get(letter);
    if (payload === undefined) return [];
    return [{
      words: ['RESTORE', key, '0', payload], adds: [element], takes: null,
      added: (reply) => (reply === '+OK' ? [element] : []),
    }];
  }

  /** Keys come from another database. */
  #byDatabase(): Ask[] {
    if (this.#maySwap && this.#random.chance(0.4)) {
      this.hasSwapped = true;
      return [plain(['SWAPDB', '0', '1'])];
    }
    const key = this.#pick([...this.lists, ...this.zsets]);
    const fill = key.startsWith('l') ? this.#push(key) : this.#score(key);
    return [plain(['SELECT', '1']), fill, plain(['MOVE', key, '0']), plain(['SELECT', '0'])];
  }

  /** Somebody takes something without waiting. */
  #take(): Ask {
    if (this.#random.chance(0.3)) {
      return taking(['ZPOPMIN', this.#pick(this.zsets)], '#m', 1);
    }
    return taking(['LPOP', this.#pick(this.lists), '2'], '#e', 2);
  }

  /** A group that others wait for is made, or is gone in one way or another. */
  #group(): Ask[] {
    this.#groups++;
    if (this.#groups % 2 === 1) return [plain(['XGROUP', 'CREATE', 'y0', 'g', '$', 'MKSTREAM'])];
    return [plain(this.#pick([['DEL', 'y0'], ['XGROUP', 'DESTROY', 'y0', 'g'], ['UNLINK', 'y0']]))];
  }
}

/** A request that neither adds nor takes. */
export function plain(words: readonly string[]): Ask {
  return { words, adds: [], added: () => [], takes: null };
}

function adding(words: readonly string[], adds: readonly string[]): Ask {
  // Nothing else than an error says that they were not added.
  return { words, adds, added: (reply) => (isError(reply, '') ? [] : adds), takes: null };
}

function taking(words: readonly string[], kind: string, countMax: number): Ask {
  return { ...plain(words), takes: { kind, countMax } };
}

const LETTERS: Readonly<Record<WaitKind, string>> = {
  list: '#e', zset: '#m', group: '#x', stream: '', gone: '',
};

function waitAsk(
  kind: WaitKind, keys: readonly string[], timeoutMs: number, words: readonly string[],
  countMax: number,
): WaitAsk {
  const takes = countMax === 0 ? null : { kind: LETTERS[kind], countMax };
  return { ...plain(words), takes, kind, keys, timeoutMs };
}

/** Milliseconds as commands that wait for lists want them. */
function seconds(ms: number): string {
  return String(ms / 1000);
}

/** The elements that a reply says were taken. */
export function takenIn(ask: Ask, reply: Reply): string[] {
  return ask.takes === null ? [] : elementsIn(reply);
}
