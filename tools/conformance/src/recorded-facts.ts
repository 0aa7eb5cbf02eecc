/**
 * The facts that a reference server tells about its commands and settings, in the form in
 * which `reference/*.json` keeps them: names, numbers, flags and argument trees, no prose.
 *
 * Layout of a file: one JSON object, one member a line, members sorted by name, so that a
 *   difference between two recordings is a difference of lines. Lists keep the server's order.
 * Subcommands are members of their own, named as the server names them: `config|get`.
 * Source: COMMAND, COMMAND DOCS and CONFIG GET of redis-server 7.0.15.
 */
import { itemsOf, renderReply, type Reply } from './reply-notation.ts';

export type Plain = string | number | null | readonly Plain[] | { readonly [name: string]: Plain };
export interface PlainObject {
  readonly [name: string]: Plain;
}

/** Fields of COMMAND DOCS that are facts; everything else there is prose. */
const DOCUMENT_FACTS: ReadonlySet<string> = new Set([
  'since',
  'group',
  'doc_flags',
  'deprecated_since',
  'replaced_by',
]);
const ARGUMENT_PROSE: ReadonlySet<string> = new Set(['summary']);

/** Settings whose recorded value comes from how the recording was started, not from Redis;
 * their default as Redis documents it, or null where it depends on the machine. */
const NOT_DEFAULT_IN_RECORDING = new Map<string, Plain>([
  ['port', '6379'],
  ['bind', '* -::*'],
  ['dir', null],
]);

/** Sends a request and gives its reply, or throws when that is an error. */
export type Ask = (...request: string[]) => Promise<Reply>;

/** Asks a fresh server for everything that is recorded.
 * @param ask reaches a server with nothing set but its port, address and directory
 * @returns texts of the files in `reference/`, by name */
export async function recordFacts(ask: Ask): Promise<Map<string, string>> {
  await ask('HELLO', '3');
  return new Map([
    ['command-info.json', factsText(commandFacts(await ask('COMMAND')))],
    ['command-arguments.json', factsText(argumentFacts(await ask('COMMAND', 'DOCS')))],
    ['config-defaults.json', factsText(settingFacts(await ask('CONFIG', 'GET', '*')))],
  ]);
}

/** A reply as JSON: maps become objects, sets become lists, integers numbers. */
export function plainOf(reply: Reply): Plain {
  switch (reply.kind) {
    case 'map':
      return objectOf(reply);
    case 'array':
    case 'set':
    case 'push':
      return reply.items.map(plainOf);
    case 'integer':
      return Number(reply.text);
    case 'null':
    case 'null-array':
    case 'null-bulk':
      return null;
    default:
      return reply.text;
  }
}

/** The reply of COMMAND in RESP3, by command name, subcommands included. */
export function commandFacts(reply: Reply): Map<string, PlainObject> {
  const facts = new Map<string, PlainObject>();
  for (const entry of listOf(reply)) addCommand(facts, entry);
  return sorted(facts);
}

function addCommand(facts: Map<string, PlainObject>, entry: Reply): void {
  const [name, arity, flags, first, last, step, categories, tips, keySpecs, subcommands] =
    listOf(entry);
  const required = { arity, flags, first, last, step, categories, tips, keySpecs };
  const fact: Record<string, Plain> = {};
  for (const [field, value] of Object.entries(required)) {
    if (value === undefined) throw new Error(`COMMAND entry without ${field}`);
    fact[field] = plainOf(value);
  }
  facts.set(textOf(name), fact);
  for (const subcommand of subcommands === undefined ? [] : listOf(subcommands)) {
    addCommand(facts, subcommand);
  }
}

/** The reply of COMMAND DOCS in RESP3, by command name: its facts and its argument tree. */
export function argumentFacts(reply: Reply): Map<string, PlainObject> {
  const facts = new Map<string, PlainObject>();
  addDocuments(facts, reply);
  return sorted(facts);
}

function addDocuments(facts: Map<string, PlainObject>, documents: Reply): void {
  for (const [name, document] of pairsOf(documents)) {
    const fact: Record<string, Plain> = {};
    for (const [field, value] of pairsOf(document)) {
      if (DOCUMENT_FACTS.has(field)) fact[field] = plainOf(value);
      if (field === 'history') fact['history'] = listOf(value).map(versionOf);
      if (field === 'arguments') fact['arguments'] = listOf(value).map(argumentOf);
      if (field === 'subcommands') addDocuments(facts, value);
    }
    facts.set(name, fact);
  }
}

/** The version of a change; what changed is prose. */
function versionOf(change: Reply): Plain {
  return textOf(listOf(change)[0]);
}

function argumentOf(argument: Reply): PlainObject {
  const fact: Record<string, Plain> = {};
  for (const [field, value] of pairsOf(argument)) {
    if (ARGUMENT_PROSE.has(field)) continue;
    fact[field] = field === 'arguments' ? listOf(value).map(argumentOf) : plainOf(value);
  }
  return fact;
}

/** The reply of `CONFIG GET *`, by setting name: its default as text, null where it depends
 * on the machine. */
export function settingFacts(reply: Reply): Map<string, Plain> {
  const facts = new Map<string, Plain>();
  for (const [name, value] of pairsOf(reply)) {
    const override = NOT_DEFAULT_IN_RECORDING.get(name);
    facts.set(name, override === undefined ? plainOf(value) : override);
  }
  return sorted(facts);
}

/** One JSON object with one member a line, ending in a newline. */
export function factsText(facts: ReadonlyMap<string, Plain>): string {
  const lines: string[] = [];
  for (const [name, fact] of facts) lines.push(`${JSON.stringify(name)}:${JSON.stringify(fact)}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

function sorted<T>(facts: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...facts].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function listOf(reply: Reply): readonly Reply[] {
  const items = itemsOf(reply);
  if (items === undefined) throw new Error(`not a list: ${renderReply(reply)}`);
  return items;
}

function textOf(reply: Reply | undefined): string {
  if (reply === undefined || !('text' in reply)) throw new Error('not a text');
  return reply.text;
}

/** Names and values of a map, or of a flat list of pairs. */
function pairsOf(reply: Reply): [string, Reply][] {
  const items = listOf(reply);
  const pairs: [string, Reply][] = [];
  for (let index = 0; index + 1 < items.length; index += 2) {
    const value = items[index + 1];
    if (value !== undefined) pairs.push([textOf(items[index]), value]);
  }
  return pairs;
}

function objectOf(reply: Reply): PlainObject {
  const object: Record<string, Plain> = {};
  for (const [name, value] of pairsOf(reply)) object[name] = plainOf(value);
  return object;
}
