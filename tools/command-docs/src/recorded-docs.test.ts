/**
 * COMMAND DOCS of every command against what redis-server 7.0.15 was recorded to answer
 * (tools/conformance/reference, which a reference test holds against the server): version, group,
 * flags, deprecation, versions of changes, and the whole tree of arguments, field by field.
 * Left out is what is in words of our own: summary, complexity, what changed. Exceptions are named
 * one by one: an exception that is none, or a difference more, fails.
 */
import { readFileSync } from 'node:fs';
import { CommandDriver } from '@kora/core/testing';
import type { RecordedReply } from '@kora/core/testing';
import { serverCommands } from '@kora/server/commands';
import { describe, expect, it } from 'vitest';

type Plain = string | number | readonly Plain[] | Fields;
interface Fields {
  readonly [name: string]: Plain;
}
const file = new URL('../../conformance/reference/command-arguments.json', import.meta.url);
// The recording has this shape: recorded-facts.ts writes it.
const recorded = JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<string, Fields>>;

/** Commands of later versions, which the reference cannot know. */
const LATER = new Set([
  'client|no-touch', 'client|setinfo', 'delex', 'digest', 'hexpire', 'hexpireat', 'hexpiretime',
  'hgetdel', 'hgetex', 'hpersist', 'hpexpire', 'hpexpireat', 'hpexpiretime', 'hpttl', 'hsetex',
  'httl', 'msetex', 'vadd', 'vcard', 'vdel', 'vdim', 'vecadd', 'vecdel', 'vecdrop', 'vecget',
  'vecinfo', 'vecnew', 'vecquery', 'vecsearch', 'vecset', 'vemb', 'vgetattr', 'vinfo', 'vismember',
  'vlinks', 'vnew', 'vrandmember', 'vrange', 'vrem', 'vsave', 'vsearch', 'vsetattr', 'vsim',
  'waitaof', 'xackdel', 'xdelex',
]);

/** Changes of later versions to commands that the reference has: their version. */
const LATER_CHANGES: Readonly<Record<string, string>> = {
  bitop: '8.2.0', hscan: '7.4.0', set: '8.4.0', zrank: '7.2.0', zrevrank: '7.2.0',
};

/** Fields of a document, and of an argument, in Redis's order. */
const FIELDS = [
  'summary', 'since', 'group', 'complexity', 'doc_flags', 'deprecated_since', 'replaced_by',
  'history', 'arguments', 'subcommands',
];
const ARGUMENT_FIELDS = [
  'name', 'type', 'key_spec_index', 'token', 'since', 'deprecated_since', 'flags', 'arguments',
];

function isList(value: Plain | undefined): value is readonly Plain[] {
  return Array.isArray(value);
}

function fieldsOf(value: Plain | undefined): Fields {
  if (typeof value !== 'object' || isList(value)) throw new Error('a map is missing');
  return value;
}

function plainOf(reply: RecordedReply): Plain {
  if ('items' in reply) {
    if (reply.kind !== 'map') return reply.items.map(plainOf);
    const fields: Record<string, Plain> = {};
    reply.items.forEach((name, i) => {
      const value = reply.items[i + 1];
      if (i % 2 === 0 && 'text' in name && value) fields[name.text] = plainOf(value);
    });
    return fields;
  }
  if (!('text' in reply)) throw new Error(`no null in documents: ${reply.kind}`);
  return reply.kind === 'integer' ? Number(reply.text) : reply.text;
}

/** All documents by name, those of subcommands among them. */
function flattened(documents: Fields, into = new Map<string, Fields>()) {
  for (const [name, document] of Object.entries(documents)) {
    const { subcommands, ...fields } = fieldsOf(document);
    into.set(name, fields);
    if (subcommands !== undefined) flattened(fieldsOf(subcommands), into);
  }
  return into;
}

function expectOrder(names: readonly string[], order: readonly string[], where: string): void {
  expect(names.filter((name) => !order.includes(name)), where).toEqual([]);
  expect(names, where).toEqual(order.filter((name) => names.includes(name)));
}

/** True for an argument of a version after 7.0. */
function isLater({ since }: Fields): boolean {
  return typeof since === 'string' && /^([89]|7\.[^0])/.test(since);
}

/** Arguments without those that are younger than Redis 7.0; checks the order of fields. */
function argumentsOf(value: Plain | undefined, where: string): Fields[] | undefined {
  if (!isList(value)) return undefined;
  const known = value.map(fieldsOf).filter((argument) => !isLater(argument));
  return known.map((argument) => {
    expectOrder(Object.keys(argument), ARGUMENT_FIELDS, where);
    const { flags, arguments: inner, ...others } = argument;
    return {
      ...others, flags: isList(flags) ? [...flags].sort() : [],
      arguments: argumentsOf(inner, where) ?? [],
    };
  });
}

/** What is compared of a document whose history is a list of versions. */
function factsOf(name: string, document: Fields): object {
  const { since, group, doc_flags, deprecated_since, replaced_by, history } = document;
  const versions = isList(history) ? history : [];
  return {
    since, group, doc_flags, deprecated_since, replaced_by,
    history: versions.filter((version) => version !== LATER_CHANGES[name]),
    arguments: argumentsOf(document['arguments'], name),
  };
}

const driver = new CommandDriver({ resp: 3, extraCommands: serverCommands });
const documents = flattened(fieldsOf(plainOf(driver.reply('COMMAND', 'DOCS'))));

describe('COMMAND DOCS', () => {
  it.each([...documents])('of %s is as recorded', (name, document) => {
    expectOrder(Object.keys(document), FIELDS, name);
    const reference = recorded[name];
    if (reference === undefined) {
      expect(LATER, name).toContain(name);
      return;
    }
    expect(LATER, name).not.toContain(name);
    const { history } = document;
    const versions = (isList(history) ? history : []).flatMap((change) =>
      (isList(change) ? change.slice(0, 1) : []));
    expect(factsOf(name, { ...document, history: versions })).toEqual(factsOf(name, reference));
  });

  it('has every exception that is named', () => {
    for (const name of LATER) expect(documents.has(name), name).toBe(true);
    for (const [name, version] of Object.entries(LATER_CHANGES)) {
      expect(JSON.stringify(documents.get(name)), name).toContain(`["${version}",`);
    }
  });

  it('tells of one command what it tells of all', () => {
    for (const name of ['set', 'client|kill', 'CONFIG']) {
      const alone = flattened(fieldsOf(plainOf(driver.reply('COMMAND', 'DOCS', name))));
      for (const [each, document] of alone) expect(document, each).toEqual(documents.get(each));
      expect(alone.has(name.toLowerCase())).toBe(true);
    }
  });
});
