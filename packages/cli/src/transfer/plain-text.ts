/**
 * The text of a string value of a dump where that takes no more than to point at it: plain bytes,
 * or an integer, whose digits are written here. Packed texts are left to whoever loads them.
 * Source: kora-core/src/bytes/rdb-string.ts has all forms.
 */
const LENGTH_14 = 0x40;
const LENGTH_32 = 0x80;
const INTEGER_8 = 0xc0;
const INTEGER_32 = 0xc2;

const encoder = new TextEncoder();

export class PlainText {
  /** The text is u8[at .. at + bytes); valid until the next `read`. */
  u8: Uint8Array = new Uint8Array(0);
  at = 0;
  bytes = 0;
  readonly #digits = new Uint8Array(16);

  /** Finds the text of a string value. @param value type byte and body, whole
   * @returns false where it is packed, or its length has another form than servers write */
  read(value: Uint8Array): boolean {
    const first = value[1] ?? LENGTH_32;
    if (first >= INTEGER_8) return first <= INTEGER_32 && this.#integer(value, first - INTEGER_8);
    const headBytes = first < LENGTH_14 ? 2 : first < LENGTH_32 ? 3 : 6;
    if (first > LENGTH_32) return false;
    this.u8 = value;
    this.at = headBytes;
    // The value is whole, so its text is all that follows.
    this.bytes = value.length - headBytes;
    return true;
  }

  /** Writes the digits of an integer of 1, 2 or 4 bytes, least significant first. */
  #integer(value: Uint8Array, form: number): true {
    let number = 0;
    const bytes = 1 << form;
    for (let i = bytes - 1; i >= 0; i--) number = (number << 8) | (value[2 + i] ?? 0);
    const spare = 32 - 8 * bytes;
    this.u8 = this.#digits;
    this.at = 0;
    this.bytes = encoder.encodeInto(String((number << spare) >> spare), this.#digits).written;
    return true;
  }
}
