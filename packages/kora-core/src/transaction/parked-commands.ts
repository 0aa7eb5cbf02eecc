/**
 * Single-shard commands that met a lock and wait for it. A parked command takes a place in the lock
 * table as an intent does, behind all that came before it: a stream of transactions cannot starve
 * it, nor can a stream of commands starve a transaction. It runs when it has its locks and all
 * earlier parked commands of its connection have run: a connection's commands stay in their order.
 *   host asks: mustWait (or holds and the questions of the lock table, for several slots)
 *   then:      park ─▶ (locks and turn) onReady ─▶ runs, locks are given back
 * Nothing has happened when a command is parked; onReady offers it from the gate again.
 * Bound: PARKED_COMMAND_COUNT_MAX; beyond it `park` refuses, the session holds, the request stays
 * in its ring. What coordinators say of intents has to come by another way then: the release that a
 * command waits for must not stand behind it.
 * Cost: O(slots) a command; a question is one load while nothing is locked; nothing is allocated
 * once the pool is warm.
 */
import { assert } from '../assert.ts';
import { PARKED_COMMAND_COUNT_MAX, PARKED_SLOT_COUNT_MAX } from '../limits.ts';
import type { LockListener, SlotLocks } from './slot-locks.ts';
import { WholeLock } from './slot-locks.ts';

/** One command that waits. Pooled: good from `park` until it has run or was dropped. */
export class ParkedCommand<Payload> {
  /** The caller's number for the connection, a safe integer. */
  connection: number;
  /** What to run; not looked at here. */
  payload: Payload | null;
  /** Its id in the lock table. */
  owner: number;
  isLocked: boolean;
  isRunning: boolean;
  /** Next of the same connection. */
  next: ParkedCommand<Payload> | null;
  /** Of a connection's first command: its last one. */
  last: ParkedCommand<Payload> | null;
  /** Of a connection's first command: the first of another connection in the same bucket. */
  nextFirst: ParkedCommand<Payload> | null;

  constructor() {
    this.connection = 0;
    this.payload = null;
    this.owner = 0;
    this.isLocked = false;
    this.isRunning = false;
    this.next = null;
    this.last = null;
    this.nextFirst = null;
  }
}

/** Connections are found through this many buckets of their first commands. Power of two. */
const BUCKET_COUNT = 1024;

/** Runs what was parked. */
export interface ParkedHost<Payload> {
  /**
   * The command may run now. True when it is done: its locks go. False keeps it where it is, with
   * its locks, until `finish`.
   */
  onReady(command: ParkedCommand<Payload>): boolean;
  /** The connection is gone, the command will not run: give back what the payload holds. */
  onDropped(payload: Payload): void;
}

export class ParkedCommands<Payload> implements LockListener {
  readonly locks: SlotLocks;
  /** Commands that wait or run. */
  count: number;
  readonly #host: ParkedHost<Payload>;
  readonly #listener: number;
  /** First command of each connection that has one, by the connection's number. */
  readonly #buckets: (ParkedCommand<Payload> | null)[];
  readonly #byOwner: (ParkedCommand<Payload> | null)[];
  readonly #pool: ParkedCommand<Payload>[];

  constructor(locks: SlotLocks, host: ParkedHost<Payload>) {
    this.locks = locks;
    this.count = 0;
    this.#host = host;
    this.#listener = locks.listen(this);
    this.#buckets = new Array<ParkedCommand<Payload> | null>(BUCKET_COUNT).fill(null);
    this.#byOwner = [];
    this.#pool = [];
  }

  /** True while a command of the connection is parked: what comes after it has to park too. */
  holds(connection: number): boolean {
    return this.count !== 0 && this.#firstOf(connection) !== null;
  }

  /**
   * The one question before a single-shard command runs: true when it has to park. Costs one load
   * while nothing is locked.
   */
  mustWait(connection: number, slot: number, isWrite: boolean): boolean {
    if (this.locks.count === 0) return false;
    return this.holds(connection) || this.locks.conflictsWith(slot, isWrite);
  }

  /** True when one more can be parked. */
  hasRoom(): boolean {
    return this.count < PARKED_COMMAND_COUNT_MAX;
  }

  /**
   * Parks a command that wants `lockCount` locks (words of `lockOf`, slots ascending, copied) from
   * index `at` on; with more than PARKED_SLOT_COUNT_MAX it waits for the whole shard.
   * @returns false when there is no room; nothing has changed then. When it is true the command may
   *   already have run
   */
  park(
    connection: number, locks: Uint16Array, at: number, lockCount: number, payload: Payload,
  ): boolean {
    if (lockCount > PARKED_SLOT_COUNT_MAX) {
      let writes = 0;
      for (let i = at; i < at + lockCount; i++) writes |= (locks[i] ?? 0) & 1;
      const whole = writes === 1 ? WholeLock.Exclusive : WholeLock.Shared;
      return this.parkWhole(connection, whole, payload);
    }
    if (!this.hasRoom()) return false;
    const command = this.#open(connection, payload);
    for (let i = at; i < at + lockCount; i++) this.locks.addSlot(command.owner, locks[i] ?? 0);
    this.#line(command);
    return true;
  }

  /** As park, for a command that looks at or changes the whole shard (`whole`: of WholeLock). */
  parkWhole(connection: number, whole: number, payload: Payload): boolean {
    if (!this.hasRoom()) return false;
    const command = this.#open(connection, payload);
    this.locks.addWhole(command.owner, whole);
    this.#line(command);
    return true;
  }

  /** The command that onReady kept is done: its locks go, the next of its connection follows. */
  finish(command: ParkedCommand<Payload>): void {
    assert(command.isRunning, 'only a command that was offered is finished');
    const next = command.next;
    this.#takeFirst(command);
    if (next !== null) {
      next.last = command.last;
      this.#putFirst(next);
      // It was told of its locks while it was not the first.
      if (next.isLocked) this.locks.wake(next.owner);
    }
    this.#close(command);
  }

  /** The connection is gone: forgets its commands but one that is running. */
  drop(connection: number): void {
    const first = this.#firstOf(connection);
    if (first === null) return;
    let command: ParkedCommand<Payload> | null = first;
    if (first.isRunning) {
      command = first.next;
      first.next = null;
      first.last = first;
    } else {
      this.#takeFirst(first);
    }
    while (command !== null) {
      const { next, payload }: ParkedCommand<Payload> = command;
      this.#close(command);
      if (payload !== null) this.#host.onDropped(payload);
      command = next;
    }
  }

  /** @internal from the lock table */
  onLocked(owner: number): void {
    const command = this.#byOwner[owner] ?? null;
    assert(command !== null, 'an owner of this listener is a parked command');
    command.isLocked = true;
    if (this.#firstOf(command.connection) !== command || command.isRunning) return;
    command.isRunning = true;
    if (this.#host.onReady(command)) this.finish(command);
  }

  #open(connection: number, payload: Payload): ParkedCommand<Payload> {
    const command = this.#pool.pop() ?? new ParkedCommand<Payload>();
    command.connection = connection;
    command.payload = payload;
    command.owner = this.locks.open(this.#listener);
    command.isLocked = false;
    command.isRunning = false;
    command.next = null;
    command.last = command;
    while (this.#byOwner.length <= command.owner) this.#byOwner.push(null);
    this.#byOwner[command.owner] = command;
    this.count++;
    return command;
  }

  /** Puts the command behind those of its connection and into the lock table. */
  #line(command: ParkedCommand<Payload>): void {
    const first = this.#firstOf(command.connection);
    if (first === null) {
      this.#putFirst(command);
    } else {
      const last = first.last ?? first;
      last.next = command;
      first.last = command;
    }
    this.locks.enter(command.owner);
  }

  #firstOf(connection: number): ParkedCommand<Payload> | null {
    let first = this.#buckets[connection & (BUCKET_COUNT - 1)] ?? null;
    while (first !== null && first.connection !== connection) first = first.nextFirst;
    return first;
  }

  #putFirst(command: ParkedCommand<Payload>): void {
    const bucket = command.connection & (BUCKET_COUNT - 1);
    command.nextFirst = this.#buckets[bucket] ?? null;
    this.#buckets[bucket] = command;
  }

  #takeFirst(command: ParkedCommand<Payload>): void {
    const bucket = command.connection & (BUCKET_COUNT - 1);
    let before: ParkedCommand<Payload> | null = null;
    let first = this.#buckets[bucket] ?? null;
    while (first !== command) {
      assert(first !== null, 'the first command of a connection stands in its bucket');
      before = first;
      first = first.nextFirst;
    }
    if (before === null) this.#buckets[bucket] = command.nextFirst;
    else before.nextFirst = command.nextFirst;
    command.nextFirst = null;
  }

  #close(command: ParkedCommand<Payload>): void {
    const { owner } = command;
    this.#byOwner[owner] = null;
    this.count--;
    command.payload = null;
    command.next = null;
    command.last = null;
    command.isRunning = false;
    this.#pool.push(command);
    this.locks.leave(owner);
  }
}
