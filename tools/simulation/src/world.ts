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
import type { MeshRigOptions, WorkerRig } from '@kora/server/testing';
import type { Plan } from './plan.ts';
import type { AccessName, AccessObserver } from './preemption.ts';
import type { Actor, Place, Scene, Stage } from './scene.ts';
import { Ticks } from './ticks.ts';

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

export class World implements AccessObserver, Stage {
  readonly plan: Plan;
  readonly random: RandomSource;
  readonly mesh: MeshRig;
  readonly scene: Scene;
  readonly lines: string[] = [];
  readonly trace: (line: () => string) => void;
  clients: Actor[] = [];
  /** Turns taken. */
  turnCount = 0;
  /** Interruptions. */
  preemptionCount = 0;
  readonly #faults: Faults;
  /** Workers in the middle of a turn, the innermost last. */
  readonly #stack: number[] = [];
  readonly #byPlace = new Map<string, Actor>();
  readonly #stalledUntil: number[];
  readonly #ticks: Ticks;
  readonly #held: HeldSend[][];
  #lateWakes: { readonly worker: number; readonly at: number }[] = [];
  #event = 0;
  #accesses = 0;
  /** What the last access looked at, -1 = it was no look. */
  #lookedAt = -1;
  #lookedWords: Int32Array | null = null;
  #clientNumber = 0;
  /** By how much the clock is to move when it may, ms. */
  #clockStepMs = 0;
  #mayAsk = true;
  #isCalm = false;
  #isSteady = false;
  #now: () => number = () => 0;

  constructor(
    plan: Plan, random: RandomSource, pool: MemoryPool, faults: Faults, isTraced: boolean,
    makeScene: (stage: Stage) => Scene, rigOptions: MeshRigOptions = {},
  ) {
    this.plan = plan;
    this.random = random;
    this.#faults = faults;
    const { workerCount, maxmemory, seed } = plan;
    const each = <T>(value: T): T[] => Array.from({ length: workerCount }, () => value);
    this.#stalledUntil = each(0);
    this.#held = Array.from({ length: workerCount }, () => []);
    this.trace = isTraced ? (line) => {
      this.lines.push(`${this.#now()} ${'  '.repeat(this.#stack.length)}${line()}`);
    } : () => undefined;
    this.mesh = new MeshRig(workerCount, {
      seed, settings: maxmemory === 0 ? [] : [['maxmemory', String(maxmemory)]], ...rigOptions,
      memories: each(0).map(() =>
        pool.take(RIG_MEMORY_BYTES) ?? createSharedMemory(RIG_MEMORY_BYTES, 0)),
      onWake: (worker) => {
        this.#onWake(worker);
      },
      beforeConnect: (rigs) => {
        this.#shrinkRings(rigs);
      },
    });
    this.#ticks = new Ticks(this.mesh);
    const scene = makeScene(this);
    this.scene = scene;
    this.#now = () => scene.now;
    for (const [index, rig] of this.mesh.rigs.entries()) this.#attach(index, rig);
    faults.prepare?.(this);
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
    this.scene.attach(index, rig);
  }

  actorAt(worker: number, slot: number): Actor | undefined {
    return this.#byPlace.get(`${worker}/${slot}`);
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
  connect(worker = this.random.below(this.plan.workerCount)): Actor {
    const rig = this.mesh.rigs[worker];
    if (rig === undefined) throw new Broken('a client has a worker');
    this.#stack.push(worker);
    const place: Place = { worker, slot: rig.connect() };
    this.mesh.rest(worker);
    this.#stack.pop();
    this.#clientNumber += 1;
    const client = this.scene.createClient(`c${this.#clientNumber}@${worker}`, place);
    this.#byPlace.set(`${worker}/${place.slot}`, client);
    this.clients.push(client);
    return client;
  }

  /** The client is gone, at whatever moment this is; what it has sent may arrive before that. */
  vanish(client: Actor): void {
    this.trace(() => `${client.name} vanishes`);
    client.isGone = true;
    const kept = this.random.below(client.outgoing.length + 1);
    client.outgoing = client.outgoing.subarray(0, kept);
  }

  /** One event, whatever it is. */
  event(): void {
    this.#event++;
    this.scene.onEvent?.();
    this.#deliverWakes(false);
    const { random, plan } = this;
    if (this.#stack.length === 0 && this.#strangeEvent()) return;
    const waitsForClock = this.#clockStepMs > 0 && !plan.isClockBusy;
    if (this.#mayAsk && !this.scene.isOver && !waitsForClock && random.chance(0.4)) {
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
    if (random.chance(plan.tickChance)) this.#ticks.setDue(worker);
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
    if (this.plan.hasTimedTicks) this.#ticks.onClock(nowMs);
    this.scene.onClock(nowMs);
  }

  /** Workers that have something to do. */
  #runnable(respectsStalls: boolean): number[] {
    const found: number[] = [];
    for (let worker = 0; worker < this.plan.workerCount; worker++) {
      if (this.#stack.includes(worker)) continue;
      if (respectsStalls && (this.#stalledUntil[worker] ?? 0) > this.#event) continue;
      const hasEvents = this.mesh.mayRun(worker) || this.#ticks.isDue(worker) ||
        (this.#held[worker]?.length ?? 0) > 0 || this.#hasInput(worker) ||
        this.scene.hasNews?.(worker) === true;
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
    const { engine, handler } = rig;
    this.trace(() => `worker ${index} has a turn`);
    this.turnCount++;
    this.#stack.push(index);
    this.#accesses = 0;
    handler.onTurnStart();
    this.#finishSends(index, rig);
    this.scene.takeNews?.(index);
    this.#deliver(index, rig);
    if (this.#ticks.take(index)) handler.onTick();
    if (engine.isTurnRequested) {
      engine.isTurnRequested = false;
      handler.onTurn();
    }
    handler.onTurnEnd();
    this.mesh.rest(index);
    this.trace(() => `worker ${index} ${this.mesh.mayRun(index) ? 'goes on' : 'sleeps'}`);
    this.#stack.pop();
  }

  /** Sends that the engine still had leave. */
  #finishSends(index: number, { handler }: WorkerRig): void {
    const held = this.#held[index] ?? [];
    for (let left = held.length; left > 0; left--) {
      if (!this.#isCalm && this.random.chance(0.5)) return;
      const send = held.shift();
      if (send === undefined) return;
      this.#hear(index, send.slot, this.#bytesAt(index, send.at, send.bytes));
      handler.onSent(send.slot);
    }
  }

  #deliver(index: number, rig: WorkerRig): void {
    const { engine, handler, composed } = rig;
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
      handler.onReceive(slot, engine.receiveAt, bytes);
    }
  }

  #close(index: number, { engine, handler }: WorkerRig, client: Actor): void {
    const { slot } = client.place;
    const held = this.#held[index] ?? [];
    if (!client.isGone && client.mayBeCut !== true) {
      throw new Broken(`${client.name} was cut off, waiting for ${client.oldestWaiting}`);
    }
    this.#held[index] = held.filter((send) => send.slot !== slot);
    this.clients = this.clients.filter((one) => one !== client);
    engine.closing.delete(slot);
    client.isGone = true;
    handler.onClosed(slot);
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
    // Who looks at one word again and again could be interrupted at the first look as well.
    const isRepeated = name === 'load' && index === this.#lookedAt && words === this.#lookedWords;
    if (!isRepeated) this.#maybeInterrupt();
    this.#lookedAt = name === 'load' ? index : -1;
    this.#lookedWords = words;
    return this.#faults.onAccess?.(name, words, index, value);
  }

  steadily<T>(run: () => T): T {
    const before = this.#isSteady;
    this.#isSteady = true;
    try {
      return run();
    } finally {
      this.#isSteady = before;
    }
  }

  #maybeInterrupt(): void {
    const { random, plan } = this;
    if (this.#isCalm || this.#isSteady || !random.chance(plan.preemptChance)) return;
    if (this.#stack.length >= plan.workerCount) return;
    const accesses = this.#accesses;
    this.preemptionCount++;
    this.trace(() => `worker ${this.#stack.at(-1) ?? -1} is interrupted`);
    for (let left = 1 + random.below(plan.preemptEventsMax); left > 0; left--) this.event();
    this.trace(() => `worker ${this.#stack.at(-1) ?? -1} goes on`);
    this.#accesses = accesses;
  }

  // ------------------------------------------------------------------ rest

  /** Turns until nobody has anything to do; nobody asks for anything. */
  settle(): void {
    this.#mayAsk = false;
    this.#clockStepMs = 0;
    for (let turns = 0; ; turns++) {
      if (turns > REST_TURNS_MAX) throw new Broken('the workers do not come to rest');
      this.#event++;
      this.scene.onEvent?.();
      this.#deliverWakes(true);
      const runnable = this.#runnable(false);
      const worker = runnable[this.random.below(runnable.length)];
      if (worker === undefined) return;
      this.turn(worker);
    }
  }

  /** As settle; then everybody has been answered. */
  rest(): void {
    this.settle();
    const waiting = this.clients.filter(({ waitingCount }) => waitingCount > 0);
    if (waiting.length === 0) return;
    const who = waiting.map(({ name, waitingCount, oldestWaiting }) =>
      `${name} waits for ${waitingCount} replies, first to ${oldestWaiting}`);
    throw new Broken(`everybody sleeps and ${who.join('; ')}\n${this.#standing()}`);
  }

  /** Time passes while nobody asks for anything: workers tick when they wanted to. */
  pass(ms: number): void {
    const untilMs = this.mesh.clock.nowMs() + ms;
    for (let nowMs = untilMs - ms; nowMs < untilMs; nowMs = this.mesh.clock.nowMs()) {
      this.moveClock(Math.max(1, Math.min(this.#ticks.nextMs, untilMs) - nowMs));
      this.settle();
    }
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
