/**
 * Errors of disks as numbers, the same on every platform: Linux's, since io_uring answers with
 * them. A completion carries `-errno`; names are for messages.
 */

/** The errors that storage treats or names; all others count as an input/output error. */
export const Errno = {
  NotPermitted: 1, NotFound: 2, InputOutput: 5, BadFile: 9, NoMemory: 12, NoAccess: 13,
  Exists: 17, NotDirectory: 20, IsDirectory: 21, Invalid: 22, TooManyFiles: 24, TooLarge: 27,
  NoSpace: 28, ReadOnly: 30, Quota: 122,
} as const;

const names: ReadonlyMap<number, readonly [string, string]> = new Map([
  [Errno.NotPermitted, ['EPERM', 'operation not permitted']],
  [Errno.NotFound, ['ENOENT', 'no such file or directory']],
  [Errno.InputOutput, ['EIO', 'input/output error']],
  [Errno.BadFile, ['EBADF', 'the file is not open']],
  [Errno.NoMemory, ['ENOMEM', 'no memory is left']],
  [Errno.NoAccess, ['EACCES', 'permission denied']],
  [Errno.Exists, ['EEXIST', 'the file exists']],
  [Errno.NotDirectory, ['ENOTDIR', 'not a directory']],
  [Errno.IsDirectory, ['EISDIR', 'is a directory']],
  [Errno.Invalid, ['EINVAL', 'invalid argument']],
  [Errno.TooManyFiles, ['EMFILE', 'too many open files']],
  [Errno.TooLarge, ['EFBIG', 'the file would be too large']],
  [Errno.NoSpace, ['ENOSPC', 'no space left on the disk']],
  [Errno.ReadOnly, ['EROFS', 'the file system is read-only']],
  [Errno.Quota, ['EDQUOT', 'the disk quota is exceeded']],
]);

/** The words of the C library, which Redis's errors carry. */
const texts: ReadonlyMap<number, string> = new Map([
  [Errno.NotPermitted, 'Operation not permitted'],
  [Errno.NoMemory, 'Cannot allocate memory'],
  [Errno.NotFound, 'No such file or directory'],
  [Errno.InputOutput, 'Input/output error'],
  [Errno.BadFile, 'Bad file descriptor'],
  [Errno.NoAccess, 'Permission denied'],
  [Errno.Exists, 'File exists'],
  [Errno.NotDirectory, 'Not a directory'],
  [Errno.IsDirectory, 'Is a directory'],
  [Errno.Invalid, 'Invalid argument'],
  [Errno.TooManyFiles, 'Too many open files'],
  [Errno.TooLarge, 'File too large'],
  [Errno.NoSpace, 'No space left on device'],
  [Errno.ReadOnly, 'Read-only file system'],
  [Errno.Quota, 'Disk quota exceeded'],
]);

/** `ENOSPC (no space left on the disk)`. @param errno positive */
export function errnoName(errno: number): string {
  const known = names.get(errno);
  return known === undefined ? `error ${errno}` : `${known[0]} (${known[1]})`;
}

/** As strerror of the C library words it: `No space left on device`. @param errno positive */
export function errnoText(errno: number): string {
  return texts.get(errno) ?? `Unknown error ${errno}`;
}

/** The number of an error that node:fs threw; Windows's have the same names. */
export function errnoOf(error: unknown): number {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  for (const [errno, [name]] of names) if (name === code) return errno;
  return Errno.InputOutput;
}
