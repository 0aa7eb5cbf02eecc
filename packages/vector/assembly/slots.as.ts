/**
 * The life of a slot: free, stored and pending (searched by a scan of the pending list), linked,
 * dead, free again. A stored vector never changes; overwriting takes a new slot.
 * The list of pending slots is one block; a pending slot's in-degree word is its place in it.
 * Everything that can fail (memory, components that are not finite) fails before any change.
 * An exact index has no links (M = 0) and lists nothing as pending.
 */
import { growRadius, normOf, writeCold, writePoint } from './codes.as';
import { chain, link } from './graph.as';
import {
  addChunk, addWord, allocate, FREE, giveBlock, H, H_CAPACITY, H_FREE, H_FREE_COUNT, H_FREE_LOCK,
  H_LIVE, H_PENDING, H_PENDING_COUNT, H_PENDING_SIZE, H_RADIUS, H_SEED, H_SLOTS, H_TRAINED,
  isShared, LEVELS_MAX, LIVE, M, METRIC, METRIC_IP, PENDING, publishWord, R_IN, R_LEVEL, R_LIST,
  R_STATE, R_UPPER, record, setPresent, setWord, state, takeBlock, unspin, upperBytes, word,
} from './layout.as';
import { retire, unlink } from './removal.as';
import { fitVisited, QUERY } from './scratch.as';
import { pushTail } from './tail.as';

export const E_MEMORY = -1, E_NOT_FINITE = -2, E_ABSENT = -3, E_RADIUS = -4;

/** Level of a slot: geometric, from a hash of its number and the seed, without a logarithm. */
function levelFor(id: i32): i32 {
  if (M == 0) return 0;
  let h = (<u64>id + 1 + (<u64><u32>word(H_SEED) << 32)) * 0x9E3779B97F4A7C15;
  h ^= h >> 32; h *= 0xD6E8FEB86659FD93; h ^= h >> 32;
  let level = 0;
  const base = <f64>M;
  for (let t = (<f64>(h >> 11) + 1) / 9007199254740993.0 * base; t < 1 && level < LEVELS_MAX;) {
    level++;
    t *= base;
  }
  return level;
}

/** A slot that was freed, -1 when there is none, or a thread is freeing one: nobody waits here. */
function takeFree(): i32 {
  if (word(H_FREE) == 0 || atomic.cmpxchg<i32>(H + H_FREE_LOCK, 0, 1) != 0) return -1;
  const free = word(H_FREE);
  if (free != 0) {
    setWord(H_FREE, load<i32>(record(free - 1) + R_LIST, 4));
    addWord(H_FREE_COUNT, -1);
  }
  unspin(H + H_FREE_LOCK);
  return free - 1;
}

function takeSlot(): i32 {
  const freed = takeFree();
  if (freed >= 0) return freed;
  const id = word(H_SLOTS);
  if (id == word(H_CAPACITY) && !addChunk()) return E_MEMORY;
  // Marks for every slot from the start: a search or a removal never wants memory for them.
  if (M > 0 && !fitVisited()) return E_MEMORY;
  const own = record(id), level = levelFor(id);
  if (level > 0 && load<u32>(own + R_UPPER) == 0) {
    const block = allocate(upperBytes(level));
    if (block == 0) return E_MEMORY;
    store<u32>(own + R_UPPER, <u32>block);
  }
  store<u8>(own + R_LEVEL, <u8>level);
  store<u8>(own + R_STATE, FREE);
  publishWord(H_SLOTS, id + 1);
  return id;
}

function fitPending(): bool {
  const count = word(H_PENDING_COUNT), size = word(H_PENDING_SIZE);
  if (count < size) return true;
  const wanted = size == 0 ? 1024 : size << 1, block = takeBlock(<usize>wanted << 2);
  if (block == 0) return false;
  const old = <usize>word(H_PENDING);
  if (count > 0) memory.copy(block, old, <usize>count << 2);
  // A thread may be reading the old one; it is half as long, and goes with the memory.
  if (!isShared()) giveBlock(old, <usize>size << 2);
  setWord(H_PENDING, <i32>block); setWord(H_PENDING_SIZE, wanted);
  return true;
}

function pushPending(id: i32): void {
  const n = word(H_PENDING_COUNT);
  store<i32>(<usize>word(H_PENDING) + (<usize>n << 2), id);
  store<i32>(record(id) + R_IN, n);
  publishWord(H_PENDING_COUNT, n + 1);
}

/** Whether there is memory to list one more as pending. */
export function canRelist(): bool { return fitPending(); }
/** A slot that was linked waits again. */
export function relist(id: i32): void { pushPending(id); }

function dropPending(id: i32): void {
  const n = word(H_PENDING_COUNT) - 1, base = <usize>word(H_PENDING);
  const at = load<i32>(record(id) + R_IN), last = load<i32>(base + (<usize>n << 2));
  store<i32>(base + (<usize>at << 2), last);
  store<i32>(record(last) + R_IN, at);
  atomic.store<i32>(H + H_PENDING_COUNT, n);
}

/** Stores the vector in QUERY and returns its slot, or an error. */
export function append(): i32 { return appendFrom(QUERY); }

/** Stores the padded vector at `from`. */
export function appendFrom(from: usize): i32 {
  const norm = normOf(from);
  if (norm < 0) return E_NOT_FINITE;
  const shared = isShared();
  // All numbers that follow from the radius change with it: nobody may be reading them.
  if (shared && METRIC == METRIC_IP && norm > load<f32>(H + H_RADIUS)) return E_RADIUS;
  if (M > 0 && !fitPending()) return E_MEMORY;
  const id = takeSlot();
  if (id < 0) return id;
  if (METRIC == METRIC_IP && norm > load<f32>(H + H_RADIUS)) growRadius(norm);
  writeCold(id, from, norm);
  writePoint(id, from, norm);
  store<i32>(record(id) + R_IN, 0);
  // From here on a thread may link it, from a place of the tail that it had in an earlier life.
  if (shared) atomic.store<u8>(record(id) + R_STATE, PENDING);
  else store<u8>(record(id) + R_STATE, PENDING);
  setPresent(id, true);
  addWord(H_LIVE, 1);
  if (M > 0) {
    if (shared && word(H_TRAINED) != 0) pushTail(id);
    else pushPending(id);
  }
  return id;
}

/** Links up to `count` pending slots, the newest first. Returns how many stay, or an error. */
export function linkPending(count: i32, ef: i32): i32 {
  if (!fitVisited()) return E_MEMORY;
  for (let i = 0; i < count && word(H_PENDING_COUNT) > 0; i++) {
    const at = <usize>word(H_PENDING) + (<usize>(word(H_PENDING_COUNT) - 1) << 2);
    const id = load<i32>(at);
    atomic.store<i32>(H + H_PENDING_COUNT, word(H_PENDING_COUNT) - 1);
    store<u8>(record(id) + R_STATE, LIVE);
    link(id, ef);
  }
  return word(H_PENDING_COUNT);
}

/** Removes a slot; 0, or E_ABSENT. Wants no memory. */
export function remove(id: i32): i32 {
  if (<u32>id >= <u32>word(H_SLOTS)) return E_ABSENT;
  const s = state(id);
  if (s == LIVE) {
    unlink(id);
    return 0;
  }
  if (s != PENDING) return E_ABSENT;
  if (M > 0) dropPending(id);
  setPresent(id, false);
  addWord(H_LIVE, -1);
  store<u8>(record(id) + R_STATE, FREE);
  retire(id);
  return 0;
}

/**
 * Takes a slot for one that moves here from another memory, at its level; the caller copies it.
 * A pending one is listed; a linked one joins the chain of its level. Returns the slot or an error.
 */
export function adopt(level: i32, isPending: i32): i32 {
  if (M > 0 && !fitPending()) return E_MEMORY;
  const id = takeSlot();
  if (id < 0) return id;
  const own = record(id);
  if (level > levelFor(id)) {
    const block = allocate(upperBytes(level));
    if (block == 0) return E_MEMORY;
    store<u32>(own + R_UPPER, <u32>block);
  }
  store<u8>(own + R_LEVEL, <u8>level);
  store<u8>(own + R_STATE, isPending ? PENDING : LIVE);
  setPresent(id, true);
  addWord(H_LIVE, 1);
  if (isPending && M > 0) pushPending(id);
  else if (!isPending) chain(id, level);
  return id;
}
