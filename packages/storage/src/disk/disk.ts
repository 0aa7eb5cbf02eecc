/**
 * What a running log and a snapshot ask of a disk: operations are submitted with a token, and once
 * a turn the completions are drained. The same code so runs on io_uring's entries, on a file
 * thread, on libuv, and on a simulated disk.
 * An operation belongs to the disk from `submit` until its completion: neither it nor the bytes it
 * names may change in between. Every submit has exactly one completion. Operations that are under
 * way together are not ordered: who needs an order waits for the completion.
 * Results are as io_uring gives them: >= 0, or `-errno` (errno.ts).
 */
import { DiskFault } from '../errors.ts';
import type { Files } from './files.ts';

/** What an operation does; the fields it reads, and its result when it is not 0. */
export const DiskOperationKind = {
  /** path, mode; the file's number */
  Open: 1,
  /** file */
  Close: 2,
  /** file, bytes, at, length, position; bytes read */
  Read: 3,
  /** file, bytes, at, length, position; bytes written */
  Write: 4,
  /** as Write; durable when it completes (O_DSYNC) */
  WriteDurable: 5,
  /** file */
  Sync: 6,
  /** file, length */
  Truncate: 7,
  /** path, otherPath */
  Rename: 8,
  /** path */
  Unlink: 9,
  /** path */
  SyncDirectory: 10,
} as const;

const none = new Uint8Array(0);

/** One operation; made once and filled again and again, so that none is allocated per write. */
export class DiskOperation {
  kind = 0;
  path = '';
  otherPath = '';
  /** An OpenMode. */
  mode = 0;
  file = -1;
  bytes: Uint8Array = none;
  at = 0;
  length = 0;
  /** Byte offset in the file. */
  position = 0;
  /** Of a Write: nobody reads it soon, so it may pass the system's cache by. */
  isDirect = false;
}

/** Told of each completion; may submit again. */
export type CompletionListener = (token: number, result: number) => void;

/** A disk that works while its user does something else. */
export interface Disk {
  /** Begins an operation; a completion with `token` follows in some later `drain`. */
  submit(operation: DiskOperation, token: number): void;
  /** Tells what has completed; returns how many. */
  drain(listener: CompletionListener): number;
}

const verbs = [
  '', 'open', 'close', 'read', 'write', 'write', 'sync', 'truncate', 'rename', 'remove',
  'sync the directory',
] as const;

/** What a kind does, for messages. */
export function verbOf(kind: number): string {
  return verbs[kind] ?? 'use';
}

/** Does an operation at once. @returns its result, >= 0. @throws {DiskFault} */
export function perform(files: Files, operation: DiskOperation): number {
  const { file, bytes, at, length, position, path } = operation;
  switch (operation.kind) {
    case DiskOperationKind.Open: return files.open(path, operation.mode);
    case DiskOperationKind.Close: files.close(file); return 0;
    case DiskOperationKind.Read: return files.read(file, bytes, at, length, position);
    case DiskOperationKind.Write: return files.write(file, bytes, at, length, position);
    case DiskOperationKind.WriteDurable:
      return files.writeDurable(file, bytes, at, length, position);
    case DiskOperationKind.Sync: files.sync(file); return 0;
    case DiskOperationKind.Truncate: files.truncate(file, length); return 0;
    case DiskOperationKind.Rename: files.rename(path, operation.otherPath); return 0;
    case DiskOperationKind.Unlink: files.unlink(path); return 0;
    default: files.syncDirectory(path); return 0;
  }
}

/** What `work` returns, or `-errno` where the disk refused. */
export function resultOf(work: () => number): number {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DiskFault)) throw error;
    return -error.errno;
  }
}

/** Does an operation at once. @returns its result as a completion has it */
export function tryPerform(files: Files, operation: DiskOperation): number {
  return resultOf(() => perform(files, operation));
}
