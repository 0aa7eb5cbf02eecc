/**
 * Plans against a naive one: which slots, in which mode, on which shards, for single commands and
 * for several together as EXEC has them. Then what only examples can say: who leads, what is locked
 * whole, what does not fit.
 */
import { describe, expect, it } from 'vitest';
import { SLOT_COUNT, slotOfKey } from '../bytes/crc16.hot.ts';
import { INTENT_LOCK_COUNT_MAX } from '../limits.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { placeArguments } from '../testing/placed-arguments.ts';
import { randomSource } from '../testing/random-source.ts';
import { AcrossShards } from './across-shards.ts';
import { Planner } from './plan.ts';
import { lockOf, WholeLock } from './slot-locks.ts';

/** Worker i of n owns a range of slots. */
function ranges(workerCount: number): Uint8Array {
  return Uint8Array.from(
    { length: SLOT_COUNT }, (_, slot) => Math.floor((slot * workerCount) / SLOT_COUNT),
  );
}

function slotOf(key: string): number {
  return slotOfKey(Uint8Array.from(key, (c) => c.charCodeAt(0)), 0, key.length);
}

class Desk {
  readonly driver = new CommandDriver();
  readonly workerCount: number;
  readonly owner: Uint8Array;
  readonly planner: Planner;

  constructor(workerCount: number, self = 0) {
    this.workerCount = workerCount;
    this.owner = ranges(workerCount);
    this.planner = new Planner({ slotOwner: this.owner, workerCount, self });
  }

  add(...args: string[]): boolean {
    placeArguments(this.driver, args, this.driver.shard.scratchAt);
    const command = this.driver.registry.byName(args[0]!)!;
    return this.planner.add(command, this.driver.frame);
  }

  /** Plans one command alone. */
  plan(...args: string[]): Planner {
    this.planner.start();
    expect(this.add(...args)).toBe(true);
    this.planner.finish();
    return this.planner;
  }

  locks(shard: number): number[] {
    const into = new Uint16Array(SLOT_COUNT);
    return [...into.subarray(0, this.planner.copyLocks(shard, into, 0))];
  }

  /** A key that lives on a shard: the base with a number behind it. */
  keyOn(shard: number, base = 'k'): string {
    for (let i = 0; ; i++) if (this.owner[slotOf(`${base}${i}`)] === shard) return `${base}${i}`;
  }
}

/** Commands of random keys: their arguments, and for each key whether it changes. */
const MAKERS: readonly ((keys: string[]) => [string[], boolean[]])[] = [
  (keys) => [['MGET', ...keys], keys.map(() => false)],
  (keys) => [['DEL', ...keys], keys.map(() => true)],
  (keys) => [['MSET', ...keys.flatMap((key) => [key, 'v'])], keys.map(() => true)],
  (keys) => [
    ['MSETEX', `${keys.length}`, ...keys.flatMap((key) => [key, 'v']), 'EX', '9'],
    keys.map(() => true),
  ],
  (keys) => [['SUNIONSTORE', ...keys, 'more'], [true, ...keys.slice(1).map(() => false), false]],
  (keys) => [['ZINTER', `${keys.length}`, ...keys, 'WITHSCORES'], keys.map(() => false)],
  (keys) => [
    ['ZUNIONSTORE', 'to', `${keys.length}`, ...keys], [...keys.map(() => false), true],
  ],
  (keys) => [
    ['XREAD', 'COUNT', '1', 'STREAMS', ...keys, ...keys.map(() => '0')], keys.map(() => false),
  ],
  (keys) => [['LMPOP', `${keys.length}`, ...keys, 'LEFT'], keys.map(() => true)],
  (keys) => [['SET', keys[0]!, 'v'], [true]],
  (keys) => [['GET', keys[0]!], [false]],
];

/** Keys of a command made above, beside those given. */
function keysOf(args: readonly string[], keys: readonly string[]): string[] {
  if (args[0] === 'SUNIONSTORE') return [...keys, 'more'];
  if (args[0] === 'ZUNIONSTORE') return [...keys, 'to'];
  return args[0] === 'SET' || args[0] === 'GET' ? keys.slice(0, 1) : [...keys];
}

describe('plans against a naive one', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`lock the same slots of the same shards, seed ${seed}`, () => {
      const random = randomSource(seed);
      for (const workerCount of [2, 3, 8, 30]) {
        const desk = new Desk(workerCount, random.below(workerCount));
        for (let round = 0; round < 60; round++) {
          const modes = new Map<number, boolean>();
          desk.planner.start();
          const commands = 1 + random.below(4);
          for (let c = 0; c < commands; c++) {
            const keys = Array.from({ length: 1 + random.below(6) }, () => `k${random.below(40)}`);
            const [args, writes] = MAKERS[random.below(MAKERS.length)]!(keys);
            expect(desk.add(...args)).toBe(true);
            let mask = 0;
            keysOf(args, keys).forEach((key, i) => {
              const slot = slotOf(key);
              modes.set(slot, (modes.get(slot) ?? false) || writes[i]!);
              mask |= 1 << desk.owner[slot]!;
            });
            expect(desk.planner.commandShards, `seed ${seed}: ${args.join(' ')}`).toBe(mask);
          }
          desk.planner.finish();
          const expected = [...modes].map(([slot, isWrite]) => lockOf(slot, isWrite))
            .sort((a, b) => a - b);
          let shards = 0;
          const found: number[] = [];
          for (let shard = 0; shard < workerCount; shard++) {
            const locks = desk.locks(shard);
            expect(locks.every((lock) => desk.owner[lock >> 1] === shard)).toBe(true);
            expect(desk.planner.wholeOf(shard)).toBe(WholeLock.None);
            expect(desk.planner.lockCountOf(shard)).toBe(locks.length);
            if (locks.length > 0) shards |= 1 << shard;
            found.push(...locks);
          }
          expect(found, `seed ${seed} round ${round}`).toEqual(expected);
          expect(desk.planner.shards).toBe(shards);
          expect(desk.planner.lockCount).toBe(expected.length);
        }
      }
    });
  }
});

describe('a plan', () => {
  const desk = new Desk(3, 1);
  const [a, b, c] = [0, 1, 2].map((shard) => desk.keyOn(shard)) as [string, string, string];
  const other = desk.keyOn(2, 'other');

  it('names who leads: the shard of what is overwritten, changed, or the busiest', () => {
    expect(desk.plan('SINTERSTORE', a, b, c).leader).toBe(0);
    expect(desk.plan('RENAME', a, c).leader).toBe(2);
    expect(desk.plan('COPY', c, a).leader).toBe(0);
    expect(desk.plan('SMOVE', a, b, 'x').leader).toBe(1);
    expect(desk.plan('PFMERGE', c, a, b).leader).toBe(2);
    expect(desk.plan('SORT', a, 'STORE', c).leader).toBe(2);
    expect(desk.plan('SINTER', a, c, other).leader).toBe(2);
    expect(desk.plan('SINTER', a, b).leader).toBe(1);
    expect(desk.plan('SINTER', a, c).leader).toBe(0);
    expect(desk.plan('LMPOP', '3', a, c, other, 'LEFT').leader).toBe(2);
    expect(desk.plan('MGET', a, b).leader).toBe(-1);
  });

  it('has no shards for a command without keys', () => {
    const plan = desk.plan('PING');
    expect([plan.shards, plan.commandShards, plan.lockCount]).toEqual([0, 0, 0]);
  });

  it('locks what it is told beside its commands, where nothing of it need run', () => {
    const { planner } = desk;
    const slots = [slotOf(a), slotOf(b)];
    planner.start();
    expect(desk.add('SET', a, 'v')).toBe(true);
    for (const slot of slots) expect(planner.addSlot(slot, false)).toBe(true);
    planner.finish();
    expect([0, 1, 2].map((shard) => desk.locks(shard)))
      .toEqual([[lockOf(slots[0]!, true)], [lockOf(slots[1]!, false)], []]);
    expect([planner.shards, planner.commandShards]).toEqual([1, 1]);
  });

  it('locks every shard whole for what is about databases', () => {
    const flush = desk.plan('FLUSHALL');
    expect(flush.shards).toBe(0b111);
    expect(flush.lockCount).toBe(3);
    expect([0, 1, 2].map((shard) => flush.wholeOf(shard)))
      .toEqual([WholeLock.Exclusive, WholeLock.Exclusive, WholeLock.Exclusive]);
    const keys = desk.plan('DBSIZE');
    expect(keys.reach?.kind).toBe(AcrossShards.Scatter);
    expect(keys.wholeOf(2)).toBe(WholeLock.Shared);
  });

  it('locks every shard whole where elements name keys, exclusively where one changes', () => {
    const read = desk.plan('SORT', a, 'BY', 'w_*', 'GET', '#');
    expect(read.hasUnknownKeys).toBe(true);
    expect([0, 1, 2].map((shard) => read.wholeOf(shard)))
      .toEqual([WholeLock.Shared, WholeLock.Shared, WholeLock.Shared]);
    const stored = desk.plan('SORT', a, 'GET', 'v_*', 'STORE', c);
    expect([0, 1, 2].map((shard) => stored.wholeOf(shard)))
      .toEqual([WholeLock.Shared, WholeLock.Shared, WholeLock.Exclusive]);
    const plain = desk.plan('SORT', a, 'BY', 'nosort', 'GET', '#', 'LIMIT', '0', '5');
    expect(plain.hasUnknownKeys).toBe(false);
    expect(plain.shards).toBe(0b001);
  });

  it('locks whole what would be too many slots', () => {
    const keys = Array.from({ length: 2 * INTENT_LOCK_COUNT_MAX }, (_, i) => `${i}`);
    const wide = new Desk(2);
    const { memory, frame, registry } = wide.driver;
    const bytes = Int32Array.from(['MGET', ...keys], (text) => text.length);
    const from = memory.lowAllocator.alloc(65_536) * 8;
    let next = from;
    const at = Int32Array.from(['MGET', ...keys], (text) => {
      for (const character of text) memory.low[next++] = character.charCodeAt(0);
      return next - text.length;
    });
    frame.bind(at, bytes, keys.length + 1);
    const touched = new Set(keys.map(slotOf));
    const counts = [0, 0];
    for (const slot of touched) counts[wide.owner[slot]!]!++;
    wide.planner.start();
    expect(wide.planner.add(registry.byName('mget')!, frame)).toBe(true);
    expect(wide.planner.keys().count).toBe(keys.length);
    wide.planner.finish();
    for (const shard of [0, 1]) {
      const isMany = counts[shard]! > INTENT_LOCK_COUNT_MAX;
      expect(wide.planner.wholeOf(shard)).toBe(isMany ? WholeLock.Shared : WholeLock.None);
      expect(wide.planner.lockCountOf(shard)).toBe(isMany ? 0 : counts[shard]!);
    }
  });

  it('leaves no trace of a command whose arguments do not fit', () => {
    desk.planner.start();
    expect(desk.add('SINTERCARD', 'many', a, b)).toBe(false);
    expect(desk.add('ZUNIONSTORE', a, '5', b)).toBe(false);
    expect(desk.planner.shards).toBe(0);
    expect(desk.add('GET', b)).toBe(true);
    desk.planner.finish();
    expect(desk.planner.lockCount).toBe(1);
    expect(desk.locks(1)).toEqual([lockOf(slotOf(b), false)]);
  });

  it('reads one shard for keys with one hashtag', () => {
    const plan = desk.plan('MSET', '{x}1', 'a', '{x}2', 'b', '{x}3', 'c');
    expect(plan.lockCount).toBe(1);
    expect(plan.shards & (plan.shards - 1)).toBe(0);
  });
});
