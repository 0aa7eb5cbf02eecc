/**
 * Events of the key space in the order in which they happened, whichever workers published them:
 * who publishes one takes a number for each worker that it goes to, at that moment, and the worker
 * gives them to its connections in the order of these numbers.
 *   its turn ──▶ delivered, and those behind it that are here      else ──▶ held
 * Whoever took a number sends what it was for before it does anything else, so none is missing for
 * longer than a turn of its worker lasts. HELD_EVENTS_MAX bounds what waits meanwhile: beyond it
 * order is given up, and what comes late is delivered when it comes.
 * Who changes subscriptions waits for all that is held by then, so that whether an event concerns
 * somebody depends on when it came and not on when its turn is.
 * Numbers are compared modulo 2^32.
 * Cost: a comparison an event; one that is early lies in a map.
 */

/** Events that wait for earlier ones. */
export const HELD_EVENTS_MAX = 65_536;

export class EventOrder<Event> {
  readonly #deliver: (event: Event) => void;
  readonly #heldMax: number;
  /** Early ones by number; null: it was lost on its way. */
  readonly #held = new Map<number, Event | null>();
  /** The number whose turn it is, and that behind all that are here. */
  #next = 0;
  #end = 0;
  /** What is done when the turn of a number has come, the first first. */
  readonly #deferred: { readonly at: number; readonly action: () => void }[] = [];

  /** @param heldMax another bound, for tests */
  constructor(deliver: (event: Event) => void, heldMax = HELD_EVENTS_MAX) {
    this.#deliver = deliver;
    this.#heldMax = heldMax;
  }

  /** Events that wait. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** The place behind all events that are here. */
  get end(): number {
    return this.#end;
  }

  /** True when all events before a place have had their turn. */
  hasReached(end: number): boolean {
    return ((this.#next - end) | 0) >= 0;
  }

  /** Does something when all events that are here have had their turn. */
  defer(action: () => void): void {
    if (this.#held.size === 0) action();
    else this.#deferred.push({ at: this.#end, action });
  }

  /**
   * Takes an event, or word that it was lost.
   * @param make the event, valid now; with `true`, one that may be kept
   */
  take(number: number, make: ((isKept: boolean) => Event) | null): void {
    const ahead = (number - this.#next) | 0;
    if (((number - this.#end) | 0) >= 0) this.#end = (number + 1) | 0;
    if (ahead > 0) {
      this.#held.set(number | 0, make === null ? null : make(true));
      if (this.#held.size > this.#heldMax) this.#giveUp();
      return;
    }
    if (make !== null) this.#deliver(make(false));
    if (ahead < 0) return;
    this.#next = (this.#next + 1) | 0;
    this.#goOn();
  }

  #goOn(): void {
    this.#doDeferred();
    while (this.#held.size > 0) {
      const event = this.#held.get(this.#next);
      if (event === undefined) return;
      this.#held.delete(this.#next);
      this.#next = (this.#next + 1) | 0;
      if (event !== null) this.#deliver(event);
      this.#doDeferred();
    }
  }

  #doDeferred(): void {
    for (let first = this.#deferred[0]; first !== undefined; first = this.#deferred[0]) {
      if (!this.hasReached(first.at)) return;
      this.#deferred.shift();
      first.action();
    }
  }

  /** The first that is here has its turn. */
  #giveUp(): void {
    let least = 0x7fff_ffff;
    for (const number of this.#held.keys()) least = Math.min(least, (number - this.#next) | 0);
    this.#next = (this.#next + least) | 0;
    this.#goOn();
  }
}
