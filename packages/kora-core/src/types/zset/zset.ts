/**
 * The sorted set type: with its sisters in this folder the only file that knows how members and
 * scores lie in memory. Commands talk to these functions and to nothing below them.
 *
 * The encodings stand in zset-layout.ts. An encoding only changes upwards. ENTRY_WIDE is what
 * OBJECT ENCODING answers, by Redis's rule; it does not decide how bytes lie.
 * Use: look the key up, `prepareAdd` (creates the key, reserves everything), then as many
 * `zsetAdd`s as were prepared. What a lookup found holds until the next change or lookup. Members
 * that are passed in lie outside the set. Uses the last 1 KiB of the scratch area.
 * Order: by score, then by the members' bytes; -0 and 0 are one score.
 * Cost: find O(1); add, remove, rank O(log n); among 64 pairs at most 1 us. No heap allocation.
 */
import { assert } from '../../assert.ts';
import type { ReplySink } from '../../command/sink.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import {
  collectionCount, createCollection, ROOT_BYTES, setCollectionCount, setCollectionEncoding,
} from '../../keyspace/collection-entry.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { DICT_HEADER_BYTES, LINES_MIN, LINE_BYTES } from '../../structs/dict-layout.ts';
import type { Dict } from '../../structs/dict.hot.ts';
import {
  ENTRY_ENCODING_SHIFT, ENTRY_WIDE, entryEncoding, entryFlags,
  entryRoot, setEntryFlags, setEntryRoot,
} from '../../structs/entry.hot.ts';
import {
  MEMBER_SCORED, memberHash, memberScore, newMember, setMemberScore,
} from '../../structs/member.hot.ts';
import { PACK_HEADER_BYTES } from '../../structs/packs.hot.ts';
import type { ScoreTree } from '../../structs/score-tree.hot.ts';
import {
  ADD_GT, ADD_INCREMENT, ADD_LT, ADD_NX, ADD_XX, ADDED, found, MOVED, NOT_A_NUMBER, REFUSED,
  ROOT_TREE, SCORE_BYTES, TREE_ROOT_BYTES, UNCHANGED, ZSET_PACK, ZSET_TREE, zsetLayout,
} from './zset-layout.ts';
import {
  compareMember, insertPair, movePair, nextPair, packedScore, rankOfPair,
} from './zset-pack.ts';

/** Flags of a new sorted set. */
const PACK_FLAGS = ValueType.SortedSet | (ZSET_PACK << ENTRY_ENCODING_SHIFT);
const TREE_FLAGS = ValueType.SortedSet | (ZSET_TREE << ENTRY_ENCODING_SHIFT);
/** Root block, and a fresh dict: header, directory, chunk. */
const FRESH_BLOCKS = 4;
const FRESH_BYTES = TREE_ROOT_BYTES + DICT_HEADER_BYTES + 8 + LINES_MIN * LINE_BYTES;
/** A member in a dict: its block, an overflow line. */
const MEMBER_BLOCKS = 2;
/** Bytes of a member beside its name: header, long length, padding; and its line. */
const MEMBER_SIDE_BYTES = 24 + LINE_BYTES;

// ------------------------------------------------------------------ reading

/** True when the key is absent or holds a sorted set; else the error is written. */
export function isZsetOrAbsent(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0 || shard.keyspace.isType(ref, ValueType.SortedSet)) return true;
  out.error(replyErrors.wrongType);
  return false;
}

/** Number of members. */
export function zsetCount(shard: Shard, ref: number): number {
  return collectionCount(shard, ref);
}

/** The tree of a sorted set that has one, bound. */
export function treeOf(shard: Shard, ref: number): ScoreTree {
  const { i32 } = shard.memory;
  const { tree } = shard.collections;
  tree.bind(i32[(entryRoot(i32, ref) << 1) + ROOT_TREE] ?? 0);
  return tree;
}

/** The dict of a sorted set that has one, bound. */
export function dictOf(shard: Shard, ref: number): Dict {
  const { i32 } = shard.memory;
  const { dict } = shard.collections;
  dict.bind(i32[entryRoot(i32, ref) << 1] ?? 0);
  return dict;
}

/** True when the members lie in a pack. */
export function isPacked(shard: Shard, ref: number): boolean {
  return entryEncoding(shard.memory.i32, ref) === ZSET_PACK;
}

/**
 * Looks a member up: `bytes` bytes at byte offset `at`. What is found, its score too, stands in
 * {@link found}. Binds the dict.
 */
export function findMember(shard: Shard, ref: number, at: number, bytes: number): boolean {
  const { i32 } = shard.memory;
  if (entryEncoding(i32, ref) === ZSET_PACK) {
    const { packs } = shard.collections;
    const pack = entryRoot(i32, ref);
    const pos = pack === 0 ? 0 : packs.find(pack, packs.first(pack), at, bytes, 2);
    found.pack = pack;
    found.member = 0;
    found.pos = pos;
    if (pos === 0) return false;
    found.score[0] = packedScore(shard, pack, pos);
    return true;
  }
  const dict = dictOf(shard, ref);
  const hash = dict.hashOf(at, bytes);
  const slot = dict.find(at, bytes, hash);
  const member = slot === 0 ? 0 : (i32[slot] ?? 0);
  found.pack = 0;
  found.pos = 0;
  found.hash = hash;
  found.slot = slot;
  found.member = member;
  if (member === 0) return false;
  found.score[0] = memberScore(shard.memory.f64, member);
  return true;
}

/** Score of a member; NaN when it is not there. */
export function zsetScore(shard: Shard, ref: number, at: number, bytes: number): number {
  return findMember(shard, ref, at, bytes) ? (found.score[0] ?? NaN) : NaN;
}

/** 0-based rank of the member found last. */
export function rankOfFound(shard: Shard, ref: number): number {
  if (found.pack !== 0) return rankOfPair(shard, found.pack, found.pos);
  return treeOf(shard, ref).rankOf(found.score[0] ?? 0, found.member);
}

/** Members below a score; with `isAfterEqual` those of the score too. */
export function rankOfScore(
  shard: Shard, ref: number, score: number, isAfterEqual: boolean,
): number {
  if (!isPacked(shard, ref)) return treeOf(shard, ref).rankOfScore(score, isAfterEqual);
  const pack = entryRoot(shard.memory.i32, ref);
  let rank = 0;
  let pos = pack === 0 ? 0 : shard.collections.packs.first(pack);
  for (; pos !== 0; pos = nextPair(shard, pack, pos)) {
    const here = packedScore(shard, pack, pos);
    if (here > score || (here === score && !isAfterEqual)) break;
    rank++;
  }
  return rank;
}

/**
 * Members below a name in a set whose members have one score; with `isAfterEqual` the member of
 * that name too. Where scores differ the answer lies between 0 and the count, as in Redis.
 */
export function rankOfName(
  shard: Shard, ref: number, at: number, bytes: number, isAfterEqual: boolean,
): number {
  if (!isPacked(shard, ref)) {
    const tree = treeOf(shard, ref);
    return tree.seek(0) ? tree.rankOfKey(tree.cursorScore(), at, bytes, isAfterEqual) : 0;
  }
  const pack = entryRoot(shard.memory.i32, ref);
  let rank = 0;
  let pos = pack === 0 ? 0 : shard.collections.packs.first(pack);
  for (; pos !== 0; pos = nextPair(shard, pack, pos)) {
    const order = compareMember(shard, pack, pos, at, bytes);
    if (order > 0 || (order === 0 && !isAfterEqual)) break;
    rank++;
  }
  return rank;
}

/** What OBJECT ENCODING says, by Redis 7.0's rule. */
export function zsetEncodingName(shard: Shard, ref: number): string {
  return (entryFlags(shard.memory.i32, ref) & ENTRY_WIDE) === 0 ? 'listpack' : 'skiplist';
}

// ------------------------------------------------------------------ storing

/** Flags of an entry made aside (newAside): an empty sorted set. */
export const ZSET_FLAGS_EMPTY: number = PACK_FLAGS;

/**
 * Makes sure that `count` calls of zsetAdd cannot fail, whichever of the members are new, and makes
 * the entry ready: creates it for an absent key, gives it the encoding that takes them all.
 * @param ref entry of the key looked up last, or made aside; 0 = absent: keyAt, keyBytes say what
 * @param memberBytes sum of the members' lengths @param longestBytes the longest member
 * @returns the entry; 0 when memory is short: nothing changed
 */
export function prepareAdd(
  shard: Shard, ref: number, keyAt: number, keyBytes: number, count: number, memberBytes: number,
  longestBytes: number,
): number {
  const isShort = longestBytes <= zsetLayout.packMemberBytesMax;
  // Both lengths around a member take as much as around the longest, and a score always as much.
  const { packs } = shard.collections;
  const sideBytes = packs.entryRoom(longestBytes) - longestBytes + packs.entryRoom(SCORE_BYTES);
  const room = memberBytes + count * sideBytes;
  if (ref === 0) {
    if (isShort && count <= zsetLayout.packPairsMax) {
      if (!shard.keyspace.reserve(keyBytes, ROOT_BYTES, 1, PACK_HEADER_BYTES + room)) return 0;
      return createPacked(shard, createCollection(shard, keyAt, keyBytes, PACK_FLAGS), room);
    }
    return createWithTree(shard, keyAt, keyBytes, count, memberBytes);
  }
  if (!isPacked(shard, ref)) {
    const tree = treeOf(shard, ref);
    const bytes = memberBytes + count * MEMBER_SIDE_BYTES;
    return tree.reserveAdd(count, count * MEMBER_BLOCKS, bytes) ? ref : 0;
  }
  if (isShort && zsetCount(shard, ref) + count <= zsetLayout.packPairsMax) {
    return growPack(shard, ref, room) ? ref : 0;
  }
  return unpack(shard, ref, count, memberBytes) ? ref : 0;
}

/** Gives a fresh entry its pack. */
function createPacked(shard: Shard, ref: number, room: number): number {
  const pack = shard.collections.packs.create(room);
  assert(pack !== 0, 'the pack of a new sorted set was reserved');
  setEntryRoot(shard.memory.i32, ref, pack);
  return ref;
}

function createWithTree(
  shard: Shard, keyAt: number, keyBytes: number, count: number, memberBytes: number,
): number {
  const { tree } = shard.collections;
  const bytes = FRESH_BYTES + memberBytes + count * MEMBER_SIDE_BYTES;
  const blocks = FRESH_BLOCKS + count * MEMBER_BLOCKS;
  const sideBlocks = tree.freshBlocks(count);
  const isReserved = shard.keyspace.reserve(
    keyBytes, ROOT_BYTES, blocks + sideBlocks, bytes + tree.freshBytes(count),
  );
  if (!isReserved) return 0;
  const ref = createCollection(shard, keyAt, keyBytes, TREE_FLAGS);
  newRoot(shard, ref);
  return ref;
}

/** Makes the root block of a ZSET_TREE: an empty dict and an empty tree, both bound. */
function newRoot(shard: Shard, ref: number): void {
  const { memory } = shard;
  const { dict, tree } = shard.collections;
  const root = memory.arenaAllocator.alloc(TREE_ROOT_BYTES);
  const dictHeader = dict.create();
  const treeHeader = tree.create();
  assert(root !== 0 && dictHeader !== 0 && treeHeader !== 0, 'a sorted set was reserved');
  const { i32 } = memory;
  i32[root << 1] = dictHeader;
  i32[(root << 1) + ROOT_TREE] = treeHeader;
  setEntryRoot(i32, ref, root);
}

/** Makes room for pairs in the pack; false when memory is short. */
function growPack(shard: Shard, ref: number, room: number): boolean {
  const { packs } = shard.collections;
  const root = entryRoot(shard.memory.i32, ref);
  shard.noteMutation();
  if (root === 0) {
    if (!shard.memory.arenaAllocator.reserve(1, PACK_HEADER_BYTES + room)) return false;
    createPacked(shard, ref, room);
    return true;
  }
  const bytes = packs.growBytes(root, room);
  if (bytes === 0) return true;
  if (!shard.memory.arenaAllocator.reserve(1, bytes)) return false;
  setEntryRoot(shard.memory.i32, ref, packs.grow(root, room));
  return true;
}

/** Gives a packed set dict and tree, with room for `count` more; false: nothing changed. */
function unpack(shard: Shard, ref: number, count: number, memberBytes: number): boolean {
  const { memory } = shard;
  const { packs, tree } = shard.collections;
  const pack = entryRoot(memory.i32, ref);
  const used = pack === 0 ? 0 : packs.usedBytes(pack);
  const all = zsetCount(shard, ref) + count;
  const blocks = FRESH_BLOCKS + all * MEMBER_BLOCKS + tree.freshBlocks(all);
  const bytes = FRESH_BYTES + used + memberBytes + all * MEMBER_SIDE_BYTES + tree.freshBytes(all);
  if (!memory.arenaAllocator.reserve(blocks, bytes)) return false;
  shard.noteMutation();
  newRoot(shard, ref);
  const { dict } = shard.collections;
  for (let pos = pack === 0 ? 0 : packs.first(pack); pos !== 0;) {
    const at = packs.entryAt(pack, pos);
    const memberLength = packs.entryBytes(pack, pos);
    const score = packedScore(shard, pack, pos);
    linkMember(shard, at, memberLength, dict.hashOf(at, memberLength), score, true);
    pos = nextPair(shard, pack, pos);
  }
  if (pack !== 0) packs.destroy(pack);
  setCollectionEncoding(shard, ref, ZSET_TREE);
  return true;
}

/**
 * Adds a member to the dict and the tree that are bound. The caller reserved.
 * @param isLast it stands behind all others
 */
function linkMember(
  shard: Shard, at: number, bytes: number, hash: number, score: number, isLast: boolean,
): void {
  const { memory, collections } = shard;
  const member = newMember(memory, memory.arenaAllocator, MEMBER_SCORED, at, bytes, 0, 0, 0, 0);
  assert(member !== 0, 'a member of a sorted set was reserved');
  setMemberScore(memory.f64, member, score);
  collections.dict.insert(hash, member);
  if (isLast) collections.tree.append(score, member);
  else collections.tree.add(score, member);
}

/**
 * Adds a member or gives it another score, one of those that {@link prepareAdd} prepared.
 * `found.score` is the member's score afterwards, or the one that stays.
 * @param flags ADD_* bits @param score not NaN
 * @returns REFUSED, UNCHANGED, ADDED, MOVED or NOT_A_NUMBER
 */
export function zsetAdd(
  shard: Shard, ref: number, at: number, bytes: number, score: number, flags: number,
): number {
  if (!findMember(shard, ref, at, bytes)) {
    if ((flags & ADD_XX) !== 0) return REFUSED;
    addAbsent(shard, ref, at, bytes, score);
    return ADDED;
  }
  if ((flags & ADD_NX) !== 0) return REFUSED;
  const before = found.score[0] ?? 0;
  const after = (flags & ADD_INCREMENT) === 0 ? score : before + score;
  if (Number.isNaN(after)) return NOT_A_NUMBER;
  if ((flags & ADD_LT) !== 0 && after >= before) return REFUSED;
  if ((flags & ADD_GT) !== 0 && after <= before) return REFUSED;
  if (after === before) return UNCHANGED;
  moveFound(shard, ref, after);
  return MOVED;
}

/** Adds the member that a lookup has just missed; prepared. */
function addAbsent(shard: Shard, ref: number, at: number, bytes: number, score: number): void {
  shard.noteMutation();
  const count = collectionCount(shard, ref) + 1;
  noteWidth(shard, ref, count, bytes);
  const kept = keptScore(shard, ref, score);
  if (found.pack !== 0) {
    const pack = insertPair(shard, found.pack, kept, at, bytes);
    if (pack !== found.pack) setEntryRoot(shard.memory.i32, ref, pack);
  } else {
    treeOf(shard, ref); // The lookup bound the dict.
    linkMember(shard, at, bytes, found.hash, kept, false);
  }
  found.score[0] = score;
  setCollectionCount(shard, ref, count);
}

/**
 * Adds a member that is not there and stands behind all others, one of those that
 * {@link prepareAdd} prepared: what loads in order are made of.
 */
export function zsetAppend(
  shard: Shard, ref: number, at: number, bytes: number, score: number,
): void {
  if (isPacked(shard, ref)) {
    const added = zsetAdd(shard, ref, at, bytes, score, 0);
    assert(added === ADDED, 'an appended member is not there yet');
    return;
  }
  shard.noteMutation();
  const count = collectionCount(shard, ref) + 1;
  noteWidth(shard, ref, count, bytes);
  treeOf(shard, ref);
  const hash = dictOf(shard, ref).hashOf(at, bytes);
  linkMember(shard, at, bytes, hash, keptScore(shard, ref, score), true);
  setCollectionCount(shard, ref, count);
}

/** Redis's rule: a set stays a listpack until a member makes it too long or is itself too long. */
function noteWidth(shard: Shard, ref: number, count: number, bytes: number): void {
  const { settings } = shard;
  const isNarrow = count <= settings.zsetListpackEntriesMax
    && bytes <= settings.zsetListpackValueBytesMax;
  if (isNarrow) return;
  const { i32 } = shard.memory;
  setEntryFlags(i32, ref, entryFlags(i32, ref) | ENTRY_WIDE);
}

/** The score to be stored: a listpack of Redis has no -0, so -0 becomes 0 where it would be one. */
function keptScore(shard: Shard, ref: number, score: number): number {
  if (score !== 0) return score;
  return (entryFlags(shard.memory.i32, ref) & ENTRY_WIDE) === 0 ? 0 : score;
}

/** Gives the member found another score; prepared as an add. */
function moveFound(shard: Shard, ref: number, score: number): void {
  shard.noteMutation();
  const kept = keptScore(shard, ref, score);
  if (found.pack !== 0) {
    movePair(shard, found.pack, found.pos, kept);
  } else {
    dictOf(shard, ref).noteChange(found.member);
    treeOf(shard, ref).move(found.score[0] ?? 0, found.member, kept);
    setMemberScore(shard.memory.f64, found.member, kept);
  }
  found.score[0] = score;
}

// ------------------------------------------------------------------ removing

/** Removes a member; false when it is not there. An empty set is the caller's to remove. */
export function zsetRemove(shard: Shard, ref: number, at: number, bytes: number): boolean {
  if (!findMember(shard, ref, at, bytes)) return false;
  removeFound(shard, ref);
  return true;
}

/** Removes the member found. Never fails. */
export function removeFound(shard: Shard, ref: number): void {
  const { memory, collections } = shard;
  shard.noteMutation();
  if (found.pack !== 0) {
    const pack = collections.packs.remove(found.pack, found.pos, 2);
    if (pack !== found.pack) setEntryRoot(memory.i32, ref, pack);
  } else {
    const { member } = found;
    const isThere = treeOf(shard, ref).remove(found.score[0] ?? 0, member);
    assert(isThere, 'a member of the dict is in the tree');
    collections.dict.removeAt(found.slot, found.hash);
    memory.arenaAllocator.free(member);
  }
  setCollectionCount(shard, ref, collectionCount(shard, ref) - 1);
}

/** Removes `count` members from a 0-based rank on; they are there. Never fails. O(count log n). */
export function removeRanks(shard: Shard, ref: number, rank: number, count: number): void {
  const { memory, collections } = shard;
  shard.noteMutation();
  if (isPacked(shard, ref)) {
    const pack = entryRoot(memory.i32, ref);
    const pos = collections.packs.seek(pack, rank * 2);
    setEntryRoot(memory.i32, ref, collections.packs.remove(pack, pos, count * 2));
  } else {
    const tree = treeOf(shard, ref);
    const dict = dictOf(shard, ref);
    for (let left = count; left > 0; left--) {
      const isThere = tree.seek(rank);
      assert(isThere, 'a removed rank exists');
      const member = tree.cursorRef();
      tree.removeCursor();
      dropMember(shard, dict, member);
    }
  }
  setCollectionCount(shard, ref, collectionCount(shard, ref) - count);
}

/** For {@link removeAtRank}: the tree is bound and its cursor leads to the member. */
export const RANK_AT_CURSOR = -1;

/** Removes the member of a rank in a tree: the leftmost and rightmost leaves are always near. */
export function removeAtRank(shard: Shard, ref: number, rank: number): void {
  shard.noteMutation();
  const { tree } = shard.collections;
  if (rank !== RANK_AT_CURSOR) {
    const isThere = treeOf(shard, ref).seek(rank);
    assert(isThere, 'a removed rank exists');
  }
  const member = tree.cursorRef();
  tree.removeCursor();
  dropMember(shard, dictOf(shard, ref), member);
  setCollectionCount(shard, ref, collectionCount(shard, ref) - 1);
}

/** Takes a member out of the dict and frees it. */
function dropMember(shard: Shard, dict: Dict, member: number): void {
  const { memory } = shard;
  const hash = memberHash(memory.i32, member);
  dict.removeAt(dict.slotOf(member, hash), hash);
  memory.arenaAllocator.free(member);
}
