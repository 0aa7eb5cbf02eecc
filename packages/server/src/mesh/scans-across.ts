/**
 * SCAN over several workers: a call goes on from shard to shard until it has met what COUNT asks
 * for, as if there were one. What lies in the connection's own shard is walked at once; every other
 * round is a transaction of the shards that it asks (scan-run.ts says which), in the place that the
 * call has among the replies of its connection.
 *
 *   begin ── own shard ─┬─▶ over: the reply
 *                       └─▶ round: ask shards ─▶ answers ─┬─▶ over: the reply
 *                                  ▲─────────────────────┘
 *
 * Rounds are not one moment: keys that come or go between two of them may be seen or not, as
 * between two calls. Where no round can be begun the call ends early, with a cursor that leads on.
 * Cost: a round of others one message each way a shard; a copy of the keys.
 */
import type { ArgFrame as Frame, Command, Executor, Shard } from '@kora/core';
import { ArgFrame, assert, ClientFlag, Outcome, replyErrors, shardOfCursor } from '@kora/core';
import type { ReplyChunk } from '../reply-chunks.ts';
import type { ReplyTarget } from '../resp-sink.ts';
import { RespSink } from '../resp-sink.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { AskingClient } from './asking-client.ts';
import type { LockGate } from './lock-gate.ts';
import type { Origin } from './origin.ts';
import { Step } from './origin.ts';
import { ReplyBytes } from './reply-bytes.ts';
import { ScanRun } from './scan-run.ts';

/** Asks shards for a round. */
export interface ScanAsker {
  /** True when a transaction over so many shards can begin. */
  hasRoom(shardCount: number): boolean;
  /**
   * Begins a round as a transaction; its place is the run's, and is not answered by it.
   * @param frame the command of the round, borrowed for the call
   * @param done hears what the shards have answered, by shard
   * @returns false when it cannot be begun
   */
  askScan(
    session: Session, command: Command, frame: Frame, run: ScanRun,
    done: (replies: readonly (ReplyBytes | null)[]) => void,
  ): boolean;
}

export class ScansAcross implements ReplyTarget {
  readonly resp = 2;
  readonly #shard: Shard;
  readonly #executor: Executor;
  readonly #origin: Origin;
  readonly #gate: LockGate;
  readonly #asker: ScanAsker;
  readonly #frame: ArgFrame;
  readonly #client = new AskingClient();
  readonly #sink: RespSink;
  /** What the own shard answers. */
  #own: ReplyBytes;

  constructor(worker: Worker, origin: Origin, asker: ScanAsker) {
    const { shard, executor, chunks } = worker;
    this.#shard = shard;
    this.#executor = executor;
    this.#origin = origin;
    this.#gate = origin.gate;
    this.#asker = asker;
    this.#client.flags = ClientFlag.Internal;
    this.#frame = new ArgFrame(shard.memory, this.#client);
    this.#sink = new RespSink(shard.memory, chunks, this, Infinity);
    this.#own = new ReplyBytes(shard.memory);
  }

  /**
   * Begins the SCAN in the frame; its session owes nothing and is owed nothing. One that came in by
   * the port of this worker alone walks its keys alone.
   * @returns as Coordination.begin
   */
  begin(session: Session, command: Command, frame: Frame): number {
    if (command.parse(frame) !== null) return Step.Here;
    if (!this.#asker.hasRoom(this.#shard.count)) return Step.Hold;
    const window = this.#origin.replies.windowFor(session);
    const place = window.addPending(-1, false, session.isMuted, false);
    const only = session.isOfNode ? this.#shard.index : -1;
    const run = new ScanRun(this.#shard, window, place, frame, only);
    const isOwn = shardOfCursor(run.cursor) === this.#shard.index;
    if (isOwn && !run.isOver && this.#gate.isOpen) this.#walkOwn(run, command, session.db);
    this.#goOn(run, command);
    return Step.Sent;
  }

  #walkOwn(run: ScanRun, command: Command, db: number): void {
    const isBound = this.#bind(run, true, (frame) => {
      this.#client.db = db;
      this.#client.workerIndex = this.#shard.index;
      this.#client.window = run.window.index;
      this.#sink.begin(this);
      const outcome = this.#executor.run(command, frame, this.#sink);
      assert(outcome === Outcome.Done, 'what must not pause runs');
      this.#sink.flush();
    });
    const own = this.#own;
    this.#own = new ReplyBytes(this.#shard.memory);
    const replies = new Array<ReplyBytes | null>(this.#shard.count).fill(null);
    replies[this.#shard.index] = own;
    if (isBound) run.take(replies);
    own.free();
  }

  /** The next round, or the reply. */
  #goOn(run: ScanRun, command: Command): void {
    const { session } = run.window;
    let isAsked = false;
    if (session !== null && !run.isOver) {
      this.#bind(run, false, (frame) => {
        isAsked = this.#asker.askScan(session, command, frame, run, (replies) => {
          run.take(replies);
          this.#goOn(run, command);
        });
      });
      // With nothing gathered there may be no cursor that leads on.
      if (!isAsked && run.rounds === 1) run.fail(replyErrors.arenaFull);
    }
    if (!isAsked) this.#answer(run);
  }

  #answer(run: ScanRun): void {
    const { keys, keyCount, cursor, error } = run;
    this.#origin.replies.reply(run.window, run.place, (sink, session) => {
      if (keys.isLost) {
        session.loseOutput('no memory is left for its reply');
      } else if (error !== null) {
        sink.error(error);
      } else {
        sink.array(2);
        sink.bulkText(String(cursor));
        sink.array(keyCount);
        sink.bulkPiece(keys.at, keys.bytes);
      }
    });
    keys.free();
  }

  /** Calls with the command of the next round in the frame. @returns false without memory */
  #bind(run: ScanRun, isAlone: boolean, use: (frame: Frame) => void): boolean {
    const { low, lowAllocator } = this.#shard.memory;
    const words = run.next(isAlone);
    const ref = lowAllocator.alloc(words.reduce((bytes, word) => bytes + word.length, 0));
    if (ref === 0) {
      run.fail(replyErrors.arenaFull);
      return false;
    }
    const at = new Int32Array(words.length);
    const bytes = new Int32Array(words.length);
    let next = ref * 8;
    for (const [i, word] of words.entries()) {
      low.set(word, next);
      at[i] = next;
      bytes[i] = word.length;
      next += word.length;
    }
    this.#frame.bind(at, bytes, words.length);
    use(this.#frame);
    lowAllocator.free(ref);
    return true;
  }

  // ------------------------------------------------------------------ answers of the own shard

  sendRange(_chunk: ReplyChunk, at: number, bytes: number): boolean {
    this.#own.add(at, bytes);
    return true;
  }

  lendRange(): void {
    assert(false, 'keys are copied');
  }

  loseOutput(): void {
    this.#own.isLost = true;
  }
}
