/**
 * The command driver itself: it reports what a command wrote, in the right protocol's forms, and
 * hands big arguments over as ropes without losing memory.
 */
import { describe, expect, it } from 'vitest';
import { arg } from '../command/grammar.ts';
import { reply } from '../command/reply-schema.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { CommandDriver } from './command-driver.ts';
import { splitCommandLine } from './command-line.ts';

const shapes = defineCommand({
  name: 'TEST.SHAPES', group: 'server', since: '1.0.0', summary: 'Every shape.', complexity: 'O(1)',
  arity: 2, flags: Flag.ReadOnly | Flag.TakesRopes, acl: [], keys: [], args: { value: arg.bytes() },
  reply: reply.array(), examples: [],
  apply(_shard, frame, out) {
    out.array(8);
    out.map(1);
    out.simple('k');
    out.boolean(true);
    out.set(1);
    out.double(1.5);
    out.null();
    out.nullArray();
    out.bigNumber('12');
    out.verbatim('txt', 'x');
    out.integer64(-(2n ** 63n));
    out.bulkText(frame.isBig(1) ? `rope ${frame.bytes[1] ?? 0}` : 'flat');
  },
});

describe('CommandDriver', () => {
  it('shows replies in the forms of each protocol', () => {
    const driver = new CommandDriver({ extraCommands: [shapes] });
    expect(driver.run('TEST.SHAPES', 'v')).toBe(
      '*[*[+"k" :1] *[$"1.5"] _ *_ $"12" $"x" :-9223372036854775808 $"flat"]',
    );
    const client = driver.newClient(3);
    expect(driver.runAs(client, 'test.shapes', 'v')).toBe(
      '*[%[+"k" #t] ~[,1.5] _ _ (12 ="txt:x" :-9223372036854775808 $"flat"]',
    );
  });

  it('hands big arguments over as ropes and takes back what nobody adopted', () => {
    const driver = new CommandDriver({ extraCommands: [shapes] });
    const used = driver.memory.usedBytes();
    expect(driver.run('TEST.SHAPES', new Uint8Array(200_000))).toContain('$"rope 200000"');
    expect(driver.memory.usedBytes()).toBe(used);
  });

  it('answers unknown commands like the server', () => {
    const driver = new CommandDriver();
    expect(driver.run('NOSUCH', 'a')).toBe(
      `-"ERR unknown command 'NOSUCH', with args beginning with: 'a' "`,
    );
  });

  it('reads command lines with quotes', () => {
    expect(splitCommandLine(`SET "a\\x00b" 'c d' e`)).toEqual(['SET', 'a\0b', 'c d', 'e']);
  });
});
