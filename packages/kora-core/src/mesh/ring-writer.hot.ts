/**
 * The producer's end of a ring (drawn in ring-layout.ts), in the receiver's memory.
 *   begin ──▶ write the body into `words`, set the header ──▶ end ──▶ ... ──▶ publish
 * A message is begun for at most so many bytes and ended with as many as it has; one that is not
 * ended does not exist, and beginning another gives it up. Ended messages are seen by the reader
 * after `publish`, all at once.
 * Invariants: words are written only in [next, head + data bytes), which no reader looks at; the
 *   tail is stored after all words of the messages before it; a message that fits into
 *   `bodyBytesMax` is always taken once the ring is empty.
 * Cost: `begin` to `end` touches no shared line but the data; one Atomics.store a `publish`, and
 *   one Atomics.load when the ring seems full. Nothing is allocated. Owner: one thread.
 */
import { assert } from '../assert.ts';
import { copyBytesToWords } from './ring-copy.hot.ts';
import {
  KIND_MAX, KIND_SHIFT, MESSAGE_HEADER_BYTES, RING_BYTES_WORD, RING_DATA_WORD, RING_HEAD_WORD,
  RING_TAIL_WORD, RING_WANTS_ROOM_WORD, messageBytesMaxOf,
} from './ring-layout.ts';

const HEADER_WORDS = MESSAGE_HEADER_BYTES / 4;

export class RingWriter {
  /** The receiver's low memory, into which bodies are written. */
  readonly words: Int32Array;
  /** Longest body that a message may have, in bytes. */
  readonly bodyBytesMax: number;
  readonly #headWord: number;
  readonly #tailWord: number;
  readonly #dataWord: number;
  readonly #dataBytes: number;
  readonly #mask: number;
  /** The reader's position when it was last looked at: never ahead of the true one. */
  #head: number;
  /** Position behind the last message that is ended. */
  #next: number;
  /** The tail as the reader sees it. */
  #published: number;
  /** The open message: its position, its first word, what it was begun for; -1 word when none. */
  #openAt: number;
  #openWord: number;
  #openKind: number;
  #openBytes: number;

  /**
   * @param words the receiver's low memory: `new Int32Array(memory.buffer, 0, lowBytes / 4)`
   * @param ringAt byte offset of a formatted ring in it
   */
  constructor(words: Int32Array, ringAt: number) {
    const first = ringAt / 4;
    this.words = words;
    this.#headWord = first + RING_HEAD_WORD;
    this.#tailWord = first + RING_TAIL_WORD;
    this.#dataWord = first + RING_DATA_WORD;
    this.#dataBytes = words[first + RING_BYTES_WORD]!;
    this.#mask = this.#dataBytes - 1;
    this.bodyBytesMax = messageBytesMaxOf(this.#dataBytes) - MESSAGE_HEADER_BYTES;
    // Written twice, so that the first change in traffic finds no code that took them for constant.
    this.#head = 0;
    this.#next = 0;
    this.#published = 0;
    this.#openAt = 0;
    this.#openWord = 0;
    this.#openKind = 0;
    this.#openBytes = 0;
    this.#head = Atomics.load(words, this.#headWord); // Pairs with the store in RingReader.flush.
    this.#published = Atomics.load(words, this.#tailWord); // Stored by the format, or by publish.
    this.#next = this.#published;
    this.#openWord = -1;
  }

  /**
   * Begins a message with a body of at most `bytes` bytes.
   * @param kind 1 to 255
   * @param bytes 0 to `bodyBytesMax`
   * @returns index in `words` of the body's first word; -1 when there is no room now, and then
   *   nothing has changed
   */
  begin(kind: number, bytes: number): number {
    assert(kind > 0 && kind <= KIND_MAX, 'a message has a kind');
    assert(bytes >= 0 && bytes <= this.bodyBytesMax, 'a message fits into half a ring');
    const needed = (bytes + MESSAGE_HEADER_BYTES + 7) & ~7;
    let at = this.#next;
    const left = this.#dataBytes - (at & this.#mask);
    const needsPad = needed > left;
    const taken = needsPad ? left + needed : needed;
    if (((at - this.#head) | 0) + taken > this.#dataBytes) {
      // Pairs with the store in RingReader.flush: what it freed is read before it is written over.
      this.#head = Atomics.load(this.words, this.#headWord);
      if (((at - this.#head) | 0) + taken > this.#dataBytes) return -1;
    }
    if (needsPad) {
      this.words[this.#dataWord + ((at & this.#mask) >>> 2)] = left; // Kind 0 is PAD.
      at = (at + left) | 0;
    }
    const word = this.#dataWord + ((at & this.#mask) >>> 2);
    this.#openAt = at;
    this.#openWord = word;
    this.#openKind = kind;
    this.#openBytes = bytes;
    return word + HEADER_WORDS;
  }

  /** Sets the three header words of the open message; without it they hold anything. */
  header(a: number, b: number, c: number): void {
    const word = this.#openWord;
    assert(word >= 0, 'a message is open');
    this.words[word + 1] = a;
    this.words[word + 2] = b;
    this.words[word + 3] = c;
  }

  /**
   * Copies bytes of one's own memory into the open message; the last word is filled with zeros.
   * @param from one's own memory as words
   * @param fromByte byte offset in it, any alignment
   * @param toWord index in `words`, within the body
   */
  copyFrom(from: Int32Array, fromByte: number, toWord: number, bytes: number): void {
    const bodyWord = this.#openWord + HEADER_WORDS;
    assert(this.#openWord >= 0, 'a message is open');
    assert(toWord >= bodyWord, 'the body starts behind the header');
    assert((toWord - bodyWord) * 4 + bytes <= this.#openBytes, 'the body was announced as long');
    copyBytesToWords(from, fromByte, this.words, toWord, bytes);
  }

  /** Ends the open message. @param bytes of its body, at most what it was begun for */
  end(bytes: number): void {
    const word = this.#openWord;
    assert(word >= 0, 'a message is open');
    assert(bytes >= 0 && bytes <= this.#openBytes, 'a body is at most as long as announced');
    const total = (bytes + MESSAGE_HEADER_BYTES + 7) & ~7;
    const padding = total - MESSAGE_HEADER_BYTES - bytes;
    this.words[word] = total | padding | (this.#openKind << KIND_SHIFT);
    this.#next = (this.#openAt + total) | 0;
    this.#openWord = -1;
  }

  /** True when messages are ended that the reader cannot see yet. */
  get hasUnpublished(): boolean {
    return this.#next !== this.#published;
  }

  /**
   * Lets the reader see all messages that are ended. Once a turn; then tell the reader
   * (MeshControl.publish).
   * @returns false when there was nothing new
   */
  publish(): boolean {
    if (this.#next === this.#published) return false;
    this.#published = this.#next;
    // Publishes the words of the messages; pairs with the load in RingReader.refresh.
    Atomics.store(this.words, this.#tailWord, this.#next);
    return true;
  }

  /**
   * In place of `publish`, where the reader is told by other means how far to read
   * (RingReader.advance).
   * @returns the position behind the last message that is ended
   */
  seal(): number {
    this.#published = this.#next;
    return this.#next;
  }

  /** The position behind the last message that is ended, for `rollBack`. */
  mark(): number {
    return this.#next;
  }

  /** Takes back the messages that were ended since the mark. None of them is published. */
  rollBack(mark: number): void {
    assert(((mark - this.#published) | 0) >= 0, 'what is published is not taken back');
    this.#next = mark;
    this.#openWord = -1;
  }

  /** True when `begin` for so many bytes would find room now. */
  hasRoom(bytes: number): boolean {
    if (this.#fits(bytes)) return true;
    this.#head = Atomics.load(this.words, this.#headWord); // As in `begin`.
    return this.#fits(bytes);
  }

  /**
   * Asks to be told of room, after `begin` gave -1. What is ended has to be published first, else
   * nothing may ever be freed.
   * @returns true when there is room by now: begin again. False: the reader's `flush` will say so
   */
  askForRoom(bytes: number): boolean {
    assert(!this.hasUnpublished, 'who waits for room has published');
    const words = this.words;
    const wantsWord = this.#tailWord + RING_WANTS_ROOM_WORD - RING_TAIL_WORD;
    // Either this store is seen by the load in RingReader.flush, or the load below sees its head.
    Atomics.store(words, wantsWord, 1);
    this.#head = Atomics.load(words, this.#headWord); // Pairs with the store in RingReader.flush.
    return this.#fits(bytes);
  }

  #fits(bytes: number): boolean {
    const needed = (bytes + MESSAGE_HEADER_BYTES + 7) & ~7;
    const left = this.#dataBytes - (this.#next & this.#mask);
    const taken = needed > left ? left + needed : needed;
    return ((this.#next - this.#head) | 0) + taken <= this.#dataBytes;
  }
}
