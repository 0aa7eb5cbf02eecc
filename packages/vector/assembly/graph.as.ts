/**
 * The graph: HNSW with the diversity heuristic and back-fill, for new lists and for pruned ones
 * (without it, overwriting under drift falls to a recall of .73; with it .987).
 * Lists hold 2M + 7 links and are pruned to 2M only when full: a fifth of the prunes.
 * A node is linked bottom-up: own lists first, then the links to it from level 0 up, then the entry
 * word. A reader that meets it on a level finds every level below complete.
 * In-degree is counted, so the last link to a node is never pruned, and a node to which none was
 * made takes the place of a link whose target has others: no unreachable nodes.
 * Candidates at distance 0 from a kept one are not diverse: else the lists of many equal vectors
 * would name only each other and a walk that enters could not leave. By inner product equal ones
 * are not at 0: their fingerprints tell.
 * Source: Malkov and Yashunin 2016 (algorithm 4, keepPrunedConnections); slack as in Vamana builds.
 */
import { isNearKept, keepPoint, originIsSlot, walkDistance, walkDistances } from './distances.as';
import {
  addIn, countOf, DEAD_A, DEAD_B, fingerprint, H, H_DEAD, H_ENTRY, H_LEVEL_LOCK, H_LEVELS, isLive,
  levelOf, LINKS, LINKS_KEPT, list, LIVE, lock, M, METRIC, METRIC_IP, R_IN, R_UPPER, record,
  setCount, spin, state, THREADS, unlock, unspin, UPPER, WALK, WALK_CODES, word,
} from './layout.as';
import {
  BEAM, CANDIDATES_MAX, copyList, DISTANCES, DISTANCES_B, DISTANCES_C, f32At, idAt, IDS, IDS_B,
  IDS_C, indexIn, key, keyAt, keyDistance, keyId, lowerBound, mark, met, newVisit, NODE, NODE_B,
  noteAlone, place, REJECTED, SECOND, SELECTED, setId, visit, VISITED, VISITED_SIZE,
} from './scratch.as';
import { release, rescue } from './removal.as';

/** Equal vectors that a new node may meet: enough to be joined to them, too few to be shut in. */
const EQUALS_LINKED = 3;

@inline
export function entrySlot(entry: u32): i32 { return <i32>(entry & 0x7ffffff) - 1; }
@inline
export function entryLevel(entry: u32): i32 { return <i32>(entry >> 27); }
@inline
export function entryWord(id: i32, level: i32): u32 { return (<u32>id + 1) | (<u32>level << 27); }
@inline
export function limitOf(level: i32): i32 { return level == 0 ? LINKS : UPPER; }
@inline
export function keptOf(level: i32): i32 { return level == 0 ? LINKS_KEPT : M; }

/** Walks greedily from level `from` down to the one above `to`; returns where it ends. */
export function descend(start: i32, from: i32, to: i32): i32 {
  let current = start, distance = walkDistance(start);
  for (let level = from; level > to; level--) {
    let isBetter = true;
    while (isBetter) {
      isBetter = false;
      const at = list(current, level), n = countOf(at);
      copyList(IDS_B, at + 4, n);
      walkDistances(IDS_B, n, DISTANCES_B);
      for (let i = 0; i < n; i++) {
        const d = f32At(DISTANCES_B, i);
        if (d < distance) { distance = d; current = idAt(IDS_B, i); isBetter = true; }
      }
    }
  }
  return current;
}

/**
 * Unmet neighbours of x at IDS; returns how many. Whether one was met cannot be foreseen, so
 * nothing branches on it: that took a third of the time of linking.
 */
function gather(x: i32, level: i32): i32 {
  const at = list(x, level), end = at + 4 + (<usize>countOf(at) << 2);
  const marks = VISITED, size = VISITED_SIZE, visited = <u8>visit;
  let to = IDS;
  for (let p = at + 4; p < end; p += 4) {
    const y = load<i32>(p);
    if (<u32>y >= <u32>size) continue;
    const m = marks + <usize>y;
    store<i32>(to, y);
    to += <usize>(load<u8>(m) != visited) << 2;
    store<u8>(m, visited);
  }
  return <i32>((to - IDS) >> 2);
}

/** As gather, where nodes may be dead: instead of a dead one its own live neighbours. */
function gatherAround(x: i32, level: i32): i32 {
  const at = list(x, level), end = at + 4 + (<usize>countOf(at) << 2);
  const last = IDS + (<usize>CANDIDATES_MAX << 2);
  let to = IDS;
  for (let p = at + 4; p < end; p += 4) {
    const y = load<i32>(p);
    if (met(y)) continue;
    if (state(y) != LIVE) {
      const other = list(y, level), otherEnd = other + 4 + (<usize>countOf(other) << 2);
      for (let r = other + 4; r < otherEnd && to < last; r += 4) {
        const z = load<i32>(r);
        if (state(z) != LIVE || met(z)) continue;
        store<i32>(to, z);
        to += 4;
      }
      continue;
    }
    store<i32>(to, y);
    to += 4;
  }
  return <i32>((to - IDS) >> 2);
}

@inline
function isTie(k: u64, candidate: u64): bool { return (k ^ candidate) >> 32 == 0; }

/**
 * Whether the beam, and the `fresh` ascending keys at SECOND, have `most` entries equal to the
 * candidate, whose place in the beam is `low`: equal vectors would fill it and shut everything else
 * out. Equal are a distance and a fingerprint; a tie alone is none, since sparse and coarse vectors
 * tie by nature. Looks at some ties on both sides.
 */
function isCrowded(n: i32, low: i32, fresh: i32, candidate: u64, most: i32): bool {
  const far = 2 * most;
  let from = low, to = low, first = fresh;
  while (from > 0 && low - from < far && isTie(keyAt(BEAM, from - 1), candidate)) from--;
  while (to < n && to - low < far && isTie(keyAt(BEAM, to), candidate)) to++;
  while (first > 0 && fresh - first < far && isTie(keyAt(SECOND, first - 1), candidate)) first--;
  if (to - from + fresh - first < most) return false;
  const print = fingerprint(keyId(candidate));
  let same = 0;
  for (; from < to; from++) if (fingerprint(keyId(keyAt(BEAM, from))) == print) same++;
  for (; first < fresh; first++) if (fingerprint(keyId(keyAt(SECOND, first))) == print) same++;
  return same >= most;
}

/** Slots whose distances are sorted into the beam together. */
const BATCH = 256;
/** Place of the first key that `absorb` put into the beam. */
let firstPlace: i32 = 0;

/**
 * Sorts `count` slots at `ids` with their distances into a beam of n, at most ef: what is nearer
 * than its end is sorted by itself first, its places are looked up in the beam as it was, and what
 * lies between them moves once. Returns the new length.
 */
function absorb(n: i32, ef: i32, ids: usize, distances: usize, count: i32, equals: i32): i32 {
  const worst = n >= ef ? keyAt(BEAM, n - 1) : u64.MAX_VALUE;
  let m = 0;
  for (let i = 0; i < count; i++) {
    const candidate = key(f32At(distances, i), idAt(ids, i));
    if (candidate >= worst) continue;
    place(SECOND, m, candidate);
    m++;
  }
  let fresh = 0;
  for (let j = 0; j < m; j++) {
    const k = keyAt(SECOND, j), low = lowerBound(BEAM, n, k);
    const isTied = low > 0 && isTie(keyAt(BEAM, low - 1), k)
      || low < n && isTie(keyAt(BEAM, low), k)
      || fresh > 0 && isTie(keyAt(SECOND, fresh - 1), k);
    if (isTied && isCrowded(n, low, fresh, k, equals)) continue;
    store<u64>(SECOND + (<usize>fresh << 3), k);
    setId(IDS_B, fresh, low);
    fresh++;
  }
  let end = n;
  for (let j = fresh - 1; j >= 0; j--) {
    const low = idAt(IDS_B, j), by = <usize>(j + 1) << 3;
    const from = BEAM + (<usize>low << 3);
    let p = BEAM + (<usize>min(end, ef - j - 1) << 3);
    while (p >= from + 16) { v128.store(p + by - 16, v128.load(p - 16)); p -= 16; }
    if (p > from) store<u64>(p + by - 8, load<u64>(p - 8));
    if (low + j < ef) store<u64>(from + by - 8, keyAt(SECOND, j));
    end = low;
  }
  firstPlace = end;
  return min(ef, n + fresh);
}

/**
 * Best-first search from `start` with a beam of ef, of which `equals` may be equal vectors.
 * Ascending keys in BEAM; returns how many.
 */
export function searchLevel(start: i32, ef: i32, level: i32, equals: i32): i32 {
  newVisit();
  mark(start);
  store<u64>(BEAM, key(walkDistance(start), start));
  let n = 1, current = 0;
  const hasDead = word(H_DEAD) > 0;
  while (current < n) {
    const k = keyAt(BEAM, current);
    if (k & 1) { current++; continue; }
    store<u64>(BEAM + (<usize>current << 3), k | 1);
    const count = hasDead ? gatherAround(keyId(k), level) : gather(keyId(k), level);
    walkDistances(IDS, count, DISTANCES);
    for (let i = 0; i < count; i += BATCH) {
      const at = <usize>i << 2;
      n = absorb(n, ef, IDS + at, DISTANCES + at, min(BATCH, count - i), equals);
      if (firstPlace < current) current = firstPlace;
    }
  }
  return n;
}

/** Whether a candidate at distance d from the base is nearer to one of the k kept. */
function isCovered(id: i32, d: f32, k: i32): bool {
  if (METRIC == METRIC_IP) {
    const print = fingerprint(id);
    for (let j = 0; j < k; j++) if (fingerprint(idAt(SELECTED, j)) == print) return true;
  } else if (WALK == WALK_CODES) return isNearKept(id, d, k);
  originIsSlot(id, NODE_B);
  const bound = f32x4.splat(d), zero = f32x4.splat(0);
  for (let j = 0; j < k; j += 4) {
    const rest = k - j, from = SELECTED + (<usize>j << 2);
    if (rest >= 4) {
      walkDistances(from, 4, DISTANCES_C);
      const v = v128.load(DISTANCES_C);
      if (v128.any_true(v128.or(f32x4.lt(v, bound), f32x4.eq(v, zero)))) return true;
    } else {
      walkDistances(from, rest, DISTANCES_C);
      for (let t = 0; t < rest; t++) {
        const v = f32At(DISTANCES_C, t);
        if (v < d || v == 0) return true;
      }
    }
  }
  return false;
}

@inline
function keep(k: i32, id: i32): void {
  setId(SELECTED, k, id);
  keepPoint(k, id);
}
@inline
function isLastLink(id: i32): bool { return load<i32>(record(id) + R_IN) <= 1; }

/**
 * Chooses up to `most` of n ascending candidates at `from`, diverse ones first, then the nearest of
 * the others up to `fill`. With `guard`, a candidate whose last link would go is kept. Result:
 * slots at SELECTED. The origin is lost.
 */
export function select(from: usize, n: i32, most: i32, fill: i32, guard: bool): i32 {
  let k = 0, rejected = 0;
  for (let i = 0; guard && i < n && k < most; i++) {
    const id = keyId(keyAt(from, i));
    if (isLastLink(id)) { keep(k, id); k++; }
  }
  for (let i = 0; i < n && k < most; i++) {
    const candidate = keyAt(from, i), id = keyId(candidate);
    if (guard && isLastLink(id)) continue;
    if (!isCovered(id, keyDistance(candidate), k)) { keep(k, id); k++; }
    else { setId(REJECTED, rejected, id); rejected++; }
  }
  for (let i = 0; i < rejected && k < fill; i++) { setId(SELECTED, k, idAt(REJECTED, i)); k++; }
  return k;
}

/** A link to id has gone: a dead slot that nothing names is freed, a live one noted for rescue. */
export function dropIn(id: i32): void {
  if (addIn(id, -1) != 0) return;
  const s = state(id);
  // While others link nothing is freed: a sweep finds it.
  if (s == DEAD_A || s == DEAD_B) { if (!THREADS) release(id); }
  else if (s == LIVE) noteAlone(id);
}

/** Adds id to the list of x, pruning it when it is full. The origin is lost. */
export function linkBack(x: i32, id: i32, level: i32): void {
  lock(x);
  const at = list(x, level), n = load<i32>(at);
  // Two that are linked at once may have met and named each other.
  if (THREADS && indexIn(at + 4, n, id) >= 0) { unlock(x); return; }
  if (n < limitOf(level)) {
    addIn(id, 1);
    atomic.store<i32>(at + 4 + (<usize>n << 2), id);
    setCount(at, n + 1);
    unlock(x);
    return;
  }
  copyList(IDS_B, at + 4, n);
  setId(IDS_B, n, id);
  originIsSlot(x, NODE_B);
  walkDistances(IDS_B, n + 1, DISTANCES_B);
  let count = 0;
  for (let i = 0; i <= n; i++) {
    const y = idAt(IDS_B, i);
    if (i < n && !isLive(y)) continue;
    place(SECOND, count, key(f32At(DISTANCES_B, i), y));
    count++;
  }
  addIn(id, 1);
  const kept = keptOf(level), k = select(SECOND, count, kept, kept, level == 0);
  for (let i = 0; i < k; i++) atomic.store<i32>(at + 4 + (<usize>i << 2), idAt(SELECTED, i));
  setCount(at, k);
  for (let i = 0; i <= n; i++) {
    const y = idAt(IDS_B, i);
    if (indexIn(SELECTED, k, y) < 0) dropIn(y);
  }
  unlock(x);
}

/** Puts a node into the chain of its level, from which a new entry is taken. */
export function chain(id: i32, level: i32): void {
  if (level == 0) return;
  const head = H + H_LEVELS + (<usize>level << 2), block = <usize>load<u32>(record(id) + R_UPPER);
  spin(H + H_LEVEL_LOCK);
  const next = load<i32>(head);
  store<i32>(block, next); store<i32>(block, 0, 4);
  if (next != 0) store<i32>(<usize>load<u32>(record(next - 1) + R_UPPER), id + 1, 4);
  store<i32>(head, id + 1);
  unspin(H + H_LEVEL_LOCK);
}

/** Takes a node out of the chain of its level. */
export function unchain(id: i32, level: i32): void {
  if (level == 0) return;
  const head = H + H_LEVELS + (<usize>level << 2), block = <usize>load<u32>(record(id) + R_UPPER);
  spin(H + H_LEVEL_LOCK);
  const next = load<i32>(block), previous = load<i32>(block, 4);
  if (next != 0) store<i32>(<usize>load<u32>(record(next - 1) + R_UPPER), previous, 4);
  if (previous != 0) store<i32>(<usize>load<u32>(record(previous - 1) + R_UPPER), next);
  else store<i32>(head, next);
  unspin(H + H_LEVEL_LOCK);
}

/** Own lists of a new node on one level, from the beam; returns the nearest neighbour or -1. */
function linkLevel(id: i32, level: i32, found: i32): i32 {
  let count = 0;
  const hasDead = word(H_DEAD) > 0;
  for (let i = 0; i < found; i++) {
    const k = keyAt(BEAM, i), y = keyId(k);
    if (y == id || hasDead && !isLive(y)) continue;
    store<u64>(BEAM + (<usize>count << 3), k);
    count++;
  }
  if (count == 0) return -1;
  const nearest = keyId(keyAt(BEAM, 0)), k = select(BEAM, count, M, M, false);
  lock(id);
  const at = list(id, level);
  let n = load<i32>(at);
  for (let i = 0; i < k && n < limitOf(level); i++) {
    const y = idAt(SELECTED, i);
    if (indexIn(at + 4, n, y) >= 0) continue;
    atomic.store<i32>(at + 4 + (<usize>n << 2), y);
    n++;
    addIn(y, 1);
  }
  setCount(at, n);
  unlock(id);
  return nearest;
}

/**
 * Nothing names this node: one of those it names does, in a free place of its list or in the place
 * of a link whose target has others. Nobody else loses its last link by it.
 */
export function forceLink(id: i32): void {
  if (load<i32>(record(id) + R_IN) != 0) return;
  const own = list(id, 0), count = load<i32>(own);
  for (let i = 0; i < count; i++) {
    const x = load<i32>(own + 4 + (<usize>i << 2));
    if (!isLive(x)) continue;
    const at = list(x, 0);
    lock(x);
    const n = load<i32>(at);
    if (n < LINKS) {
      atomic.store<i32>(at + 4 + (<usize>n << 2), id);
      setCount(at, n + 1);
      addIn(id, 1);
      unlock(x);
      return;
    }
    for (let j = n - 1; j >= 0; j--) {
      const p = at + 4 + (<usize>j << 2), y = load<i32>(p);
      if (load<i32>(record(y) + R_IN) <= 1) continue;
      atomic.store<i32>(p, id);
      addIn(id, 1); dropIn(y);
      unlock(x);
      return;
    }
    unlock(x);
  }
}

/** Links a stored slot, which the caller has made live, into the graph. Nothing names it. */
export function link(id: i32, ef: i32): void {
  const level = levelOf(id);
  const own = record(id);
  store<i32>(own + R_IN, 0);
  for (let l = 0; l <= level; l++) store<i32>(list(id, l), 0);
  let entry = atomic.load<u32>(H + H_ENTRY);
  if (entry == 0) {
    if (atomic.cmpxchg<u32>(H + H_ENTRY, 0, entryWord(id, level)) == 0) {
      chain(id, level);
      return;
    }
    entry = atomic.load<u32>(H + H_ENTRY);
  }
  const top = entryLevel(entry), from = min(level, top);
  let current = entrySlot(entry);
  originIsSlot(id, NODE);
  if (level < top) current = descend(current, top, level);
  for (let l = from; l >= 0; l--) {
    originIsSlot(id, NODE);
    const nearest = linkLevel(id, l, searchLevel(current, ef, l, EQUALS_LINKED));
    if (nearest >= 0) current = nearest;
  }
  for (let l = 0; l <= from; l++) {
    const at = list(id, l);
    lock(id);
    const n = load<i32>(at);
    copyList(IDS_C, at + 4, n);
    unlock(id);
    for (let i = 0; i < n; i++) {
      const x = idAt(IDS_C, i);
      if (x != id) linkBack(x, id, l);
    }
  }
  forceLink(id);
  chain(id, level);
  raiseEntry(id, level);
  rescue();
}

/** The entry becomes this node when its level is above the entry's. */
export function raiseEntry(id: i32, level: i32): void {
  while (true) {
    const entry = atomic.load<u32>(H + H_ENTRY);
    if (entry != 0 && entryLevel(entry) >= level) return;
    if (atomic.cmpxchg<u32>(H + H_ENTRY, entry, entryWord(id, level)) == entry) return;
  }
}
