/**
 * Sorted sets in a pack: pairs of member and score in order. A score lies at any byte, so it is put
 * together from words; a pair changes its place by moving the bytes between, which needs no memory
 * but the end of the scratch area.
 * Invariant: pairs ascend by (score, member as memcmp).
 * Cost: O(pairs passed), 64 at most: 20 ns each.
 */
import { SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { SCORE_BYTES } from './zset-layout.ts';

/** End of the scratch area that these functions use: one pair and one score. */
const SCRATCH_USED_BYTES = 1024;

const scoreColumn = new Float64Array(1);
const scoreWords = new Int32Array(scoreColumn.buffer);

/** Score of the pair whose member stands at `pos`. */
export function packedScore(shard: Shard, pack: number, pos: number): number {
  const { packs } = shard.collections;
  const at = packs.entryAt(pack, packs.next(pack, pos));
  const { i32 } = shard.memory;
  const word = at >>> 2;
  const shift = (at & 3) << 3;
  if (shift === 0) {
    scoreWords[0] = i32[word] ?? 0;
    scoreWords[1] = i32[word + 1] ?? 0;
  } else {
    const middle = i32[word + 1] ?? 0;
    scoreWords[0] = ((i32[word] ?? 0) >>> shift) | (middle << (32 - shift));
    scoreWords[1] = (middle >>> shift) | ((i32[word + 2] ?? 0) << (32 - shift));
  }
  return scoreColumn[0] ?? 0;
}

/** Position of the pair behind the one at `pos`, 0 at the end. */
export function nextPair(shard: Shard, pack: number, pos: number): number {
  const { packs } = shard.collections;
  return packs.next(pack, packs.next(pack, pos));
}

/** Position of the pair before the one at `pos`, 0 at the start. */
export function previousPair(shard: Shard, pack: number, pos: number): number {
  const { packs } = shard.collections;
  const score = packs.previous(pack, pos);
  return score === 0 ? 0 : packs.previous(pack, score);
}

/** Position of the pair with a 0-based rank; 0 when there is none. */
export function pairAt(shard: Shard, pack: number, rank: number): number {
  return rank < 0 ? 0 : shard.collections.packs.seek(pack, rank * 2);
}

/** 0-based rank of the pair at `pos`. */
export function rankOfPair(shard: Shard, pack: number, pos: number): number {
  let rank = 0;
  let at = shard.collections.packs.first(pack);
  for (; at !== pos; at = nextPair(shard, pack, at)) rank++;
  return rank;
}

/** True when the pair at `pos` stands before (score, member); an equal one when `takesEqual`. */
export function isPairBefore(
  shard: Shard, pack: number, pos: number, score: number, at: number, bytes: number,
  takesEqual: boolean,
): boolean {
  const found = packedScore(shard, pack, pos);
  if (found !== score) return found < score;
  const order = compareMember(shard, pack, pos, at, bytes);
  return order < 0 || (order === 0 && takesEqual);
}

/** Order of the member at `pos` and the bytes at `at`: -1, 0, 1. */
export function compareMember(
  shard: Shard, pack: number, pos: number, at: number, bytes: number,
): number {
  const { packs } = shard.collections;
  return shard.memory.kernel.compare(
    packs.entryAt(pack, pos), packs.entryBytes(pack, pos), at, bytes,
  );
}

/** Position that a pair which is not in the pack would get; 0 = behind the last. */
function placeOf(shard: Shard, pack: number, score: number, at: number, bytes: number): number {
  const { packs } = shard.collections;
  const last = previousPairOfEnd(shard, pack);
  if (last === 0 || isPairBefore(shard, pack, last, score, at, bytes, true)) return 0;
  let pos = packs.first(pack);
  while (isPairBefore(shard, pack, pos, score, at, bytes, true)) pos = nextPair(shard, pack, pos);
  return pos;
}

function previousPairOfEnd(shard: Shard, pack: number): number {
  const { packs } = shard.collections;
  const score = packs.last(pack);
  return score === 0 ? 0 : packs.previous(pack, score);
}

/** Adds a pair that is absent; the pack has room or the caller reserved. @returns the pack ref */
export function insertPair(
  shard: Shard, pack: number, score: number, at: number, bytes: number,
): number {
  const { packs } = shard.collections;
  const pos = placeOf(shard, pack, score, at, bytes);
  const room = packs.entryRoom(bytes) + packs.entryRoom(SCORE_BYTES);
  const roomy = packs.grow(pack, room);
  const scoreAt = writeScore(shard, score);
  if (pos === 0) {
    packs.insert(roomy, 0, at, bytes);
    return packs.insert(roomy, 0, scoreAt, SCORE_BYTES);
  }
  packs.insert(roomy, pos, scoreAt, SCORE_BYTES);
  return packs.insert(roomy, pos, at, bytes);
}

/** Gives the pair at `pos` another score and its place; the pack ref stays. Never fails. */
export function movePair(shard: Shard, pack: number, pos: number, score: number): void {
  const { packs } = shard.collections;
  const { kernel } = shard.memory;
  const memberBytes = packs.entryBytes(pack, pos);
  kernel.copy(
    packs.entryAt(pack, packs.next(pack, pos)), writeScore(shard, score), SCORE_BYTES,
  );
  const pairBytes = packs.entryRoom(memberBytes) + packs.entryRoom(SCORE_BYTES);
  const from = pack * 8 + pos;
  const held = shard.scratchAt + SCRATCH_BYTES - SCRATCH_USED_BYTES;
  const to = placeAfterMove(shard, pack, pos, score);
  if (to === pos) return;
  const toAt = pack * 8 + to;
  kernel.copy(held, from, pairBytes);
  if (to < pos) {
    kernel.copy(toAt + pairBytes, toAt, pos - to);
    kernel.copy(toAt, held, pairBytes);
  } else {
    kernel.copy(from, from + pairBytes, to - pos - pairBytes);
    kernel.copy(toAt - pairBytes, held, pairBytes);
  }
}

/**
 * Position before which the pair at `pos`, whose score has just become another, belongs; its own
 * when it stays. The end of the pack counts as a position.
 */
function placeAfterMove(shard: Shard, pack: number, pos: number, score: number): number {
  const { packs } = shard.collections;
  const at = packs.entryAt(pack, pos);
  const bytes = packs.entryBytes(pack, pos);
  let to = pos;
  let neighbour = previousPair(shard, pack, pos);
  while (neighbour !== 0 && !isPairBefore(shard, pack, neighbour, score, at, bytes, true)) {
    to = neighbour;
    neighbour = previousPair(shard, pack, neighbour);
  }
  if (to !== pos) return to;
  neighbour = nextPair(shard, pack, pos);
  if (neighbour === 0 || !isPairBefore(shard, pack, neighbour, score, at, bytes, true)) return pos;
  while (neighbour !== 0 && isPairBefore(shard, pack, neighbour, score, at, bytes, true)) {
    neighbour = nextPair(shard, pack, neighbour);
  }
  return neighbour === 0 ? packs.usedBytes(pack) : neighbour;
}

/** Puts a score where the kernel can read its bytes. @returns their byte offset */
function writeScore(shard: Shard, score: number): number {
  const at = shard.scratchAt + SCRATCH_BYTES - SCORE_BYTES;
  shard.memory.f64[at / 8] = score;
  return at;
}
