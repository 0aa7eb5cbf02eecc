/**
 * Where calls go, against the workers' own router for every command that has its keys in place, and
 * what a name means to its connection.
 */
import {
  ArgFrame, bindArgumentTexts, ClientState, composeShard, ROUTE_HERE, ROUTE_SEVERAL, Router,
  SeededChance, VirtualClock,
} from '@kora/core';
import { describe, expect, it } from 'vitest';
import { CallRouter, databaseOf, HOME, Meaning } from './call-router.ts';

const WORKERS = 5;

describe('a router of calls', () => {
  it('names the owner that the workers name, or home', () => {
    const seed = 3;
    const chance = new SeededChance(seed);
    const random = (below: number): number => (chance.next32() >>> 0) % below;
    const platform = {
      clock: new VirtualClock(), chance, scheduler: { requestTurn: () => undefined },
    };
    const { shard, registry, memory } = composeShard({ platform });
    const theirs = new Router(shard, registry, 0, WORKERS);
    const ours = new CallRouter(WORKERS);
    const frame = new ArgFrame(memory, new ClientState(1));
    const tags = ['', '{a}', '{b}', '{', '}', '{}', 'é', '{é}'];
    const at = memory.lowAllocator.alloc(4096) * 8;
    let owned = 0;
    for (let round = 0; round < 20_000; round++) {
      const command = registry.commands[random(registry.commands.length)];
      if (command === undefined || command.name.includes('|')) continue;
      const words = Array.from({ length: random(5) }, () => {
        return `${tags[random(tags.length)] ?? ''}${random(40)}`;
      });
      const contents = [command.name.toUpperCase(), ...words];
      bindArgumentTexts(frame, at, contents.map((text) => Buffer.from(text).toString('latin1')));
      const owner = ours.ownerOf(ours.planOf(contents[0] ?? ''), contents);
      const asked = theirs.ownerOf(command, frame);
      const note = `seed ${seed}, round ${round}: ${contents.join(' ')}`;
      if (owner === HOME) continue;
      owned++;
      expect(asked, note).not.toBe(ROUTE_SEVERAL);
      expect(asked, note).not.toBe(ROUTE_HERE);
      expect(owner, note).toBe(asked);
    }
    expect(owned).toBeGreaterThan(5_000);
  });

  it('takes keys as text and as bytes, of any length', () => {
    const router = new CallRouter(WORKERS);
    const keys = ['k', 'é', 'x'.repeat(41), 'é'.repeat(500), 'long'.repeat(5_000)];
    for (const key of keys) {
      const plan = router.planOf('get');
      const bytes = Buffer.from(key);
      const owner = router.ownerOf(plan, ['get', key]);
      expect(owner).toBeGreaterThanOrEqual(0);
      expect(router.ownerOf(plan, ['get', bytes])).toBe(owner);
      expect(router.ownerOf(plan, ['get', Uint8Array.from(bytes)])).toBe(owner);
    }
  });

  it('sends home what has several owners, no keys, or keys that have to be searched', () => {
    const router = new CallRouter(WORKERS);
    const ownerOf = (...contents: string[]): number => {
      return router.ownerOf(router.planOf(contents[0] ?? ''), contents);
    };
    const many = Array.from({ length: 50 }, (_, i) => `k${i}`);
    expect(ownerOf('MGET', ...many)).toBe(HOME);
    expect(ownerOf('MGET', ...many.map((key) => `{t}${key}`))).toBe(ownerOf('GET', 't'));
    for (const name of ['PING', 'INFO', 'NoSuchCommand', 'WATCH', 'SORT', 'ZUNIONSTORE', 'XREAD']) {
      expect(ownerOf(name, 'k', '1', 'k'), name).toBe(HOME);
    }
    expect(ownerOf('GET')).toBe(HOME);
  });

  it('knows what a name means, in any case and as bytes', () => {
    const router = new CallRouter(2);
    expect(router.planOf('MuLtI').meaning).toBe(Meaning.Multi);
    expect(router.planOf(Buffer.from('exec')).meaning).toBe(Meaning.Exec);
    expect(router.planOf('get').meaning).toBe(Meaning.Plain);
  });
});

describe('databaseOf', () => {
  it('is the number that SELECT will take', () => {
    expect(databaseOf('0')).toBe(0);
    expect(databaseOf(Buffer.from('15'))).toBe(15);
    for (const bad of [undefined, '', '16', '-1', '+1', '01', '1x', '1.0', ' 1']) {
      expect(databaseOf(bad), String(bad)).toBe(-1);
    }
    expect(databaseOf('3', 3)).toBe(-1);
  });
});
