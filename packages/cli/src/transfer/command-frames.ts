/**
 * Cuts the stream of commands that a master sends its replicas into whole requests, byte for byte,
 * so that they can be passed on as they came and their bytes counted.
 * Invariants: a request is given once and whole; what is no request of the protocol is a fault.
 * Cost: O(bytes); of a request that arrives in pieces only the lengths are looked at again.
 */
import { Fault } from '@kora/core/control';

/** A whole request; views valid until the next `feed`. */
export interface CommandFrame {
  /** All its bytes. */
  readonly bytes: Uint8Array;
  /** Name in lower case, and first argument likewise, '' = none. */
  readonly name: string;
  readonly first: string;
}

const ASTERISK = 0x2a;
const DOLLAR = 0x24;
const LF = 0x0a;
const CR = 0x0d;
const FIRST_BYTES = 262_144;
/** Longest line of a header. */
const LINE_BYTES_MAX = 32;
const ARGUMENT_COUNT_MAX = 16 * 1024 * 1024;
const FRAME_BYTES_MAX = 1024 * 1024 * 1024;
/** What is said of a command stands in so many bytes. */
const WORD_BYTES_MAX = 32;

export class CommandFrames {
  #u8 = new Uint8Array(FIRST_BYTES);
  #from = 0;
  #end = 0;
  /** Bytes from `#from` on that must be there before it is worth looking again. */
  #needed = 1;

  /** Adds a copy of the next bytes. */
  feed(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#u8.length) this.#makeRoom(chunk.length);
    this.#u8.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole request; null when more bytes are needed.
   * @throws {Fault} `TRANSFER_FAILED` when the bytes are none */
  next(): CommandFrame | null {
    if (this.#end - this.#from < this.#needed) return null;
    const from = this.#from;
    const count = this.#length(from, ASTERISK, ARGUMENT_COUNT_MAX);
    if (count === null) return null;
    let at = this.#behindLine;
    const words = ['', ''];
    for (let i = 0; i < count; i++) {
      const bytes = this.#length(at, DOLLAR, FRAME_BYTES_MAX);
      if (bytes === null) return null;
      const end = this.#behindLine + bytes + 2;
      if (end - from > FRAME_BYTES_MAX) throw notACommand('a command is too long');
      if (end > this.#end) {
        this.#needed = end - from;
        return null;
      }
      if (i < words.length && bytes <= WORD_BYTES_MAX) {
        words[i] = latin1(this.#u8.subarray(this.#behindLine, end - 2)).toLowerCase();
      }
      at = end;
    }
    this.#from = at;
    this.#needed = 1;
    const [name = '', first = ''] = words;
    return { bytes: this.#u8.subarray(from, at), name, first };
  }

  /** Index behind the line that `#length` read. */
  #behindLine = 0;

  /** The number in a header line; null when the line is not whole. */
  #length(at: number, mark: number, most: number): number | null {
    if (at < this.#end && this.#u8[at] !== mark) throw notACommand('a header is missing');
    const lineEnd = this.#u8.subarray(0, this.#end).indexOf(LF, at);
    if (lineEnd < 0) {
      if (this.#end - at > LINE_BYTES_MAX) throw notACommand('a header has no end');
      this.#needed = this.#end - this.#from + 1;
      return null;
    }
    const digits = latin1(this.#u8.subarray(at + 1, lineEnd - 1));
    const value = Number(digits);
    const isSound = /^\d{1,10}$/.test(digits) && value <= most && this.#u8[lineEnd - 1] === CR;
    if (!isSound) throw notACommand('a header is no number');
    this.#behindLine = lineEnd + 1;
    return value;
  }

  #makeRoom(bytes: number): void {
    const kept = this.#end - this.#from;
    const isShort = kept + bytes > this.#u8.length;
    const other = isShort
      ? new Uint8Array(Math.max(this.#u8.length * 2, kept + bytes)) : this.#u8;
    other.set(this.#u8.subarray(this.#from, this.#end));
    this.#u8 = other;
    this.#from = 0;
    this.#end = kept;
  }
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function notACommand(what: string): Fault {
  return new Fault('TRANSFER_FAILED', `The source sends what is no command: ${what}.`);
}
