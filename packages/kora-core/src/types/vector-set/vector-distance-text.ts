/**
 * Distances as Engram and Kora print them: the shortest decimal that reads back to the same f32,
 * never with an exponent; `-0`, `inf`, `-inf`, `NaN`.
 */

/** Digits that tell every f32 apart. */
const DIGITS_MAX = 9;

/** The text of an f32. */
export function distanceText(distance: number): string {
  if (Number.isNaN(distance)) return 'NaN';
  if (!Number.isFinite(distance)) return distance > 0 ? 'inf' : '-inf';
  if (distance === 0) return Object.is(distance, -0) ? '-0' : '0';
  return withoutExponent(distance.toExponential(digitsOf(distance) - 1));
}

/**
 * How many digits tell an f32: most need 8 or 9, so the search begins there. Where so many do, more
 * do too; the test tries the powers of two, whose neighbours lie unevenly.
 */
function digitsOf(distance: number): number {
  let enough = DIGITS_MAX;
  while (enough > 1 && Math.fround(Number(distance.toPrecision(enough - 1))) === distance) {
    enough--;
  }
  return enough;
}

/** d.ddde+x laid out. */
function withoutExponent(text: string): string {
  const [mantissa = '', exponentText = '0'] = text.split('e');
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '').replace(/0+$/, '');
  const exponent = Number(exponentText);
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const rest = digits.slice(exponent + 1);
  return rest === '' ? `${sign}${whole}` : `${sign}${whole}.${rest}`;
}
