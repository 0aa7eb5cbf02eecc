/**
 * Sine, cosine and arc sine with errors hardly above half a unit in the last place, so that stored
 * distances have the digits that other servers give: the platform's own functions may be off by a
 * whole unit, each in its own way. The terms that matter are sums of two doubles; the rest of the
 * series is small enough for one.
 *
 *   angle   = k * pi/2 + r,  |r| <= pi/4        sine   = r - r^3/6 + (r^5/120 - ...)
 *   arc sine: the platform's, and one step of Newton    cosine = 1 - r^2/2 + r^4/24 - (r^6/720 ...)
 *
 * Cost: about 50 ns each; nothing is allocated. Angles lie between -pi and pi.
 * Source: Dekker 1971 for exact products; Taylor series.
 */

/** pi/2 as a sum of three doubles. */
const HALF_PI = 1.5707963267948966;
const HALF_PI_REST = 6.123233995736766e-17;
const HALF_PI_LAST = -1.4973849048591698e-33;
/** 1/6 and 1/24: nearest doubles, and what they lack. */
const SIXTH = 1 / 6;
const SIXTH_REST = 9.25185853854297e-18;
const TWENTY_FOURTH = 1 / 24;
const TWENTY_FOURTH_REST = 2.3129646346357427e-18;
/** Splits a double into halves of 26 bits. */
const SPLITTER = 2 ** 27 + 1;

/** The last result as a sum: [0] the nearest double, [1] what it lacks. Owner: the thread. */
const parts = new Float64Array(2);

/** What the product of two doubles lacks when it is rounded to `product`. */
function productRest(a: number, b: number, product: number): number {
  const aSplit = a * SPLITTER;
  const aHigh = aSplit - (aSplit - a);
  const aLow = a - aHigh;
  const bSplit = b * SPLITTER;
  const bHigh = bSplit - (bSplit - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** Sets `parts` to a + b + rest, where |a| >= |b|. */
function setSum(a: number, b: number, rest: number): void {
  const sum = a + b;
  const lacking = b - (sum - a) + rest;
  const nearest = sum + lacking;
  parts[0] = nearest;
  parts[1] = lacking - (nearest - sum);
}

/** Sine of r + rest, |r| <= pi/4, into `parts`. */
function sineOfSmall(r: number, rest: number): void {
  const square = r * r;
  const squareRest = productRest(r, r, square) + 2 * r * rest;
  const cube = square * r;
  const cubeRest = productRest(square, r, cube) + squareRest * r + square * rest;
  const third = cube * SIXTH;
  const thirdRest = productRest(cube, SIXTH, third) + cubeRest * SIXTH + cube * SIXTH_REST;
  const t = square;
  const series = 1 / 120 + t * (-1 / 5040 + t * (1 / 362_880 + t * (-1 / 39_916_800
    + t * (1 / 6_227_020_800 + t * (-1 / 1_307_674_368_000 + t * (1 / 355_687_428_096_000
    - t / 121_645_100_408_832_000))))));
  setSum(r, -third, rest - thirdRest + cube * square * series);
}

/** Cosine of r + rest, |r| <= pi/4, into `parts`. */
function cosineOfSmall(r: number, rest: number): void {
  const square = r * r;
  const squareRest = productRest(r, r, square) + 2 * r * rest;
  const fourth = square * square;
  const fourthRest = productRest(square, square, fourth) + 2 * square * squareRest;
  const term = fourth * TWENTY_FOURTH;
  const termRest = productRest(fourth, TWENTY_FOURTH, term)
    + fourthRest * TWENTY_FOURTH + fourth * TWENTY_FOURTH_REST;
  const t = square;
  const series = -1 / 720 + t * (1 / 40_320 + t * (-1 / 3_628_800 + t * (1 / 479_001_600
    + t * (-1 / 87_178_291_200 + t * (1 / 20_922_789_888_000
    - t / 6_402_373_705_728_000)))));
  const head = 1 - square / 2;
  const headRest = 1 - head - square / 2;
  setSum(head, term, headRest - squareRest / 2 + termRest + fourth * square * series);
}

/** Sine of an angle, with `quarters` quarter turns added, into `parts`. */
function turn(angle: number, quarters: number): void {
  const k = Math.round(angle / HALF_PI);
  const near = angle - k * HALF_PI; // Exact: the two are close.
  const r = near - k * HALF_PI_REST;
  const rest = near - r - k * HALF_PI_REST - k * HALF_PI_LAST;
  const quadrant = (k + quarters) & 3;
  if ((quadrant & 1) === 0) sineOfSmall(r, rest);
  else cosineOfSmall(r, rest);
  if (quadrant < 2) return;
  parts[0] = -(parts[0] ?? 0);
  parts[1] = -(parts[1] ?? 0);
}

/** Sine of an angle between -pi and pi. */
export function sine(angle: number): number {
  turn(angle, 0);
  return parts[0] ?? 0;
}

/** Cosine of an angle between -pi and pi. */
export function cosine(angle: number): number {
  turn(angle, 1);
  return parts[0] ?? 0;
}

/** Angle, at most pi/2, whose sine is `value` (0 to 1); NaN beyond 1. */
export function arcSine(value: number): number {
  const near = Math.asin(value);
  if (value === 0 || !(value < 1)) return near;
  turn(near, 0);
  const lacking = value - (parts[0] ?? 0) - (parts[1] ?? 0);
  return near + lacking / cosine(near);
}
