/**
 * What this package throws: one class, a closed list of codes. Users match on `code`; messages say
 * what was given and what is allowed. Nothing has changed when one is thrown.
 */

/** Why a call was refused. */
export type VectorErrorCode =
  | 'OPTION'            // an option outside what is allowed
  | 'ID'                // not a string or a safe integer, or too long
  | 'DIMENSION'         // a vector of another length
  | 'NOT_FINITE'        // NaN, Infinity, or so large that the squared length is not finite
  | 'COUNT'             // k, offset or a count that is not a non-negative integer
  | 'FILTER'            // a filter expression that cannot be read
  | 'ATTRIBUTES'        // attributes that are not a JSON object, or too large
  | 'MEMORY_LIMIT'      // no room under bytesMax, or the system has no memory
  | 'IMAGE'             // an image that is cut, changed, or of another version
  | 'NOT_FOUND'         // a stored vector, or a collection, was named that is not there
  | 'EXISTS'            // a collection of that name is there already
  | 'THREAD'            // a thread of an index has died: only reading goes on
  | 'BUSY'              // more calls wait than may
  | 'CLOSED';           // the index was closed

/** A refusal. */
export class VectorError extends Error {
  readonly code: VectorErrorCode;

  constructor(code: VectorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'VectorError';
    this.code = code;
  }
}

/** Throws when the graph's own invariants do not hold: a fault of this package, not of the user. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`vector index: broken invariant: ${what}`);
}

/** @throws VectorError OPTION */
export function checkObject(name: string, given: unknown): void {
  if (typeof given === 'object' && given !== null) return;
  throw new VectorError('OPTION', `${name} are an object, not ${String(given)}`);
}
