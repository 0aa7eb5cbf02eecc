/**
 * Files of this machine through node:fs, synchronously. Offsets are exact to 2^53.
 * fdatasync writes a file's bytes and the length they need; directories are synced where the
 * platform can open them (not on Windows, whose file systems log their names by themselves).
 */
import {
  closeSync, existsSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync,
  readdirSync, readSync, renameSync, statSync, unlinkSync, writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DiskFault } from '../errors.ts';
import { errnoOf } from './errno.ts';
import type { Files } from './files.ts';
import { canSyncDirectories, FILE_RIGHTS, flagsOfMode } from './node-open.ts';

const DIRECTORY_RIGHTS = 0o700;

function attempt<T>(operation: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new DiskFault(operation, path, errnoOf(error), error);
  }
}

/**
 * Makes what is missing of the path, durably. Step by step: what `recursive` does with a system
 * that says of an existing parent that it is not there (/proc) is to try for ever.
 */
function makeDirectories(path: string): void {
  if (isDirectory(path)) return;
  const parent = dirname(path);
  if (parent !== path && !existsSync(parent)) makeDirectories(parent);
  try {
    mkdirSync(path, DIRECTORY_RIGHTS);
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (!isDirectory(path)) throw error;
  }
  if (canSyncDirectories) syncDirectoryAt(parent);
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function syncDirectoryAt(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The files of this machine. */
export class NodeFiles implements Files {
  /** Paths of open files, for messages. */
  readonly #paths = new Map<number, string>();

  #pathOf(file: number): string {
    return this.#paths.get(file) ?? `file ${file}`;
  }

  open(path: string, mode: number): number {
    const file = attempt('open', path, () => openSync(path, flagsOfMode(mode), FILE_RIGHTS));
    this.#paths.set(file, path);
    return file;
  }
  close(file: number): void {
    attempt('close', this.#pathOf(file), () => { closeSync(file); });
    this.#paths.delete(file);
  }
  size(file: number): number {
    return attempt('read', this.#pathOf(file), () => fstatSync(file).size);
  }
  read(file: number, bytes: Uint8Array, at: number, length: number, position: number): number {
    return attempt('read', this.#pathOf(file), () => {
      let done = 0;
      while (done < length) {
        const count = readSync(file, bytes, at + done, length - done, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }
  write(file: number, bytes: Uint8Array, at: number, length: number, position: number): number {
    return attempt('write', this.#pathOf(file), () =>
      writeSync(file, bytes, at, length, position));
  }
  writeDurable(
    file: number, bytes: Uint8Array, at: number, length: number, position: number,
  ): number {
    const count = this.write(file, bytes, at, length, position);
    this.sync(file);
    return count;
  }
  sync(file: number): void {
    attempt('sync', this.#pathOf(file), () => { fdatasyncSync(file); });
  }
  truncate(file: number, length: number): void {
    attempt('truncate', this.#pathOf(file), () => { ftruncateSync(file, length); });
  }
  rename(from: string, to: string): void {
    attempt('rename', from, () => { renameSync(from, to); });
  }
  unlink(path: string): void {
    attempt('remove', path, () => { unlinkSync(path); });
  }
  list(directory: string): string[] {
    return attempt('list', directory, () => readdirSync(directory).sort());
  }
  makeDirectory(path: string): void {
    attempt('make the directory', path, () => { makeDirectories(resolve(path)); });
  }
  syncDirectory(path: string): void {
    if (!canSyncDirectories) return;
    attempt('sync the directory', path, () => { syncDirectoryAt(path); });
  }
}
