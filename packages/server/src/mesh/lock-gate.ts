/**
 * Commands of one shard beside transactions of several: while slots are locked, a command that
 * touches one of them waits for its turn, and so does what its connection sends behind it. While
 * nothing is locked the gate costs one load (`isOpen`).
 *   own connection    its session is held with the request in its parser; `turn` says it may run
 *   a peer's          the request is copied out of the ring, so that others behind it go on
 */
import type { ArgFrame, Command, ParkedCommand, ParkedHost, Planner } from '@kora/core';
import { ParkedCommands, SlotLocks, WholeLock } from '@kora/core';
import type { Session } from '../session.ts';

/** A request of a peer that waits. */
export interface ParkedRequest {
  readonly peerIndex: number;
  readonly window: number;
  readonly place: number;
  readonly call: number;
  /** Number of its client among those who track keys, 0 = it does not. */
  readonly tracker: number;
  /** Block of low memory with the body of the request. */
  readonly ref: number;
}

type Parked = Session | ParkedRequest;

/** What the gate says; `full`: it has to wait and cannot be kept, ask again later. */
export type Verdict = 'run' | 'parked' | 'full';

/** Runs what waited. */
export interface LockGateHost {
  /** The session may run its request: it has to be taken up soon. */
  onTurn(session: Session): void;
  /** Runs the request of a peer and frees its block. */
  runParked(request: ParkedRequest): void;
}

/** Numbers of a peer's connections start here: window indices are below. */
const PEER_STRIDE = 2 ** 32;

export class LockGate implements ParkedHost<Parked> {
  readonly locks = new SlotLocks();
  readonly #planner: Planner;
  readonly #parked: ParkedCommands<Parked>;
  readonly #host: LockGateHost;
  readonly #me: number;
  #wanted = new Uint16Array(64);
  #wantedCount = 0;
  #whole = 0;

  constructor(planner: Planner, me: number, host: LockGateHost) {
    this.#planner = planner;
    this.#me = me;
    this.#host = host;
    this.#parked = new ParkedCommands(this.locks, this);
  }

  /** Nothing is locked: no command waits. */
  get isOpen(): boolean {
    return this.locks.count === 0;
  }

  /** Commands that wait. */
  get parkedCount(): number {
    return this.#parked.count;
  }

  /**
   * Whether the session's command runs now; what is parked will have its turn. A held session may
   * offer the same command again (a reply has come meanwhile): it is parked once.
   */
  parkOwn(session: Session, command: Command, frame: ArgFrame): Verdict {
    if (this.#parked.holds(session.id)) return 'parked';
    if (!this.#mustWait(session.id, command, frame)) return 'run';
    return this.#park(session.id, session) ? 'parked' : 'full';
  }

  /** As parkOwn, for an EXEC whose commands were told to the planner, and nothing since. */
  parkPlanned(session: Session): Verdict {
    if (this.#parked.holds(session.id)) return 'parked';
    this.#wantPlanned();
    if (!this.#conflicts(session.id)) return 'run';
    return this.#park(session.id, session) ? 'parked' : 'full';
  }

  /**
   * Whether a peer's request runs now.
   * @param copy makes the parked request; null when there is no memory to keep it
   */
  parkRequest(
    peerIndex: number, window: number, command: Command, frame: ArgFrame,
    copy: () => ParkedRequest | null,
  ): Verdict {
    const connection = connectionOf(peerIndex, window);
    if (!this.#mustWait(connection, command, frame)) return 'run';
    if (!this.#parked.hasRoom()) return 'full';
    const request = copy();
    if (request === null) return 'full';
    this.#park(connection, request);
    return 'parked';
  }

  /** The session has run the request it waited with, or will not run it any more. */
  finishTurn(session: Session): void {
    const { turn } = session;
    session.turn = null;
    if (turn !== null) this.#parked.finish(turn);
  }

  /** The connection is gone. */
  drop(session: Session): void {
    this.finishTurn(session);
    this.#parked.drop(session.id);
  }

  onReady(command: ParkedCommand<Parked>): boolean {
    const { payload } = command;
    if (payload === null) return true;
    if ('ref' in payload) {
      this.#host.runParked(payload);
      return true;
    }
    // The host gets what it gave: a parked command of this gate.
    payload.turn = command as ParkedCommand<Session>;
    this.#host.onTurn(payload);
    return false;
  }

  onDropped(): void {
    return;
  }

  #mustWait(connection: number, command: Command, frame: ArgFrame): boolean {
    const planner = this.#planner;
    planner.start();
    const fits = planner.add(command, frame);
    planner.finish();
    if (fits) {
      this.#wantPlanned();
    } else {
      this.#whole = WholeLock.None;
      this.#wantedCount = 0;
    }
    return this.#conflicts(connection);
  }

  /** The locks are those that the planner has for this shard. */
  #wantPlanned(): void {
    const planner = this.#planner;
    this.#whole = planner.wholeOf(this.#me);
    this.#wantedCount = planner.lockCountOf(this.#me);
    if (this.#wanted.length < this.#wantedCount) this.#wanted = new Uint16Array(this.#wantedCount);
    planner.copyLocks(this.#me, this.#wanted, 0);
  }

  #conflicts(connection: number): boolean {
    if (this.#parked.holds(connection)) return true;
    if (this.#whole !== WholeLock.None) {
      return this.locks.conflictsWithWhole(this.#whole === WholeLock.Exclusive);
    }
    return this.locks.conflictsWithAny(this.#wanted, 0, this.#wantedCount);
  }

  #park(connection: number, payload: Parked): boolean {
    if (this.#whole !== WholeLock.None) {
      return this.#parked.parkWhole(connection, this.#whole, payload);
    }
    return this.#parked.park(connection, this.#wanted, 0, this.#wantedCount, payload);
  }
}

function connectionOf(peerIndex: number, window: number): number {
  return (peerIndex + 1) * PEER_STRIDE + window;
}
