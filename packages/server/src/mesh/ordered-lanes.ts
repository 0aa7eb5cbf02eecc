/**
 * This worker's end of the one order (MeshOrder): what it publishes in it, and what has a place on
 * its shard. The rules that make commands of all workers strictly serializable (docs/adr/0016):
 *   - what is written to other shards in one publication has one place everywhere;
 *   - a command of the own shard runs after all that was published for it before the command came
 *     (`catchUp` after bytes were received), and before it was sent on by a peer;
 *   - behind commands of its connection that are under way in the order, it runs after those were
 *     published and all that came before them here has run (`settle`).
 * While something of the order cannot run (its reply finds no room, it needs memory) the worker is
 * behind: its own connections and plain requests wait; replies and words never do, so that ends.
 */
import type { MeshOrder } from '@kora/core';
import { assert } from '@kora/core';
import type { MeshPort, Peer } from './mesh-port.ts';
import { KIND_INTENT, KIND_INTENT_AT } from './message-kinds.ts';

/** Runs what has its turn. */
export interface OrderedHost {
  /** Takes the current message of the peer's ordered lane. False: not now, nothing happened. */
  takeOrdered(peer: Peer): boolean;
  /** Takes what the peer has said along the lane of replies. */
  takeWords(peer: Peer): void;
}

/** Looks at the lock before the next turn is waited for: about a microsecond. */
const LOCK_TRIES_MAX = 256;
/** Times that a worker lets others publish before it catches up with the lock in its hand. */
const CATCH_UPS_MAX = 3;
/** Times that a worker looks whether more has come while it caught up. */
const ROUNDS_MAX = 16;

export class OrderedLanes {
  /** Something of the order cannot run now; `catchUp` tries again. */
  isBehind = false;
  /** It stopped for no reason that news would end: another turn is needed. */
  needsTurn = false;
  readonly #port: MeshPort;
  readonly #order: MeshOrder;
  readonly #me: number;
  #host: OrderedHost | undefined;
  /** Ticket of the entry that runs next. */
  #next = 0;
  /** The worker holds the lock of the order. */
  #isHolding = false;
  /** Peers with messages that are not published: a bit each. */
  #written = 0;
  #hasTakenWords = false;

  constructor(port: MeshPort) {
    this.#port = port;
    this.#order = port.control.order;
    this.#me = port.me;
  }

  /** Who runs what comes; once. */
  attach(host: OrderedHost): void {
    this.#host = host;
  }

  /** True when nothing waits to be published. */
  get isPublished(): boolean {
    return this.#written === 0;
  }

  /** A message to the peer was ended in its ordered lane. */
  note(peer: Peer): void {
    this.#written |= 1 << peer.index;
  }

  /** Messages that are not published were taken back. */
  lookAgain(): void {
    this.#written = 0;
    for (const peer of this.#port.peers) if (peer.orderedOut.hasUnpublished) this.note(peer);
  }

  // ------------------------------------------------------------------ publishing

  /** Gives what was written its place. @returns false: the lock is taken, or a log is full */
  publish(): boolean {
    if (this.#written === 0) return true;
    if (!this.#isHolding && !this.#lock()) return false;
    const mayAppend = this.#hasRoom();
    if (mayAppend) this.#append();
    this.#order.unlock();
    this.#isHolding = false;
    return mayAppend;
  }

  /**
   * As `publish`, when all that has a place here has run: what runs here directly after this has
   * the same place. @returns false: not now, nothing is published
   */
  publishCaughtUp(): boolean {
    if (!this.#lock()) return false;
    const mayAppend = this.isCaughtUp() && this.#hasRoom();
    if (mayAppend) this.#append();
    this.#order.unlock();
    return mayAppend;
  }

  /** True when the logs of all to whom something was written take it. Under the lock. */
  #hasRoom(): boolean {
    for (let left = this.#written; left !== 0; left &= left - 1) {
      if (!this.#order.hasRoom(31 - Math.clz32(left & -left))) return false;
    }
    return true;
  }

  #append(): void {
    for (let left = this.#written; left !== 0; left &= left - 1) {
      const index = 31 - Math.clz32(left & -left);
      const peer = this.#port.peer(index);
      // Words first: who sees an intent finds what was said of transactions before it.
      if (peer.repliesOut.publish()) peer.owesNews = true;
      this.#order.append(index, this.#me, peer.orderedOut.seal());
      peer.owesNews = true;
    }
    this.#written = 0;
  }

  #lock(): boolean {
    for (let tries = 0; tries < LOCK_TRIES_MAX; tries++) {
      if (this.#order.tryLock()) return true;
    }
    return false;
  }

  /**
   * Gets the lock with all that has a place here before it run, for transactions that run a part
   * here; `publish` or `unlock` gives it back.
   */
  hold(shards: number): boolean {
    const isNew = !this.#isHolding;
    if (isNew && !this.#lockCaughtUp()) return false;
    this.#isHolding = true;
    for (let left = shards | this.#written; left !== 0; left &= left - 1) {
      const index = 31 - Math.clz32(left & -left);
      if (index === this.#me || this.#order.hasRoom(index)) continue;
      if (isNew) this.unlock();
      return false;
    }
    return true;
  }

  #lockCaughtUp(): boolean {
    const order = this.#order;
    for (let tries = 0; ; tries++) {
      if (!this.catchUp() || !this.#lock()) return false;
      if (this.isCaughtUp()) return true;
      // Whoever publishes without a pause does not keep this worker from its turn.
      const isLast = tries >= CATCH_UPS_MAX;
      if (isLast && this.#drain(order.published(this.#me, this.#next), true)) return true;
      order.unlock();
      if (isLast) return false;
    }
  }

  /** Gives the lock back when it is held; what was written stays unpublished. */
  unlock(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#order.unlock();
  }

  /** The number of the next transaction. Between `hold` and `publish`. */
  takeNumber(): number {
    assert(this.#isHolding, 'numbers are taken under the lock');
    return this.#order.takeNumber();
  }

  // ------------------------------------------------------------------ catching up

  /** True when nothing has a place here that has not run. */
  isCaughtUp(): boolean {
    return !this.#order.isAt(this.#me, this.#next);
  }

  /**
   * Runs all that has a place here. Not while a request of an own connection is under way.
   * @returns false: the worker is behind
   */
  catchUp(): boolean {
    this.isBehind = false;
    this.needsTurn = false;
    for (let rounds = 0; ; rounds++) {
      this.needsTurn = rounds === ROUNDS_MAX;
      if (this.needsTurn) break;
      const published = this.#order.published(this.#me, this.#next);
      if (published === this.#next) return true;
      this.#hasTakenWords = false;
      if (!this.#drain(published, true)) break;
      // Words may let sessions go on: they are behind all that has a place by now.
      if (!this.#hasTakenWords) return true;
    }
    this.isBehind = true;
    return false;
  }

  /**
   * Runs what has a place here, up to an intent: no words are taken, so no session goes on. Its
   * commands may push messages to sessions. @returns false: some of it is left
   */
  runPublished(): boolean {
    const published = this.#order.published(this.#me, this.#next);
    return published === this.#next || this.#drain(published, false);
  }

  /**
   * Before a command of the own shard that stands behind others in the order: they are published,
   * and what came before them here runs now.
   * @returns false: the command has to wait
   */
  settle(): boolean {
    if (!this.publish()) return false;
    const published = this.#order.published(this.#me, this.#next);
    if (published === this.#next) return true;
    this.isBehind = !this.#drain(published, false);
    return !this.isBehind;
  }

  /** @param mayTakeWords intents are run too, and the words that were said before them taken */
  #drain(upTo: number, mayTakeWords: boolean): boolean {
    const host = this.#host;
    assert(host !== undefined, 'somebody runs what comes');
    const order = this.#order;
    const from = this.#next;
    let touched = 0;
    let isStopped = false;
    while (this.#next !== upTo && !isStopped) {
      const index = order.senderAt(this.#me, this.#next);
      const peer = this.#port.peer(index);
      const { orderedIn } = peer;
      touched |= 1 << index;
      orderedIn.advance(order.tailAt(this.#me, this.#next));
      let hasWords = false;
      while (!isStopped && orderedIn.next()) {
        const isIntent = orderedIn.kind === KIND_INTENT || orderedIn.kind === KIND_INTENT_AT;
        if (isIntent && !hasWords) {
          if (!mayTakeWords) {
            isStopped = true;
            break;
          }
          hasWords = true;
          this.#hasTakenWords = true;
          host.takeWords(peer);
        }
        if (host.takeOrdered(peer)) orderedIn.consume();
        else isStopped = true;
      }
      if (!isStopped) this.#next = (this.#next + 1) | 0;
    }
    for (let left = touched; left !== 0; left &= left - 1) {
      const peer = this.#port.peer(31 - Math.clz32(left & -left));
      if (peer.orderedIn.flush()) peer.owesNews = true;
    }
    if (this.#next !== from) order.consume(this.#me, this.#next);
    return !isStopped;
  }
}
