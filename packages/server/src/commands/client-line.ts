/**
 * The line about one client in CLIENT LIST and CLIENT INFO: Redis's fields, in Redis's order.
 * Figures are exact where the thing exists here; those of things that do not exist yet have the
 * value an idle one would have.
 */
import type { Command } from '@kora/core';
import { ClientFlag } from '@kora/core';
import { Kind } from '@kora/pubsub';
import { REPLY_CHUNK_BYTES } from '../reply-chunks.ts';
import { Hold } from '../session.ts';
import type { Session } from '../session.ts';
import { TrackingMode } from '../tracking/session-tracking.ts';

/** @param running the command that asks, when the session is the asking one */
export function clientLine(session: Session, nowMs: number, running: Command | null): string {
  const { peer } = session;
  const command = running ?? session.lastCommand;
  const pinned = session.pinnedCount;
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', session.id],
    ['addr', peer.address],
    ['laddr', peer.localAddress],
    ['fd', peer.descriptor],
    ['name', session.name],
    ['age', Math.floor((nowMs - session.createdMs) / 1000)],
    ['idle', Math.floor((nowMs - session.lastActiveMs) / 1000)],
    ['flags', flagsOf(session)],
    ['db', session.db],
    ['sub', session.subscriber?.count(Kind.Channel) ?? 0],
    ['psub', session.subscriber?.count(Kind.Pattern) ?? 0],
    ['ssub', session.subscriber?.count(Kind.Sharded) ?? 0],
    ['multi', (session.flags & ClientFlag.InMulti) === 0 ? -1 : (session.queue?.count ?? 0)],
    ['qbuf', session.inputBytes],
    ['qbuf-free', session.inputCapacity - session.inputBytes],
    ['argv-mem', session.bigHeldBytes],
    ['multi-mem', session.queuedBytes],
    ['rbs', REPLY_CHUNK_BYTES],
    ['rbp', session.outputBytes],
    ['obl', 0],
    ['oll', pinned],
    ['omem', session.outputBytes],
    ['tot-mem', session.memoryBytes],
    ['events', pinned === 0 ? 'r' : 'rw'],
    ['cmd', command === null ? 'NULL' : command.name],
    ['user', session.user],
    ['redir', session.tracking?.redirect ?? -1],
    ['resp', session.resp],
    ['lib-name', session.libraryName],
    ['lib-ver', session.libraryVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

/** Letters as Redis has them; `N` when there is none. */
function flagsOf(session: Session): string {
  let letters = '';
  if ((session.flags & ClientFlag.Subscribed) !== 0) letters += 'P';
  if ((session.flags & ClientFlag.Monitor) !== 0) letters += 'O';
  if ((session.flags & ClientFlag.InMulti) !== 0) letters += 'x';
  if (session.hold === Hold.Waiting) letters += 'b';
  if (session.tracking !== null) letters += 't';
  if (session.tracking?.isBroken === true) letters += 'R';
  if (session.tracking?.has(TrackingMode.Broadcast) === true) letters += 'B';
  if (session.worker.shard.transactions.isTouched(session)) letters += 'd';
  if ((session.flags & ClientFlag.CloseAfterReply) !== 0) letters += 'c';
  if (session.peer.isUnixSocket) letters += 'U';
  if ((session.flags & ClientFlag.NoEvict) !== 0) letters += 'e';
  if ((session.flags & ClientFlag.NoTouch) !== 0) letters += 'T';
  return letters === '' ? 'N' : letters;
}
