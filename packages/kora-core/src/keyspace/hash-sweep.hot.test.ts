/**
 * Matches by fingerprint against a plain look at every slot of the line, in a dict with long
 * chains; and that looking allocates nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { bytesPerCall } from '../testing/allocation.ts';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';
import { collectMatches, warmHashes, warmSlots } from './hash-sweep.hot.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

describe('hash-sweep', () => {
  it('finds exactly the slots whose fingerprint is the hash\'s', () => {
    const fixture = new KeyspaceFixture();
    for (let i = 0; i < 20_000; i++) fixture.set(`key:${i}`, 4);
    const { dict } = fixture.database();
    const { i32 } = fixture.shard.memory;
    const slots = new Int32Array(CHAIN_SLOTS_MAX);
    const all = new Int32Array(CHAIN_SLOTS_MAX);
    const top = (hash: number): number => hash >>> 24 || 1;
    for (let i = 0; i < 20_000; i += 7) {
      const ref = fixture.find(`key:${i}`);
      const hash = dict.hashOfEntry(ref);
      const expected: number[] = [];
      const count = dict.collectLine(dict.lineOf(hash), all);
      for (let j = 0; j < count; j++) {
        if (top(dict.hashOfEntry(i32[all[j]!]!)) === top(hash)) expected.push(all[j]!);
      }
      const matches = collectMatches(dict, hash, slots);
      expect([...slots.slice(0, matches)]).toEqual(expected);
      expect(expected.map((slot) => i32[slot])).toContain(ref);
    }
  });

  it('allocates nothing', () => {
    const fixture = new KeyspaceFixture();
    for (let i = 0; i < 1_000; i++) fixture.set(`key:${i}`, 4);
    const { dict } = fixture.database();
    const { i32 } = fixture.shard.memory;
    const slots = new Int32Array(CHAIN_SLOTS_MAX);
    const hashes = Int32Array.from({ length: 8 }, (_, i) =>
      dict.hashOfEntry(fixture.find(`key:${i}`)));
    let next = 0;
    let sink = 0;
    const bytes = bytesPerCall(meter, () => {
      next = (next + 1) & 7;
      const matches = collectMatches(dict, hashes[next]!, slots);
      sink ^= warmSlots(i32, slots, matches) ^ warmHashes(dict, hashes, 4, slots);
    });
    expect(bytes).toBeLessThan(1);
    expect(Number.isInteger(sink)).toBe(true);
  });
});
