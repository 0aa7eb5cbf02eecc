/**
 * Counters of one shard that INFO, CONFIG RESETSTAT and the console read. Doubles in one typed
 * array: exact below 2^53, never an allocation, and ready to lie in shared memory later.
 * Per-command counters are indexed by the command's place in the registry.
 */
import { ERROR_PREFIX_COUNT_MAX } from '../limits.ts';

/** Places in Statistics.counts. */
export const Stat = Object.freeze({
  Commands: 0,
  KeyspaceHits: 1,
  KeyspaceMisses: 2,
  ExpiredKeys: 3,
  EvictedKeys: 4,
  ErrorReplies: 5,
  ExpiredStalePerc: 6,
  ExpireCycleSlices: 7,
  EvictionExceededUs: 8,
  PeakUsedBytes: 9,
  EvacuatedEntries: 10,
  LazyFreedObjects: 11,
  Connections: 12,
  RejectedConnections: 13,
  InputBytes: 14,
  OutputBytes: 15,
  OutputLimitDisconnections: 16,
  QueryLimitDisconnections: 17,
  UnexpectedErrors: 18,
  EvictedClients: 19,
  /** Fields of hashes whose time came, or that were given a deadline in the past. */
  ExpiredSubkeys: 20,
  Count: 32,
} as const);

/** Longer first words of errors are counted in all only: DEBUG ERROR can make any. */
const ERROR_PREFIX_CHARACTERS_MAX = 64;

/** Per-command counters: calls, microseconds, rejected and failed calls. */
export class Statistics {
  readonly counts = new Float64Array(Stat.Count);
  calls: Float64Array;
  microseconds: Float64Array;
  rejected: Float64Array;
  failed: Float64Array;
  /** Error replies by prefix (`ERR`, `WRONGTYPE`...), bounded. */
  readonly errors = new Map<string, number>();

  constructor(commandCount: number) {
    this.calls = new Float64Array(commandCount);
    this.microseconds = new Float64Array(commandCount);
    this.rejected = new Float64Array(commandCount);
    this.failed = new Float64Array(commandCount);
  }

  /** Adds to one of the counters of {@link Stat}. */
  add(place: number, count: number): void {
    this.counts[place] = (this.counts[place] ?? 0) + count;
  }

  /** Counts a call that no executor runs; or, by -1, takes one back that was counted elsewhere. */
  countCall(index: number, by = 1): void {
    this.calls[index] = (this.calls[index] ?? 0) + by;
    this.counts[Stat.Commands] = (this.counts[Stat.Commands] ?? 0) + by;
  }

  /** Counts one error reply by its prefix. */
  countError(prefix: string): void {
    this.counts[Stat.ErrorReplies] = (this.counts[Stat.ErrorReplies] ?? 0) + 1;
    const known = this.errors.get(prefix);
    const isFull = this.errors.size >= ERROR_PREFIX_COUNT_MAX;
    if (known === undefined && (isFull || prefix.length > ERROR_PREFIX_CHARACTERS_MAX)) return;
    this.errors.set(prefix, (known ?? 0) + 1);
  }

  /** CONFIG RESETSTAT. The memory peak stays, as in Redis. */
  reset(): void {
    const peak = this.counts[Stat.PeakUsedBytes] ?? 0;
    this.counts.fill(0);
    this.counts[Stat.PeakUsedBytes] = peak;
    this.calls.fill(0);
    this.microseconds.fill(0);
    this.rejected.fill(0);
    this.failed.fill(0);
    this.errors.clear();
  }
}
