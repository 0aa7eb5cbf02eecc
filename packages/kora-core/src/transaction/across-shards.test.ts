/**
 * Every command of the core has a kind, and the right one. The list is exact both ways: a new
 * command that can have several keys, or is about whole databases, fails here until somebody has
 * looked at how it runs over several shards. That it can have several keys is asked of the facts
 * recorded from redis-server, not of the specifications that the kind is derived from.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Command } from '../command/spec.ts';
import { Flag } from '../command/spec.ts';
import { coreCommands } from '../shard/core-commands.ts';
import { AcrossShards, Merge, reachOf } from './across-shards.ts';
import { Course } from './coordinator.ts';

const KINDS: Readonly<Record<string, string>> = {
  Independent: 'del exists mget mset touch unlink watch',
  Conditional: 'msetex msetnx',
  Gather:
    'bitop blmpop blpop brpop bzmpop bzpopmax bzpopmin copy georadius georadiusbymember ' +
    'geosearchstore lcs lmpop pfcount pfmerge rename renamenx sdiff sdiffstore sinter sintercard ' +
    'sinterstore sort sort_ro sunion sunionstore xread xreadgroup zdiff zdiffstore zinter ' +
    'zintercard zinterstore zmpop zrangestore zunion zunionstore',
  Move: 'blmove brpoplpush lmove rpoplpush smove',
  Everywhere: 'flushall flushdb swapdb',
  Scatter: 'dbsize keys randomkey scan',
};

const MERGES: Readonly<Record<string, string>> = {
  Array: 'mget', Sum: 'dbsize del exists touch unlink', Ok: 'flushall flushdb mset swapdb watch',
  Least: 'msetex msetnx',
};

const COURSES: Readonly<Record<string, string>> = {
  Certain: 'del exists flushall flushdb mget swapdb touch unlink',
  Voted: 'mset msetex msetnx watch',
};

interface RecordedCommand {
  readonly first: number;
  readonly last: number;
  readonly flags: readonly string[];
}

const file = new URL(
  '../../../../tools/conformance/reference/command-info.json', import.meta.url,
);
// The recording has this shape: recorded-facts.ts writes it.
const recorded = JSON.parse(readFileSync(file, 'utf8')) as Record<string, RecordedCommand>;

function named(table: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(table).find(([, number]) => number === value)?.[0] ?? '';
}

function listOf(commands: readonly Command[]): string {
  return commands.map(({ name }) => name).sort().join(' ');
}

function commandOf(name: string): Command {
  const command = coreCommands.find((each) => each.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return command;
}

describe('the kind of every command', () => {
  it('is as listed, and none is missing', () => {
    const found: Record<string, string> = {};
    for (const [kind, number] of Object.entries(AcrossShards)) {
      if (number === AcrossShards.Single) continue;
      found[kind] = listOf(coreCommands.filter((command) => reachOf(command).kind === number));
    }
    expect(found).toEqual(KINDS);
  });

  it('is one exactly where redis-server says that there may be several keys', () => {
    const compared = coreCommands.filter(({ name }) => recorded[name] !== undefined);
    expect(compared.length).toBeGreaterThan(150);
    for (const command of compared) {
      const { first, last, flags } = recorded[command.name]!;
      const hasKeys = command.definition.keys.length > 0;
      const several = hasKeys && (first !== last || flags.includes('movablekeys'));
      const { kind } = reachOf(command);
      const isOfKeys = kind !== AcrossShards.Single && command.definition.keys.length > 0;
      expect(isOfKeys, command.name).toBe(several);
    }
  });

  it('is one for every command that changes or lists whole databases', () => {
    for (const command of coreCommands) {
      const { acl, keys } = command.definition;
      const isWriter = (command.flags & Flag.Write) !== 0;
      const isReader = (command.flags & Flag.ReadOnly) !== 0;
      if (keys.length > 0 || !(isWriter || (isReader && acl.includes('keyspace')))) continue;
      const expected = isWriter ? AcrossShards.Everywhere : AcrossShards.Scatter;
      expect(reachOf(command).kind, command.name).toBe(expected);
    }
  });

  it('comes with how replies merge and how sure the parts are', () => {
    for (const command of coreCommands) {
      const { name } = command;
      const reach = reachOf(command);
      if (reach.kind === AcrossShards.Single) continue;
      const merge = Object.entries(MERGES).find(([, list]) => list.split(' ').includes(name));
      expect(named(Merge, reach.merge), name).toBe(merge?.[0] ?? 'Special');
      if (reach.kind === AcrossShards.Scatter) continue;
      const course = Object.entries(COURSES).find(([, list]) => list.split(' ').includes(name));
      expect(named(Course, reach.course), name).toBe(course?.[0] ?? 'Led');
    }
  });
});

describe('what is known of keys before they are', () => {
  it('is the place of an only key', () => {
    expect(reachOf(commandOf('get')).keyAt).toBe(1);
    expect(reachOf(commandOf('object|encoding')).keyAt).toBe(2);
    expect(reachOf(commandOf('ping')).keyAt).toBe(0);
    expect(reachOf(commandOf('mget')).keyAt).toBe(0);
    for (const command of coreCommands) {
      const reach = reachOf(command);
      const hasKeys = command.definition.keys.length > 0;
      if (reach.kind === AcrossShards.Single) expect(reach.keyAt > 0, command.name).toBe(hasKeys);
    }
  });

  it('is whether they change', () => {
    const writes = (name: string): boolean[] =>
      reachOf(commandOf(name)).specs.map(({ isWrite }) => isWrite);
    expect(writes('mget')).toEqual([false]);
    expect(writes('del')).toEqual([true]);
    expect(writes('sinterstore')).toEqual([true, false]);
    expect(writes('smove')).toEqual([true, true]);
    expect(writes('copy')).toEqual([false, true]);
    // Marked as reading, but the groups of its streams change.
    expect(writes('xreadgroup')).toEqual([true]);
    // Marked as changing, for a cache inside the value.
    expect(writes('pfcount')).toEqual([false]);
  });

  it('is whether elements name more of them', () => {
    const open = coreCommands.filter((command) => reachOf(command).mayReadUnknownKeys);
    expect(listOf(open)).toBe('sort sort_ro');
  });
});
