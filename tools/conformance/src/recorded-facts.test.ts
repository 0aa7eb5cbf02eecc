/**
 * Facts are taken from replies of COMMAND, COMMAND DOCS and CONFIG GET without their prose, and
 * written one a line; the committed files are readable JSON that agree with each other.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  argumentFacts,
  commandFacts,
  factsText,
  settingFacts,
  type Plain,
} from './recorded-facts.ts';
import { REFERENCE_DIRECTORY } from './reference-questions.ts';
import { itemsOf, parseReply, type Reply } from './reply-notation.ts';

function reply(notation: string): Reply {
  const [only] = itemsOf(parseReply(`*[${notation}]`)) ?? [];
  return only!;
}

function committed(name: string): object {
  const text = readFileSync(path.join(REFERENCE_DIRECTORY, name), 'utf8');
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === 'object' && parsed !== null ? parsed : {};
}

describe('facts of replies', () => {
  it('lists subcommands beside commands, sorted by name', () => {
    const sub = '*[$"b|x" :2 ~[+"fast"] :0 :0 :0 ~[+"@slow"] *[] *[] *[]]';
    const entry = `*[*[$"b" :-2 ~[] :1 :-1 :1 ~[] *[$"tip"] *[] *[${sub}]]
      *[$"a" :1 ~[] :0 :0 :0 ~[] *[] *[%[$"flags" ~[+"RO"]]] *[]]]`.replace(/\n */g, ' ');
    const facts = commandFacts(reply(entry));
    expect([...facts.keys()]).toEqual(['a', 'b', 'b|x']);
    expect(facts.get('b')).toMatchObject({ arity: -2, last: -1, tips: ['tip'] });
    expect(facts.get('b|x')).toMatchObject({ flags: ['fast'], categories: ['@slow'] });
    expect(facts.get('a')).toMatchObject({ keySpecs: [{ flags: ['RO'] }] });
  });

  it('keeps argument trees and leaves prose out', () => {
    const argument = '%[$"name" $"x" $"type" $"oneof" $"summary" $"prose"';
    const nested = '$"arguments" *[%[$"name" $"y" $"token" $"Y"]]';
    const docs = `%[$"cmd" %[$"summary" $"prose" $"since" $"1.0.0" $"arguments" *[${argument}
      ${nested}]]]]`.replace(/\n */g, ' ');
    expect(argumentFacts(reply(docs)).get('cmd')).toEqual({
      since: '1.0.0',
      arguments: [{ name: 'x', type: 'oneof', arguments: [{ name: 'y', token: 'Y' }] }],
    });
  });

  it('corrects the settings that the recording itself had to set', () => {
    const facts = settingFacts(reply('%[$"port" $"31234" $"hz" $"10" $"dir" $"somewhere"]'));
    expect([...facts]).toEqual([['dir', null], ['hz', '10'], ['port', '6379']]);
  });

  it('writes one member a line', () => {
    const facts = new Map<string, Plain>([['a', 1], ['b', [2]]]);
    expect(factsText(facts)).toBe('{\n"a":1,\n"b":[2]\n}\n');
  });
});

describe('committed facts', () => {
  it('name the same commands in both files', () => {
    const described = Object.keys(committed('command-arguments.json'));
    expect(Object.keys(committed('command-info.json'))).toEqual(described);
    expect(described.length).toBeGreaterThan(350);
  });

  it('hold known facts of GET and of a setting', () => {
    const facts = { arity: 2, flags: ['readonly', 'fast'], first: 1, last: 1, step: 1 };
    expect(committed('command-info.json')).toMatchObject({ get: facts });
    const settings = { 'maxmemory-policy': 'noeviction', port: '6379' };
    expect(committed('config-defaults.json')).toMatchObject(settings);
  });
});
