/**
 * The line that MONITOR shows of a call, as redis-server writes it:
 *   1795228502.288081 [3 127.0.0.1:45536] "set" "a" "x\n\x00\xff"
 * time in seconds, database and address of the client, the words in quotes with all bytes that
 * are not printable as escapes.
 */

const ESCAPES: Readonly<Record<string, string>> = Object.freeze({
  '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x07': '\\a', '\b': '\\b',
});

function escaped(character: string): string {
  return ESCAPES[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** A word of one character a byte as it stands in a line. */
export function quoted(word: string): string {
  return `"${word.replace(/[^ !#-[\]-~]/g, escaped)}"`;
}

/** Seconds with six decimals. @param us microseconds since 1970 */
function timeText(us: number): string {
  const whole = Math.floor(us);
  const seconds = Math.floor(whole / 1e6);
  return `${seconds}.${String(whole - seconds * 1e6).padStart(6, '0')}`;
}

/** A line without its end. @param us microseconds since 1970 */
export function monitorLine(
  us: number, db: number, address: string, words: readonly string[],
): string {
  return `${timeText(us)} [${db} ${address}] ${words.map(quoted).join(' ')}`;
}
