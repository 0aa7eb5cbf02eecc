/**
 * What a command is: one entry of which everything else is derived (style guide, section 3):
 * lookup, arity and flag checks, routing, COMMAND and its subcommands, ACL categories,
 * documentation, tests. The shape of an entry is checked when it is defined, so a bad entry fails
 * at start-up, not at a client's request.
 */
import type { ReplyError } from '../errors/reply-error.ts';
import type { Shard } from '../shard/shard.ts';
import type { ArgFrame } from './arg-frame.hot.ts';
import type { Grammar, Leaf, SlotsOf } from './grammar.ts';
import { buildGrammar } from './grammar.ts';
import type { KeySpec } from './key-spec.ts';
import type { ReplySchema } from './reply-schema.ts';
import type { ReplySink } from './sink.ts';
import type { WaitingDefinition, WaitingForm } from './waiting-form.ts';
import { waitingFormOf } from './waiting-form.ts';

export type { WaitingForm } from './waiting-form.ts';

/** Flags of a command; names and meaning as COMMAND INFO shows them. */
export const Flag = Object.freeze({
  Write: 1 << 0,
  ReadOnly: 1 << 1,
  DenyOom: 1 << 2,
  Admin: 1 << 3,
  PubSub: 1 << 4,
  NoScript: 1 << 5,
  Blocking: 1 << 6,
  Loading: 1 << 7,
  Stale: 1 << 8,
  SkipMonitor: 1 << 9,
  SkipSlowlog: 1 << 10,
  Asking: 1 << 11,
  Fast: 1 << 12,
  NoAuth: 1 << 13,
  MayReplicate: 1 << 14,
  NoMulti: 1 << 15,
  MovableKeys: 1 << 16,
  AllowBusy: 1 << 17,
  NoAsyncLoading: 1 << 18,
  NoMandatoryKeys: 1 << 19,
  /** Ours: never refused while CLIENT PAUSE holds others (CLIENT, AUTH, HELLO, QUIT...). */
  NeverPaused: 1 << 20,
  /** Ours: its value arguments may be ropes; of all other commands the executor makes them flat. */
  TakesRopes: 1 << 21,
});

/** Groups of COMMAND DOCS. */
export type CommandGroup =
  | 'string' | 'generic' | 'connection' | 'server' | 'list' | 'hash' | 'set' | 'sorted_set'
  | 'stream' | 'bitmap' | 'hyperloglog' | 'geo' | 'pubsub' | 'scripting' | 'transactions'
  | 'cluster' | 'json' | 'vector';

/** One entry of the command table, as a file of commands writes it. */
export interface CommandDefinition<Args extends Readonly<Record<string, Leaf>>> {
  /** Upper case; a subcommand as `CONFIG|GET`. */
  readonly name: string;
  readonly group: CommandGroup;
  /** First Redis version with it; or of Kora for our own. */
  readonly since: string;
  readonly summary: string;
  readonly complexity: string;
  /**
   * Argument count with the name(s); negative = at least. A test proves that it equals the grammar.
   */
  readonly arity: number;
  /** Bits of Flag. */
  readonly flags: number;
  /**
   * ACL categories without those that follow from flags (read, write, fast, slow, admin,
   * dangerous...).
   */
  readonly acl: readonly string[];
  readonly keys: readonly KeySpec[];
  /**
   * Where it runs among several shards, for commands about something that is no key and yet has an
   * owner (channels): as if these were its keys. Default: `keys`, without what is no key.
   */
  readonly route?: readonly KeySpec[];
  /** Tips of COMMAND INFO, such as `request_policy:all_shards`. */
  readonly tips?: readonly string[];
  /** Behaviour changes by version, for COMMAND DOCS. */
  readonly history?: readonly (readonly [string, string])[];
  /** For COMMAND DOCS: since when it should not be used any more, and what should be. */
  readonly deprecated?: { readonly since: string; readonly replacedBy: string };
  /** For COMMAND DOCS: no command for clients, but for debugging or among servers. */
  readonly isSystem?: boolean;
  readonly args: Args;
  /**
   * Arguments as COMMAND DOCS tells them, where the tree is another than what `args` parses; a name
   * may come twice. Empty: it tells none.
   */
  readonly documentedArgs?: readonly (readonly [string, Leaf])[];
  readonly reply: ReplySchema;
  /**
   * [command line, reply in the notation of the conformance corpus], run in order on an empty
   * engine.
   */
  readonly examples: readonly (readonly [string, string])[];
  /** Hand-written parser of a hot command; fills the same slots as the grammar would. */
  readonly parse?: (frame: ArgFrame, at: SlotsOf<Args>) => ReplyError | null;
  /** Rules between arguments, after the grammar. Returns the error or null. */
  readonly check?: (frame: ArgFrame, at: SlotsOf<Args>) => ReplyError | null;
  /**
   * Of a command that runs in parts on several shards, all or none: false when the condition of
   * this part is not met (MSETNX: a key exists). Changes nothing.
   */
  readonly vote?: (shard: Shard, frame: ArgFrame, at: SlotsOf<Args>) => boolean;
  /** Of a command that waits when it found nothing: how a key serves it later. */
  readonly waiting?: WaitingDefinition<SlotsOf<Args>>;
  /**
   * Runs on the owner: check, reserve, mutate, commit, write one reply. Never throws for user
   * errors.
   */
  readonly apply: (shard: Shard, frame: ArgFrame, out: ReplySink, at: SlotsOf<Args>) => void;
}

/** A defined command, as the registry and executor use it; argument slots are erased to numbers. */
export interface Command {
  readonly definition: CommandDefinition<Readonly<Record<string, Leaf>>>;
  /** Lower case, `config|get`. */
  readonly name: string;
  readonly arity: number;
  readonly flags: number;
  readonly grammar: Grammar;
  readonly slots: Readonly<Record<string, number>>;
  /** Place in a registry's table and in the statistics; -1 for an entry outside of one. */
  readonly index: number;
  /** Subcommands by lower-case word; empty for an ordinary command. */
  readonly subcommands: Map<string, Command>;
  /** How it waits for keys, null when it never does. */
  readonly waiting: WaitingForm | null;
  parse(frame: ArgFrame): ReplyError | null;
  vote(shard: Shard, frame: ArgFrame): boolean;
  apply(shard: Shard, frame: ArgFrame, out: ReplySink): void;
}

/** Makes a command from its entry; throws an AssertionError when the entry contradicts itself. */
export function defineCommand<const Args extends Readonly<Record<string, Leaf>>>(
  definition: CommandDefinition<Args>,
): Command {
  const wordCount = definition.name.split('|').length;
  const grammar = buildGrammar(definition.args, wordCount, definition.arity, definition.name);
  // The slot object has one number per argument name: exactly SlotsOf<Args>, which buildGrammar
  // cannot infer.
  const at = grammar.slots as SlotsOf<Args>;
  const check = definition.check;
  const parse = parserOf(definition, grammar, at);
  return {
    // Erases the argument names; the functions above keep their own typed copy.
    definition: definition as unknown as CommandDefinition<Readonly<Record<string, Leaf>>>,
    name: definition.name.toLowerCase(),
    arity: definition.arity,
    flags: definition.flags,
    grammar,
    slots: grammar.slots,
    index: -1,
    subcommands: new Map(),
    parse:
      check === undefined
        ? parse
        : (frame) => {
            const error = parse(frame);
            return error === null ? check(frame, at) : error;
          },
    waiting: definition.waiting === undefined ? null : waitingFormOf(definition.waiting, at),
    vote: voterOf(definition, at),
    apply: applierOf(definition, at),
  };
}

/** Most commands have no condition. */
const alwaysMet = (): boolean => true;

function voterOf<Args extends Readonly<Record<string, Leaf>>>(
  definition: CommandDefinition<Args>, at: SlotsOf<Args>,
): Command['vote'] {
  const { vote } = definition;
  return vote === undefined ? alwaysMet : (shard, frame) => vote(shard, frame, at);
}

/** How the arguments are read. A parser that does not ask for the slots is called directly. */
function parserOf<Args extends Readonly<Record<string, Leaf>>>(
  definition: CommandDefinition<Args>, grammar: Grammar, at: SlotsOf<Args>,
): Command['parse'] {
  const { parse } = definition;
  if (parse === undefined) return (frame) => grammar.match(frame);
  // Its length says that it takes the frame alone.
  return parse.length === 1 ? (parse as Command['parse']) : (frame) => parse(frame, at);
}

/** How it runs, as above. */
function applierOf<Args extends Readonly<Record<string, Leaf>>>(
  definition: CommandDefinition<Args>, at: SlotsOf<Args>,
): Command['apply'] {
  const { apply } = definition;
  // Its length says that it takes no slots.
  if (apply.length === 3) return apply as Command['apply'];
  return (shard, frame, out) => {
    apply(shard, frame, out, at);
  };
}
