/**
 * Puts a whole file in place without waiting: `replaceFile` (disk/files.ts) as operations of a
 * Disk, one after the other.
 *
 *   open aside ─▶ write ─▶ sync ─▶ close ─▶ rename ─▶ sync the directory ─▶ done
 *      └───────────┴──── an error ──┴─▶ close, remove it ─▶ failed  │ an error ─▶ failed, in place
 *
 * When the rename went well and the sync of the directory did not, either file may be found after a
 * loss of power: `isInPlace` says so, and whoever asked keeps what both of them need.
 */
import { assert } from '@kora/core/control';
import type { Disk } from '../disk/disk.ts';
import { DiskOperation, DiskOperationKind, verbOf } from '../disk/disk.ts';
import { Errno } from '../disk/errno.ts';
import { OpenMode } from '../disk/files.ts';
import { DiskFault } from '../errors.ts';

/** Most bytes of one write: those of a disk that stages them. */
const WRITE_BYTES = 32_768;

/** What is to be put in place. */
export interface ReplacementOptions {
  readonly disk: Disk;
  /** The one token that is this object's. */
  readonly token: number;
  readonly directory: string;
  readonly name: string;
  /** Not to change until it has ended. */
  readonly bytes: Uint8Array;
}

/** One file that is being replaced. Begins at once. */
export class FileReplacement {
  state: 'working' | 'done' | 'failed' = 'working';
  /** Why it failed. */
  failure: DiskFault | undefined;
  /** The file has its name. */
  isInPlace = false;
  readonly #options: ReplacementOptions;
  readonly #operation = new DiskOperation();
  #file = -1;
  #written = 0;

  constructor(options: ReplacementOptions) {
    this.#options = options;
    this.#operation.path = this.#aside;
    this.#operation.mode = OpenMode.Create;
    this.#submit(DiskOperationKind.Open);
  }

  get #aside(): string {
    return `${this.#options.directory}/${this.#options.name}.tmp`;
  }

  /** Takes a completion. @returns false when the token is not of this object */
  complete(token: number, result: number): boolean {
    if (token !== this.#options.token) return false;
    assert(this.state === 'working', 'what has ended has nothing under way');
    if (this.failure !== undefined) this.#giveUp();
    else if (result < 0) this.#fail(-result);
    else this.#proceed(result);
    return true;
  }

  #proceed(result: number): void {
    const operation = this.#operation;
    const { directory, name, bytes } = this.#options;
    switch (operation.kind) {
      case DiskOperationKind.Open:
        this.#file = result;
        this.#write();
        return;
      case DiskOperationKind.Write:
        this.#written += result;
        if (result === 0) this.#fail(Errno.NoSpace);
        else if (this.#written < bytes.length) this.#write();
        else this.#submit(DiskOperationKind.Sync);
        return;
      case DiskOperationKind.Sync:
        this.#submit(DiskOperationKind.Close);
        return;
      case DiskOperationKind.Close:
        this.#file = -1;
        operation.path = this.#aside;
        operation.otherPath = `${directory}/${name}`;
        this.#submit(DiskOperationKind.Rename);
        return;
      case DiskOperationKind.Rename:
        this.isInPlace = true;
        operation.path = directory;
        this.#submit(DiskOperationKind.SyncDirectory);
        return;
      default:
        this.state = 'done';
    }
  }

  #write(): void {
    const operation = this.#operation;
    const { bytes } = this.#options;
    operation.file = this.#file;
    operation.bytes = bytes;
    operation.at = this.#written;
    operation.length = Math.min(WRITE_BYTES, bytes.length - this.#written);
    operation.position = this.#written;
    this.#submit(DiskOperationKind.Write);
  }

  #fail(errno: number): void {
    const { kind } = this.#operation;
    const path = this.isInPlace ? this.#options.directory : this.#aside;
    this.failure = new DiskFault(verbOf(kind), path, errno);
    if (kind === DiskOperationKind.Close) this.#file = -1;
    if (this.isInPlace || kind === DiskOperationKind.Open) {
      this.state = 'failed';
      return;
    }
    this.#giveUp();
  }

  /** Closes what is open, then removes it; one that cannot be removed the next start removes. */
  #giveUp(): void {
    const operation = this.#operation;
    if (this.#file !== -1) {
      operation.file = this.#file;
      this.#file = -1;
      this.#submit(DiskOperationKind.Close);
    } else if (operation.kind !== DiskOperationKind.Unlink) {
      operation.path = this.#aside;
      this.#submit(DiskOperationKind.Unlink);
    } else {
      this.state = 'failed';
    }
  }

  #submit(kind: number): void {
    this.#operation.kind = kind;
    this.#options.disk.submit(this.#operation, this.#options.token);
  }
}
