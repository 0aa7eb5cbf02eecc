/**
 * Members named for a reply: the place and length that the entry functions give, for short, long
 * and empty keys.
 */
import { describe, expect, it } from 'vitest';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { MEMBER_SCORED, newMember } from '../../structs/member.hot.ts';
import { WorkerMemory } from '../../structs/worker-memory.ts';
import { nameMembers } from './zset-gather.hot.ts';

const KEY_AT = 65_536;
const LIST_AT = 1024;

describe('members named for a reply', () => {
  it('have the place and length of their keys', () => {
    const memory = WorkerMemory.create({ lowBytes: 262_144, bytesMax: 64 * 1024 * 1024 });
    const lengths = [0, 1, 5, 16, 65_534, 65_535, 70_000];
    const refs = Int32Array.from(lengths, (bytes) =>
      newMember(memory, memory.arenaAllocator, MEMBER_SCORED, KEY_AT, bytes, 0, 0, 0, 0));
    const { i32 } = memory;
    nameMembers(i32, refs, refs.length, LIST_AT / 4);
    refs.forEach((ref, i) => {
      expect(i32[LIST_AT / 4 + i * 2]).toBe(entryKeyAt(i32, ref) | 0);
      expect(i32[LIST_AT / 4 + i * 2 + 1]).toBe(entryKeyBytes(i32, ref));
      expect(entryKeyBytes(i32, ref)).toBe(lengths[i]);
    });
  });
});
