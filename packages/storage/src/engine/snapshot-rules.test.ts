/**
 * When snapshots are taken by themselves: the rules of `save` and of the log's growth, at their
 * edges, and what was scheduled.
 */
import { describe, expect, it } from 'vitest';
import { ruleToFollow, saveRulesOf } from './snapshot-rules.ts';
import type { SnapshotFacts, SnapshotRules } from './snapshot-rules.ts';
import { SnapshotKind } from './snapshot-words.ts';

const MIB = 1024 * 1024;
const rules: SnapshotRules = {
  saves: saveRulesOf('60 10 5 1000'), growthPercent: 100, growthBytesMin: 64 * MIB, keptCount: 1,
};
const facts: SnapshotFacts = {
  nowMs: 1_000_000, savedMs: 1_000_000, triedMs: -Infinity, failures: 0, isSaveScheduled: false,
  isRewriteScheduled: false, changes: 0, bytes: 0, baseBytes: 0,
};
const kindOf = (changed: Partial<SnapshotFacts>, of = rules): number =>
  ruleToFollow(of, { ...facts, ...changed })?.kind ?? 0;

describe('the rules of save', () => {
  it('are pairs of seconds and changes, none without a text', () => {
    expect(saveRulesOf('')).toEqual([]);
    expect(saveRulesOf('60 10 5 1000')).toEqual(
      [{ seconds: 60, changes: 10 }, { seconds: 5, changes: 1000 }],
    );
  });
  it('want more than so many seconds and at least so many changes', () => {
    const at = (seconds: number, changes: number): number =>
      kindOf({ nowMs: 1_000_000 + seconds * 1000, changes });
    expect(at(60, 10)).toBe(0);
    expect(at(61, 9)).toBe(0);
    expect(at(61, 10)).toBe(SnapshotKind.Save);
    expect(at(5, 1000)).toBe(0);
    expect(at(6, 1000)).toBe(SnapshotKind.Save);
    expect(kindOf({ nowMs: 2e6, changes: 1e9 }, { ...rules, saves: [] })).toBe(0);
  });
  it('wait five seconds after a failure', () => {
    const failed = { nowMs: 1_100_000, changes: 10, failures: 1 };
    expect(kindOf({ ...failed, triedMs: 1_095_000 })).toBe(0);
    expect(kindOf({ ...failed, triedMs: 1_094_999 })).toBe(SnapshotKind.Save);
  });
});

describe('the growth of the log', () => {
  it('counts from the size after the last snapshot, above the least size', () => {
    expect(kindOf({ bytes: 65 * MIB, baseBytes: 0 })).toBe(SnapshotKind.Rewrite);
    expect(kindOf({ bytes: 64 * MIB, baseBytes: 0 })).toBe(0);
    expect(kindOf({ bytes: 199 * MIB, baseBytes: 100 * MIB })).toBe(0);
    expect(kindOf({ bytes: 200 * MIB, baseBytes: 100 * MIB })).toBe(SnapshotKind.Rewrite);
    expect(kindOf({ bytes: 200 * MIB, baseBytes: 1 }, { ...rules, growthPercent: 0 })).toBe(0);
  });
  it('waits longer and longer while snapshots fail', () => {
    const grown = { bytes: 200 * MIB, baseBytes: 1, triedMs: 1_000_000 };
    const waits = (failures: number, ms: number): boolean =>
      kindOf({ ...grown, failures, nowMs: 1_000_000 + ms }) === 0;
    expect([waits(1, 4999), waits(1, 5000)]).toEqual([true, false]);
    expect([waits(3, 59_999), waits(3, 60_000)]).toEqual([true, false]);
    expect([waits(5, 239_999), waits(5, 240_000)]).toEqual([true, false]);
    expect([waits(60, 3_599_999), waits(60, 3_600_000)]).toEqual([true, false]);
  });
});

describe('what was scheduled', () => {
  it('is done as soon as it may', () => {
    expect(kindOf({ isSaveScheduled: true })).toBe(SnapshotKind.Save);
    expect(kindOf({ isRewriteScheduled: true, isSaveScheduled: true })).toBe(SnapshotKind.Rewrite);
    expect(kindOf({ isSaveScheduled: true, failures: 1, triedMs: 999_000 })).toBe(0);
  });
});
