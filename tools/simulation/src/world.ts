/**
 * Production workers in one thread, and all that is around them: sockets, wake-ups, time. What
 * happens next is always drawn from the seed. A turn of a worker takes what has arrived, cut
 * anywhere, polls its rings and publishes; at every access to shared words others may run first
 * (preemption.ts). Wake-ups may come late, workers may stand still for long, clients may vanish.
 * Whatever breaks is thrown: `Broken` says what.
 */
import { createRing, createSharedMemory, Lane } from '@kora/core';
import type { MemoryPool } from '@kora/core';
import type { RandomSource } from '@kora/core/testing';
import { MeshRig, RIG_MEMORY_BYTES } from '@kora/server/testing';
import type { WorkerRig } from '@kora/server/testing';
import { History } from './history.ts';
import type { Plan } from './plan.ts';
import type { AccessName, AccessObserver } from './preemption.ts';
import type { Request } from './run-notes.ts';
import type { ObservedWorld } from './run-observer.ts';
import { RunObserver } from './run-observer.ts';
import { ownerOf } from './session-order.ts';
import type { ClientContext, Place } from './sim-client.ts';
import { SimClient } from './sim-client.ts';
import { Workload } from './workload.ts';

/** A promise was broken. */
export class Broken extends Error {}

/** What a broken variant of the product does differently; the correct one does none of it. */
export interface Faults {
  /** Called once, when all workers are there. */
  prepare?(world: World): void;
  /** True: this wake-up is lost. */
  losesWake?(worker: number): boolean;
  /** As AccessObserver.onAccess, before anything else. */
  onAccess?: AccessObserver['onAccess'];
}

interface HeldSend {
  readonly slot: number;
  readonly at: number;
  readonly bytes: number;
}

/** Accesses of one turn; more of them and it waits for something that cannot come. */
const TURN_ACCESSES_MAX = 500_000;
/** Turns that everything may take to come to rest. */
const REST_TURNS_MAX = 200_000;

export class World implements AccessObserver, ObservedWorld {
  readonly plan: Plan;
  readonly random: RandomSource;
  readonly mesh: MeshRig;
  readonly history = new History();
  readonly workload: Workload;
  readonly lines: string[] = [];
  readonly trace: (line: () => string) => void;
  clients: SimClient[] = [];
  /** All keys of the workload. */
  readonly #keys: readonly string[];
  /** Turns taken. */
  turnCount = 0;
  /** Interruptions. */
  preemptionCount = 0;
  readonly #faults: Faults;
  readonly #observer = new RunObserver(this);
  /** Workers in the middle of a turn, the innermost last. */
  readonly #stack: number[] = [];
  readonly #byPlace = new Map<string, SimClient>();
  readonly #stalledUntil: number[];
  readonly #isTickDue: boolean[];
  readonly #held: HeldSend[][];
  #lateWakes: { readonly worker: number; readonly at: number }[] = [];
  #event = 0;
  #accesses = 0;
  #clientNumber = 0;
  /** By how much the clock is to move when it may, ms. */
  #clockStepMs = 0;
  #mayAsk = true;
  #isCalm = false;

  constructor(
    plan: Plan, random: RandomSource, pool: MemoryPool, faults: Faults, isTraced: boolean,
  ) {
    this.plan = plan;
    this.random = random;
    this.#faults = faults;
    const { workerCount, maxmemory, seed } = plan;
    const each = <T>(value: T): T[] => Array.from({ length: workerCount }, () => value);
    this.#stalledUntil = each(0);
    this.#isTickDue = each(false);
    this.#held = Array.from({ length: workerCount }, () => []);
    this.trace = isTraced ? (line) => {
      this.lines.push(`${this.history.now} ${'  '.repeat(this.#stack.length)}${line()}`);
    } : () => undefined;
    this.mesh = new MeshRig(workerCount, {
      seed, settings: maxmemory === 0 ? [] : [['maxmemory', String(maxmemory)]],
      memories: each(0).map(() =>
        pool.take(RIG_MEMORY_BYTES) ?? createSharedMemory(RIG_MEMORY_BYTES, 0)),
      onWake: (worker) => {
        this.#onWake(worker);
      },
      beforeConnect: (rigs) => {
        this.#shrinkRings(rigs);
      },
    });
    this.workload = new Workload(random, plan, () => this.mesh.clock.nowMs());
    const { strings, lists, sets } = this.workload.keys();
    this.#keys = [...strings, ...lists, ...sets];
    for (const [index, rig] of this.mesh.rigs.entries()) this.#attach(index, rig);
    faults.prepare?.(this);
  }

  get context(): ClientContext {
    const { random, plan, history, workload, trace } = this;
    return { random, plan, history, workload, trace };
  }

  // ------------------------------------------------------------------ the workers' surroundings

  /** Rings as small as the plan says, in place of those that the workers have made. */
  #shrinkRings(rigs: readonly WorkerRig[]): void {
    for (const [receiver, { worker }] of rigs.entries()) {
      const control = worker.mesh?.port.control;
      for (let sender = 0; sender < rigs.length; sender++) {
        if (sender === receiver) continue;
        for (const lane of Object.values(Lane)) {
          const ring = createRing(worker.shard.memory, this.plan.ringBytes);
          if (ring === null) throw new Broken('low memory holds the rings');
          control?.setRingAt(receiver, sender, ring.ringAt, lane);
        }
      }
    }
  }

  #attach(index: number, rig: WorkerRig): void {
    const { engine, worker } = rig;
    if (worker.mesh !== null) worker.mesh.origin.order = this.plan.order;
    engine.send = (slot, at, bytes) => this.#onSend(index, slot, at, bytes);
    this.#observer.attach(index, rig);
  }

  /** Keys of the workload that a worker owns. */
  keysAt(worker: number): readonly string[] {
    return this.#keys.filter((key) => ownerOf(key, this.plan.workerCount) === worker);
  }

  /** A worker takes a request of a connection: the next one that its client has sent. */
  takeRequest(worker: number, slot: number, name: string): Request {
    const client = this.#byPlace.get(`${worker}/${slot}`);
    const request = client?.takeRequest();
    if (request?.name === name) return request;
    throw new Broken(
      `worker ${worker} takes ${name} of ${client?.name ?? 'nobody'}, who has ` +
      `${request?.name ?? 'nothing'} to be taken`,
    );
  }

  lastRequest(worker: number, slot: number): Request | undefined {
    return this.#byPlace.get(`${worker}/${slot}`)?.lastRequest;
  }

  /** Bytes of a worker's memory, one a character. */
  textAt(index: number, at: number, bytes: number): string {
    return this.#bytesAt(index, at, bytes).toString('latin1');
  }

  #bytesAt(index: number, at: number, bytes: number): Buffer {
    const memory = this.mesh.rigs[index]?.composed.memory.memory;
    if (memory === undefined) throw new Broken('a worker has a memory');
    return Buffer.from(new Uint8Array(memory.buffer, at, bytes));
  }

  #onWake(worker: number): void {
    if (this.#faults.losesWake?.(worker) === true) return;
    const { lateWakeChance, lateWakeEventsMax } = this.plan;
    if (!this.#isCalm && this.random.chance(lateWakeChance)) {
      this.trace(() => `worker ${worker} will be woken`);
      const at = this.#event + this.random.below(lateWakeEventsMax);
      this.#lateWakes.push({ worker, at });
      return;
    }
    this.trace(() => `worker ${worker} is woken`);
    this.mesh.wakeUp(worker);
  }

  #deliverWakes(areAllDue: boolean): void {
    if (this.#lateWakes.length === 0) return;
    const due = this.#lateWakes.filter(({ at }) => areAllDue || at <= this.#event);
    if (due.length === 0) return;
    this.#lateWakes = this.#lateWakes.filter((wake) => !due.includes(wake));
    for (const { worker } of due) this.mesh.wakeUp(worker);
  }

  #onSend(worker: number, slot: number, at: number, bytes: number): boolean {
    const held = this.#held[worker] ?? [];
    const isBehind = held.some((one) => one.slot === slot);
    if (isBehind || (!this.#isCalm && this.random.chance(this.plan.slowReaderChance))) {
      held.push({ slot, at, bytes });
      return false;
    }
    this.#hear(worker, slot, this.#bytesAt(worker, at, bytes));
    return true;
  }

  #hear(worker: number, slot: number, bytes: Uint8Array): void {
    const wrong = this.#byPlace.get(`${worker}/${slot}`)?.take(bytes) ?? null;
    if (wrong !== null) throw new Broken(wrong);
  }

  // ------------------------------------------------------------------ events

  /** A new client of a worker. */
  connect(worker = this.random.below(this.plan.workerCount)): SimClient {
    const rig = this.mesh.rigs[worker];
    if (rig === undefined) throw new Broken('a client has a worker');
    this.#stack.push(worker);
    const place: Place = { worker, slot: rig.connect() };
    this.mesh.rest(worker);
    this.#stack.pop();
    this.#clientNumber += 1;
    const client = new SimClient(`c${this.#clientNumber}@${worker}`, place, this.context);
    this.#byPlace.set(`${worker}/${place.slot}`, client);
    this.clients.push(client);
    return client;
  }

  /** The client is gone, at whatever moment this is; what it has sent may arrive before that. */
  vanish(client: SimClient): void {
    this.trace(() => `${client.name} vanishes`);
    client.isGone = true;
    const kept = this.random.below(client.outgoing.length + 1);
    client.outgoing = client.outgoing.subarray(0, kept);
  }

  /** One event, whatever it is. */
  event(): void {
    this.#event++;
    this.#deliverWakes(false);
    const { random, plan } = this;
    if (this.#stack.length === 0 && this.#strangeEvent()) return;
    const isOver = this.history.operations.length >= plan.operationsMax;
    const waitsForClock = this.#clockStepMs > 0 && !plan.isClockBusy;
    if (this.#mayAsk && !isOver && !waitsForClock && random.chance(0.4)) {
      const client = this.clients[random.below(this.clients.length)];
      if (client?.mayAsk === true) {
        client.ask();
        return;
      }
    }
    const runnable = this.#runnable(true);
    const worker = runnable[random.below(runnable.length)];
    if (worker !== undefined) this.turn(worker);
  }

  /** Something rare, that happens between turns. */
  #strangeEvent(): boolean {
    const { random, plan } = this;
    const worker = random.below(plan.workerCount);
    if (random.chance(plan.clockChance)) {
      this.#clockStepMs = 1 + random.below(plan.clockStepMsMax);
    }
    if (this.#clockStepMs > 0 && (plan.isClockBusy || this.#isQuiet())) {
      this.moveClock(this.#clockStepMs);
      this.#clockStepMs = 0;
      return true;
    }
    if (random.chance(plan.stallChance)) {
      this.#stalledUntil[worker] = this.#event + random.below(plan.stallEventsMax);
      this.trace(() => `worker ${worker} stands still`);
      return true;
    }
    if (random.chance(plan.tickChance)) this.#isTickDue[worker] = true;
    if (!random.chance(plan.vanishChance)) return false;
    const client = this.clients[random.below(this.clients.length)];
    if (client === undefined || client.isGone) return false;
    this.vanish(client);
    this.connect();
    return true;
  }

  /** Nothing that anybody has asked for is under way. */
  #isQuiet(): boolean {
    return this.clients.every(({ waitingCount, isGone }) => waitingCount === 0 && !isGone) &&
      this.mesh.rigs.every(({ worker: { mesh } }) => mesh?.origin.windowCount === 0);
  }

  moveClock(ms: number): void {
    this.mesh.clock.advance(ms);
    const nowMs = this.mesh.clock.nowMs();
    this.trace(() => `the clock says ${nowMs}`);
    if (this.plan.isClockBusy) this.history.moveClockOfEach(nowMs, this.#keys);
    else this.history.moveClock(nowMs, this.#keys);
  }

  /** Workers that have something to do. */
  #runnable(respectsStalls: boolean): number[] {
    const found: number[] = [];
    for (let worker = 0; worker < this.plan.workerCount; worker++) {
      if (this.#stack.includes(worker)) continue;
      if (respectsStalls && (this.#stalledUntil[worker] ?? 0) > this.#event) continue;
      const hasEvents = this.mesh.mayRun(worker) || this.#isTickDue[worker] === true ||
        (this.#held[worker]?.length ?? 0) > 0 || this.#hasInput(worker);
      if (hasEvents) found.push(worker);
    }
    return found;
  }

  #hasInput(worker: number): boolean {
    const engine = this.mesh.rigs[worker]?.engine;
    if ((engine?.closing.size ?? 0) > 0) return true;
    return this.clients.some(({ place, outgoing, isGone }) => place.worker === worker &&
      (isGone || (outgoing.length > 0 && engine?.paused.has(place.slot) !== true)));
  }

  /** A turn of a worker with some of what there is for it. */
  turn(index: number): void {
    const rig = this.mesh.rigs[index];
    if (rig === undefined) return;
    const { engine, worker } = rig;
    this.trace(() => `worker ${index} has a turn`);
    this.turnCount++;
    this.#stack.push(index);
    this.#accesses = 0;
    worker.onTurnStart();
    this.#finishSends(index, rig);
    this.#deliver(index, rig);
    if (this.#isTickDue[index] === true) {
      this.#isTickDue[index] = false;
      worker.onTick();
    }
    if (engine.isTurnRequested) {
      engine.isTurnRequested = false;
      worker.onTurn();
    }
    worker.onTurnEnd();
    this.mesh.rest(index);
    this.trace(() => `worker ${index} ${this.mesh.mayRun(index) ? 'goes on' : 'sleeps'}`);
    this.#stack.pop();
  }

  /** Sends that the engine still had leave. */
  #finishSends(index: number, { worker }: WorkerRig): void {
    const held = this.#held[index] ?? [];
    for (let left = held.length; left > 0; left--) {
      if (!this.#isCalm && this.random.chance(0.5)) return;
      const send = held.shift();
      if (send === undefined) return;
      this.#hear(index, send.slot, this.#bytesAt(index, send.at, send.bytes));
      worker.onSent(send.slot);
    }
  }

  #deliver(index: number, rig: WorkerRig): void {
    const { engine, worker, composed } = rig;
    for (const client of [...this.clients]) {
      const { place: { worker: home, slot }, outgoing } = client;
      if (home !== index) continue;
      const isClosed = engine.closing.has(slot);
      if (isClosed || (client.isGone && outgoing.length === 0)) {
        this.#close(index, rig, client);
        continue;
      }
      if (outgoing.length === 0 || engine.paused.has(slot)) {
        if (client.isGone) this.#close(index, rig, client);
        continue;
      }
      if (!this.#isCalm && this.random.chance(0.3)) continue;
      const most = Math.min(outgoing.length, this.plan.arrivalBytesMax, RECEIVED_BYTES_MAX);
      const bytes = this.#isCalm ? most : 1 + this.random.below(most);
      composed.memory.low.set(outgoing.subarray(0, bytes), engine.receiveAt);
      client.outgoing = outgoing.subarray(bytes);
      worker.onReceive(slot, engine.receiveAt, bytes);
    }
  }

  #close(index: number, { engine, worker }: WorkerRig, client: SimClient): void {
    const { slot } = client.place;
    const held = this.#held[index] ?? [];
    if (!client.isGone) {
      throw new Broken(`${client.name} was cut off, waiting for ${client.oldestWaiting}`);
    }
    this.#held[index] = held.filter((send) => send.slot !== slot);
    this.clients = this.clients.filter((one) => one !== client);
    engine.closing.delete(slot);
    worker.onClosed(slot);
  }

  // ------------------------------------------------------------------ interruptions

  onAccess(
    name: AccessName, words: Int32Array, index: number, value: number,
  ): number | undefined {
    if (this.#stack.length === 0) return undefined;
    this.#accesses++;
    if (this.#accesses > TURN_ACCESSES_MAX) {
      throw new Broken(`worker ${this.#stack.at(-1) ?? -1} turns round and round in one turn`);
    }
    this.#maybeInterrupt();
    return this.#faults.onAccess?.(name, words, index, value);
  }

  #maybeInterrupt(): void {
    const { random, plan } = this;
    if (this.#isCalm || !random.chance(plan.preemptChance)) return;
    if (this.#stack.length >= plan.workerCount) return;
    const accesses = this.#accesses;
    this.preemptionCount++;
    this.trace(() => `worker ${this.#stack.at(-1) ?? -1} is interrupted`);
    for (let left = 1 + random.below(plan.preemptEventsMax); left > 0; left--) this.event();
    this.trace(() => `worker ${this.#stack.at(-1) ?? -1} goes on`);
    this.#accesses = accesses;
  }

  // ------------------------------------------------------------------ rest

  /** Lets everything that is under way come to its end; then nobody has anything to do. */
  rest(): void {
    this.#mayAsk = false;
    this.#clockStepMs = 0;
    for (let turns = 0; ; turns++) {
      if (turns > REST_TURNS_MAX) throw new Broken('the workers do not come to rest');
      this.#event++;
      this.#deliverWakes(true);
      const runnable = this.#runnable(false);
      const worker = runnable[this.random.below(runnable.length)];
      if (worker === undefined) break;
      this.turn(worker);
    }
    const waiting = this.clients.filter(({ waitingCount }) => waitingCount > 0);
    if (waiting.length === 0) return;
    const who = waiting.map(({ name, waitingCount, oldestWaiting }) =>
      `${name} waits for ${waitingCount} replies, first to ${oldestWaiting}`);
    throw new Broken(`everybody sleeps and ${who.join('; ')}\n${this.#standing()}`);
  }

  /** Clients ask again after a rest. */
  begin(): void {
    this.#mayAsk = true;
  }

  /** From now on nothing is late, cut or interrupted. */
  calm(): void {
    this.#isCalm = true;
  }

  /** What each worker has under way. */
  #standing(): string {
    return this.mesh.rigs.map(({ worker: { mesh } }, index) => {
      if (mesh === null) return '';
      const { origin, coordination, gate, owner, parcels } = mesh;
      return `worker ${index}: ${origin.windowCount} windows, ` +
        `${coordination.count} transactions, ${gate.parkedCount} parked, ` +
        `locks ${gate.isOpen ? 'open' : 'held'}, ` +
        `${owner.loanCount} loans, ${parcels.count} parcels`;
    }).join('\n');
  }
}

/** Bytes that an engine receives at once. */
const RECEIVED_BYTES_MAX = 65_536;
