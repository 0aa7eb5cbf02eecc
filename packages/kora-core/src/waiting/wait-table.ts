/**
 * Who waits for which keys of this shard (BLPOP, BZPOPMIN, XREAD BLOCK...), and serving them. While
 * somebody waits the journal tells of changes (ready-keys.ts); a key that may now have something is
 * noted, in the order in which that happened, and served when the command that changed it is done,
 * with all of its transaction: so nobody else sees what it brought in between.
 *
 *   waiting --its key is ready, its host lets it: claim--> served: one reply --> over
 *   waiting --its host says so: time, CLIENT UNBLOCK, the client's end: cancel--> over
 *
 * Serving runs the waiter's own command on the one key that became ready, first come, first served;
 *   whose type the key does not have stays. It may make other keys ready (BLMOVE), which follow.
 * Nobody is served while CLIENT PAUSE holds writes, nor before there is memory for the reply: the
 *   key keeps what it has, and `serve` has to be called again.
 * Bounds: WAITED_KEY_COUNT_MAX; the arguments' bytes are bounded with the queues of MULTI.
 * Cost: nothing when nobody waits; else a hash a change. A wake-up parses its command once more.
 * Owner: one shard. Source: the rules are those of redis-server 7.0.
 */
import { assert } from '../assert.ts';
import { ArgFrame } from '../command/arg-frame.hot.ts';
import { ClientState } from '../command/client-state.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command, WaitingForm } from '../command/spec.ts';
import { ReplyError, replyErrors } from '../errors/reply-error.ts';
import type { Database } from '../keyspace/database.ts';
import { WAITED_KEY_COUNT_MAX } from '../limits.ts';
import { Attention } from '../shard/attention.ts';
import type { Shard } from '../shard/shard.ts';
import { hearReady } from './ready-keys.ts';
import type { WaitedKey, WaitLink } from './waited-keys.ts';
import { WaitedKeys } from './waited-keys.ts';
import type { WaitHost } from './waiter.ts';
import { Waiter } from './waiter.ts';

const FIRST_ARGUMENTS = 16;
/** A longer list of ready keys is given back when they were served. */
const READY_KEPT = 1024;
const PAIR_BYTES = 8;

const tooMany = new ReplyError('OOM too many commands wait for keys');
const streamGone = new ReplyError('UNBLOCKED the stream key no longer exists');

export class WaitTable {
  /** Waiters. */
  count = 0;
  /** True: nobody is served now, for what is there may be of one call alone. */
  isStopped = false;
  /** Says of a key that it must not be changed at the moment; null: none is locked. */
  guard: ((at: number, bytes: number) => boolean) | null = null;
  readonly #shard: Shard;
  readonly #keys: WaitedKeys;
  readonly #frame: ArgFrame;
  #at = new Int32Array(FIRST_ARGUMENTS);
  #bytes = new Int32Array(FIRST_ARGUMENTS);
  #linkCount = 0;
  /** Keys that may serve somebody, `#readyCount` of them, oldest first. Kept: it is used again. */
  readonly #ready: (WaitedKey | null)[] = [];
  #readyCount = 0;
  /** Of them those that are looked at again by the next call: locked, or short of memory. */
  #later: WaitedKey[] = [];
  #isServing = false;
  /** The reply to the waiter that was offered something finds no memory. */
  #isShort = false;
  /** What is served: who waits, how, and by which argument. */
  #served: Waiter | null = null;
  #servedForm: WaitingForm | null = null;
  #servedArgument = 0;
  /** Where serving a key goes on. */
  #cursor: WaitLink | null = null;

  constructor(shard: Shard) {
    this.#shard = shard;
    const { seed0, seed1 } = shard.keyspace.db.dict;
    this.#keys = new WaitedKeys(shard.memory, seed0, seed1);
    this.#frame = new ArgFrame(shard.memory, new ClientState(0));
  }

  /** True when `serve` has something to do. */
  get hasReady(): boolean {
    return this.#readyCount > 0;
  }

  // ------------------------------------------------------------------ waiting

  /**
   * The command in the frame, which was parsed, waits.
   * @param keys arguments that are keys of this shard, one at least
   * @param untilMs when it ends without a key; Infinity = never
   * @returns the waiter, or why it cannot be one: nothing has changed then
   */
  add(
    command: Command, frame: ArgFrame, host: WaitHost, keys: readonly number[], untilMs: number,
  ): Waiter | ReplyError {
    if (this.#linkCount + keys.length > WAITED_KEY_COUNT_MAX) return tooMany;
    const form = formOf(command);
    const argc = frame.count;
    let bytes = argc * PAIR_BYTES + form.spareBytes(frame);
    for (let i = 0; i < argc; i++) bytes += frame.bytes[i] ?? 0;
    const ref = this.#shard.transactions.queues.take(bytes);
    if (ref === 0) return tooMany;
    const spareAt = this.#copyArguments(frame, ref);
    const { memory } = this.#shard;
    const waiter = new Waiter(memory, frame.client, host, command, untilMs, argc, ref, spareAt);
    for (const key of keys) this.#keys.add(waiter, key, form.endsWithKey);
    this.#linkCount += waiter.linkCount;
    this.count++;
    this.#listen();
    form.onWait(this.#shard, frame, waiter);
    return waiter;
  }

  /** Copies the frame's arguments into a block; returns the byte behind them. */
  #copyArguments(frame: ArgFrame, ref: number): number {
    const { i32, kernel } = this.#shard.memory;
    const argc = frame.count;
    let to = ref * 8 + argc * PAIR_BYTES;
    for (let i = 0; i < argc; i++) {
      const bytes = frame.bytes[i] ?? 0;
      assert(!frame.isBig(i), 'arguments of a command that waits are flat');
      kernel.copy(to, frame.at[i] ?? 0, bytes);
      i32[ref * 2 + i * 2] = to;
      i32[ref * 2 + i * 2 + 1] = bytes;
      to += bytes;
    }
    return to;
  }

  #listen(): void {
    this.#shard.attend(Attention.Waiting, true);
    this.#shard.journal.readyListener ??= (effect) => {
      hearReady(this, effect);
    };
  }

  /** The waiter waits no more, and is not answered here; of one that is over nothing happens. */
  cancel(waiter: Waiter): void {
    if (waiter.isOver) return;
    if (waiter.isHeld) this.release(waiter);
    this.#unlink(waiter);
    this.#free(waiter);
  }

  /** The waiter was held back by its host, and is so no longer: its keys are looked at again. */
  release(waiter: Waiter): void {
    waiter.isHeld = false;
    for (let link = waiter.firstLink; link !== null; link = link.nextOfWaiter) {
      this.#note(link.key);
    }
  }

  #unlink(waiter: Waiter): void {
    const { endsWithKey } = formOf(waiter.command);
    for (let link = waiter.firstLink; link !== null; link = link.nextOfWaiter) {
      if (this.#cursor === link) this.#cursor = link.next;
      this.#keys.remove(link, endsWithKey);
    }
    this.#linkCount -= waiter.linkCount;
    waiter.dropLinks();
    this.count--;
    if (this.count > 0) return;
    this.#shard.journal.readyListener = null;
    this.#settle();
  }

  /** Commands need not look whom to serve when nobody waits and no key is ready. */
  #settle(): void {
    if (this.count === 0 && !this.hasReady) this.#shard.attend(Attention.Waiting, false);
  }

  #free(waiter: Waiter): void {
    this.#shard.transactions.queues.give(waiter.ref);
    waiter.ref = 0;
  }

  // ------------------------------------------------------------------ what became ready

  /** The key may have something for those who wait for it. */
  mark(db: number, at: number, bytes: number): void {
    const key = this.#keys.find(db, at, bytes);
    if (key !== null) this.#note(key);
  }

  /** The key is gone, or another: it concerns those who end with it. */
  markGone(db: number, at: number, bytes: number): void {
    const key = this.#keys.find(db, at, bytes);
    if (key !== null && key.endingCount > 0) this.#note(key);
  }

  /** All keys of the database have changed. */
  markDatabase(db: number): void {
    for (const key of this.#keys.all()) if (key.db === db) this.#note(key);
  }

  /** All keys of the database, or of all (-1), are gone. */
  markDatabaseGone(db: number): void {
    for (const key of this.#keys.all()) {
      if (key.endingCount > 0 && (db < 0 || key.db === db)) this.#note(key);
    }
  }

  #note(key: WaitedKey): void {
    if (key.isReady) return;
    key.isReady = true;
    this.#ready[this.#readyCount++] = key;
  }

  // ------------------------------------------------------------------ serving

  /** Serves whom it can, until no key is ready. Not from within a command. */
  serve(): void {
    const shard = this.#shard;
    if (this.#readyCount === 0 || this.#isServing || this.isStopped) return;
    if (shard.failure !== null || shard.pause.isActive(shard.nowMs)) return;
    this.#isServing = true;
    for (let i = 0; i < this.#readyCount; i++) {
      const key = this.#ready[i] ?? null;
      this.#ready[i] = null;
      if (key === null) continue;
      key.isReady = false;
      this.#serveKey(key);
    }
    if (this.#readyCount > READY_KEPT) this.#ready.length = 0;
    this.#readyCount = 0;
    if (this.#later.length > 0) this.#noteLater();
    this.#isServing = false;
    this.#settle();
  }

  /** Keys that nobody was served from are ready still. */
  #noteLater(): void {
    const later = this.#later;
    this.#later = [];
    for (const key of later) this.#note(key);
  }

  #serveKey(key: WaitedKey): void {
    const { keyspace } = this.#shard;
    const db = keyspace.databases[key.db];
    this.#cursor = key.first;
    let ref = db === undefined ? 0 : this.#find(db, key.first);
    while (this.#cursor !== null && db !== undefined) {
      if (ref === 0 && key.endingCount === 0) break;
      const link = this.#cursor;
      // Whoever came behind it may not have what it is about to get.
      if (link.waiter.isHeld) break;
      if (!this.#mayTouch(link)) {
        this.#later.push(key);
        break;
      }
      this.#cursor = link.next;
      if (this.#offer(link, ref)) ref = this.#find(db, this.#cursor);
      else if (link.waiter.isHeld) break;
      else if (this.#isShort) {
        this.#isShort = false;
        this.#later.push(key);
        break;
      }
    }
    this.#cursor = null;
  }

  /** False while the key, or another that the waiter's command changes, is locked. */
  #mayTouch({ waiter, argument }: WaitLink): boolean {
    const { guard } = this;
    if (guard === null) return true;
    if (guard(waiter.argumentAt(argument), waiter.argumentBytes(argument))) return false;
    const { destination } = formOf(waiter.command);
    if (destination === 0 || waiter.isElsewhere) return true;
    return !guard(waiter.argumentAt(destination), waiter.argumentBytes(destination));
  }

  #find(db: Database, link: WaitLink | null): number {
    if (link === null) return 0;
    const { waiter, argument } = link;
    const { keyspace } = this.#shard;
    return keyspace.find(db, waiter.argumentAt(argument), waiter.argumentBytes(argument));
  }

  /**
   * Offers the key in entry `ref` (0 = absent) to the next of its waiters.
   * @returns true when it ran a command: the entry may be another
   */
  #offer({ waiter, argument }: WaitLink, ref: number): boolean {
    const shard = this.#shard;
    const form = formOf(waiter.command);
    if (ref === 0 || !shard.keyspace.isType(ref, form.type)) {
      if (!form.endsWithKey || !waiter.host.claim(waiter)) return false;
      this.#answer(waiter, this.#writeGone);
      return false;
    }
    this.#bind(waiter);
    const error = waiter.command.parse(this.#frame);
    assert(error === null, 'a command that was parsed once is parsed again');
    if (!form.isServable(shard, this.#frame, argument)) return false;
    const bytes = form.replyBytes(shard, this.#frame, argument, ref);
    if (!waiter.host.hasRoom(waiter, bytes)) {
      this.#isShort = true;
      return false;
    }
    if (!waiter.host.claim(waiter)) return false;
    this.#servedForm = form;
    this.#servedArgument = argument;
    this.#answer(waiter, this.#writeServed);
    return true;
  }

  /** Points the frame at the waiter's arguments. */
  #bind(waiter: Waiter): void {
    const { argc } = waiter;
    if (argc > this.#at.length) {
      this.#at = new Int32Array(argc);
      this.#bytes = new Int32Array(argc);
    }
    waiter.copyColumns(this.#at, this.#bytes);
    this.#frame.client = waiter.client;
    this.#frame.bind(this.#at, this.#bytes, argc);
  }

  /** The waiter is over; its arguments stay until its reply is written. */
  #answer(waiter: Waiter, write: (out: ReplySink) => void): void {
    this.#unlink(waiter);
    this.#served = waiter;
    waiter.host.answer(waiter, write);
    assert(this.#served === null, 'who claims a waiter writes its reply');
    this.#free(waiter);
  }

  /** Whom the reply is for that is written now; once for each answer. */
  #takeServed(): Waiter {
    const waiter = this.#served;
    assert(waiter !== null, 'a reply is written once');
    this.#served = null;
    return waiter;
  }

  /** One function for all: nobody is served while another is. */
  readonly #writeServed = (out: ReplySink): void => {
    const form = this.#servedForm;
    assert(form !== null, 'who is served has a form');
    this.#runTimed(this.#takeServed(), form, this.#servedArgument, out);
  };

  readonly #writeGone = (out: ReplySink): void => {
    this.#refuse(this.#takeServed(), streamGone, out);
  };

  #runTimed(waiter: Waiter, form: WaitingForm, argument: number, out: ReplySink): void {
    const { observer, platform } = this.#shard;
    if (observer?.watchesCycles !== true) {
      this.#run(waiter, form, argument, out);
      return;
    }
    const startUs = platform.clock.monotonicUs();
    this.#run(waiter, form, argument, out);
    observer.onCycle('command-unblocking', platform.clock.monotonicUs() - startUs);
  }

  /** Runs the command on its one key; answers also when it throws. */
  #run(waiter: Waiter, form: WaitingForm, argument: number, out: ReplySink): void {
    const shard = this.#shard;
    const { mutations } = shard;
    const { errorCount, progress } = out;
    try {
      form.serve(shard, this.#frame, out, argument);
      if (out.errorCount !== errorCount) this.#countFailure(waiter, out.lastError);
    } catch (cause) {
      shard.onUnexpectedError(cause, waiter.command.name, shard.mutations !== mutations);
      if (out.progress === progress) out.error(replyErrors.internal);
      else out.breakOff(replyErrors.internal);
      this.#countFailure(waiter, replyErrors.internal);
    }
  }

  #refuse(waiter: Waiter, error: ReplyError, out: ReplySink): void {
    out.error(error);
    this.#countFailure(waiter, error);
  }

  #countFailure({ command }: Waiter, error: ReplyError | null): void {
    const { stats, engine } = this.#shard;
    // Entries that commands name themselves by have no place in the table.
    const index = engine.registry.commands.findIndex(({ name }) => name === command.name);
    stats.failed[index] = (stats.failed[index] ?? 0) + 1;
    stats.countError(error?.prefix ?? 'ERR');
  }
}

function formOf({ waiting }: Command): WaitingForm {
  assert(waiting !== null, 'only a command that says how it waits does so');
  return waiting;
}
