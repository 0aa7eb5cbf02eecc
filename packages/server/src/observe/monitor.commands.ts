/**
 * MONITOR. What a monitor sees and how it gets there is in monitors.ts.
 */
import type { Command } from '@kora/core';
import { ClientFlag, defineCommand, Flag, reply, ReplyError } from '@kora/core';
import { Session } from '../session.ts';

const notHere = new ReplyError("ERR MONITOR isn't allowed for DENY BLOCKING client");

export const monitor = defineCommand({
  name: 'MONITOR', group: 'server', since: '1.0.0',
  summary: 'Shows this connection every command that clients send, as it is run.',
  complexity: 'O(1); every command afterwards costs a line for each monitor.',
  arity: 1,
  flags: Flag.Admin | Flag.NoScript | Flag.Loading | Flag.Stale,
  acl: [],
  keys: [],
  args: {},
  reply: reply.ok('lines follow as status replies, until RESET or the end of the connection'),
  examples: [],
  apply(_shard, frame, out) {
    const { client } = frame;
    if (!(client instanceof Session) || (client.flags & ClientFlag.InExec) !== 0) {
      out.error(notHere);
      return;
    }
    client.worker.monitors.join(client);
    out.ok();
  },
});

/** Entries of monitoring. */
export const monitorCommands: readonly Command[] = [monitor];
