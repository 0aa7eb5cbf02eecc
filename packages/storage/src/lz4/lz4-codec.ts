/**
 * LZ4 blocks for programs: a codec with its own memory, of a fixed size, where the WebAssembly
 * kernel works (the TypeScript twin where a platform lacks SIMD). Input and output lie in it, so
 * that nothing is allocated per block.
 *
 *   | table 32 KiB | input, blockBytesMax | output, blockBytesMax and what LZ4 may add |
 *
 * Cost on 2026-11-21: JSON in blocks of 64 KiB 1.1 GB/s in, 3.6 GB/s out (lz4.bench.ts).
 * A codec is used by one thread.
 */
import { assert, createSharedMemory } from '@kora/core/control';
import { LZ4_BLOCK_BYTES_MAX } from '../limits.ts';
import { LZ4_KERNEL_BASE64 } from './lz4-kernel-bytes.ts';
import { compressByTwin, decompressByTwin } from './lz4-twin.hot.ts';

/** What the kernel exports; addresses are byte offsets in its memory. */
interface Lz4Kernel {
  compress(from: number, fromBytes: number, to: number, toBytes: number, table: number): number;
  decompress(from: number, fromBytes: number, to: number, toBytes: number): number;
}

const TABLE_BYTES = 32_768;
const PAGE_BYTES = 65_536;

/** Bytes that a block of `bytes` may take at most when nothing of it repeats. */
export function lz4BytesMax(bytes: number): number {
  return bytes + Math.floor(bytes / 255) + 16;
}

let compiled: WebAssembly.Module | null | undefined;

function instantiate(memory: WebAssembly.Memory): Lz4Kernel | null {
  if (compiled === undefined) {
    const bytes = Uint8Array.from(atob(LZ4_KERNEL_BASE64), (letter) => letter.charCodeAt(0));
    compiled = WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
  }
  if (compiled === null) return null;
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  // Byte boundary: the exports' types are fixed by the test that rebuilds the kernel.
  return exports as unknown as Lz4Kernel;
}

function twinOver(bytes: Uint8Array): Lz4Kernel {
  return {
    compress: (from, fromBytes, to, toBytes, table) =>
      compressByTwin(bytes, from, fromBytes, to, toBytes, table),
    decompress: (from, fromBytes, to, toBytes) =>
      decompressByTwin(bytes, from, fromBytes, to, toBytes),
  };
}

/** Compresses and decompresses blocks of a bounded size. */
export class Lz4Codec {
  /** All of the codec's memory. */
  readonly bytes: Uint8Array;
  /** Where input is put, up to `blockBytesMax` bytes (decompress: `lz4BytesMax` of it). */
  readonly inputAt = TABLE_BYTES;
  /** Where output lies. */
  readonly outputAt: number;
  readonly blockBytesMax: number;
  readonly #kernel: Lz4Kernel;

  /** @param form `twin` works without WebAssembly; for tests and measurements */
  constructor(blockBytesMax: number, form: 'kernel' | 'twin' = 'kernel') {
    assert(blockBytesMax <= LZ4_BLOCK_BYTES_MAX, 'a block of LZ4 has a bounded size');
    const room = lz4BytesMax(blockBytesMax);
    this.blockBytesMax = blockBytesMax;
    this.outputAt = this.inputAt + room;
    const pages = Math.ceil((this.outputAt + room) / PAGE_BYTES);
    const memory = createSharedMemory(pages * PAGE_BYTES, pages * PAGE_BYTES);
    this.bytes = new Uint8Array(memory.buffer);
    const kernel = form === 'kernel' ? instantiate(memory) : null;
    this.#kernel = kernel ?? twinOver(this.bytes);
  }

  /**
   * Compresses the first `length` bytes of the input.
   * @param limit bytes that the block may take
   * @returns bytes of the block at `outputAt`; 0 when it would be longer
   */
  compress(length: number, limit = lz4BytesMax(length)): number {
    assert(length <= this.blockBytesMax, 'the input fits');
    const room = Math.min(limit, lz4BytesMax(this.blockBytesMax));
    return this.#kernel.compress(this.inputAt, length, this.outputAt, room, 0);
  }

  /**
   * Decompresses a block of `length` bytes that lies in the input.
   * @param rawBytes that it should give, at most `blockBytesMax`
   * @returns bytes at `outputAt`; -1 for what is no block, or gives more
   */
  decompress(length: number, rawBytes: number): number {
    assert(length <= lz4BytesMax(this.blockBytesMax), 'the block fits');
    assert(rawBytes <= this.blockBytesMax, 'what it gives fits');
    return this.#kernel.decompress(this.inputAt, length, this.outputAt, rawBytes);
  }
}

/**
 * Compresses bytes to one LZ4 block, in a memory for this call: for many blocks keep a codec.
 * @returns a copy that is the caller's
 */
export function lz4Compress(bytes: Uint8Array): Uint8Array {
  const codec = new Lz4Codec(Math.max(1, bytes.length));
  codec.bytes.set(bytes, codec.inputAt);
  const length = codec.compress(bytes.length);
  return codec.bytes.slice(codec.outputAt, codec.outputAt + length);
}

/**
 * Decompresses one LZ4 block that gives exactly `rawBytes` bytes, in a memory for this call.
 * @returns a copy that is the caller's; undefined when the block is none
 */
export function lz4Decompress(block: Uint8Array, rawBytes: number): Uint8Array | undefined {
  const codec = new Lz4Codec(Math.max(1, rawBytes, block.length));
  codec.bytes.set(block, codec.inputAt);
  const length = codec.decompress(block.length, rawBytes);
  if (length !== rawBytes) return undefined;
  return codec.bytes.slice(codec.outputAt, codec.outputAt + length);
}
