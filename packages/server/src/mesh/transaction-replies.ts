/**
 * Writes the reply of a finished transaction: what its shards have answered, put together by the
 * rules of its commands, and, within EXEC, what the connection runs itself (PING, SELECT).
 */
import type { Command, CommandQueue, Executor, Shard } from '@kora/core';
import { assert, ClientFlag, Merge } from '@kora/core';
import type { RespSink } from '../resp-sink.ts';
import type { Session } from '../session.ts';
import type { ReplyRange } from './merge-replies.ts';
import { joinArrays, mergeReplies } from './merge-replies.ts';
import type { QueuedFrame } from './queued-frame.ts';
import { endOfValue } from './resp-values.hot.ts';
import { joinScans } from './scan-replies.ts';
import type { StepPlan } from './step-plan.ts';

const MINUS = 0x2d;
/** `_`, null in RESP3. */
const NULL3 = 0x5f;

type Replies = readonly (ReplyRange | null)[];

/** What every shard has answered, value after value: the offset of its next one, and of the end. */
export interface ReplyStreams {
  readonly at: number[];
  readonly end: readonly number[];
}

/** Streams from the first value on. */
export function openStreams(replies: Replies): ReplyStreams {
  return {
    at: replies.map((reply) => reply?.at ?? 0),
    end: replies.map((reply) => (reply === null ? 0 : reply.at + reply.bytes)),
  };
}

export class TransactionReplies {
  readonly #shard: Shard;
  readonly #executor: Executor;
  readonly #queued: QueuedFrame;

  constructor(shard: Shard, executor: Executor, queued: QueuedFrame) {
    this.#shard = shard;
    this.#executor = executor;
    this.#queued = queued;
  }

  /** The replies of an EXEC: one after the other from the shard that ran the command. */
  writeExec(
    steps: readonly StepPlan[], queue: CommandQueue | null, session: Session, replies: Replies,
    sink: RespSink,
  ): void {
    const streams = openStreams(replies);
    sink.array(steps.length);
    queue?.rewind();
    for (const step of steps) {
      queue?.next();
      if (step.shards !== 0) this.writeNext(step, streams, sink);
      else if (queue !== null) this.runHere(session, step.command, queue, sink);
    }
    this.applyFlags(session);
  }

  /** The reply of the next command, taken from the streams of the shards that ran it. */
  writeNext(step: StepPlan, streams: ReplyStreams, sink: RespSink): void {
    const shards = step.leader < 0 ? step.shards : 1 << step.leader;
    if (isOfOneShard(step)) {
      const { at, bytes } = this.#take(streams, 31 - Math.clz32(shards));
      sink.bulkPiece(at, bytes);
      return;
    }
    const ranges = streams.at.map((_, shard) =>
      ((shards & (1 << shard)) === 0 ? null : this.#take(streams, shard)));
    this.writeStep(step, ranges, sink);
  }

  /** The next value of a shard. */
  #take({ at, end }: ReplyStreams, shard: number): ReplyRange {
    const from = at[shard] ?? 0;
    const to = endOfValue(this.#shard.memory.low, from, end[shard] ?? 0);
    at[shard] = to;
    return { at: from, bytes: to - from };
  }

  /** A command of an EXEC that concerns no shard: PING, SELECT, or one that does not fit. */
  runHere(session: Session, command: Command, queue: CommandQueue, sink: RespSink): void {
    this.#queued.take(queue, session);
    session.flags |= ClientFlag.InMulti | ClientFlag.InExec;
    this.#executor.runAdmitted(command, this.#queued.frame, sink);
    session.flags &= ~(ClientFlag.InMulti | ClientFlag.InExec);
    this.#queued.leave();
  }

  /** What the connection's own commands within EXEC asked of it. */
  applyFlags(session: Session): void {
    this.#executor.tap?.onExec(session);
    if ((session.flags & ClientFlag.ReplySkip) !== 0) {
      session.flags &= ~ClientFlag.ReplySkip;
      session.isSkippingNext = true;
    }
    if ((session.flags & ClientFlag.CloseAfterReply) !== 0) session.endsAfterReplies = true;
  }

  /** The reply of one command; `replies` by shard, null where a shard had no part of it. */
  writeStep(step: StepPlan | undefined, replies: Replies, sink: RespSink): void {
    assert(step !== undefined, 'a transaction has a command');
    const { reach } = step;
    assert(reach !== null, 'what shards have run has a reach');
    // Others may take part without a command.
    const present = replies.filter((reply, shard): reply is ReplyRange =>
      reply !== null && (step.shards & (1 << shard)) !== 0);
    const [first] = present;
    if (step.leader >= 0) {
      const reply = replies[step.leader] ?? null;
      assert(reply !== null, 'a leader answers');
      sink.bulkPiece(reply.at, reply.bytes);
    } else if (step.process !== null) {
      const { rule, words, only } = step.process;
      rule.merge({ shard: this.#shard, words, replies: present, only }, sink);
    } else if (step.keys.count === 0 && present.length === 1 && first !== undefined) {
      sink.bulkPiece(first.at, first.bytes);
    } else if (reach.merge === Merge.Special) {
      this.#writeSpecial(step.command, replies, sink);
    } else {
      mergeReplies(this.#shard.memory, reach, step.keys, replies, sink);
    }
  }

  /** Commands whose replies are no sum and no list by key. */
  #writeSpecial(command: Command, replies: Replies, sink: RespSink): void {
    const { low } = this.#shard.memory;
    if (command.name === 'scan') {
      joinScans(low, replies, sink);
      return;
    }
    if (command.name !== 'randomkey') {
      joinArrays(low, replies, sink);
      return;
    }
    // Slots are dealt out evenly, so every shard is as likely to hold the key.
    const filled = replies.filter((reply) => reply !== null && !isNull(low, reply.at));
    const chance = this.#shard.platform.chance.next32() >>> 0;
    const chosen = filled[chance % Math.max(filled.length, 1)] ?? null;
    if (chosen === null) sink.null();
    else sink.bulkPiece(chosen.at, chosen.bytes);
  }
}

/** Its reply is the one of its shard as it is. */
function isOfOneShard({ shards, keys, leader, process }: StepPlan): boolean {
  if (leader >= 0) return true;
  return (shards & (shards - 1)) === 0 && keys.count === 0 && process === null;
}

function isNull(low: Uint8Array, at: number): boolean {
  return low[at + 1] === MINUS || low[at] === NULL3;
}
