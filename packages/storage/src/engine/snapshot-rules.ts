/**
 * When a snapshot is taken without being asked for. A function of what is known, so that it can be
 * held against a table; the words are Redis's, and so are the corners: a save that failed is tried
 * again after five seconds, rewrites that keep failing after ever longer pauses.
 */
import { SnapshotKind } from './snapshot-words.ts';

/** One rule of `save`. */
export interface SaveRule {
  readonly seconds: number;
  readonly changes: number;
}

/** What the settings say. */
export interface SnapshotRules {
  readonly saves: readonly SaveRule[];
  /** `auto-aof-rewrite-percentage`: 0 = never. */
  readonly growthPercent: number;
  /** `auto-aof-rewrite-min-size`. */
  readonly growthBytesMin: number;
  /** `snapshot-retain`. */
  readonly keptCount: number;
}

/** What is known. */
export interface SnapshotFacts {
  readonly nowMs: number;
  /** When the last one went well, or the process began. */
  readonly savedMs: number;
  /** When the last one began, of whatever end. */
  readonly triedMs: number;
  /** How many have failed since one went well. */
  readonly failures: number;
  readonly isSaveScheduled: boolean;
  readonly isRewriteScheduled: boolean;
  /** Changes that are in no snapshot. */
  readonly changes: number;
  /** Bytes of the snapshot and the logs behind it: now, and when the last one had ended. */
  readonly bytes: number;
  readonly baseBytes: number;
}

/** What is to be done. */
export interface FoundRule {
  readonly kind: SnapshotKind;
  /** For the log; empty for what was asked for. */
  readonly reason: string;
}

/** After a failure a rule waits so long. */
const RETRY_MS = 5000;
/** From this many failures in a row on, rewrites wait longer and longer. */
const FAILURES_FREE = 3;
const PAUSE_MINUTES_MAX = 60;

/** How long rewrites pause after so many failures in a row. */
function pauseMs(failures: number): number {
  if (failures === 0) return 0;
  if (failures < FAILURES_FREE) return RETRY_MS;
  return Math.min(2 ** (failures - FAILURES_FREE), PAUSE_MINUTES_MAX) * 60_000;
}

/** The texts of `save` as rules. */
export function saveRulesOf(text: string): SaveRule[] {
  const words = text === '' ? [] : text.split(' ').map(Number);
  const rules: SaveRule[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    rules.push({ seconds: words[i] ?? 0, changes: words[i + 1] ?? 0 });
  }
  return rules;
}

/** What is to be done now, null = nothing. */
export function ruleToFollow(rules: SnapshotRules, facts: SnapshotFacts): FoundRule | null {
  const { nowMs, triedMs, failures, changes, bytes } = facts;
  const sinceTryMs = nowMs < triedMs ? Infinity : nowMs - triedMs;
  const mayRewrite = sinceTryMs >= pauseMs(failures);
  const maySave = failures === 0 || sinceTryMs > RETRY_MS;
  if (facts.isRewriteScheduled && mayRewrite) return { kind: SnapshotKind.Rewrite, reason: '' };
  // Whole seconds, as Redis counts them.
  const seconds = Math.floor(nowMs / 1000) - Math.floor(facts.savedMs / 1000);
  const due = maySave
    ? rules.saves.find((rule) => changes >= rule.changes && seconds > rule.seconds) : undefined;
  if (due !== undefined) {
    const reason = `${due.changes} changes in ${due.seconds} seconds. Saving...`;
    return { kind: SnapshotKind.Save, reason };
  }
  const { growthPercent, growthBytesMin } = rules;
  if (growthPercent > 0 && bytes > growthBytesMin && mayRewrite) {
    const growth = Math.floor(bytes * 100 / Math.max(1, facts.baseBytes)) - 100;
    if (growth >= growthPercent) {
      const reason = `the log has grown by ${growth} %: a snapshot takes its place`;
      return { kind: SnapshotKind.Rewrite, reason };
    }
  }
  if (facts.isSaveScheduled && maySave) return { kind: SnapshotKind.Save, reason: '' };
  return null;
}
