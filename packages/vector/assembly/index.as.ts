/**
 * What the TypeScript side calls (src/engine/engine.ts declares it), and the check of a graph.
 * One instance per thread and memory: `create` lays a fresh memory out, `attach` joins one that is
 * laid out; both take this thread's scratch.
 */
import {
  attachLayout, COLD_KIND, COLD_NONE, coldAt, createLayout, dropCold, F32_BYTES, FREE, giveBlock,
  H, H_ENTRY, H_ERA, H_LOW, H_RADIUS, H_SCALE, H_SLOTS, H_TRAINED, levelOf, list, LIVE, M, PENDING,
  R_IN, READERS, record, setThreads, setWord, state, takeBlock, word,
} from './layout.as';
import { growRadius, normOf, readVector, recode as recodeAll } from './codes.as';
import { entryWord, limitOf } from './graph.as';
import { aloneWaiting, distanceCount, giveScratch, OUT, QUERY, takeScratch } from './scratch.as';
import { walked, walkedAllowed } from './search.as';
import { appendFrom, E_MEMORY } from './slots.as';

export { adopt, append, linkPending, remove } from './slots.as';
export {
  beginRemoval, endRemoval, linkNext, markGone, movePending, removeGone, share, unshare,
} from './tail.as';
export { sweep, reclaim } from './removal.as';
export { restoreNode, settle } from './restore.as';
export { exact, coded, walk, twoHop, collect, within, setBitmap, setLate } from './search.as';
export { takeBlock, giveBlock } from './layout.as';

export function create(
  dimension: i32, metric: i32, coldKind: i32, walkKind: i32, m: i32, seed: i32, bytesMax: u32,
  isColdKept: i32,
): i32 {
  createLayout(dimension, metric, coldKind, walkKind, m, seed, bytesMax, isColdKept);
  return takeScratch(true) ? 0 : E_MEMORY;
}

/** Joins a laid out memory, as its owner or beside it; with `threads`, lists are locked. */
export function attach(threads: i32, owns: i32): i32 {
  attachLayout();
  setThreads(threads != 0);
  return takeScratch(owns != 0) ? 0 : E_MEMORY;
}

/** What the owner changed while all threads stood still is seen by this one. */
export function refresh(): void { attachLayout(); }
/** This thread's scratch is given back; it calls nothing any more. */
export function detach(): void { giveScratch(); }
/** Live slots without a link that this thread could not mend beside others. */
export function aloneCount(): i32 { return aloneWaiting(); }
/** The radius becomes great enough for the vector at QUERY. Nobody else is at work. */
export function raiseRadius(): void {
  const norm = normOf(QUERY);
  if (norm > load<f32>(H + H_RADIUS)) growRadius(norm);
}

export function queryAt(): usize { return QUERY; }
export function outAt(): usize { return OUT; }
export function distances(): u32 { return distanceCount; }
export function walkedCount(): i32 { return walked; }
export function walkedAllowedCount(): i32 { return walkedAllowed; }

/** What a memory takes over from one whose slots move here: the codes' range, radius and entry. */
export function inherit(low: f32, scale: f32, isTrained: i32, radius: f32): void {
  store<f32>(H + H_LOW, low); store<f32>(H + H_SCALE, scale); store<f32>(H + H_RADIUS, radius);
  setWord(H_TRAINED, isTrained);
  if (isTrained) dropCold();
}
export function setEntry(id: i32): void {
  store<u32>(H + H_ENTRY, id < 0 ? 0 : entryWord(id, levelOf(id)));
}
export function recordAt(id: i32): usize { return record(id); }
export function coldVectorAt(id: i32): usize { return COLD_KIND == COLD_NONE ? 0 : coldAt(id); }

/** The vector of `bytes` at `at` where it may be read with its padding. */
function paddedAt(at: usize, bytes: usize): usize {
  if (bytes == F32_BYTES) return at;
  memory.copy(QUERY, at, bytes);
  return QUERY;
}

/** Number of the first of `count` vectors that cannot be stored, `count` when all can. */
export function firstNotFinite(from: usize, count: i32, bytes: usize): i32 {
  for (let i = 0; i < count; i++) {
    if (normOf(paddedAt(from + <usize>i * bytes, bytes)) < 0) return i;
  }
  return count;
}

/** Stores `count` vectors of `dimension` f32 at `from`; slots at `to`. Returns how many fit. */
export function appendMany(from: usize, count: i32, bytes: usize, to: usize): i32 {
  for (let i = 0; i < count; i++) {
    const id = appendFrom(paddedAt(from + <usize>i * bytes, bytes));
    if (id < 0) { store<i32>(to + (<usize>i << 2), id); return i; }
    store<i32>(to + (<usize>i << 2), id);
  }
  return count;
}

/** The vector of a slot goes to QUERY. */
export function read(id: i32): void { readVector(id, QUERY); }

/** Sets the range of the codes, codes everything again, and lets the graph be built. */
export function train(low: f32, scale: f32): void {
  recodeAll(low, scale);
  setWord(H_TRAINED, 1);
  dropCold();
}

export function slotState(id: i32): i32 { return state(id); }
export function neighbours(id: i32, level: i32): usize { return list(id, level); }
export function slotLevel(id: i32): i32 { return levelOf(id); }

/** Announces this reader (0..31) in the current era; pairs with the loads in `reclaim`. */
export function enter(reader: i32): void {
  atomic.store<u32>(READERS + (<usize>reader << 6), atomic.load<u32>(H + H_ERA));
}
export function leave(reader: i32): void { atomic.store<u32>(READERS + (<usize>reader << 6), 0); }

/**
 * Checks every list: slots exist and are linked, no list is too long, in-degrees are what a recount
 * gives. Returns the number of live nodes without a link to them, or -10 and below for a fault.
 */
export function check(): i32 {
  const slots = word(H_SLOTS), bytes = <usize>slots << 2;
  if (M == 0 || slots == 0) return 0;
  const counts = takeBlock(bytes);
  if (counts == 0) return E_MEMORY;
  memory.fill(counts, 0, bytes);
  let fault = 0;
  for (let id = 0; id < slots && fault == 0; id++) {
    const s = state(id);
    if (s == FREE || s == PENDING) continue;
    for (let l = levelOf(id); l >= 0 && fault == 0; l--) fault = countLinks(id, l, slots, counts);
  }
  let alone = 0, live = 0;
  for (let id = 0; id < slots && fault == 0; id++) {
    const s = state(id), seen = load<i32>(counts + (<usize>id << 2));
    if (s == FREE || s == PENDING) {
      if (seen != 0) fault = -13;
    } else if (seen != load<i32>(record(id) + R_IN)) fault = -14;
    else if (s == LIVE) {
      live++;
      if (seen == 0) alone++;
    }
  }
  giveBlock(counts, bytes);
  return fault != 0 ? fault : live > 1 ? alone : 0;
}

function countLinks(id: i32, level: i32, slots: i32, counts: usize): i32 {
  const at = list(id, level), n = load<i32>(at);
  if (<u32>n > <u32>limitOf(level)) return -10;
  for (let i = 0; i < n; i++) {
    const y = load<i32>(at + 4 + (<usize>i << 2));
    if (<u32>y >= <u32>slots) return -11;
    if (y == id) return -12;
    if (levelOf(y) < level) return -15;
    const c = counts + (<usize>y << 2);
    store<i32>(c, load<i32>(c) + 1);
  }
  return 0;
}

/** 64-bit hash of bytes in four lanes, a multiple of 32 bytes; for images. Two words at OUT. */
export function hashBytes(from: usize, bytes: usize): void {
  let a: u64 = 0x9E3779B97F4A7C15, b: u64 = 0xC2B2AE3D27D4EB4F, c: u64 = 0x165667B19E3779F9;
  let d: u64 = 0x27D4EB2F165667C5;
  const end = from + (bytes & ~31);
  for (; from < end; from += 32) {
    a = rotl(a ^ load<u64>(from), 29) * 0x9FB21C651E98DF25;
    b = rotl(b ^ load<u64>(from, 8), 31) * 0xD6E8FEB86659FD93;
    c = rotl(c ^ load<u64>(from, 16), 27) * 0xA0761D6478BD642F;
    d = rotl(d ^ load<u64>(from, 24), 33) * 0xE7037ED1A0B428DB;
  }
  let h = (a ^ rotl(b, 13)) * 0x9E3779B97F4A7C15 ^ rotl((c ^ rotl(d, 17)) * 0xC2B2AE3D27D4EB4F, 32);
  h ^= <u64>bytes; h ^= h >> 29; h *= 0x9FB21C651E98DF25; h ^= h >> 32;
  store<u64>(OUT, h);
}
