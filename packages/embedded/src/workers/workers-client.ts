/**
 * One connection to the workers of an engine: decides where each call goes and when, so that the
 * program sees one engine. Its home is one of the workers; what is about the connection (MULTI,
 * WATCH, SELECT) and what concerns several workers goes there, everything else straight to the
 * owner of its keys.
 *   plain call, nothing homeward under way   to the owner of its keys
 *   plain call, something homeward under way home: the worker keeps the order of its session
 *   homeward call                            home, once no call is under way elsewhere; what comes
 *                                            behind it meanwhile is held, in order
 * So calls with the same keys happen in the order they were made, and a homeward call happens after
 * all before it and before all behind it. Calls whose keys are on different workers may overlap.
 * The selected database is known here: a slot elsewhere is told before its next call.
 */
import { assert, Fault } from '@kora/core';
import { needsOneReply } from '@kora/pubsub';
import type { CallArgument } from '../arguments.ts';
import type { CallPort } from '../call-port.ts';
import { KoraReplyError } from '../kora-reply-error.ts';
import { BulkForm } from '../open-values.ts';
import type { ReplyValue } from '../open-values.ts';
import type { CallPlan } from './call-router.ts';
import { databaseOf, HOME, Meaning } from './call-router.ts';
import { HeldCalls } from './held-calls.ts';
import type { OpenCall } from './open-call.ts';
import { HiddenCall, ProgramCall } from './open-call.ts';
import type { Pipe, PipeSlot, SlotOwner } from './pipe.ts';
import type { Content } from './request-writer.ts';
import { contentsOf } from './request-writer.ts';
import type { WorkersEngine } from './workers-engine.ts';

/** What a call under way means for those behind it. */
const Weight = Object.freeze({ None: 0, Away: 1, Homeward: 2 } as const);

export class WorkersClient implements CallPort, SlotOwner {
  readonly #engine: WorkersEngine;
  readonly #home: number;
  readonly #slots: (PipeSlot | undefined)[] = [];
  #db = 0;
  #isInMulti = false;
  #isClosed = false;
  /** The database that EXEC will select, -1 for none. */
  #queuedDb = -1;
  /** One more with every SELECT outside MULTI: an EXEC before it decides nothing any more. */
  #selectCount = 0;
  /** Calls under way on other workers than home. */
  #awayCount = 0;
  /** Calls under way at home that others must not pass. */
  #homewardCount = 0;
  readonly #held = new HeldCalls();
  #isReleasing = false;

  constructor(engine: WorkersEngine, home: number) {
    this.#engine = engine;
    this.#home = home;
  }

  get db(): number {
    return this.#db;
  }

  get isInMulti(): boolean {
    return this.#isInMulti;
  }

  call<Result>(
    form: number, given: readonly CallArgument[], make: (value: ReplyValue) => Result,
  ): Promise<Result> {
    const call = new ProgramCall(form, make);
    try {
      this.#make(call, given);
    } catch (cause) {
      call.reject(cause instanceof Error ? cause : new Error(String(cause)));
    }
    return call.promise;
  }

  /** Ends the connection after the calls it has made. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#held.count === 0) this.#endSlots();
  }

  onSettled(call: OpenCall, value: ReplyValue | undefined): void {
    if (call.weight === Weight.Away) this.#awayCount--;
    else if (call.weight === Weight.Homeward) this.#homewardCount--;
    if (call.db >= 0) this.#afterExec(call, value);
    if (this.#held.count > 0) this.#release();
  }

  onGone(slot: PipeSlot): void {
    if (this.#slots[slot.worker] !== slot) return;
    this.#slots[slot.worker] = undefined;
    if (slot.worker === this.#home) this.#isInMulti = false;
  }

  /** @throws {Fault} when it cannot be made */
  #make(call: OpenCall, given: readonly CallArgument[]): void {
    if (this.#isClosed) throw new Fault('ENGINE_CLOSED', 'this connection was closed');
    this.#engine.check();
    const contents = contentsOf(given);
    const [name = ''] = contents;
    // They have no reply that a call could wait for.
    if (this.#engine.router.planOf(name).meaning === Meaning.Subscribe) {
      throw new KoraReplyError(needsOneReply(Buffer.from(name).toString('latin1')));
    }
    if (this.#held.count > 0 || !this.#start(call, contents)) {
      this.#held.add(call, contents.map(ownCopy));
    }
    this.#engine.touch();
  }

  /** Sends the call to where it belongs. @returns false when it has to wait */
  #start(call: OpenCall, contents: readonly Content[]): boolean {
    const { router } = this.#engine;
    const [name = ''] = contents;
    const plan = router.planOf(name);
    const isPlain = plan.meaning === Meaning.Plain && !this.#isInMulti;
    const owner = isPlain ? router.ownerOf(plan, contents) : HOME;
    if (owner === HOME) {
      if (this.#awayCount > 0) return false;
      this.#sendHome(call, contents, plan);
    } else if (owner === this.#home) {
      this.#send(owner, call, contents);
    } else if (this.#homewardCount > 0) {
      call.weight = Weight.Homeward;
      this.#homewardCount++;
      this.#send(this.#home, call, contents);
    } else {
      call.weight = Weight.Away;
      this.#awayCount++;
      this.#send(owner, call, contents);
    }
    return true;
  }

  #sendHome(call: OpenCall, contents: readonly Content[], plan: CallPlan): void {
    call.weight = Weight.Homeward;
    this.#homewardCount++;
    const { pipe, slot } = this.#ready(this.#home);
    if (plan.meaning !== Meaning.Plain) this.#note(call, contents, plan, slot);
    pipe.send(slot, contents, call);
  }

  /** What a call about the connection will have done when it has run. */
  #note(
    call: OpenCall, contents: readonly Content[], { meaning }: CallPlan, slot: PipeSlot,
  ): void {
    if (meaning === Meaning.Select) {
      const db = contents.length === 2 ? databaseOf(contents[1], this.#engine.databaseCount) : -1;
      if (db < 0) return;
      if (this.#isInMulti) {
        this.#queuedDb = db;
        return;
      }
      this.#db = db;
      this.#selectCount++;
      slot.db = db;
      return;
    }
    // With more words they are errors, and change nothing.
    if (contents.length !== 1) return;
    if (meaning === Meaning.Multi) {
      if (!this.#isInMulti) this.#queuedDb = -1;
      this.#isInMulti = true;
      return;
    }
    if (meaning === Meaning.Exec && this.#isInMulti) {
      call.db = this.#queuedDb;
      call.selectCount = this.#selectCount;
    }
    this.#isInMulti = false;
  }

  /** EXEC has run, or not: `value` is null or undefined then. */
  #afterExec({ db, selectCount }: OpenCall, value: ReplyValue | undefined): void {
    if (!Array.isArray(value) || selectCount !== this.#selectCount) return;
    this.#db = db;
    const slot = this.#slots[this.#home];
    if (slot !== undefined) slot.db = this.#db;
  }

  #send(worker: number, call: OpenCall, contents: readonly Content[]): void {
    const { pipe, slot } = this.#ready(worker);
    pipe.send(slot, contents, call);
  }

  /** The slot on a worker, with the database selected. */
  #ready(worker: number): { readonly pipe: Pipe; readonly slot: PipeSlot } {
    const pipe = this.#engine.pipes[worker];
    assert(pipe !== undefined, 'every worker has a pipe');
    const slot = this.#slots[worker] ??= pipe.open(this);
    if (slot.db !== this.#db && !this.#isInMulti) {
      slot.db = this.#db;
      pipe.send(slot, ['SELECT', String(this.#db)], new HiddenCall(BulkForm.Text));
    }
    return { pipe, slot };
  }

  /** Sends held calls, the oldest first, as far as they may go. */
  #release(): void {
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    let count = 0;
    for (let held = this.#held.first; held !== undefined; held = this.#held.first) {
      const { refusal } = this.#engine;
      if (refusal !== null) held.call.reject(refusal);
      else if (!this.#start(held.call, held.contents)) break;
      this.#held.shift();
      count++;
    }
    this.#isReleasing = false;
    if (count === 0) return;
    if (this.#isClosed && this.#held.count === 0) this.#endSlots();
    this.#engine.touch();
  }

  #endSlots(): void {
    if (this.#engine.refusal !== null) return;
    for (const slot of this.#slots) {
      if (slot !== undefined) this.#engine.pipes[slot.worker]?.end(slot);
    }
    this.#slots.length = 0;
    this.#engine.touch();
  }
}

/** Bytes that the program may change before the call leaves are copied. */
function ownCopy(content: Content): Content {
  return typeof content === 'string' ? content : Uint8Array.from(content);
}
