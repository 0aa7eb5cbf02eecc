/**
 * Connections that the worker refused and that may still be reading why. They are closed in order,
 * so that a reset does not destroy the reason; those that do not go by themselves are ended after
 * two to four seconds. Two generations: what is young becomes old, what is old is due.
 * A slot may have become another connection's meanwhile: the engine marks refused ones in its own
 * table and looks there. One that is refused on the same slot again is young again.
 * Bound: 2 * (REFUSED_COUNT_MAX + 1) slots are remembered.
 */

/** Refused connections of one generation. */
export const REFUSED_COUNT_MAX = 1024;
/** Ticks of a generation. */
const GENERATION_TICKS = 20;

const nobody: ReadonlySet<number> = new Set<number>();

export class RefusedConnections {
  #young = new Set<number>();
  #old = new Set<number>();
  #ticks = 0;

  /** Somebody was refused. @returns slots that are to be ended now, if they are still refused */
  note(slot: number): ReadonlySet<number> {
    this.#old.delete(slot);
    this.#young.add(slot);
    return this.#young.size > REFUSED_COUNT_MAX ? this.#age() : nobody;
  }

  /** @returns as `note` */
  onTick(): ReadonlySet<number> {
    this.#ticks++;
    return this.#ticks % GENERATION_TICKS === 0 ? this.#age() : nobody;
  }

  /** True while some are remembered: ticks are needed. */
  get hasAny(): boolean {
    return this.#young.size + this.#old.size > 0;
  }

  #age(): ReadonlySet<number> {
    const due = this.#old;
    this.#old = this.#young;
    this.#young = new Set<number>();
    return due;
  }
}
