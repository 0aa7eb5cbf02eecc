/**
 * Drives the request parser as a connection does, with the bytes cut into chunks anywhere: keeps
 * the bytes from frameStart on, moves them to another place for every chunk, and takes big bulks
 * elsewhere. What surrounds the bytes is a sentinel, so that reading or writing outside shows.
 * Throws when the parser breaks a promise: progress, bounded tables, bytes outside untouched.
 */
import { assert } from '../assert.ts';
import {
  PARSE_BIG, PARSE_ERROR, PARSE_MORE, PARSE_REQUEST, RequestParser,
} from '../request-parser.hot.ts';
import type { ParsedRequests, ParseSettings } from './naive-request-parser.ts';
import type { Chooser } from './seeded.ts';

const SENTINEL_BYTES = 16;
/** The first table, and twice the arguments that have arrived. */
const TABLE_ENTRIES_MIN = 1_024;

/** Latin1 text of bytes: one character each. */
export function latin1Text(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return text;
}

/** Bytes of a latin1 text. */
export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

/** The chunks between these ascending offsets. */
export function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

/** Chunks of 1 to bytesMax bytes. */
export function cutRandomly(bytes: Uint8Array, bytesMax: number, choose: Chooser): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const next = Math.min(bytes.length, at + 1 + choose(bytesMax));
    chunks.push(bytes.subarray(at, next));
    at = next;
  }
  return chunks;
}

/** One connection: its parser, its kept bytes, and the big bulk it is taking. */
class ChunkedConnection {
  readonly requests: string[][] = [];
  private readonly parser: RequestParser;
  private readonly choose: Chooser;
  private u8 = new Uint8Array(0);
  private end = 0;
  private readonly taken: string[] = [];
  private bigText = '';
  private isTaking = false;

  constructor(settings: ParseSettings, choose: Chooser) {
    this.parser = new RequestParser(settings.limits, settings.isAuthenticated);
    this.choose = choose;
  }

  /** Feeds one chunk; false once the protocol is broken. */
  feed(chunk: Uint8Array): boolean {
    const rest = this.isTaking ? this.takeBig(chunk) : chunk;
    if (this.isTaking) return true;
    this.append(rest);
    for (let calls = 0; calls <= rest.length + 4; calls++) {
      const before = this.parser.position;
      const result = this.parser.parse(this.u8, this.end);
      this.checkPromises(before);
      if (result === PARSE_REQUEST) this.requests.push(this.currentRequest());
      else if (result === PARSE_MORE) return true;
      else if (result === PARSE_ERROR) return false;
      else if (result === PARSE_BIG && !this.startBig()) return true;
    }
    throw new Error('the parser makes no progress');
  }

  get outcome(): string {
    if (this.parser.error !== undefined) return this.parser.error.message;
    return this.parser.isIdle && !this.isTaking ? 'idle' : 'partial';
  }

  /** Moves the kept bytes to a new array, somewhere else in it, and puts the chunk after them. */
  private append(chunk: Uint8Array): void {
    const parser = this.parser;
    const keepFrom = parser.isIdle ? parser.position : parser.frameStart;
    const kept = this.u8.subarray(keepFrom, this.end);
    const start = SENTINEL_BYTES + this.choose(SENTINEL_BYTES);
    const end = start + kept.length + chunk.length;
    const moved = new Uint8Array(end + this.choose(2) * SENTINEL_BYTES).fill(0x39);
    moved.set(kept, start);
    moved.set(chunk, start + kept.length);
    if (parser.isIdle && this.choose(2) === 0) parser.begin(start);
    else parser.relocate(start - keepFrom);
    this.u8 = moved;
    this.end = end;
  }

  private checkPromises(before: number): void {
    const { parser, u8, end } = this;
    assert(parser.position >= before && parser.position <= end, 'position moves on, within bytes');
    assert(parser.frameStart <= parser.position, 'the frame starts before the position');
    const entriesMax = Math.max(TABLE_ENTRIES_MIN, parser.argc * 2);
    assert(parser.argAt.length <= entriesMax, 'tables grow with the arguments that arrived');
    assert(parser.argBytes.length === parser.argAt.length, 'both tables are as long');
    const outside = [...u8.subarray(0, SENTINEL_BYTES), ...u8.subarray(end)];
    assert(outside.every((byte) => byte === 0x39), 'bytes outside stay as they are');
  }

  private currentRequest(): string[] {
    const { argc, argAt, argBytes } = this.parser;
    return Array.from({ length: argc }, (_, index) => {
      const [at, bytes] = [argAt[index] ?? 0, argBytes[index] ?? 0];
      if (at >= 0) return latin1Text(this.u8.subarray(at, at + bytes));
      const text = this.taken[-at - 1] ?? '';
      assert(text.length === bytes, 'a big bulk has its length');
      return text;
    });
  }

  /** Takes what the buffer has of the bulk; true when that was all of it. */
  private startBig(): boolean {
    const { position, pendingBytes } = this.parser;
    const bytes = Math.min(pendingBytes, this.end - position);
    this.bigText = latin1Text(this.u8.subarray(position, position + bytes));
    if (bytes === pendingBytes) {
      this.parser.acceptBig(this.taken.push(this.bigText) - 1, position + bytes);
      return true;
    }
    this.end = position;
    this.isTaking = true;
    return false;
  }

  /** The bulk's next bytes go past the buffer; returns what follows it. */
  private takeBig(chunk: Uint8Array): Uint8Array {
    const bytes = Math.min(this.parser.pendingBytes - this.bigText.length, chunk.length);
    this.bigText += latin1Text(chunk.subarray(0, bytes));
    this.isTaking = this.bigText.length < this.parser.pendingBytes;
    if (!this.isTaking) this.parser.acceptBig(this.taken.push(this.bigText) - 1);
    return chunk.subarray(bytes);
  }
}

/** Parses the chunks in turn, as one connection. */
export function parseChunked(
  chunks: readonly Uint8Array[], settings: ParseSettings, choose: Chooser,
): ParsedRequests {
  const connection = new ChunkedConnection(settings, choose);
  for (const chunk of chunks) {
    if (!connection.feed(chunk)) break;
  }
  return { requests: connection.requests, outcome: connection.outcome };
}
