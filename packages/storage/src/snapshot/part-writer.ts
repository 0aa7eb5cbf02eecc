/**
 * Writes one part of a snapshot while its shard goes on working: entries are fed in slices, blocks
 * wait in a bounded queue, the disk takes one at a time.
 *
 *   opening ─▶ writing ─ finish ─▶ ending ─▶ syncing ─▶ closing ─▶ renaming ─▶ naming ─▶ done
 *      └─────────┴──── an error, or abort ──┴─▶ dropping the file ─▶ failed
 *
 * The file has another name until all of it is durable; a part counts only when a manifest names
 * it. A part that failed is not tried again: the next snapshot is.
 */
import { assert } from '@kora/core/control';
import type { Disk } from '../disk/disk.ts';
import { DiskOperation, DiskOperationKind, verbOf } from '../disk/disk.ts';
import { Errno } from '../disk/errno.ts';
import { OpenMode } from '../disk/files.ts';
import { DiskFault } from '../errors.ts';
import {
  SNAPSHOT_BLOCK_BYTES, SNAPSHOT_QUEUED_BLOCK_COUNT_MAX, SNAPSHOT_SYNC_BYTES,
} from '../limits.ts';
import { Lz4Codec } from '../lz4/lz4-codec.ts';
import { BlockEncoder } from './block-encoder.ts';
import {
  encodePartEnd, encodePartHeader, PART_END_BYTES, PART_HEADER_BYTES, partName,
} from './snapshot-layout.ts';
import type { PartHeader } from './snapshot-layout.ts';

/** Where a part is in its life. */
export type PartState = 'writing' | 'finishing' | 'done' | 'failed';

/** What a manifest says of a part that is done. */
export interface PartFacts {
  readonly name: string;
  readonly shard: number;
  readonly bytes: number;
  readonly entryCount: number;
  readonly blocksCrc: number;
}

/** What a writer of a part is given. */
export interface PartWriterOptions extends PartHeader {
  readonly disk: Disk;
  readonly directory: string;
  /** The one token that is this writer's. */
  readonly token: number;
  /**
   * This writer's until it is done or failed; by default its own. Who writes many snapshots gives
   * the same again, since memories that are dropped are collected late.
   */
  readonly codec?: Lz4Codec;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Writer of one part. */
export class PartWriter {
  /** Where entries are written: beginEntry, bytes, endEntry. */
  readonly entries: BlockEncoder;
  readonly #disk: Disk;
  readonly #token: number;
  readonly #header: PartHeader;
  readonly #directory: string;
  readonly #name: string;
  readonly #operation = new DiskOperation();
  readonly #queue: Waiting[] = [];
  #file = -1;
  #position = 0;
  /** Bytes that were written since the last sync. */
  #unsyncedBytes = 0;
  #isBusy = false;
  #state: PartState = 'writing';
  #isEndQueued = false;
  #bytes = 0;
  #failure: DiskFault | undefined;
  #isAborted = false;

  /** Begins at once: the file is opened under another name. */
  constructor(options: PartWriterOptions) {
    this.#disk = options.disk;
    this.#token = options.token;
    this.#header = options;
    this.#directory = options.directory;
    this.#name = partName(options.snapshot, options.shard);
    this.entries = new BlockEncoder(options.tag, (bytes, length) => {
      this.#enqueue(bytes, length);
    }, options.codec ?? new Lz4Codec(SNAPSHOT_BLOCK_BYTES));
    this.#enqueue(encodePartHeader(options), PART_HEADER_BYTES);
    this.#operation.path = this.#aside;
    this.#operation.mode = OpenMode.Create;
    this.#submit(DiskOperationKind.Open);
  }

  get #aside(): string {
    return `${this.#directory}/${this.#name}.tmp`;
  }
  get state(): PartState {
    return this.#state;
  }
  /** Why it failed; undefined while it has not, and after `abort`. */
  get failure(): DiskFault | undefined {
    return this.#failure;
  }
  /** True when whoever feeds entries should wait; may be asked inside an entry too. */
  get isFull(): boolean {
    return this.#queue.length >= SNAPSHOT_QUEUED_BLOCK_COUNT_MAX;
  }
  /** Facts of a part that is done. */
  get facts(): PartFacts {
    assert(this.#state === 'done', 'a part has facts when it is done');
    const { entryCount, blocksCrc } = this.entries;
    const { shard } = this.#header;
    return { name: this.#name, shard, bytes: this.#bytes, entryCount, blocksCrc };
  }

  /** All entries were written: makes the part durable. */
  finish(): void {
    if (this.#state !== 'writing') return;
    this.entries.finish();
    const { blockCount, entryCount, rawBytes, blocksCrc } = this.entries;
    const fileBytes = this.#bytes;
    const end = { blockCount, entryCount, rawBytes, fileBytes, blocksCrc };
    this.#enqueue(encodePartEnd(end, this.#header.tag), PART_END_BYTES);
    this.#isEndQueued = true;
    this.#state = 'finishing';
    this.#advance();
  }

  /** Gives the part up: its file is removed, then the state is `failed`. */
  abort(): void {
    if (this.#state === 'done' || this.#state === 'failed') return;
    this.#isAborted = true;
    this.#state = 'finishing';
    this.#advance();
  }

  /** Takes a completion. @returns false when the token is not of this writer */
  complete(token: number, result: number): boolean {
    if (token !== this.#token) return false;
    this.#isBusy = false;
    if (result < 0) this.#fail(-result);
    else this.#proceed(result);
    this.#advance();
    return true;
  }

  #enqueue(bytes: Uint8Array, length: number): void {
    this.#bytes += length;
    this.#queue.push({ bytes, length });
    if (this.#file !== -1) this.#advance();
  }

  /** An operation went well. */
  #proceed(result: number): void {
    switch (this.#operation.kind) {
      case DiskOperationKind.Open:
        this.#file = result;
        break;
      case DiskOperationKind.Write:
        this.#wrote(result);
        break;
      case DiskOperationKind.Sync:
        // One on the way leaves the next block in the queue.
        if (this.#queue.length === 0 && this.#isEndQueued) this.#beginClose();
        break;
      case DiskOperationKind.Close:
        this.#file = -1;
        if (this.#isAborted) break;
        this.#operation.otherPath = `${this.#directory}/${this.#name}`;
        this.#operation.path = this.#aside;
        this.#submit(DiskOperationKind.Rename);
        break;
      case DiskOperationKind.Rename:
        this.#operation.path = this.#directory;
        this.#submit(DiskOperationKind.SyncDirectory);
        break;
      case DiskOperationKind.SyncDirectory:
        if (!this.#isAborted) this.#state = 'done';
        break;
      default:
        this.#state = 'failed';
    }
  }

  #wrote(count: number): void {
    const first = this.#queue[0];
    assert(first !== undefined, 'what is written waits in the queue');
    if (count === 0) {
      this.#fail(Errno.NoSpace);
      return;
    }
    this.#position += count;
    this.#unsyncedBytes += count;
    const left = this.#operation.length - count;
    if (left > 0) {
      this.#operation.at += count;
      this.#operation.length = left;
      this.#operation.position = this.#position;
      this.#submit(DiskOperationKind.Write);
      return;
    }
    this.#queue.shift();
    if (first.bytes.length > PART_HEADER_BYTES) this.entries.giveBack(first.bytes);
  }

  #fail(errno: number): void {
    const { kind, path } = this.#operation;
    // A file that cannot be removed stays under its other name; the next start removes it.
    if (this.#isAborted) {
      this.#file = -1;
      this.#state = 'failed';
      return;
    }
    const about = kind === DiskOperationKind.Rename || kind === DiskOperationKind.SyncDirectory
      ? path : this.#aside;
    this.#failure = new DiskFault(verbOf(kind), about, errno);
    this.#isAborted = true;
    if (kind === DiskOperationKind.Open || kind === DiskOperationKind.Close) this.#file = -1;
    this.#state = kind === DiskOperationKind.Open ? 'failed' : 'finishing';
  }

  /** Begins the next operation, when none is under way. */
  #advance(): void {
    if (this.#isBusy || this.#state === 'done' || this.#state === 'failed') return;
    if (this.#isAborted) {
      if (this.#file !== -1) {
        this.#beginClose();
        return;
      }
      this.#operation.path = this.#aside;
      this.#submit(DiskOperationKind.Unlink);
      return;
    }
    if (this.#file === -1) return;
    const next = this.#queue[0];
    if (next === undefined) {
      if (!this.#isEndQueued) return;
      this.#operation.file = this.#file;
      this.#submit(DiskOperationKind.Sync);
      return;
    }
    this.#operation.file = this.#file;
    if (this.#unsyncedBytes >= SNAPSHOT_SYNC_BYTES) {
      // Little by little: the end does not wait long, and the log's own syncs wait for little.
      this.#unsyncedBytes = 0;
      this.#submit(DiskOperationKind.Sync);
      return;
    }
    this.#operation.bytes = next.bytes;
    this.#operation.at = 0;
    this.#operation.length = next.length;
    this.#operation.position = this.#position;
    this.#submit(DiskOperationKind.Write);
  }

  #beginClose(): void {
    this.#operation.file = this.#file;
    this.#submit(DiskOperationKind.Close);
  }

  #submit(kind: number): void {
    this.#operation.kind = kind;
    this.#isBusy = true;
    this.#disk.submit(this.#operation, this.#token);
  }
}
