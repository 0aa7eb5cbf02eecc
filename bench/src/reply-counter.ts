/**
 * Counts flat replies (simple strings, errors, integers, bulk strings and null) in a stream of
 * bytes, cut anywhere, without making an object: for generators that must not make garbage.
 * Bytes of a bulk string are skipped, not read.
 */

const CR = 0x0d;
const LF = 0x0a;
const MINUS = 0x2d;
const DOLLAR = 0x24;
const ZERO = 0x30;

export class ReplyCounter {
  /** Error replies so far. */
  errors = 0;
  /** Null bulk strings so far. */
  nulls = 0;
  /** First byte of the line in progress, 0 = none. */
  #type = 0;
  /** Number in the line in progress. */
  #length = 0;
  #isNegative = false;
  /** Bytes of a bulk string, with its line end, that are still to come. */
  #skip = 0;

  /** Takes the next bytes; returns how many replies they complete. */
  feed(source: Uint8Array, bytes: number): number {
    let complete = 0;
    for (let at = 0; at < bytes; at++) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes - at);
        this.#skip -= skipped;
        at += skipped - 1;
        if (this.#skip === 0) complete++;
        continue;
      }
      const byte = source[at] ?? 0;
      if (this.#type === 0) this.#begin(byte);
      else if (byte === LF) complete += this.#endLine();
      else if (byte === MINUS) this.#isNegative = true;
      else if (byte !== CR) this.#length = this.#length * 10 + byte - ZERO;
    }
    return complete;
  }

  #begin(type: number): void {
    this.#type = type;
    this.#length = 0;
    this.#isNegative = false;
    if (type === MINUS) this.errors++;
  }

  /** @returns replies that end with this line: 0 or 1 */
  #endLine(): number {
    const isBulk = this.#type === DOLLAR;
    this.#type = 0;
    if (!isBulk) return 1;
    if (this.#isNegative) {
      this.nulls++;
      return 1;
    }
    this.#skip = this.#length + 2;
    return 0;
  }
}
