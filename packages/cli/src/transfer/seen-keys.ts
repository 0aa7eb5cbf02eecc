/**
 * Keys that SCAN has given, which may give one twice; a dump that has one twice is refused by
 * redis-server. Spread over many sets, because one holds 16 million at most.
 * Cost: about 100 bytes of heap a key, and the key.
 */

const SET_COUNT = 256;
/** Last bytes of a key that say which set it is in. */
const SPREAD_BYTES = 8;

export class SeenKeys {
  readonly #sets: Set<string>[] = Array.from({ length: SET_COUNT }, () => new Set());

  /** Adds the key. @returns false when it was there */
  add(key: Uint8Array): boolean {
    const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
    let spread = key.length;
    for (let at = Math.max(0, key.length - SPREAD_BYTES); at < key.length; at++) {
      spread = (Math.imul(spread, 31) + (key[at] ?? 0)) | 0;
    }
    const text = bytes.toString('latin1');
    const set = this.#sets[spread & (SET_COUNT - 1)];
    if (set === undefined || set.has(text)) return false;
    set.add(text);
    return true;
  }
}
