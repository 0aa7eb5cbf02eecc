/**
 * The injector of memory faults finds what it is there to find: a command that keeps to law 7
 * passes under every fault, and ones that leak, change something or answer wrongly are named.
 */
import { describe, expect, it } from 'vitest';
import { keysAt } from '../command/key-spec.ts';
import { arg } from '../command/grammar.ts';
import { reply } from '../command/reply-schema.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { replyErrors } from '../errors/reply-error.ts';
import type { Shard } from '../shard/shard.ts';
import { refuseReserves, starveOfPages } from './memory-faults.ts';

/** A command that does `work` and then says that memory is short. */
function careless(work: (shard: Shard) => void, error = replyErrors.arenaFull): Command {
  return defineCommand({
    name: 'CARELESS', group: 'generic', since: '1.0.0', summary: 'Fails its test.',
    complexity: 'O(1).', arity: 2, flags: Flag.Write, acl: ['keyspace'],
    keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
    args: { key: arg.key() }, reply: reply.ok(), examples: [],
    apply(shard, frame, out) {
      if (shard.keyspace.reserve(10, 10, 0, 0)) {
        out.ok();
        return;
      }
      shard.keyspace.write(frame, 1);
      work(shard);
      out.error(error);
    },
  });
}

function faultsOf(command: Command): () => number {
  const options = { extraCommands: [command] };
  return () => refuseReserves({ before: [['SET', 'k', 'v']], options }, ['CARELESS', 'k']);
}

describe('memory faults', () => {
  it('let commands pass that keep to the law', () => {
    const before = [['SET', 'k', 'v'], ['SET', 'long', 'x'.repeat(70_000)]];
    const settings = { before };
    expect(refuseReserves(settings, ['SET', 'k', 'y'.repeat(200)])).toBeGreaterThan(0);
    expect(refuseReserves(settings, ['RENAME', 'k', 'other'])).toBeGreaterThan(0);
    expect(starveOfPages(settings, ['SET', 'k', 'y'.repeat(5_000)])).toBeGreaterThan(0);
    expect(starveOfPages(settings, ['COPY', 'long', 'other'])).toBeGreaterThan(0);
  });

  it('name a leak, a change, a lost key and a wrong answer', () => {
    const leak = careless((shard) => void shard.memory.arenaAllocator.alloc(64));
    expect(faultsOf(leak)).toThrow(/CARELESS k with reserve 1 refused: 64 bytes more/);
    const change = careless((shard) => {
      const { keyspace } = shard;
      keyspace.setExpire(keyspace.find(keyspace.db, shard.scratchAt, 0), 1, 1);
    });
    expect(faultsOf(change)).toThrow(/CARELESS/);
    const removal = careless((shard) => {
      shard.keyspace.remove(shard.memory.i32[shard.keyspace.slot]!);
    });
    expect(faultsOf(removal)).toThrow(/bytes more|number of keys/);
    const answer = careless(() => undefined, replyErrors.syntax);
    expect(faultsOf(answer)).toThrow(/answered ERR syntax error/);
  });
});
