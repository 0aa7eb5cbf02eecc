/**
 * The memory of one segment: header words, chunk tables, records, and the allocator behind them.
 *   1024   header (words at H_*)      4096  slots of 32 readers, 64 bytes apart: the era announced
 *   8192   addresses of hot chunks, 8,192 words; 40960 of cold chunks; 73728 on: allocated blocks
 *   hot chunk    bitmap of present slots, padded to 64 bytes, then 2^SHIFT records
 *   hot record   +0 lock | +4 level u8, state u8, fingerprint u16 | +8 upper block | +12 in-degree
 *                +16 count | links x LINKS | code | tail: code norm i32, rest f32, norm f32, 1/norm
 *   cold record  vector f32 or bf16 | 16 bytes of tail for cosine and ip: 1/norm, rest, norm
 *   upper block  next and previous of the same level, then per level [count | links x UPPER]
 * Chunks never move, so an address stays good; a slot's level follows from its number and the seed,
 *   so its upper block stays with it. Everything shared lies here; globals are copies of geometry.
 * Invariants: no static data; a link word is at all times the number of a slot that has memory.
 * `in-degree` is the position in the list of pending slots while the state is PENDING.
 */

/** Header words. The TypeScript side reads them by the same offsets (src/engine/layout.ts). */
export const H: usize = 1024;
export const H_DIMENSION = 8, H_METRIC = 12, H_COLD_KIND = 16, H_WALK = 20, H_M = 24, H_SHIFT = 28;
export const H_SEED = 32, H_HOT = 36, H_COLD = 40, H_CODE_AT = 44, H_CODE_BYTES = 48;
export const H_SLOTS = 52, H_CAPACITY = 56, H_LIVE = 60, H_DEAD = 64, H_FREE = 68;
export const H_FREE_COUNT = 72, H_ENTRY = 76, H_BUMP = 80, H_LOW = 84, H_SCALE = 88;
export const H_TRAINED = 92, H_RADIUS = 96, H_ERA = 100, H_RETIRED = 104, H_RETIRED_HEAD = 108;
export const H_RETIRED_TAIL = 112, H_RETIRED_SIZE = 116, H_PENDING = 120, H_PENDING_SIZE = 124;
export const H_PENDING_COUNT = 128, H_DEAD_STATE = 132, H_SWEEP_AT = 136, H_SWEEP_PHASE = 140;
export const H_SWEEP_END = 144, H_BYTES_MAX = 148, H_CLIPPED = 152, H_ENCODED = 156;
export const H_COLD_KEPT = 160, H_ALLOC_LOCK = 164, H_LEVEL_LOCK = 168, H_SCRATCH = 172;
export const H_MARKS = 176, H_MARKS_SIZE = 180;
export const H_LEVELS = 192, H_BLOCKS = 256;
/** Words of an index that threads share (tail.as.ts); what many write has a line of its own. */
export const H_TAIL = 448, H_TAIL_SIZE = 452, H_GONE = 456;
export const H_TAIL_END = 512, H_TAIL_CLAIM = 576, H_TAIL_HEAD = 640, H_GONE_END = 704;
export const H_GONE_HEAD = 768, H_LINKERS = 832, H_REMOVER = 896, H_FREE_LOCK = 960;
export const READERS: usize = 4096, READER_COUNT = 32;
const HOT_TABLE: usize = 8192, COLD_TABLE: usize = 40960, CHUNKS_MAX = 8192;
const HEAP: usize = 73728;

export const LEVELS_MAX = 10;
export const R_LEVEL: usize = 4, R_STATE: usize = 5, R_PRINT: usize = 6, R_UPPER: usize = 8;
export const R_IN: usize = 12, R_LIST: usize = 16;
/** States. DEAD_A and DEAD_B take turns: at a sweep the other one is what it will free. */
export const LIVE: u8 = 0, DEAD_A: u8 = 1, FREE: u8 = 2, GOING: u8 = 3, PENDING: u8 = 4;
/** CANCELLED: deleted before it was linked, in an index that threads share. */
export const DEAD_B: u8 = 5, CANCELLED: u8 = 6;

export const METRIC_L2 = 0, METRIC_COSINE = 1, METRIC_IP = 2;
export const COLD_NONE = 0, COLD_F32 = 1, COLD_BF16 = 2;
export const WALK_F32 = 0, WALK_BF16 = 1, WALK_CODES = 2, WALK_BITS = 3;

export let DIMENSION: i32 = 0, METRIC: i32 = 0, WALK: i32 = 0, COLD_KIND: i32 = 0, M: i32 = 0;
/** Bytes of one f32 vector with padding, and of one stored cold vector without its tail. */
export let F32_BYTES: usize = 0, COLD_BYTES: usize = 0;
export let SHIFT: usize = 0, MASK: usize = 0, HOT: usize = 0, COLD: usize = 0;
export let CODE_AT: usize = 0, CODE_BYTES: usize = 0;
/** Links that a list holds at level 0 and above, and what pruning leaves. */
export let LINKS: i32 = 0, UPPER: i32 = 0, LINKS_KEPT: i32 = 0;
let BITMAP_BYTES: usize = 0, UPPER_BYTES: usize = 0;
let WALK_TABLE: usize = 0, WALK_STRIDE: usize = 0, WALK_AT: usize = 0;
/** More than one thread writes: lists are locked, counts are atomic. */
export let THREADS: bool = false;

/** Links a list holds beyond what pruning leaves; 7 fill the record's padding for M 8, 16, 32. */
const SLACK = 7;

@inline
export function word(at: usize): i32 { return load<i32>(H + at); }
@inline
export function setWord(at: usize, value: i32): void { store<i32>(H + at, value); }
/** Threads share this memory: the ring of the tail is there before the first one begins. */
@inline
export function isShared(): bool { return word(H_TAIL) != 0; }
/** Adds to a word that several threads may add to. Alone, without the 8 ns of a locked bus. */
@inline
export function addWord(at: usize, by: i32): i32 {
  if (isShared()) return atomic.add<i32>(H + at, by) + by;
  const sum = word(at) + by;
  setWord(at, sum);
  return sum;
}
/** Stores a word after which others may read what was written before. Alone, a plain store. */
@inline
export function publishWord(at: usize, value: i32): void {
  if (isShared()) atomic.store<i32>(H + at, value);
  else setWord(at, value);
}
@inline
export function align(x: usize, to: usize): usize { return (x + to - 1) & ~(to - 1); }
@inline
export function spin(at: usize): void { while (atomic.cmpxchg<i32>(at, 0, 1) != 0) {} }
@inline
export function unspin(at: usize): void { atomic.store<i32>(at, 0); }

/** Bytes behind the last block that may be read: lists are read four words at a time. */
const TAIL_BYTES: u64 = 64;

/** Takes bytes from the end of the memory, 64-byte aligned; 0 when the limit is reached. */
export function allocate(bytes: usize): usize {
  bytes = align(bytes, 64);
  spin(H + H_ALLOC_LOCK);
  const at = load<u32>(H + H_BUMP);
  const end = <u64>at + <u64>bytes;
  let result: usize = 0;
  if (end + TAIL_BYTES <= <u64>load<u32>(H + H_BYTES_MAX)) {
    const pages = <i32>((end + TAIL_BYTES + 65535) >> 16);
    if (memory.size() >= pages || memory.grow(pages - memory.size()) >= 0) {
      store<u32>(H + H_BUMP, <u32>end);
      result = at;
    }
  }
  unspin(H + H_ALLOC_LOCK);
  return result;
}

@inline
function classOf(bytes: usize): i32 { return bytes <= 64 ? 6 : 32 - clz<i32>(<i32>(bytes - 1)); }

/** A block that was given back and is large enough for `bytes`; 0 when there is none. */
function takeGiven(bytes: usize): usize {
  const head = H + H_BLOCKS + (<usize>classOf(bytes) << 2);
  spin(H + H_LEVEL_LOCK);
  const block = <usize>load<u32>(head);
  if (block != 0) store<u32>(head, load<u32>(block));
  unspin(H + H_LEVEL_LOCK);
  return block;
}

/** A block of the next power of two of bytes, a given back one if there is; 0 at the limit. */
export function takeBlock(bytes: usize): usize {
  const block = takeGiven(bytes);
  return block != 0 ? block : allocate(<usize>1 << classOf(bytes));
}

export function giveBlock(block: usize, bytes: usize): void {
  if (block == 0) return;
  spin(H + H_LEVEL_LOCK);
  const head = H + H_BLOCKS + (<usize>classOf(bytes) << 2);
  store<u32>(block, load<u32>(head));
  store<u32>(head, <u32>block);
  unspin(H + H_LEVEL_LOCK);
}

/** Lays out a fresh memory. `bytesMax` bounds it. */
export function createLayout(
  dimension: i32, metric: i32, coldKind: i32, walk: i32, m: i32, seed: i32, bytesMax: u32,
  isColdKept: i32,
): void {
  const links = m == 0 ? 0 : m * 2 + SLACK;
  const codeAt = align(R_LIST + 4 + (<usize>links << 2), 16);
  const padded = align(<usize>dimension, 16);
  const codeBytes = walk == WALK_CODES ? padded
    : walk == WALK_BITS ? align((padded + 7) >> 3, 16) : 0;
  const hot = codeBytes == 0 ? codeAt : codeAt + codeBytes + 16;
  const tail: usize = metric == METRIC_L2 ? 0 : 16;
  const cold = (padded << (coldKind == COLD_BF16 ? 1 : 2)) + tail;
  let shift = 12;
  while (shift > 6 && (hot + cold) << shift > <usize>1 << 20) shift--;
  setWord(H_DIMENSION, dimension); setWord(H_METRIC, metric); setWord(H_COLD_KIND, coldKind);
  setWord(H_WALK, walk); setWord(H_M, m); setWord(H_SHIFT, shift); setWord(H_SEED, seed);
  setWord(H_HOT, <i32>hot); setWord(H_COLD, <i32>cold); setWord(H_CODE_AT, <i32>codeAt);
  setWord(H_CODE_BYTES, <i32>codeBytes);
  store<u32>(H + H_BUMP, <u32>HEAP); store<u32>(H + H_BYTES_MAX, bytesMax);
  store<f32>(H + H_LOW, -1); store<f32>(H + H_SCALE, 127.0 / 2.0);
  setWord(H_ERA, 1); setWord(H_DEAD_STATE, DEAD_A); setWord(H_TRAINED, walk == WALK_CODES ? 0 : 1);
  setWord(H_COLD_KEPT, isColdKept);
  attachLayout();
}

/** Copies the geometry into this instance. */
export function attachLayout(): void {
  DIMENSION = word(H_DIMENSION); METRIC = word(H_METRIC); COLD_KIND = word(H_COLD_KIND);
  WALK = word(H_WALK); M = word(H_M); SHIFT = word(H_SHIFT); MASK = (<usize>1 << SHIFT) - 1;
  HOT = word(H_HOT); COLD = word(H_COLD); CODE_AT = word(H_CODE_AT);
  CODE_BYTES = word(H_CODE_BYTES); F32_BYTES = align(<usize>DIMENSION, 16) << 2;
  COLD_BYTES = COLD_KIND == COLD_BF16 ? F32_BYTES >> 1 : F32_BYTES;
  LINKS = M == 0 ? 0 : M * 2 + SLACK; LINKS_KEPT = M * 2; UPPER = M + SLACK;
  BITMAP_BYTES = align(<usize>1 << SHIFT >> 3, 64); UPPER_BYTES = <usize>(UPPER + 1) << 2;
  if (WALK >= WALK_CODES) { WALK_TABLE = HOT_TABLE; WALK_STRIDE = HOT; WALK_AT = CODE_AT; }
  else { WALK_TABLE = COLD_TABLE; WALK_STRIDE = COLD; WALK_AT = 0; }
}

export function setThreads(on: bool): void { THREADS = on; }

/** The cold vectors that a codes-only index kept until it was trained are no longer needed. */
export function dropCold(): void {
  if (word(H_COLD_KEPT) != 0 || COLD_KIND == COLD_NONE) return;
  COLD_KIND = COLD_NONE;
  setWord(H_COLD_KIND, COLD_NONE);
  const count = <usize>word(H_CAPACITY) >> SHIFT;
  for (let i: usize = 0; i < count; i++) {
    giveBlock(<usize>load<u32>(COLD_TABLE + (i << 2)), COLD << SHIFT);
    store<u32>(COLD_TABLE + (i << 2), 0);
  }
}

/** Adds memory for one more chunk of slots; false at the limit, and nothing has changed. */
export function addChunk(): bool {
  const capacity = word(H_CAPACITY), index = <usize>capacity >> SHIFT;
  if (<i32>index >= CHUNKS_MAX) return false;
  const coldBytes = COLD << SHIFT;
  let cold: usize = 0;
  if (COLD_KIND != COLD_NONE) {
    cold = word(H_COLD_KEPT) == 0 ? takeBlock(coldBytes) : allocate(coldBytes);
    if (cold == 0) return false;
  }
  // What cold chunks of a codes-only index gave back serves again; records begin as zeros.
  const hotBytes = BITMAP_BYTES + (HOT << SHIFT);
  let hot = takeGiven(hotBytes);
  if (hot != 0) memory.fill(hot, 0, hotBytes);
  else hot = allocate(hotBytes);
  if (hot == 0) {
    if (word(H_COLD_KEPT) == 0) giveBlock(cold, coldBytes);
    return false;
  }
  store<u32>(HOT_TABLE + (index << 2), <u32>(hot + BITMAP_BYTES));
  store<u32>(COLD_TABLE + (index << 2), <u32>cold);
  atomic.store<i32>(H + H_CAPACITY, capacity + (1 << <i32>SHIFT));
  return true;
}

@inline
export function record(id: i32): usize {
  return <usize>load<u32>(HOT_TABLE + ((<usize>id >> SHIFT) << 2)) + (<usize>id & MASK) * HOT;
}
@inline
export function coldAt(id: i32): usize {
  return <usize>load<u32>(COLD_TABLE + ((<usize>id >> SHIFT) << 2)) + (<usize>id & MASK) * COLD;
}
/** What the graph compares: a code, sign bits, or the cold vector. */
@inline
export function point(id: i32): usize {
  return <usize>load<u32>(WALK_TABLE + ((<usize>id >> SHIFT) << 2)) + WALK_AT
    + (<usize>id & MASK) * WALK_STRIDE;
}
@inline
export function hotTail(id: i32): usize { return record(id) + CODE_AT + CODE_BYTES; }
@inline
export function state(id: i32): u8 { return load<u8>(record(id) + R_STATE); }
@inline
export function isLive(id: i32): bool { return state(id) == LIVE; }
/** Sixteen bits of a hash of what the graph compares: equal vectors have equal ones. */
@inline
export function fingerprint(id: i32): u16 { return load<u16>(record(id) + R_PRINT); }
@inline
export function levelOf(id: i32): i32 { return <i32>load<u8>(record(id) + R_LEVEL); }
@inline
export function list(id: i32, level: i32): usize {
  if (level == 0) return record(id) + R_LIST;
  return <usize>load<u32>(record(id) + R_UPPER) + 8 + <usize>(level - 1) * UPPER_BYTES;
}
@inline
export function upperBytes(level: i32): usize { return 8 + <usize>level * UPPER_BYTES; }

/** The word of 64 presence bits that holds slot `id`, a multiple of 64. */
@inline
export function presentAt(id: i32): usize {
  return <usize>load<u32>(HOT_TABLE + ((<usize>id >> SHIFT) << 2)) - BITMAP_BYTES
    + ((<usize>id & MASK) >> 3);
}
export function setPresent(id: i32, on: bool): void {
  const at = presentAt(id & ~63), bit = <u64>1 << (<u64>id & 63), old = load<u64>(at);
  const bits = on ? old | bit : old & ~bit;
  if (isShared()) atomic.store<u64>(at, bits);
  else store<u64>(at, bits);
}
@inline
export function lock(id: i32): void { if (THREADS) spin(record(id)); }
@inline
export function unlock(id: i32): void { if (THREADS) unspin(record(id)); }
@inline
export function addIn(id: i32, by: i32): i32 {
  const at = record(id) + R_IN;
  if (THREADS) return atomic.add<i32>(at, by) + by;
  const now = load<i32>(at) + by;
  store<i32>(at, now);
  return now;
}
/** Length of a list; its links are read after it. Pairs with setCount. */
@inline
export function countOf(at: usize): i32 { return atomic.load<i32>(at); }
@inline
export function setCount(at: usize, count: i32): void { atomic.store<i32>(at, count); }
