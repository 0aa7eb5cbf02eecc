/**
 * Which requests of a connection may be answered by something else than their own run: their
 * replies tell of changes that HeldReplies cannot see when it is given them. A worker among others
 * says so as it passes them on; so does one that has run a change itself, whose reply leaves with
 * those of others, behind what may have been sent meanwhile (Requests).
 */
import type { Command } from '@kora/core';
import { Flag } from '@kora/core';
import type { Session } from '../session.ts';
import type { RoomStore } from './room-store.ts';

/** True for a command that may change something, or run others that do. */
function mayChange({ flags }: Command): boolean {
  return (flags & Flag.ReadOnly) === 0;
}

/** Another shard answers the session's command. */
export function noteSent(
  store: RoomStore | null, session: Session, command: Command | undefined,
): void {
  if (store === null || command === undefined) return;
  if (mayChange(command)) store.noteAsked(session.slot);
}

/** Some shards answer the first `count` of these. */
export function noteBurst(
  store: RoomStore | null, session: Session, commands: readonly Command[], count: number,
): void {
  if (store === null) return;
  for (let i = 0; i < count; i++) {
    const command = commands[i];
    if (command === undefined || !mayChange(command)) continue;
    store.noteAsked(session.slot);
    return;
  }
}
