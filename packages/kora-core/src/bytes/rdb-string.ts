/**
 * One string in the RDB encoding, and the frame of a DUMP payload around it.
 *
 *   payload = type u8 | body | RDB version u16 LE | CRC-64 u64 LE over all bytes before it
 *   string  = length, then that many bytes
 *           | 11000000 i8 | 11000001 i16 LE | 11000010 i32 LE       an integer's decimal text
 *           | 11000011 packed length, plain length, LZF bytes
 *   length  = 00nnnnnn | 01nnnnnn nnnnnnnn | 10000000 u32 BE | 10000001 u64 BE
 *
 * Encoding chooses as Redis does: an integer when at most 11 bytes long and printed back to the
 *   same text, LZF above 20 bytes when it saves at least 4, plain otherwise.
 * Decoding checks every length against the payload before it allocates; a length that LZF could
 *   not have come from is refused before it is believed. A body ends before the footer; Redis
 *   reads on into the footer when a length says so, and here that is a bad format.
 * Cost: O(bytes). Facts: redis-server 7.0; versions up to 12 differ only in types not read here.
 */
import { assert } from '../assert.ts';
import { Crc64 } from './crc64.ts';
import { LZF_EXPANSION_MAX, lzfCompress, lzfDecompress } from './lzf.ts';
import { integerTextBytes, parseInteger, parsed, writeInteger } from './number-text.hot.ts';

/** Type byte of a string value. These numbers are on disk and on the wire: append only. */
export const RDB_TYPE_STRING = 0;
/** The RDB version written into payloads: that of Redis 7.0. */
export const RDB_VERSION_WRITTEN = 10;
/** The newest RDB version that is read. */
export const RDB_VERSION_READ_MAX = 12;
/** Version and checksum at the end of a payload. */
export const DUMP_FOOTER_BYTES = 10;

const LENGTH_BYTES_MAX = 9;
const INTEGER_TEXT_BYTES_TRIED = 11;
const LZF_VALUE_BYTES_MIN = 21;
const LZF_SAVED_BYTES_MIN = 4;
const ENCODED_INT8 = 0xc0;
const ENCODED_INT16 = 0xc1;
const ENCODED_INT32 = 0xc2;
const ENCODED_LZF = 0xc3;
const LENGTH_32 = 0x80;
const LENGTH_64 = 0x81;

/** Why a payload is refused: RESTORE's two errors. */
export type DumpRefusal = 'bad-version-or-checksum' | 'bad-format';

/** A decoded payload. */
export interface DumpValue {
  /** The type byte; {@link RDB_TYPE_STRING}. */
  readonly type: number;
  /** The value; a new array, the caller's. */
  readonly value: Uint8Array;
}

/** A payload whose footer is in order, not yet decoded. */
export interface OpenedDump {
  readonly type: number;
  /** First byte after the type. */
  readonly bodyAt: number;
  /** First byte of the footer. */
  readonly bodyEnd: number;
  readonly version: number;
}

/** Room that {@link writeRdbString} may use for a value of this size. */
export function rdbStringBytesMax(valueBytes: number): number {
  return 2 * LENGTH_BYTES_MAX + 1 + valueBytes;
}

/** Room that {@link encodeDumpString} may use for a value of this size. */
export function dumpStringBytesMax(valueBytes: number): number {
  return 1 + rdbStringBytesMax(valueBytes) + DUMP_FOOTER_BYTES;
}

/** Writes the DUMP payload of a string value at `at`.
 * @param into must have {@link dumpStringBytesMax} bytes of room at `at`
 * @returns bytes written */
export function encodeDumpString(value: Uint8Array, into: Uint8Array, at: number): number {
  const room = into.length - at;
  assert(room >= dumpStringBytesMax(value.length), 'the whole payload fits behind `at`');
  into[at] = RDB_TYPE_STRING;
  const bodyEnd = writeRdbString(value, into, at + 1);
  return writeDumpFooter(into, at, bodyEnd) - at;
}

/** Seals the bytes from `from` to `end` (type and body) with version and checksum at `end`.
 * @returns the place after the footer */
export function writeDumpFooter(into: Uint8Array, from: number, end: number): number {
  into[end] = RDB_VERSION_WRITTEN & 0xff;
  into[end + 1] = RDB_VERSION_WRITTEN >>> 8;
  const sum = new Crc64();
  sum.update(into, from, end + 2 - from);
  sum.writeTo(into, end + 2);
  return end + DUMP_FOOTER_BYTES;
}

/** Checks the footer of the payload of `bytes` bytes at `at`. An empty body is a bad format. */
export function openDump(u8: Uint8Array, at: number, bytes: number): OpenedDump | DumpRefusal {
  if (bytes < DUMP_FOOTER_BYTES) return 'bad-version-or-checksum';
  const bodyEnd = at + bytes - DUMP_FOOTER_BYTES;
  const version = byteOf(u8, bodyEnd) | (byteOf(u8, bodyEnd + 1) << 8);
  if (version > RDB_VERSION_READ_MAX) return 'bad-version-or-checksum';
  const sum = new Crc64();
  sum.update(u8, at, bytes - 8);
  if (!sum.equalsBytes(u8, bodyEnd + 2)) return 'bad-version-or-checksum';
  if (bodyEnd === at) return 'bad-format';
  return { type: byteOf(u8, at), bodyAt: at + 1, bodyEnd, version };
}

/** Reads the DUMP payload of a string; every other type is a bad format here.
 * @param valueBytesMax longest value accepted, checked before anything is allocated */
export function decodeDump(
  u8: Uint8Array, at: number, bytes: number, valueBytesMax: number,
): DumpValue | DumpRefusal {
  const opened = openDump(u8, at, bytes);
  if (typeof opened === 'string') return opened;
  if (opened.type !== RDB_TYPE_STRING) return 'bad-format';
  const reader = new RdbCursor(u8, opened.bodyAt, opened.bodyEnd);
  const value = reader.readString(valueBytesMax);
  return value === undefined ? 'bad-format' : { type: opened.type, value };
}

/** Writes a length of 0 to 2^53-1; 1, 2, 5 or 9 bytes.
 * @returns the place after it */
export function writeRdbLength(into: Uint8Array, at: number, length: number): number {
  if (length < 64) {
    into[at] = length;
    return at + 1;
  }
  if (length < 16_384) {
    into[at] = 0x40 | (length >>> 8);
    into[at + 1] = length & 0xff;
    return at + 2;
  }
  let next = at + 1;
  if (length <= 0xffffffff) {
    into[at] = LENGTH_32;
  } else {
    into[at] = LENGTH_64;
    next = writeBigEndian(into, next, Math.floor(length / 4294967296));
  }
  return writeBigEndian(into, next, length >>> 0);
}

function writeBigEndian(into: Uint8Array, at: number, word: number): number {
  into[at] = word >>> 24;
  into[at + 1] = word >>> 16;
  into[at + 2] = word >>> 8;
  into[at + 3] = word;
  return at + 4;
}

/** Writes a string in the form Redis would choose.
 * @param into must have {@link rdbStringBytesMax} bytes of room at `at`
 * @param compresses false: never as LZF
 * @returns the place after it */
export function writeRdbString(
  value: Uint8Array, into: Uint8Array, at: number, compresses = true,
): number {
  const bytes = value.length;
  if (bytes <= INTEGER_TEXT_BYTES_TRIED && parseInteger(value, 0, bytes) && parsed.isSafe) {
    const end = writeRdbInteger(into, at, parsed.value);
    if (end > at) return end;
  }
  if (compresses && bytes >= LZF_VALUE_BYTES_MIN) {
    const end = writeCompressed(value, into, at);
    if (end > at) return end;
  }
  const next = writeRdbLength(into, at, bytes);
  into.set(value, next);
  return next + bytes;
}

/** Writes an integer form; returns `at` when the value needs more than 32 bits. */
function writeRdbInteger(into: Uint8Array, at: number, value: number): number {
  let width = 0;
  if (value >= -0x80 && value <= 0x7f) width = 1;
  else if (value >= -0x8000 && value <= 0x7fff) width = 2;
  else if (value === (value | 0)) width = 4;
  else return at;
  into[at] = width === 1 ? ENCODED_INT8 : width === 2 ? ENCODED_INT16 : ENCODED_INT32;
  for (let i = 0; i < width; i++) into[at + 1 + i] = value >> (8 * i);
  return at + 1 + width;
}

/** Writes the LZF form; returns `at` when it would not save enough. */
function writeCompressed(value: Uint8Array, into: Uint8Array, at: number): number {
  const bytesMax = value.length - LZF_SAVED_BYTES_MIN;
  const packed = new Uint8Array(bytesMax);
  const packedBytes = lzfCompress(value, 0, value.length, packed, 0, bytesMax);
  if (packedBytes === 0) return at;
  into[at] = ENCODED_LZF;
  let next = writeRdbLength(into, at + 1, packedBytes);
  next = writeRdbLength(into, next, value.length);
  into.set(packed.subarray(0, packedBytes), next);
  return next + packedBytes;
}

function byteOf(u8: Uint8Array, at: number): number {
  return u8[at] ?? 0;
}

/** Reads lengths and strings one after the other from `position` up to `end`. Any method that
 * answers undefined or false has met damage, and the cursor is of no further use. */
export class RdbCursor {
  readonly #u8: Uint8Array;
  readonly #end: number;
  /** The next byte to read. */
  position: number;

  constructor(u8: Uint8Array, from: number, end: number) {
    this.#u8 = u8;
    this.#end = end;
    this.position = from;
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.#end - this.position;
  }

  /** A plain length, 0 to 2^53-1; undefined also for the marks of the special string forms. */
  readLength(): number | undefined {
    if (this.position >= this.#end) return undefined;
    const first = byteOf(this.#u8, this.position);
    const kind = first >>> 6;
    if (kind === 0) {
      this.position++;
      return first;
    }
    if (kind === 1) {
      if (this.position + 2 > this.#end) return undefined;
      const length = ((first & 0x3f) << 8) | byteOf(this.#u8, this.position + 1);
      this.position += 2;
      return length;
    }
    const width = first === LENGTH_32 ? 4 : first === LENGTH_64 ? 8 : 0;
    if (width === 0 || this.position + 1 + width > this.#end) return undefined;
    let length = 0;
    for (let i = 1; i <= width; i++) length = length * 256 + byteOf(this.#u8, this.position + i);
    this.position += 1 + width;
    return Number.isSafeInteger(length) ? length : undefined;
  }

  /** Bytes that the string at the cursor has, in any of its forms; the cursor stays. */
  peekStringBytes(): number | undefined {
    const at = this.position;
    const bytes = this.#stringBytes();
    this.position = at;
    return bytes;
  }

  /** Reads a string in any of its forms to `into[at..]`, which has room for `peekStringBytes`.
   * @returns false when it is damaged */
  readStringInto(into: Uint8Array, at: number): boolean {
    const first = byteOf(this.#u8, this.position);
    if (isIntegerForm(first)) {
      writeInteger(into, at, this.#takeInteger(first));
      return true;
    }
    if (first === ENCODED_LZF) {
      this.position++;
      const packedBytes = this.readLength() ?? 0;
      const valueBytes = this.readLength() ?? 0;
      const from = this.position;
      this.position += packedBytes;
      return lzfDecompress(this.#u8, from, packedBytes, into, at, valueBytes);
    }
    const bytes = this.readLength() ?? 0;
    into.set(this.#u8.subarray(this.position, this.position + bytes), at);
    this.position += bytes;
    return true;
  }

  /** A string in any of its forms; a new array, the caller's.
   * @param valueBytesMax longest string accepted */
  readString(valueBytesMax: number): Uint8Array | undefined {
    const bytes = this.peekStringBytes();
    if (bytes === undefined || bytes > valueBytesMax) return undefined;
    const value = new Uint8Array(bytes);
    return this.readStringInto(value, 0) ? value : undefined;
  }

  /** As `readString`, but a plain string is a view of the bytes that are read. */
  readStringView(valueBytesMax: number): Uint8Array | undefined {
    const first = this.position < this.#end ? byteOf(this.#u8, this.position) : 0;
    if (first >= ENCODED_INT8) return this.readString(valueBytesMax);
    const bytes = this.peekStringBytes();
    if (bytes === undefined || bytes > valueBytesMax) return undefined;
    this.readLength();
    const from = this.position;
    this.position += bytes;
    return this.#u8.subarray(from, from + bytes);
  }

  /** Length of the string at the cursor; checks that its bytes are all there. */
  #stringBytes(): number | undefined {
    if (this.position >= this.#end) return undefined;
    const first = byteOf(this.#u8, this.position);
    if (isIntegerForm(first)) {
      if (this.position + 1 + integerWidth(first) > this.#end) return undefined;
      return integerTextBytes(this.#takeInteger(first));
    }
    const isPacked = first === ENCODED_LZF;
    if (isPacked) this.position++;
    const storedBytes = this.readLength();
    if (storedBytes === undefined) return undefined;
    const valueBytes = isPacked ? this.readLength() : storedBytes;
    if (valueBytes === undefined || storedBytes > this.left) return undefined;
    return isPacked && valueBytes > storedBytes * LZF_EXPANSION_MAX ? undefined : valueBytes;
  }

  /** The integer of a form whose bytes are there. */
  #takeInteger(form: number): number {
    const width = integerWidth(form);
    const at = this.position + 1;
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = (value << 8) | byteOf(this.#u8, at + i);
    const unusedBits = 32 - 8 * width;
    this.position = at + width;
    return (value << unusedBits) >> unusedBits;
  }
}

function isIntegerForm(first: number): boolean {
  return first >= ENCODED_INT8 && first <= ENCODED_INT32;
}

/** Bytes of an integer form's value. */
function integerWidth(form: number): number {
  return form === ENCODED_INT8 ? 1 : form === ENCODED_INT16 ? 2 : 4;
}
