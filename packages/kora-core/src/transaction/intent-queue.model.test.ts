/**
 * The intent queue and the parked commands together against their rules on a list: intents are
 * admitted in the order in which they come, commands park in between, everything is granted first
 * come by conflict, a connection's commands run in their order.
 */
import { describe, expect, it } from 'vitest';
import { INTENT_LOCK_COUNT_MAX, TRANSACTION_COUNT_MAX } from '../limits.ts';
import { NaiveLocks } from '../testing/naive-locks.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { randomSource } from '../testing/random-source.ts';
import type { Intent } from './intent-queue.ts';
import { IntentForm, IntentQueue, IntentStage } from './intent-queue.ts';
import type { ParkedCommand } from './parked-commands.ts';
import { ParkedCommands } from './parked-commands.ts';
import { lockOf, SlotLocks, WholeLock } from './slot-locks.ts';

const WORKERS = 3;

/** A shard that keeps what it was granted and runs parked commands at once. */
class Watched {
  readonly locks: SlotLocks;
  readonly intents: IntentQueue<string>;
  readonly parked: ParkedCommands<string>;
  readonly granted: string[] = [];
  readonly ran: string[] = [];
  readonly open = new Map<string, Intent<string>>();

  constructor(locks: SlotLocks) {
    this.locks = locks;
    this.intents = new IntentQueue<string>({ workerCount: WORKERS, locks, host: this });
    this.parked = new ParkedCommands<string>(locks, this);
  }

  onGranted(intent: Intent<string>): void {
    expect(intent.stage).toBe(IntentStage.Granted);
    this.granted.push(intent.payload!);
    this.open.set(intent.payload!, intent);
  }

  onReady(command: ParkedCommand<string>): boolean {
    this.ran.push(command.payload!);
    return true;
  }

  onDropped(payload: string): void {
    this.ran.push(`dropped ${payload}`);
  }
}

interface Arrival {
  readonly name: string;
  /** Number of its transaction. */
  readonly number: number;
  readonly coordinator: number;
  readonly handle: number;
  readonly whole: number;
  readonly locks: Uint16Array;
}

function randomLocks(random: RandomSource): Uint16Array {
  const slots = [3, 4, 5, 1000, 16_383].filter(() => random.chance(0.4));
  return Uint16Array.from(slots, (slot) => lockOf(slot, random.chance(0.5)));
}

function arrive(shard: Watched, arrival: Arrival): void {
  const { coordinator, handle, number, locks } = arrival;
  const intent = shard.intents.open(coordinator, handle, number, IntentForm.Prepare);
  intent.payload = arrival.name;
  if (arrival.whole !== WholeLock.None) shard.intents.lockWhole(intent, arrival.whole);
  else shard.intents.lockSlots(intent, locks, 0, locks.length);
  shard.intents.admit(intent);
}

describe('IntentQueue and ParkedCommands against their rules', () => {
  for (const seed of [21, 22, 23, 24, 25, 26]) {
    it(`grants first come, seed ${seed}`, () => {
      const random = randomSource(seed);
      const shard = new Watched(new SlotLocks());
      const model = new Watched(new NaiveLocks());
      const freeHandles = Array.from({ length: WORKERS * 40 }, (_, i) => i);
      const handleOf = new Map<string, number>();
      let number = 0;
      let names = 0;
      for (let step = 0; step < 1500; step++) {
        const context = `seed ${seed} step ${step}`;
        const action = random.below(10);
        const handle = freeHandles.at(-1);
        if (action < 4 && handle !== undefined) {
          freeHandles.pop();
          const name = `t${names++}`;
          handleOf.set(name, handle);
          number++;
          const isWhole = random.chance(0.05);
          const arrival = {
            name, number, coordinator: handle % WORKERS, handle: Math.floor(handle / WORKERS),
            whole: isWhole ? 1 + random.below(2) : WholeLock.None, locks: randomLocks(random),
          };
          arrive(shard, arrival);
          arrive(model, arrival);
        } else if (action < 8 && shard.open.size > 0) {
          const held = [...model.open.keys()];
          const name = held[random.below(held.length)]!;
          expect(shard.open.get(name)?.transaction, context).toBe(
            model.open.get(name)?.transaction,
          );
          for (const each of [shard, model]) {
            const intent = each.open.get(name)!;
            each.open.delete(name);
            each.intents.release(intent);
          }
          freeHandles.push(handleOf.get(name)!);
        } else {
          const name = `c${names++}`;
          const connection = random.below(4);
          const locks = randomLocks(random);
          const mustWait = shard.parked.holds(connection) ||
            shard.locks.conflictsWithAny(locks, 0, locks.length);
          expect(mustWait, context).toBe(
            model.parked.holds(connection) || model.locks.conflictsWithAny(locks, 0, locks.length),
          );
          for (const each of [shard, model]) {
            if (!mustWait) each.ran.push(name);
            else expect(each.parked.park(connection, locks, 0, locks.length, name)).toBe(true);
          }
        }
        expect(shard.intents.count, context).toBe(model.intents.count);
        expect(shard.parked.count, context).toBe(model.parked.count);
        expect(new Set(shard.open.keys()), context).toEqual(new Set(model.open.keys()));
        expect([...shard.ran].sort(), context).toEqual([...model.ran].sort());
      }
      expect(shard.ran.length).toBeGreaterThan(100);
      expect(shard.granted.length).toBeGreaterThan(300);
    });
  }

  it('grants in the order of coming, whatever number a transaction has', () => {
    const shard = new Watched(new SlotLocks());
    const locks = Uint16Array.of(lockOf(1, true));
    const arrival = { coordinator: 0, whole: WholeLock.None, locks };
    arrive(shard, { ...arrival, name: 'first', number: 7, handle: 1 });
    arrive(shard, { ...arrival, name: 'second', number: 3, handle: 0 });
    arrive(shard, { ...arrival, name: 'third', number: 9, handle: 2 });
    for (const granted of [['first'], ['first', 'second'], ['first', 'second', 'third']]) {
      expect(shard.granted).toEqual(granted);
      shard.intents.release(shard.open.get(granted.at(-1)!)!);
    }
    expect(shard.locks.count).toBe(0);
  });

  it('keeps commands waiting behind intents that wait, and nothing else', () => {
    const shard = new Watched(new SlotLocks());
    const arrival = { coordinator: 0, whole: WholeLock.None };
    const both = Uint16Array.of(lockOf(1, true), lockOf(2, true));
    arrive(shard, { ...arrival, name: 'a', number: 1, handle: 1, locks: both.subarray(0, 1) });
    arrive(shard, { ...arrival, name: 'b', number: 2, handle: 2, locks: both });
    expect(shard.granted).toEqual(['a']);
    expect([1, 2, 3].map((slot) => shard.parked.mustWait(1, slot, false)))
      .toEqual([true, true, false]);
    shard.intents.release(shard.open.get('a')!);
    expect(shard.granted).toEqual(['a', 'b']);
    shard.intents.release(shard.open.get('b')!);
    expect(shard.parked.mustWait(1, 2, true)).toBe(false);
  });

  it('admits an intent once', () => {
    const shard = new Watched(new SlotLocks());
    const arrival = { coordinator: 1, whole: WholeLock.None, locks: new Uint16Array(0) };
    arrive(shard, { ...arrival, name: 'a', number: 5, handle: 0 });
    expect(() => shard.intents.admit(shard.open.get('a')!)).toThrow('admitted once');
    const waiting = shard.intents.open(1, 1, 6, IntentForm.Prepare);
    expect(() => shard.intents.release(waiting)).toThrow('was granted');
    expect(() => shard.intents.open(WORKERS, 0, 7, IntentForm.Prepare)).toThrow('of this mesh');
    expect(() => shard.intents.open(0, TRANSACTION_COUNT_MAX, 7, IntentForm.Prepare))
      .toThrow('bound of its coordinator');
  });

  it('grants 1,000 intents on slots of their own at once', () => {
    const shard = new Watched(new SlotLocks());
    for (let i = 0; i < 1000; i++) {
      const locks = Uint16Array.of(lockOf(i, true));
      arrive(shard, {
        name: `${i}`, number: i, coordinator: 0, handle: i, whole: WholeLock.None, locks,
      });
    }
    expect(shard.granted.length).toBe(1000);
  });

  it('takes as many intents as all coordinators may have, and no slot more than the bound', () => {
    const shard = new Watched(new SlotLocks());
    const locks = Uint16Array.of(lockOf(7, true));
    const intentCount = WORKERS * TRANSACTION_COUNT_MAX;
    for (let i = 0; i < intentCount; i++) {
      arrive(shard, {
        name: `${i}`, number: i, coordinator: i % WORKERS, handle: Math.floor(i / WORKERS),
        whole: WholeLock.None, locks,
      });
    }
    expect(shard.granted).toEqual(['0']);
    for (let i = 0; i < intentCount; i++) shard.intents.release(shard.open.get(`${i}`)!);
    expect(shard.intents.count).toBe(0);
    expect(shard.locks.count).toBe(0);
    const many = Uint16Array.from(
      { length: INTENT_LOCK_COUNT_MAX + 1 }, (_, slot) => lockOf(slot, false),
    );
    const intent = shard.intents.open(0, 0, 1, IntentForm.Prepare);
    expect(() => shard.intents.lockSlots(intent, many, 0, many.length)).toThrow('whole shard');
  });

  it('keeps intents of one handle apart, where words come later than the next intent', () => {
    const shard = new Watched(new SlotLocks());
    const arrival = { coordinator: 2, handle: 3, whole: WholeLock.None, locks: new Uint16Array(0) };
    for (const [number, name] of ['a', 'b', 'c', 'd'].entries()) {
      arrive(shard, { ...arrival, name, number });
    }
    const find = (): string | null => shard.intents.find(2, 3).payload;
    expect(find()).toBe('a');
    shard.intents.forget(shard.open.get('c')!);
    shard.intents.release(shard.open.get('c')!);
    shard.intents.release(shard.intents.find(2, 3));
    expect(find()).toBe('b');
    shard.intents.release(shard.intents.find(2, 3));
    expect(find()).toBe('d');
    shard.intents.release(shard.intents.find(2, 3));
    expect(find).toThrow('sent');
  });

  it('gives a forgotten handle back before the release', () => {
    const shard = new Watched(new SlotLocks());
    const arrival = { coordinator: 1, handle: 3, whole: WholeLock.None, locks: new Uint16Array(0) };
    arrive(shard, { ...arrival, name: 'a', number: 0 });
    const first = shard.open.get('a')!;
    shard.intents.forget(first);
    arrive(shard, { ...arrival, name: 'b', number: 1 });
    shard.intents.release(first);
    expect(shard.intents.find(1, 3)).toBe(shard.open.get('b'));
    expect(() => shard.intents.find(1, 4)).toThrow('sent');
  });
});
