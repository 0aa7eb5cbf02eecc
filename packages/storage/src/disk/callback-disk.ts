/**
 * A Disk on libuv's file threads, for programs that live in Node's event loop: each operation is
 * one call of node:fs with a callback, and its completion waits for the next `drain`. The owner is
 * told when there is something to drain.
 */
import {
  close, fdatasync, fsync, ftruncate, open, read, rename, unlink, write,
} from 'node:fs';
import { Completions } from './completions.ts';
import { DiskOperationKind } from './disk.ts';
import type { CompletionListener, Disk, DiskOperation } from './disk.ts';
import { errnoOf } from './errno.ts';
import { canSyncDirectories, FILE_RIGHTS, flagsOfMode } from './node-open.ts';

type Done = (error: Error | null, result?: number) => void;

/** Operations in the background of Node. */
export class CallbackDisk implements Disk {
  readonly #onReady: () => void;
  readonly #done = new Completions();
  #pendingCount = 0;

  /** @param onReady called once for a row of completions: `drain` is due */
  constructor(onReady: () => void) {
    this.#onReady = onReady;
  }

  /** Operations under way. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  submit(operation: DiskOperation, token: number): void {
    this.#pendingCount++;
    begin(operation, (error, result) => {
      this.#pendingCount--;
      const isFirst = this.#done.isEmpty;
      this.#done.add(token, error === null ? result ?? 0 : -errnoOf(error));
      if (isFirst) this.#onReady();
    });
  }

  drain(listener: CompletionListener): number {
    return this.#done.drain(listener);
  }
}

function begin(operation: DiskOperation, done: Done): void {
  const { file, bytes, at, length, position, path } = operation;
  switch (operation.kind) {
    case DiskOperationKind.Open:
      open(path, flagsOfMode(operation.mode), FILE_RIGHTS, done);
      break;
    case DiskOperationKind.Close: close(file, done); break;
    case DiskOperationKind.Read: read(file, bytes, at, length, position, done); break;
    case DiskOperationKind.Write: write(file, bytes, at, length, position, done); break;
    case DiskOperationKind.WriteDurable:
      write(file, bytes, at, length, position, (error, count) => {
        if (error !== null) done(error);
        else fdatasync(file, (syncError) => { done(syncError, count); });
      });
      break;
    case DiskOperationKind.Sync: fdatasync(file, done); break;
    case DiskOperationKind.Truncate: ftruncate(file, length, done); break;
    case DiskOperationKind.Rename: rename(path, operation.otherPath, done); break;
    case DiskOperationKind.Unlink: unlink(path, done); break;
    default: syncDirectory(path, done);
  }
}

function syncDirectory(path: string, done: Done): void {
  if (!canSyncDirectories) {
    process.nextTick(done, null);
    return;
  }
  open(path, 'r', (error, directory) => {
    if (error !== null) {
      done(error);
      return;
    }
    fsync(directory, (syncError) => {
      close(directory, (closeError) => { done(syncError ?? closeError); });
    });
  });
}
