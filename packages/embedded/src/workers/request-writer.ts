/**
 * Writes calls as RESP requests into what is on its way to a worker. All arguments are checked and
 * copied before anything is written, so a call is there wholly or not at all, and the caller may
 * change its bytes as soon as the call returns.
 * Cost: short ASCII text byte by byte, 30 ns for 16 characters; longer text by Buffer.
 */
import { ARGUMENT_COUNT_MAX, Fault } from '@kora/core';
import type { CallArgument } from '../arguments.ts';
import { numberText } from '../arguments.ts';
import type { Outgoing } from './outgoing.ts';
import { BLOCK_BYTES } from './outgoing.ts';
import {
  BULK_EXTRA_BYTES, LENGTH_LINE_BYTES, writeAsciiBulk, writeLength, writeLineEnd,
} from './request-bytes.hot.ts';
import { writeTextAt } from './utf8-buffer.ts';

/** Longest text that is written character by character. */
const SHORT_TEXT_CHARACTERS_MAX = 40;
/** Longest argument: what a string may be. */
const ARGUMENT_BYTES_MAX = 512 * 1024 * 1024;
/** Bytes that UTF-8 needs for one UTF-16 unit, at most. */
const UTF8_BYTES_PER_UNIT_MAX = 3;
const STAR = 0x2a;
const DOLLAR = 0x24;
const LINE_END = Buffer.from('\r\n');

/** Text or bytes: what a request is made of. */
export type Content = string | Uint8Array;

/**
 * The arguments of a call as text and bytes; the same array when they are that already.
 * @throws {Fault} INVALID_ARGUMENT
 */
export function contentsOf(given: readonly CallArgument[]): readonly Content[] {
  if (given.length === 0) {
    throw new Fault('INVALID_ARGUMENT', 'a call needs the name of a command');
  }
  if (given.length > ARGUMENT_COUNT_MAX) {
    throw new Fault('INVALID_ARGUMENT', `a call takes at most ${ARGUMENT_COUNT_MAX} arguments`);
  }
  return given.every(isContent) ? given : given.map(contentOf);
}

function isContent(value: CallArgument): value is Content {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function contentOf(value: CallArgument, index: number): Content {
  if (isContent(value)) return value;
  return typeof value === 'bigint' ? String(value) : numberText(value, index);
}

/** Adds one request of a slot. @throws {Fault} INVALID_ARGUMENT; nothing is added then */
export function writeRequest(out: Outgoing, slot: number, contents: readonly Content[]): void {
  let bytesMax = LENGTH_LINE_BYTES;
  for (const content of contents) {
    const units = content.length;
    bytesMax += (typeof content === 'string' ? units * UTF8_BYTES_PER_UNIT_MAX : units);
    bytesMax += BULK_EXTRA_BYTES;
  }
  if (bytesMax > BLOCK_BYTES) {
    for (const content of contents) checkLength(content);
    writeLong(out, slot, contents);
    return;
  }
  const block = out.roomFor(slot, bytesMax);
  const { buffer } = block;
  let at = writeLength(buffer, block.bytes, STAR, contents.length);
  for (const content of contents) {
    at = typeof content === 'string' ? writeText(buffer, at, content)
      : writeBytes(buffer, at, content);
  }
  block.bytes = at;
}

function writeText(buffer: Buffer, at: number, text: string): number {
  if (text.length <= SHORT_TEXT_CHARACTERS_MAX) {
    const end = writeAsciiBulk(buffer, at, text);
    if (end >= 0) return end;
  }
  // Nearly all text is ASCII: as many bytes as characters, which the write itself tells.
  const { length } = text;
  const start = writeLength(buffer, at, DOLLAR, length);
  const written = writeTextAt(buffer, start, text, length * UTF8_BYTES_PER_UNIT_MAX);
  if (written === length) return writeLineEnd(buffer, start + length);
  const bytes = Buffer.byteLength(text, 'utf8');
  const from = writeLength(buffer, at, DOLLAR, bytes);
  writeTextAt(buffer, from, text, bytes);
  return writeLineEnd(buffer, from + bytes);
}

function writeBytes(buffer: Buffer, at: number, bytes: Uint8Array): number {
  const from = writeLength(buffer, at, DOLLAR, bytes.length);
  buffer.set(bytes, from);
  return writeLineEnd(buffer, from + bytes.length);
}

/** A worker would end the connection over a longer one. */
function checkLength(content: Content): void {
  if (content.length * UTF8_BYTES_PER_UNIT_MAX <= ARGUMENT_BYTES_MAX) return;
  const bytes = typeof content === 'string' ? Buffer.byteLength(content, 'utf8') : content.length;
  if (bytes <= ARGUMENT_BYTES_MAX) return;
  throw new Fault(
    'INVALID_ARGUMENT', `an argument has ${bytes} bytes; it has at most ${ARGUMENT_BYTES_MAX}`,
  );
}

/** A request that may be longer than a block. */
function writeLong(out: Outgoing, slot: number, contents: readonly Content[]): void {
  writeLine(out, slot, STAR, contents.length);
  for (const content of contents) {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    writeLine(out, slot, DOLLAR, bytes.length);
    out.addBytes(slot, bytes);
    out.addBytes(slot, LINE_END);
  }
}

function writeLine(out: Outgoing, slot: number, sign: number, number: number): void {
  const block = out.roomFor(slot, LENGTH_LINE_BYTES);
  block.bytes = writeLength(block.buffer, block.bytes, sign, number);
}
