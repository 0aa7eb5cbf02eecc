/**
 * Transactions over several shards are there on all of them or on none. Each shard's log holds its
 * part of one; a log is settled up to its first part whose other parts are not all in the other
 * logs. Cutting one log there takes parts away from others, so the cuts are found by going round
 * until nothing changes: the settled fixpoint.
 * Cost: O(parts x rounds); every round but the last cuts something.
 */
/** What counts of a part: which transaction, and all its shards, a bit each. */
export interface PartOfTransaction {
  readonly transaction: number;
  readonly shards: number;
}

/** Parts of one shard's log, in the log's order. */
export interface ShardParts {
  readonly shard: number;
  readonly parts: readonly PartOfTransaction[];
}

/**
 * How many parts of each log stay.
 * @returns for each log the number of its first parts that are settled; the log ends before the
 *   next one
 */
export function settledCounts(logs: readonly ShardParts[]): number[] {
  const counts = logs.map((log) => log.parts.length);
  for (;;) {
    const present = presentShards(logs, counts);
    let hasChanged = false;
    logs.forEach((log, index) => {
      const count = counts[index] ?? 0;
      const first = log.parts.findIndex((part, at) => {
        const shards = present.get(part.transaction) ?? 0;
        return at < count && (part.shards & shards) !== part.shards;
      });
      if (first < 0) return;
      counts[index] = first;
      hasChanged = true;
    });
    if (!hasChanged) return counts;
  }
}

/** For each transaction the shards whose logs still have its part, a bit each. */
function presentShards(
  logs: readonly ShardParts[], counts: readonly number[],
): Map<number, number> {
  const present = new Map<number, number>();
  logs.forEach((log, index) => {
    for (const part of log.parts.slice(0, counts[index])) {
      present.set(part.transaction, (present.get(part.transaction) ?? 0) | (1 << log.shard));
    }
  });
  return present;
}
