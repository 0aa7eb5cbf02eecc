/**
 * Where every element is: those that were put into the data, those that clients were told they have
 * taken, and those that are there at the end. What a client never heard of may have happened or
 * not; what was taken for a client that is gone may be gone with it, so many elements of a kind.
 */

/** All elements begin so, and with the letter of their kind: `#e1` a list's, `#m1`, `#x1`. */
const ELEMENT = /^\$(#[emx]\w+)$/;

export class Ledger {
  readonly #added = new Map<string, number>();
  readonly #maybeAdded = new Map<string, number>();
  readonly #taken = new Map<string, number>();
  /** Elements that may have been taken for somebody who is gone, by kind. */
  readonly #maybeTaken = new Map<string, number>();

  add(elements: readonly string[]): void {
    for (const element of elements) increase(this.#added, element);
  }

  /** It is not known whether they were added. */
  mayAdd(elements: readonly string[]): void {
    for (const element of elements) increase(this.#maybeAdded, element);
  }

  take(elements: readonly string[]): void {
    for (const element of elements) increase(this.#taken, element);
  }

  /** So many elements of a kind may have been taken by somebody who was not told. */
  mayTake(kind: string, count: number): void {
    increase(this.#maybeTaken, kind, count);
  }

  /** @param present elements that are there @returns what is wrong, null when nothing is */
  verdict(present: readonly string[]): string | null {
    const found = new Map(this.#taken);
    for (const element of present) increase(found, element);
    const lost = new Map<string, string[]>();
    for (const element of new Set([...found.keys(), ...this.#added.keys()])) {
      const count = found.get(element) ?? 0;
      const added = this.#added.get(element) ?? 0;
      const most = added + (this.#maybeAdded.get(element) ?? 0);
      if (count > most) return `${element} was added ${most} times and found ${count} times`;
      const kind = element.slice(0, 2);
      for (let left = added - count; left > 0; left--) {
        lost.set(kind, [...lost.get(kind) ?? [], element]);
      }
    }
    for (const [kind, elements] of lost) {
      const most = this.#maybeTaken.get(kind) ?? 0;
      if (elements.length <= most) continue;
      return `lost: ${elements.join(' ')}; ${most} may have gone with clients that are gone`;
    }
    return null;
  }
}

/** All elements in a reply. */
export function elementsIn(reply: unknown): string[] {
  if (typeof reply === 'string') {
    const found = ELEMENT.exec(reply)?.[1];
    return found === undefined ? [] : [found];
  }
  return Array.isArray(reply) ? reply.flatMap(elementsIn) : [];
}

function increase(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}
