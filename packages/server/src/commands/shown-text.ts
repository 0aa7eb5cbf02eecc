/**
 * How an error shows what the client wrote: up to its first zero byte, as Redis, whose texts are
 * C strings. The sink turns line breaks into blanks and cuts what is too long for an error.
 */

/** The part of `text` that an error shows. */
export function shownText(text: string): string {
  const zero = text.indexOf('\0');
  return zero < 0 ? text : text.slice(0, zero);
}
