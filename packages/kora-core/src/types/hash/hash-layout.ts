/**
 * What all files of the hash type share: the encodings, the bounds of a pack, and the place of the
 * field that was looked up last.
 *
 *   HASH_PACK    root = pack of field, value, field, value ...   small hashes of short texts
 *   HASH_DICT    root = header of a dict of MEMBER_FIELD         the value lies behind the field
 *   HASH_TIMED   root = block | dict header | tree header |      a field has, or had, a deadline:
 *                the tree has (deadline ms, member) of every member that has one
 */

/** Encodings in the entry's flags. Numbers stay: a copy of an entry carries them. */
export const HASH_PACK = 0;
export const HASH_DICT = 1;
export const HASH_TIMED = 2;
/** Word of a HASH_TIMED root that names the tree; word 0 names the dict. */
export const TIMED_TREE = 1;
/** Bytes of that root. */
export const TIMED_ROOT_BYTES = 8;

/** What a pack may hold. Mutable for tests alone, so that models run every encoding. */
export const hashLayout = { packPairsMax: 64, packTextBytesMax: 64 };

/** What `findField` and `findHeld` found last. Owner: the running command of this thread. */
class FoundField {
  /** Pack with the field, 0 when it lies in a dict. */
  pack = 0;
  /** Positions in the pack. */
  fieldPos = 0;
  valuePos = 0;
  /** Member with the field, its slot and its hash, when it lies in a dict. */
  member = 0;
  slot = 0;
  hash = 0;
}

export const found = new FoundField();
