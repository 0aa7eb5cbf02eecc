/**
 * The settled fixpoint against its definition tried out: of all ways to cut the logs, the longest
 * in which no transaction is there by half. Small random logs, all cuts.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { settledCounts } from './settled.ts';
import type { PartOfTransaction, ShardParts } from './settled.ts';
import { SettledTracker } from './settled-tracker.ts';

const mark = (transaction: number, shards: number): PartOfTransaction => ({
  transaction, shards,
});

function isWhole(logs: readonly ShardParts[], counts: readonly number[]): boolean {
  const present = new Map<number, number>();
  const kept = logs.flatMap((log, index) => log.parts.slice(0, counts[index]).map((part) => {
    present.set(part.transaction, (present.get(part.transaction) ?? 0) | (1 << log.shard));
    return part;
  }));
  return kept.every((part) => present.get(part.transaction) === part.shards);
}

/** The cut with the most parts; there is one, as cuts that are whole can be joined. */
function longestWhole(logs: readonly ShardParts[]): number[] {
  let best: number[] = [];
  let bestSum = -1;
  const tryFrom = (chosen: number[]): void => {
    const log = logs[chosen.length];
    if (log === undefined) {
      const sum = chosen.reduce((a, b) => a + b, 0);
      if (sum > bestSum && isWhole(logs, chosen)) [best, bestSum] = [chosen, sum];
      return;
    }
    for (let count = 0; count <= log.parts.length; count++) tryFrom([...chosen, count]);
  };
  tryFrom([]);
  return best;
}

describe('settledCounts', () => {
  it('keeps everything when all parts are there', () => {
    const logs = [
      { shard: 0, parts: [mark(1, 3), mark(2, 3)] }, { shard: 1, parts: [mark(1, 3), mark(2, 3)] },
    ];
    expect(settledCounts(logs)).toEqual([2, 2]);
  });
  it('cuts on where a cut takes a part away', () => {
    const logs = [
      { shard: 0, parts: [mark(1, 0b11), mark(3, 0b101)] },
      { shard: 1, parts: [mark(2, 0b110), mark(1, 0b11)] },
      { shard: 2, parts: [mark(3, 0b101)] },
    ];
    // Shard 2 lacks its part of 2: shard 1 ends before it, so 1 is half, so shard 0 ends before 1.
    expect(settledCounts(logs)).toEqual([0, 0, 0]);
  });
  it('is the longest cut without a half transaction', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const chance = new SeededChance(seed);
      const below = (end: number): number => (chance.next32() >>> 0) % end;
      const shardCount = 2 + below(3);
      const parts: PartOfTransaction[][] = Array.from({ length: shardCount }, () => []);
      for (let transaction = 1; transaction <= 6; transaction++) {
        const shards = 1 + below((1 << shardCount) - 1);
        for (let shard = 0; shard < shardCount; shard++) {
          if ((shards & (1 << shard)) === 0) continue;
          // Shards that do not conflict may log transactions in different orders.
          parts[shard]!.splice(below(parts[shard]!.length + 1), 0, mark(transaction, shards));
        }
      }
      const logs = parts.map((all, shard) => ({
        shard, parts: all.slice(0, below(all.length + 1)),
      }));
      expect(settledCounts(logs), `seed ${seed}`).toEqual(longestWhole(logs));
    }
  });
});

describe('SettledTracker', () => {
  it('settles two transactions that two logs hold in opposite orders', () => {
    const tracker = new SettledTracker(2);
    const part = (transaction: number, sequenceBefore: number) =>
      ({ transaction, shards: 3, sequenceBefore });
    tracker.partDurable(0, part(1, 4));
    tracker.partDurable(0, part(2, 5));
    tracker.partDurable(1, part(2, 7));
    expect([tracker.settledSequence(0, 9), tracker.settledSequence(1, 9)]).toEqual([4, 7]);
    tracker.partDurable(1, part(1, 8));
    expect([tracker.settledSequence(0, 9), tracker.settledSequence(1, 9)]).toEqual([9, 9]);
  });
  it('says what recovery would keep, after every part', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const chance = new SeededChance(seed);
      const below = (end: number): number => (chance.next32() >>> 0) % end;
      const shardCount = 2 + below(3);
      const arriving: PartOfTransaction[][] = Array.from({ length: shardCount }, () => []);
      for (let transaction = 1; transaction <= 8; transaction++) {
        const shards = 1 + below((1 << shardCount) - 1);
        arriving.forEach((parts, shard) => {
          if ((shards & (1 << shard)) === 0) return;
          parts.splice(Math.max(0, parts.length - below(3)), 0, mark(transaction, shards));
        });
      }
      const tracker = new SettledTracker(shardCount);
      const logs = arriving.map((_, shard) => ({ shard, parts: [] as PartOfTransaction[] }));
      for (;;) {
        const open = logs.filter(({ shard, parts }) => parts.length < arriving[shard]!.length);
        if (open.length === 0) break;
        const log = open[below(open.length)]!;
        const next = arriving[log.shard]![log.parts.length]!;
        // Every part is one record here: the n-th part has n records before it.
        tracker.partDurable(log.shard, { ...next, sequenceBefore: log.parts.length });
        log.parts.push(next);
        const ends = logs.map(({ shard, parts }) => tracker.settledSequence(shard, parts.length));
        expect(ends, `seed ${seed}`).toEqual(settledCounts(logs));
      }
    }
  });
});
