/**
 * A disk in memory that fails as disks do. What was written lies in a cache until a sync; `crash`
 * takes the power away: each write since the last sync is kept, lost, torn or there in some of its
 * sectors, and of the names made, renamed and removed since the last sync of the directory only the
 * first few survive, in order. Faults on demand: the n-th operation fails or is the last one before
 * the crash, the disk is full, bits flip. A sync that fails strands what it should have written:
 * later syncs leave it out, as Linux does (the pages count as clean), until it is written again.
 * Everything random comes from the seeded generator that is given.
 */
import type { Chance } from '@kora/core';
import { DiskFault } from '../errors.ts';
import { Errno } from './errno.ts';
import { OpenMode } from './files.ts';
import type { Files } from './files.ts';
import { SimulatedFile } from './simulated-file.ts';

/** Thrown by the operation at which the power goes; the program is over. */
export class SimulatedCrash extends Error {
  override readonly name = 'SimulatedCrash';
}

type NameChange =
  | { readonly kind: 'put'; readonly path: string; readonly file: SimulatedFile }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string };

function apply(names: Map<string, SimulatedFile>, change: NameChange): void {
  if (change.kind === 'put') {
    names.set(change.path, change.file);
    return;
  }
  const file = names.get(change.path);
  names.delete(change.path);
  if (change.kind === 'rename' && file !== undefined) names.set(change.to, file);
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** How much survives `crash`: nothing that was not synced, or some of it by chance. */
export type CrashKind = 'drop' | 'chance';

/** Files that lose what a loss of power loses. */
export class SimulatedFiles implements Files {
  readonly #chance: Chance;
  readonly #directories = new Set<string>(['', '/']);
  #names = new Map<string, SimulatedFile>();
  #durableNames = new Map<string, SimulatedFile>();
  #changes: NameChange[] = [];
  #open = new Map<number, { readonly file: SimulatedFile; readonly path: string }>();
  /** Directories that are open, to be synced. */
  #openDirectories = new Map<number, string>();
  #nextFile = 3;
  #operations = 0;
  #crashAt = Infinity;
  readonly #failures = new Map<number, number>();
  /** True when an operation has thrown SimulatedCrash, and `crash` is due. */
  hasCrashed = false;
  /** Every operation for which this says an errno fails; 0 lets it be. */
  refuse: (operation: string, path: string) => number = () => 0;
  /** Bytes of all files together; more is ENOSPC. */
  capacityBytes = Infinity;

  /** @param chance decides what a crash keeps and how far a failing write came */
  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Operations that changed something, or tried to, since the start. */
  get operationCount(): number {
    return this.#operations;
  }
  /** The n-th operation from here on (1 = the next) fails with `errno`, once. */
  failAt(n: number, errno: number): void {
    this.#failures.set(this.#operations + n, errno);
  }
  /** At the n-th operation from here on the power goes. */
  crashAt(n: number): void {
    this.#crashAt = this.#operations + n;
  }

  /** What is left after a loss of power; files that were open are gone, planned faults too. */
  crash(kind: CrashKind): void {
    for (const file of this.#allFiles()) file.crash(kind, this.#chance);
    const kept = kind === 'drop' ? 0 : (this.#chance.next32() >>> 0) % (this.#changes.length + 1);
    for (const change of this.#changes.slice(0, kept)) apply(this.#durableNames, change);
    this.#names = new Map(this.#durableNames);
    this.#changes = [];
    this.#restart();
  }
  /** What is left when only the process dies: everything that was written. */
  kill(): void {
    this.#restart();
  }
  #restart(): void {
    this.#open = new Map();
    this.#openDirectories = new Map();
    this.hasCrashed = false;
    this.#crashAt = Infinity;
    this.#failures.clear();
    this.refuse = () => 0;
    this.capacityBytes = Infinity;
  }

  /** The bytes of a file as they are now. */
  contentOf(path: string): Uint8Array {
    return this.#named('read', path).content;
  }
  /** Puts a file there, durable at once, whatever was there before. */
  place(path: string, content: Uint8Array): void {
    const file = new SimulatedFile(content);
    this.#names.set(path, file);
    this.#durableNames.set(path, file);
    this.#changes = this.#changes.filter((change) => change.path !== path);
  }
  /** Turns one bit around, durably. */
  flip(path: string, byte: number, bit: number): void {
    this.#named('read', path).flip(byte, bit);
  }

  open(path: string, mode: number): number {
    let file = this.#names.get(path);
    if (mode === OpenMode.Read && this.#directories.has(path)) {
      this.#openDirectories.set(this.#nextFile, path);
      return this.#nextFile++;
    }
    if (mode === OpenMode.Read) {
      file = this.#named('open', path);
    } else {
      this.#step('open', path);
      if (mode === OpenMode.Update) file = this.#named('open', path);
      if (mode === OpenMode.CreateNew && file !== undefined) {
        throw new DiskFault('open', path, Errno.Exists);
      }
      if (!this.#directories.has(directoryOf(path))) {
        throw new DiskFault('open', path, Errno.NotFound);
      }
      if (file === undefined) {
        file = new SimulatedFile(new Uint8Array(0));
        this.#change({ kind: 'put', path, file });
      } else if (mode === OpenMode.Create) {
        file.truncate(0);
      }
    }
    const number = this.#nextFile++;
    this.#open.set(number, { file, path });
    return number;
  }
  close(file: number): void {
    if (this.#openDirectories.delete(file)) return;
    this.#opened('close', file);
    this.#open.delete(file);
  }
  size(file: number): number {
    return this.#opened('read', file).file.length;
  }
  read(file: number, bytes: Uint8Array, at: number, length: number, position: number): number {
    const { content } = this.#opened('read', file).file;
    const part = content.subarray(position, position + length);
    bytes.set(part, at);
    return part.length;
  }
  write(file: number, bytes: Uint8Array, at: number, length: number, position: number): number {
    const { file: target, path } = this.#opened('write', file);
    const room = this.capacityBytes - this.#usedBytes() + Math.max(0, target.length - position);
    const count = Math.min(length, Math.max(0, room));
    const part = bytes.slice(at, at + count);
    this.#step('write', path, () => {
      target.write(position, part.slice(0, (this.#chance.next32() >>> 0) % (part.length + 1)));
    });
    if (count === 0 && length > 0) throw new DiskFault('write', path, Errno.NoSpace);
    target.write(position, part);
    return count;
  }
  writeDurable(
    file: number, bytes: Uint8Array, at: number, length: number, position: number,
  ): number {
    const count = this.write(file, bytes, at, length, position);
    const { file: target, path } = this.#opened('sync', file);
    this.#step('sync', path, () => { target.strand(); });
    target.syncLast();
    return count;
  }
  sync(file: number): void {
    const directory = this.#openDirectories.get(file);
    if (directory !== undefined) {
      this.syncDirectory(directory);
      return;
    }
    const { file: target, path } = this.#opened('sync', file);
    this.#step('sync', path, () => { target.strand(); });
    target.sync();
  }
  truncate(file: number, length: number): void {
    const { file: target, path } = this.#opened('truncate', file);
    this.#step('truncate', path);
    target.truncate(length);
  }
  rename(from: string, to: string): void {
    this.#step('rename', from);
    this.#named('rename', from);
    this.#change({ kind: 'rename', path: from, to });
  }
  unlink(path: string): void {
    this.#step('remove', path);
    this.#named('remove', path);
    this.#change({ kind: 'remove', path });
  }
  list(directory: string): string[] {
    if (!this.#directories.has(directory)) {
      throw new DiskFault('list', directory, Errno.NotFound);
    }
    const prefix = `${directory}/`;
    const inside = [...this.#names.keys()].filter(
      (path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'),
    );
    return inside.map((path) => path.slice(prefix.length)).sort();
  }
  makeDirectory(path: string): void {
    this.#step('make the directory', path);
    const parts = path.split('/');
    for (let count = 1; count <= parts.length; count++) {
      this.#directories.add(parts.slice(0, count).join('/'));
    }
  }
  syncDirectory(path: string): void {
    this.#step('sync the directory', path);
    const rest: NameChange[] = [];
    for (const change of this.#changes) {
      if (directoryOf(change.path) === path) apply(this.#durableNames, change);
      else rest.push(change);
    }
    this.#changes = rest;
  }

  #change(change: NameChange): void {
    apply(this.#names, change);
    this.#changes.push(change);
  }
  #named(operation: string, path: string): SimulatedFile {
    const file = this.#names.get(path);
    if (file === undefined) throw new DiskFault(operation, path, Errno.NotFound);
    return file;
  }
  #opened(
    operation: string, file: number,
  ): { readonly file: SimulatedFile; readonly path: string } {
    const opened = this.#open.get(file);
    if (opened === undefined) throw new DiskFault(operation, `file ${file}`, Errno.BadFile);
    return opened;
  }
  #usedBytes(): number {
    let bytes = 0;
    for (const file of new Set(this.#names.values())) bytes += file.length;
    return bytes;
  }
  #allFiles(): Set<SimulatedFile> {
    return new Set([...this.#names.values(), ...this.#durableNames.values()]);
  }
  /** Counts an operation; `halfway` is what a failing one still does. */
  #step(operation: string, path: string, halfway: () => void = () => undefined): void {
    this.#operations++;
    if (this.#operations >= this.#crashAt) {
      halfway();
      this.hasCrashed = true;
      throw new SimulatedCrash(`the power goes at operation ${this.#operations}`);
    }
    const errno = this.#failures.get(this.#operations) ?? this.refuse(operation, path);
    if (errno === 0) return;
    halfway();
    throw new DiskFault(operation, path, errno);
  }
}
