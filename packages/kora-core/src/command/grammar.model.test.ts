/**
 * The grammar matcher against argument lists made from the same grammars: every list that a grammar
 * generates matches, with the right slots filled; a list that is cut, lengthened or has a word
 * spoilt is refused. Random and seeded; the entries' own grammars are used as well as a few built
 * to be awkward.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { coreCommands } from '../shard/core-commands.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';
import { ArgFrame } from './arg-frame.hot.ts';
import { ClientState } from './client-state.ts';
import type { Grammar, Leaf } from './grammar.ts';
import { arg, buildGrammar } from './grammar.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';

const memory = WorkerMemory.create({ lowBytes: 1024 * 1024, bytesMax: 32 * 1024 * 1024 });
const frame = new ArgFrame(memory, new ClientState(1));
const ARGUMENTS_AT = 512 * 1024;

function bind(words: readonly string[]): void {
  const at = new Int32Array(words.length);
  const bytes = new Int32Array(words.length);
  let end = ARGUMENTS_AT;
  words.forEach((word, i) => {
    const encoded = new TextEncoder().encode(word);
    memory.low.set(encoded, end);
    at[i] = end;
    bytes[i] = encoded.length;
    end += encoded.length;
  });
  frame.bind(at, bytes, words.length);
}

function match(grammar: Grammar, words: readonly string[]): ReplyError | null {
  bind(words);
  return grammar.match(frame);
}

class Generator {
  readonly #chance: SeededChance;

  constructor(seed: number) {
    this.#chance = new SeededChance(seed);
  }

  below(limit: number): number {
    return (this.#chance.next32() >>> 0) % limit;
  }

  /** Words of a leaf with its token. `value` never equals a word of a grammar. */
  words(leaf: Leaf): string[] {
    const times = leaf.isRepeated ? 1 + this.below(3) : 1;
    const words: string[] = [];
    for (let i = 0; i < times; i++) words.push(...this.#once(leaf));
    return words;
  }

  #once(leaf: Leaf): string[] {
    const token = leaf.token === undefined ? [] : [this.anyCase(leaf.token)];
    switch (leaf.kind) {
      case 'token':
        return token;
      case 'oneOf': {
        const child = leaf.children[this.below(leaf.children.length)]?.[1];
        return child === undefined ? [] : this.words(child);
      }
      case 'block':
        return [...token, ...leaf.children.flatMap(([, child]) => this.words(child))];
      case 'integer':
      case 'unixTime':
        return [...token, String(this.below(1_000_000) + 1)];
      case 'double':
        return [...token, `${this.below(1000)}.5`];
      default:
        return [...token, `~value${this.below(1000)}`];
    }
  }

  anyCase(word: string): string {
    return this.below(2) === 0 ? word : word.toLowerCase();
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const rest = [...items];
    const out: Item[] = [];
    while (rest.length > 0) out.push(...rest.splice(this.below(rest.length), 1));
    return out;
  }
}

interface Generated {
  readonly words: string[];
  /** Names of the arguments that were given. */
  readonly given: string[];
}

/** An argument list of the grammar; options are shuffled among each other. */
function generate(generator: Generator, grammar: Grammar, wordCount: number): Generated {
  const firstOption = grammar.leaves.findIndex(([, leaf]) => leaf.isOptional);
  const head = firstOption < 0 ? grammar.leaves : grammar.leaves.slice(0, firstOption);
  const rest = firstOption < 0 ? [] : grammar.leaves.slice(firstOption);
  const options = rest.filter(([, leaf]) => leaf.isOptional && generator.below(2) === 0);
  const isPositional = ([, leaf]: readonly [string, Leaf]): boolean =>
    leaf.token === undefined && leaf.kind !== 'oneOf' && leaf.kind !== 'token';
  const shuffled = [
    ...generator.shuffled(options.filter((item) => !isPositional(item))),
    ...options.filter(isPositional),
  ];
  const order = [...head, ...shuffled, ...rest.filter(([, leaf]) => !leaf.isOptional)];
  const name = Array.from({ length: wordCount }, () => 'name');
  return {
    words: [...name, ...order.flatMap(([, leaf]) => generator.words(leaf))],
    given: order.map(([key]) => key),
  };
}

const awkward: Readonly<Record<string, Readonly<Record<string, Leaf>>>> = {
  options: {
    key: arg.key(), first: arg.token('FIRST').optional(), number: arg.integer('COUNT').optional(),
    side: arg.oneOf('LEFT', 'RIGHT').optional(),
  },
  tail: {
    key: arg.key(), condition: arg.oneOf('NX', 'XX').optional(),
    pairs: arg.repeat({ score: arg.double(), member: arg.bytes() }),
  },
  alternatives: {
    key: arg.key(),
    expiry: arg.oneOf({
      seconds: arg.integer('EX'), until: arg.unixTime('EXAT'), keep: arg.token('KEEPTTL'),
    }).optional(),
  },
  block: {
    key: arg.key(),
    limit: arg.block({ offset: arg.integer(), count: arg.integer() }, 'LIMIT').optional(),
  },
};

function arityOf(args: Readonly<Record<string, Leaf>>): number {
  for (let arity = -12; arity <= 12; arity++) {
    try {
      return buildGrammar(args, 1, arity, 'TEST').arity;
    } catch {
      continue;
    }
  }
  throw new Error('no arity fits');
}

/**
 * A required repetition that something follows: options, where a count among the arguments ends it,
 * or the last argument (BLPOP's timeout). Grammars cannot say either.
 */
function isEndedByOthers(grammar: Grammar): boolean {
  return grammar.leaves.slice(0, -1).some(([, leaf]) => leaf.isRepeated && !leaf.isOptional);
}

/**
 * A block with a part that may be absent or repeated: the entry shows it and brings a parser that
 * reads it, for the matcher takes blocks of a fixed width.
 */
function hasOpenBlock(grammar: Grammar): boolean {
  return grammar.leaves.some(([, leaf]) =>
    leaf.children.some(([, child]) => child.isRepeated || child.isOptional));
}

const grammars: readonly (readonly [string, Grammar, number])[] = [
  ...Object.entries(awkward).map(
    ([name, args]) => [name, buildGrammar(args, 1, arityOf(args), name), 1] as const,
  ),
  ...coreCommands
    .filter((command) => command.subcommands.size === 0)
    .filter(({ grammar }) => !isEndedByOthers(grammar) && !hasOpenBlock(grammar))
    .map((command) => [command.name, command.grammar, command.name.split('|').length] as const),
];

describe('grammars', () => {
  it.each(grammars)('%s matches what it generates', (name, grammar, wordCount) => {
    for (let seed = 1; seed <= 40; seed++) {
      const { words, given } = generate(new Generator(seed), grammar, wordCount);
      const label = `${name}, seed ${seed}: ${words.join(' ')}`;
      expect(match(grammar, words)?.text ?? null, label).toBeNull();
      for (const [key] of grammar.leaves) {
        const index = frame.index[grammar.slots[key] ?? -1] ?? -1;
        expect(index > 0, `${label}: ${key}`).toBe(given.includes(key));
      }
    }
  });

  it.each(grammars)('%s respects its arity', (name, grammar, wordCount) => {
    for (let seed = 1; seed <= 20; seed++) {
      const { words } = generate(new Generator(seed), grammar, wordCount);
      const { arity } = grammar;
      const isLegal = arity >= 0 ? words.length === arity : words.length >= -arity;
      expect(isLegal, `${name}, seed ${seed}: ${words.join(' ')}`).toBe(true);
      if (arity >= 0) expect(match(grammar, [...words, 'more'])).toBe(replyErrors.syntax);
      if (words.length > wordCount && arity >= 0) {
        expect(match(grammar, words.slice(0, -1))).toBe(replyErrors.syntax);
      }
    }
  });
});

describe('repetitions that something follows', () => {
  it('are parsed by hand', () => {
    for (const command of coreCommands.filter(({ grammar }) => isEndedByOthers(grammar))) {
      expect(command.definition.parse, command.name).toBeDefined();
    }
  });
});

describe('awkward lists', () => {
  const { options, tail, alternatives, block } = Object.fromEntries(
    Object.entries(awkward).map(([name, args]) => {
      return [name, buildGrammar(args, 1, arityOf(args), name)];
    }),
  );

  it('takes the last of a repeated option', () => {
    expect(match(options!, ['c', 'k', 'COUNT', '5', 'first', 'COUNT', '7'])).toBeNull();
    expect(frame.number[options!.slots['number']!]).toBe(7);
  });

  it('refuses two alternatives, and a word that is none', () => {
    expect(match(options!, ['c', 'k', 'LEFT', 'RIGHT'])).toBe(replyErrors.syntax);
    expect(match(options!, ['c', 'k', 'LEFT', 'left'])).toBeNull();
    expect(match(options!, ['c', 'k', 'SIDEWAYS'])).toBe(replyErrors.syntax);
    expect(match(alternatives!, ['c', 'k', 'EX', '5', 'KEEPTTL'])).toBe(replyErrors.syntax);
    expect(match(alternatives!, ['c', 'k', 'EXAT'])).toBe(replyErrors.syntax);
  });

  it('finds wrong structure before wrong numbers', () => {
    expect(match(options!, ['c', 'k', 'COUNT', 'x', 'NOPE'])).toBe(replyErrors.syntax);
    expect(match(options!, ['c', 'k', 'COUNT', 'x'])).toBe(replyErrors.notInteger);
    expect(match(alternatives!, ['c', 'k', 'EX', '1.5'])).toBe(replyErrors.notInteger);
  });

  it('counts repeated groups and refuses half of one', () => {
    expect(match(tail!, ['c', 'k', 'NX', '1', 'a', '2', 'b'])).toBeNull();
    expect(frame.times[tail!.slots['pairs']!]).toBe(2);
    expect(match(tail!, ['c', 'k', 'NX', '1', 'a', '2'])).toBe(replyErrors.syntax);
    expect(match(tail!, ['c', 'k', 'NX'])).toBe(replyErrors.syntax);
  });

  it('keeps 64-bit integers exact', () => {
    expect(match(options!, ['c', 'k', 'COUNT', '-9223372036854775808'])).toBeNull();
    const slot = options!.slots['number']!;
    expect(frame.integer64(slot)).toBe(-(2n ** 63n));
    expect(frame.isExact[slot]).toBe(0);
    const tooLarge = match(options!, ['c', 'k', 'COUNT', '9223372036854775808']);
    expect(tooLarge).toBe(replyErrors.notInteger);
  });

  it('takes a block whole or not at all', () => {
    expect(match(block!, ['c', 'k', 'LIMIT', '1', '2'])).toBeNull();
    expect(match(block!, ['c', 'k', 'LIMIT', '1'])).toBe(replyErrors.syntax);
  });
});
