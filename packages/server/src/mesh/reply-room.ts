/**
 * Memory for the reply of a command that takes something out of a key for another worker, kept
 * before anything is taken: BLPOP and its kin that find an element at once. Without it the command
 * answers so and has changed nothing. How long the reply can be its entry says (`replyBytes` of
 * command/waiting-form.ts), as for those who have waited.
 * Cost: a look at the key that would be served.
 */
import type { ArgFrame, Command, Executor, Shard } from '@kora/core';
import { Outcome, ReplyError } from '@kora/core';
import type { RespSink } from '../resp-sink.ts';

const noReplyRoom = new ReplyError('OOM no memory is left for the reply');

/** Runs the command in the frame, unless there is no memory for what it would take now. */
export function runWithRoom(
  executor: Executor, shard: Shard, command: Command, frame: ArgFrame, sink: RespSink,
): number {
  if (!keepRoom(shard, command, frame, sink)) {
    sink.error(noReplyRoom);
    shard.stats.countCall(command.index);
    return Outcome.Done;
  }
  const outcome = executor.run(command, frame, sink);
  sink.letGo();
  return outcome;
}

/** Keeps memory for the reply; false: there is none. */
function keepRoom(
  shard: Shard, command: Command, frame: ArgFrame, sink: RespSink,
): boolean {
  const { waiting } = command;
  // What does not parse answers an error.
  if (waiting === null || command.parse(frame) !== null) return true;
  const first = waiting.firstKey(frame);
  const end = first + waiting.keyCount(frame);
  for (let key = first; key < end; key++) {
    const ref = shard.keyspace.peek(frame, key);
    if (ref === 0) continue;
    // A key of another type is an error too.
    if (!shard.keyspace.isType(ref, waiting.type)) return true;
    if (!waiting.isServable(shard, frame, key)) continue;
    return sink.reserve(waiting.replyBytes(shard, frame, key, ref));
  }
  return true;
}
