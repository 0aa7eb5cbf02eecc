/**
 * What storage asks of files, at once: recovery, tools and tests call it and wait. Everything that
 * touches a disk goes through this interface or its turn-wise form (disk.ts), so that a test can
 * take power, space or bits away.
 * Paths use `/`; a file is a small number until it is closed. All failures are DiskFaults.
 */

/** How a file is opened. */
export const OpenMode = {
  /** Reads what exists. */
  Read: 0,
  /** Reads and writes what exists. */
  Update: 1,
  /** Writes a file that is empty now, whether it existed or not. */
  Create: 2,
  /** Writes a file that did not exist; EEXIST else. */
  CreateNew: 3,
  /** Writes what exists past the system's cache, in whole blocks: not everywhere, EINVAL else. */
  Direct: 4,
} as const;

/** Files of one machine, or of a simulated one. @throws {DiskFault} from every method */
export interface Files {
  /** @returns the file's number, >= 0 */
  open(path: string, mode: number): number;
  close(file: number): void;
  /** Bytes in the file. */
  size(file: number): number;
  /** Reads up to `length` bytes into `bytes` from `at` on; fewer only at the end of the file. */
  read(file: number, bytes: Uint8Array, at: number, length: number, position: number): number;
  /** Writes at a position; may write fewer bytes, at least one. */
  write(file: number, bytes: Uint8Array, at: number, length: number, position: number): number;
  /** As `write`, and what was written survives a loss of power (with the file's new length). */
  writeDurable(
    file: number, bytes: Uint8Array, at: number, length: number, position: number,
  ): number;
  /** The file's bytes and length survive a loss of power from here on. */
  sync(file: number): void;
  /** Cuts the file to `length` bytes; durable after `sync`. */
  truncate(file: number, length: number): void;
  /** Replaces `to` in one step; durable after `syncDirectory`. */
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Names of the files in a directory, sorted, without their path. */
  list(directory: string): string[];
  /** Creates a directory, and those above it; it may exist. */
  makeDirectory(path: string): void;
  /** New, renamed and removed names of the directory survive a loss of power from here on. */
  syncDirectory(path: string): void;
}

/** Reads all of a file. @throws {DiskFault} */
export function readWhole(files: Files, path: string): Uint8Array<ArrayBuffer> {
  const file = files.open(path, OpenMode.Read);
  try {
    const bytes = new Uint8Array(files.size(file));
    const count = files.read(file, bytes, 0, bytes.length, 0);
    return count === bytes.length ? bytes : bytes.slice(0, count);
  } finally {
    files.close(file);
  }
}

/** Writes all of `bytes`, in as many writes as it takes. @throws {DiskFault} */
export function writeAll(files: Files, file: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += files.write(file, bytes, done, bytes.length - done, position + done);
  }
}

/**
 * Puts a whole file in place: written aside, made durable, renamed, the directory made durable. At
 * every moment the name holds the old bytes or the new ones.
 * @throws {DiskFault}
 */
export function replaceFile(
  files: Files, directory: string, name: string, bytes: Uint8Array,
): void {
  const aside = `${directory}/${name}.tmp`;
  const file = files.open(aside, OpenMode.Create);
  try {
    writeAll(files, file, bytes, 0);
    files.sync(file);
  } finally {
    files.close(file);
  }
  files.rename(aside, `${directory}/${name}`);
  files.syncDirectory(directory);
}
