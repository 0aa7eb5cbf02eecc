/**
 * Deadlines of single fields. A member that has one carries it in its header; the tree of the hash
 * (deadline in ms, member) has all of them in order, so that the next one is O(log n) away, and so
 * is the number of fields that are due but not yet freed. The wheel of the database is armed with
 * the key's hash no later than the earliest deadline.
 *
 * Invariants: a member has an expiry <=> the tree has it; an entry with a tree has
 * ENTRY_TIMED_ELEMENTS. A tree that has emptied stays: the next deadline will want it.
 * Deadlines are 0 .. FIELD_DEADLINE_MS_MAX, exact in a double. As with keys, a field still lives in
 * the millisecond of its deadline.
 */
import { assert } from '../../assert.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  ENTRY_HAS_TTL, entryEncoding, entryExpireMs, entryFlags, entryHasTtl, entryKeyAt, entryKeyBytes,
  entryRoot, setEntryExpire, setEntryFlags,
} from '../../structs/entry.hot.ts';
import {
  fieldValueAt, fieldValueBytes, MEMBER_FIELD, memberBytesFor, newMember,
} from '../../structs/member.hot.ts';
import type { ScoreTree } from '../../structs/score-tree.hot.ts';
import { found, HASH_TIMED, TIMED_TREE } from './hash-layout.ts';

/** Latest deadline of a field: what a double holds exactly. */
export const FIELD_DEADLINE_MS_MAX: number = Number.MAX_SAFE_INTEGER;

const TWO_32 = 4_294_967_296;

/** The tree of a HASH_TIMED hash, bound; valid until someone binds it again. */
export function treeOf(shard: Shard, ref: number): ScoreTree {
  const { i32 } = shard.memory;
  const { tree } = shard.collections;
  tree.bind(i32[(entryRoot(i32, ref) << 1) + TIMED_TREE] ?? 0);
  return tree;
}

/** Fields of a HASH_TIMED hash whose time has come and which are still held. */
export function dueCount(shard: Shard, ref: number): number {
  if (shard.isReplaying) return 0;
  const tree = treeOf(shard, ref);
  return tree.count() === 0 ? 0 : tree.rankOfScore(shard.nowMs, false);
}

/** Earliest deadline of a field in ms, due ones included; -1 when no field has one. */
export function firstDeadlineMs(shard: Shard, ref: number): number {
  if (entryEncoding(shard.memory.i32, ref) !== HASH_TIMED) return -1;
  const tree = treeOf(shard, ref);
  return tree.seek(0) ? tree.cursorScore() : -1;
}

/** Deadline of the field found in ms, -1 when it has none. */
export function foundDeadlineMs(shard: Shard): number {
  return found.member === 0 ? -1 : entryExpireMs(shard.memory.i32, found.member);
}

/**
 * Gives the field found (by findHeld, after prepareDeadlines) a deadline. Whoever does so for a key
 * of a database arms the wheel then ({@link armFields}).
 * @param ms 0 .. FIELD_DEADLINE_MS_MAX
 */
export function setFoundDeadline(shard: Shard, ref: number, ms: number): void {
  const { memory } = shard;
  const { arenaAllocator } = memory;
  const low = ms | 0;
  const high = Math.floor(ms / TWO_32) | 0;
  const old = found.member;
  assert(old !== 0, 'a field that gets a deadline is a member');
  shard.noteMutation();
  shard.collections.dict.noteChange(old);
  const tree = treeOf(shard, ref);
  if (entryHasTtl(memory.i32, old)) {
    const oldMs = entryExpireMs(memory.i32, old);
    if (oldMs !== ms) tree.move(oldMs, old, ms);
    setEntryExpire(memory.i32, old, low, high);
  } else {
    const valueBytes = fieldValueBytes(memory.i32, old);
    const fresh = newMember(
      memory, arenaAllocator, MEMBER_FIELD, entryKeyAt(memory.i32, old),
      entryKeyBytes(memory.i32, old), valueBytes, 1, low, high,
    );
    assert(fresh !== 0, 'a member with a deadline was reserved');
    const { i32, kernel } = memory;
    kernel.copy(fieldValueAt(i32, fresh), fieldValueAt(i32, old), valueBytes);
    shard.collections.dict.replaceAt(found.slot, fresh);
    arenaAllocator.free(old);
    found.member = fresh;
    tree.add(ms, fresh);
  }
}

/**
 * Arms the wheel for the key looked up last, when `ms`, a deadline that one of its fields has got,
 * lies before all that it had: `beforeMs` is what firstDeadlineMs said before.
 */
export function armFields(shard: Shard, beforeMs: number, ms: number): void {
  const { keyspace } = shard;
  if (beforeMs >= 0 && beforeMs <= ms) return;
  keyspace.arm(keyspace.db, keyspace.hash, ms | 0, Math.floor(ms / TWO_32) | 0);
}

/** Takes the deadline from a member, in place. Never fails. */
export function dropDeadline(shard: Shard, ref: number, member: number): void {
  const { i32, kernel } = shard.memory;
  assert(entryHasTtl(i32, member), 'a dropped deadline is there');
  shard.collections.dict.noteChange(member);
  const wasTaken = treeOf(shard, ref).remove(entryExpireMs(i32, member), member);
  assert(wasTaken, 'the tree has every deadline');
  shard.noteMutation();
  const at = entryKeyAt(i32, member);
  const tailBytes = fieldValueAt(i32, member) + fieldValueBytes(i32, member) - at;
  kernel.copy(at - 8, at, tailBytes);
  setEntryFlags(i32, member, entryFlags(i32, member) & ~ENTRY_HAS_TTL);
}

/** The member with a deadline has moved to another block; both blocks are still there. */
export function moveDeadline(shard: Shard, ref: number, old: number, fresh: number): void {
  treeOf(shard, ref).replaceRef(entryExpireMs(shard.memory.i32, fresh), old, fresh);
}

/** Bytes of a member's block as it was asked for. */
export function memberBytes(shard: Shard, member: number): number {
  const { i32 } = shard.memory;
  return memberBytesFor(
    MEMBER_FIELD, entryKeyBytes(i32, member), fieldValueBytes(i32, member),
    entryHasTtl(i32, member),
  );
}
