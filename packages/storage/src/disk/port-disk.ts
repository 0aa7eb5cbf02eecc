/**
 * A Disk for a thread that must not wait: writes and syncs go to a port, which does them elsewhere
 * (entries of an io_uring, a thread for files), and everything about names happens at once. Names
 * change once in a segment of the log, so what is done at once is rare and short; a directory is
 * synced through the port as well.
 * The port takes ranges of the worker's memory only: bytes that lie elsewhere pass through one
 * staging block, so at most one operation with such bytes may be under way.
 * A write that may pass the system's cache goes in pieces, one after the other, with one
 * completion: the whole blocks in its middle to a second descriptor of the file (direct-twins.ts),
 * what is before and behind them as any other.
 *
 *   file  ...|    block    |    block    |    block    |...
 *   write         | cached |         direct            | cached |
 *
 * `finish` does what is under way once more, at once: it is for the end, when the port has stopped.
 * Each of these operations may be done twice without harm, for nothing else writes the files.
 */
import { assert } from '@kora/core/control';
import { copyBytes } from '../bytes/copy-bytes.ts';
import { DIRECT_BLOCK_BYTES, DIRECT_BYTES_MIN } from '../limits.ts';
import { Completions } from './completions.ts';
import { DirectTwins } from './direct-twins.ts';
import { DiskOperationKind, resultOf, tryPerform } from './disk.ts';
import type { CompletionListener, Disk, DiskOperation } from './disk.ts';
import { Errno } from './errno.ts';
import type { Files } from './files.ts';
import { OpenMode } from './files.ts';

/** Where operations of open files are done; each ends with one `completed` of the disk. */
export interface FilePort {
  /** Writes [at, at + bytes) of the worker memory; durable when it ends where that is asked. */
  write(
    token: number, file: number, at: number, bytes: number, position: number, isDurable: boolean,
  ): void;
  /** Makes what was written to the file durable. */
  sync(token: number, file: number): void;
}

/** The worker memory as far as the port reaches it, and a block of it. */
export interface PortMemory {
  readonly low: Uint8Array;
  /** Byte offset of a block for bytes that lie elsewhere. */
  readonly stagingAt: number;
  readonly stagingBytes: number;
}

/** Port tokens below this are of operations with a file; those above of directories. */
const DIRECTORY_TOKEN = 1 << 20;

interface Pending {
  readonly operation: DiskOperation;
  /** Of the directory that is synced, else -1. */
  readonly directory: number;
  readonly isStaged: boolean;
  /** Of a write: bytes that are written, and those of the piece that is under way. */
  doneBytes: number;
  pieceBytes: number;
  /** The piece passes the system's cache by. */
  isDirect: boolean;
}

/** Names at once, bytes through a port. */
export class PortDisk implements Disk {
  readonly #files: Files;
  readonly #port: FilePort;
  readonly #memory: PortMemory;
  readonly #twins: DirectTwins;
  readonly #pending = new Map<number, Pending>();
  readonly #done = new Completions();
  #isStaging = false;
  #isOver = false;

  constructor(files: Files, port: FilePort, memory: PortMemory) {
    this.#files = files;
    this.#twins = new DirectTwins(files);
    this.#port = port;
    this.#memory = memory;
  }

  /** Operations that the port has. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  submit(operation: DiskOperation, token: number): void {
    const { kind } = operation;
    const isWrite = kind === DiskOperationKind.Write || kind === DiskOperationKind.WriteDurable;
    if (this.#isOver) this.#performNow(operation, token);
    else if (isWrite) this.#write(operation, token);
    else if (kind === DiskOperationKind.Sync) this.#sync(operation, token, operation.file, -1);
    else if (kind === DiskOperationKind.SyncDirectory) this.#syncDirectory(operation, token);
    else this.#performNow(operation, token);
  }

  #write(operation: DiskOperation, token: number): void {
    const isStaged = operation.bytes.buffer !== this.#memory.low.buffer;
    assert(!isStaged || !this.#isStaging, 'one write of bytes from elsewhere is under way');
    if (isStaged) this.#isStaging = true;
    const pending = {
      operation, directory: -1, isStaged, doneBytes: 0, pieceBytes: 0, isDirect: false,
    };
    this.#pending.set(token, pending);
    this.#writePiece(token, pending);
  }

  /** Gives the port the next piece of a write. */
  #writePiece(token: number, pending: Pending): void {
    const { operation, doneBytes } = pending;
    const { low, stagingAt, stagingBytes } = this.#memory;
    const { bytes, kind, position } = operation;
    const from = operation.at + doneBytes;
    const left = operation.length - doneBytes;
    let at = bytes.byteOffset + from - low.byteOffset;
    let file = operation.file;
    pending.isDirect = false;
    pending.pieceBytes = left;
    if (pending.isStaged) {
      pending.pieceBytes = Math.min(left, stagingBytes);
      copyBytes(low, stagingAt, bytes, from, pending.pieceBytes);
      at = stagingAt;
    } else if (operation.isDirect) {
      file = this.#cut(pending, at, position + doneBytes);
    }
    const isDurable = kind === DiskOperationKind.WriteDurable;
    this.#port.write(token, file, at, pending.pieceBytes, position + doneBytes, isDurable);
  }

  /** Ends the piece where direct bytes begin or end. @returns the number of the file to write */
  #cut(pending: Pending, at: number, position: number): number {
    const { file } = pending.operation;
    const before = -position & (DIRECT_BLOCK_BYTES - 1);
    const left = pending.pieceBytes - before;
    const whole = left - (left & (DIRECT_BLOCK_BYTES - 1));
    const isInPlace = ((at + before) & (DIRECT_BLOCK_BYTES - 1)) === 0;
    if (!isInPlace || whole < DIRECT_BYTES_MIN) return file;
    const twin = this.#twins.of(file);
    if (twin === -1) return file;
    pending.isDirect = before === 0;
    pending.pieceBytes = before === 0 ? whole : before;
    return before === 0 ? twin : file;
  }

  #sync(operation: DiskOperation, token: number, file: number, directory: number): void {
    this.#pending.set(token, {
      operation, directory, isStaged: false, doneBytes: 0, pieceBytes: 0, isDirect: false,
    });
    this.#port.sync(directory === -1 ? token : token + DIRECTORY_TOKEN, file);
  }

  #syncDirectory(operation: DiskOperation, token: number): void {
    assert(token < DIRECTORY_TOKEN, 'tokens of a disk are small');
    const directory = resultOf(() => this.#files.open(operation.path, OpenMode.Read));
    if (directory < 0) this.#done.add(token, directory);
    else this.#sync(operation, token, directory, directory);
  }

  #performNow(operation: DiskOperation, token: number): void {
    const { kind } = operation;
    if (kind === DiskOperationKind.Close) this.#twins.closed(operation.file);
    const result = tryPerform(this.#files, operation);
    if (kind === DiskOperationKind.Open && result >= 0) this.#twins.opened(result, operation.path);
    this.#done.add(token, result);
  }

  /** The port has done what it was given. @returns false when it is not of this disk */
  completed(portToken: number, result: number): boolean {
    const token = portToken % DIRECTORY_TOKEN;
    const pending = this.#pending.get(token);
    if (pending === undefined) return false;
    const { operation } = pending;
    if (pending.isDirect && result === -Errno.Invalid) {
      this.#twins.refused(operation.file);
      this.#writePiece(token, pending);
      return true;
    }
    if (result > 0) pending.doneBytes += result;
    const isWhole = result > 0 && result === pending.pieceBytes;
    if (isWhole && pending.doneBytes < operation.length) this.#writePiece(token, pending);
    // What ends a write behind its first piece is told to who writes the rest.
    else this.#end(token, pending, pending.doneBytes > 0 ? pending.doneBytes : result);
    return true;
  }

  #end(token: number, { directory, isStaged }: Pending, result: number): void {
    this.#pending.delete(token);
    if (isStaged) this.#isStaging = false;
    if (directory !== -1) resultOf(() => { this.#files.close(directory); return 0; });
    this.#done.add(token, result);
  }

  /** From here on everything is done at once, and what is under way as well. */
  finish(): void {
    this.#isOver = true;
    for (const [token, pending] of [...this.#pending]) {
      this.#end(token, pending, tryPerform(this.#files, pending.operation));
    }
  }

  drain(listener: CompletionListener): number {
    return this.#done.drain(listener);
  }
}
