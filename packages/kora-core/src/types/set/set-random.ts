/**
 * Members by chance. A place names a member until its set changes: a value's index in an intset, a
 * position in a pack, a slot of a dict. Every member is as likely as any other (in dicts as
 * Dict.randomSlot says), and several are a uniform choice among all sets of as many.
 *
 *   choice of k of n     flat sets       k steps of a shuffle of n <= 512 indices
 *                        dict, k >= n/3  one walk that takes each member with its due probability
 *                        dict, k < n/3   slots by chance, again where the member was met before
 *
 * Cost: O(k) each; the last needs a table of 8 to 16 bytes a member, which is freed at once.
 */
import { assert } from '../../assert.ts';
import { writeInteger64 } from '../../bytes/number-text.hot.ts';
import { collectionCount, setCollectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  entryEncoding, entryKeyAt, entryKeyBytes, entryRoot, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { drawBelow, shuffleFront } from '../shared/draw.ts';
import { SET_DICT, SET_PACK } from './set-layout.ts';
import { SET_TEXT_OFFSET } from './set.ts';

/** Members of a set that is no dict, at most. */
const FLAT_MEMBERS_MAX = 512;

/** Length of the integer that {@link placeAt} wrote last. */
let textBytes = 0;

/** Place of a member by chance; the set has one. */
export function randomPlace(shard: Shard, ref: number): number {
  const { i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  const encoding = entryEncoding(i32, ref);
  if (encoding === SET_DICT) {
    const { dict } = shard.collections;
    const { chance } = shard.platform;
    dict.bind(root);
    return dict.randomSlot(chance.next32(), chance.next32());
  }
  const index = drawBelow(shard.platform.chance, collectionCount(shard, ref));
  return encoding === SET_PACK ? shard.collections.packs.seek(root, index) : index;
}

/** Byte offset of the member at a place; an integer is written to the scratch area's end. */
export function placeAt(shard: Shard, ref: number, place: number): number {
  const { i32, low } = shard.memory;
  const encoding = entryEncoding(i32, ref);
  if (encoding === SET_DICT) return entryKeyAt(i32, i32[place] ?? 0);
  const root = entryRoot(i32, ref);
  if (encoding === SET_PACK) return shard.collections.packs.entryAt(root, place);
  const { intsets } = shard.collections;
  const textAt = shard.scratchAt + SET_TEXT_OFFSET;
  textBytes = writeInteger64(low, textAt, intsets.high(root, place), intsets.low(root, place));
  return textAt;
}

/** Bytes of the member whose address {@link placeAt} gave last. */
export function placeBytes(shard: Shard, ref: number, place: number): number {
  const { i32 } = shard.memory;
  const encoding = entryEncoding(i32, ref);
  if (encoding === SET_DICT) return entryKeyBytes(i32, i32[place] ?? 0);
  if (encoding !== SET_PACK) return textBytes;
  return shard.collections.packs.entryBytes(entryRoot(i32, ref), place);
}

/** True when the members' bytes are texts that {@link placeAt} writes: they are to be copied. */
export function hasPassingTexts(shard: Shard, ref: number): boolean {
  const encoding = entryEncoding(shard.memory.i32, ref);
  return encoding !== SET_DICT && encoding !== SET_PACK;
}

/** Removes the member at a place. All other places are void afterwards, but lower ones of packs. */
export function removePlace(shard: Shard, ref: number, place: number): void {
  const member = unlinkPlace(shard, ref, place);
  if (member !== 0) shard.memory.arenaAllocator.free(member);
}

/**
 * Takes the member at a place out of the set. @returns the block of a dict's member, which is the
 * caller's now; 0 where there is none
 */
export function unlinkPlace(shard: Shard, ref: number, place: number): number {
  const { i32 } = shard.memory;
  const { dict, intsets, packs } = shard.collections;
  const root = entryRoot(i32, ref);
  const encoding = entryEncoding(i32, ref);
  shard.noteMutation();
  let member = 0;
  if (encoding === SET_DICT) {
    dict.bind(root);
    member = i32[place] ?? 0;
    dict.removeAt(place, dict.hashOfEntry(member));
  } else {
    const fresh = encoding === SET_PACK
      ? packs.remove(root, place, 1)
      : intsets.removeAt(root, place);
    if (fresh !== root) setEntryRoot(shard.memory.i32, ref, fresh);
  }
  setCollectionCount(shard, ref, collectionCount(shard, ref) - 1);
  return member;
}

/** Places of a flat set: the first `count` are those chosen. Valid until the set changes. */
export const chosenPlaces: Int32Array = new Int32Array(FLAT_MEMBERS_MAX);

/** Chooses `count` members of a set that is no dict; count is at most its members. */
export function choosePlaces(shard: Shard, ref: number, count: number): void {
  const { i32 } = shard.memory;
  const members = collectionCount(shard, ref);
  assert(members <= FLAT_MEMBERS_MAX, 'a set that is no dict is small');
  if (entryEncoding(i32, ref) === SET_PACK) {
    const { packs } = shard.collections;
    const root = entryRoot(i32, ref);
    let pos = packs.first(root);
    for (let i = 0; i < members; i++, pos = packs.next(root, pos)) chosenPlaces[i] = pos;
  } else {
    for (let i = 0; i < members; i++) chosenPlaces[i] = i;
  }
  shuffleFront(shard.platform.chance, chosenPlaces, members, count);
}

/** True with probability wanted / left: for a walk that takes `wanted` of `left` members. */
export function isTaken(shard: Shard, wanted: number, left: number): boolean {
  return drawBelow(shard.platform.chance, left) < wanted;
}

/**
 * Refs that were met: open addressing in one block, at most half full. Ref 0 stands for none.
 * Layout: u32 x 2^bits.
 */
export class MetRefs {
  readonly #shard: Shard;
  #block = 0;
  #bits = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** Makes room for `count` refs; false when memory is short. */
  open(count: number): boolean {
    const { arenaAllocator, kernel } = this.#shard.memory;
    this.#bits = Math.max(4, 33 - Math.clz32(count));
    this.#block = arenaAllocator.alloc(4 << this.#bits);
    if (this.#block !== 0) kernel.fill(this.#block * 8, 0, 4 << this.#bits);
    return this.#block !== 0;
  }

  /** Notes a ref; false when it was met before. */
  add(ref: number): boolean {
    const { i32 } = this.#shard.memory;
    const mask = (1 << this.#bits) - 1;
    const first = this.#block << 1;
    let place = Math.imul(ref, 0x9e3779b1) >>> (32 - this.#bits);
    for (;;) {
      const other = i32[first + place];
      if (other === ref) return false;
      if (other === 0) {
        i32[first + place] = ref;
        return true;
      }
      place = (place + 1) & mask;
    }
  }

  close(): void {
    this.#shard.memory.arenaAllocator.free(this.#block);
    this.#block = 0;
  }
}
