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
import type { StepPlan } from './part-planner.ts';
import type { QueuedFrame } from './queued-frame.ts';
import { endOfValue } from './resp-values.hot.ts';

const MINUS = 0x2d;
/** `_`, null in RESP3. */
const NULL3 = 0x5f;

type Replies = readonly (ReplyRange | null)[];

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
    const { low } = this.#shard.memory;
    const positions = replies.map((reply) => reply?.at ?? 0);
    sink.array(steps.length);
    queue?.rewind();
    for (const step of steps) {
      queue?.next();
      if (step.shards === 0) {
        if (queue !== null) this.#runHere(session, step.command, queue, sink);
        continue;
      }
      const reply = isOfOneShard(step) ? replies[31 - Math.clz32(step.shards)] : null;
      if (reply !== null && reply !== undefined) {
        const shard = 31 - Math.clz32(step.shards);
        const at = positions[shard] ?? 0;
        const end = endOfValue(low, at, reply.at + reply.bytes);
        positions[shard] = end;
        sink.bulkPiece(at, end - at);
        continue;
      }
      const ranges = replies.map((reply, shard) => {
        if (reply === null || (step.shards & (1 << shard)) === 0) return null;
        const at = positions[shard] ?? 0;
        const end = endOfValue(low, at, reply.at + reply.bytes);
        positions[shard] = end;
        return { at, bytes: end - at };
      });
      this.writeStep(step, ranges, sink);
    }
    applyFlags(session);
  }

  /** A command of an EXEC that concerns no shard: PING, SELECT, or one that does not fit. */
  #runHere(session: Session, command: Command, queue: CommandQueue, sink: RespSink): void {
    this.#queued.take(queue, session);
    session.flags |= ClientFlag.InMulti | ClientFlag.InExec;
    this.#executor.runAdmitted(command, this.#queued.frame, sink);
    session.flags &= ~(ClientFlag.InMulti | ClientFlag.InExec);
    this.#queued.leave();
  }

  /** The reply of one command; `replies` by shard, null where a shard had no part of it. */
  writeStep(step: StepPlan | undefined, replies: Replies, sink: RespSink): void {
    assert(step !== undefined, 'a transaction has a command');
    const { reach } = step;
    assert(reach !== null, 'what shards have run has a reach');
    const present = replies.filter((reply) => reply !== null);
    const [first] = present;
    if (step.leader !== undefined) {
      const reply = replies[step.leader] ?? null;
      assert(reply !== null, 'a leader answers');
      sink.bulkPiece(reply.at, reply.bytes);
    } else if (step.process !== undefined) {
      const { rule, words } = step.process;
      rule.merge({ shard: this.#shard, words, replies: present }, sink);
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
  const isOne = (shards & (shards - 1)) === 0;
  return isOne && keys.count === 0 && leader === undefined && process === undefined;
}

function isNull(low: Uint8Array, at: number): boolean {
  return low[at + 1] === MINUS || low[at] === NULL3;
}

/** What the connection's own commands within EXEC asked of it. */
function applyFlags(session: Session): void {
  if ((session.flags & ClientFlag.ReplySkip) !== 0) {
    session.flags &= ~ClientFlag.ReplySkip;
    session.isSkippingNext = true;
  }
  if ((session.flags & ClientFlag.CloseAfterReply) !== 0) session.endsAfterReplies = true;
}
