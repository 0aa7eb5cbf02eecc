/**
 * A worker that has nothing to do hardly wakes, and nothing that time brings about comes later for
 * it: keys expire, pauses and waits end, connections are closed within a tick of their time. Time
 * is the rig's: ticks come when the worker says, so turns are counted and deadlines exact.
 */
import { createSharedMemory, MemoryBudget, MeshControl, SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { TICK_MS } from './io/engine.ts';
import { ProcessWords } from './mesh/process-words.ts';
import { REST_MS_MAX } from './rest.ts';
import { CLOSING_MS_MAX } from './limits.ts';
import { ask, connectTo, encodeRequest, send } from './testing/mesh-clients.ts';
import { MeshRig } from './testing/mesh-rig.ts';
import type { WorkerRigOptions } from './testing/worker-rig.ts';
import { WorkerRig } from './testing/worker-rig.ts';

const MEMORY_BYTES = 4 * 1024 * 1024 * 1024;

/** The reply to a command of a worker that is alone. */
function call(rig: WorkerRig, slot: number, ...words: string[]): string {
  const before = rig.repliesOf(slot).length;
  rig.receive(slot, encodeRequest(words));
  while (rig.engine.isTurnRequested) rig.turn();
  return rig.repliesOf(slot).slice(before);
}

/** A rig with a client that has done what it wanted, at rest. */
function restingRig(...commands: string[]): { rig: WorkerRig; slot: number } {
  const rig = new WorkerRig({ settings: [['enable-debug-command', 'yes']] });
  const slot = rig.connect();
  for (const command of commands) call(rig, slot, ...command.split(' '));
  rig.pass(10 * TICK_MS);
  return { rig, slot };
}

/** Keys of database 0 that have not been freed, whether they are due or not. */
const keyCount = ({ composed }: WorkerRig): number =>
  composed.shard.keyspace.databases[0]?.count ?? 0;

/** Turns in a minute of nothing. */
const turnsOfMinute = (rig: WorkerRig): number => rig.pass(60_000);

describe('a worker without work', () => {
  it('takes a turn a second, with a thousand connections and keys as with none', () => {
    const rig = new WorkerRig();
    rig.pass(10 * TICK_MS);
    expect(turnsOfMinute(rig)).toBeLessThanOrEqual(60);
    for (let i = 0; i < 1000; i++) call(rig, rig.connect(), 'SET', `key:${i}`, 'value');
    rig.pass(10 * TICK_MS);
    expect(turnsOfMinute(rig)).toBeLessThanOrEqual(60);
  });

  it('ticks as ever as long as it has work, and twice after its last turn', () => {
    const { rig, slot } = restingRig();
    for (let i = 0; i < 20; i++) {
      call(rig, slot, 'PING');
      expect(rig.pass(TICK_MS)).toBe(1);
    }
    expect(rig.pass(TICK_MS)).toBe(1);
    expect(rig.engine.tickDelayMs).toBe(REST_MS_MAX);
  });

  it.each([1, 99, 450, 999])('is awake again %i ms into its rest when something comes', (ms) => {
    const { rig, slot } = restingRig();
    rig.pass(rig.engine.tickDelayMs);
    rig.pass(ms);
    call(rig, slot, 'PING');
    expect(rig.engine.tickDelayMs).toBe(TICK_MS);
  });

  it('rests with keys whose time is far, and while expiry is switched off', () => {
    const { rig, slot } = restingRig('SET far value EX 100000', 'HSET hash field value');
    expect(turnsOfMinute(rig)).toBeLessThanOrEqual(61);
    expect(call(rig, slot, 'DEBUG', 'SET-ACTIVE-EXPIRE', '0')).toBe('+OK\r\n');
    call(rig, slot, 'SET', 'due', 'value', 'PX', '10');
    rig.pass(10 * TICK_MS);
    expect(turnsOfMinute(rig)).toBeLessThanOrEqual(60);
    expect(keyCount(rig)).toBe(3);
  });

  // A tick of the wheel, and one of the engine that comes just before that.
  it.each([1, 2, 3, 4])('frees every key within two ticks of its time, seed %i', (seed) => {
    const chance = new SeededChance(seed);
    const below = (bound: number): number => (chance.next32() >>> 0) % bound;
    const { rig, slot } = restingRig();
    const dueAtMs: number[] = [];
    for (let step = 0; step < 3000; step++) {
      const nowMs = rig.clock.nowMs();
      if (below(20) === 0) {
        const ttlMs = 1 + below(below(4) === 0 ? 300_000 : 3000);
        const commands = [
          ['SET', `key:${step}`, 'v', 'PX', String(ttlMs)],
          ['HSETEX', `key:${step}`, 'PX', String(ttlMs), 'FIELDS', '1', 'f', 'v'],
        ];
        call(rig, slot, ...commands[below(2)]!);
        dueAtMs.push(nowMs + ttlMs);
      }
      rig.pass(below(below(10) === 0 ? 5000 : 200));
      const late = dueAtMs.filter((dueMs) => dueMs + 2 * TICK_MS < rig.clock.nowMs()).length;
      const alive = dueAtMs.filter((dueMs) => dueMs >= rig.clock.nowMs()).length;
      const count = keyCount(rig);
      const context = `seed ${seed} step ${step}`;
      expect(count, context).toBeGreaterThanOrEqual(alive);
      expect(count, context).toBeLessThanOrEqual(dueAtMs.length - late);
    }
  });
});

describe('a worker that time has something for', () => {
  it('ends a pause and a wait within a tick of their time', () => {
    const { rig, slot } = restingRig();
    const other = rig.connect();
    call(rig, slot, 'CLIENT', 'PAUSE', '3210', 'ALL');
    expect(call(rig, other, 'SET', 'key', 'value')).toBe('');
    expect(rig.pass(3200)).toBeGreaterThanOrEqual(31);
    expect(rig.repliesOf(other)).toBe('');
    rig.pass(10 + TICK_MS);
    expect(rig.repliesOf(other)).toBe('+OK\r\n');
    expect(call(rig, other, 'WAIT', '1', '3333')).toBe('');
    rig.pass(3300);
    expect(rig.repliesOf(other)).toBe('+OK\r\n');
    rig.pass(33 + TICK_MS);
    expect(rig.repliesOf(other)).toBe('+OK\r\n:0\r\n');
  });

  it('cuts who does not read, closing or above a soft limit', () => {
    const { rig, slot } = restingRig(`SET value ${'x'.repeat(50_000)}`);
    const limit = ['client-output-buffer-limit', 'normal 0 10000 5'];
    expect(call(rig, slot, 'CONFIG', 'SET', ...limit)).toBe('+OK\r\n');
    rig.engine.holdsSends = true;
    const [closing, soft] = [rig.connect(), rig.connect()];
    call(rig, closing, 'QUIT');
    call(rig, soft, 'GET', 'value');
    const session = rig.worker.sessions.atSlot(soft)!;
    const isCut = (at: number): boolean => rig.engine.cut.has(at);
    rig.pass(CLOSING_MS_MAX - TICK_MS);
    expect([isCut(closing), session.isClosing]).toEqual([false, false]);
    rig.pass(3 * TICK_MS);
    expect([isCut(closing), session.isClosing]).toEqual([true, false]);
    rig.disconnect(closing);
    rig.pass(5000 - CLOSING_MS_MAX);
    expect(isCut(soft)).toBe(true);
    rig.disconnect(soft);
    rig.pass(10 * TICK_MS);
    expect(turnsOfMinute(rig)).toBeLessThanOrEqual(60);
  });

  it('closes idle connections within a rest of `timeout`', () => {
    const { rig, slot } = restingRig('CONFIG SET timeout 7');
    const session = rig.worker.sessions.atSlot(slot)!;
    rig.pass(7000 - 10 * TICK_MS);
    expect(session.isClosing).toBe(false);
    rig.pass(REST_MS_MAX + TICK_MS);
    expect(session.isClosing).toBe(true);
  });

  it('has rates that are those of the last 1.6 seconds', () => {
    const { rig, slot } = restingRig();
    const rate = (): number => {
      const text = call(rig, slot, 'INFO', 'stats');
      return Number(/instantaneous_ops_per_sec:(\d+)/.exec(text)?.[1]);
    };
    rig.pass(10_000);
    for (let i = 0; i < 1600; i++) call(rig, slot, 'PING');
    rig.pass(700);
    expect(rate()).toBeGreaterThan(990);
    rig.pass(200);
    expect(rate()).toBeGreaterThan(990);
    rig.pass(1700);
    expect(rate()).toBeLessThan(5);
  });

  it('does not rest while all shards together are near their limit', () => {
    const shared = {
      workerCount: 2, control: new MeshControl(2).buffer, budget: new MemoryBudget().buffer,
      memories: [0, 1].map(() => createSharedMemory(MEMORY_BYTES, 0)),
      lowBytes: 256 * 1024 * 1024, words: new ProcessWords(2).buffer,
    };
    const options = (index: number): WorkerRigOptions => ({
      settings: [['maxmemory', '64mb'], ['maxmemory-policy', 'allkeys-lru']],
      mesh: { ...shared, index },
    });
    const [rig, other] = [new WorkerRig(options(0)), new WorkerRig(options(1))];
    for (const { worker } of [rig, other]) worker.mesh?.connect();
    rig.pass(10 * TICK_MS);
    expect(turnsOfMinute(rig)).toBeLessThanOrEqual(60);
    const budget = new MemoryBudget(shared.budget);
    budget.charge(1, 40 * 1024 * 1024);
    rig.pass(REST_MS_MAX);
    expect(turnsOfMinute(rig)).toBe(600);
    expect(other.worker.sessions.count).toBe(0);
  });
});

describe('workers of one process', () => {
  it('rest together, and each is awake for what another has for it', () => {
    const mesh = new MeshRig(4);
    const client = connectTo(mesh, 0);
    const pass = (ms: number): void => {
      const endMs = mesh.clock.nowMs() + ms;
      // The rigs share a clock: one tick a step, of whoever is next.
      const dueMs = mesh.rigs.map(({ engine }) => mesh.clock.nowMs() + engine.tickDelayMs);
      for (;;) {
        const next = dueMs.indexOf(Math.min(...dueMs));
        const rig = mesh.rigs[next]!;
        if (dueMs[next]! > endMs) break;
        rig.tick(dueMs[next]! - mesh.clock.nowMs());
        ticks[next]!++;
        mesh.rest(next);
        mesh.settle();
        mesh.rigs.forEach(({ engine }, i) => {
          const laterMs = mesh.clock.nowMs() + engine.tickDelayMs;
          if (i === next || laterMs < dueMs[i]!) dueMs[i] = laterMs;
        });
      }
      mesh.clock.advance(endMs - mesh.clock.nowMs());
    };
    const ticks = mesh.rigs.map(() => 0);
    pass(2000);
    ticks.fill(0);
    pass(60_000);
    expect(Math.max(...ticks)).toBeLessThanOrEqual(61);
    for (let i = 0; i < 40; i++) {
      expect(ask(mesh, client, 'SET', `key:${i}`, 'value', 'PX', '250')).toBe('+OK\r\n');
    }
    const count = (): number => mesh.rigs.reduce((sum, rig) => sum + keyCount(rig), 0);
    expect(count()).toBe(40);
    for (const { engine } of mesh.rigs) expect(engine.tickDelayMs).toBe(TICK_MS);
    pass(250 + 2 * TICK_MS);
    expect(count()).toBe(0);
    send(mesh, client, 'CLIENT', 'PAUSE', '5000', 'ALL');
    mesh.settle();
    ticks.fill(0);
    pass(4900);
    expect(Math.min(...ticks)).toBeGreaterThanOrEqual(48);
  });
});
