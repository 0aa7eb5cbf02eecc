/**
 * Finding requests ahead changes nothing that anybody can see: random pipelines, with everything in
 * them that changes a session on the way, run on two workers that differ only in how many requests
 * they find ahead (16 and 1). Bytes are cut at every place; reply bytes, sessions, counters and
 * data must be the same after each. The plain twin is the worker that finds none.
 */
import { SeededChance } from '@kora/core';
import { contentsOf } from '@kora/core/testing';
import { encodeRequest } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { WorkerRig } from './testing/worker-rig.ts';

/** A number in [0, below). */
type Dice = (below: number) => number;

function diceOf(seed: number): Dice {
  const chance = new SeededChance(seed);
  return (below) => (chance.next32() >>> 0) % below;
}

function pick<T>(dice: Dice, from: readonly T[]): T {
  return from[dice(from.length)]!;
}

const PASSWORD = 'secret';

function dataCommand(dice: Dice): string[] {
  const key = `key:${dice(6)}`;
  const other = `key:${dice(6)}`;
  const value = 'v'.repeat(dice(40));
  return pick(dice, [
    ['SET', key, value], ['SET', key, '12'], ['GET', key], ['get', key], ['INCR', key],
    ['DEL', key], ['APPEND', key, 'x'], ['GETDEL', key], ['MGET', key, other],
    ['MGET', key, other, 'a', 'b', 'c'], ['MSET', key, value, other, '1'],
    ['SET', key, value, 'PX', String(1 + dice(20))], ['PEXPIRE', key, String(dice(10))],
    ['RENAME', key, other], ['COPY', key, other, 'REPLACE'], ['MOVE', key, '1'],
    ['EXISTS', key, other, other], ['SET', key], ['GET'], ['STRLEN', key], ['TTL', key],
    ['OBJECT', 'ENCODING', key], ['SETRANGE', key, '3', 'abc'], ['SET', key, value, 'GET', 'NX'],
  ]);
}

function sessionCommand(dice: Dice): string[] {
  return pick(dice, [
    ['SELECT', String(dice(3))], ['AUTH', 'wrong'], ['AUTH', PASSWORD], ['RESET'],
    ['HELLO', '3'], ['HELLO', '2'], ['CLIENT', 'REPLY', 'OFF'], ['CLIENT', 'REPLY', 'ON'],
    ['CLIENT', 'REPLY', 'SKIP'], ['CLIENT', 'PAUSE', String(dice(30)), 'WRITE'],
    ['CLIENT', 'PAUSE', String(dice(30)), 'ALL'], ['CLIENT', 'UNPAUSE'], ['PING'],
    ['FLUSHDB'], ['SWAPDB', '0', '1'], ['NOSUCH', 'a'], ['CLIENT', 'LIST'], ['POSTS'],
    ['INFO', 'commandstats'], ['INFO', 'stats'], ['CLIENT', 'NO-TOUCH', pick(dice, ['ON', 'OFF'])],
    ['DBSIZE'], ['WAIT', '1', String(1 + dice(20))], ['CLIENT', 'SETNAME', 'n'],
    ['MULTI'], ['MULTI'], ['EXEC'], ['EXEC'], ['DISCARD'], ['WATCH', `key:${dice(6)}`], ['UNWATCH'],
    ['WATCH', `key:${dice(6)}`, `key:${dice(6)}`],
  ]);
}

/** Bytes that are no ordinary request: nothing, escapes to undo in place, ends. */
function oddity(dice: Dice): string {
  return pick(dice, [
    '*0\r\n', '\r\n', 'SET key:1 "a\\x41\\"b"\r\n', 'GET key:1\r\n', '*-1\r\n', 'PING\r\n',
    '*0\r\nSET key:2 "\\x42\\n"\r\n', 'INCR "key:3"\r\n', 'GET "key:\\x31"\r\n',
    pick(dice, [
      'QUIT\r\n', '*1\r\n$4\r\nQUIT\r\n', '*1\r\n$x\r\n', 'SET k "x\r\n', 'POST / x\r\n',
    ]),
  ]);
}

/** `weights`: of data, session commands and oddities. */
function pipelineOf(dice: Dice, count: number, weights: readonly number[]): Buffer {
  const pieces: Buffer[] = [];
  const [data = 1, session = 0, odd = 0] = weights;
  if (dice(5) !== 0) pieces.push(Buffer.from(encodeRequest(['AUTH', PASSWORD])));
  for (let i = 0; i < count; i++) {
    const roll = dice(data + session + odd);
    if (roll < data) pieces.push(Buffer.from(encodeRequest(dataCommand(dice))));
    else if (roll < data + session) pieces.push(Buffer.from(encodeRequest(sessionCommand(dice))));
    else pieces.push(Buffer.from(oddity(dice), 'latin1'));
  }
  return Buffer.concat(pieces);
}

/** Two workers, one of which finds requests ahead; both are told the same. */
class Twins {
  readonly rigs: readonly WorkerRig[];

  constructor(seed: number) {
    const settings = [['requirepass', PASSWORD]] as const;
    this.rigs = [1, 16].map((aheadCountMax) => new WorkerRig({ settings, seed, aheadCountMax }));
  }

  /** Does it on both and compares what they show. */
  each<T>(where: string, act: (rig: WorkerRig) => T): T {
    const [plain, ahead] = this.rigs.map(act);
    expect(ahead, where).toEqual(plain);
    return plain!;
  }

  compare(where: string, slots: readonly number[]): void {
    this.each(where, ({ worker, engine, composed, log }) => ({
      sessions: slots.map((slot) => {
        const session = worker.sessions.atSlot(slot);
        if (session === undefined) return null;
        const { db, resp, flags, hold, isClosing, isRequestHeld, isAuthenticated } = session;
        const { inputBytes, inputCapacity, outputBytes, lastCommand, parser } = session;
        return {
          db, resp, flags, hold, isClosing, isRequestHeld, isAuthenticated, inputBytes,
          inputCapacity, outputBytes, lastCommand: lastCommand?.name, hasParser: parser !== null,
        };
      }),
      closing: [...engine.closing], paused: [...engine.paused], log,
      counts: [...composed.shard.stats.counts], contents: contentsOf(composed.shard),
      lowBytes: composed.memory.lowAllocator.usedBytes(),
    }));
    this.each(where, (rig) => slots.map((slot) => rig.repliesOf(slot)));
  }

  /** Lets pauses and waits end, in both. */
  settle(): void {
    for (const rig of this.rigs) {
      for (let i = 0; i < 3; i++) {
        rig.tick(20);
        rig.turn();
      }
    }
  }

  /** Empty again, with nobody connected. */
  clear(slots: readonly number[]): void {
    for (const rig of this.rigs) {
      for (const slot of slots) rig.disconnect(slot);
      const admin = rig.connect();
      for (const words of [['AUTH', PASSWORD], ['CLIENT', 'UNPAUSE'], ['FLUSHALL']]) {
        rig.receive(admin, encodeRequest(words));
      }
      rig.disconnect(admin);
      rig.engine.closing.clear();
      rig.engine.paused.clear();
      rig.log.length = 0;
    }
  }
}

const WEIGHTS = [[1, 0, 0], [8, 1, 0], [4, 2, 1], [12, 1, 1], [1, 3, 1]] as const;

describe('requests found ahead', () => {
  it.each([1, 2, 3, 4, 5, 6])('answer as those that are not, cut anywhere (seed %i)', (seed) => {
    const twins = new Twins(seed);
    const dice = diceOf(seed);
    const bytes = pipelineOf(dice, 30, WEIGHTS[seed % WEIGHTS.length]!);
    for (let cut = 0; cut < bytes.length; cut++) {
      const where = `seed ${seed}, cut at ${cut}`;
      const slot = twins.each(where, (rig) => rig.connect());
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        if (piece.length === 0) continue;
        for (const rig of twins.rigs) rig.receive(slot, piece);
        for (const rig of twins.rigs) rig.turn();
      }
      twins.compare(where, [slot]);
      twins.settle();
      twins.compare(where, [slot]);
      twins.clear([slot]);
    }
  });

  it.each([11, 12, 13, 14])('answer so for several clients at once (seed %i)', (seed) => {
    const twins = new Twins(seed);
    const dice = diceOf(seed);
    for (let round = 0; round < 60; round++) {
      const slots = [0, 1, 2].map(() => twins.each(`seed ${seed}`, (rig) => rig.connect()));
      for (let step = 0; step < 12; step++) {
        const where = `seed ${seed}, round ${round}, step ${step}`;
        const slot = pick(dice, slots);
        const whole = pipelineOf(dice, dice(40), pick(dice, WEIGHTS));
        const bytes = whole.subarray(0, dice(8) === 0 ? dice(whole.length + 1) : whole.length);
        const ms = dice(3) === 0 ? dice(30) : 0;
        for (const rig of twins.rigs) {
          rig.receive(slot, bytes);
          if (ms > 0) rig.tick(ms);
          rig.turn();
        }
        twins.compare(where, slots);
      }
      twins.settle();
      twins.compare(`seed ${seed}, round ${round}`, slots);
      twins.clear(slots);
    }
  });

  it.each([21, 22])('stop where their peer does not read (seed %i)', (seed) => {
    const twins = new Twins(seed);
    const dice = diceOf(seed);
    for (let round = 0; round < 3; round++) {
      const where = `seed ${seed}, round ${round}`;
      const slot = twins.each(where, (rig) => rig.connect());
      const requests = [['AUTH', PASSWORD], ['SET', 'big', 'b'.repeat(40_000 + dice(60_000))]];
      for (let i = 0; i < 90; i++) {
        requests.push(pick(dice, [
          ['GET', 'big'], ['GET', 'big'], ['INCR', 'n'], ['APPEND', 'big', 'c'], ['GET', 'n'],
        ]));
      }
      const bytes = Buffer.concat(requests.map((words) => encodeRequest(words)));
      for (const rig of twins.rigs) {
        rig.engine.holdsSends = true;
        rig.receive(slot, bytes);
      }
      twins.compare(where, [slot]);
      let turns = 0;
      while ((twins.rigs[0]!.engine.heldCounts[slot] ?? 0) > 0 && turns++ < 1000) {
        for (const rig of twins.rigs) rig.release(slot, 1 + (turns % 5));
        twins.compare(`${where}, turn ${turns}`, [slot]);
      }
      expect(turns, where).toBeGreaterThan(1);
      for (const rig of twins.rigs) rig.engine.holdsSends = false;
      twins.clear([slot]);
    }
  });
});
