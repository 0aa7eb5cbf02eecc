/**
 * Between a worker and its I/O engine, where the worker logs: with `appendfsync always` what is
 * sent waits until everything that was in the logs by then is settled, so that nobody is told of a
 * change, or sees one, that a loss of power could take. All that a turn sends waits together:
 * one durable write of the log answers everybody.
 *
 *   send ─▶ nothing unsettled? ─▶ engine       else ─▶ batch of this place ─▶ settled ─▶ engine
 *
 * Invariants: what is sent to a connection leaves in order, its close behind it; a range that
 *   waits is named back by onSent as if the engine had held it. While a log cannot be written and
 *   this worker refuses changes, what is sent tells of nothing new: it leaves, unless the
 *   connection waits, or asked others for a change before; so do replies that wait and told of no
 *   change of their own. Where the reader can be told that what it reads is not durable, nothing
 *   waits then; elsewhere who still waits when the log has failed for LOG_TROUBLE_MS_MAX is cut.
 * Cost: with other policies one comparison a send; else O(1) a send and O(shards) a batch.
 */
import { assert } from '@kora/core';
import type { WorkerMemory } from '@kora/core';
import type { LogPlace, LogWords } from '@kora/storage/engine';
import type {
  EngineHandler, FileOperations, IoEngine, ListenAddress, Peer,
} from '../io/engine.ts';

/** What a held entry does instead of sending. */
const CLOSE_GRACEFUL = -1;
/**
 * How long a reply waits for a log that fails, ms. Ten attempts to write it: a volume that is being
 * extended or a disk that is reset is back by then, and most clients have given up themselves.
 */
export const LOG_TROUBLE_MS_MAX = 5000;

/** One range, or the end of a connection. */
interface Held {
  /** -1 = the connection is gone. */
  slot: number;
  readonly at: number;
  /** Or CLOSE_GRACEFUL. */
  readonly bytes: number;
  /** It tells of no change that its own connection has made. */
  readonly isRead: boolean;
}

/** What waits for the same places of all logs. */
interface Batch {
  readonly places: readonly LogPlace[];
  readonly held: Held[];
}

/** Whose log it is, and when to look at it. */
export interface HoldingHost {
  /** True while the worker refuses changes because a log cannot be written. */
  readonly isRefusing: boolean;
  /** Of a clock that never goes back. */
  readonly monotonicMs: number;
  /** True when nothing that the connection has asked for is under way. */
  isIdle(slot: number): boolean;
  /**
   * The connections have made changes that cannot be made durable: they end at once, unanswered, as
   * if the process had ended. Nothing of them waits here any more.
   */
  cut(slots: readonly number[]): void;
  /** Takes what the disk has done. */
  drain(): void;
  onFile(token: number, result: number): void;
}

export class HeldReplies implements IoEngine, EngineHandler {
  readonly name: string;
  /** True while what is sent may have to wait (`always`). */
  isHolding = false;
  readonly #engine: IoEngine;
  readonly #words: LogWords;
  readonly #me: number;
  #handler: EngineHandler | undefined;
  #host: HoldingHost | null = null;
  readonly #batches: Batch[] = [];
  /** Entries of each connection that wait. */
  readonly #heldCounts = new Map<number, number>();
  /** Connections that asked for a change whose reply comes later, and have not been idle since. */
  readonly #askers = new Set<number>();
  #isAccepting = false;
  /** Since when something waits for a log that fails, ms; 0 = nothing does. */
  #troubleSinceMs = 0;
  /** Place of the own shard at the last send: without a change since, the next one is a read. */
  #sentPlace: LogPlace = 0;

  /** @param me number of the worker's shard */
  constructor(engine: IoEngine, words: LogWords, me: number) {
    this.name = engine.name;
    this.#engine = engine;
    this.#words = words;
    this.#me = me;
  }

  /** The engine behind it. */
  get engine(): IoEngine {
    return this.#engine;
  }
  get files(): FileOperations | undefined {
    return this.#engine.files;
  }
  get isShared(): boolean {
    return this.#engine.isShared === true;
  }
  /** True while nothing waits. */
  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  attach(host: HoldingHost): void {
    this.#host = host;
  }

  /**
   * The connection has asked for a change that is not told at once: another shard makes it, or it
   * waits, or replies of others come before. What it is told before it is idle may tell of that.
   */
  noteAsked(slot: number): void {
    if (this.isHolding) this.#askers.add(slot);
  }

  // ------------------------------------------------------------------ what is sent

  send(slot: number, at: number, bytes: number): boolean {
    const place = this.#words.appended(this.#me);
    const isRead = place === this.#sentPlace && !this.#askers.has(slot);
    this.#sentPlace = place;
    if (!this.#mustHold(slot)) return this.#engine.send(slot, at, bytes);
    this.#hold({ slot, at, bytes, isRead });
    return false;
  }

  #mustHold(slot: number): boolean {
    if (!this.isHolding) return this.#batches.length > 0 && this.#heldCounts.has(slot);
    if (this.#isAccepting) return false;
    if (this.#heldCounts.has(slot)) return true;
    return !this.#isSettled() && (!this.#isRefusing || this.#askers.has(slot));
  }

  /**
   * True while every change of this worker's clients is refused. What another shard has changed
   * since its log works again may be read here before this worker knows of that, hence the look at
   * the words: whoever could see such a change has seen the error go before it.
   */
  get #isRefusing(): boolean {
    return this.#host?.isRefusing === true && this.#words.errno !== 0;
  }

  #isSettled(): boolean {
    const words = this.#words;
    for (let shard = 0; shard < words.shardCount; shard++) {
      if (!words.hasSettled(shard, words.appended(shard))) return false;
    }
    return true;
  }

  #hold(held: Held): void {
    const { slot } = held;
    const words = this.#words;
    const last = this.#batches.at(-1);
    const isSame = last?.places.every((place, shard) => place === words.appended(shard)) === true;
    this.#heldCounts.set(slot, (this.#heldCounts.get(slot) ?? 0) + 1);
    if (isSame) {
      last.held.push(held);
      return;
    }
    if (last === undefined) this.#troubleSinceMs = 0;
    this.#batches.push({ places: words.places(), held: [held] });
  }

  close(slot: number, isGraceful: boolean): void {
    if (!this.#heldCounts.has(slot)) {
      this.#engine.close(slot, isGraceful);
    } else if (isGraceful) {
      this.#hold({ slot, at: 0, bytes: CLOSE_GRACEFUL, isRead: true });
    } else {
      this.#forget(slot);
      this.#engine.close(slot, false);
    }
  }

  /** Nothing of the connection leaves any more. */
  #forget(slot: number): void {
    if (!this.#heldCounts.delete(slot)) return;
    for (const { held } of this.#batches) {
      for (const each of held) if (each.slot === slot) each.slot = -1;
    }
  }

  /** What an idle connection was told has left, or waits; so does all that comes behind it. */
  #forgetAsked(slot: number): void {
    if (this.#host?.isIdle(slot) === true) this.#askers.delete(slot);
  }

  /** Lets go of what is settled. Within a turn, while no event is told. */
  release(): void {
    for (let first = this.#batches[0]; first !== undefined; first = this.#batches[0]) {
      if (!this.#words.hasCome(first.places, this.#me)) {
        const { errno } = this.#words;
        if (errno === 0) this.#troubleSinceMs = 0;
        else if (this.#engine.setDoubt === undefined) this.#bearTrouble();
        else this.#letAllGo(errno);
        return;
      }
      this.#batches.shift();
      for (const held of first.held) this.#let(held);
    }
  }

  /** The log cannot be written: only changes wait for it, and not for ever. */
  #bearTrouble(): void {
    this.#letReadsGo();
    const nowMs = this.#host?.monotonicMs ?? 0;
    if (this.#troubleSinceMs === 0) this.#troubleSinceMs = nowMs;
    if (nowMs - this.#troubleSinceMs < LOG_TROUBLE_MS_MAX || this.#heldCounts.size === 0) return;
    const slots = [...this.#heldCounts.keys()];
    this.#batches.length = 0;
    this.#heldCounts.clear();
    this.#host?.cut(slots);
  }

  /** The log cannot be written: who waits for nothing of its own does not wait for that. */
  #letReadsGo(): void {
    const waiting = new Set<number>();
    for (const batch of this.#batches) {
      for (const held of batch.held) {
        if (held.slot < 0 || waiting.has(held.slot)) continue;
        if (!held.isRead) {
          waiting.add(held.slot);
          continue;
        }
        this.#let(held);
        held.slot = -1;
      }
    }
  }

  /** The log cannot be written: who waits for it is told that, with the reply. */
  #letAllGo(errno: number): void {
    const engine = this.#engine;
    const inDoubt = new Set<number>();
    for (const { held } of this.#batches.splice(0)) {
      for (const each of held) {
        if (each.slot < 0) continue;
        if (!each.isRead && !inDoubt.has(each.slot)) {
          inDoubt.add(each.slot);
          engine.setDoubt?.(each.slot, errno);
        }
        this.#let(each);
      }
    }
    for (const slot of inDoubt) engine.setDoubt?.(slot, 0);
  }

  #let({ slot, at, bytes }: Held): void {
    if (slot < 0) return;
    const left = (this.#heldCounts.get(slot) ?? 1) - 1;
    if (left === 0) this.#heldCounts.delete(slot);
    else this.#heldCounts.set(slot, left);
    if (bytes === CLOSE_GRACEFUL) this.#engine.close(slot, true);
    else if (this.#engine.send(slot, at, bytes)) this.#handler?.onSent(slot);
  }

  // ------------------------------------------------------------------ events

  onTurnStart(): void {
    this.#handler?.onTurnStart();
    this.#host?.drain();
    if (this.#batches.length > 0) this.release();
  }
  onTurnEnd(): void {
    this.#handler?.onTurnEnd();
  }
  onAccept(slot: number, peer: Peer): boolean {
    // Who is refused reads why, whatever the log does.
    this.#isAccepting = true;
    const isWelcome = this.#handler?.onAccept(slot, peer) === true;
    this.#isAccepting = false;
    return isWelcome;
  }
  onReceive(slot: number, at: number, bytes: number): void {
    if (this.#askers.size > 0) this.#forgetAsked(slot);
    this.#handler?.onReceive(slot, at, bytes);
  }
  onEnd(slot: number): void {
    this.#handler?.onEnd(slot);
  }
  onSent(slot: number): void {
    this.#handler?.onSent(slot);
  }
  onClosed(slot: number): void {
    this.#forget(slot);
    this.#askers.delete(slot);
    this.#handler?.onClosed(slot);
  }
  onTick(): void {
    this.#handler?.onTick();
  }
  onTurn(): void {
    this.#handler?.onTurn();
  }
  onWake(): void {
    this.#handler?.onWake();
  }
  onFile(token: number, result: number): void {
    this.#host?.onFile(token, result);
    if (this.#batches.length > 0) this.release();
  }

  // ------------------------------------------------------------------ the engine as it is

  start(memory: WorkerMemory, handler: EngineHandler): void {
    assert(this.#handler === undefined, 'an engine starts once');
    this.#handler = handler;
    this.#engine.start(memory, this);
  }
  listen(address: ListenAddress, done: (error: Error | null, port: number) => void): number {
    return this.#engine.listen(address, done);
  }
  receiveInto(slot: number, at: number, bytes: number): boolean {
    return this.#engine.receiveInto(slot, at, bytes);
  }
  pauseReceive(slot: number): void {
    this.#engine.pauseReceive(slot);
  }
  resumeReceive(slot: number): void {
    this.#engine.resumeReceive(slot);
  }
  setKeepAlive(slot: number, seconds: number): void {
    this.#engine.setKeepAlive(slot, seconds);
  }
  signal(eventfd: number, ring: number): void {
    this.#engine.signal?.(eventfd, ring);
  }
  ring(worker: number): void {
    this.#engine.ring?.(worker);
  }
  requestTurn(): void {
    this.#engine.requestTurn();
  }
  tickAfter(ms: number): void {
    this.#engine.tickAfter?.(ms);
  }
  stopListening(listener: number): void {
    this.#engine.stopListening(listener);
  }
  stop(): void {
    this.#engine.stop();
  }
}
