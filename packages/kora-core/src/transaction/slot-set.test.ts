/**
 * The set against a Map, with slots that come again in another mode and sets that are used again:
 * ascending, each once, exclusively when it was ever written. Then what stands for too many, and
 * what it costs on the heap.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SLOT_COUNT } from '../bytes/crc16.hot.ts';
import { bytesPerCall } from '../testing/allocation.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import { lockOf, SlotLocks, WholeLock } from './slot-locks.ts';
import { SlotSet } from './slot-set.ts';

setFlagsFromString('--expose-gc');
// Byte boundary: the collector has no type of its own.
const collect = runInNewContext('gc') as () => void;
const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

function locksOf(set: SlotSet): number[] {
  const into = new Uint16Array(set.count);
  set.sort();
  set.copyLocks(into);
  return [...into];
}

describe('a set of slots', () => {
  it.each([1, 2, 3, 4])('has each slot once, ascending, in its stronger mode (seed %i)', (seed) => {
    const random = randomSource(seed);
    const set = new SlotSet(SLOT_COUNT);
    for (let round = 0; round < 30; round++) {
      const model = new Map<number, boolean>();
      const range = 1 + random.below(random.chance(0.2) ? SLOT_COUNT : 50);
      let hasRoom = true;
      set.clear();
      for (let i = random.below(2 * range); i > 0; i--) {
        const slot = SLOT_COUNT - 1 - random.below(range);
        const isWrite = random.chance(0.3);
        model.set(slot, isWrite || model.get(slot) === true);
        hasRoom &&= set.addSlot(slot, isWrite);
      }
      const expected = [...model].sort(([a], [b]) => a - b);
      const where = `seed ${seed}, round ${round}`;
      expect(locksOf(set), where).toEqual(expected.map(([slot, isWrite]) => lockOf(slot, isWrite)));
      expect(expected.map((_, i) => set.slotAt(i)), where).toEqual(expected.map(([slot]) => slot));
      expect([hasRoom, set.whole()], where).toEqual([true, WholeLock.None]);
    }
  });

  it('gives what the lock table takes', () => {
    const set = new SlotSet(SLOT_COUNT);
    for (const [slot, isWrite] of [[9, false], [3, true], [9, true], [0, false]] as const) {
      set.addSlot(slot, isWrite);
    }
    const locks = new SlotLocks();
    const granted: number[] = [];
    const owner = locks.open(locks.listen({ onLocked: (id) => granted.push(id) }));
    for (const lock of locksOf(set)) locks.addSlot(owner, lock);
    locks.enter(owner);
    expect(granted).toEqual([owner]);
    expect([0, 3, 9].map((slot) => locks.conflictsWith(slot, false))).toEqual([false, true, true]);
  });

  it.each([[false, WholeLock.Shared], [true, WholeLock.Exclusive]])(
    'stands for the whole shard beyond its bound; one is written: %s',
    (isWrite, whole) => {
      const set = new SlotSet(2);
      expect([set.addSlot(8, isWrite), set.addSlot(4, false), set.addSlot(8, false)])
        .toEqual([true, true, true]);
      expect(set.whole()).toBe(WholeLock.None);
      expect(set.addSlot(6, false)).toBe(false);
      expect(set.whole()).toBe(whole);
      set.clear();
      expect([set.count, set.whole(), set.addSlot(6, false)]).toEqual([0, WholeLock.None, true]);
    },
  );

  it('takes what a client watches, and makes no object for it', () => {
    const driver = new CommandDriver();
    driver.run('WATCH', ...Array.from({ length: 40 }, (_, i) => `key:${i}`));
    const { transactions } = driver.shard;
    const set = new SlotSet(SLOT_COUNT);
    const into = new Uint16Array(SLOT_COUNT);
    expect(bytesPerCall(meter, () => {
      set.clear();
      transactions.addWatchedSlots(driver.client, set);
      set.copyLocks(into);
    })).toBeLessThan(1);
    expect(set.count).toBe(40);
  });
});
