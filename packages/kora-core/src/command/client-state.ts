/**
 * What the engine knows about whoever sends commands: the selected database, the RESP version,
 * names and flags. The server's Session extends it; the embedded engine has one per connection
 * object. Commands reach it as `frame.client`. It owns no bytes and no socket.
 */
import type { CommandQueue } from '../transaction/command-queue.ts';
import type { SearchHost } from '../types/vector-set/parked-searches.ts';
import type { Waiter, WaitHost } from '../waiting/waiter.ts';

/** Bits of ClientState.flags. */
export const ClientFlag = Object.freeze({
  /** CLIENT NO-EVICT ON: never cut to save client memory. */
  NoEvict: 1 << 0,
  /** CLIENT NO-TOUCH ON: reads do not change the access field of keys. */
  NoTouch: 1 << 1,
  /** Replies are switched off (CLIENT REPLY OFF). */
  ReplyOff: 1 << 2,
  /** The next reply is skipped (CLIENT REPLY SKIP, second half). */
  ReplySkip: 1 << 3,
  /** The connection ends after the replies so far. */
  CloseAfterReply: 1 << 4,
  /** Runs inside the engine (replay, loading): never refused by memory, password or pause. */
  Internal: 1 << 5,
  /** Between MULTI and EXEC: commands are queued. */
  InMulti: 1 << 6,
  /** A command was refused since MULTI: EXEC will run nothing. */
  AbortsExec: 1 << 7,
  /** The commands of its EXEC run: the gate has let all of them in, and none may wait. */
  InExec: 1 << 8,
  /** It has subscribed to something: in RESP2 it may do little else. */
  Subscribed: 1 << 9,
  /** CLIENT TRACKING: the shard remembers which keys its reads look up. */
  Tracks: 1 << 10,
  /** CLIENT CACHING was said, and holds for the next command or transaction. */
  CachingSaid: 1 << 11,
  /** MONITOR: it sees what others do, and may not touch keys. */
  Monitor: 1 << 12,
});

/** Identity and protocol state of one source of commands. */
export class ClientState {
  readonly id: number;
  /** Selected database. */
  db = 0;
  /** RESP version of replies, 2 or 3. */
  resp = 2;
  /** Bits of ClientFlag. */
  flags = 0;
  /** False until AUTH or HELLO AUTH succeeded, when a password is set. */
  isAuthenticated = true;
  name = '';
  user = 'default';
  /** The commands since MULTI; null before the first. */
  queue: CommandQueue | null = null;
  /** Its number in the shard's watch table, 0 = it watches nothing. */
  watcher = 0;
  /** Its number among those who track keys (tracking/tracking-layout.ts), 0 = it does not. */
  tracker = 0;
  /** Who hands it replies that come later; null: its commands never wait. */
  waitHost: WaitHost | null = null;
  /** Who hands it replies of searches that threads make; null: they are made at once. */
  searchHost: SearchHost | null = null;
  /** Its command that waits for keys, null when none does. Its host clears it. */
  waiter: Waiter | null = null;

  constructor(id: number) {
    this.id = id;
  }

  /** Where it is connected from, as CLIENT LIST shows it; empty where there is no such thing. */
  get address(): string {
    return '';
  }
}
