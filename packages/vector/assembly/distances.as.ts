/**
 * Distances from one vector to many slots, four at a time. Two kinds:
 *   walk: what the graph is built and walked by; comparable, never negative, units of its own
 *   rank: what answers are ordered by, the metric itself: squared l2, 1 - cos, -dot
 * A walk has an origin: a pointer to its point and one number beside it (1/norm for cosine over
 * cold vectors, rest for inner product). A slot becomes an origin by `takeOrigin`.
 */
import {
  dotx1, dotx1b, dotx4, dotx4b, hammingx1, hammingx4, l2x1, l2x1b, l2x4, l2x4b, u7x1, u7x4, widen,
} from './kernels.as';
import {
  CODE_BYTES, COLD, COLD_BYTES, COLD_F32, COLD_KIND, coldAt, DIMENSION, F32_BYTES, hotTail, METRIC,
  METRIC_COSINE, METRIC_IP, METRIC_L2, point, WALK, WALK_BF16, WALK_BITS, WALK_CODES,
} from './layout.as';
import {
  CANDIDATES_MAX, countDistances, f32At, idAt, IDS, KEPT, NODE_B, QUERY, QUERY_POINT,
} from './scratch.as';
import { readVector } from './codes.as';

export let ORIGIN: usize = 0, ORIGIN_NUMBER: f32 = 0;

/** The query becomes the origin. */
export function originIsQuery(): void {
  ORIGIN = WALK >= WALK_CODES ? QUERY_POINT : QUERY;
  ORIGIN_NUMBER = METRIC == METRIC_COSINE ? 1 : 0;
}

/** The point of a slot: widened to `scratch` where the kernel wants f32 and the slot has bf16. */
@inline
function pointFor(id: i32, scratch: usize): usize {
  if (WALK != WALK_BF16) return point(id);
  widen(scratch, point(id), F32_BYTES);
  return scratch;
}
@inline
function numberOf(id: i32): f32 {
  if (METRIC == METRIC_L2 || WALK == WALK_BITS) return 0;
  if (WALK == WALK_CODES) return METRIC == METRIC_IP ? load<f32>(hotTail(id), 4) : 0;
  const tail = coldAt(id) + COLD_BYTES;
  return METRIC == METRIC_COSINE ? load<f32>(tail) : load<f32>(tail, 4);
}
export function originIsSlot(id: i32, scratch: usize): void {
  ORIGIN = pointFor(id, scratch);
  ORIGIN_NUMBER = numberOf(id);
}

function coldDots(q: usize, ids: usize, n: i32, out: usize): void {
  let i = 0;
  if (COLD_KIND == COLD_F32) {
    for (; i + 3 < n; i += 4) {
      v128.store(out + (<usize>i << 2), dotx4(q, coldAt(idAt(ids, i)), coldAt(idAt(ids, i + 1)),
        coldAt(idAt(ids, i + 2)), coldAt(idAt(ids, i + 3)), F32_BYTES));
    }
    for (; i < n; i++) {
      store<f32>(out + (<usize>i << 2), dotx1(q, coldAt(idAt(ids, i)), F32_BYTES));
    }
    return;
  }
  for (; i + 3 < n; i += 4) {
    v128.store(out + (<usize>i << 2), dotx4b(q, coldAt(idAt(ids, i)), coldAt(idAt(ids, i + 1)),
      coldAt(idAt(ids, i + 2)), coldAt(idAt(ids, i + 3)), F32_BYTES));
  }
  for (; i < n; i++) {
    store<f32>(out + (<usize>i << 2), dotx1b(q, coldAt(idAt(ids, i)), F32_BYTES));
  }
}

function coldL2(q: usize, ids: usize, n: i32, out: usize): void {
  let i = 0;
  if (COLD_KIND == COLD_F32) {
    for (; i + 3 < n; i += 4) {
      v128.store(out + (<usize>i << 2), l2x4(q, coldAt(idAt(ids, i)), coldAt(idAt(ids, i + 1)),
        coldAt(idAt(ids, i + 2)), coldAt(idAt(ids, i + 3)), F32_BYTES));
    }
    for (; i < n; i++) {
      store<f32>(out + (<usize>i << 2), l2x1(q, coldAt(idAt(ids, i)), F32_BYTES));
    }
    return;
  }
  for (; i + 3 < n; i += 4) {
    v128.store(out + (<usize>i << 2), l2x4b(q, coldAt(idAt(ids, i)), coldAt(idAt(ids, i + 1)),
      coldAt(idAt(ids, i + 2)), coldAt(idAt(ids, i + 3)), F32_BYTES));
  }
  for (; i < n; i++) {
    store<f32>(out + (<usize>i << 2), l2x1b(q, coldAt(idAt(ids, i)), F32_BYTES));
  }
}

/** Cosine over cold vectors: 1 - dot * 1/norm * number, never below zero. */
function finishCosine(ids: usize, n: i32, out: usize, number: f32): void {
  for (let i = 0; i < n; i++) {
    const at = out + (<usize>i << 2), tail = coldAt(idAt(ids, i)) + COLD_BYTES;
    const d = <f32>1 - load<f32>(at) * load<f32>(tail) * number;
    store<f32>(at, d < 0 ? 0 : d);
  }
}

/** Adds both rests, for inner product. */
function addRests(ids: usize, n: i32, out: usize): void {
  for (let i = 0; i < n; i++) {
    const at = out + (<usize>i << 2);
    store<f32>(at, load<f32>(at) + (ORIGIN_NUMBER + numberOf(idAt(ids, i))));
  }
}

/** Walk distances from the origin to the n slots at ids, f32 at out, where n + 3 fit. */
export function walkDistances(ids: usize, n: i32, out: usize): void {
  countDistances(n);
  const q = ORIGIN;
  let i = 0;
  if (WALK == WALK_CODES) {
    for (; i + 3 < n; i += 4) {
      v128.store(out + (<usize>i << 2), u7x4(q, point(idAt(ids, i)), point(idAt(ids, i + 1)),
        point(idAt(ids, i + 2)), point(idAt(ids, i + 3)), CODE_BYTES));
    }
    if (n - i >= 2) {
      // Two or three more, the last one repeated: less than one at a time. `out` has room.
      const last = point(idAt(ids, n - 1));
      v128.store(out + (<usize>i << 2), u7x4(q, point(idAt(ids, i)), point(idAt(ids, i + 1)),
        last, last, CODE_BYTES));
    } else if (i < n) {
      store<f32>(out + (<usize>i << 2), u7x1(q, point(idAt(ids, i)), CODE_BYTES));
    }
    if (METRIC == METRIC_IP) addRests(ids, n, out);
  } else if (WALK == WALK_BITS) {
    for (; i + 3 < n; i += 4) {
      v128.store(out + (<usize>i << 2), hammingx4(q, point(idAt(ids, i)), point(idAt(ids, i + 1)),
        point(idAt(ids, i + 2)), point(idAt(ids, i + 3)), CODE_BYTES));
    }
    for (; i < n; i++) {
      store<f32>(out + (<usize>i << 2), hammingx1(q, point(idAt(ids, i)), CODE_BYTES));
    }
  } else if (METRIC == METRIC_COSINE) {
    coldDots(q, ids, n, out);
    finishCosine(ids, n, out, ORIGIN_NUMBER);
  } else {
    coldL2(q, ids, n, out);
    if (METRIC == METRIC_IP) addRests(ids, n, out);
  }
}

/** Notes the point of a slot as number k of those kept; the next three are the same until then. */
export function keepPoint(k: i32, id: i32): void {
  v128.store(KEPT + (<usize>k << 2), i32x4.splat(<i32>point(id)));
}

/**
 * Whether a slot at distance d from somewhere is nearer than that to one of the k kept points, or
 * equal to one. For codes; k addresses at KEPT, made by keepPoint.
 */
export function isNearKept(id: i32, d: f32, k: i32): bool {
  const q = point(id), bound = f32x4.splat(d), zero = f32x4.splat(0);
  countDistances(k);
  for (let at = KEPT, end = KEPT + (<usize>k << 2); at < end; at += 16) {
    const v = u7x4(q, <usize>load<u32>(at), <usize>load<u32>(at, 4), <usize>load<u32>(at, 8),
      <usize>load<u32>(at, 12), CODE_BYTES);
    if (v128.any_true(v128.or(f32x4.lt(v, bound), f32x4.eq(v, zero)))) return true;
  }
  return false;
}

/** Walk distance from the origin to one slot. */
export function walkDistance(id: i32): f32 {
  if (WALK == WALK_CODES && METRIC != METRIC_IP) return u7x1(ORIGIN, point(id), CODE_BYTES);
  const at = NODE_B + F32_BYTES;
  store<i32>(at, id);
  walkDistances(at, 1, at + 16);
  return load<f32>(at, 16);
}

/** Ranking distances from QUERY to the n slots at ids, f32 at out: the metric itself. */
export function rankDistances(ids: usize, n: i32, out: usize): void {
  countDistances(n);
  if (COLD_KIND != 0) {
    if (METRIC == METRIC_L2) { coldL2(QUERY, ids, n, out); return; }
    coldDots(QUERY, ids, n, out);
    if (METRIC == METRIC_COSINE) { finishCosine(ids, n, out, 1); return; }
    for (let i = 0; i < n; i++) store<f32>(out + (<usize>i << 2), -f32At(out, i));
    return;
  }
  for (let i = 0; i < n; i++) {
    const id = idAt(ids, i);
    store<f32>(out + (<usize>i << 2), WALK == WALK_BITS ? bitDistance(id) : codeDistance(id));
  }
}

/** Estimate of 1 - cos from the share of differing signs. */
function bitDistance(id: i32): f32 {
  return 2 * hammingx1(QUERY_POINT, point(id), CODE_BYTES) / <f32>DIMENSION;
}

/** The exact query against the decoded code: half the error of comparing two codes. */
function codeDistance(id: i32): f32 {
  readVector(id, NODE_B);
  if (METRIC == METRIC_L2) return l2x1(QUERY, NODE_B, F32_BYTES);
  const dot = dotx1(QUERY, NODE_B, F32_BYTES);
  if (METRIC == METRIC_IP) return -dot;
  const square = dotx1(NODE_B, NODE_B, F32_BYTES);
  const d: f32 = square > 1e-37 ? <f32>1 - dot / sqrt<f32>(square) : 1;
  return d < 0 ? 0 : d;
}

/** Ranking distances of n consecutive slots of one chunk, a multiple of four, f32 at out. */
export function rankRun(first: i32, n: i32, out: usize): void {
  if (COLD_KIND != COLD_F32) { rankList(first, n, out); return; }
  countDistances(n);
  const step = COLD;
  let a = coldAt(first);
  for (let i = 0; i < n; i += 4, a += 4 * step) {
    const b = a + step, c = b + step, d = c + step;
    let v: v128;
    if (METRIC == METRIC_L2) v = l2x4(QUERY, a, b, c, d, F32_BYTES);
    else {
      v = dotx4(QUERY, a, b, c, d, F32_BYTES);
      if (METRIC == METRIC_IP) v = f32x4.neg(v);
      else {
        const inverses = f32x4(load<f32>(a + F32_BYTES), load<f32>(b + F32_BYTES),
          load<f32>(c + F32_BYTES), load<f32>(d + F32_BYTES));
        v = f32x4.max(f32x4.sub(f32x4.splat(1), f32x4.mul(v, inverses)), f32x4.splat(0));
      }
    }
    v128.store(out + (<usize>i << 2), v);
  }
}

function rankList(first: i32, n: i32, out: usize): void {
  const ids = IDS + (<usize>CANDIDATES_MAX << 2);
  for (let i = 0; i < n; i++) store<i32>(ids + (<usize>i << 2), first + i);
  rankDistances(ids, n, out);
}
