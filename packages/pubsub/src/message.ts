/**
 * A message as a program gets it. What it was published as (text or bytes) is kept as it came and
 * made the other only when that is asked for.
 */
import { bytesOf, textOf } from './binary-text.ts';

/** Name of a channel, or a glob pattern: text means its UTF-8 bytes. */
export type Name = string | Uint8Array;
/** Content of a message: text means its UTF-8 bytes. */
export type Payload = string | Uint8Array;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Message {
  readonly #channel: string;
  readonly #pattern: string | null;
  readonly #payload: Payload;

  /**
   * @param channel binary string
   * @param pattern binary string of the pattern that matched, null where the channel itself was
   *   subscribed to
   * @param payload its own: nobody changes it any more
   */
  constructor(channel: string, pattern: string | null, payload: Payload) {
    this.#channel = channel;
    this.#pattern = pattern;
    this.#payload = payload;
  }

  /** Text of the channel's name. */
  get channel(): string {
    return textOf(this.#channel);
  }

  /** The channel's name as bytes, a copy. */
  get channelBytes(): Uint8Array {
    return bytesOf(this.#channel);
  }

  /** The pattern that matched, null where the channel itself was subscribed to. */
  get pattern(): string | null {
    return this.#pattern === null ? null : textOf(this.#pattern);
  }

  /** Content as text; bytes that are no UTF-8 come as U+FFFD. */
  get text(): string {
    return typeof this.#payload === 'string' ? this.#payload : decoder.decode(this.#payload);
  }

  /** Content as bytes. Of one that several receive all have the same array: do not change it. */
  get bytes(): Uint8Array {
    return typeof this.#payload === 'string' ? encoder.encode(this.#payload) : this.#payload;
  }

  /** Bytes of memory that it takes while it waits, at most. */
  get weightBytes(): number {
    return this.#channel.length + this.#payload.length * BYTES_PER_UNIT + MESSAGE_BYTES;
  }
}

/** Of a string's characters in memory, and of bytes no less than one. */
const BYTES_PER_UNIT = 2;
/** What a message takes beside its content, about. */
const MESSAGE_BYTES = 64;


/** A payload that its giver may change afterwards, as one of our own. */
export function ownPayload(payload: Payload): Payload {
  return typeof payload === 'string' ? payload : payload.slice();
}

