/**
 * What storage throws: a disk that refused, and a file that is not what was written. Both are
 * Faults of the core with the facts as fields, so that a program can show or repair without
 * reading messages.
 */
import { Fault } from '@kora/core/control';
import { errnoName } from './disk/errno.ts';

/** A disk operation that failed; `code` is DISK_FAILED. The same call may succeed later. */
export class DiskFault extends Fault {
  /** Linux's number of the error, positive (disk/errno.ts). */
  readonly errno: number;
  /** What was attempted: `write`, `sync`, ... */
  readonly operation: string;
  readonly path: string;

  constructor(operation: string, path: string, errno: number, cause?: unknown) {
    super(
      'DISK_FAILED', `cannot ${operation} ${path}: ${errnoName(errno)}`,
      { cause, isRetryable: true },
    );
    this.errno = errno;
    this.operation = operation;
    this.path = path;
  }
}

/** What a damaged file says of itself. */
export interface Damage {
  readonly path: string;
  /** Byte offset of what does not fit. */
  readonly offset: number;
  /** What should be there, for people. */
  readonly expected: string;
  readonly found: string;
}

/** Damage of bytes whose file the caller knows. */
export type DamageAt = Omit<Damage, 'path'>;

/** A file that does not hold together; `code` is CORRUPT_FILE. Nothing of it was used. */
export class CorruptFileFault extends Fault implements Damage {
  readonly path: string;
  readonly offset: number;
  readonly expected: string;
  readonly found: string;

  /** @param note what follows from it, for people */
  constructor(damage: Damage, note?: string) {
    const { path, offset, expected, found } = damage;
    super(
      'CORRUPT_FILE',
      `${path} is damaged at byte ${offset}: expected ${expected}, found ${found}` +
      (note === undefined ? '' : `; ${note}`),
    );
    this.path = path;
    this.offset = offset;
    this.expected = expected;
    this.found = found;
  }
}
