/**
 * One command that waits, as the simulator follows it: what was asked, where it stands in the
 * workers, and what became of it. A command waits *freely* while nobody has taken it and nothing
 * stops it: whatever makes one of its keys ready has to go to it, and its end must cost nothing.
 */
import type { Waiter } from '@kora/core';

/** What a command waits for; those of one kind want the same of a key. */
export type WaitKind = 'list' | 'zset' | 'group' | 'stream' | 'gone';

/** Kinds of which who waits longest is served first. */
export const QUEUED_KINDS: ReadonlySet<WaitKind> = new Set(['list', 'zset', 'group']);

/** State of a claim word (mesh/claims.ts). */
const STATE_MASK = 3;
const STATE_TAKEN = 2;

/** Where a command that waits for keys of other workers has its claim word. */
export interface ClaimPlace {
  readonly origin: number;
  readonly handle: number;
  /** Byte offset in the memory of the origin. */
  readonly at: number;
  /** The word while nobody has taken it. */
  readonly waiting: number;
}

export interface WaitAsked {
  readonly client: string;
  readonly words: readonly string[];
  readonly kind: WaitKind;
  readonly keys: readonly string[];
  /** 0 = never. */
  readonly timeoutMs: number;
  /** Elements that it takes out of the data, at most. */
  readonly takesMax: number;
  /** The moment at which it was sent. */
  readonly askedAt: number;
}

export class BlockingOp {
  readonly asked: WaitAsked;
  /** When its time is over, ms; Infinity = never, or it has not begun. */
  untilMs = Infinity;
  /** It waits on its connection's own shard. */
  waiter: Waiter | null = null;
  claim: ClaimPlace | null = null;
  /** Shards that were asked, and those that have noted it: a bit each. */
  shards = 0;
  joined = 0;
  /** The moment at which all had noted it. */
  waitingSince = Infinity;
  /** A shard has something to move for it, which nobody who came later may have. */
  isMoving = false;
  /** It runs as one that does not wait. */
  isTrying = false;
  /** A shard has written its reply. */
  isServed = false;
  /** The connection ended while it waited freely: nothing may be gone with it. */
  hasLeftFreely = false;
  /** Who waited freely, and longer, for one of its keys when it was served. */
  overtaken: BlockingOp[] = [];

  constructor(asked: WaitAsked) {
    this.asked = asked;
  }

  /** It is asked about anew. */
  rejoin(claim: ClaimPlace): void {
    this.claim = claim;
    this.joined = 0;
    this.shards = 0;
    this.waitingSince = Infinity;
    this.isTrying = false;
  }

  /** @param wordAt an origin's word at a byte offset */
  isFree(wordAt: (worker: number, at: number) => number): boolean {
    if (this.isServed || this.isTrying) return false;
    if (this.waiter !== null) return !this.waiter.isOver;
    const { claim } = this;
    return claim !== null && wordAt(claim.origin, claim.at) === claim.waiting;
  }

  /** A shard has its claim. */
  isTaken(wordAt: (worker: number, at: number) => number): boolean {
    const { claim } = this;
    return claim !== null && (wordAt(claim.origin, claim.at) & STATE_MASK) === STATE_TAKEN;
  }

  toString(): string {
    const { client, words } = this.asked;
    return `${client} with ${words.join(' ')}`;
  }
}
