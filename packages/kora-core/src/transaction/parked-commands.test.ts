/**
 * Parked commands: who waits, in which order they run, what a connection that goes away leaves, and
 * that the bounds hold. The locks they wait for are held by owners of the test.
 */
import { describe, expect, it } from 'vitest';
import { PARKED_COMMAND_COUNT_MAX, PARKED_SLOT_COUNT_MAX } from '../limits.ts';
import type { ParkedCommand } from './parked-commands.ts';
import { ParkedCommands } from './parked-commands.ts';
import { lockOf, SlotLocks, WholeLock } from './slot-locks.ts';

class Shard {
  readonly locks = new SlotLocks();
  readonly parked = new ParkedCommands<string>(this.locks, this);
  readonly ran: string[] = [];
  readonly dropped: string[] = [];
  readonly kept: ParkedCommand<string>[] = [];
  keeps = false;
  readonly #listener = this.locks.listen({ onLocked: () => undefined });

  /** Takes slots (exclusively) for the test. */
  hold(...slots: number[]): number {
    const owner = this.locks.open(this.#listener);
    for (const slot of slots) this.locks.addSlot(owner, lockOf(slot, true));
    this.locks.enter(owner);
    return owner;
  }

  park(connection: number, name: string, ...slots: number[]): boolean {
    const locks = Uint16Array.from(slots, (slot) => lockOf(slot, true));
    return this.parked.park(connection, locks, 0, locks.length, name);
  }

  onReady(command: ParkedCommand<string>): boolean {
    this.ran.push(command.payload ?? '');
    if (this.keeps) this.kept.push(command);
    return !this.keeps;
  }

  onDropped(payload: string): void {
    this.dropped.push(payload);
  }
}

describe('ParkedCommands', () => {
  it('asks nobody to wait while nothing is locked', () => {
    const shard = new Shard();
    expect(shard.parked.mustWait(1, 5, true)).toBe(false);
    const owner = shard.hold(5);
    expect(shard.parked.mustWait(1, 5, false)).toBe(true);
    expect(shard.parked.mustWait(1, 6, true)).toBe(false);
    shard.locks.leave(owner);
    expect(shard.parked.mustWait(1, 5, false)).toBe(false);
  });

  it('runs the commands of a connection in their order, whatever they wait for', () => {
    const shard = new Shard();
    const first = shard.hold(1);
    const second = shard.hold(2);
    shard.park(7, 'on 1', 1);
    shard.park(7, 'on 2', 2);
    shard.park(7, 'on 3', 3);
    shard.park(8, 'other on 3', 3);
    expect(shard.parked.mustWait(7, 9, false)).toBe(true);
    expect(shard.parked.mustWait(9, 9, false)).toBe(false);
    shard.locks.leave(second);
    expect(shard.ran).toEqual([]);
    shard.locks.leave(first);
    expect(shard.ran).toEqual(['on 1', 'on 2', 'on 3', 'other on 3']);
    expect(shard.parked.count).toBe(0);
    expect(shard.locks.count).toBe(0);
  });

  it('tells connections apart whatever their numbers', () => {
    const shard = new Shard();
    const holder = shard.hold(1);
    const numbers = [0, 1024, 2048, 2 ** 40, 2 ** 40 + 1024, 5];
    for (const number of numbers) {
      expect(shard.parked.holds(number)).toBe(false);
      shard.park(number, `first of ${number}`, 1);
      shard.park(number, `second of ${number}`, 1);
    }
    shard.parked.drop(2048);
    for (const number of numbers) expect(shard.parked.holds(number)).toBe(number !== 2048);
    shard.locks.leave(holder);
    const left = numbers.filter((number) => number !== 2048);
    expect(shard.ran)
      .toEqual(left.flatMap((number) => [`first of ${number}`, `second of ${number}`]));
    for (const number of numbers) expect(shard.parked.holds(number)).toBe(false);
  });

  it('stands in the way of what comes later, as an intent does', () => {
    const shard = new Shard();
    const holder = shard.hold(1);
    shard.park(1, 'waits', 1);
    const later = shard.hold(1);
    shard.locks.leave(holder);
    expect(shard.ran).toEqual(['waits']);
    expect(shard.locks.hasAll(later)).toBe(true);
  });

  it('keeps a command that is not done, and runs the next when it is', () => {
    const shard = new Shard();
    const holder = shard.hold(1);
    shard.park(1, 'a', 1);
    shard.park(1, 'b', 2);
    shard.park(2, 'c', 1);
    shard.keeps = true;
    shard.locks.leave(holder);
    expect(shard.ran).toEqual(['a']);
    expect(shard.parked.holds(1)).toBe(true);
    shard.keeps = false;
    shard.parked.finish(shard.kept[0]!);
    expect(shard.ran).toEqual(['a', 'b', 'c']);
    expect(shard.locks.count).toBe(0);
  });

  it('runs a chain of 8,000 commands of one connection without a stack', () => {
    const shard = new Shard();
    const holder = shard.hold(1);
    for (let i = 0; i < 8000; i++) shard.park(1, `${i}`, 1 + (i % 3));
    shard.locks.leave(holder);
    expect(shard.ran).toEqual(Array.from({ length: 8000 }, (_, i) => `${i}`));
  });

  it('forgets the commands of a connection that goes, but not the one that runs', () => {
    const shard = new Shard();
    const holder = shard.hold(1);
    shard.park(1, 'a', 1);
    shard.park(1, 'b', 1);
    shard.park(2, 'c', 1);
    shard.parked.drop(1);
    shard.parked.drop(5);
    expect(shard.dropped).toEqual(['a', 'b']);
    expect(shard.parked.holds(1)).toBe(false);
    shard.locks.leave(holder);
    expect(shard.ran).toEqual(['c']);

    const again = shard.hold(1);
    shard.park(1, 'd', 1);
    shard.park(1, 'e', 2);
    shard.keeps = true;
    shard.locks.leave(again);
    shard.parked.drop(1);
    expect(shard.dropped).toEqual(['a', 'b', 'e']);
    expect(shard.parked.holds(1)).toBe(true);
    shard.parked.finish(shard.kept[0]!);
    expect(shard.parked.holds(1)).toBe(false);
    expect(shard.locks.count).toBe(0);
  });

  it('waits for the whole shard', () => {
    const shard = new Shard();
    const holder = shard.hold(1);
    expect(shard.parked.parkWhole(1, WholeLock.Shared, 'all')).toBe(true);
    expect(shard.ran).toEqual([]);
    shard.locks.leave(holder);
    expect(shard.ran).toEqual(['all']);
  });

  it('waits for the whole shard where it would wait for too many slots', () => {
    const shard = new Shard();
    const slots = Array.from({ length: PARKED_SLOT_COUNT_MAX + 1 }, (_, slot) => slot);
    const read = Uint16Array.from(slots, (slot) => lockOf(slot, false));
    const write = Uint16Array.from(slots, (slot) => lockOf(slot, slot === 7));
    const other = shard.hold(16_383);
    expect(shard.parked.park(1, read, 0, read.length, 'reads many')).toBe(true);
    expect(shard.parked.mustWait(2, 16_000, false)).toBe(false);
    expect(shard.parked.park(2, write, 0, write.length, 'writes many')).toBe(true);
    expect(shard.parked.mustWait(3, 16_000, false)).toBe(true);
    expect(shard.ran).toEqual([]);
    shard.locks.leave(other);
    expect(shard.ran).toEqual(['reads many', 'writes many']);
  });

  it('refuses beyond its bound and changes nothing then', () => {
    const shard = new Shard();
    shard.hold(1);
    for (let i = 0; i < PARKED_COMMAND_COUNT_MAX; i++) expect(shard.park(i, 'x', 1)).toBe(true);
    const { count } = shard.locks;
    expect(shard.park(1, 'too many', 2)).toBe(false);
    expect(shard.parked.parkWhole(1, WholeLock.Shared, 'too many')).toBe(false);
    expect(shard.locks.count).toBe(count);
  });
});
