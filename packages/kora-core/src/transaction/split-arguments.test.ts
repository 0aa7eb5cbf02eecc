/**
 * Parts of commands: run one after the other, with their replies merged, they do what the whole
 * command does on an engine of its own. Random keys, also the same one twice; values go with their
 * keys, options with every part.
 */
import { describe, expect, it } from 'vitest';
import { slotOfKey, SLOT_COUNT } from '../bytes/crc16.hot.ts';
import { argumentText } from '../command/argument-text.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { placeArguments } from '../testing/placed-arguments.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { randomSource } from '../testing/random-source.ts';
import { contentsOf } from '../testing/shard-contents.ts';
import { Merge } from './across-shards.ts';
import { Planner } from './plan.ts';
import { ArgumentSplitter, PART_KEY_COUNT } from './split-arguments.ts';

const WORKERS = 4;

/** A command split over shards of interleaved slots, and each part as texts. */
class Splitting {
  readonly driver = new CommandDriver();
  readonly splitter = new ArgumentSplitter(WORKERS);
  readonly planner = new Planner({
    slotOwner: Uint8Array.from({ length: SLOT_COUNT }, (_, slot) => slot % WORKERS),
    workerCount: WORKERS, self: 0,
  });

  parts(args: readonly string[]): Map<number, string[]> {
    placeArguments(this.driver, args);
    const { frame, registry } = this.driver;
    this.planner.start();
    expect(this.planner.add(registry.byName(args[0]!)!, frame)).toBe(true);
    this.splitter.split(this.planner.reach!, frame.count, this.planner.keys());
    const parts = new Map<number, string[]>();
    for (let shard = 0; shard < WORKERS; shard++) {
      const keyCount = this.splitter.keyCount(shard);
      expect((this.planner.shards & (1 << shard)) !== 0).toBe(keyCount > 0);
      if (keyCount === 0) continue;
      const into = new Int32Array(this.splitter.argumentCount(shard));
      expect(this.splitter.copyArguments(shard, into)).toBe(into.length);
      parts.set(shard, [...into].map((index) =>
        (index === PART_KEY_COUNT ? `${keyCount}` : argumentText(frame, index))));
    }
    return parts;
  }
}

function merged(
  splitting: Splitting, merge: number, keyCount: number, replies: ReadonlyMap<number, string>,
): string {
  if (merge === Merge.Sum) {
    return `:${[...replies.values()].reduce((sum, reply) => sum + Number(reply.slice(1)), 0)}`;
  }
  if (merge !== Merge.Array) return [...replies.values()].sort()[0]!;
  const elements = Array.from<string>({ length: keyCount }).fill('');
  for (const [shard, reply] of replies) {
    const found = reply.slice(2, -1).split(' ');
    found.forEach((element, i) => { elements[splitting.splitter.keyOf(shard, i)] = element; });
  }
  return `*[${elements.join(' ')}]`;
}

function randomCommand(random: RandomSource, keys: readonly string[]): string[] {
  const name = ['MGET', 'DEL', 'UNLINK', 'EXISTS', 'TOUCH', 'MSET', 'MSETEX'][random.below(7)]!;
  const pairs = keys.flatMap((key) => [key, `v${random.below(1000)}`]);
  if (name === 'MSET') return [name, ...pairs];
  if (name !== 'MSETEX') return [name, ...keys];
  return [name, `${keys.length}`, ...pairs, ...(random.chance(0.5) ? ['EX', '100'] : [])];
}

describe('parts of a command', () => {
  for (const seed of [1, 2, 3]) {
    it(`do together what it does alone, seed ${seed}`, () => {
      const random = randomSource(seed);
      const whole = new CommandDriver();
      const splitting = new Splitting();
      for (let round = 0; round < 300; round++) {
        const keys = Array.from({ length: 1 + random.below(9) }, () => `k${random.below(20)}`);
        const args = randomCommand(random, keys);
        const parts = splitting.parts(args);
        const { merge } = splitting.planner.reach!;
        const replies = new Map<number, string>();
        for (const [shard, part] of parts) replies.set(shard, splitting.driver.run(...part));
        const context = `seed ${seed} round ${round}: ${args.join(' ')}`;
        expect(merged(splitting, merge, keys.length, replies), context).toBe(whole.run(...args));
        expect(contentsOf(splitting.driver.shard), context).toEqual(contentsOf(whole.shard));
      }
    });
  }

  it('have values with their keys, their own count of keys, and all options', () => {
    const splitting = new Splitting();
    const slot = (key: string): number =>
      slotOfKey(Uint8Array.from(key, (c) => c.charCodeAt(0)), 0, key.length) % WORKERS;
    const keys = ['a', 'b', 'c', 'd', 'e', 'a'];
    const parts = splitting.parts([
      'msetex', '6', ...keys.flatMap((key, i) => [key, `${i}`]), 'NX', 'PX', '5',
    ]);
    for (const [shard, part] of parts) {
      const own = keys.flatMap((key, i) => (slot(key) === shard ? [key, `${i}`] : []));
      expect(part).toEqual(['msetex', `${own.length / 2}`, ...own, 'NX', 'PX', '5']);
    }
    expect([...parts.keys()].sort()).toEqual([...new Set(keys.map(slot))].sort());
  });

  it('are found for tens of thousands of keys', () => {
    const splitting = new Splitting();
    const count = 50_000;
    const at = Int32Array.from({ length: count }, (_, i) => i + 1);
    const shard = Uint8Array.from({ length: count }, (_, i) => (i * 7) % WORKERS);
    const reach = splitting.planner.reachOf(splitting.driver.registry.byName('mget')!);
    splitting.splitter.split(reach, count + 1, { count, at, shard });
    const seen = new Uint8Array(count);
    for (let owner = 0; owner < WORKERS; owner++) {
      for (let i = 0; i < splitting.splitter.keyCount(owner); i++) {
        const key = splitting.splitter.keyOf(owner, i);
        expect(shard[key] === owner && seen[key] === 0).toBe(true);
        seen[key] = 1;
      }
    }
    expect(seen.includes(0)).toBe(false);
  });
});
