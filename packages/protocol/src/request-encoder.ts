/**
 * Requests to bytes, as a client sends them: an array of bulk strings. Text goes out as UTF-8,
 * bytes as they are, numbers in their shortest decimal form (Redis reads it back to the same
 * double), with inf and nan spelled as Redis spells them. Two passes: sizes first, then one array
 * of exactly that size.
 */
import { assert } from './assert.ts';
import { writeBulkHeader, writeCrlf, writeArrayHeader } from './reply-encoder.hot.ts';
import { utf8Bytes, writeUtf8 } from './utf8.hot.ts';

/** One argument of a request. */
export type RequestArgument = string | Uint8Array | number | bigint;

/** The request as a fresh array of bytes. @throws when it has no arguments */
export function encodeRequest(args: readonly RequestArgument[]): Uint8Array {
  const texts = args.map(textOrBytes);
  const u8 = new Uint8Array(requestBytesOf(texts));
  writeRequest(u8, 0, texts);
  return u8;
}

/**
 * Writes the request at `at`; returns the offset after it.
 * @throws when it has no arguments or does not fit: nothing is written then
 */
export function encodeRequestInto(
  u8: Uint8Array, at: number, args: readonly RequestArgument[],
): number {
  const texts = args.map(textOrBytes);
  assert(at + requestBytesOf(texts) <= u8.length, 'the request fits');
  return writeRequest(u8, at, texts);
}

/** Bytes that encodeRequest gives for these arguments. */
export function requestBytes(args: readonly RequestArgument[]): number {
  return requestBytesOf(args.map(textOrBytes));
}

function textOrBytes(argument: RequestArgument): string | Uint8Array {
  if (typeof argument === 'string' || argument instanceof Uint8Array) return argument;
  if (argument === Infinity) return 'inf';
  if (argument === -Infinity) return '-inf';
  return typeof argument === 'number' && Number.isNaN(argument) ? 'nan' : String(argument);
}

function contentBytes(argument: string | Uint8Array): number {
  return typeof argument === 'string' ? utf8Bytes(argument) : argument.length;
}

/** Type byte, digits, CR LF. */
function headerBytes(count: number): number {
  return String(count).length + 3;
}

function requestBytesOf(args: readonly (string | Uint8Array)[]): number {
  assert(args.length > 0, 'a request has a name');
  let bytes = headerBytes(args.length);
  for (const argument of args) {
    const content = contentBytes(argument);
    bytes += headerBytes(content) + content + 2;
  }
  return bytes;
}

function writeRequest(
  u8: Uint8Array, start: number, args: readonly (string | Uint8Array)[],
): number {
  let at = writeArrayHeader(u8, start, args.length);
  for (const argument of args) {
    at = writeBulkHeader(u8, at, contentBytes(argument));
    if (typeof argument === 'string') {
      at = writeUtf8(u8, at, argument);
    } else {
      u8.set(argument, at);
      at += argument.length;
    }
    at = writeCrlf(u8, at);
  }
  return at;
}
