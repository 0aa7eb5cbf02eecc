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
  addChunk, addWord, allocate, FREE, giveBlock, H, H_CAPACITY, H_FREE, H_FREE_COUNT, H_LIVE,
  H_PENDING, H_PENDING_COUNT, H_PENDING_SIZE, H_RADIUS, H_SEED, H_SLOTS, LEVELS_MAX, LIVE, M,
  METRIC, METRIC_IP, PENDING, R_IN, R_LEVEL, R_LIST, R_STATE, R_UPPER, record, setPresent, setWord,
  state, takeBlock, upperBytes, word,
} from './layout.as';
import { retire, unlink } from './removal.as';
import { fitVisited, QUERY } from './scratch.as';

export const E_MEMORY = -1, E_NOT_FINITE = -2, E_ABSENT = -3;

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

function takeSlot(): i32 {
  const free = word(H_FREE);
  if (free != 0) {
    setWord(H_FREE, load<i32>(record(free - 1) + R_LIST, 4));
    addWord(H_FREE_COUNT, -1);
    return free - 1;
  }
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
  atomic.store<i32>(H + H_SLOTS, id + 1);
  return id;
}

function fitPending(): bool {
  const count = word(H_PENDING_COUNT), size = word(H_PENDING_SIZE);
  if (count < size) return true;
  const wanted = size == 0 ? 1024 : size << 1, block = takeBlock(<usize>wanted << 2);
  if (block == 0) return false;
  const old = <usize>word(H_PENDING);
  if (count > 0) memory.copy(block, old, <usize>count << 2);
  giveBlock(old, <usize>size << 2);
  setWord(H_PENDING, <i32>block); setWord(H_PENDING_SIZE, wanted);
  return true;
}

function pushPending(id: i32): void {
  const n = word(H_PENDING_COUNT);
  store<i32>(<usize>word(H_PENDING) + (<usize>n << 2), id);
  store<i32>(record(id) + R_IN, n);
  atomic.store<i32>(H + H_PENDING_COUNT, n + 1);
}

/** A slot that was linked waits again; false without memory for the list. */
export function relist(id: i32): bool {
  if (!fitPending()) return false;
  pushPending(id);
  return true;
}

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
  if (M > 0 && !fitPending()) return E_MEMORY;
  const id = takeSlot();
  if (id < 0) return id;
  if (METRIC == METRIC_IP && norm > load<f32>(H + H_RADIUS)) growRadius(norm);
  writeCold(id, from, norm);
  writePoint(id, from, norm);
  store<u8>(record(id) + R_STATE, PENDING);
  setPresent(id, true);
  addWord(H_LIVE, 1);
  if (M > 0) pushPending(id);
  return id;
}

/** Links up to `count` pending slots, the newest first. Returns how many stay, or an error. */
export function linkPending(count: i32, ef: i32): i32 {
  if (!fitVisited()) return E_MEMORY;
  for (let i = 0; i < count && word(H_PENDING_COUNT) > 0; i++) {
    const at = <usize>word(H_PENDING) + (<usize>(word(H_PENDING_COUNT) - 1) << 2);
    const id = load<i32>(at);
    atomic.store<i32>(H + H_PENDING_COUNT, word(H_PENDING_COUNT) - 1);
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
