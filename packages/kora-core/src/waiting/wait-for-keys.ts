/**
 * What a command that waits does when it found nothing: it becomes a waiter, where its client may
 * wait, and answers nothing now. Nobody waits within EXEC, and no client does that nobody hands a
 * later reply: there the command answers what it answers when its time is over.
 */
import { assert } from '../assert.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { ClientState } from '../command/client-state.ts';
import { ClientFlag } from '../command/client-state.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { ReplyError } from '../errors/reply-error.ts';
import type { Shard } from '../shard/shard.ts';

/** True when commands of the client may wait now. */
export function mayWait(client: ClientState): boolean {
  return client.waitHost !== null && (client.flags & ClientFlag.InExec) === 0;
}

/** The command waits for all its keys, or the error why it cannot is its reply. Its client may. */
export function waitForKeys(
  shard: Shard, command: Command, frame: ArgFrame, out: ReplySink,
): void {
  const { client } = frame;
  const { waiting } = command;
  const host = client.waitHost;
  assert(waiting !== null && host !== null, 'who waits says how, and has a host');
  const timeoutMs = waiting.timeoutMs(frame);
  assert(typeof timeoutMs === 'number' && timeoutMs >= 0, 'the time-out was checked');
  const untilMs = timeoutMs === 0 ? Infinity : shard.nowMs + timeoutMs;
  const first = waiting.firstKey(frame);
  const keyCount = waiting.keyCount(frame);
  const keys = keyCount === 1 ? [first] : Array.from({ length: keyCount }, (_, i) => first + i);
  const waiter = shard.waiting.add(command, frame, host, keys, untilMs);
  if (waiter instanceof ReplyError) {
    out.error(waiter);
    return;
  }
  client.waiter = waiter;
  host.begin(waiter);
}
