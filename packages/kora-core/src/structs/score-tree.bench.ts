/**
 * Speed of the score tree at 200 k members with random scores, in calls of 256 operations (divide
 * by 256): an add after a removal, a rank, and a hundred refs collected and touched.
 */
import { bench, describe } from 'vitest';
import { makeDictMemory, REQUEST_KEY_AT } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import { MEMBER_SCORED, newMember } from './member.hot.ts';
import { ScoreTree } from './score-tree.hot.ts';

const MEMBERS = 200_000;
const OPERATIONS = 256;
const COLLECTED = 100;
const random = randomSource(1);

describe(`score tree of ${MEMBERS} members, ${OPERATIONS} operations`, () => {
  const memory = makeDictMemory();
  const tree = new ScoreTree(memory, memory.arenaAllocator);
  tree.create();
  const refs = new Int32Array(MEMBERS);
  const scores = new Float64Array(MEMBERS);
  for (let i = 0; i < MEMBERS; i++) {
    const name = `member:${String(i).padStart(9, '0')}`;
    memory.low.set(new TextEncoder().encode(name), REQUEST_KEY_AT);
    scores[i] = random.word();
    refs[i] = newMember(
      memory, memory.arenaAllocator, MEMBER_SCORED, REQUEST_KEY_AT, name.length, 0, 0, 0, 0,
    );
    tree.reserveAdd(1, 0, 0);
    tree.add(scores[i] ?? 0, refs[i] ?? 0);
  }
  const out = new Int32Array(COLLECTED);

  bench('remove and add', () => {
    for (let i = 0; i < OPERATIONS; i++) {
      const at = random.below(MEMBERS);
      tree.remove(scores[at] ?? 0, refs[at] ?? 0);
      scores[at] = random.word();
      tree.reserveAdd(1, 0, 0);
      tree.add(scores[at] ?? 0, refs[at] ?? 0);
    }
  });

  bench('rank', () => {
    for (let i = 0; i < OPERATIONS; i++) {
      const at = random.below(MEMBERS);
      tree.rankOf(scores[at] ?? 0, refs[at] ?? 0);
    }
  });

  bench(`collect ${COLLECTED} and touch them`, () => {
    let sink = 0;
    for (let i = 0; i < OPERATIONS; i++) {
      const count = tree.collect(random.below(MEMBERS - COLLECTED), COLLECTED, out);
      for (let j = 0; j < count; j++) sink ^= memory.i32[(out[j] ?? 0) << 1] ?? 0;
    }
    out[0] = sink;
  });
});
