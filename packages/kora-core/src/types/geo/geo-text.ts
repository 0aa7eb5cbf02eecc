/**
 * Numbers as text the way Redis writes them for positions: a fixed number of decimals, rounded to
 * the nearest and a tie to the even digit as C's printf does. JavaScript rounds ties up.
 * Cost: about 1 us. Nothing is kept.
 */

/** Decimals of a distance. */
const DISTANCE_DECIMALS = 4;
/** Decimals of a coordinate, before trailing zeros are dropped. */
const COORDINATE_DECIMALS = 17;
/** Decimals of an error text, as `%f` has them. */
const PLAIN_DECIMALS = 6;
/** Enough decimals to tell a tie, which has few. */
const TIE_DECIMALS = 60;
/** From here on JavaScript turns to exponents; every double that large is a whole number. */
const EXPONENT_FROM = 1e21;

function fixed(value: number, decimals: number): string {
  if (Math.abs(value) >= EXPONENT_FROM) return `${BigInt(value)}.${'0'.repeat(decimals)}`;
  const text = value.toFixed(decimals);
  if (!value.toFixed(decimals + 1).endsWith('5')) return text;
  const exact = value.toFixed(TIE_DECIMALS);
  const cut = exact.length - TIE_DECIMALS + decimals;
  const isTie = /^50*$/.test(exact.slice(cut));
  const isEven = '02468'.includes(exact.charAt(cut - 1));
  return isTie && isEven ? exact.slice(0, cut) : text;
}

/** A distance: four decimals. */
export function distanceText(distance: number): string {
  return fixed(distance, DISTANCE_DECIMALS);
}

/** A coordinate: up to 17 decimals. */
export function coordinateText(value: number): string {
  const text = fixed(value, COORDINATE_DECIMALS).replace(/0+$/, '').replace(/\.$/, '');
  return text === '-0' ? '0' : text;
}

/** Any double as C's `%f`. */
export function plainText(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  return `${Object.is(value, -0) ? '-' : ''}${fixed(value, PLAIN_DECIMALS)}`;
}
