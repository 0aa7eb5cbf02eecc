/**
 * Searches. Every one reads QUERY (f32, padded with zeros), ranks by the metric itself and leaves
 * pairs of f32 distance and slot at OUT, ascending, ties by slot; it returns how many.
 *   exact     ranking distances of all present slots, or of those in a bitmap
 *   coded     walk distances of all of them, the best re-ranked
 *   walk      the graph, and a scan of what is pending, the best re-ranked
 *   twoHop    the graph where only allowed nodes are candidates; the refused are stepped over
 *   collect   the graph as it is, allowed nodes collected beside the walk
 *   within    all slots within a distance
 * A bitmap has one bit a slot; slots behind its end are not in it.
 * Source: two hops as in ACORN, Patel 2024.
 */
import { prepareQuery } from './codes.as';
import { originIsQuery, rankDistances, rankRun, walkDistance, walkDistances } from './distances.as';
import { descend, entryLevel, entrySlot, searchLevel } from './graph.as';
import {
  countOf, H, H_ENTRY, H_PENDING, H_PENDING_COUNT, H_SLOTS, H_TAIL, H_TAIL_END, H_TAIL_HEAD,
  H_TAIL_SIZE, isLive, list, PENDING, presentAt, state, word,
} from './layout.as';
import {
  BEAM, CANDIDATES_MAX, DISTANCES, f32At, fitVisited, idAt, IDS, key, keyAt, keyId, mark, met,
  newVisit, offer, OUT, place, rankDistance, rankKey, SECOND, setId,
} from './scratch.as';
import { E_MEMORY, E_NOT_FINITE } from './slots.as';

/** Slots that one pass of a scan looks at before it sorts them in. */
const BLOCK = 1024;

/** Slots met by the last filtered walk, and how many of them were allowed. */
export let walked: i32 = 0, walkedAllowed: i32 = 0;
let bitmap: usize = 0, bitmapSlots: i32 = 0;

/** The bitmap of the next searches; 0 for none. */
export function setBitmap(at: usize, slots: i32): void { bitmap = at; bitmapSlots = slots; }

@inline
function isAllowed(id: i32): bool {
  if (id >= bitmapSlots) return false;
  return (load<u8>(bitmap + (<usize>id >> 3)) >> <u8>(id & 7) & 1) != 0;
}

@inline
function wordOf(base: i32): u64 {
  const present = atomic.load<u64>(presentAt(base));
  if (bitmap == 0) return present;
  return base < bitmapSlots ? present & load<u64>(bitmap + (<usize>base >> 3)) : 0;
}

/** Slots of the bits of one word at IDS from position c; returns the new count. */
@inline
function spread(base: i32, bits: u64, c: i32): i32 {
  while (bits != 0) {
    setId(IDS, c, base + <i32>ctz(bits));
    c++;
    bits &= bits - 1;
  }
  return c;
}

/** Offers c distances at DISTANCES to the k best of BEAM, four looked at together. */
function sortIn(n: i32, k: i32, c: i32, isRank: bool): i32 {
  let i = 0;
  if (n >= k) {
    const last = keyAt(BEAM, k - 1);
    const worst = f32x4.splat(isRank ? rankDistance(last) : reinterpret<f32>(<u32>(last >> 32)));
    for (; i + 3 < c; i += 4) {
      if (!v128.any_true(f32x4.le(v128.load(DISTANCES + (<usize>i << 2)), worst))) continue;
      for (let j = i; j < i + 4; j++) n = offerOne(n, k, j, isRank);
    }
  }
  for (; i < c; i++) n = offerOne(n, k, i, isRank);
  return n;
}
@inline
function offerOne(n: i32, k: i32, i: i32, isRank: bool): i32 {
  const d = f32At(DISTANCES, i), id = idAt(IDS, i);
  return offer(BEAM, n, k, isRank ? rankKey(d, id) : key(d, id));
}

/** The k best of all slots in BEAM, by rank or by walk. */
function scan(k: i32, isRank: bool): i32 {
  const slots = word(H_SLOTS);
  let n = 0, c = 0;
  for (let base = 0; base < slots; base += 64) {
    const bits = wordOf(base);
    if (bits == 0) continue;
    if (isRank && bits == u64.MAX_VALUE) {
      spread(base, bits, CANDIDATES_MAX - 64);
      rankRun(base, 64, DISTANCES + (<usize>(CANDIDATES_MAX - 64) << 2));
      n = sortRun(n, k);
      continue;
    }
    c = spread(base, bits, c);
    if (c < BLOCK) continue;
    if (isRank) rankDistances(IDS, c, DISTANCES);
    else walkDistances(IDS, c, DISTANCES);
    n = sortIn(n, k, c, isRank);
    c = 0;
  }
  if (isRank) rankDistances(IDS, c, DISTANCES);
  else walkDistances(IDS, c, DISTANCES);
  return sortIn(n, k, c, isRank);
}

/** Sorts in a full word of 64 slots that lies at the end of the lists. */
function sortRun(n: i32, k: i32): i32 {
  const from = CANDIDATES_MAX - 64;
  let worst: f32 = n >= k ? rankDistance(keyAt(BEAM, k - 1)) : Infinity;
  for (let i = from; i < from + 64; i += 4) {
    const four = v128.load(DISTANCES + (<usize>i << 2));
    if (!v128.any_true(f32x4.le(four, f32x4.splat(worst)))) continue;
    for (let j = i; j < i + 4; j++) n = offerOne(n, k, j, true);
    if (n >= k) worst = rankDistance(keyAt(BEAM, k - 1));
  }
  return n;
}

/** The tail is looked at after the walk: wrong beside threads that link (tail.as.ts). */
let isLate: bool = false;
/** For the litmus alone. */
export function setLate(on: i32): void { isLate = on != 0; }

/** Offers `count` slots of a list to the n nearest at OUT, those that are present and allowed. */
function offerList(at: usize, mask: u32, from: u32, count: u32, n: i32, ef: i32): i32 {
  for (let i: u32 = 0; i < count;) {
    let c = 0;
    for (; i < count && c < BLOCK; i++) {
      const id = atomic.load<i32>(at + (<usize>((from + i) & mask) << 2));
      if (bitmap != 0 && !isAllowed(id)) continue;
      if (!isLive(id) && state(id) != PENDING) continue;
      setId(IDS, c, id);
      c++;
    }
    walkDistances(IDS, c, DISTANCES);
    for (let j = 0; j < c; j++) n = offer(OUT, n, ef, key(f32At(DISTANCES, j), idAt(IDS, j)));
  }
  return n;
}

/** The ef nearest of what is not linked yet, at OUT; returns how many. */
function nearestWaiting(ef: i32): i32 {
  const tail = <usize>word(H_TAIL);
  let n = 0;
  if (tail != 0) {
    const size = <u32>word(H_TAIL_SIZE), head = atomic.load<u32>(H + H_TAIL_HEAD);
    const end = atomic.load<u32>(H + H_TAIL_END), count = min<u32>(end - head, size);
    n = offerList(tail, size - 1, end - count, count, 0, ef);
  }
  // The count first: a longer list is a copy of the shorter one.
  const count = atomic.load<u32>(H + H_PENDING_COUNT), list = atomic.load<u32>(H + H_PENDING);
  return offerList(<usize>list, u32.MAX_VALUE, 0, count, n, ef);
}

/** What the searches by the graph begin with; the number of keys at OUT, or an error. */
function beginWalk(ef: i32): i32 {
  if (prepareQuery() < 0) return E_NOT_FINITE;
  originIsQuery();
  const waiting = isLate ? 0 : nearestWaiting(ef);
  // After it, so that there are marks for all that it found.
  if (!fitVisited()) return E_MEMORY;
  newVisit();
  return waiting;
}

/** Adds those at OUT that the walk has not met to a beam of at most ef. */
function offerWaiting(n: i32, ef: i32, waiting: i32): i32 {
  if (isLate) waiting = nearestWaiting(ef);
  for (let i = 0; i < waiting; i++) {
    const k = keyAt(OUT, i);
    if (!met(keyId(k))) n = offer(BEAM, n, ef, k);
  }
  return n;
}

/** Ranks the first r of the n keys at BEAM that are present, and writes the k best to OUT. */
function rankInto(n: i32, r: i32, k: i32): i32 {
  let c = 0;
  for (let i = 0; i < n && c < r; i++) {
    const id = keyId(keyAt(BEAM, i));
    if (!isLive(id) && state(id) != PENDING) continue;
    setId(IDS, c, id);
    c++;
  }
  rankDistances(IDS, c, DISTANCES);
  for (let i = 0; i < c; i++) place(SECOND, i, rankKey(f32At(DISTANCES, i), idAt(IDS, i)));
  return emit(SECOND, min(c, k));
}

function emit(base: usize, n: i32): i32 {
  for (let i = 0; i < n; i++) {
    const k = keyAt(base, i), at = OUT + (<usize>i << 3);
    store<f32>(at, rankDistance(k));
    store<i32>(at, keyId(k), 4);
  }
  return n;
}

export function exact(k: i32): i32 {
  if (prepareQuery() < 0) return E_NOT_FINITE;
  return emit(BEAM, scan(k, true));
}

export function coded(k: i32, ranked: i32): i32 {
  if (prepareQuery() < 0) return E_NOT_FINITE;
  originIsQuery();
  return rankInto(scan(ranked, false), ranked, k);
}

/** Start of a walk on level 0, -1 when nothing is linked. */
function start(): i32 {
  const entry = atomic.load<u32>(H + H_ENTRY);
  if (entry == 0) return -1;
  return descend(entrySlot(entry), entryLevel(entry), 0);
}

export function walk(k: i32, ef: i32, ranked: i32): i32 {
  const waiting = beginWalk(ef);
  if (waiting < 0) return waiting;
  const from = start(), n = from < 0 ? 0 : searchLevel(from, ef, 0, k + 4);
  return rankInto(offerWaiting(n, ef, waiting), ranked, k);
}

/** Allowed slots near x that were not met: neighbours, and those behind refused ones. */
function gatherAllowed(x: i32): i32 {
  const at = list(x, 0), end = at + 4 + (<usize>countOf(at) << 2);
  let c = 0;
  for (let p = at + 4; p < end; p += 4) {
    const y = load<i32>(p);
    if (met(y)) continue;
    walked++;
    if (isAllowed(y)) { walkedAllowed++; setId(IDS, c, y); c++; continue; }
    const other = list(y, 0), otherEnd = other + 4 + (<usize>countOf(other) << 2);
    for (let r = other + 4; r < otherEnd && c < CANDIDATES_MAX; r += 4) {
      const z = load<i32>(r);
      if (!isAllowed(z) || met(z)) continue;
      setId(IDS, c, z);
      c++;
    }
  }
  return c;
}

export function twoHop(k: i32, ef: i32, ranked: i32): i32 {
  const waiting = beginWalk(ef);
  if (waiting < 0) return waiting;
  walked = 0; walkedAllowed = 0;
  const from = start();
  let n = 0, current = 0;
  if (from >= 0) {
    mark(from);
    store<u64>(BEAM, key(walkDistance(from), from));
    n = 1;
  }
  while (current < n) {
    const k0 = keyAt(BEAM, current);
    if (k0 & 1) { current++; continue; }
    store<u64>(BEAM + (<usize>current << 3), k0 | 1);
    const c = gatherAllowed(keyId(k0));
    walkDistances(IDS, c, DISTANCES);
    for (let i = 0; i < c; i++) {
      const candidate = key(f32At(DISTANCES, i), idAt(IDS, i));
      if (n >= ef && candidate >= keyAt(BEAM, n - 1)) continue;
      const at = place(BEAM, n < ef ? n : n - 1, candidate);
      if (n < ef) n++;
      if (at < current) current = at;
    }
  }
  return rankInto(offerWaiting(keepAllowed(n), ef, waiting), ranked, k);
}

/** The start of a walk may itself be refused: it is taken out again. */
function keepAllowed(n: i32): i32 {
  let c = 0;
  for (let i = 0; i < n; i++) {
    const k = keyAt(BEAM, i);
    if (!isAllowed(keyId(k))) continue;
    store<u64>(BEAM + (<usize>c << 3), k);
    c++;
  }
  return c;
}

/** `breadth` bounds the unfiltered beam, at most BEAM_MAX. */
export function collect(k: i32, ef: i32, breadth: i32, ranked: i32): i32 {
  const waiting = beginWalk(ef);
  if (waiting < 0) return waiting;
  walked = 0; walkedAllowed = 0;
  const from = start();
  let n = 0, found = 0, current = 0;
  if (from >= 0) {
    mark(from);
    const first = key(walkDistance(from), from);
    store<u64>(BEAM, first);
    n = 1;
    if (isAllowed(from)) { store<u64>(SECOND, first); found = 1; }
  }
  while (current < n) {
    const k0 = keyAt(BEAM, current);
    if (k0 & 1) { current++; continue; }
    if (found >= ef && k0 > keyAt(SECOND, found - 1)) break;
    store<u64>(BEAM + (<usize>current << 3), k0 | 1);
    const c = gatherAll(keyId(k0));
    walkDistances(IDS, c, DISTANCES);
    for (let i = 0; i < c; i++) {
      const id = idAt(IDS, i), candidate = key(f32At(DISTANCES, i), id);
      if (found >= ef && candidate >= keyAt(SECOND, found - 1)) continue;
      if (n < breadth || candidate < keyAt(BEAM, n - 1)) {
        const at = place(BEAM, n < breadth ? n : n - 1, candidate);
        if (n < breadth) n++;
        if (at < current) current = at;
      }
      if (isAllowed(id)) found = offer(SECOND, found, ef, candidate);
    }
  }
  memory.copy(BEAM, SECOND, <usize>found << 3);
  return rankInto(offerWaiting(found, ef, waiting), ranked, k);
}

function gatherAll(x: i32): i32 {
  const at = list(x, 0), end = at + 4 + (<usize>countOf(at) << 2);
  let c = 0;
  for (let p = at + 4; p < end; p += 4) {
    const y = load<i32>(p);
    if (met(y)) continue;
    walked++;
    if (isAllowed(y)) walkedAllowed++;
    setId(IDS, c, y);
    c++;
  }
  return c;
}

/**
 * Pairs of distance and slot of everything within `radius` at `to`, in slot order. Returns how many
 * there are; pairs beyond `room` are only counted.
 */
export function within(radius: f32, to: usize, room: i32): i32 {
  if (prepareQuery() < 0) return E_NOT_FINITE;
  const slots = word(H_SLOTS);
  let total = 0, c = 0;
  for (let base = 0; base < slots; base += 64) {
    c = spread(base, wordOf(base), c);
    if (c < BLOCK && base + 64 < slots) continue;
    rankDistances(IDS, c, DISTANCES);
    for (let i = 0; i < c; i++) {
      const d = f32At(DISTANCES, i);
      if (d > radius) continue;
      if (total < room) {
        store<f32>(to + (<usize>total << 3), d);
        store<i32>(to + (<usize>total << 3), idAt(IDS, i), 4);
      }
      total++;
    }
    c = 0;
  }
  return total;
}
