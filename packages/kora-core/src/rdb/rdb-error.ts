/**
 * Why a value in the RDB format could not be read or written: its bytes do not hold together, or
 * there is no memory for it. Thrown, because the places that find it lie deep in the readers of
 * the types; whoever started the reading (RESTORE, a replay, a loader) catches it, drops what was
 * built, and answers.
 */

/** `format`: the bytes are no such value. `memory`: no room for it now, or ever (too long). */
export type RdbErrorKind = 'format' | 'memory';

/** Thrown by {@link RdbReader}, RdbWriter and every `load` and `save` of a type. */
export class RdbError extends Error {
  readonly kind: RdbErrorKind;

  constructor(kind: RdbErrorKind, message: string) {
    super(message);
    this.name = 'RdbError';
    this.kind = kind;
  }
}

/** Refuses damaged bytes unless `isSound`. @throws {RdbError} `format` */
export function checkRdb(isSound: boolean, what: string): asserts isSound {
  if (!isSound) throw new RdbError('format', what);
}
