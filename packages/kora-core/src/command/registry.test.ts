/**
 * The command table finds every entry by the bytes of its name in any case, nothing else, and
 * refuses entries that contradict it.
 */
import { describe, expect, it } from 'vitest';
import { coreCommands } from '../shard/core-commands.ts';
import { arg } from './grammar.ts';
import { CommandRegistry } from './registry.ts';
import { reply } from './reply-schema.ts';
import type { Command } from './spec.ts';
import { defineCommand } from './spec.ts';

function plain(name: string): Command {
  return defineCommand({
    name, group: 'server', since: '1.0.0', summary: 'A test.', complexity: 'O(1)',
    arity: name.includes('|') ? 2 : 1, flags: 0, acl: [], keys: [], args: {}, reply: reply.ok(),
    examples: [],
    apply(_shard, _frame, out) {
      out.ok();
    },
  });
}

function find(registry: CommandRegistry, name: string): Command | undefined {
  const padded = new TextEncoder().encode(`xx${name}yy`);
  return registry.find(padded, 2, padded.length - 4);
}

describe('CommandRegistry', () => {
  it('finds every command by its bytes, whatever their case, and nothing like it', () => {
    const registry = new CommandRegistry();
    registry.add(coreCommands);
    for (const command of coreCommands) {
      if (command.name.includes('|')) continue;
      const upper = command.name.toUpperCase();
      const mixed = upper.charAt(0) + command.name.slice(1);
      const found = find(registry, command.name);
      expect(found?.definition).toBe(command.definition);
      expect(find(registry, upper)).toBe(found);
      expect(find(registry, mixed)).toBe(found);
      expect(registry.byName(upper)).toBe(found);
      expect(find(registry, `${command.name}\0`)).toBeUndefined();
      const longer = `${command.name}x`; // LPUSH and LPUSHX are both commands.
      expect(find(registry, longer)?.name ?? longer).toBe(longer);
      const shorter = command.name.slice(0, -1);
      expect(find(registry, shorter)?.name ?? shorter).toBe(shorter);
    }
    expect(find(registry, '')).toBeUndefined();
    expect(find(registry, 'config|get')).toBeUndefined();
    expect(registry.byName('CONFIG|GET')?.name).toBe('config|get');
  });

  it('leaves the entries alone, so that two engines can number them differently', () => {
    const [a, b] = [plain('A'), plain('B')];
    const first = new CommandRegistry();
    const second = new CommandRegistry();
    first.add([a, b]);
    second.add([b, a]);
    expect(['a', 'b'].map((name) => first.byName(name)?.index)).toEqual([0, 1]);
    expect(['a', 'b'].map((name) => second.byName(name)?.index)).toEqual([1, 0]);
    expect([a.index, b.index]).toEqual([-1, -1]);
  });

  it('numbers commands in order and hangs subcommands below their container', () => {
    const registry = new CommandRegistry();
    registry.add([plain('A'), plain('A|B')]);
    registry.add([plain('C')]);
    expect(registry.commands.map((command) => [command.name, command.index])).toEqual([
      ['a', 0], ['a|b', 1], ['c', 2],
    ]);
    expect([...(registry.byName('a')?.subcommands.keys() ?? [])]).toEqual(['b']);
  });

  it('refuses a second entry of a name and a subcommand without its container', () => {
    const registry = new CommandRegistry();
    registry.add([plain('A')]);
    expect(() => {
      registry.add([plain('A')]);
    }).toThrow(/defined once/);
    expect(() => {
      registry.add([plain('NONE|B')]);
    }).toThrow(/has a container/);
  });

  it('refuses an entry whose arity is not that of its grammar', () => {
    expect(() => defineCommand({
      ...plain('A').definition, arity: 3, args: { key: arg.key() },
    })).toThrow(/grammar gives 2/);
  });
});
