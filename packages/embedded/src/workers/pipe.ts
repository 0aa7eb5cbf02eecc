/**
 * The program's end of the two rings to one worker: calls go out in the order they are sent,
 * replies come back in the order of the calls of their slot, and settle them. A slot of a worker
 * belongs to one connection; a connection has one slot at most on each worker.
 *   send ──▶ Outgoing ──flush──▶ ring ──▶ worker ──▶ ring ──drain──▶ ReplyReader ──▶ the call
 * Settling a call resolves its promise, which runs no code of the program before this returns.
 * Invariant: a slot has as many open calls as replies are to come, the oldest first; one of a
 *   subscription has none, and its owner takes what comes (onPush).
 */
import { assert, Fault, lowWordsOf, RingReader, RingWriter } from '@kora/core';
import { DiskFault } from '@kora/storage/engine';
import type { KoraReplyError } from '../kora-reply-error.ts';
import { BulkForm } from '../open-values.ts';
import type { ReplyValue } from '../open-values.ts';
import type { OpenCall } from './open-call.ts';
import { Outgoing } from './outgoing.ts';
import { PipeKind, replyRingAt } from './pipe-plan.ts';
import type { PipePlan } from './pipe-plan.ts';
import { PipeWords } from './pipe-words.ts';
import { ReplyReader } from './reply-reader.ts';
import type { Content } from './request-writer.ts';
import { writeRequest } from './request-writer.ts';

/** Bytes of calls that are worth a wake-up of the worker before the program has made all. */
const RUN_BYTES = 16_384;

/** Whose slot it is. */
export interface SlotOwner {
  /** A call of it has been answered; `value` is undefined when it was refused. */
  onSettled(call: OpenCall, value: ReplyValue | undefined): void;
  /** The worker has ended the slot. */
  onGone(slot: PipeSlot): void;
  /**
   * Takes all that comes, for owners whose slots have no calls: messages of channels.
   * @param refusal the error that came instead, null without
   */
  readonly onPush?: (value: ReplyValue, refusal: Error | null) => void;
}

/** A source of commands on one worker. */
export class PipeSlot {
  readonly owner: SlotOwner;
  readonly index: number;
  readonly worker: number;
  readonly reader = new ReplyReader();
  /** The database that it has selected when all before has run. */
  db = 0;
  first: OpenCall | null = null;
  last: OpenCall | null = null;
  /** Why what comes now tells of changes that are not durable; null while it does not. */
  doubt: DiskFault | null = null;

  constructor(owner: SlotOwner, worker: number, index: number) {
    this.owner = owner;
    this.worker = worker;
    this.index = index;
  }
}

export class Pipe {
  readonly worker: number;
  /** Calls whose replies are to come. */
  openCount = 0;
  readonly #out = new Outgoing();
  readonly #requests: RingWriter;
  readonly #replies: RingReader;
  readonly #bytes: Buffer;
  readonly #words: PipeWords;
  readonly #directory: string;
  readonly #slots: (PipeSlot | undefined)[] = [];
  readonly #free: number[] = [];
  #isDraining = false;
  /** Bytes that waited when the last try was made to send them. */
  #triedBytes = 0;

  /** The worker has said that it is ready. */
  constructor(plan: PipePlan) {
    const { index, memories, lowBytes, workerCount } = plan;
    const memory = memories[index];
    assert(memory !== undefined, 'every worker has a memory');
    this.worker = index;
    this.#words = new PipeWords(workerCount, plan.words);
    const words = lowWordsOf(memory, lowBytes);
    this.#requests = new RingWriter(words, this.#words.requestRing(index));
    this.#replies = new RingReader(new Int32Array(plan.replies), replyRingAt(index));
    this.#bytes = Buffer.from(plan.replies);
    this.#directory = plan.store?.directory ?? '';
  }

  /** Opens a slot. */
  open(owner: SlotOwner): PipeSlot {
    const index = this.#free.pop() ?? this.#slots.length;
    const slot = new PipeSlot(owner, this.worker, index);
    this.#slots[index] = slot;
    this.#out.addWord(PipeKind.Open, index);
    return slot;
  }

  /** Ends a slot after the calls it has; nothing more is sent there. */
  end(slot: PipeSlot): void {
    this.#out.addWord(PipeKind.End, slot.index);
  }

  /** Sends a request whose replies `onPush` takes; it leaves with the next flush. */
  sendBare(slot: PipeSlot, contents: readonly Content[]): void {
    writeRequest(this.#out, slot.index, contents);
  }

  /** Sends a call; it leaves with the next flush, or now when there are many. */
  send(slot: PipeSlot, contents: readonly Content[], call: OpenCall): void {
    writeRequest(this.#out, slot.index, contents);
    if (slot.last === null) slot.first = call;
    else slot.last.next = call;
    slot.last = call;
    this.openCount++;
    if (this.#out.bytes >= this.#triedBytes + RUN_BYTES && !this.#isDraining) this.#sendRun();
  }

  /** Many calls are there: they leave now if they can, and the worker begins while more come. */
  #sendRun(): void {
    this.flush();
    if (!this.#out.isEmpty && this.drain()) this.flush();
  }

  /** Lets the worker see what was sent, as far as there is room, and wakes it if it sleeps. */
  flush(): void {
    const requests = this.#requests;
    for (;;) {
      const isAll = this.#out.writeTo(requests);
      if (requests.publish()) this.#words.wakeWorker(this.worker);
      if (isAll || !requests.askForRoom(this.#out.nextBytes)) break;
    }
    this.#triedBytes = this.#out.bytes;
  }

  /** True when something waits for room. */
  get isWaiting(): boolean {
    return !this.#out.isEmpty;
  }

  /** True when replies have come that were not taken. */
  hasNews(): boolean {
    return this.#replies.refresh();
  }

  /** Takes all replies that have come. @returns false when there were none */
  drain(): boolean {
    const replies = this.#replies;
    if (!replies.refresh()) return false;
    this.#isDraining = true;
    while (replies.next()) {
      const { kind, a, b, bodyAt, bodyBytes } = replies;
      const slot = this.#slots[a];
      assert(slot !== undefined, 'a worker speaks of slots that are open');
      if (kind === PipeKind.Bytes) this.#take(slot, bodyAt, bodyAt + bodyBytes);
      else if (kind === PipeKind.Gone) this.#takeEnd(slot);
      else slot.doubt = b === 0 ? null : new DiskFault('sync', this.#directory, b);
      replies.consume();
    }
    this.#isDraining = false;
    if (replies.flush()) this.#words.wakeWorker(this.worker);
    return true;
  }

  /** The worker is gone: every open call is rejected. */
  fail(reason: Error): void {
    this.#out.clear();
    for (const slot of this.#slots) if (slot !== undefined) this.#rejectAll(slot, reason);
  }

  #take(slot: PipeSlot, from: number, end: number): void {
    const { reader, owner } = slot;
    let at = from;
    while (at < end) {
      if (owner.onPush !== undefined) {
        at = reader.read(this.#bytes, at, end, BulkForm.Bytes);
        if (!reader.isComplete) return;
        owner.onPush(reader.value, reader.refusal);
        continue;
      }
      const call = slot.first;
      assert(call !== null, 'a reply is to a call');
      at = reader.read(this.#bytes, at, end, call.form);
      if (!reader.isComplete) return;
      this.#settle(slot, call, reader.value, reader.refusal);
    }
  }

  #settle(
    slot: PipeSlot, call: OpenCall, value: ReplyValue, refusal: KoraReplyError | Error | null,
  ): void {
    slot.first = call.next;
    if (call.next === null) slot.last = null;
    this.openCount--;
    const failure = refusal ?? slot.doubt;
    if (failure === null) call.resolve(value);
    else call.reject(failure);
    slot.owner.onSettled(call, refusal === null ? value : undefined);
  }

  #takeEnd(slot: PipeSlot): void {
    this.#slots[slot.index] = undefined;
    this.#free.push(slot.index);
    slot.owner.onGone(slot);
    this.#rejectAll(slot, new Fault(
      'OUT_OF_MEMORY', 'a worker had no memory left for this call; it may have run',
      { isRetryable: true },
    ));
  }

  #rejectAll(slot: PipeSlot, reason: Error): void {
    for (let call = slot.first; call !== null; call = slot.first) {
      this.#settle(slot, call, null, reason);
    }
  }
}
