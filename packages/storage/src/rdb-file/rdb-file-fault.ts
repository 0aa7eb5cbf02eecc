/**
 * Why an RDB file cannot be read: always with the place, for whoever looks with a hex editor at
 * night. Two codes: what is damaged, and what is sound but beyond us.
 */
import { Fault } from '@kora/core/control';

/** A Fault with the byte offset in the file where reading stopped. */
export class RdbFileFault extends Fault {
  /** Byte offset from the start of the file. */
  readonly offset: number;

  constructor(code: 'CORRUPT_DUMP' | 'UNSUPPORTED_DUMP', what: string, offset: number) {
    super(code, `${what} (at byte ${offset} of the dump)`);
    this.name = 'RdbFileFault';
    this.offset = offset;
  }
}

/** The bytes do not hold together. */
export function damaged(what: string, offset: number): RdbFileFault {
  return new RdbFileFault('CORRUPT_DUMP', `The dump is damaged: ${what}`, offset);
}

/** The bytes may be sound, but cannot be taken. */
export function unsupported(what: string, offset: number): RdbFileFault {
  return new RdbFileFault('UNSUPPORTED_DUMP', what, offset);
}
