/**
 * Many workers, connections and transactions in one thread: random delays, first in first out
 * between any two workers, every course, refusals, a busy sequencer, clients that vanish. Whatever
 * happens has to be strictly serializable, in the order of the transactions' numbers; all or
 * nothing of each; a connection's commands in their order; and everything ends, in a bounded number
 * of messages. Each known mistake has to be seen. Last, the same work in the protocol that refuses
 * and numbers again, to see what is saved.
 */
import { describe, expect, it } from 'vitest';
import { OrderHistory } from '../testing/order-history.ts';
import { OrderNetwork } from '../testing/order-network.ts';
import type { Operation } from '../testing/order-workload.ts';
import { OrderWorkload } from '../testing/order-workload.ts';
import type { Break, OrderedWorldOptions } from '../testing/ordered-world.ts';
import { OrderedWorld } from '../testing/ordered-world.ts';
import { randomSource } from '../testing/random-source.ts';
import { RenumberingWorld } from '../testing/renumbering-world.ts';
import { Course } from './coordinator.ts';

const COURSES = [Course.Certain, Course.Voted, Course.Led, Course.Scripted];

interface Shape {
  readonly workerCount: number;
  readonly connectionCount: number;
  readonly operationsEach: number;
  readonly slotCount: number;
  readonly slotsEach: number;
  readonly transactionShare: number;
  readonly writeShare: number;
  readonly delayMax: number;
  readonly vanishes: boolean;
}

function randomShape(seed: number): Shape {
  const random = randomSource(seed);
  const workerCount = 2 + random.below(4);
  return {
    workerCount,
    connectionCount: 2 + random.below(14),
    operationsEach: 20 + random.below(30),
    slotCount: workerCount * (1 + random.below(6)),
    slotsEach: 2 + random.below(4),
    transactionShare: random.below(5) / 4,
    writeShare: 0.1 + random.below(9) / 10,
    delayMax: 1 + random.below(30),
    vanishes: random.chance(0.3),
  };
}

class Run {
  readonly shape: Shape;
  readonly history = new OrderHistory();
  readonly network: OrderNetwork;
  readonly world: OrderedWorld;
  readonly workload: OrderWorkload;
  readonly gone = new Set<number>();

  constructor(
    seed: number, shape: Shape, breaks: Break = 'none', options: Partial<OrderedWorldOptions> = {},
  ) {
    this.shape = shape;
    const random = randomSource(seed + 1_000_000);
    const { workerCount, delayMax } = shape;
    const { history } = this;
    this.network = new OrderNetwork({ workerCount, random, delayMax });
    this.world = new OrderedWorld({
      workerCount, network: this.network, history, random, breaks, refusalShare: 0.15,
      courses: COURSES, ...options,
    });
    this.workload = new OrderWorkload({
      ...shape, random, history, world: this.world, pipelineMax: 4, pipelinesAcross: true,
    });
    this.workload.start();
    let lastGone = 0;
    while (this.network.step()) {
      if (!shape.vanishes || this.network.now < lastGone + 50) continue;
      lastGone = this.network.now;
      const connection = random.below(shape.connectionCount);
      this.gone.add(connection);
      this.workload.vanish(connection);
      this.world.vanish(connection, connection % workerCount);
    }
  }

  /** What is wrong, or an empty text. */
  verdict(): string {
    if (this.world.remains() !== 0) return 'something waits for ever';
    const stuck = this.workload.busyConnections().filter((number) => !this.gone.has(number));
    if (stuck.length > 0) return 'a connection waits for ever';
    for (const operation of this.workload.operations) {
      if (operation.parts.size > 1 && !this.isWhole(operation)) return 'half of a transaction';
    }
    for (const ran of this.world.singles.values()) {
      if (ran.some((id, at) => at > 0 && id < ran[at - 1]!)) return 'commands out of their order';
    }
    if (!this.history.isSerializable()) return 'no order explains it';
    if (!this.isInNumberOrder()) return 'not in the order of the numbers';
    return '';
  }

  /** Every write of a transaction happened once, or none did and it was refused. */
  isWhole(operation: Operation): boolean {
    const outcome = this.world.finished.get(operation.id);
    if (outcome === undefined) return false;
    const writes = this.history.writesOf(operation.id);
    if (!outcome.happened) return writes.size === 0;
    for (const uses of operation.parts.values()) {
      for (const { slot, isWrite } of uses) {
        if ((writes.get(slot) ?? 0) !== (isWrite ? 1 : 0)) return false;
      }
    }
    return true;
  }

  /** On every slot, transactions that conflict come in the order of their numbers. */
  isInNumberOrder(): boolean {
    for (const accesses of this.history.slots().values()) {
      let read = 0;
      let written = 0;
      for (const { operation, isWrite } of accesses) {
        const number = this.world.finished.get(operation)?.number;
        if (number === undefined) continue;
        if (number < written || (isWrite && number < read)) return false;
        if (isWrite) written = number;
        else read = Math.max(read, number);
      }
    }
    return true;
  }

  /** Messages that the operations may cost, whatever else is under way. */
  messagesMax(): number {
    let most = this.gone.size * this.shape.workerCount * 1000;
    for (const { parts } of this.workload.operations) {
      most += parts.size === 1 ? 2 : 10 * parts.size;
    }
    return most;
  }
}

describe('transactions over several shards, simulated', () => {
  const SEEDS_PER_TEST = 40;
  for (let first = 1; first <= 161; first += SEEDS_PER_TEST) {
    const end = first + SEEDS_PER_TEST;
    it(`are one after the other for everybody, seeds ${first} to ${end - 1}`, () => {
      for (let seed = first; seed < end; seed++) {
        const run = new Run(seed, randomShape(seed));
        expect(run.verdict(), `seed ${seed}`).toBe('');
        expect(run.network.messageCount, `seed ${seed}`).toBeLessThanOrEqual(run.messagesMax());
        expect(run.workload.operations.length, `seed ${seed}`).toBeGreaterThan(0);
      }
    });
  }

  const mistakes: readonly (readonly [Break, readonly number[]])[] = [
    ['places', COURSES], ['barging', COURSES], ['no-parking', COURSES], ['overtaking', COURSES],
    ['no-catching-up', [Course.Certain]], ['late-publishing', [Course.Certain]],
  ];
  for (const [breaks, courses] of mistakes) {
    it(`shows when there is a mistake: ${breaks}`, () => {
      const verdicts: string[] = [];
      for (let seed = 1; seed <= 40; seed++) {
        const shape = {
          ...randomShape(seed), vanishes: false, connectionCount: 12, transactionShare: 0.2,
        };
        const verdict = new Run(seed, shape, breaks, { courses }).verdict();
        if (verdict !== '') verdicts.push(verdict);
      }
      expect(verdicts.length).toBeGreaterThan(0);
    });
  }

  it('do not starve a writer among readers that never stop', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const shape: Shape = {
        workerCount: 3, connectionCount: 24, operationsEach: 40, slotCount: 3, slotsEach: 3,
        transactionShare: 1, writeShare: 0.03, delayMax: 10, vanishes: false,
      };
      const run = new Run(seed, shape, 'none', { courses: [Course.Certain] });
      expect(run.verdict(), `seed ${seed}`).toBe('');
      // Nobody who took a number later was served before: at most those who were under way.
      const ended = [...run.world.finished.values()].map(({ number }) => number);
      const overtakers = ended.map(
        (number, at) => ended.slice(0, at).filter((other) => other > number).length,
      );
      const overtakenMost = Math.max(...overtakers);
      expect(overtakenMost, `seed ${seed}`).toBeLessThan(shape.connectionCount);
    }
  });
});

interface Figures {
  readonly timeEach: number;
  readonly messagesEach: number;
  readonly worst: number;
  readonly refusalsEach: number;
}

const CONTENDED: Shape = {
  workerCount: 4, connectionCount: 32, operationsEach: 60, slotCount: 128, slotsEach: 4,
  transactionShare: 1, writeShare: 0.8, delayMax: 10, vanishes: false,
};

function ordered(seed: number, shape: Shape, course: number): Figures {
  const run = new Run(seed, shape, 'none', { courses: [course], refusalShare: 0 });
  const count = run.workload.operations.length;
  expect(run.verdict()).toBe('');
  return {
    timeEach: run.network.now / count, messagesEach: run.network.messageCount / count, worst: 1,
    refusalsEach: 0,
  };
}

function renumbering(seed: number, shape: Shape): Figures {
  const random = randomSource(seed + 1_000_000);
  const history = new OrderHistory();
  const { workerCount, delayMax } = shape;
  const network = new OrderNetwork({ workerCount, random, delayMax });
  const world = new RenumberingWorld(workerCount, network, history);
  const workload = new OrderWorkload({ ...shape, random, history, world, pipelineMax: 1 });
  workload.start();
  while (network.step());
  expect(workload.busyConnections()).toEqual([]);
  expect(history.isSerializable()).toBe(true);
  const count = workload.operations.length;
  return {
    timeEach: network.now / count, messagesEach: network.messageCount / count,
    worst: world.attemptsMax, refusalsEach: world.refusalCount / count,
  };
}

describe('tickets taken together against numbers that are refused', () => {
  for (const seed of [1, 2, 3]) {
    it(`begin nothing twice, and parts that cannot fail need one round, seed ${seed}`, () => {
      const voted = ordered(seed, CONTENDED, Course.Voted);
      const certain = ordered(seed, CONTENDED, Course.Certain);
      const refused = renumbering(seed, CONTENDED);
      expect(refused.refusalsEach).toBeGreaterThan(0.01);
      expect(refused.worst).toBeGreaterThan(1);
      expect(voted.messagesEach).toBeLessThan(refused.messagesEach);
      expect(certain.messagesEach).toBeLessThan(0.8 * refused.messagesEach);
    });
  }

  it('take half the time where nobody meets and no part can fail', () => {
    const shape = { ...CONTENDED, slotCount: 12_800 };
    const certain = ordered(4, shape, Course.Certain);
    const refused = renumbering(4, shape);
    expect(certain.timeEach).toBeLessThan(0.7 * refused.timeEach);
    expect(certain.messagesEach).toBeLessThan(0.8 * refused.messagesEach);
  });
});
