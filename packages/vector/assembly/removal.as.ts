/**
 * Taking slots out of the graph. A removed node is unlinked from every neighbour that names it
 * back, each of which gets the best of the node's other neighbours in its place; lists that name
 * it without being named (about half) are mended by the sweep. Until then it is dead: walks step
 * over it. A slot is freed when no list names it, and used again when no reader can still hold it.
 * The sweep goes over all slots in slices: lists that name a doomed node are rebuilt from their
 * live links and the doomed nodes' live links; then the doomed drop their links and are freed. A
 * node that dies while a sweep runs has the other dead state and waits for the next one.
 * Measured: recall after 95 % of deletes .998, where tombstones alone leave .27.
 * Source: consolidation as in FreshDiskANN, Singh 2021; eras, Fraser 2004.
 */
import { originIsSlot, walkDistances } from './distances.as';
import {
  dropIn, entrySlot, entryWord, forceLink, keptOf, linkBack, select, unchain,
} from './graph.as';
import {
  addIn, addWord, DEAD_A, DEAD_B, FREE, giveBlock, GOING, H, H_DEAD, H_DEAD_STATE, H_ENTRY, H_ERA,
  H_FREE, H_FREE_COUNT, H_FREE_LOCK, H_LEVELS, H_LIVE, H_PENDING_COUNT, H_RETIRED, H_RETIRED_HEAD,
  H_RETIRED_SIZE, H_RETIRED_TAIL, H_SLOTS, H_SWEEP_AT, H_SWEEP_END, H_SWEEP_PHASE, isLive, levelOf,
  LEVELS_MAX, list, LIVE, lock, PENDING, presentAt, R_IN, R_LIST, R_STATE, READER_COUNT, READERS,
  record, setCount, setPresent, setWord, spin, state, takeBlock, THREADS, unlock, unspin, word,
} from './layout.as';
import { canRelist, relist } from './slots.as';
import {
  copyList, DISTANCES_B, DISTANCES_C, f32At, idAt, IDS, IDS_B, IDS_C, indexOf, key, keyAt,
  keyDistance, keyId, LIST_MAX, mark, met, newVisit, NODE_B, noteAlone, place, SECOND, SELECTED,
  setId, takeAlone,
} from './scratch.as';

/** Candidates tried for one broken link. */
const TRIES = 8;

function pushFree(id: i32): void {
  spin(H + H_FREE_LOCK);
  store<i32>(record(id) + R_LIST, word(H_FREE), 4);
  setWord(H_FREE, id + 1);
  addWord(H_FREE_COUNT, 1);
  unspin(H + H_FREE_LOCK);
}

/** Dead slots whose links are still to be dropped, chained through their in-degree words. */
let releasing: i32 = 0, isReleasing: bool = false;

/**
 * Drops the links of a dead slot that nothing names, and retires it; so with all dead slots that
 * lose their last link thereby. A loop and not a recursion: the chain may be long.
 */
export function release(id: i32): void {
  store<u8>(record(id) + R_STATE, FREE);
  store<i32>(record(id) + R_IN, releasing);
  releasing = id + 1;
  if (isReleasing) return;
  isReleasing = true;
  while (releasing != 0) {
    const next = releasing - 1;
    releasing = load<i32>(record(next) + R_IN);
    dropLinks(next);
    addWord(H_DEAD, -1);
    retire(next);
  }
  isReleasing = false;
}

function dropLinks(id: i32): void {
  for (let l = levelOf(id); l >= 0; l--) {
    const at = list(id, l), n = load<i32>(at);
    setCount(at, 0);
    for (let i = 0; i < n; i++) dropIn(load<i32>(at + 4 + (<usize>i << 2)));
  }
}

/** Frees a slot now when no other thread reads, else once every reader of this era has left. */
export function retire(id: i32): void {
  const size = word(H_RETIRED_SIZE), tail = word(H_RETIRED_TAIL);
  if (!hasReaders()) { pushFree(id); return; }
  if (tail - word(H_RETIRED_HEAD) >= size && !growRetired()) { reclaim(); }
  const room = word(H_RETIRED_SIZE);
  // Without memory for the ring the slot is lost until the index is compacted; never reused early.
  if (word(H_RETIRED_TAIL) - word(H_RETIRED_HEAD) >= room) return;
  const p = <usize>word(H_RETIRED) + (<usize>(word(H_RETIRED_TAIL) & (room - 1)) << 3);
  store<i32>(p, id); store<u32>(p, atomic.load<u32>(H + H_ERA), 4);
  addWord(H_RETIRED_TAIL, 1);
  if ((word(H_RETIRED_TAIL) & 63) == 0) reclaim();
}

function hasReaders(): bool {
  for (let i: usize = 0; i < <usize>READER_COUNT; i++) {
    if (atomic.load<u32>(READERS + (i << 6)) != 0) return true;
  }
  return word(H_RETIRED_TAIL) != word(H_RETIRED_HEAD);
}

function growRetired(): bool {
  const size = word(H_RETIRED_SIZE), wanted = size == 0 ? 256 : size << 1;
  const block = takeBlock(<usize>wanted << 3), old = <usize>word(H_RETIRED);
  if (block == 0) return false;
  const head = word(H_RETIRED_HEAD), tail = word(H_RETIRED_TAIL);
  for (let i = head; i < tail; i++) {
    const from = old + (<usize>(i & (size - 1)) << 3);
    const to = block + (<usize>(i & (wanted - 1)) << 3);
    store<u64>(to, load<u64>(from));
  }
  giveBlock(old, <usize>size << 3);
  setWord(H_RETIRED, <i32>block); setWord(H_RETIRED_SIZE, wanted);
  return true;
}

/** Starts a new era and frees what was retired before the oldest era a reader announces. */
export function reclaim(): i32 {
  const era = <u32>addWord(H_ERA, 1);
  let oldest = era;
  for (let i: usize = 0; i < <usize>READER_COUNT; i++) {
    const announced = atomic.load<u32>(READERS + (i << 6));
    if (announced != 0 && announced < oldest) oldest = announced;
  }
  let freed = 0;
  while (word(H_RETIRED_HEAD) != word(H_RETIRED_TAIL)) {
    const at = word(H_RETIRED_HEAD) & (word(H_RETIRED_SIZE) - 1);
    const p = <usize>word(H_RETIRED) + (<usize>at << 3);
    if (load<u32>(p, 4) >= oldest) break;
    pushFree(load<i32>(p));
    addWord(H_RETIRED_HEAD, 1);
    freed++;
  }
  return freed;
}

/** Nearest of c candidates at IDS that is diverse among the links of z, else -1. */
function replacementFor(z: i32, at: usize, n: i32, c: i32, level: i32): i32 {
  originIsSlot(z, NODE_B);
  copyList(IDS_B, IDS, c);
  walkDistances(IDS_B, c, DISTANCES_B);
  let count = 0;
  for (let i = 0; i < c; i++) {
    const y = idAt(IDS_B, i);
    if (y == z) continue;
    place(SECOND, count, key(f32At(DISTANCES_B, i), y));
    count++;
  }
  let nearest = -1, tried = 0;
  for (let i = 0; i < count && tried < TRIES; i++) {
    const k = keyAt(SECOND, i), y = keyId(k);
    if (indexOf(at, y) >= 0) continue;
    tried++;
    if (nearest < 0) nearest = y;
    originIsSlot(y, NODE_B);
    copyList(IDS_B, at + 4, n);
    walkDistances(IDS_B, n, DISTANCES_C);
    let isDiverse = true;
    for (let j = 0; j < n; j++) {
      const d = f32At(DISTANCES_C, j);
      if (d < keyDistance(k) || d == 0) { isDiverse = false; break; }
    }
    if (isDiverse) return y;
  }
  return n < keptOf(level) >> 1 ? nearest : -1;
}

/** Takes the link at position `index` out of the list of z and puts a neighbour in its place. */
function mend(z: i32, index: i32, level: i32, c: i32): void {
  lock(z);
  const at = list(z, level);
  let n = load<i32>(at);
  atomic.store<i32>(at + 4 + (<usize>index << 2), load<i32>(at + (<usize>n << 2)));
  n--;
  setCount(at, n);
  const y = c > 0 ? replacementFor(z, at, n, c, level) : -1;
  if (y >= 0) {
    atomic.store<i32>(at + 4 + (<usize>n << 2), y);
    setCount(at, n + 1);
    addIn(y, 1);
  }
  unlock(z);
}

/** The highest node that is left becomes the entry, when x was it. */
function moveEntry(x: i32): void {
  if (entrySlot(load<u32>(H + H_ENTRY)) != x) return;
  for (let level = LEVELS_MAX; level > 0; level--) {
    const head = load<i32>(H + H_LEVELS + (<usize>level << 2));
    if (head == 0) continue;
    atomic.store<u32>(H + H_ENTRY, entryWord(head - 1, level));
    return;
  }
  atomic.store<u32>(H + H_ENTRY, firstLive());
}

/** Entry word of a live neighbour of nothing in particular; 0 when none is left. */
function firstLive(): u32 {
  const count = word(H_SLOTS);
  for (let base = 0; base < count; base += 64) {
    let bits = load<u64>(presentAt(base));
    while (bits != 0) {
      const id = base + <i32>ctz(bits);
      bits &= bits - 1;
      if (isLive(id)) return entryWord(id, levelOf(id));
    }
  }
  return 0;
}

/** Gives y one more link, from the nearest live node that it names itself. */
function linkFromOwn(y: i32): void {
  const at = list(y, 0), n = load<i32>(at);
  copyList(IDS_B, at + 4, n);
  originIsSlot(y, NODE_B);
  walkDistances(IDS_B, n, DISTANCES_B);
  let best = -1, nearest: f32 = f32.MAX_VALUE;
  for (let j = 0; j < n; j++) {
    const w = idAt(IDS_B, j), d = f32At(DISTANCES_B, j);
    if (d < nearest && isLive(w) && indexOf(list(w, 0), y) < 0) { nearest = d; best = w; }
  }
  if (best >= 0) linkBack(best, y, 0);
}

/**
 * Live nodes that lost their last link get one; those that name nobody either wait to be linked
 * anew, and a scan of the waiting finds them until then. While others link, they are kept for the
 * next time that nobody does.
 */
export function rescue(): void {
  let kept = 0;
  for (let id = takeAlone(); id >= 0; id = takeAlone()) {
    if (!isLive(id) || load<i32>(record(id) + R_IN) > 0) continue;
    if (entrySlot(load<u32>(H + H_ENTRY)) == id && word(H_LIVE) - word(H_PENDING_COUNT) == 1) {
      continue;
    }
    forceLink(id);
    if (load<i32>(record(id) + R_IN) > 0) continue;
    if (THREADS) {
      if (kept < LIST_MAX) { setId(IDS_C, kept, id); kept++; }
      continue;
    }
    if (!canRelist()) continue;
    // The owner may delete it at this moment.
    if (atomic.cmpxchg<u8>(record(id) + R_STATE, LIVE, PENDING) != LIVE) continue;
    const level = levelOf(id);
    unchain(id, level);
    moveEntry(id);
    dropLinks(id);
    relist(id);
  }
  for (let i = 0; i < kept; i++) noteAlone(idAt(IDS_C, i));
}

/** Removes a linked slot. The caller has seen that it is live. */
export function unlink(x: i32): void {
  store<u8>(record(x) + R_STATE, GOING);
  addWord(H_LIVE, -1); addWord(H_DEAD, 1);
  setPresent(x, false);
  unlinkGoing(x);
}

/** Takes a slot that is marked as going out of the graph. Nobody links meanwhile. */
export function unlinkGoing(x: i32): void {
  const own = record(x), level = levelOf(x);
  unchain(x, level);
  moveEntry(x);
  for (let l = level; l >= 0; l--) {
    const at = list(x, l), n = load<i32>(at);
    let c = 0;
    for (let i = 0; i < n; i++) {
      const y = load<i32>(at + 4 + (<usize>i << 2));
      if (isLive(y)) { setId(IDS, c, y); c++; }
    }
    for (let i = 0; i < n; i++) {
      const y = load<i32>(at + 4 + (<usize>i << 2)), index = indexOf(list(y, l), x);
      if (index < 0) continue;
      addIn(x, -1);
      mend(y, index, l, isLive(y) ? c : 0);
    }
  }
  const at = list(x, 0), n = load<i32>(at);
  copyList(IDS_C, at + 4, n);
  for (let i = 0; i < n; i++) {
    const y = idAt(IDS_C, i);
    if (isLive(y) && load<i32>(record(y) + R_IN) <= 2) linkFromOwn(y);
  }
  store<u8>(own + R_STATE, <u8>word(H_DEAD_STATE));
  if (load<i32>(own + R_IN) == 0) release(x);
  rescue();
}

@inline
function isDoomed(id: i32, doomed: u8): bool { return state(id) == doomed; }

/** Rebuilds one list without doomed nodes; a dead node's list only loses them. */
function cleanList(z: i32, level: i32, doomed: u8): void {
  const at = list(z, level), n = load<i32>(at);
  let gone = 0;
  for (let i = 0; i < n; i++) if (isDoomed(load<i32>(at + 4 + (<usize>i << 2)), doomed)) gone++;
  if (gone == 0) return;
  newVisit();
  mark(z);
  let c = 0;
  for (let i = 0; i < n; i++) {
    const y = load<i32>(at + 4 + (<usize>i << 2));
    mark(y);
    if (isLive(y)) { setId(IDS_B, c, y); c++; }
  }
  const isDead = !isLive(z);
  for (let i = 0; i < n && c < LIST_MAX - 8 && !isDead; i++) {
    const y = load<i32>(at + 4 + (<usize>i << 2));
    if (isLive(y)) continue;
    const other = list(y, level), m = load<i32>(other);
    for (let j = 0; j < m && c < LIST_MAX - 8; j++) {
      const w = load<i32>(other + 4 + (<usize>j << 2));
      if (!isLive(w) || met(w)) continue;
      setId(IDS_B, c, w);
      c++;
    }
  }
  let k = c;
  if (isDead) copyList(SELECTED, IDS_B, c);
  else {
    originIsSlot(z, NODE_B);
    walkDistances(IDS_B, c, DISTANCES_B);
    for (let i = 0; i < c; i++) place(SECOND, i, key(f32At(DISTANCES_B, i), idAt(IDS_B, i)));
    k = select(SECOND, c, keptOf(level), keptOf(level), false);
  }
  copyList(IDS_C, at + 4, n);
  lock(z);
  for (let i = 0; i < k; i++) {
    const y = idAt(SELECTED, i);
    atomic.store<i32>(at + 4 + (<usize>i << 2), y);
    addIn(y, 1);
  }
  setCount(at, k);
  unlock(z);
  for (let i = 0; i < n; i++) {
    const y = idAt(IDS_C, i);
    if (isDoomed(y, doomed)) addIn(y, -1);
    else dropIn(y);
  }
}

/** Begins a sweep of what is dead now. */
function beginSweep(): void {
  setWord(H_DEAD_STATE, word(H_DEAD_STATE) == DEAD_A ? DEAD_B : DEAD_A);
  setWord(H_SWEEP_PHASE, 1); setWord(H_SWEEP_AT, 0); setWord(H_SWEEP_END, word(H_SLOTS));
}

/** Phase 1 cleans the lists of others, 2 drops the links of the doomed, 3 frees them. */
function sweepSlot(z: i32, phase: i32, doomed: u8): void {
  const s = state(z);
  if (phase == 1) {
    // One that is marked, and not taken out yet, names others until then.
    if (s != LIVE && s != GOING && s != <u8>word(H_DEAD_STATE)) return;
    for (let l = levelOf(z); l >= 0; l--) cleanList(z, l, doomed);
  } else if (phase == 2) {
    if (s == doomed) dropLinks(z);
  } else if (s == doomed) release(z);
  else if (s == LIVE && load<i32>(record(z) + R_IN) == 0) noteAlone(z);
  rescue();
}

/** Does a slice of a sweep, beginning one if none runs; returns 1 while more is to do. */
export function sweep(slots: i32): i32 {
  if (word(H_SWEEP_PHASE) == 0) beginSweep();
  const doomed = word(H_DEAD_STATE) == DEAD_A ? DEAD_B : DEAD_A;
  const end = word(H_SWEEP_END), to = min(word(H_SWEEP_AT) + slots, end);
  for (let z = word(H_SWEEP_AT); z < to; z++) sweepSlot(z, word(H_SWEEP_PHASE), doomed);
  setWord(H_SWEEP_AT, to);
  if (to < end) return 1;
  setWord(H_SWEEP_PHASE, (word(H_SWEEP_PHASE) + 1) & 3);
  setWord(H_SWEEP_AT, 0);
  return word(H_SWEEP_PHASE) == 0 ? 0 : 1;
}
