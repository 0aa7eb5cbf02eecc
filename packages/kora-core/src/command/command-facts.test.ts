/**
 * The facts of every entry against those recorded from redis-server 7.0.15: what COMMAND says of a
 * command of ours is what it says of Redis's. The derivations (categories, key ranges) are also
 * held against all recorded commands, built or not. Commands that Redis 7.0 does not have are named
 * here, with the version they come from.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { coreCommands } from '../shard/core-commands.ts';
import type { RecordedSpec } from '../testing/recorded-key-spec.ts';
import { specFromRecorded } from '../testing/recorded-key-spec.ts';
import { categoriesOf, categoriesOfCommand } from './acl-categories.ts';
import { flagNames, keyRangeOf, keySpecFlags } from './info.ts';
import type { KeySpec } from './key-spec.ts';
import type { Command } from './spec.ts';
import { Flag } from './spec.ts';

interface RecordedCommand {
  readonly arity: number;
  readonly flags: readonly string[];
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly categories: readonly string[];
  readonly tips: readonly string[];
  readonly keySpecs: readonly RecordedSpec[];
}

/** Entries of later versions than the recorded one, and of which. */
const LATER: Readonly<Record<string, string>> = {
  delex: '8.4.0', digest: '8.4.0', msetex: '8.4.0',
  hexpire: '7.4.0', hpexpire: '7.4.0', hexpireat: '7.4.0', hpexpireat: '7.4.0',
  httl: '7.4.0', hpttl: '7.4.0', hexpiretime: '7.4.0', hpexpiretime: '7.4.0', hpersist: '7.4.0',
  hgetex: '8.0.0', hsetex: '8.0.0', hgetdel: '8.0.0', xdelex: '8.2.0', xackdel: '8.2.0',
  vadd: '8.0.0', vrem: '8.0.0', vsim: '8.0.0', vdim: '8.0.0', vcard: '8.0.0', vinfo: '8.0.0',
  vemb: '8.0.0', vlinks: '8.0.0', vsetattr: '8.0.0', vgetattr: '8.0.0', vismember: '8.0.0',
  vrandmember: '8.0.0', vrange: '8.4.0',
  // Engram's, and Kora's own.
  vnew: '0.1.0', vsearch: '0.1.0', vdel: '0.1.0', vsave: '0.1.0',
  vecnew: '0.1.0', vecadd: '0.1.0', vecinfo: '0.1.0', vecdrop: '0.1.0', vecsearch: '0.1.0',
  vecset: '0.1.0', vecget: '0.1.0', vecdel: '0.1.0', vecquery: '0.1.0',
};

/** Entries that take an argument more than the recorded version, as later ones do: their arity. */
const WIDENED: Readonly<Record<string, number>> = { zrank: -3, zrevrank: -3 };

const file = new URL(
  '../../../../tools/conformance/reference/command-info.json', import.meta.url,
);
// The recording has this shape: recorded-facts.ts writes it.
const recorded = JSON.parse(readFileSync(file, 'utf8')) as Record<string, RecordedCommand>;
const FLAG_OF_NAME = new Map(
  Object.values(Flag).flatMap((bit) => flagNames(bit).map((name) => [name, bit])),
);

function specOf(spec: KeySpec): RecordedSpec {
  const { begin, find } = spec;
  const beginSpec: Record<string, number | string> =
    begin.kind === 'index' ? { index: begin.index }
    : begin.kind === 'keyword' ? { keyword: begin.keyword, startfrom: begin.startFrom } : {};
  const findSpec: Record<string, number> =
    find.kind === 'range' ? { lastkey: find.last, keystep: find.step, limit: find.limit }
    : find.kind === 'keynum'
      ? { keynumidx: find.keynumIndex, firstkey: find.firstKey, keystep: find.step } : {};
  return {
    notes: spec.notes,
    flags: [...keySpecFlags(spec)].sort(),
    begin_search: { type: begin.kind, spec: beginSpec },
    find_keys: { type: find.kind, spec: findSpec },
  };
}

function sortedSpec(spec: RecordedSpec): RecordedSpec {
  const { notes, begin_search, find_keys } = spec;
  return { notes, flags: [...spec.flags].sort(), begin_search, find_keys };
}

function factsOf(command: Command): unknown {
  const { definition } = command;
  return {
    arity: command.arity,
    flags: [...flagNames(command.flags)].sort(),
    ...keyRangeOf(definition.keys),
    categories: categoriesOfCommand(command).map((name) => `@${name}`).sort(),
    tips: [...(definition.tips ?? [])].sort(),
    keySpecs: definition.keys.map(specOf),
  };
}

function factsRecorded(fact: RecordedCommand): unknown {
  return {
    arity: fact.arity,
    flags: [...fact.flags].sort(),
    first: fact.first,
    last: fact.last,
    step: fact.step,
    categories: [...fact.categories].sort(),
    tips: [...fact.tips].sort(),
    keySpecs: fact.keySpecs.map(sortedSpec),
  };
}

describe('facts of the entries', () => {
  it.each(coreCommands.map((command) => [command.name, command] as const))(
    '%s equals the reference',
    (name, command) => {
      const reference = recorded[name];
      if (reference === undefined) {
        expect(LATER[name]).toBe(command.definition.since);
        return;
      }
      const arity = WIDENED[name] ?? reference.arity;
      expect(factsOf(command)).toEqual(factsRecorded({ ...reference, arity }));
    },
  );

  it('has no entry of a later version that the reference knows', () => {
    for (const name of Object.keys(LATER)) expect(recorded[name], name).toBeUndefined();
  });
});

describe('derivations, on every recorded command', () => {
  it('gives the categories that follow from flags', () => {
    for (const [name, fact] of Object.entries(recorded)) {
      let flags = 0;
      for (const flag of fact.flags) flags |= FLAG_OF_NAME.get(flag) ?? 0;
      const all = fact.categories.map((category) => category.slice(1));
      const named = all.includes('scripting') ? ['scripting'] : [];
      const wrong = categoriesOf(flags, named).filter((category) => !all.includes(category));
      expect(wrong, name).toEqual([]);
      expect([...categoriesOf(flags, all)].sort(), name).toEqual([...all].sort());
    }
  });

  it('gives first, last and step', () => {
    for (const [name, { first, last, step, keySpecs }] of Object.entries(recorded)) {
      expect(keyRangeOf(keySpecs.map(specFromRecorded)), name).toEqual({ first, last, step });
    }
  });
});
