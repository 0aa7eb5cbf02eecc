/**
 * Arguments that fit a command, drawn from the argument trees that redis-server tells in COMMAND
 * DOCS (`reference/command-arguments.json`): every option of every command is played without
 * anybody having written it down here.
 *
 * Invariant: what comes out fits the grammar; whether its values make sense is left to chance.
 * Cost: O(arguments).
 */
import { readFileSync } from 'node:fs';
import type { Pools } from './pools.ts';

const ARGUMENTS_FILE = new URL('../../reference/command-arguments.json', import.meta.url);
const REPEATS_MAX = 4;

/** One node of a recorded argument tree. */
interface RecordedArgument {
  readonly name: string;
  readonly type: string;
  readonly token?: string;
  readonly flags?: readonly string[];
  readonly arguments?: readonly RecordedArgument[];
}

/** The trees of all commands, by full name in lower case (`config|get`). */
export type RecordedGrammar = Readonly<Record<string, {
  readonly group?: string;
  readonly arguments?: readonly RecordedArgument[];
}>>;

/** Reads the recording. */
export function loadRecordedGrammar(): RecordedGrammar {
  // The file is written by this tool; recorded-facts.test.ts holds its form.
  return JSON.parse(readFileSync(ARGUMENTS_FILE, 'utf8')) as RecordedGrammar;
}

/** A request of the command `name` that fits its grammar.
 * @throws {Error} when the recording has no such command */
export function fittingRequest(grammar: RecordedGrammar, name: string, pools: Pools): string[] {
  const tree = grammar[name];
  if (tree === undefined) throw new Error(`no recorded arguments of ${name}`);
  const request = name.split('|').map((word) => caseOf(word, pools));
  pools.keysToCome = 0;
  for (const argument of tree.arguments ?? []) append(request, argument, pools);
  return request;
}

function caseOf(word: string, { choices }: Pools): string {
  if (!choices.once(6)) return word.toUpperCase();
  return choices.once(2) ? word : word.charAt(0).toUpperCase() + word.slice(1);
}

function append(request: string[], argument: RecordedArgument, pools: Pools): void {
  const { choices } = pools;
  const has = (flag: string): boolean => argument.flags?.includes(flag) === true;
  if (has('optional') && !choices.once(3)) return;
  if (argument.token !== undefined && pools.avoids(argument.token)) return;
  const repeats = has('multiple') ? repeatsOf(argument, pools) : 1;
  if (argument.name === 'numkeys') pools.keysToCome = 1 + choices.below(REPEATS_MAX);
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const { token } = argument;
    const isNamed = repeat === 0 || has('multiple_token');
    if (token !== undefined && isNamed) request.push(caseOf(token, pools));
    appendValue(request, argument, pools);
  }
}

/** How often an argument comes: as often as was announced, where it was, or else by chance. */
function repeatsOf({ name, type }: RecordedArgument, pools: Pools): number {
  const { choices } = pools;
  const isCounted = type === 'key' || name === 'weight' || name === 'id';
  if (isCounted && pools.keysToCome > 0 && !choices.once(10)) return pools.keysToCome;
  const repeats = 1 + choices.below(REPEATS_MAX);
  if (type === 'key') pools.keysToCome = repeats;
  return repeats;
}

function appendValue(request: string[], argument: RecordedArgument, pools: Pools): void {
  const members = argument.arguments ?? [];
  switch (argument.type) {
    case 'pure-token':
      return; // its token is the whole of it
    case 'block':
      for (const member of members) append(request, member, pools);
      return;
    case 'oneof':
      append(request, pools.choices.of(members.filter(isPlayed(pools))), pools);
      return;
    default:
      request.push(valueOf(argument, pools));
  }
}

function isPlayed(pools: Pools): (argument: RecordedArgument) => boolean {
  return ({ token }) => token === undefined || !pools.avoids(token);
}

function valueOf({ name, type }: RecordedArgument, pools: Pools): string {
  if (name === 'numkeys' && !pools.choices.once(12)) return String(pools.keysToCome);
  const named = type === 'key' ? undefined : pools.named(name, type);
  if (named !== undefined) return named;
  switch (name) {
    case 'seconds':
      return pools.relativeTime(1);
    case 'milliseconds':
    case 'ttl':
      return pools.relativeTime(1_000);
    case 'unix-time-seconds':
      return pools.unixSeconds();
    case 'unix-time-milliseconds':
      return pools.unixMilliseconds();
    case 'offset':
    case 'start':
    case 'end':
      return pools.offset();
    case 'db':
    case 'destination-db':
    case 'index':
    case 'index1':
    case 'index2':
      return pools.database();
    case 'serialized-value':
      return pools.payload();
    case 'connection-name':
    case 'clientname':
      return pools.connectionName();
    case 'protover':
      return pools.choices.of(['2', '3', '2', '3', '1', '4', '', 'abc', '03']);
    case 'frequency':
      return pools.choices.of(['0', '1', '255', '256', '-1', 'abc']);
    default:
      return valueOfType(type, pools);
  }
}

function valueOfType(type: string, pools: Pools): string {
  switch (type) {
    case 'key':
      return pools.key();
    case 'integer':
      return pools.integer();
    case 'double':
      return pools.double();
    case 'pattern':
      return pools.pattern();
    case 'unix-time':
      return pools.unixSeconds();
    default:
      return pools.value();
  }
}
