/**
 * Members with scores that lie elsewhere in the worker memory, gathered to be put in order: what
 * ZUNION and its sisters find before they answer or store it.
 * Columns on the heap, 24 bytes a member and 12 while they are sorted, for one command; the
 *   members' bytes stay where they are.
 * Members in low memory (integers of sets, as text) only pass there: they are copied to blocks of
 * the arena, which `release` frees.
 * Why not a sorted set at once: every member comes once and with its last score, so that one sort
 *   and a load in ascending order cost half of as many inserts.
 * Invariant: the places stay right only while nothing changes the collections they lie in.
 * Cost: add O(1); sort O(n), but among members of one score O(n log n); 25 ns a member where a sort
 *   that compares takes 150.
 */
import { assert } from '../../assert.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Shard } from '../../shard/shard.ts';

const FIRST_CAPACITY = 64;
/** Bytes of a block for copied members: hundreds of integers. */
const COPIES_BYTES = 4064;
/** Pairs of words in one call of bulkMany. */
const LISTED_MAX = 512;
/** Below this, a radix sort costs more than it saves: each digit has 256 places to look at. */
const RADIX_COUNT_MIN = 128;
/** Digits of the radix sort. */
const SCORE_BITS = 64;
const DIGIT_BITS = 8;
const DIGITS = 256;

export class ScoredMembers {
  /** Number of members. */
  count = 0;
  /** Byte offsets (u32) in the worker memory, lengths and scores, as they were added. */
  at = new Uint32Array(FIRST_CAPACITY);
  bytes = new Int32Array(FIRST_CAPACITY);
  score = new Float64Array(FIRST_CAPACITY);
  /** Indices of the columns by (score, member); after {@link sort}. */
  order = new Uint32Array(0);
  /** True when a member had no memory to be copied to: the members are not complete. */
  isShort = false;
  readonly #shard: Shard;
  readonly #copies: number[] = [];
  #copiesLeft = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** Adds a member that is not among them yet. */
  add(at: number, bytes: number, score: number): void {
    assert(!Number.isNaN(score), 'a score is a number');
    const placed = at < this.#shard.memory.lowBytes ? this.#copyOf(at, bytes) : at;
    if (placed === 0) return;
    if (this.count === this.at.length) this.#grow();
    this.at[this.count] = placed;
    this.bytes[this.count] = bytes;
    this.score[this.count] = score;
    this.count++;
  }

  /** Puts `order` in order: by score, ties by the members' bytes. */
  sort(): void {
    const order = new Uint32Array(this.count);
    let isSorted = true;
    for (let i = 0; i < this.count; i++) {
      order[i] = i;
      if (isSorted && i > 0 && this.#compare(i - 1, i) > 0) isSorted = false;
    }
    this.order = order;
    if (isSorted) return;
    if (this.count < RADIX_COUNT_MIN) {
      order.sort((a, b) => this.#compare(a, b));
      return;
    }
    this.order = this.#sortByScore(order);
    this.#sortTies();
  }

  /**
   * Radix sort, least digit first, of the scores' bits read as integers that ascend with them.
   * @returns `order` or a column in its place
   */
  #sortByScore(order: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
    const { count } = this;
    const words = new Uint32Array(count * 2);
    const bits = new Float64Array(words.buffer);
    for (let i = 0; i < count; i++) bits[i] = (this.score[i] ?? 0) + 0; // -0 is 0.
    for (let i = 0; i < words.length; i += 2) {
      const high = words[i + 1] ?? 0;
      const isNegative = high > 0x7fff_ffff;
      if (isNegative) words[i] = ~(words[i] ?? 0);
      words[i + 1] = isNegative ? ~high : high | 0x8000_0000;
    }
    const places = new Uint32Array(DIGITS);
    let from = order;
    let to = new Uint32Array(count);
    for (let shift = 0; shift < SCORE_BITS; shift += DIGIT_BITS) {
      const word = shift >>> 5;
      places.fill(0);
      for (let i = 0; i < count; i++) {
        const digit = ((words[i * 2 + word] ?? 0) >>> (shift & 31)) & (DIGITS - 1);
        places[digit] = (places[digit] ?? 0) + 1;
      }
      if (places.includes(count)) continue; // All have the same digit.
      let sum = 0;
      for (let digit = 0; digit < DIGITS; digit++) {
        const here = places[digit] ?? 0;
        places[digit] = sum;
        sum += here;
      }
      for (let i = 0; i < count; i++) {
        const index = from[i] ?? 0;
        const digit = ((words[index * 2 + word] ?? 0) >>> (shift & 31)) & (DIGITS - 1);
        const place = places[digit] ?? 0;
        to[place] = index;
        places[digit] = place + 1;
      }
      [from, to] = [to, from];
    }
    return from;
  }

  /** Puts members of one score into the order of their bytes. */
  #sortTies(): void {
    const { order, score } = this;
    for (let from = 0; from < order.length;) {
      let end = from + 1;
      while (end < order.length && score[order[end] ?? 0] === score[order[from] ?? 0]) end++;
      if (end - from > 1) order.subarray(from, end).sort((a, b) => this.#compare(a, b));
      from = end;
    }
  }

  /** Frees the copies: the members are gone. */
  release(): void {
    for (const block of this.#copies) this.#shard.memory.arenaAllocator.free(block);
    this.#copies.length = 0;
    this.#copiesLeft = 0;
    this.count = 0;
  }

  /** Byte offset of a copy; 0 when there is no memory. */
  #copyOf(at: number, bytes: number): number {
    assert(bytes <= COPIES_BYTES, 'what passes through low memory is short');
    const { arenaAllocator, kernel } = this.#shard.memory;
    if (this.#copiesLeft < bytes) {
      const block = arenaAllocator.alloc(COPIES_BYTES);
      if (block === 0) {
        this.isShort = true;
        return 0;
      }
      this.#copies.push(block);
      this.#copiesLeft = COPIES_BYTES;
    }
    const to = (this.#copies.at(-1) ?? 0) * 8 + COPIES_BYTES - this.#copiesLeft;
    kernel.copy(to, at, bytes);
    this.#copiesLeft -= bytes;
    return to;
  }

  #compare(a: number, b: number): number {
    const scoreA = this.score[a] ?? 0;
    const scoreB = this.score[b] ?? 0;
    if (scoreA !== scoreB) return scoreA < scoreB ? -1 : 1;
    return this.#shard.memory.kernel.compare(
      this.at[a] ?? 0, this.bytes[a] ?? 0, this.at[b] ?? 0, this.bytes[b] ?? 0,
    );
  }

  #grow(): void {
    const { at, bytes, score } = this;
    const capacity = at.length * 2;
    this.at = new Uint32Array(capacity);
    this.bytes = new Int32Array(capacity);
    this.score = new Float64Array(capacity);
    this.at.set(at);
    this.bytes.set(bytes);
    this.score.set(score);
  }
}

/** Writes the members in order. Uses the scratch area. */
export function writeNames(shard: Shard, members: ScoredMembers, out: ReplySink): void {
  const list = shard.scratchAt;
  out.array(members.count);
  for (let from = 0; from < members.count; from += LISTED_MAX) {
    const listed = Math.min(LISTED_MAX, members.count - from);
    const { i32 } = shard.memory;
    for (let i = 0; i < listed; i++) {
      const member = members.order[from + i] ?? 0;
      i32[(list >>> 2) + i * 2] = members.at[member] ?? 0;
      i32[(list >>> 2) + i * 2 + 1] = members.bytes[member] ?? 0;
    }
    out.bulkMany(list, listed);
  }
}

/** Writes members and scores in order: in turn in RESP2, a pair for each in RESP3. */
export function writeNamesAndScores(members: ScoredMembers, resp: number, out: ReplySink): void {
  const hasPairs = resp === 3;
  out.array(hasPairs ? members.count : members.count * 2);
  for (const member of members.order) {
    if (hasPairs) out.array(2);
    out.bulk(members.at[member] ?? 0, members.bytes[member] ?? 0);
    out.double(members.score[member] ?? 0);
  }
}
