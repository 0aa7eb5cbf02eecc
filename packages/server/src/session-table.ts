/**
 * The live sessions of a worker, by slot and by client id. Bounded by `maxclients`: the worker
 * refuses beyond it.
 * A session that is being closed keeps its slot until the engine lets go, but is no longer counted
 * or listed.
 */
import type { Session } from './session.ts';

export class SessionTable {
  readonly #bySlot: (Session | undefined)[] = [];
  readonly #byId = new Map<number, Session>();
  #closingCount = 0;

  /** Sessions that run commands. */
  get count(): number {
    return this.#byId.size - this.#closingCount;
  }

  /** Sessions whose connection has not gone yet although they were closed. */
  get closingCount(): number {
    return this.#closingCount;
  }

  add(session: Session): void {
    this.#bySlot[session.slot] = session;
    this.#byId.set(session.id, session);
  }

  /** Called once when a session begins to close. */
  noteClosing(): void {
    this.#closingCount++;
  }

  /** Called when the connection is gone; the session is closing by then. */
  remove(session: Session): void {
    this.#bySlot[session.slot] = undefined;
    if (this.#byId.delete(session.id)) this.#closingCount--;
  }

  atSlot(slot: number): Session | undefined {
    return this.#bySlot[slot];
  }

  /** An open session by its client id. */
  byId(id: number): Session | undefined {
    const session = this.#byId.get(id);
    return session?.isClosing === true ? undefined : session;
  }

  /**
   * All sessions, oldest first, closing ones too. The table may change while the result is walked.
   */
  all(): Session[] {
    return [...this.#byId.values()];
  }

  /** As all, one after the other without a copy: sessions that go meanwhile may be left out. */
  each(): Iterable<Session> {
    return this.#byId.values();
  }

  /** The sessions that run commands, oldest first. */
  open(): Session[] {
    return this.all().filter((session) => !session.isClosing);
  }
}
