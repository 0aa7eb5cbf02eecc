/**
 * Distance kernels: one pair (x1), and one query against four vectors (x4: the query is loaded once
 * and four accumulators run side by side, 18 ns each at 128 dimensions where one alone takes 30).
 * `bytes` counts the query's bytes and is a multiple of 64 for f32 (32 of bf16), of 16 for codes
 * and bits: vectors are padded with zeros. Nothing here allocates, branches on data or traps.
 * ASC_FEATURE_RELAXED_SIMD is known when compiling: one source gives both modules. The relaxed dot
 * is alike on all engines only while one side stays below 128, hence codes of 7 bits.
 * bf16 widens by an interleaving shuffle (one unpack); any other pattern costs 2.5 times as much.
 * Language: AssemblyScript, not TypeScript.
 */

@inline
function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

@inline
function sum(s: v128): f32 {
  return (f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1))
    + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3));
}

/** Four accumulators become one vector of their four sums. */
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const u = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const v = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(u, v, 0, 1, 4, 5), v128.shuffle<f32>(u, v, 2, 3, 6, 7));
}

@inline
function sumsOfIntegers(a: v128, b: v128, c: v128, d: v128): v128 {
  const u = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const v = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i32>(u, v, 0, 1, 4, 5), v128.shuffle<i32>(u, v, 2, 3, 6, 7));
}

@inline
export function l2x1(a: usize, b: usize, bytes: usize): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const end = a + bytes;
  while (a < end) {
    const d0 = f32x4.sub(v128.load(a), v128.load(b));
    const d1 = f32x4.sub(v128.load(a, 16), v128.load(b, 16));
    const d2 = f32x4.sub(v128.load(a, 32), v128.load(b, 32));
    const d3 = f32x4.sub(v128.load(a, 48), v128.load(b, 48));
    s0 = fma(d0, d0, s0); s1 = fma(d1, d1, s1); s2 = fma(d2, d2, s2); s3 = fma(d3, d3, s3);
    a += 64; b += 64;
  }
  return sum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

@inline
export function dotx1(a: usize, b: usize, bytes: usize): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const end = a + bytes;
  while (a < end) {
    s0 = fma(v128.load(a), v128.load(b), s0);
    s1 = fma(v128.load(a, 16), v128.load(b, 16), s1);
    s2 = fma(v128.load(a, 32), v128.load(b, 32), s2);
    s3 = fma(v128.load(a, 48), v128.load(b, 48), s3);
    a += 64; b += 64;
  }
  return sum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

@inline
export function l2x4(q: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): v128 {
  let a0 = f32x4.splat(0), b0 = a0, c0 = a0, d0 = a0, a1 = a0, b1 = a0, c1 = a0, d1 = a0;
  const end = q + bytes;
  while (q < end) {
    const x = v128.load(q), y = v128.load(q, 16);
    let t = f32x4.sub(x, v128.load(a)); a0 = fma(t, t, a0);
    t = f32x4.sub(x, v128.load(b)); b0 = fma(t, t, b0);
    t = f32x4.sub(x, v128.load(c)); c0 = fma(t, t, c0);
    t = f32x4.sub(x, v128.load(d)); d0 = fma(t, t, d0);
    t = f32x4.sub(y, v128.load(a, 16)); a1 = fma(t, t, a1);
    t = f32x4.sub(y, v128.load(b, 16)); b1 = fma(t, t, b1);
    t = f32x4.sub(y, v128.load(c, 16)); c1 = fma(t, t, c1);
    t = f32x4.sub(y, v128.load(d, 16)); d1 = fma(t, t, d1);
    q += 32; a += 32; b += 32; c += 32; d += 32;
  }
  return sums(f32x4.add(a0, a1), f32x4.add(b0, b1), f32x4.add(c0, c1), f32x4.add(d0, d1));
}

@inline
export function dotx4(q: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): v128 {
  let a0 = f32x4.splat(0), b0 = a0, c0 = a0, d0 = a0, a1 = a0, b1 = a0, c1 = a0, d1 = a0;
  const end = q + bytes;
  while (q < end) {
    const x = v128.load(q), y = v128.load(q, 16);
    a0 = fma(x, v128.load(a), a0); b0 = fma(x, v128.load(b), b0);
    c0 = fma(x, v128.load(c), c0); d0 = fma(x, v128.load(d), d0);
    a1 = fma(y, v128.load(a, 16), a1); b1 = fma(y, v128.load(b, 16), b1);
    c1 = fma(y, v128.load(c, 16), c1); d1 = fma(y, v128.load(d, 16), d1);
    q += 32; a += 32; b += 32; c += 32; d += 32;
  }
  return sums(f32x4.add(a0, a1), f32x4.add(b0, b1), f32x4.add(c0, c1), f32x4.add(d0, d1));
}

/** The low four of eight bf16 values as f32. */
@inline
function low(h: v128): v128 {
  return v128.shuffle<i16>(i32x4.splat(0), h, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** The high four of eight bf16 values as f32. */
@inline
function high(h: v128): v128 {
  return v128.shuffle<i16>(i32x4.splat(0), h, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Squared l2 of an f32 query and a bf16 vector. */
@inline
export function l2x1b(q: usize, a: usize, bytes: usize): f32 {
  let s0 = f32x4.splat(0), s1 = s0;
  const end = q + bytes;
  while (q < end) {
    const h = v128.load(a);
    const d0 = f32x4.sub(v128.load(q), low(h)), d1 = f32x4.sub(v128.load(q, 16), high(h));
    s0 = fma(d0, d0, s0); s1 = fma(d1, d1, s1);
    q += 32; a += 16;
  }
  return sum(f32x4.add(s0, s1));
}

@inline
export function dotx1b(q: usize, a: usize, bytes: usize): f32 {
  let s0 = f32x4.splat(0), s1 = s0;
  const end = q + bytes;
  while (q < end) {
    const h = v128.load(a);
    s0 = fma(v128.load(q), low(h), s0); s1 = fma(v128.load(q, 16), high(h), s1);
    q += 32; a += 16;
  }
  return sum(f32x4.add(s0, s1));
}

@inline
export function l2x4b(q: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): v128 {
  let a0 = f32x4.splat(0), b0 = a0, c0 = a0, d0 = a0, a1 = a0, b1 = a0, c1 = a0, d1 = a0;
  const end = q + bytes;
  while (q < end) {
    const x = v128.load(q), y = v128.load(q, 16);
    let h = v128.load(a), t = f32x4.sub(x, low(h)); a0 = fma(t, t, a0);
    t = f32x4.sub(y, high(h)); a1 = fma(t, t, a1);
    h = v128.load(b); t = f32x4.sub(x, low(h)); b0 = fma(t, t, b0);
    t = f32x4.sub(y, high(h)); b1 = fma(t, t, b1);
    h = v128.load(c); t = f32x4.sub(x, low(h)); c0 = fma(t, t, c0);
    t = f32x4.sub(y, high(h)); c1 = fma(t, t, c1);
    h = v128.load(d); t = f32x4.sub(x, low(h)); d0 = fma(t, t, d0);
    t = f32x4.sub(y, high(h)); d1 = fma(t, t, d1);
    q += 32; a += 16; b += 16; c += 16; d += 16;
  }
  return sums(f32x4.add(a0, a1), f32x4.add(b0, b1), f32x4.add(c0, c1), f32x4.add(d0, d1));
}

@inline
export function dotx4b(q: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): v128 {
  let a0 = f32x4.splat(0), b0 = a0, c0 = a0, d0 = a0, a1 = a0, b1 = a0, c1 = a0, d1 = a0;
  const end = q + bytes;
  while (q < end) {
    const x = v128.load(q), y = v128.load(q, 16);
    let h = v128.load(a); a0 = fma(x, low(h), a0); a1 = fma(y, high(h), a1);
    h = v128.load(b); b0 = fma(x, low(h), b0); b1 = fma(y, high(h), b1);
    h = v128.load(c); c0 = fma(x, low(h), c0); c1 = fma(y, high(h), c1);
    h = v128.load(d); d0 = fma(x, low(h), d0); d1 = fma(y, high(h), d1);
    q += 32; a += 16; b += 16; c += 16; d += 16;
  }
  return sums(f32x4.add(a0, a1), f32x4.add(b0, b1), f32x4.add(c0, c1), f32x4.add(d0, d1));
}

/**
 * Sums of sixteen products of codes, in units of 256, added to acc. Two codes in 16 bits are
 * v = low + 256 high; with the query's pairs, v * high' + low * (256 low' - high') is 256 times
 * low low' + high high': two multiplications and one mask, where widening takes two shuffles more.
 * All factors stay below 2^15 because codes stay below 2^7.
 */
@inline
function dots(v: v128, x: v128, odd: v128, even: v128, acc: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, v, acc);
  acc = i32x4.add(acc, i32x4.dot_i16x8_s(v, odd));
  return i32x4.add(acc, i32x4.dot_i16x8_s(v128.and(v, i16x8.splat(0xff)), even));
}
@inline
function oddOf(x: v128): v128 { return i16x8.shr_u(x, 8); }
@inline
function evenOf(x: v128, odd: v128): v128 { return i16x8.sub(i16x8.shl(x, 8), odd); }
/** Codes after which a lane of sums in units of 256 could be full. */
const DOT_BYTES: usize = 4096;
@inline
function whole(sums: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? sums : i32x4.shr_u(sums, 8);
}

/** Squared l2 of two codes in code units: |a|^2 + |b|^2 - 2ab, the norms behind the codes. */
@inline
export function u7x1(q: usize, a: usize, bytes: usize): f32 {
  let all = i32x4.splat(0);
  const end = q + bytes, norms = load<i32>(q + bytes) + load<i32>(a + bytes);
  while (q < end) {
    let s = i32x4.splat(0);
    for (const stop = min(end, q + DOT_BYTES); q < stop; q += 16, a += 16) {
      const x = v128.load(q), odd = oddOf(x);
      s = dots(v128.load(a), x, odd, evenOf(x, odd), s);
    }
    all = i32x4.add(all, whole(s));
  }
  const t = i32x4.extract_lane(all, 0) + i32x4.extract_lane(all, 1)
    + i32x4.extract_lane(all, 2) + i32x4.extract_lane(all, 3);
  return <f32>(norms - 2 * t);
}

@inline
export function u7x4(q: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): v128 {
  let all = i32x4.splat(0);
  const end = q + bytes;
  while (q < end) {
    let s0 = i32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    const stop = min(end, q + DOT_BYTES);
    while (q < stop) {
      const x = v128.load(q), odd = oddOf(x), even = evenOf(x, odd);
      s0 = dots(v128.load(a), x, odd, even, s0); s1 = dots(v128.load(b), x, odd, even, s1);
      s2 = dots(v128.load(c), x, odd, even, s2); s3 = dots(v128.load(d), x, odd, even, s3);
      q += 16; a += 16; b += 16; c += 16; d += 16;
    }
    all = i32x4.add(all, sumsOfIntegers(whole(s0), whole(s1), whole(s2), whole(s3)));
  }
  const norms = i32x4(load<i32>(a), load<i32>(b), load<i32>(c), load<i32>(d));
  const both = i32x4.add(i32x4.splat(load<i32>(q)), norms);
  return f32x4.convert_i32x4_s(i32x4.sub(both, i32x4.shl(all, 1)));
}

@inline
function differing(x: v128, p: usize, acc: v128): v128 {
  const ones = i8x16.popcnt(v128.xor(x, v128.load(p)));
  return i16x8.add(acc, i16x8.extadd_pairwise_i8x16_u(ones));
}

/** Number of differing bits. Sixteen-bit sums hold 65,536 dimensions. */
@inline
export function hammingx1(q: usize, a: usize, bytes: usize): f32 {
  let s = i16x8.splat(0);
  const end = q + bytes;
  while (q < end) { s = differing(v128.load(q), a, s); q += 16; a += 16; }
  const t = i32x4.extadd_pairwise_i16x8_u(s);
  return <f32>(i32x4.extract_lane(t, 0) + i32x4.extract_lane(t, 1)
    + i32x4.extract_lane(t, 2) + i32x4.extract_lane(t, 3));
}

@inline
export function hammingx4(q: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): v128 {
  let s0 = i16x8.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const end = q + bytes;
  while (q < end) {
    const x = v128.load(q);
    s0 = differing(x, a, s0); s1 = differing(x, b, s1);
    s2 = differing(x, c, s2); s3 = differing(x, d, s3);
    q += 16; a += 16; b += 16; c += 16; d += 16;
  }
  return f32x4.convert_i32x4_s(sumsOfIntegers(
    i32x4.extadd_pairwise_i16x8_u(s0), i32x4.extadd_pairwise_i16x8_u(s1),
    i32x4.extadd_pairwise_i16x8_u(s2), i32x4.extadd_pairwise_i16x8_u(s3),
  ));
}

/** Widens `bytes` bytes of f32 from bf16. */
@inline
export function widen(to: usize, from: usize, bytes: usize): void {
  const end = to + bytes;
  while (to < end) {
    const h = v128.load(from);
    v128.store(to, low(h)); v128.store(to, high(h), 16);
    to += 32; from += 16;
  }
}

/** Rounds f32 to bf16, to nearest, ties to even; `bytes` of f32. */
@inline
export function narrow(to: usize, from: usize, bytes: usize): void {
  const end = from + bytes;
  while (from < end) {
    const bits = load<u32>(from);
    store<u16>(to, <u16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
    from += 4; to += 2;
  }
}
