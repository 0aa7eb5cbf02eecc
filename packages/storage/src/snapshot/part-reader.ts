/**
 * Reads a part of a snapshot, block by block. Nothing of a block is given out before its checksum
 * has been checked; a part is whole when its end was reached, and only then `step` says so: who
 * loads keeps what it has loaded to itself until then.
 */
import { FileWindow } from '../disk/file-window.ts';
import { OpenMode } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { fits64, get32, get64 } from '../bytes/words.hot.ts';
import { crc32, hex32 } from '../crc/crc32.ts';
import { CorruptFileFault } from '../errors.ts';
import { SNAPSHOT_BLOCK_BYTES } from '../limits.ts';
import { PIECE_GOES_ON, PIECE_HEADER_BYTES } from '../log/log-layout.ts';
import { Lz4Codec } from '../lz4/lz4-codec.ts';
import {
  BLOCK_HEADER_BYTES, BLOCK_MAGIC, decodePartHeader, END_MAGIC, PART_END_BYTES, PART_HEADER_BYTES,
} from './snapshot-layout.ts';
import type { PartHeader } from './snapshot-layout.ts';

/**
 * Gets a piece of an entry: bytes [at, at + length), borrowed for the call.
 * @param isLast the entry ends with it; the next piece begins another
 */
export type PieceListener = (
  bytes: Uint8Array, at: number, length: number, isLast: boolean,
) => void;

/** Joins the pieces of entries. `listener` borrows each entry for the call. */
export function wholeEntries(listener: (entry: Uint8Array) => void): PieceListener {
  let parts: Uint8Array[] = [];
  return (bytes, at, length, isLast) => {
    const piece = bytes.subarray(at, at + length);
    if (!isLast) {
      parts.push(piece.slice());
    } else if (parts.length === 0) {
      listener(piece);
    } else {
      const entry = new Uint8Array(parts.reduce((sum, part) => sum + part.length, length));
      let to = 0;
      for (const part of [...parts, piece]) {
        entry.set(part, to);
        to += part.length;
      }
      parts = [];
      listener(entry);
    }
  };
}

/** Reader of one part. */
export class PartReader {
  readonly header: PartHeader;
  readonly #files: Files;
  readonly #path: string;
  readonly #listener: PieceListener;
  readonly #codec: Lz4Codec;
  readonly #window: FileWindow;
  #file: number;
  #offset = PART_HEADER_BYTES;
  #blockCount = 0;
  #entryCount = 0;
  #rawBytes = 0;
  #blocksCrc = 0;
  #isInEntry = false;

  /**
   * @param codec used inside `step` only, so readers of a thread may share one
   * @throws {CorruptFileFault} when the header does not hold; {DiskFault}
   */
  constructor(
    files: Files, path: string, listener: PieceListener,
    codec = new Lz4Codec(SNAPSHOT_BLOCK_BYTES),
  ) {
    this.#codec = codec;
    this.#files = files;
    this.#path = path;
    this.#listener = listener;
    this.#file = files.open(path, OpenMode.Read);
    try {
      this.#window = new FileWindow(files, this.#file);
      const at = this.#window.at(0, PART_HEADER_BYTES);
      const available = Math.min(PART_HEADER_BYTES, this.#window.availableAt(0));
      const header = decodePartHeader(this.#window.bytes.subarray(at, at + available));
      if ('expected' in header) throw new CorruptFileFault({ path, ...header });
      this.header = header;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get fileBytes(): number {
    return this.#window.fileBytes;
  }
  /** Bytes that were read. */
  get doneBytes(): number {
    return this.#offset;
  }
  get entryCount(): number {
    return this.#entryCount;
  }
  get blocksCrc(): number {
    return this.#blocksCrc;
  }

  /** Closes the file; `step` does it at the end. */
  close(): void {
    if (this.#file !== -1) this.#files.close(this.#file);
    this.#file = -1;
  }

  /**
   * Reads one block and gives its pieces.
   * @returns false when the end was reached and everything fits
   * @throws {CorruptFileFault} {DiskFault}
   */
  step(): boolean {
    const at = this.#window.at(this.#offset, BLOCK_HEADER_BYTES + SNAPSHOT_BLOCK_BYTES);
    const available = this.#window.availableAt(this.#offset);
    const { bytes } = this.#window;
    if (available < BLOCK_HEADER_BYTES) this.#refuse(available, 'a block', 'the end of the file');
    const magic = get32(bytes, at);
    if (magic === END_MAGIC) {
      this.#readEnd(bytes, at, available);
      this.close();
      return false;
    }
    if (magic !== BLOCK_MAGIC) this.#refuse(0, 'the mark of a block', hex32(magic));
    this.#readBlock(bytes, at, available);
    return true;
  }

  #readBlock(bytes: Uint8Array, at: number, available: number): void {
    const stored = get32(bytes, at + 16);
    const raw = get32(bytes, at + 20);
    if (raw === 0 || raw > SNAPSHOT_BLOCK_BYTES || stored > raw) {
      this.#refuse(16, 'the lengths of a block', `${stored} of ${raw} bytes`);
    }
    if (stored > available - BLOCK_HEADER_BYTES) {
      this.#refuse(available, `a block of ${stored} bytes`, 'the end of the file');
    }
    const crc = get32(bytes, at + 4);
    const actual = crc32(bytes, at + 8, BLOCK_HEADER_BYTES - 8 + stored);
    if (crc !== actual) this.#refuse(4, `a block with checksum ${hex32(crc)}`, hex32(actual));
    const tag = get32(bytes, at + 8);
    const index = get32(bytes, at + 12);
    if (tag !== this.header.tag || index !== this.#blockCount) {
      const expected = `block ${this.#blockCount} of this part`;
      this.#refuse(8, expected, `block ${index} of tag ${hex32(tag)}`);
    }
    const codec = this.#codec;
    const from = at + BLOCK_HEADER_BYTES;
    if (stored === raw) {
      this.#giveOut(bytes, from, raw);
    } else {
      codec.bytes.set(bytes.subarray(from, from + stored), codec.inputAt);
      const count = codec.decompress(stored, raw);
      if (count !== raw) {
        this.#refuse(BLOCK_HEADER_BYTES, `${raw} bytes of LZ4`, `${count} bytes`);
      }
      this.#giveOut(codec.bytes, codec.outputAt, raw);
    }
    this.#blocksCrc = crc32(bytes, at + 4, 4, this.#blocksCrc);
    this.#blockCount++;
    this.#rawBytes += raw;
    this.#offset += BLOCK_HEADER_BYTES + stored;
  }

  #giveOut(bytes: Uint8Array, from: number, length: number): void {
    const end = from + length;
    let at = from;
    while (at < end) {
      const word = end - at < PIECE_HEADER_BYTES ? PIECE_GOES_ON - 1 : get32(bytes, at);
      const pieceBytes = word % PIECE_GOES_ON;
      if (pieceBytes > end - at - PIECE_HEADER_BYTES) {
        this.#refuse(BLOCK_HEADER_BYTES, 'entries that fill the block', 'others');
      }
      const isLast = word < PIECE_GOES_ON;
      this.#isInEntry = !isLast;
      if (isLast) this.#entryCount++;
      this.#listener(bytes, at + PIECE_HEADER_BYTES, pieceBytes, isLast);
      at += PIECE_HEADER_BYTES + pieceBytes;
    }
  }

  #readEnd(bytes: Uint8Array, at: number, available: number): void {
    if (available < PART_END_BYTES) {
      this.#refuse(available, 'the end of a part', 'the end of the file');
    }
    const crc = get32(bytes, at + 4);
    const actual = crc32(bytes, at + 8, PART_END_BYTES - 8);
    if (crc !== actual) this.#refuse(4, `an end with checksum ${hex32(crc)}`, hex32(actual));
    const holds = [16, 24, 32].every((field) => fits64(bytes, at + field))
      && get32(bytes, at + 8) === this.header.tag && get32(bytes, at + 12) === this.#blockCount
      && get64(bytes, at + 16) === this.#entryCount && get64(bytes, at + 24) === this.#rawBytes
      && get64(bytes, at + 32) === this.#offset && get32(bytes, at + 40) === this.#blocksCrc;
    if (!holds || this.#isInEntry) {
      const expected = `the sums of ${this.#blockCount} blocks and ${this.#entryCount} entries`;
      this.#refuse(8, expected, 'others');
    }
    this.#offset += PART_END_BYTES;
    if (this.#offset !== this.fileBytes) {
      this.#refuse(0, 'the end of the file', `${this.fileBytes - this.#offset} bytes`);
    }
  }

  #refuse(wrongAt: number, expected: string, found: string): never {
    this.close();
    throw new CorruptFileFault({
      path: this.#path, offset: this.#offset + wrongAt, expected, found,
    });
  }
}
