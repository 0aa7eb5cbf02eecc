/**
 * What all files of the sorted set type share: the encodings, the bounds of a pack, what a change
 * may be told to do and what it did, and the place of the member that was looked up last.
 *
 *   ZSET_PACK   root = pack of member, score (8 raw bytes, little-endian), member, score ... in the
 *               order of the set                             small sets of short members
 *   ZSET_TREE   root = block | dict header | tree header |   the dict has MEMBER_SCORED members by
 *               name, the tree (structs/score-tree.hot.ts) the same ones by (score, name)
 */

/** Encodings in the entry's flags. Numbers stay: a copy of an entry carries them. */
export const ZSET_PACK = 0;
export const ZSET_TREE = 1;
/** Word of a ZSET_TREE root that names the tree; word 0 names the dict. */
export const ROOT_TREE = 1;
/** Bytes of that root. */
export const TREE_ROOT_BYTES = 8;
/** Raw bytes of a score. */
export const SCORE_BYTES = 8;

/** What a pack may hold. Mutable for tests alone, so that models run every encoding. */
export const zsetLayout = { packPairsMax: 64, packMemberBytesMax: 64 };

/** What {@link zsetAdd} may do, as bits. */
export const ADD_NX = 1;
export const ADD_XX = 2;
export const ADD_GT = 4;
export const ADD_LT = 8;
/** The score is added to that of the member. */
export const ADD_INCREMENT = 16;

/** What {@link zsetAdd} did. A condition refused. */
export const REFUSED = 0;
/** The member has that score already. */
export const UNCHANGED = 1;
export const ADDED = 2;
export const MOVED = 3;
/** The sum is not a number; nothing changed. */
export const NOT_A_NUMBER = 4;

/** What a lookup found last, and the score. Owner: the running command of this thread. */
class FoundMember {
  /** Pack with the member, 0 when the set has a tree. */
  pack = 0;
  /** Position of the member in the pack, 0 = absent; its score is the entry behind it. */
  pos = 0;
  /** Member of the dict, 0 = absent; its slot and the hash of its name. */
  member = 0;
  slot = 0;
  hash = 0;
  /** The score found, or the one that {@link zsetAdd} left; a column, as a field would box it. */
  readonly score = new Float64Array(1);
}

export const found = new FoundMember();
