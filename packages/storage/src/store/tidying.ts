/**
 * Removes files that nobody needs any more beside a shard that works: little by little, for a
 * system takes a while to let go of a long file. Names at once, and the syncs in between through
 * the disk.
 *
 *   manifests ─▶ sync ─▶ all others are set aside ─▶ sync ─▶ one after the other: shorter ... gone
 *
 * A file that is set aside has a name that the next start removes, and has it durably before it is
 * made shorter: so a log is never found with a piece missing. What cannot be removed is left for
 * the next time.
 * Cost: a slice cuts off SLICE_BYTES at most, some 0.3 ms.
 */
import type { Disk } from '../disk/disk.ts';
import { DiskOperation, DiskOperationKind } from '../disk/disk.ts';
import { OpenMode } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { DiskFault } from '../errors.ts';
import type { SuperfluousFiles } from './snapshot-commit.ts';

/** What one slice cuts off a file. */
const SLICE_BYTES = 4 * 1024 * 1024;

/** Files on their way out. */
export class Tidying {
  /** Files that could not be removed. */
  leftCount = 0;
  readonly #files: Files;
  readonly #disk: Disk;
  readonly #token: number;
  readonly #directory: string;
  readonly #manifests: string[];
  /** Names to be set aside; then paths that are. */
  #others: string[];
  readonly #sync = new DiskOperation();
  #state: 'manifests' | 'aside' | 'removing' = 'manifests';
  #isSyncing = false;
  /** The file that is made shorter, -1 = none, where it is and where it ends. */
  #file = -1;
  #path = '';
  #bytes = 0;

  /** @param token of the disk, this object's while it works */
  constructor(
    files: Files, disk: Disk, token: number, directory: string, superfluous: SuperfluousFiles,
  ) {
    this.#files = files;
    this.#disk = disk;
    this.#token = token;
    this.#directory = directory;
    this.#manifests = [...superfluous.manifests];
    this.#others = [...superfluous.others];
  }

  /** True while it waits for the disk. */
  get isWaiting(): boolean {
    return this.#isSyncing;
  }

  /** A slice. @returns false when nothing is left to do */
  step(): boolean {
    if (this.#isSyncing) return true;
    switch (this.#state) {
      case 'manifests':
        this.#removeManifests();
        return true;
      case 'aside':
        this.#setAside();
        return true;
      default:
        return this.#remove();
    }
  }

  /** Takes a completion. @returns false when the token is not of this object */
  complete(token: number, result: number): boolean {
    if (token !== this.#token) return false;
    this.#isSyncing = false;
    // Names that may come back: what they name, and what they are, is kept as it is.
    if (result < 0) this.#others = [];
    return true;
  }

  #removeManifests(): void {
    const before = this.leftCount;
    for (const name of this.#manifests) {
      this.#attempt(() => { this.#files.unlink(`${this.#directory}/${name}`); });
    }
    if (this.leftCount > before) this.#others = [];
    this.#state = 'aside';
    if (this.#manifests.length > 0) this.#syncNames();
  }

  #setAside(): void {
    const aside: string[] = [];
    for (const name of this.#others) {
      const path = `${this.#directory}/${name}`;
      const other = name.endsWith('.tmp') ? path : `${path}.tmp`;
      const isAside = other === path || this.#attempt(() => { this.#files.rename(path, other); });
      if (isAside) aside.push(other);
      // What comes behind it in a log stays with it.
      else break;
    }
    this.#others = aside;
    this.#state = 'removing';
    if (aside.length > 0) this.#syncNames();
  }

  #syncNames(): void {
    this.#isSyncing = true;
    this.#sync.kind = DiskOperationKind.SyncDirectory;
    this.#sync.path = this.#directory;
    this.#disk.submit(this.#sync, this.#token);
  }

  #remove(): boolean {
    if (this.#file !== -1) {
      this.#shorten();
      return true;
    }
    const next = this.#others.shift();
    if (next === undefined) return false;
    this.#path = next;
    this.#attempt(() => {
      const file = this.#files.open(next, OpenMode.Update);
      this.#bytes = this.#files.size(file);
      this.#file = file;
    });
    return true;
  }

  #shorten(): void {
    this.#bytes = Math.max(0, this.#bytes - SLICE_BYTES);
    if (this.#bytes > 0) {
      if (this.#attempt(() => { this.#files.truncate(this.#file, this.#bytes); })) return;
    }
    const file = this.#file;
    this.#file = -1;
    this.#attempt(() => { this.#files.close(file); });
    this.#attempt(() => { this.#files.unlink(this.#path); });
  }

  /** @returns false when the disk refused */
  #attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof DiskFault)) throw error;
      this.leftCount++;
      return false;
    }
  }
}
