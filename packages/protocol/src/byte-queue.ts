/**
 * The decoder's unread bytes: chunks go in at the end, what is decoded leaves at the front.
 * Room doubles with the bytes that have arrived, never with a length a peer announced, and goes
 * back to the first size once a large reply has left. Every byte is copied in once; compaction
 * moves at most what is unread, and only after as much has been read (amortised constant).
 */

const FIRST_ROOM_BYTES = 4_096;
const KEPT_ROOM_BYTES = 1024 * 1024;

/** Unread bytes are `u8[start, end)`; offsets change only in push(). */
export class ByteQueue {
  u8: Uint8Array = new Uint8Array(FIRST_ROOM_BYTES);
  start = 0;
  end = 0;

  /** Unread bytes. */
  get bytes(): number {
    return this.end - this.start;
  }

  /** Copies the chunk in. Returns how far the unread bytes moved towards the front. */
  push(chunk: Uint8Array): number {
    const moved = this.end + chunk.length > this.u8.length ? this.makeRoom(chunk.length) : 0;
    this.u8.set(chunk, this.end);
    this.end += chunk.length;
    return moved;
  }

  /** Forgets everything, and the room of a large reply with it. */
  clear(): void {
    this.start = 0;
    this.end = 0;
    if (this.u8.length > KEPT_ROOM_BYTES) this.u8 = new Uint8Array(FIRST_ROOM_BYTES);
  }

  /** Compacts when at least half of what is stored has been read, else doubles. */
  private makeRoom(incoming: number): number {
    const moved = this.start;
    const unread = this.bytes;
    let room = this.u8.length;
    if (moved < unread) room *= 2;
    while (room < unread + incoming) room *= 2;
    if (room === this.u8.length) {
      this.u8.copyWithin(0, moved, this.end);
    } else {
      const grown = new Uint8Array(room);
      grown.set(this.u8.subarray(moved, this.end));
      this.u8 = grown;
    }
    this.start = 0;
    this.end = unread;
    return moved;
  }
}
