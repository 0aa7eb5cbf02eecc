/**
 * How a set lies in memory, and the bounds that decide it. They are ours: OBJECT ENCODING answers
 * by Redis 7.0's rule (ENTRY_WIDE), whatever the bytes are.
 *
 *   SET_INTSET  root = intset: integers only, up to intsetEntriesMax        4 or 8 B a member
 *   SET_PACK    root = pack of members, up to packMembersMax short ones     2 B + bytes
 *   SET_DICT    root = dict of MEMBER_OF_SET members                        4 B + bytes + 9 B index
 *
 * A set only ever goes down this table; a rebuild (STORE, RESTORE) starts at the top again.
 */
import { ValueType } from '../../keyspace/type-handler.ts';

/** Encodings of a set, in the entry's encoding bits. */
export const SET_INTSET = 0;
export const SET_PACK = 1;
export const SET_DICT = 2;

/** Flags of a set that is being made: no members, no encoding yet. */
export const SET_FLAGS: number = ValueType.Set;

/** Bounds of the encodings. Tests make them small, so that few members run every encoding. */
export const setLayout = {
  /** Integers of an intset at most: an insert moves those behind it, 2 KiB on average. */
  intsetEntriesMax: 512,
  /** Members of a pack at most: looking one up costs 9 ns for each passed. */
  packMembersMax: 128,
  /** Longest member of a pack. */
  packMemberBytesMax: 64,
};
