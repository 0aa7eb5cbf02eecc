/**
 * What workers tell each other of subscriptions, as bytes.
 *
 *   names    | kind, 2 bits | subscribing, 4 | answer, 8 |   one byte, then for each name
 *            | length, u32 little-endian | bytes |
 *   message  | channel | payload |   two bulk strings, as RESP has them
 *
 * The number of a note with names is that of the change, which the answer repeats.
 */
import { latin1Text } from '@kora/core';
import { bytesOf } from '@kora/pubsub';
import type { TopicKind } from '@kora/pubsub';
import { header, readLine } from '../mesh/resp-values.hot.ts';

const KIND_MASK = 3;
const SUBSCRIBES = 4;
const WANTS_ANSWER = 8;
const LENGTH_BYTES = 4;
const CRLF_BYTES = 2;

/** Names that a worker begins or ceases to have a subscriber more of. */
export interface NamesNote {
  readonly kind: TopicKind;
  readonly isSubscribing: boolean;
  readonly wantsAnswer: boolean;
  readonly names: readonly string[];
}

export function encodeNames(note: NamesNote): Uint8Array {
  const { names } = note;
  const bytes = names.reduce((sum, name) => sum + LENGTH_BYTES + name.length, 1);
  const body = new Uint8Array(bytes);
  body[0] = note.kind | (note.isSubscribing ? SUBSCRIBES : 0) |
    (note.wantsAnswer ? WANTS_ANSWER : 0);
  let at = 1;
  for (const name of names) {
    writeLength(body, at, name.length);
    body.set(bytesOf(name), at + LENGTH_BYTES);
    at += LENGTH_BYTES + name.length;
  }
  return body;
}

export function decodeNames(body: Uint8Array): NamesNote {
  const head = body[0] ?? 0;
  const names: string[] = [];
  for (let at = 1; at < body.length;) {
    const length = readLength(body, at);
    names.push(latin1Text(body, at + LENGTH_BYTES, length));
    at += LENGTH_BYTES + length;
  }
  return {
    // Two bits that encodeNames wrote.
    kind: (head & KIND_MASK) as TopicKind,
    isSubscribing: (head & SUBSCRIBES) !== 0,
    wantsAnswer: (head & WANTS_ANSWER) !== 0,
    names,
  };
}

/** A message note in its parts: views of `body`. */
export function splitMessage(body: Uint8Array): {
  readonly channel: Uint8Array; readonly payload: Uint8Array;
} {
  const channelAt = readLine(body, 0);
  const channelEnd = channelAt + header.number;
  const payloadAt = readLine(body, channelEnd + CRLF_BYTES);
  return {
    channel: body.subarray(channelAt, channelEnd),
    payload: body.subarray(payloadAt, payloadAt + header.number),
  };
}

function writeLength(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = length & 0xff;
  bytes[at + 1] = (length >>> 8) & 0xff;
  bytes[at + 2] = (length >>> 16) & 0xff;
  bytes[at + 3] = length >>> 24;
}

function readLength(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  return low + (bytes[at + 3] ?? 0) * 2 ** 24;
}
