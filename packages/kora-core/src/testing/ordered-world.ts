/**
 * The production code of multi-shard transactions (lock table, intent queue, parked commands,
 * participant, coordinator) in a simulated mesh: everything but rings and data. The order is a log
 * per shard to which whole publications are added; a shard runs it up to its end at any time, and
 * always before a single command. Transactions take all courses, parts refuse now and then, the
 * order is busy now and then. `breaks` puts one known mistake in, to show that the checks see it.
 */
import { assert } from '../assert.ts';
import type { CoordinatorPort, Transaction } from '../transaction/coordinator.ts';
import { Coordinator, Course } from '../transaction/coordinator.ts';
import type { Intent } from '../transaction/intent-queue.ts';
import { IntentQueue } from '../transaction/intent-queue.ts';
import type { ParkedCommand } from '../transaction/parked-commands.ts';
import { ParkedCommands } from '../transaction/parked-commands.ts';
import type { ParticipantPort } from '../transaction/participant.ts';
import { Participant } from '../transaction/participant.ts';
import { lockOf, SlotLocks } from '../transaction/slot-locks.ts';
import { NaiveLocks } from './naive-locks.ts';
import type { OrderHistory } from './order-history.ts';
import type { OrderNetwork } from './order-network.ts';
import { OrderLane } from './order-network.ts';
import type { Operation, OrderWorld, SlotUse } from './order-workload.ts';
import type { RandomSource } from './random-source.ts';

/** Mistakes that the simulation has to see. */
export type Break =
  | 'none'
  /** The parts of a transaction get their places one by one, not in one moment. */
  | 'places'
  /** A single command runs before what was published for its shard. */
  | 'no-catching-up'
  /** A command of a pipeline runs before those in front of it were published. */
  | 'late-publishing'
  /** Who agrees with the holders overtakes those who wait. */
  | 'barging'
  /** Commands do not ask for locks. */
  | 'no-parking'
  /** A command overtakes an earlier one of its connection that is parked. */
  | 'overtaking';

export interface OrderedWorldOptions {
  readonly workerCount: number;
  readonly network: OrderNetwork;
  readonly history: OrderHistory;
  readonly random: RandomSource;
  readonly breaks: Break;
  /** Part of the votes and leaders that say no. */
  readonly refusalShare: number;
  /** Courses to draw from; Course.Certain alone for comparisons. */
  readonly courses: readonly number[];
}

interface Work {
  readonly operation: Operation;
  readonly onEnd: () => void;
  /** With Course.Scripted: masks of the rounds. */
  readonly rounds: readonly number[];
  /** Shards that say no. */
  readonly refusers: number;
}

interface Part {
  readonly operation: Operation;
  readonly uses: readonly SlotUse[];
  readonly refuses: boolean;
  readonly course: number;
  hasRun: boolean;
}

interface Written {
  readonly shard: number;
  readonly deliver: () => void;
}

interface Single {
  readonly operation: Operation;
  readonly use: SlotUse;
  readonly onEnd: () => void;
}

/** One shard with everything its worker has. */
class SimulatedWorker implements ParticipantPort<Part>, CoordinatorPort<Work, boolean> {
  readonly number: number;
  readonly locks: SlotLocks;
  readonly participant: Participant<Part>;
  readonly intents: IntentQueue<Part>;
  readonly parked: ParkedCommands<Single>;
  readonly coordinator: Coordinator<Work, boolean>;
  readonly #world: OrderedWorld;

  constructor(world: OrderedWorld, number: number) {
    const { workerCount, breaks } = world.options;
    this.number = number;
    this.#world = world;
    const naive = new NaiveLocks();
    naive.barges = true;
    this.locks = breaks === 'barging' ? naive : new SlotLocks();
    this.participant = new Participant<Part>(this);
    const host = this.participant;
    this.intents = new IntentQueue<Part>({ workerCount, locks: this.locks, host });
    this.participant.bind(this.intents);
    this.parked = new ParkedCommands<Single>(this.locks, {
      onReady: (command: ParkedCommand<Single>) => {
        if (command.payload !== null) this.#run(command.payload);
        return true;
      },
      onDropped: () => undefined,
    });
    this.coordinator = new Coordinator<Work, boolean>({ workerCount, self: number, port: this });
  }

  // A shard.

  /** A single-shard command that has its turn. */
  onSingle(single: Single): void {
    const { use, operation } = single;
    const { breaks } = this.#world.options;
    let mustWait = this.parked.mustWait(operation.connection, use.slot, use.isWrite);
    if (breaks === 'no-parking') mustWait = false;
    let { connection } = operation;
    if (breaks === 'overtaking') {
      connection = operation.id;
      mustWait = this.locks.count !== 0 && this.locks.conflictsWith(use.slot, use.isWrite);
    }
    if (!mustWait) {
      this.#run(single);
      return;
    }
    const locks = Uint16Array.of(lockOf(use.slot, use.isWrite));
    assert(this.parked.park(connection, locks, 0, 1, single), 'the workload is within the bounds');
  }

  #run({ operation, use, onEnd }: Single): void {
    const world = this.#world;
    world.options.history.access(operation.id, use.slot, use.isWrite);
    world.noteSingle(operation, this.number);
    world.answer(this.number, operation.origin, onEnd);
  }

  prepare(intent: Intent<Part>): boolean {
    const part = intent.payload;
    assert(part !== null, 'an intent has its part');
    if (part.refuses && part.course !== Course.Led) return false;
    for (const { slot } of part.uses) {
      this.#world.options.history.access(part.operation.id, slot, false);
    }
    return true;
  }

  run(intent: Intent<Part>): boolean {
    const part = intent.payload;
    assert(part !== null, 'an intent has its part');
    if (part.refuses) return false;
    for (const { slot, isWrite } of part.uses) {
      this.#world.options.history.access(part.operation.id, slot, isWrite && !part.hasRun);
    }
    part.hasRun = true;
    return true;
  }

  abort(intent: Intent<Part>): void {
    assert(intent.payload?.hasRun === false, 'what has run is not undone');
  }

  answer(intent: Intent<Part>, isAccepted: boolean): void {
    const { coordinator, handle } = intent;
    const origin = this.#world.worker(coordinator);
    this.#world.options.network.send(this.number, coordinator, OrderLane.Words, () => {
      origin.coordinator.onAnswer(handle, this.number, isAccepted, isAccepted);
    });
  }

  // A coordinator.

  trySequence(transaction: Transaction<Work, boolean>): boolean {
    return this.#world.trySequence(transaction, this.number);
  }

  publish(): void {
    this.#world.publish(this.number);
  }

  mayRunAtOnce(): boolean {
    return this.#world.options.random.chance(0.8);
  }

  sendIntent(transaction: Transaction<Work, boolean>, shard: number, form: number): void {
    const { handle, number, course, work } = transaction;
    assert(work !== null, 'an intent is of a transaction under way');
    const uses = work.operation.parts.get(shard) ?? [];
    const part = {
      operation: work.operation, uses, course, hasRun: false,
      refuses: (work.refusers & (1 << shard)) !== 0,
    };
    const locks = Uint16Array.from(uses, ({ slot, isWrite }) => lockOf(slot, isWrite));
    const admit = (): void => {
      const { intents } = this.#world.worker(shard);
      const intent = intents.open(this.number, handle, number, form);
      intent.payload = part;
      intents.lockSlots(intent, locks, 0, locks.length);
      intents.admit(intent);
    };
    if (shard === this.number) admit();
    else this.#world.write(this.number, shard, admit);
  }

  sendRun(
    { handle }: Transaction<Work, boolean>, shard: number, thenRelease: boolean,
  ): void {
    this.#send(shard, OrderLane.Words, ({ participant }) => {
      participant.onRun(this.number, handle, thenRelease);
    });
  }

  sendRelease(transaction: Transaction<Work, boolean>, shard: number): void {
    const { handle } = transaction;
    this.#send(shard, OrderLane.Words, ({ participant }) => {
      participant.onRelease(this.number, handle);
    });
  }

  sendAbort({ handle }: Transaction<Work, boolean>, shard: number): void {
    this.#send(shard, OrderLane.Words, ({ participant }) => {
      participant.onAbort(this.number, handle);
    });
  }

  nextRound({ course, work, round, shards, leader }: Transaction<Work, boolean>): number {
    assert(work !== null, 'a transaction under way has its work');
    if (course === Course.Scripted) return work.rounds[round] ?? 0;
    let writers = 0;
    for (const [shard, uses] of work.operation.parts) {
      if (uses.some(({ isWrite }) => isWrite)) writers |= 1 << shard;
    }
    return writers & shards & ~(1 << leader);
  }

  onFinished(transaction: Transaction<Work, boolean>): void {
    const { work, number, refused, isAbandoned } = transaction;
    assert(work !== null, 'a transaction under way has its work');
    this.#world.noteFinished(work.operation, number, refused === 0);
    if (!isAbandoned) this.#world.answer(this.number, this.number, work.onEnd);
  }

  #send(shard: number, lane: number, deliver: (worker: SimulatedWorker) => void): void {
    const worker = this.#world.worker(shard);
    this.#world.options.network.send(this.number, shard, lane, () => deliver(worker));
  }
}

export class OrderedWorld implements OrderWorld {
  readonly options: OrderedWorldOptions;
  /** Number and outcome of every transaction that is decided. */
  readonly finished = new Map<number, { readonly number: number; readonly happened: boolean }>();
  /** By connection and shard: single commands in the order in which they ran. */
  readonly singles = new Map<string, number[]>();
  readonly #workers: SimulatedWorker[];
  #lastNumber = 0;
  /** By shard: what was published for it and has not been taken. */
  readonly #logs: (() => void)[][];
  /** By worker: what it has written and not published. */
  readonly #written: Written[][];
  /** Who gives places now. */
  #holder = -1;

  constructor(options: OrderedWorldOptions) {
    this.options = options;
    this.#logs = Array.from({ length: options.workerCount }, () => []);
    this.#written = Array.from({ length: options.workerCount }, () => []);
    this.#workers = Array.from(
      { length: options.workerCount }, (_, number) => new SimulatedWorker(this, number),
    );
  }

  worker(number: number): SimulatedWorker {
    const worker = this.#workers[number];
    assert(worker !== undefined, 'workers are numbered from 0');
    return worker;
  }

  begin(operation: Operation, onEnd: () => void): void {
    const { random, courses } = this.options;
    const origin = this.worker(operation.origin);
    const [single] = operation.parts;
    if (operation.parts.size === 1 && single !== undefined) {
      const [shard, [use]] = single;
      assert(use !== undefined, 'a command has a key');
      const command = { operation, use, onEnd };
      if (operation.isOrdered) this.#beginOrdered(shard, command);
      else this.#beginPlain(shard, command);
      return;
    }
    const shards = [...operation.parts.keys()];
    const mask = shards.reduce((bits, shard) => bits | (1 << shard), 0);
    const course = courses[random.below(courses.length)] ?? Course.Certain;
    const leader = course === Course.Led ? (shards[random.below(shards.length)] ?? 0) : -1;
    let refusers = 0;
    for (const shard of shards) {
      const mayRefuse = course === Course.Led ? shard === leader : course !== Course.Certain;
      if (mayRefuse && random.chance(this.options.refusalShare)) refusers |= 1 << shard;
    }
    const rounds = course === Course.Scripted ? this.#rounds(mask) : [];
    const work: Work = { operation, onEnd, rounds, refusers };
    const lockCount = [...operation.parts.values()].reduce((sum, uses) => sum + uses.length, 0);
    assert(origin.coordinator.begin(mask, course, leader, lockCount, work), 'there is room');
    this.#sequenceLater(origin);
  }

  #beginPlain(shard: number, single: Single): void {
    const { origin } = single.operation;
    this.options.network.send(origin, shard, OrderLane.Requests, () => this.#run(shard, single));
  }

  /** A command of a pipeline: in its place of the order, or here after all that it follows. */
  #beginOrdered(shard: number, single: Single): void {
    const { origin } = single.operation;
    const { network, random, breaks } = this.options;
    if (shard === origin) {
      if (breaks !== 'late-publishing') this.publish(origin);
      this.#run(shard, single);
      return;
    }
    this.write(origin, shard, () => this.worker(shard).onSingle(single));
    network.after(random.below(4), () => this.publish(origin));
  }

  /** Runs a single command, after all that was published for its shard. */
  #run(shard: number, single: Single): void {
    if (this.options.breaks !== 'no-catching-up') this.#catchUp(shard);
    this.worker(shard).onSingle(single);
  }

  #catchUp(shard: number): void {
    const log = this.#logs[shard];
    for (let next = log?.shift(); next !== undefined; next = log?.shift()) next();
  }

  /** A client gets its reply. */
  answer(shard: number, origin: number, onEnd: () => void): void {
    const { network } = this.options;
    network.send(shard, origin, OrderLane.Words, () => network.after(0, onEnd));
  }

  /** Puts a message into an ordered lane. */
  write(origin: number, shard: number, deliver: () => void): void {
    this.#written[origin]?.push({ shard, deliver });
  }

  /** What the worker has written gets its place on all shards in one moment. */
  publish(origin: number): void {
    const { network, random, breaks } = this.options;
    const written = this.#written[origin]?.splice(0) ?? [];
    this.#holder = -1;
    for (const { shard, deliver } of written) {
      const place = (): void => {
        this.#logs[shard]?.push(deliver);
        network.send(origin, shard, OrderLane.Requests, () => this.#catchUp(shard));
      };
      if (breaks === 'places') network.after(random.below(10), place);
      else place();
    }
  }

  /** The connection is gone, wherever it has something under way. */
  vanish(connection: number, origin: number): void {
    const { network, workerCount } = this.options;
    this.worker(origin).coordinator.abandon(({ operation }) => operation.connection === connection);
    for (let shard = 0; shard < workerCount; shard++) {
      const drop = (): void => this.worker(shard).parked.drop(connection);
      network.send(origin, shard, OrderLane.Requests, drop);
    }
  }

  /** Owners of locks, commands that wait and transactions under way, on all workers. */
  remains(): number {
    return this.#workers.reduce((sum, { locks, intents, parked, coordinator }) =>
      sum + locks.count + intents.count + parked.count + coordinator.count, 0);
  }

  trySequence(transaction: Transaction<Work, boolean>, origin: number): boolean {
    if (this.#holder !== origin) {
      if (this.options.random.chance(0.1)) return false;
      assert(this.#holder === -1, 'one worker gives places');
      this.#catchUp(origin);
      this.#holder = origin;
    }
    transaction.number = ++this.#lastNumber;
    return true;
  }

  noteFinished(operation: Operation, number: number, happened: boolean): void {
    assert(!this.finished.has(operation.id), 'a transaction is decided once');
    this.finished.set(operation.id, { number, happened });
  }

  noteSingle({ connection, id }: Operation, shard: number): void {
    const key = `${connection} on ${shard}`;
    const ran = this.singles.get(key);
    if (ran === undefined) this.singles.set(key, [id]);
    else ran.push(id);
  }

  /** A worker's transactions get their place at the end of its turn, or of a later one. */
  #sequenceLater(worker: SimulatedWorker): void {
    if (!worker.coordinator.isSequencing()) return;
    this.options.network.after(this.options.random.below(3), () => {
      worker.coordinator.sequence();
      this.#sequenceLater(worker);
    });
  }

  /** One to three rounds; every shard runs in one of them, some in several. */
  #rounds(mask: number): number[] {
    const { random } = this.options;
    const rounds: number[] = [];
    let ran = 0;
    for (let i = random.below(3); i > 0; i--) {
      const round = mask & random.word();
      if (round !== 0) rounds.push(round);
      ran |= round;
    }
    if ((mask & ~ran) !== 0) rounds.push(mask & ~ran);
    return rounds;
  }
}
