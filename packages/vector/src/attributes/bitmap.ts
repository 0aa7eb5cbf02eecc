/**
 * A growable set of slots, one bit each. Words behind the end are zeros. Operations between two
 * bitmaps treat the shorter one as filled up with zeros.
 */

/** A set of slots. */
export class Bitmap {
  words: Uint32Array;

  constructor(slotCount = 0) {
    this.words = new Uint32Array((slotCount + 31) >>> 5);
  }

  /** One over words that the caller gives away. */
  static of(words: Uint32Array): Bitmap {
    const bitmap = new Bitmap();
    bitmap.words = words;
    return bitmap;
  }

  has(slot: number): boolean {
    return ((this.words[slot >>> 5] ?? 0) >>> (slot & 31) & 1) === 1;
  }

  add(slot: number): void {
    const at = slot >>> 5;
    if (at >= this.words.length) {
      const grown = new Uint32Array(Math.max(at + 1, this.words.length * 2, 8));
      grown.set(this.words);
      this.words = grown;
    }
    this.words[at] = (this.words[at] ?? 0) | (1 << (slot & 31));
  }

  delete(slot: number): void {
    const at = slot >>> 5;
    if (at < this.words.length) this.words[at] = (this.words[at] ?? 0) & ~(1 << (slot & 31));
  }

  /** How many slots are in it. */
  count(): number {
    let total = 0;
    for (const word of this.words) {
      let v = word - ((word >>> 1) & 0x55555555);
      v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
      total += Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    }
    return total;
  }

  copy(): Bitmap {
    return Bitmap.of(this.words.slice());
  }

  /** Keeps what is in the other too. */
  and(other: Bitmap): this {
    for (let i = 0; i < this.words.length; i++) {
      this.words[i] = (this.words[i] ?? 0) & (other.words[i] ?? 0);
    }
    return this;
  }

  /** Adds what is in the other. */
  or(other: Bitmap): this {
    if (other.words.length > this.words.length) {
      const grown = new Uint32Array(other.words.length);
      grown.set(this.words);
      this.words = grown;
    }
    for (let i = 0; i < other.words.length; i++) {
      this.words[i] = (this.words[i] ?? 0) | (other.words[i] ?? 0);
    }
    return this;
  }

  /** Takes away what is in the other. */
  andNot(other: Bitmap): this {
    const length = Math.min(this.words.length, other.words.length);
    for (let i = 0; i < length; i++) {
      this.words[i] = (this.words[i] ?? 0) & ~(other.words[i] ?? 0);
    }
    return this;
  }

  /** Calls back with every slot, ascending. */
  forEach(each: (slot: number) => void): void {
    for (let i = 0; i < this.words.length; i++) {
      let word = this.words[i] ?? 0;
      while (word !== 0) {
        const bit = 31 - Math.clz32(word & -word);
        each(i * 32 + bit);
        word &= word - 1;
      }
    }
  }
}
