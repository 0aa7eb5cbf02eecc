/**
 * Finds the example a README promises: its first fenced block of JavaScript. It is run from the
 * packed package, so the first thing a newcomer copies works.
 */

/** Text of the first js, mjs or ts block; undefined when there is none. */
export function firstExample(readme: string): string | undefined {
  return /^```(?:js|mjs|javascript|ts|typescript)\b[^\n]*\n([^]*?)^```\s*$/m.exec(readme)?.[1];
}
