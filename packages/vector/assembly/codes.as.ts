/**
 * Storing and reading vectors: cold form (f32 or bf16), code of 7 bits, sign bits, and the numbers
 * beside them. A code is round((x - low) * scale) clamped to 0..127, one range per index; cosine
 * codes the unit vector. `rest` makes inner product a distance: with R >= every norm and
 * rest = R^2 - |x|^2, two vectors have |x - y|^2 + rest + rest = 2R^2 - 2xy, and a query, whose
 * rest is 0, |q|^2 + R^2 - 2qx: so the graph is built and walked by the inner product, never below
 * zero. (With one more dimension of sqrt(rest), as Bachrach and others have it, a fifth to a half
 * of the recall at the same breadth.)
 * Errors come back as negative numbers (src/engine/engine.ts names them); nothing has changed then.
 * Source: graphs of inner products, Morozov and Babenko 2018.
 */
import { dotx1, narrow, widen } from './kernels.as';
import {
  CODE_AT, CODE_BYTES, COLD_BF16, COLD_BYTES, COLD_F32, COLD_KIND, COLD_NONE, coldAt, DIMENSION,
  F32_BYTES, H, H_CLIPPED, H_ENCODED, H_LOW, H_RADIUS, H_SCALE, H_SLOTS, hotTail, METRIC,
  METRIC_COSINE, METRIC_IP, METRIC_L2, R_PRINT, record, setWord, WALK, WALK_BITS, WALK_CODES, word,
} from './layout.as';
import { NODE, QUERY, QUERY_POINT } from './scratch.as';

/** Queries by inner product are not made longer than so many times. */
const QUERY_SCALE_MAX: f32 = 1e30;

/** Norm of the vector at `at`; -1 when a component, or the sum of squares, is not finite. */
export function normOf(at: usize): f32 {
  const square = dotx1(at, at, F32_BYTES);
  if (!(square < f32.MAX_VALUE)) return -1;
  if (square > 1e-20) return sqrt<f32>(square);
  let sum: f64 = 0;
  for (let i = 0; i < DIMENSION; i++) {
    const x = <f64>load<f32>(at + (<usize>i << 2));
    sum += x * x;
  }
  return <f32>sqrt<f64>(sum);
}

/** Bytes from which memory.copy, a call out of compiled code, is the quicker one. */
const COPIED_HERE_MAX: usize = 2048;

/** Copies a padded f32 vector. */
@inline
function copyVector(to: usize, from: usize): void {
  if (F32_BYTES > COPIED_HERE_MAX) { memory.copy(to, from, F32_BYTES); return; }
  for (const end = from + F32_BYTES; from < end; from += 64, to += 64) {
    v128.store(to, v128.load(from)); v128.store(to, v128.load(from, 16), 16);
    v128.store(to, v128.load(from, 32), 32); v128.store(to, v128.load(from, 48), 48);
  }
}

/** Scales the f32 vector at `from` into `to`. */
export function scaleInto(to: usize, from: usize, by: f32): void {
  const factor = f32x4.splat(by), end = from + F32_BYTES;
  while (from < end) {
    v128.store(to, f32x4.mul(v128.load(from), factor));
    from += 16; to += 16;
  }
}

@inline
export function inverse(norm: f32): f32 { return norm > 1e-37 ? 1 / norm : 0; }

@inline
function coded(at: usize, low: v128, scale: v128): v128 {
  const f = f32x4.mul(f32x4.sub(v128.load(at), low), scale);
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f));
}

/**
 * Code of the f32 vector at `from`, its norm behind it. Returns how many components clipped.
 * Padding gets the code of 0 in every vector alike, so it adds nothing to any distance.
 */
function encodeInto(to: usize, from: usize): i32 {
  const low = f32x4.splat(load<f32>(H + H_LOW)), scale = f32x4.splat(load<f32>(H + H_SCALE));
  const zero = i16x8.splat(0), top = i16x8.splat(127);
  let norm = i32x4.splat(0), clips = i16x8.splat(0);
  const end = to + CODE_BYTES;
  for (; to < end; to += 16, from += 64) {
    const a = i16x8.narrow_i32x4_s(coded(from, low, scale), coded(from + 16, low, scale));
    const b = i16x8.narrow_i32x4_s(coded(from + 32, low, scale), coded(from + 48, low, scale));
    const c = i16x8.min_s(i16x8.max_s(a, zero), top), d = i16x8.min_s(i16x8.max_s(b, zero), top);
    clips = i16x8.sub(clips, i16x8.add(i16x8.ne(a, c), i16x8.ne(b, d)));
    norm = i32x4.add(norm, i32x4.add(i32x4.dot_i16x8_s(c, c), i32x4.dot_i16x8_s(d, d)));
    v128.store(to, i8x16.narrow_i16x8_u(c, d));
  }
  store<i32>(end, i32x4.extract_lane(norm, 0) + i32x4.extract_lane(norm, 1)
    + i32x4.extract_lane(norm, 2) + i32x4.extract_lane(norm, 3));
  const t = i32x4.extadd_pairwise_i16x8_u(clips);
  const all = i32x4.extract_lane(t, 0) + i32x4.extract_lane(t, 1)
    + i32x4.extract_lane(t, 2) + i32x4.extract_lane(t, 3);
  return all - clippedPadding();
}

/** Padding that counted as clipped: all of it, when 0 lies outside the range. */
function clippedPadding(): i32 {
  const code = nearest<f32>(-load<f32>(H + H_LOW) * load<f32>(H + H_SCALE));
  return code < 0 || code > 127 ? <i32>CODE_BYTES - DIMENSION : 0;
}

/** Lanes i..i+3 that lie below count. */
function laneMask(count: usize, i: usize): v128 {
  return i32x4.lt_s(
    i32x4.add(i32x4.splat(<i32>i), i32x4(0, 1, 2, 3)), i32x4.splat(<i32>count),
  );
}

function signsInto(to: usize, from: usize): void {
  memory.fill(to, 0, CODE_BYTES);
  const zero = f32x4.splat(0), padded = F32_BYTES >> 2;
  for (let i: usize = 0; i < padded; i += 8) {
    const a = i32x4.bitmask(f32x4.gt(v128.load(from + (i << 2)), zero));
    const b = i32x4.bitmask(f32x4.gt(v128.load(from + (i << 2), 16), zero));
    store<u8>(to + (i >> 3), <u8>(a | (b << 4)));
  }
}

/** What a squared norm leaves of the squared radius. */
function restOf(norm: f32): f32 {
  const radius = <f64>load<f32>(H + H_RADIUS);
  return <f32>(radius * radius - <f64>norm * <f64>norm);
}

/**
 * The same of the code at `at`, in code units. From the code's own distance to 0: with the vector's
 * norm, what rounding and clipping took of it would count like a part of the inner product, and
 * that is the greater of the two where lengths differ much.
 */
function restOfCode(at: usize): f32 {
  let sums = i32x4.splat(0);
  for (const end = at + CODE_BYTES; at < end; at += 16) {
    sums = i32x4.add(sums,
      i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(v128.load(at))));
  }
  const sum = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1)
    + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  const scale = <f64>load<f32>(H + H_SCALE), origin = -<f64>load<f32>(H + H_LOW) * scale;
  const padded = <f64>nearest<f32>(max<f32>(0, min<f32>(127, <f32>origin))) - origin;
  // The norm of the code lies behind it.
  const square = <f64>load<i32>(at) + origin * (origin * <f64>CODE_BYTES - 2 * <f64>sum)
    - padded * padded * <f64>(CODE_BYTES - <usize>DIMENSION);
  // Rounding makes a code longer by half a unit a component at most.
  const radius = <f64>load<f32>(H + H_RADIUS) * scale + 0.5 * sqrt<f64>(<f64>DIMENSION);
  return <f32>(radius * radius - square);
}

@inline
export function normOfSlot(id: i32): f32 {
  if (WALK >= WALK_CODES) return load<f32>(hotTail(id), 8);
  return METRIC == METRIC_L2 ? 1 : load<f32>(coldAt(id) + COLD_BYTES, 8);
}

/**
 * Writes the walk's form of a slot whose vector is the f32 at `from`, and its fingerprint; `norm`
 * of that vector. The cold form has been written.
 */
export function writePoint(id: i32, from: usize, norm: f32): void {
  const tail = hotTail(id);
  if (WALK == WALK_CODES) {
    let source = from;
    if (METRIC == METRIC_COSINE) { scaleInto(NODE, from, inverse(norm)); source = NODE; }
    const clipped = encodeInto(record(id) + CODE_AT, source);
    setWord(H_CLIPPED, word(H_CLIPPED) + clipped); setWord(H_ENCODED, word(H_ENCODED) + DIMENSION);
  } else if (WALK == WALK_BITS) signsInto(record(id) + CODE_AT, from);
  if (WALK >= WALK_CODES) {
    store<f32>(tail, METRIC == METRIC_IP ? restOfCode(record(id) + CODE_AT) : 0, 4);
    store<f32>(tail, norm, 8); store<f32>(tail, inverse(norm), 12);
    setFingerprint(id, record(id) + CODE_AT, CODE_BYTES);
  } else setFingerprint(id, coldAt(id), COLD_BYTES);
}

/** `bytes` is a multiple of 16. Two chains: one multiplication need not wait for the other. */
function setFingerprint(id: i32, at: usize, bytes: usize): void {
  let g: u64 = 0x9E3779B97F4A7C15, h: u64 = 0xC2B2AE3D27D4EB4F;
  for (const end = at + bytes; at < end; at += 16) {
    g = rotl(g ^ load<u64>(at), 29) * 0xD6E8FEB86659FD93;
    h = rotl(h ^ load<u64>(at, 8), 31) * 0x9FB21C651E98DF25;
  }
  store<u16>(record(id) + R_PRINT, <u16>((g ^ h) >> 40));
}

/** Writes the cold form of the f32 vector at `from`. */
export function writeCold(id: i32, from: usize, norm: f32): void {
  if (COLD_KIND == COLD_NONE) return;
  const at = coldAt(id);
  if (COLD_KIND == COLD_F32) copyVector(at, from);
  else narrow(at, from, F32_BYTES);
  if (METRIC == METRIC_L2) return;
  if (COLD_KIND == COLD_BF16) { widen(NODE, at, F32_BYTES); norm = normOf(NODE); }
  const tail = at + COLD_BYTES;
  store<f32>(tail, inverse(norm)); store<f32>(tail, restOf(norm), 4); store<f32>(tail, norm, 8);
}

/** A greater norm than any before (inner product): the radius grows by a half, all rests follow. */
export function growRadius(norm: f32): void {
  store<f32>(H + H_RADIUS, norm * 1.5);
  rewriteRests();
}

function rewriteRests(): void {
  const count = word(H_SLOTS);
  for (let id = 0; id < count; id++) {
    if (WALK >= WALK_CODES) store<f32>(hotTail(id), restOfCode(record(id) + CODE_AT), 4);
    else store<f32>(coldAt(id) + COLD_BYTES, restOf(normOfSlot(id)), 4);
  }
}

/** The vector of a slot as f32 at `to`: exact from f32, else as near as what is kept. */
export function readVector(id: i32, to: usize): void {
  if (COLD_KIND == COLD_F32) { copyVector(to, coldAt(id)); return; }
  if (COLD_KIND == COLD_BF16) { widen(to, coldAt(id), F32_BYTES); return; }
  const code = record(id) + CODE_AT, norm = load<f32>(hotTail(id), 8);
  if (WALK == WALK_BITS) {
    const part = norm / sqrt<f32>(<f32>DIMENSION);
    for (let i: usize = 0; i < <usize>DIMENSION; i++) {
      const isSet = (load<u8>(code + (i >> 3)) >> <u8>(i & 7)) & 1;
      store<f32>(to + (i << 2), isSet ? part : -part);
    }
    return;
  }
  decode(to, code);
  if (METRIC == METRIC_COSINE) scaleInto(to, to, norm);
}

/** f32 values of a code; padding becomes zero. */
export function decode(to: usize, code: usize): void {
  const low = load<f32>(H + H_LOW), step = <f32>1 / load<f32>(H + H_SCALE);
  const lows = f32x4.splat(low), steps = f32x4.splat(step), count = <usize>DIMENSION;
  for (let i: usize = 0; i < CODE_BYTES; i += 4) {
    const bytes = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(code + i)));
    let f = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(bytes), steps), lows);
    if (i + 4 > count) f = v128.and(f, laneMask(count, i));
    v128.store(to + (i << 2), f);
  }
}

/** By what the query can be made longer, or must be made shorter, to fill the codes' range. */
function scaleToRange(): f32 {
  let most = f32x4.splat(0), least = most;
  for (let at = QUERY, end = QUERY + F32_BYTES; at < end; at += 16) {
    const x = v128.load(at);
    most = f32x4.max(most, x); least = f32x4.min(least, x);
  }
  const top = max<f32>(
    max<f32>(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max<f32>(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
  const bottom = min<f32>(
    min<f32>(f32x4.extract_lane(least, 0), f32x4.extract_lane(least, 1)),
    min<f32>(f32x4.extract_lane(least, 2), f32x4.extract_lane(least, 3)),
  );
  const low = load<f32>(H + H_LOW), high = low + 127 / load<f32>(H + H_SCALE);
  let by = QUERY_SCALE_MAX;
  if (top > 0 && high > 0) by = min<f32>(by, high / top);
  if (bottom < 0 && low < 0) by = min<f32>(by, low / bottom);
  return by == QUERY_SCALE_MAX ? 1 : by;
}

/**
 * Prepares QUERY (f32, padded): unit length for cosine, and its code or bits. -1: not finite. What
 * is nearest by inner product is so for any length of the query: it is coded with all there is of
 * the range, where a short one would be a few small numbers.
 */
export function prepareQuery(): i32 {
  const norm = normOf(QUERY);
  if (norm < 0) return -1;
  if (METRIC == METRIC_COSINE) scaleInto(QUERY, QUERY, inverse(norm));
  if (WALK == WALK_CODES) {
    if (METRIC == METRIC_IP) scaleInto(NODE, QUERY, scaleToRange());
    encodeInto(QUERY_POINT, METRIC == METRIC_IP ? NODE : QUERY);
  } else if (WALK == WALK_BITS) signsInto(QUERY_POINT, QUERY);
  return 0;
}

/** Sets the range of the codes and codes all `count` first slots again, from the best there is. */
export function recode(low: f32, scale: f32): void {
  const count = word(H_SLOTS), oldLow = load<f32>(H + H_LOW), oldScale = load<f32>(H + H_SCALE);
  for (let id = 0; id < count; id++) {
    const norm = load<f32>(hotTail(id), 8);
    readVector(id, QUERY);
    store<f32>(H + H_LOW, low); store<f32>(H + H_SCALE, scale);
    writePoint(id, QUERY, norm);
    store<f32>(H + H_LOW, oldLow); store<f32>(H + H_SCALE, oldScale);
  }
  store<f32>(H + H_LOW, low); store<f32>(H + H_SCALE, scale);
  setWord(H_CLIPPED, 0); setWord(H_ENCODED, 0);
}
