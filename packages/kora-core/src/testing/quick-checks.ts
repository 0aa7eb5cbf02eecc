/**
 * Checks for what a model test looks at many thousand times: `expect` costs some 20 us a call, in a
 * loop over all keys more than what it checks. These say the same when they fail.
 * Use `expect` everywhere else: it shows values better.
 */

/** Fails unless both are the same value (Object.is). */
export function checkSame<T>(got: T, wanted: T, where: string): void {
  if (!Object.is(got, wanted)) throw new Error(`${where}: ${String(got)}, not ${String(wanted)}`);
}

/** Fails unless `got` is at most `most`. */
export function checkAtMost(got: number, most: number, where: string): void {
  if (!(got <= most)) throw new Error(`${where}: ${got}, more than ${most}`);
}

/** Fails unless `got` is at least `least`. */
export function checkAtLeast(got: number, least: number, where: string): void {
  if (!(got >= least)) throw new Error(`${where}: ${got}, less than ${least}`);
}
