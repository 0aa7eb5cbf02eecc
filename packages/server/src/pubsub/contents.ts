/**
 * A message on its way, in one of the forms in which it comes: arguments of a command, the body of
 * a note of another worker, text that the engine made itself. All know to write themselves as the
 * last two parts of what a subscriber gets: channel and payload.
 */
import type { ArgFrame, ReplySink, Ropes } from '@kora/core';
import { bytesOf } from '@kora/pubsub';

/** A message, while it is delivered. */
export interface Content {
  /** Writes channel and payload as two bulk strings. */
  write(sink: ReplySink): void;
}

/** Arguments 1 and 2 of a frame. */
export class FrameContent implements Content {
  readonly #ropes: Ropes;
  readonly #frame: ArgFrame;

  constructor(ropes: Ropes, frame: ArgFrame) {
    this.#ropes = ropes;
    this.#frame = frame;
  }

  write(sink: ReplySink): void {
    this.#writeArgument(sink, 1);
    this.#writeArgument(sink, 2);
  }

  #writeArgument(sink: ReplySink, i: number): void {
    const frame = this.#frame;
    const bytes = frame.bytes[i] ?? 0;
    if (frame.isBig(i)) sink.bulkRope(this.#ropes, frame.ropeOf(i), 0, bytes);
    else sink.bulk(frame.at[i] ?? 0, bytes);
  }
}

/** Bytes outside of the worker memory, or anywhere in it. */
export class BytesContent implements Content {
  readonly #channel: Uint8Array;
  readonly #payload: Uint8Array;

  constructor(channel: Uint8Array, payload: Uint8Array) {
    this.#channel = channel;
    this.#payload = payload;
  }

  write(sink: ReplySink): void {
    sink.bulkBytes(this.#channel);
    sink.bulkBytes(this.#payload);
  }
}

/** Of two binary strings. */
export function textContent(channel: string, payload: string): Content {
  return new BytesContent(bytesOf(channel), bytesOf(payload));
}
