/**
 * The file that a running log writes: opens the next segment in steps that a loss of power may cut
 * anywhere. Create the file, write its header durably, make the name durable; only then is it the
 * log's, and the file before is closed. The caller starts this when all of the file before is
 * durable, so that a segment with a follower is always whole.
 *
 *   idle ─ begin ─▶ opening ─▶ heading ─▶ naming ─▶ closing the old ─▶ idle
 *            ▲          └──────────┴─────────┴─ failed ─▶ idle, the old file as before
 */
import { assert } from '@kora/core/control';
import { DiskOperation, DiskOperationKind } from '../disk/disk.ts';
import type { Disk } from '../disk/disk.ts';
import { Errno } from '../disk/errno.ts';
import { OpenMode } from '../disk/files.ts';
import { SEGMENT_HEADER_BYTES } from './log-layout.ts';
import { encodeSegmentHeader, segmentName } from './log-segment.ts';
import type { SegmentHeader } from './log-segment.ts';

/** Constant facts of a log's segments. */
export interface SegmentIdentity {
  readonly directory: string;
  readonly logSet: number;
  readonly shard: number;
  readonly shardCount: number;
  readonly tag: number;
}

/** What a step came to. */
export type SegmentStep = 'goes-on' | 'ready' | 'failed';

/** The segment that is written, and the one that is being made. */
export class SegmentFile {
  readonly #disk: Disk;
  readonly #identity: SegmentIdentity;
  readonly #token: number;
  readonly #operation = new DiskOperation();
  #number: number;
  #newFile = -1;
  #oldFile = -1;
  #isBusy = false;
  #header: Uint8Array = new Uint8Array(0);
  /** Number of the open file, -1 while there is none. */
  file = -1;
  /** Path of the file that is written or made. */
  path = '';
  /** What failed, as errno, after a step that failed. */
  errno = 0;

  /** @param nextNumber of the segment that is made first */
  constructor(disk: Disk, identity: SegmentIdentity, nextNumber: number, token: number) {
    this.#disk = disk;
    this.#identity = identity;
    this.#number = nextNumber;
    this.#token = token;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }
  /** Kind of the operation that is or was under way, for messages. */
  get operationKind(): number {
    return this.#operation.kind;
  }

  /** Begins to make the next segment. */
  begin(firstSequence: number, createdMs: number): void {
    assert(!this.#isBusy, 'one segment is made at a time');
    const { directory, ...rest } = this.#identity;
    const header: SegmentHeader = { ...rest, number: this.#number, firstSequence, createdMs };
    this.#header = encodeSegmentHeader(header);
    this.path = `${directory}/${segmentName(rest.logSet, rest.shard, this.#number)}`;
    this.#isBusy = true;
    this.#newFile = -1;
    this.#operation.path = this.path;
    this.#operation.mode = OpenMode.Create;
    this.#submit(DiskOperationKind.Open);
  }

  /** Closes the file that is written. */
  beginClose(): void {
    assert(!this.#isBusy && this.file !== -1, 'an open file is closed');
    this.#isBusy = true;
    this.#operation.file = this.file;
    this.file = -1;
    this.#submit(DiskOperationKind.Close);
  }

  /** A completion of this file's token. */
  complete(result: number): SegmentStep {
    const { kind } = this.#operation;
    // A file that is done with: whether closing it went well changes nothing of what was synced.
    if (kind === DiskOperationKind.Close) {
      this.#isBusy = false;
      return this.errno === 0 ? 'ready' : 'failed';
    }
    const isShort = kind === DiskOperationKind.WriteDurable && result >= 0
      && result < SEGMENT_HEADER_BYTES;
    if (result < 0 || isShort) return this.#fail(isShort ? Errno.NoSpace : -result);
    switch (kind) {
      case DiskOperationKind.Open:
        this.#newFile = result;
        this.#operation.file = result;
        this.#operation.bytes = this.#header;
        this.#operation.at = 0;
        this.#operation.length = SEGMENT_HEADER_BYTES;
        this.#operation.position = 0;
        return this.#submit(DiskOperationKind.WriteDurable);
      case DiskOperationKind.WriteDurable:
        this.#operation.path = this.#identity.directory;
        return this.#submit(DiskOperationKind.SyncDirectory);
      default:
        return this.#adopt();
    }
  }

  #adopt(): SegmentStep {
    this.errno = 0;
    this.#oldFile = this.file;
    this.file = this.#newFile;
    this.#newFile = -1;
    this.#number++;
    if (this.#oldFile === -1) {
      this.#isBusy = false;
      return 'ready';
    }
    this.#operation.file = this.#oldFile;
    return this.#submit(DiskOperationKind.Close);
  }

  #fail(errno: number): SegmentStep {
    this.errno = errno;
    if (this.#newFile === -1) {
      this.#isBusy = false;
      return 'failed';
    }
    this.#operation.file = this.#newFile;
    this.#newFile = -1;
    return this.#submit(DiskOperationKind.Close);
  }

  #submit(kind: number): SegmentStep {
    this.#operation.kind = kind;
    this.#disk.submit(this.#operation, this.#token);
    return 'goes-on';
  }
}
