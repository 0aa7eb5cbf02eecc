/**
 * What one thread works with: query, beam, candidate lists and visited marks; plus the keys that
 * order candidates. A key is 64 bits: distance, slot << 1, and a bit for `expanded`, so a beam is
 * one ascending array of integers and ties fall to the smaller slot. Distances of the walk are
 * never negative, so their bits order as they are; ranked ones may be negative (inner product) and
 * are mapped by `rankBits`.
 * Visited marks: one byte a slot, cleared every 255 searches. Slots that have come after the marks
 * were made are passed over (VISITED_SIZE), so a walk never reads beyond them.
 * Bounds: a beam has at most BEAM_MAX entries, a candidate list CANDIDATES_MAX.
 */
import {
  allocate, CODE_BYTES, F32_BYTES, giveBlock, H_CAPACITY, H_MARKS, H_MARKS_SIZE, H_SCRATCH, setWord,
  takeBlock, word,
} from './layout.as';

export const BEAM_MAX = 4096, CANDIDATES_MAX = 8192, LIST_MAX = 272;

export let QUERY: usize = 0, QUERY_POINT: usize = 0, NODE: usize = 0, NODE_B: usize = 0;
export let BEAM: usize = 0, SECOND: usize = 0, OUT: usize = 0;
let ALONE: usize = 0;
/** Addresses of the points that `select` has kept, in fours (distances.as.ts). */
export let KEPT: usize = 0;
export let IDS: usize = 0, DISTANCES: usize = 0, SELECTED: usize = 0, REJECTED: usize = 0;
/** Lists of at most LIST_MAX slots and distances, for work inside a list's lock. */
export let IDS_B: usize = 0, DISTANCES_B: usize = 0, IDS_C: usize = 0, DISTANCES_C: usize = 0;
export let VISITED: usize = 0, VISITED_SIZE: i32 = 0;
/** What marks a slot as met, 1..255. */
export let visit: i32 = 0;
/** Distances computed since the instance began, for the planner's averages. */
export let distanceCount: u32 = 0;

export function countDistances(n: i32): void { distanceCount += n; }

/** This thread owns the index: its scratch is named in the header and goes with an image. */
let isOwner: bool = false;
let scratchBytes: usize = 0;

/** Takes the scratch of this thread, the owner's own again; false at the memory's limit. */
export function takeScratch(owns: bool): bool {
  isOwner = owns;
  const f32s = F32_BYTES + 64, lists: usize = LIST_MAX << 2;
  const bytes = f32s * 4 + CODE_BYTES + 64 + (<usize>(BEAM_MAX + 8) << 3) * 3
    + (<usize>(CANDIDATES_MAX + LIST_MAX) << 2) * 2 + lists * 7 + (<usize>BEAM_MAX << 2) + 64;
  let at = owns ? <usize>word(H_SCRATCH) : 0;
  if (at == 0) at = owns ? allocate(bytes) : takeBlock(bytes);
  if (at == 0) return false;
  scratchBytes = bytes;
  if (owns) setWord(H_SCRATCH, <i32>at);
  QUERY = at; at += f32s;
  NODE = at; at += f32s;
  NODE_B = at; at += f32s;
  QUERY_POINT = at; at += CODE_BYTES + 64;
  BEAM = at; at += <usize>(BEAM_MAX + 8) << 3;
  SECOND = at; at += <usize>(BEAM_MAX + 8) << 3;
  OUT = at; at += <usize>(BEAM_MAX + 8) << 3;
  IDS = at; at += <usize>(CANDIDATES_MAX + LIST_MAX) << 2;
  DISTANCES = at; at += <usize>(CANDIDATES_MAX + LIST_MAX) << 2;
  IDS_B = at; at += lists;
  DISTANCES_B = at; at += lists;
  IDS_C = at; at += lists;
  DISTANCES_C = at; at += lists;
  SELECTED = at; at += lists;
  ALONE = at; at += lists;
  KEPT = at; at += lists;
  REJECTED = at;
  VISITED = owns ? <usize>word(H_MARKS) : 0;
  VISITED_SIZE = owns ? word(H_MARKS_SIZE) : 0;
  visit = 255;
  return true;
}

/** Gives the scratch and the marks of this thread back; it must not be the owner. */
export function giveScratch(): void {
  giveBlock(VISITED, VISITED_SIZE);
  giveBlock(QUERY, scratchBytes);
}

/** Makes the visited marks as long as the slots; false at the limit, the old ones stay. */
export function fitVisited(): bool {
  const capacity = word(H_CAPACITY);
  if (capacity <= VISITED_SIZE) return true;
  let size = VISITED_SIZE < 1024 ? 1024 : VISITED_SIZE;
  while (size < capacity) size <<= 1;
  const block = takeBlock(size);
  if (block == 0) return false;
  giveBlock(VISITED, VISITED_SIZE);
  memory.fill(block, 0, size);
  VISITED = block; VISITED_SIZE = size; visit = 0;
  if (isOwner) { setWord(H_MARKS, <i32>block); setWord(H_MARKS_SIZE, size); }
  return true;
}

export function newVisit(): void {
  visit++;
  if (visit > 255) { memory.fill(VISITED, 0, VISITED_SIZE); visit = 1; }
}
/** True when the slot was met before in this visit, or cannot be marked; marks it. */
@inline
export function met(id: i32): bool {
  if (<u32>id >= <u32>VISITED_SIZE) return true;
  const at = VISITED + <usize>id;
  if (load<u8>(at) == <u8>visit) return true;
  store<u8>(at, <u8>visit);
  return false;
}
@inline
export function mark(id: i32): void {
  if (<u32>id < <u32>VISITED_SIZE) store<u8>(VISITED + <usize>id, <u8>visit);
}

/** Live slots that lost their last link in this call; what does not fit, a sweep finds. */
let aloneCount: i32 = 0;
export function noteAlone(id: i32): void {
  if (aloneCount < LIST_MAX) { setId(ALONE, aloneCount, id); aloneCount++; }
}
export function aloneWaiting(): i32 { return aloneCount; }
/** Takes one of them, -1 when there is none. */
export function takeAlone(): i32 {
  if (aloneCount == 0) return -1;
  aloneCount--;
  return idAt(ALONE, aloneCount);
}

@inline
export function key(distance: f32, id: i32): u64 {
  const d = distance < 0 ? <f32>0 : distance;
  return (<u64>reinterpret<u32>(d) << 32) | (<u64><u32>id << 1);
}
@inline
export function keyId(k: u64): i32 { return <i32>(<u32>k >> 1); }
@inline
export function keyDistance(k: u64): f32 { return reinterpret<f32>(<u32>(k >> 32)); }
@inline
export function rankKey(distance: f32, id: i32): u64 {
  const bits = reinterpret<u32>(distance);
  const ordered = bits ^ (<u32>(<i32>bits >> 31) | 0x80000000);
  return (<u64>ordered << 32) | (<u64><u32>id << 1);
}
@inline
export function rankDistance(k: u64): f32 {
  const ordered = <u32>(k >> 32);
  return reinterpret<f32>(ordered & 0x80000000 ? ordered ^ 0x80000000 : ~ordered);
}
@inline
export function keyAt(base: usize, i: i32): u64 { return load<u64>(base + (<usize>i << 3)); }
@inline
export function idAt(base: usize, i: i32): i32 { return load<i32>(base + (<usize>i << 2)); }
@inline
export function f32At(base: usize, i: i32): f32 { return load<f32>(base + (<usize>i << 2)); }
@inline
export function setId(base: usize, i: i32, id: i32): void {
  store<i32>(base + (<usize>i << 2), id);
}

/** How many of n ascending keys are below k. */
@inline
export function lowerBound(base: usize, n: i32, k: u64): i32 {
  let low = 0, length = n;
  while (length > 0) {
    const half = length >> 1, isLess = load<u64>(base + (<usize>(low + half) << 3)) < k;
    low = isLess ? low + half + 1 : low;
    length = isLess ? length - half - 1 : half;
  }
  return low;
}

/** Inserts a key in an ascending array of n with room for one more; returns its position. */
@inline
export function place(base: usize, n: i32, k: u64): i32 {
  const low = lowerBound(base, n, k);
  let p = base + (<usize>n << 3);
  const at = base + (<usize>low << 3);
  while (p >= at + 16) { v128.store(p - 8, v128.load(p - 16)); p -= 16; }
  if (p > at) store<u64>(p, load<u64>(p - 8));
  store<u64>(at, k);
  return low;
}

/**
 * Copies n slots of a list, in steps of four: up to three words behind both are touched. A call of
 * memory.copy leaves compiled code and takes longer than most lists.
 */
@inline
export function copyList(to: usize, from: usize, n: i32): void {
  for (const end = to + (<usize>n << 2); to < end; to += 16, from += 16) {
    v128.store(to, v128.load(from));
  }
}

/** Offers a key to an ascending array of at most k; returns the new length. */
@inline
export function offer(base: usize, n: i32, k: i32, candidate: u64): i32 {
  if (n < k) { place(base, n, candidate); return n + 1; }
  if (candidate < keyAt(base, k - 1)) place(base, k - 1, candidate);
  return n;
}

/** Position of x among n slots at `at`, -1 when absent. Touches up to three words behind them. */
@inline
export function indexIn(at: usize, n: i32, x: i32): i32 {
  const v = i32x4.splat(x);
  for (let i = 0; i < n; i += 4) {
    const hits = i32x4.bitmask(i32x4.eq(v128.load(at + (<usize>i << 2)), v));
    if (hits != 0) { const p = i + ctz(hits); return p < n ? p : -1; }
  }
  return -1;
}

/** Position of x in the list of slots at `at` (count first), -1 when absent. */
@inline
export function indexOf(at: usize, x: i32): i32 { return indexIn(at + 4, load<i32>(at), x); }
