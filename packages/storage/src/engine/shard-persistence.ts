/**
 * The log of a running shard and what follows from it: who may be answered, who has to wait, who
 * is refused. Whoever runs the shard calls `endTurn` after every turn and ten times a second at
 * least; nothing here waits.
 *
 *   a call changes something ─▶ EffectLog ─▶ ShardLog ─▶ disk ─▶ durable ─▶ settled ─▶ LogWords
 *
 * Settled: durable, and so are the parts of all transactions up to there on their other shards,
 * which those tell each other (`announce`, `takeParts`). While the log fails, writes are refused;
 * while it is late, they wait: this object is then the shard's barrier.
 * Cost without multi-shard transactions: O(1) a turn beside the log's own.
 */
import { Flag, logFails } from '@kora/core';
import type { Barrier, Command, ReplyError, Shard } from '@kora/core';
import type { Disk } from '../disk/disk.ts';
import { errnoText } from '../disk/errno.ts';
import { LOG_SHARE_MS } from '../limits.ts';
import { EffectLog, lowChunks } from '../log/effect-log.ts';
import type { WrittenPart } from '../log/effect-log.ts';
import type { DurablePart } from '../log/settled-tracker.ts';
import { SettledTracker } from '../log/settled-tracker.ts';
import { ShardLog } from '../log/shard-log.ts';
import type { SyncPolicy } from '../log/shard-log.ts';
import type { NextLog } from '../store/recovery.ts';
import type { LogWords } from './log-words.ts';

/** Commands that Redis refuses too, though they write nothing: a client is to notice. */
const ALSO_REFUSED: ReadonlySet<string> = new Set(['ping']);

/** How a shard's log goes on. */
export interface ShardPersistenceOptions {
  /** Loaded. */
  readonly shard: Shard;
  readonly disk: Disk;
  readonly directory: string;
  readonly next: NextLog;
  readonly policy: SyncPolicy;
  readonly words: LogWords;
  /** Anything that no earlier life of the log had, 32 bits. */
  readonly tag: number;
  /** Tokens `tokenBase` to `tokenBase + 2` of the disk are the log's. */
  readonly tokenBase?: number;
  readonly segmentBytes?: number;
  /**
   * Tells all other shards of parts of this one that are durable now.
   * @returns false: some have not been told yet, for memory is short. It is asked again soon, with
   *   what there is by then, perhaps nothing.
   */
  readonly announce?: (parts: readonly DurablePart[]) => boolean;
  /** Wakes the threads of shards, a bit each: what they wait for may have come. */
  readonly wake?: (shards: number) => void;
}

interface PendingPart extends DurablePart {
  readonly lastSequence: number;
}

/** The persistence of one shard. */
export class ShardPersistence implements Barrier {
  readonly log: ShardLog;
  readonly effects: EffectLog;
  readonly words: LogWords;
  readonly #shard: Shard;
  readonly #disk: Disk;
  readonly #tracker: SettledTracker;
  readonly #announce: (parts: readonly DurablePart[]) => boolean;
  readonly #wake: (shards: number) => void;
  /** Parts of this shard that are not durable, oldest first. */
  #pending: PendingPart[] = [];
  /** When bytes were given to the disk, and the chunk they ended in. */
  #pumpedMs = 0;
  #pumpedChunk: object | null = null;
  #errno = 0;
  #isLate = false;
  /** The other shards know of all parts that are durable. */
  #isTold = true;

  constructor(options: ShardPersistenceOptions) {
    const { shard, disk, next, words } = options;
    this.#shard = shard;
    this.#disk = disk;
    this.words = words;
    this.#announce = options.announce ?? ((): boolean => true);
    this.#wake = options.wake ?? ((): void => undefined);
    this.#tracker = new SettledTracker(words.shardCount);
    this.log = new ShardLog({
      disk, directory: options.directory, logSet: next.logSet, shard: next.shard,
      shardCount: words.shardCount, policy: options.policy, tag: options.tag,
      nextSequence: next.nextSequence, nextSegment: next.nextSegment,
      tokenBase: options.tokenBase ?? 0, allocate: lowChunks(shard.memory),
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    });
    this.effects = new EffectLog(shard, this.log);
    this.effects.publishTo(words.appendedOf(shard.index));
    words.setSettled(shard.index, this.appended);
  }

  /** Sequence of the last record of the log. */
  get appended(): number {
    return this.log.frames.nextSequence - 1;
  }
  /** Sequence of the last record that no loss of power takes, on any shard. */
  get settled(): number {
    return this.#tracker.settledSequence(this.#shard.index, this.log.durableSequence);
  }
  /** True while changes are refused, for some log of the process cannot be written. */
  get isRefusing(): boolean {
    return this.#errno !== 0;
  }
  /** True when nothing is left to be done but to wait for changes. */
  get isQuiet(): boolean {
    const { log } = this;
    return log.durableSequence === this.appended && log.failure === undefined && this.#isTold;
  }

  /** A part of a transaction over several shards was written. */
  notePart(transaction: number, shards: number, part: WrittenPart): void {
    this.#pending.push({ transaction, shards, ...part });
  }

  /** Another shard's parts are durable, in its log's order. */
  takeParts(shard: number, parts: readonly DurablePart[]): void {
    for (const part of parts) this.#tracker.partDurable(shard, part);
  }

  /** Ends a turn of the shard's thread. Where no reply waits for the disk, turns share a write. */
  endTurn(): void {
    const { log } = this;
    const nowMs = this.#shard.platform.clock.nowMs();
    const mayWait = log.policy !== 'every_write' && log.failure === undefined &&
      nowMs - this.#pumpedMs < LOG_SHARE_MS && nowMs >= this.#pumpedMs;
    if (!mayWait || log.frames.chunk !== this.#pumpedChunk) {
      this.effects.endGroup();
      // What a full chunk is followed by waits for more of it.
      if (mayWait) log.pumpFull(nowMs);
      else log.pump(nowMs);
      this.#pumpedMs = nowMs;
      this.#pumpedChunk = log.frames.chunk;
    }
    this.drain();
  }

  /** Takes what the disk has done. */
  drain(): void {
    this.#disk.drain((token, result) => {
      this.log.complete(token, result);
    });
    this.#tellParts();
    const { index } = this.#shard;
    const waiting = this.words.setSettled(index, this.settled);
    if (waiting !== 0) this.#wake(waiting);
    this.#look();
  }

  #tellParts(): void {
    const durable = this.log.durableSequence;
    let count = 0;
    while ((this.#pending[count]?.lastSequence ?? Infinity) <= durable) count++;
    if (count === 0 && this.#isTold) return;
    const parts = this.#pending.splice(0, count);
    for (const part of parts) this.#tracker.partDurable(this.#shard.index, part);
    this.#isTold = this.#announce(parts);
  }

  /**
   * Raises or takes away the barrier. Another shard's log may begin to fail after this look, in the
   * middle of a turn: what is accepted until the next one is made and logged like any change, and
   * whoever holds replies still holds them (HeldReplies), so nobody is told of it early.
   */
  #look(): void {
    const shard = this.#shard;
    const own = this.log.failure?.errno ?? 0;
    this.words.setErrno(shard.index, own);
    this.#errno = this.words.shardCount === 1 ? own : this.words.errno;
    this.#isLate = this.log.mustWait(shard.platform.clock.nowMs()) || this.#waitsForParts();
    const isNeeded = this.#errno !== 0 || this.#isLate;
    if (isNeeded && shard.barrier === null) shard.barrier = this;
    else if (!isNeeded && shard.barrier === this) shard.barrier = null;
  }

  /**
   * What others are to be told comes first, or it would have no bound. Parts of theirs are due
   * soon, but for a policy that makes nothing durable by itself.
   */
  #waitsForParts(): boolean {
    if (!this.#isTold) return true;
    return this.#tracker.isFull && this.log.policy !== 'os_managed';
  }

  refusalOf(command: Command, flags: number): ReplyError | null {
    if (this.#errno === 0) return null;
    const isRefused = (flags & Flag.Write) !== 0 || ALSO_REFUSED.has(command.name);
    return isRefused ? logFails(errnoText(this.#errno)) : null;
  }

  mustWait(flags: number): boolean {
    return this.#isLate && this.#errno === 0 && (flags & Flag.Write) !== 0;
  }

  /**
   * Ends the log with a disk that does everything at once from here on.
   * @returns false when it could not be: what is durable stays so
   */
  closeNow(): boolean {
    this.effects.close();
    this.log.close();
    for (let attempt = 0; attempt < CLOSE_TURNS_MAX && !this.log.isClosed; attempt++) {
      this.log.pump(this.#shard.platform.clock.nowMs());
      this.#disk.drain((token, result) => {
        this.log.complete(token, result);
      });
      if (this.log.failure !== undefined) return false;
    }
    return this.log.isClosed;
  }
}

/** Rounds that the end of a log may take: a buffer of full chunks, and some. */
const CLOSE_TURNS_MAX = 1000;
