/**
 * What operations over several shards did, slot by slot, and whether one order explains it all:
 * strict serializability. An operation reads or changes slots; per slot the history keeps who did
 * what in which order. The checker draws an arrow from every operation to each that has to come
 * after it (they conflict on a slot, or one had ended before the other began, or they are of one
 * connection, or the caller says so) and looks for a circle. A transaction seen half by somebody
 * makes one.
 * Cost: O(events), so thousands of operations are checked in milliseconds.
 */

/** Access of an operation to a slot of a shard. */
interface Access {
  readonly operation: number;
  readonly isWrite: boolean;
}

interface Span {
  begunAt: number;
  endedAt: number;
}

export class OrderHistory {
  readonly #slots = new Map<number, Access[]>();
  readonly #spans: Span[] = [];
  /** Order in which the operations of a connection have to appear. */
  readonly #programs = new Map<number, number[]>();
  readonly #demands: (readonly [one: number, other: number])[] = [];
  /** Begins and ends in the order in which they happened. */
  readonly #events: { readonly operation: number; readonly isEnd: boolean }[] = [];

  /**
   * A new operation of a connection, which comes after all that this connection has begun before;
   * its number.
   */
  begin(connection: number): number {
    const operation = this.#spans.length;
    this.#spans.push({ begunAt: this.#events.length, endedAt: -1 });
    this.#events.push({ operation, isEnd: false });
    const program = this.#programs.get(connection);
    if (program === undefined) this.#programs.set(connection, [operation]);
    else program.push(operation);
    return operation;
  }

  /** The client has the reply. */
  end(operation: number): void {
    const span = this.#spans[operation];
    if (span === undefined || span.endedAt >= 0) {
      throw new Error(`operation ${operation} ended twice`);
    }
    span.endedAt = this.#events.length;
    this.#events.push({ operation, isEnd: true });
  }

  /** The operation read or changed a slot, just now. */
  access(operation: number, slot: number, isWrite: boolean): void {
    const accesses = this.#slots.get(slot);
    if (accesses === undefined) this.#slots.set(slot, [{ operation, isWrite }]);
    else accesses.push({ operation, isWrite });
  }

  /** One operation has to come before the other, whatever their connections are. */
  before(one: number, other: number): void {
    this.#demands.push([one, other]);
  }

  get operationCount(): number {
    return this.#spans.length;
  }

  hasEnded(operation: number): boolean {
    return (this.#spans[operation]?.endedAt ?? -1) >= 0;
  }

  /** Writes of an operation: how often it changed each slot. */
  writesOf(operation: number): Map<number, number> {
    const writes = new Map<number, number>();
    for (const [slot, accesses] of this.#slots) {
      for (const access of accesses) {
        if (access.operation !== operation || !access.isWrite) continue;
        writes.set(slot, (writes.get(slot) ?? 0) + 1);
      }
    }
    return writes;
  }

  /** All accesses, by slot, in their order. */
  slots(): ReadonlyMap<number, readonly Access[]> {
    return this.#slots;
  }

  /** True when some order of all operations explains every slot, every connection and real time. */
  isSerializable(): boolean {
    // Beside the operations there is a node for each end: what began later comes after it.
    const nodeCount = this.#spans.length + this.#events.length;
    const arrows: number[][] = Array.from({ length: nodeCount }, () => []);
    const draw = (from: number, to: number): void => {
      if (from !== to) arrows[from]?.push(to);
    };
    for (const accesses of this.#slots.values()) drawConflicts(accesses, draw);
    for (const program of this.#programs.values()) {
      for (let i = 1; i < program.length; i++) draw(program[i - 1] ?? 0, program[i] ?? 0);
    }
    for (const [one, other] of this.#demands) draw(one, other);
    let lastEnd = -1;
    for (const [at, { operation, isEnd }] of this.#events.entries()) {
      if (!isEnd) {
        if (lastEnd >= 0) draw(lastEnd, operation);
        continue;
      }
      const node = this.#spans.length + at;
      draw(operation, node);
      if (lastEnd >= 0) draw(lastEnd, node);
      lastEnd = node;
    }
    return !hasCircle(arrows);
  }
}

function drawConflicts(
  accesses: readonly Access[], draw: (from: number, to: number) => void,
): void {
  let writer = -1;
  let readers: number[] = [];
  for (const { operation, isWrite } of accesses) {
    if (writer >= 0) draw(writer, operation);
    if (!isWrite) {
      readers.push(operation);
      continue;
    }
    for (const reader of readers) draw(reader, operation);
    readers = [];
    writer = operation;
  }
}

/** Takes away what nothing points to until nothing is left, or a circle is. */
function hasCircle(arrows: readonly (readonly number[])[]): boolean {
  const incoming = new Int32Array(arrows.length);
  for (const targets of arrows) {
    for (const target of targets) incoming[target] = (incoming[target] ?? 0) + 1;
  }
  const free = [...incoming.keys()].filter((node) => incoming[node] === 0);
  let taken = 0;
  for (let node = free.pop(); node !== undefined; node = free.pop()) {
    taken++;
    for (const target of arrows[node] ?? []) {
      const left = (incoming[target] ?? 0) - 1;
      incoming[target] = left;
      if (left === 0) free.push(target);
    }
  }
  return taken < arrows.length;
}
