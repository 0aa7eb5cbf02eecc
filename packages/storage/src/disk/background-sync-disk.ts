/**
 * A Disk for a program's own thread, whose event loop may stand still or end at any moment: bytes
 * go to the system at once, which takes them into its cache, and only what waits for the device is
 * done by libuv's threads meanwhile. `finish` is for a program that has to know now: everything
 * under way is done in the caller's thread. What a thread of libuv still does afterwards is a sync
 * and no write, so it can do no harm, whatever the descriptor is by then.
 */
import { fdatasync } from 'node:fs';
import { Completions } from './completions.ts';
import { DiskOperationKind, resultOf, tryPerform } from './disk.ts';
import type { CompletionListener, Disk, DiskOperation } from './disk.ts';
import { errnoOf } from './errno.ts';
import { OpenMode } from './files.ts';
import type { Files } from './files.ts';

/** What is done in the background: the rest of these operations, or all of them. */
const waitsForDevice: ReadonlySet<number> = new Set([
  DiskOperationKind.Sync, DiskOperationKind.WriteDurable, DiskOperationKind.SyncDirectory,
]);

/** Begins the sync of an open file; the callback gets null, or why it failed. */
export type BeginSync = (file: number, done: (error: Error | null) => void) => void;

/** Writes at once, syncs meanwhile. */
export class BackgroundSyncDisk implements Disk {
  readonly #files: Files;
  readonly #onReady: () => void;
  readonly #beginSync: BeginSync;
  /** Operations under way, by token; the number tells a late end of an earlier one. */
  readonly #pending = new Map<number, { readonly operation: DiskOperation; readonly id: number }>();
  #nextId = 1;
  readonly #done = new Completions();
  #isDirect = false;

  /**
   * @param onReady called for a row of completions that came from the background: `drain` is due
   * @param beginSync another one for tests
   */
  constructor(files: Files, onReady: () => void, beginSync: BeginSync = fdatasync) {
    this.#files = files;
    this.#onReady = onReady;
    this.#beginSync = beginSync;
  }

  submit(operation: DiskOperation, token: number): void {
    const { kind } = operation;
    if (this.#isDirect || !waitsForDevice.has(kind)) {
      this.#done.add(token, tryPerform(this.#files, operation));
      return;
    }
    let result = 0;
    if (kind === DiskOperationKind.WriteDurable) {
      const { file, bytes, at, length, position } = operation;
      result = resultOf(() => this.#files.write(file, bytes, at, length, position));
      if (result < 0) {
        this.#done.add(token, result);
        return;
      }
    }
    const isDirectory = kind === DiskOperationKind.SyncDirectory;
    const file = isDirectory ? this.#openDirectory(operation.path) : operation.file;
    if (file < 0) {
      this.#done.add(token, tryPerform(this.#files, operation));
      return;
    }
    const id = this.#nextId++;
    this.#pending.set(token, { operation, id });
    this.#beginSync(file, (error) => {
      if (isDirectory) resultOf(() => { this.#files.close(file); return 0; });
      if (this.#pending.get(token)?.id !== id) return;
      this.#pending.delete(token);
      const isFirst = this.#done.isEmpty;
      this.#done.add(token, error === null ? result : -errnoOf(error));
      if (isFirst) this.#onReady();
    });
  }

  /** @returns a negative number where directories cannot be opened */
  #openDirectory(path: string): number {
    return resultOf(() => this.#files.open(path, OpenMode.Read));
  }

  /** Everything under way is done when it returns. @param forGood and all that follows, too */
  finish(forGood: boolean): void {
    if (forGood) this.#isDirect = true;
    for (const [token, { operation }] of [...this.#pending]) {
      this.#pending.delete(token);
      this.#done.add(token, tryPerform(this.#files, operation));
    }
  }

  drain(listener: CompletionListener): number {
    return this.#done.drain(listener);
  }
}
