/**
 * The stream of soak commands reaches every string command and every command that ignores the type,
 * as the engine's own table lists them, stays within its keys and sizes, and repeats for a seed.
 */
import { CommandDriver, randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { SoakCommands } from './soak-commands.ts';

const NOW_MS = 1_700_000_000_000;
/** They would touch the keys of other clients. */
const LEFT_OUT = ['FLUSHALL', 'FLUSHDB', 'SWAPDB'];
/** The largest argument. */
const BIG = 1 << 20;

function streamOf(seed: number, count: number): string[][] {
  const commands = new SoakCommands(randomSource(seed), 3, () => NOW_MS);
  return Array.from({ length: count }, () => {
    const { args, check } = commands.next();
    // RESTORE needs a payload, which is taken from a reply to DUMP.
    if (args[0] === 'DUMP') check({ type: 'bulk', value: Buffer.from('payload') });
    return [...args];
  });
}

/** Names of a category in the engine's table. */
function namesOf(category: string): string[] {
  const list = new CommandDriver().reply('COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', category);
  if (!('items' in list)) throw new Error('COMMAND LIST gave no list');
  return list.items.map((item) => ('text' in item ? item.text.toUpperCase() : ''));
}

describe('soak commands', () => {
  it('reach every command on strings and on keys', () => {
    const reached = new Set<string>();
    for (let seed = 1; seed <= 4; seed++) {
      for (const [name = '', second = ''] of streamOf(seed, 2000)) {
        reached.add(name).add(`${name}|${second.toUpperCase()}`);
      }
    }
    const wanted = [...namesOf('string'), ...namesOf('keyspace')];
    const missed = wanted.filter((name) => !LEFT_OUT.includes(name) && !reached.has(name));
    expect(wanted.length).toBeGreaterThan(40);
    expect([...new Set(missed)].sort()).toEqual([]);
  });

  it('repeat for a seed, and differ for another', () => {
    expect(streamOf(9, 200)).toEqual(streamOf(9, 200));
    expect(streamOf(9, 200)).not.toEqual(streamOf(10, 200));
  });

  it('use keys of their client only, few of them, and arguments of bounded size', () => {
    const keys = new Set<string>();
    for (const args of streamOf(5, 5000)) {
      for (const arg of args) {
        expect(arg.length).toBeLessThanOrEqual(BIG);
        if (/^soak\d+:\w+$/.test(arg)) keys.add(arg);
      }
    }
    expect([...keys].filter((key) => !key.startsWith('soak3:'))).toEqual([]);
    expect(keys.size).toBeLessThanOrEqual(40);
  });
});
