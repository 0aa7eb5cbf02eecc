/**
 * A Disk for a thread that must not wait: writes and syncs go to a port, which does them elsewhere
 * (entries of an io_uring, a thread for files), and everything about names happens at once. Names
 * change once in a segment of the log, so what is done at once is rare and short; a directory is
 * synced through the port as well.
 * The port takes ranges of the worker's memory only: bytes that lie elsewhere pass through one
 * staging block, so at most one operation with such bytes may be under way.
 * Direct writes go to a second descriptor of the file (direct-twins.ts).
 * `finish` does what is under way once more, at once: it is for the end, when the port has stopped.
 * Each of these operations may be done twice without harm, for nothing else writes the files.
 */
import { assert } from '@kora/core/control';
import { copyBytes } from '../bytes/copy-bytes.ts';
import { DIRECT_BLOCK_BYTES } from '../limits.ts';
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
  /** Past the system's cache. */
  readonly isDirect: boolean;
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
    else if (isWrite) this.#write(operation, token, operation.isDirect);
    else if (kind === DiskOperationKind.Sync) this.#sync(operation, token, operation.file, -1);
    else if (kind === DiskOperationKind.SyncDirectory) this.#syncDirectory(operation, token);
    else this.#performNow(operation, token);
  }

  #write(operation: DiskOperation, token: number, isDirect: boolean): void {
    const { low, stagingAt, stagingBytes } = this.#memory;
    const { bytes, file, length, position } = operation;
    const isInMemory = bytes.buffer === low.buffer;
    let at = bytes.byteOffset + operation.at - low.byteOffset;
    if (!isInMemory) {
      assert(!this.#isStaging, 'one write of bytes from elsewhere is under way');
      assert(length <= stagingBytes, 'a write fits the staging block');
      copyBytes(low, stagingAt, bytes, operation.at, length);
      this.#isStaging = true;
      at = stagingAt;
    }
    const isWhole = at % DIRECT_BLOCK_BYTES === 0 && length % DIRECT_BLOCK_BYTES === 0
      && position % DIRECT_BLOCK_BYTES === 0;
    const twin = isDirect && isInMemory && isWhole ? this.#twins.of(file) : -1;
    this.#pending.set(token, {
      operation, directory: -1, isStaged: !isInMemory, isDirect: twin !== -1,
    });
    const isDurable = operation.kind === DiskOperationKind.WriteDurable;
    this.#port.write(token, twin === -1 ? file : twin, at, length, position, isDurable);
  }

  #sync(operation: DiskOperation, token: number, file: number, directory: number): void {
    this.#pending.set(token, { operation, directory, isStaged: false, isDirect: false });
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
    this.#pending.delete(token);
    if (pending.isStaged) this.#isStaging = false;
    const { directory, operation } = pending;
    if (pending.isDirect && result === -Errno.Invalid) {
      this.#twins.refused(operation.file);
      this.#write(operation, token, false);
      return true;
    }
    if (directory !== -1) resultOf(() => { this.#files.close(directory); return 0; });
    this.#done.add(token, result);
    return true;
  }

  /** From here on everything is done at once, and what is under way as well. */
  finish(): void {
    this.#isOver = true;
    for (const [token, { operation }] of [...this.#pending]) {
      this.completed(token, tryPerform(this.#files, operation));
    }
  }

  drain(listener: CompletionListener): number {
    return this.#done.drain(listener);
  }
}
