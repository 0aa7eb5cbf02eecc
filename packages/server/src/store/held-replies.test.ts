/**
 * Which sends wait for the log and which do not, one by one: with one shard and with several, in
 * their order, with their closes, while a log fails and afterwards.
 */
import { WorkerMemory } from '@kora/core';
import { LogWords } from '@kora/storage/engine';
import { describe, expect, it } from 'vitest';
import type { EngineHandler, Peer } from '../io/engine.ts';
import { MemoryEngine } from '../testing/worker-rig.ts';
import { HeldReplies, LOG_TROUBLE_MS_MAX } from './held-replies.ts';

const PEER: Peer = {
  address: '', localAddress: '', isLoopback: true, isUnixSocket: false, descriptor: -1,
};
const EIO = 5;

/** An engine that notes what leaves, and a worker that notes what is free again. */
class Rig {
  readonly words: LogWords;
  readonly held: HeldReplies;
  /** What has left, in order: `slot:at`, and closes. */
  readonly left: string[] = [];
  /** Slots whose range was named back. */
  readonly named: number[] = [];
  /** True: the engine takes what it is given at once. */
  takesAtOnce = true;
  readonly busy = new Set<number>();
  readonly host = {
    drain: (): void => undefined, onFile: (): void => undefined, isRefusing: false,
    isIdle: (slot: number): boolean => !this.busy.has(slot),
    monotonicMs: 1000,
    cut: (slots: readonly number[]): void => {
      for (const slot of slots) this.held.close(slot, false);
    },
  };
  onAccept: () => boolean = () => true;
  #appended: number[];

  constructor(shardCount = 1) {
    this.words = new LogWords(shardCount);
    this.#appended = Array.from({ length: shardCount }, () => 0);
    const engine = new MemoryEngine();
    engine.send = (slot, at) => {
      this.left.push(`${slot}:${at}`);
      return this.takesAtOnce;
    };
    engine.close = (slot, isGraceful = true) => {
      this.left.push(`${slot} ${isGraceful ? 'closes' : 'is cut'}`);
    };
    this.held = new HeldReplies(engine, this.words, 0);
    this.held.isHolding = true;
    const nothing = (): void => undefined;
    const handler: EngineHandler = {
      onTurnStart: nothing, onTurnEnd: nothing, onReceive: nothing, onEnd: nothing,
      onClosed: nothing, onTick: nothing, onTurn: nothing, onWake: nothing,
      onAccept: () => this.onAccept(),
      onSent: (slot) => { this.named.push(slot); },
    };
    this.held.start(WorkerMemory.create({ lowBytes: 1 << 20 }), handler);
    this.held.attach(this.host);
  }

  /** A shard has changed something. */
  change(shard = 0): void {
    this.#appended[shard] = (this.#appended[shard] ?? 0) + 1;
    this.words.appendedOf(shard)[0] = this.#appended[shard] ?? 0;
  }
  /** All that the shard has changed is durable. @returns who is woken */
  settle(shard = 0): number {
    return this.words.setSettled(shard, this.#appended[shard] ?? 0);
  }
  send(slot: number, at: number): boolean {
    return this.held.send(slot, at, 1);
  }
  turn(): void {
    this.held.onTurnStart();
    this.held.onTurnEnd();
  }
  fail(isKnown: boolean): void {
    this.words.setErrno(0, EIO);
    this.host.isRefusing = isKnown;
  }
}

describe('what is sent', () => {
  it('leaves at once while nothing waits for the disk, or the policy does not ask for it', () => {
    const rig = new Rig();
    expect(rig.send(1, 10)).toBe(true);
    rig.takesAtOnce = false;
    expect(rig.send(1, 11)).toBe(false);
    rig.takesAtOnce = true;
    rig.change();
    rig.held.isHolding = false;
    expect(rig.send(1, 12)).toBe(true);
    expect([rig.left, rig.held.isEmpty]).toEqual([['1:10', '1:11', '1:12'], true]);
  });

  it('waits for what has been changed by then, whoever has changed it, and no longer', () => {
    const rig = new Rig();
    rig.change();
    expect([rig.send(1, 10), rig.send(2, 20)]).toEqual([false, false]);
    rig.turn();
    expect([rig.left, rig.held.isEmpty]).toEqual([[], false]);
    rig.settle();
    rig.change();
    rig.send(3, 30);
    rig.turn();
    expect([rig.left, rig.named]).toEqual([['1:10', '2:20'], [1, 2]]);
    rig.settle();
    rig.turn();
    expect([rig.left.at(-1), rig.held.isEmpty]).toEqual(['3:30', true]);
    expect([rig.send(1, 11), rig.send(3, 31)]).toEqual([true, true]);
  });

  it('is named back by the engine when that does not take it at once', () => {
    const rig = new Rig();
    rig.change();
    rig.send(1, 10);
    rig.settle();
    rig.takesAtOnce = false;
    rig.turn();
    expect([rig.left, rig.named]).toEqual([['1:10'], []]);
    rig.held.onSent(1);
    expect(rig.named).toEqual([1]);
  });

  it('leaves in the order of its connection, also when a later one could go', () => {
    const rig = new Rig(2);
    rig.change(1);
    rig.send(1, 10);
    rig.settle(1);
    // Nothing is unsettled any more, and 10 has not left: 11 stays behind it.
    expect([rig.send(1, 11), rig.send(2, 20)]).toEqual([false, true]);
    rig.held.isHolding = false;
    expect([rig.send(1, 12), rig.send(3, 30)]).toEqual([false, true]);
    rig.turn();
    expect(rig.left).toEqual(['2:20', '3:30', '1:10', '1:11', '1:12']);
    expect(rig.send(1, 13)).toBe(true);
  });

  it('leaves when it refuses a connection, whatever the log does', () => {
    const rig = new Rig();
    rig.change();
    rig.onAccept = () => {
      rig.send(4, 40);
      return false;
    };
    expect(rig.held.onAccept(4, PEER)).toBe(false);
    expect(rig.left).toEqual(['4:40']);
    expect(rig.send(4, 41)).toBe(false);
  });
});

describe('with several shards', () => {
  it('waits for all of them, and is woken by those of others alone', () => {
    const rig = new Rig(3);
    rig.change(0);
    rig.change(1);
    rig.change(2);
    rig.send(1, 10);
    rig.turn();
    expect(rig.settle(0)).toBe(0);
    rig.turn();
    expect([rig.left, rig.settle(1)]).toEqual([[], 1]);
    rig.turn();
    expect([rig.left, rig.settle(2)]).toEqual([[], 1]);
    rig.turn();
    expect(rig.left).toEqual(['1:10']);
  });
});

describe('the end of a connection', () => {
  it('comes behind what waits, when it is in order', () => {
    const rig = new Rig();
    rig.change();
    rig.send(1, 10);
    rig.held.close(1, true);
    rig.held.close(2, true);
    expect(rig.left).toEqual(['2 closes']);
    rig.settle();
    rig.turn();
    expect(rig.left).toEqual(['2 closes', '1:10', '1 closes']);
  });
  it('takes what waits with it, when it is cut or gone', () => {
    const rig = new Rig();
    rig.change();
    rig.send(1, 10);
    rig.send(2, 20);
    rig.send(3, 30);
    rig.held.close(1, false);
    rig.held.onClosed(2);
    expect(rig.left).toEqual(['1 is cut']);
    rig.settle();
    rig.turn();
    expect([rig.left, rig.named]).toEqual([['1 is cut', '3:30'], [3]]);
    // The slots are others' now, and nothing is before what they are sent.
    expect([rig.send(1, 11), rig.send(2, 21)]).toEqual([true, true]);
  });
});

describe('while a log fails', () => {
  it('everything waits that was sent before this worker refuses changes', () => {
    const rig = new Rig(2);
    rig.change(1);
    rig.fail(false);
    expect(rig.send(1, 10)).toBe(false);
  });

  it('reads leave, and what tells of a change waits', () => {
    const rig = new Rig(2);
    rig.change(1);
    rig.held.noteAsked(1);
    rig.fail(true);
    expect([rig.send(1, 10), rig.send(2, 20)]).toEqual([false, true]);
    rig.turn();
    expect(rig.left).toEqual(['2:20']);
    rig.settle(1);
    rig.turn();
    expect(rig.left).toEqual(['2:20', '1:10']);
  });

  it('who has asked for a change is known until it is idle, and told of that', () => {
    const rig = new Rig(2);
    rig.held.noteAsked(1);
    rig.held.noteAsked(2);
    rig.held.noteAsked(3);
    rig.busy.add(2);
    rig.change(1);
    rig.send(3, 30);
    rig.fail(true);
    for (const slot of [1, 2, 3]) rig.held.onReceive(slot, 0, 1);
    expect([rig.send(1, 10), rig.send(2, 20), rig.send(3, 31)]).toEqual([true, false, false]);
    // A slot that is another's has asked for nothing.
    rig.held.onClosed(2);
    expect(rig.send(2, 21)).toBe(true);
  });

  it('is not asked about before it holds anything', () => {
    const rig = new Rig(2);
    rig.held.isHolding = false;
    rig.held.noteAsked(1);
    rig.held.isHolding = true;
    rig.change(1);
    rig.fail(true);
    expect(rig.send(1, 10)).toBe(true);
  });

  it.each([1, 2])('reads that wait are let go, what is behind a change is not: %i shards', (
    shards,
  ) => {
    const rig = new Rig(shards);
    rig.change();
    rig.send(1, 10);
    // Changes nothing: what it saw is of 1.
    rig.send(2, 20);
    rig.held.noteAsked(3);
    rig.send(3, 30);
    rig.send(2, 21);
    rig.send(1, 11);
    rig.held.close(2, true);
    rig.turn();
    expect(rig.left).toEqual([]);
    rig.fail(true);
    rig.turn();
    expect([rig.left, rig.named]).toEqual([['2:20', '2:21', '2 closes'], [2, 2]]);
    rig.settle();
    rig.words.setErrno(0, 0);
    rig.turn();
    expect(rig.left.slice(3)).toEqual(['1:10', '3:30', '1:11']);
    expect(rig.held.isEmpty).toBe(true);
  });

  it('what others change once it works again waits, although changes are refused here yet', () => {
    const rig = new Rig(2);
    rig.fail(true);
    rig.words.setErrno(0, 0);
    rig.change(1);
    expect(rig.send(1, 10)).toBe(false);
    rig.settle(1);
    rig.turn();
    expect(rig.left).toEqual(['1:10']);
  });

  it.each([1, 2])('who waits too long for it is cut, and nobody else: %i shards', (shards) => {
    const rig = new Rig(shards);
    rig.change();
    rig.send(1, 10);
    rig.send(2, 20);
    rig.held.noteAsked(3);
    rig.send(3, 30);
    rig.held.close(3, true);
    rig.fail(true);
    rig.turn();
    rig.host.monotonicMs += LOG_TROUBLE_MS_MAX - 1;
    rig.turn();
    expect(rig.left).toEqual(['2:20']);
    rig.host.monotonicMs += 1;
    rig.turn();
    expect([rig.left, rig.held.isEmpty]).toEqual([['2:20', '1 is cut', '3 is cut'], true]);
    // What was changed is made durable all the same, and nobody is told of it.
    rig.settle();
    rig.words.setErrno(0, 0);
    rig.turn();
    expect([rig.left.length, rig.named]).toEqual([3, [2]]);
    // The slots are others' now.
    rig.held.onClosed(1);
    expect(rig.send(1, 11)).toBe(true);
  });

  it('is given all of the time again when it has worked meanwhile, or nobody waited', () => {
    const rig = new Rig();
    rig.change();
    rig.send(1, 10);
    rig.fail(false);
    rig.turn();
    rig.host.monotonicMs += LOG_TROUBLE_MS_MAX - 1;
    rig.words.setErrno(0, 0);
    rig.turn();
    rig.words.setErrno(0, EIO);
    rig.turn();
    rig.host.monotonicMs += LOG_TROUBLE_MS_MAX - 1;
    rig.turn();
    expect(rig.left).toEqual([]);
    rig.settle();
    rig.turn();
    rig.host.monotonicMs += LOG_TROUBLE_MS_MAX;
    rig.change();
    rig.send(2, 20);
    rig.turn();
    expect(rig.left).toEqual(['1:10']);
    rig.host.monotonicMs += LOG_TROUBLE_MS_MAX;
    rig.turn();
    expect(rig.left).toEqual(['1:10', '2 is cut']);
  });
});
