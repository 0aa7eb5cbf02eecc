/**
 * What commands and transactions cost on the JavaScript heap: a single-shard command asks its
 * question for nothing, locked or not; a warm transaction, from its place to its release, and a
 * warm parked command make no object either.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { MeshOrder } from '../mesh/mesh-order.ts';
import { bytesPerCall } from '../testing/allocation.ts';
import type { CoordinatorPort, Transaction } from './coordinator.ts';
import { Coordinator, Course } from './coordinator.ts';
import type { Intent } from './intent-queue.ts';
import { IntentQueue } from './intent-queue.ts';
import { ParkedCommands } from './parked-commands.ts';
import { Participant } from './participant.ts';
import { lockOf, SlotLocks } from './slot-locks.ts';

setFlagsFromString('--expose-gc');
// Byte boundary: the collector has no type of its own.
const collect = runInNewContext('gc') as () => void;
const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

const nobody = { onReady: () => true, onDropped: () => undefined };

/** Two shards and a coordinator that call each other. */
class Pair implements CoordinatorPort<number, number> {
  readonly coordinator = new Coordinator<number, number>({ workerCount: 2, self: 0, port: this });
  readonly locks = [new SlotLocks(), new SlotLocks()];
  readonly participants = [0, 1].map((shard) => new Participant<number>({
    prepare: () => true,
    run: () => true,
    abort: () => undefined,
    answer: (intent: Intent<number>, isAccepted: boolean) => {
      this.coordinator.onAnswer(intent.handle, shard, isAccepted, 1);
    },
  }));
  readonly intents = this.participants.map((host, shard) => {
    const intents = new IntentQueue<number>({ workerCount: 2, locks: this.locks[shard]!, host });
    host.bind(intents);
    return intents;
  });
  readonly wanted = Uint16Array.of(lockOf(3, true), lockOf(9, false));
  finishedCount = 0;
  readonly #order = new MeshOrder(2, new SharedArrayBuffer(MeshOrder.bytesFor(2)), 0);
  #ticket = 0;
  #isHeld = false;

  trySequence(transaction: Transaction<number, number>): boolean {
    if (!this.#isHeld && !this.#order.tryLock()) return false;
    this.#isHeld = true;
    if (!this.#order.hasRoom(1)) return false;
    transaction.number = this.#order.takeNumber();
    return true;
  }

  publish(): void {
    this.#order.append(1, 0, this.#ticket);
    this.#ticket = (this.#ticket + 1) | 0;
    this.#order.unlock();
    this.#isHeld = false;
    this.#order.consume(1, this.#order.published(1));
  }

  mayRunAtOnce(): boolean {
    return true;
  }

  sendIntent(transaction: Transaction<number, number>, shard: number, form: number): void {
    const intents = this.intents[shard]!;
    const { handle, number } = transaction;
    const intent = intents.open(0, handle, number, form);
    intents.lockSlots(intent, this.wanted, 0, 2);
    intents.admit(intent);
  }

  sendRun(transaction: Transaction<number, number>, shard: number, thenRelease: boolean): void {
    this.participants[shard]!.onRun(0, transaction.handle, thenRelease);
  }

  sendRelease(transaction: Transaction<number, number>, shard: number): void {
    this.participants[shard]!.onRelease(0, transaction.handle);
  }

  sendAbort(transaction: Transaction<number, number>, shard: number): void {
    this.participants[shard]!.onAbort(0, transaction.handle);
  }

  nextRound(): number {
    return 0;
  }

  onFinished(): void {
    this.finishedCount++;
  }
}

describe('nothing is allocated', () => {
  it('for a single-shard command while nothing is locked', () => {
    const parked = new ParkedCommands<number>(new SlotLocks(), nobody);
    let waits = 0;
    let slot = 0;
    expect(bytesPerCall(meter, () => {
      slot = (slot + 1) & 16_383;
      if (parked.mustWait(slot, slot, true)) waits++;
    })).toBeLessThan(1);
    expect(waits).toBe(0);
  });

  it('for a single-shard command while something is', () => {
    const locks = new SlotLocks();
    const parked = new ParkedCommands<number>(locks, nobody);
    const owner = locks.open(locks.listen({ onLocked: () => undefined }));
    locks.addSlot(owner, lockOf(5, true));
    locks.enter(owner);
    let waits = 0;
    let slot = 0;
    expect(bytesPerCall(meter, () => {
      slot = (slot + 1) & 7;
      if (parked.mustWait(1, slot, false)) waits++;
    })).toBeLessThan(1);
    expect(waits).toBeGreaterThan(0);
  });

  for (const [name, course] of [['certain', Course.Certain], ['voted', Course.Voted]] as const) {
    it(`for a transaction that is ${name}`, () => {
      const pair = new Pair();
      expect(bytesPerCall(meter, () => {
        pair.coordinator.begin(0b11, course, -1, 4, 1);
        pair.coordinator.sequence();
      })).toBeLessThan(1);
      expect(pair.finishedCount).toBeGreaterThan(20_000);
      expect(pair.locks[1]!.count).toBe(0);
    });
  }

  it('for a command that is parked and runs', () => {
    const locks = new SlotLocks();
    const parked = new ParkedCommands<number>(locks, nobody);
    const listener = locks.listen({ onLocked: () => undefined });
    const wanted = Uint16Array.of(lockOf(5, true));
    expect(bytesPerCall(meter, () => {
      const owner = locks.open(listener);
      locks.addSlot(owner, lockOf(5, true));
      locks.enter(owner);
      parked.park(1, wanted, 0, 1, 7);
      locks.leave(owner);
    })).toBeLessThan(1);
    expect(parked.count).toBe(0);
  });
});
