/**
 * The consumer's end of a ring (drawn in ring-layout.ts), in its own memory.
 *   refresh ──▶ next ──▶ look at kind, a, b, c and the body in place ──▶ consume ──▶ next ... flush
 *                └─ following ─┘  looks further without consuming
 * A message stays where it is, and its bytes as they are, until it is consumed: `next` gives the
 * same one again, in this turn or a later one.
 * Invariants: nothing is read behind the tail that `refresh` saw; the head is stored after the last
 *   read of what it frees. A length that cannot be is a broken invariant: both ends are ours.
 * Cost: one Atomics.load a `refresh`, one store and one load a `flush` that frees something.
 *   Nothing is allocated. Owner: one thread.
 */
import { assert } from '../assert.ts';
import {
  KIND_PAD, KIND_SHIFT, MESSAGE_BYTES_MASK, MESSAGE_HEADER_BYTES, PADDING_MASK, RING_BYTES_WORD,
  RING_DATA_WORD, RING_HEAD_WORD, RING_TAIL_WORD, RING_WANTS_ROOM_WORD,
} from './ring-layout.ts';

/** The head is stored without being asked when 1 / 2^this of the ring has been consumed. */
const EARLY_FLUSH_SHIFT = 2;

export class RingReader {
  readonly words: Int32Array;
  /** The current message: what `next` or `following` moved to. Stale once it is consumed. */
  kind: number;
  a: number;
  b: number;
  c: number;
  /** Byte offset of its body in the memory, a multiple of 8. */
  bodyAt: number;
  bodyBytes: number;
  readonly #headWord: number;
  readonly #tailWord: number;
  readonly #wantsRoomWord: number;
  readonly #dataWord: number;
  readonly #dataBytes: number;
  readonly #mask: number;
  /** The writer's position when it was last looked at. */
  #tail: number;
  /** Position behind the last consumed message. */
  #consumed: number;
  /** Position behind the current message. */
  #end: number;
  /** The head as the writer sees it. */
  #stored: number;
  /** The head has been stored since the last flush. */
  #hasFreed: boolean;

  /**
   * @param words one's own low memory, or more
   * @param ringAt byte offset of a formatted ring in it
   */
  constructor(words: Int32Array, ringAt: number) {
    const first = ringAt / 4;
    this.words = words;
    this.kind = 0;
    this.a = 0;
    this.b = 0;
    this.c = 0;
    this.bodyAt = 0;
    this.bodyBytes = 0;
    this.#headWord = first + RING_HEAD_WORD;
    this.#tailWord = first + RING_TAIL_WORD;
    this.#wantsRoomWord = first + RING_WANTS_ROOM_WORD;
    this.#dataWord = first + RING_DATA_WORD;
    this.#dataBytes = words[first + RING_BYTES_WORD]!;
    this.#mask = this.#dataBytes - 1;
    // Written twice, so that the first change in traffic finds no code that took them for constant.
    this.#tail = 0;
    this.#consumed = 0;
    this.#end = 0;
    this.#stored = 0;
    this.#hasFreed = true;
    const head = Atomics.load(words, this.#headWord); // Stored by the format, or by flush.
    this.#tail = head;
    this.#consumed = head;
    this.#end = head;
    this.#stored = head;
    this.#hasFreed = false;
  }

  /** Looks how far the writer has published. @returns true when there is something to consume */
  refresh(): boolean {
    // Pairs with the store in RingWriter.publish: all words of the messages before it are there.
    return this.advance(Atomics.load(this.words, this.#tailWord));
  }

  /**
   * As `refresh`, where the tail was told by other means (RingWriter.seal): all words before it
   * are there.
   */
  advance(tail: number): boolean {
    this.#tail = tail;
    const unread = (tail - this.#consumed) | 0;
    assert(unread >= 0, 'a tail does not go back');
    assert(unread <= this.#dataBytes, 'a writer waits for room');
    return unread !== 0;
  }

  /** Moves to the first message that is not consumed. @returns false when there is none */
  next(): boolean {
    return this.#moveTo(this.#consumed);
  }

  /**
   * Moves to the message behind the current one and consumes nothing. `consume` then frees both;
   * `next` goes back to the first.
   * @returns false when there is none; the current one stays
   */
  following(): boolean {
    return this.#moveTo(this.#end);
  }

  /** Frees the current message and all before it. Their bytes may be written over after this. */
  consume(): void {
    assert(this.#end !== this.#consumed, 'a message is consumed once');
    this.#consumed = this.#end;
    const held = (this.#consumed - this.#stored) | 0;
    if (held >= this.#dataBytes >>> EARLY_FLUSH_SHIFT) this.#storeHead();
  }

  /**
   * Lets the writer see what has been freed. Once a turn, after the last `consume`.
   * @returns true when the writer waits for room: tell it (MeshControl.publish to the writer)
   */
  flush(): boolean {
    if (this.#consumed !== this.#stored) this.#storeHead();
    if (!this.#hasFreed) return false;
    this.#hasFreed = false;
    // Either this load sees the store in RingWriter.askForRoom, or the load there sees our head.
    if (Atomics.load(this.words, this.#wantsRoomWord) === 0) return false;
    Atomics.store(this.words, this.#wantsRoomWord, 0); // It asks again when it finds too little.
    return true;
  }

  #storeHead(): void {
    this.#stored = this.#consumed;
    this.#hasFreed = true;
    // Frees the bytes; pairs with the loads in RingWriter.begin and askForRoom.
    Atomics.store(this.words, this.#headWord, this.#consumed);
  }

  #moveTo(from: number): boolean {
    if (from === this.#tail) return false;
    const words = this.words;
    let at = from;
    let place = at & this.#mask;
    let word = words[this.#dataWord + (place >>> 2)]!;
    if (word >>> KIND_SHIFT === KIND_PAD) {
      assert(word === this.#dataBytes - place, 'a PAD fills the end of the ring');
      at = (at + word) | 0;
      assert(at !== this.#tail, 'a PAD comes with the message behind it');
      place = 0;
      word = words[this.#dataWord]!;
    }
    const bytes = word & MESSAGE_BYTES_MASK;
    const bodyBytes = bytes - MESSAGE_HEADER_BYTES - (word & PADDING_MASK);
    assert(word >>> KIND_SHIFT !== KIND_PAD, 'a PAD is followed by a message');
    assert(bodyBytes >= 0, 'a message holds its header');
    assert(place + bytes <= this.#dataBytes, 'a message does not wrap');
    assert(((this.#tail - at) | 0) >= bytes, 'a message is published whole');
    const header = this.#dataWord + (place >>> 2);
    this.#end = (at + bytes) | 0;
    this.kind = word >>> KIND_SHIFT;
    this.a = words[header + 1]!;
    this.b = words[header + 2]!;
    this.c = words[header + 3]!;
    this.bodyAt = (header << 2) + MESSAGE_HEADER_BYTES;
    this.bodyBytes = bodyBytes;
    return true;
  }
}
