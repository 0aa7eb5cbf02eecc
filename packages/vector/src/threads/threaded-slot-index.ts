/**
 * A SlotIndex whose graph threads build and search: for an owner that must not be held up. It
 * begins as an index of its owner alone; once the owner has put in all that it has (`release`), and
 * there are codes to link by, its memory is shared with the owner's threads (docs/adr/0026, 0028).
 *   alone --release, codes--> shared --a thread dies--> failed: the owner makes another
 * What is stored waits in the tail, which every search scans. Nothing here waits for room there:
 * whoever stores asks `isCrowded` between commands, and lets writers wait.
 * Invariants: a slot that a search has found is its vector's until the search is over; attributes,
 *   slots and what is deleted are the owner's alone; after a failure nothing here is believed.
 * Cost: `put` and `remove` as of a SlotIndex; `ask` about 2 us.
 */
import { E_MEMORY, E_RADIUS } from '../engine/layout.ts';
import type { GraphImage } from '../graph-image.ts';
import { EF_MAX, TAIL_COMPONENTS, TAIL_SLOTS_MAX, TAIL_SLOTS_MIN } from '../limits.ts';
import type { VectorIndexOptions } from '../options.ts';
import { SlotIndex } from '../slot-index.ts';
import { assert } from '../vector-error.ts';
import type { FilterStrategy } from '../vector-types.ts';
import { blockBytes } from './search-board.ts';
import { SearchEras } from './search-eras.ts';
import { STRATEGIES } from './slot-thread-messages.ts';
import type { SlotThreads, StillAsker } from './slot-threads.ts';

export class ThreadedSlotIndex implements StillAsker {
  private readonly inner: SlotIndex;
  private readonly threads: SlotThreads;
  private readonly tailMax: number;
  private eras: SearchEras | undefined;
  /** Number among the indexes of the threads, -1 while it is not shared. */
  private number = -1;
  private ringSize = 0;
  /** What waited when it was shared, and waits still: it does not count as a crowd. */
  private backlog = 0;
  private searchNumber = 0;
  private isReleased = false;
  private isStandingStill = false;
  private isClosed = false;

  private constructor(inner: SlotIndex, threads: SlotThreads) {
    this.inner = inner;
    this.threads = threads;
    const { dimension } = inner.segment.options;
    this.tailMax = Math.min(TAIL_SLOTS_MAX,
      Math.max(TAIL_SLOTS_MIN, Math.floor(TAIL_COMPONENTS / dimension)));
  }

  /** An empty one; null when there is no memory. @throws VectorError OPTION */
  static create(options: VectorIndexOptions, threads: SlotThreads): ThreadedSlotIndex | null {
    const inner = SlotIndex.create(options);
    return inner === null ? null : new ThreadedSlotIndex(inner, threads);
  }

  /** As SlotIndex.restoring. */
  static restoring(
    options: VectorIndexOptions, head: Uint8Array, threads: SlotThreads,
  ): ThreadedSlotIndex | null {
    const inner = SlotIndex.restoring(options, head);
    return inner === null ? null : new ThreadedSlotIndex(inner, threads);
  }

  get bytesUsed(): number { return this.inner.bytesUsed; }
  get pendingCount(): number { return this.inner.pendingCount; }
  get slotEnd(): number { return this.inner.slotEnd; }
  get levelMax(): number { return this.inner.levelMax; }
  /** True while threads link what waits: `link` wants no slices. */
  get hasThreads(): boolean { return this.number >= 0; }
  /** True when it can no longer be used. */
  get hasFailed(): boolean { return this.number >= 0 && this.threads.failure !== undefined; }

  /**
   * True while so much waits to be linked that writers had better wait. It ends when half of it is
   * linked, and the owner is told then.
   */
  isCrowded(wasCrowded: boolean): boolean {
    if (this.number < 0 || this.hasFailed) return false;
    const { tailCount, goneCount } = this.inner.segment;
    this.backlog = Math.min(this.backlog, tailCount);
    const bound = this.backlog + (wasCrowded ? this.tailMax >> 1 : this.tailMax);
    if (Math.max(tailCount, goneCount) < bound) return false;
    this.threads.askForNews(this.backlog + (this.tailMax >> 1));
    return true;
  }

  /** True when most of its slots are free and its owner had better make another. */
  get isSparse(): boolean {
    const { slotCount, liveCount } = this.inner.segment;
    return this.number >= 0 && slotCount > TAIL_SLOTS_MAX && liveCount * 4 < slotCount;
  }

  /** Stores a vector of the right length. @returns its slot; -1 no memory; -2 not finite */
  put(vector: Float32Array): number {
    const { inner } = this;
    if (this.number < 0) return inner.put(vector);
    if (!this.waitForRoom()) return E_MEMORY;
    const slot = inner.put(vector);
    if (slot === E_RADIUS) return this.putBeyondRadius(vector);
    if (slot >= 0) this.threads.wake();
    return slot;
  }

  /** Rare: each time the radius grows by half. */
  private putBeyondRadius(vector: Float32Array): number {
    const { threads, inner } = this;
    const isStill = threads.standStill(this);
    this.isStandingStill = true;
    if (!isStill && !threads.waitUntil(() => threads.standStill(this))) return E_MEMORY;
    inner.segment.setQuery(vector);
    inner.segment.engine.calls.raiseRadius();
    const slot = inner.put(vector);
    this.goOn();
    return slot;
  }

  /** The rings are longer than any crowd; who stores more in one go waits until there is room. */
  private waitForRoom(): boolean {
    if (this.hasFailed) return false;
    const { segment } = this.inner;
    const hasRoom = (): boolean =>
      segment.tailCount < this.ringSize - 1 && segment.goneCount < this.ringSize - 1;
    if (hasRoom()) return true;
    this.threads.wake();
    return this.threads.waitUntil(hasRoom);
  }

  remove(slot: number): void {
    const { inner } = this;
    if (this.number < 0) {
      inner.remove(slot);
      return;
    }
    inner.setAttributes(slot, null);
    inner.noteGivenUp(slot);
    // After a failure nothing is read any more.
    if (!this.waitForRoom()) return;
    const result = inner.segment.engine.calls.markGone(slot);
    assert(result === 0, `slot ${slot} is there when it is removed`);
    this.threads.wake();
  }

  setAttributes(slot: number, json: Uint8Array | null): void {
    this.inner.setAttributes(slot, json);
  }

  /** As SlotIndex.putNode, before it is released. */
  putNode(vector: Float32Array, node: Uint8Array): number {
    return this.inner.putNode(vector, node);
  }

  settle(): boolean { return this.inner.settle(); }

  /** As SlotIndex.beginImage; threads go on linking meanwhile. */
  beginImage(): GraphImage | null {
    return this.hasFailed ? null : this.inner.beginImage();
  }

  /** All that the owner has is in: threads may begin. */
  release(): void {
    this.isReleased = true;
    this.shareIfDue();
  }

  /** Links up to `count` while it is not shared; takes the range of the codes when it is time. */
  link(count: number): void {
    const { inner } = this;
    const { segment } = inner;
    if (this.number < 0) {
      inner.link(count);
      this.shareIfDue();
    } else if (!this.isStandingStill && segment.hasCodes && segment.isRangeDue) {
      this.isStandingStill = true;
      if (this.threads.standStill(this)) this.onStill();
    }
  }

  onStill(): void {
    if (this.isClosed) {
      this.goOn();
      return;
    }
    const { segment } = this.inner;
    if (segment.hasCodes) segment.train();
    segment.engine.fit();
    this.goOn();
  }

  private goOn(): void {
    this.isStandingStill = false;
    this.threads.goOn(this);
  }

  private shareIfDue(): void {
    const { threads, inner: { segment } } = this;
    if (this.number >= 0 || !this.isReleased || !segment.isTrained) return;
    if (threads.failure !== undefined) return;
    const { calls, memory } = segment.engine;
    const waiting = segment.pendingCount;
    const ringSize = 2 ** Math.ceil(Math.log2(waiting + 2 * this.tailMax));
    // Without memory for the rings it stays its owner's alone.
    if (calls.share(ringSize) === E_MEMORY) return;
    segment.engine.fit();
    // Leaves this instance in the state of one that works beside others.
    calls.beginRemoval();
    calls.endRemoval();
    this.ringSize = ringSize;
    this.backlog = waiting;
    this.eras = new SearchEras(segment);
    this.number = threads.open(segment.options, memory);
  }

  /** In place. About the nearest that meet the filter, nearest first; null: no memory. */
  search(
    query: Float32Array, count: number, ef: number, filter: { readonly text: string } | null,
    strategy: FilterStrategy = 'auto',
  ): readonly number[] | null {
    return this.hasFailed ? null : this.inner.search(query, count, ef, filter, strategy);
  }

  /**
   * The same by a thread. `done` is called by a later `look` of the threads; null: search in place,
   * or elsewhere. Until it returns no slot that it was given is another vector's; one that was
   * removed meanwhile may be among them.
   * @returns false: not now
   */
  ask(
    query: Float32Array, count: number, ef: number, filter: { readonly text: string } | null,
    strategy: FilterStrategy, done: (slots: readonly number[] | null) => void,
  ): boolean {
    const { eras, inner, threads, number } = this;
    if (eras === undefined || this.hasFailed) return false;
    const { segment } = inner;
    const { engine, options: { dimension } } = segment;
    const words = filter === null ? undefined : inner.selection(filter.text).words;
    const k = Math.min(count, segment.liveCount);
    const filterWords = words === undefined ? -1 : words.length;
    const bytes = blockBytes(dimension, filterWords, k);
    const at = engine.takeBlock(bytes);
    if (at === 0) return false;
    const word = at / 4;
    engine.f32.set(query, word);
    if (words !== undefined) engine.i32.set(words, word + dimension);
    const search = this.searchNumber++;
    eras.begin(search);
    const finish = (): void => {
      eras.end(search);
      engine.calls.giveBlock(at, bytes);
    };
    const isAsked = threads.ask({
      index: number, at, k, ef: Math.min(ef, EF_MAX), filterWords,
      strategy: STRATEGIES.indexOf(strategy),
    }, (answered) => {
      const answersAt = word + dimension + Math.max(0, filterWords);
      const hasAnswer = answered !== null && !this.isClosed;
      done(hasAnswer ? [...engine.i32.subarray(answersAt, answersAt + answered)] : null);
      // Of a failed one the locks may be held for ever; what was closed may go after this.
      if (this.hasFailed) return;
      finish();
      if (this.isClosed) this.giveBack();
    });
    if (!isAsked) finish();
    return isAsked;
  }

  levelOf(slot: number): number { return this.inner.levelOf(slot); }
  neighbours(slot: number, level: number): readonly number[] {
    this.inner.segment.engine.fit();
    return this.inner.neighbours(slot, level);
  }

  /** While it is shared nothing moves: see `isSparse`. */
  compact(): Int32Array | null {
    return this.number < 0 ? this.inner.compact() : null;
  }

  /** It is of no further use. */
  close(): void {
    this.isClosed = true;
    this.inner.endImage();
    if (this.number < 0) this.inner.close();
    else if (!this.hasFailed) {
      if (this.isStandingStill) this.goOn();
      this.threads.close(this.number, () => {
        this.isLeft = true;
        this.giveBack();
      });
    }
  }

  /** True when no thread will touch it any more. */
  private isLeft = false;

  /** The memory can be another's once no thread and no search is there. */
  private giveBack(): void {
    if (this.isLeft && this.eras?.count === 0) this.inner.close();
  }
}
