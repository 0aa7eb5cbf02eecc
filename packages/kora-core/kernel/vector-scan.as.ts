/**
 * Distances of many elements of a vector set in one call, over a worker's memory: walks lines of
 * the set's dict, collects the elements and compares them with a query four at a time. Layouts read
 * here: dict header and line (structs/dict-layout.ts), member (structs/member.hot.ts), element
 * (types/vector-set/vector-set-layout.ts).
 * Numbers are added in f64 and in the same order as the twin adds them, so every distance has the
 * same bits: a lane of f64x2 is what there is one running sum. Four vectors side by side hide that
 * a sum waits for the one before.
 * Invariants: reads nothing outside lines, elements and query, writes nothing outside `out`; no
 *   static data.
 * Twin and oracle: src/types/vector-set/vector-window.ts. Language: AssemblyScript.
 */

// Dict header, in bytes from its start, and lines (structs/dict-layout.ts).
// @ts-ignore: decorator
@inline const DIRECTORY: usize = 16;
// @ts-ignore: decorator
@inline const LINE_BYTES: usize = 64;
// @ts-ignore: decorator
@inline const LINE_NEXT: usize = 12;
// @ts-ignore: decorator
@inline const LINE_REFS: usize = 16;
/** Slots of the longest chain. */
// @ts-ignore: decorator
@inline const CHAIN_SLOTS_MAX: u32 = 96;
// Forms and metrics, as sets have them on disk.
// @ts-ignore: decorator
@inline const FORM_F32: u32 = 0;
// @ts-ignore: decorator
@inline const FORM_Q8: u32 = 1;
// @ts-ignore: decorator
@inline const METRIC_L2: u32 = 1;
// @ts-ignore: decorator
@inline const METRIC_IP: u32 = 2;
/** Of an element's value: its place comes first; then norm, range and vector. */
// @ts-ignore: decorator
@inline const PLACE_BYTES: usize = 4;
// @ts-ignore: decorator
@inline const HEAD_BYTES: usize = 8;

/** Byte offset of the norm of an element. */
// @ts-ignore: decorator
@inline
function normAt(member: u32): usize {
  const at = <usize>member << 3, word0 = load<u32>(at), bytes = word0 & 0xffff;
  // A field: two words, then the length of a long name, then the name, padded.
  if (bytes == 0xffff) return at + 12 + ((<usize>load<u32>(at, 8) + 3) & ~3) + PLACE_BYTES;
  return at + 8 + ((<usize>bytes + 3) & ~3) + PLACE_BYTES;
}

/** Pairs of member and norm's offset of the elements of a chain at `to`; returns where they end. */
// @ts-ignore: decorator
@inline
function collectChain(line: usize, to: usize): usize {
  while (line != 0) {
    for (let slot = line + LINE_REFS; slot < line + LINE_BYTES; slot += 4) {
      const member = load<u32>(slot);
      if (member == 0) continue;
      store<u32>(to, member);
      store<u32>(to, <u32>normAt(member), 4);
      to += 8;
    }
    line = <usize>load<u32>(line, LINE_NEXT) << 3;
  }
  return to;
}

/** Distance from a dot product; `at` is the norm's offset. */
// @ts-ignore: decorator
@inline
function ofDot(dot: f64, at: usize, metric: u32, norm: f64): f32 {
  if (metric == METRIC_IP) return <f32>-dot;
  const lengths = norm * <f64>load<f32>(at);
  if (lengths == 0) return 1;
  const distance = <f32>(1 - <f64><f32>(dot / lengths));
  return max<f32>(0, min<f32>(2, distance));
}

// @ts-ignore: decorator
@inline
function promoted(at: usize): v128 { return f64x2.promote_low_f32x4(v128.load64_zero(at)); }
// @ts-ignore: decorator
@inline
function promotedHigh(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
}
// @ts-ignore: decorator
@inline
function lane0(v: v128): f64 { return f64x2.extract_lane(v, 0); }
// @ts-ignore: decorator
@inline
function lane1(v: v128): f64 { return f64x2.extract_lane(v, 1); }
/** Numbers of two vectors, a lane each. */
// @ts-ignore: decorator
@inline
function pair(a: f64, b: f64): v128 { return f64x2.replace_lane(f64x2.splat(a), 1, b); }
// @ts-ignore: decorator
@inline
function f64At(at: usize): f64 { return <f64>load<f32>(at); }

/** Address of vector i of the four pairs at p. */
// @ts-ignore: decorator
@inline
function normOf(p: usize, i: usize): usize { return <usize>load<u32>(p + (i << 3), 4); }
// @ts-ignore: decorator
@inline
function setDistance(p: usize, i: usize, distance: f32): void {
  store<f32>(p + (i << 3), distance, 4);
}

/** Even components in lane 0, odd ones in lane 1. */
function dotsOfFloats(q: usize, count: usize, p: usize, metric: u32, norm: f64): void {
  const na = normOf(p, 0), nb = normOf(p, 1), nc = normOf(p, 2), nd = normOf(p, 3);
  let a = na + HEAD_BYTES, b = nb + HEAD_BYTES, c = nc + HEAD_BYTES, d = nd + HEAD_BYTES;
  let sa = f64x2.splat(0), sb = sa, sc = sa, sd = sa;
  const end = q + ((count & ~1) << 2);
  for (; q < end; q += 8, a += 8, b += 8, c += 8, d += 8) {
    const x = promoted(q);
    sa = f64x2.add(sa, f64x2.mul(x, promoted(a)));
    sb = f64x2.add(sb, f64x2.mul(x, promoted(b)));
    sc = f64x2.add(sc, f64x2.mul(x, promoted(c)));
    sd = f64x2.add(sd, f64x2.mul(x, promoted(d)));
  }
  let ea = lane0(sa), eb = lane0(sb), ec = lane0(sc), ed = lane0(sd);
  if ((count & 1) != 0) {
    const x = f64At(q);
    ea += x * f64At(a); eb += x * f64At(b); ec += x * f64At(c); ed += x * f64At(d);
  }
  setDistance(p, 0, ofDot(ea + lane1(sa), na, metric, norm));
  setDistance(p, 1, ofDot(eb + lane1(sb), nb, metric, norm));
  setDistance(p, 2, ofDot(ec + lane1(sc), nc, metric, norm));
  setDistance(p, 3, ofDot(ed + lane1(sd), nd, metric, norm));
}

// @ts-ignore: decorator
@inline
function addSquare(sum: v128, x: v128, y: v128): v128 {
  const difference = f64x2.sub(x, y);
  return f64x2.add(sum, f64x2.mul(difference, difference));
}

/** A vector a lane. */
function euclideans(q: usize, count: usize, p: usize): void {
  let a = normOf(p, 0) + HEAD_BYTES, b = normOf(p, 1) + HEAD_BYTES;
  let c = normOf(p, 2) + HEAD_BYTES, d = normOf(p, 3) + HEAD_BYTES;
  let ab = f64x2.splat(0), cd = ab;
  const whole = q + ((count & ~3) << 2), end = q + (count << 2);
  for (; q < whole; q += 16, a += 16, b += 16, c += 16, d += 16) {
    const va = v128.load(a), vb = v128.load(b), vc = v128.load(c), vd = v128.load(d);
    const abLow = v128.shuffle<f32>(va, vb, 0, 4, 1, 5);
    const abHigh = v128.shuffle<f32>(va, vb, 2, 6, 3, 7);
    const cdLow = v128.shuffle<f32>(vc, vd, 0, 4, 1, 5);
    const cdHigh = v128.shuffle<f32>(vc, vd, 2, 6, 3, 7);
    let x = f64x2.splat(f64At(q));
    ab = addSquare(ab, x, f64x2.promote_low_f32x4(abLow));
    cd = addSquare(cd, x, f64x2.promote_low_f32x4(cdLow));
    x = f64x2.splat(f64At(q + 4));
    ab = addSquare(ab, x, promotedHigh(abLow));
    cd = addSquare(cd, x, promotedHigh(cdLow));
    x = f64x2.splat(f64At(q + 8));
    ab = addSquare(ab, x, f64x2.promote_low_f32x4(abHigh));
    cd = addSquare(cd, x, f64x2.promote_low_f32x4(cdHigh));
    x = f64x2.splat(f64At(q + 12));
    ab = addSquare(ab, x, promotedHigh(abHigh));
    cd = addSquare(cd, x, promotedHigh(cdHigh));
  }
  for (; q < end; q += 4, a += 4, b += 4, c += 4, d += 4) {
    const x = f64x2.splat(f64At(q));
    ab = addSquare(ab, x, pair(f64At(a), f64At(b)));
    cd = addSquare(cd, x, pair(f64At(c), f64At(d)));
  }
  ab = f64x2.sqrt(ab); cd = f64x2.sqrt(cd);
  setDistance(p, 0, <f32>lane0(ab)); setDistance(p, 1, <f32>lane1(ab));
  setDistance(p, 2, <f32>lane0(cd)); setDistance(p, 3, <f32>lane1(cd));
}

/** Four signed bytes as i32. */
// @ts-ignore: decorator
@inline
function bytesAt(at: usize): v128 {
  return i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(at)));
}
// @ts-ignore: decorator
@inline
function highOf(v: v128): v128 { return v128.shuffle<i64>(v, v, 1, 1); }

/** Sum of four products of two vectors, a lane each: the first two, then one after the other. */
// @ts-ignore: decorator
@inline
function addFour(sum: v128, low: v128, high: v128, a: usize, b: usize): v128 {
  const va = bytesAt(a), vb = bytesAt(b);
  const aLow = f64x2.mul(low, f64x2.convert_low_i32x4_s(va));
  const bLow = f64x2.mul(low, f64x2.convert_low_i32x4_s(vb));
  const aHigh = f64x2.mul(high, f64x2.convert_low_i32x4_s(highOf(va)));
  const bHigh = f64x2.mul(high, f64x2.convert_low_i32x4_s(highOf(vb)));
  let four = f64x2.add(
    v128.shuffle<f64>(aLow, bLow, 0, 2), v128.shuffle<f64>(aLow, bLow, 1, 3),
  );
  four = f64x2.add(four, v128.shuffle<f64>(aHigh, bHigh, 0, 2));
  four = f64x2.add(four, v128.shuffle<f64>(aHigh, bHigh, 1, 3));
  return f64x2.add(sum, four);
}

// @ts-ignore: decorator
@inline
function ofBytes(sum: f64, at: usize, metric: u32, norm: f64): f32 {
  return ofDot(sum * (f64At(at + 4) / 127), at, metric, norm);
}

function dotsOfBytes(q: usize, count: usize, p: usize, metric: u32, norm: f64): void {
  const na = normOf(p, 0), nb = normOf(p, 1), nc = normOf(p, 2), nd = normOf(p, 3);
  let a = na + HEAD_BYTES, b = nb + HEAD_BYTES, c = nc + HEAD_BYTES, d = nd + HEAD_BYTES;
  let ab = f64x2.splat(0), cd = ab;
  const whole = q + ((count & ~3) << 2), end = q + (count << 2);
  for (; q < whole; q += 16, a += 4, b += 4, c += 4, d += 4) {
    const x = v128.load(q), low = f64x2.promote_low_f32x4(x), high = promotedHigh(x);
    ab = addFour(ab, low, high, a, b);
    cd = addFour(cd, low, high, c, d);
  }
  for (; q < end; q += 4, a++, b++, c++, d++) {
    const x = f64x2.splat(f64At(q));
    ab = f64x2.add(ab, f64x2.mul(x, pair(<f64>load<i8>(a), <f64>load<i8>(b))));
    cd = f64x2.add(cd, f64x2.mul(x, pair(<f64>load<i8>(c), <f64>load<i8>(d))));
  }
  setDistance(p, 0, ofBytes(lane0(ab), na, metric, norm));
  setDistance(p, 1, ofBytes(lane1(ab), nb, metric, norm));
  setDistance(p, 2, ofBytes(lane0(cd), nc, metric, norm));
  setDistance(p, 3, ofBytes(lane1(cd), nd, metric, norm));
}

/** Twice the share of differing signs; the signs of the query lie at `q`. */
// @ts-ignore: decorator
@inline
function hamming(q: usize, count: usize, p: usize): void {
  const words = (count + 31) >> 5;
  let at = normOf(p, 0) + HEAD_BYTES, different: u32 = 0;
  for (const end = q + (words << 2); q < end; q += 4, at += 4) {
    different += popcnt<u32>(load<u32>(q) ^ load<u32>(at));
  }
  setDistance(p, 0, <f32>(<f64>(different * 2) / <f64>count));
}

/** Puts distances in the place of the addresses of `count` pairs at `p`. */
function measure(
  q: usize, dimension: usize, form: u32, metric: u32, norm: f64, p: usize, end: usize,
): void {
  if (form != FORM_F32 && form != FORM_Q8) {
    for (; p < end; p += 8) hamming(q, dimension, p);
    return;
  }
  // The last ones are measured again and again: `out` has room for four pairs more.
  const rest = (end - p) & 31;
  if (rest != 0) {
    const last = load<u64>(end - 8);
    for (let at = end; at < end + 32 - rest; at += 8) store<u64>(at, last);
  }
  for (; p < end; p += 32) {
    if (form == FORM_Q8) dotsOfBytes(q, dimension, p, metric, norm);
    else if (metric == METRIC_L2) euclideans(q, dimension, p);
    else dotsOfFloats(q, dimension, p, metric, norm);
  }
}

/**
 * Elements of lines [line, lines) that are not further away than `worst`, as pairs of member and
 * f32 distance behind two words at `out`: the line to go on at, and their number. Stops when a
 * chain more might not fit `room` pairs; `out` is four pairs longer.
 */
export function scanLines(
  dict: u32, line: u32, lines: u32, q: u32, dimension: u32, form: u32, metric: u32, norm: f64,
  worst: f64, out: u32, room: u32,
): void {
  const directory = <usize>load<u32>(<usize>dict + DIRECTORY) << 3;
  const first = <usize>out + 8, full = first + ((<usize>room - CHAIN_SLOTS_MAX) << 3);
  let end = first;
  for (; line < lines && end <= full; line++) {
    const chunk = <usize>load<u32>(directory + (<usize>(line >>> 8) << 2)) << 2;
    end = collectChain(chunk + (<usize>(line & 255) << 6), end);
  }
  measure(q, dimension, form, metric, norm, first, end);
  let to = first;
  for (let p = first; p < end; p += 8) {
    if (<f64>load<f32>(p, 4) > worst) continue;
    store<u64>(to, load<u64>(p));
    to += 8;
  }
  store<u32>(out, line);
  store<u32>(out, <u32>((to - first) >> 3), 4);
}
