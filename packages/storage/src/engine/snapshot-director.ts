/**
 * Whoever makes snapshots of a process count: begins those that were asked for or that the rules
 * want, waits for the parts of all shards, commits, and lets go of what a snapshot makes
 * superfluous. On the thread of shard 0, in its turns; it never waits.
 *
 *   Idle ── asked, or a rule ─▶ Gathering: the cut, the parts ── all done ─▶ Committing ─▶ Idle
 *                                  └── one failed: all give up, nothing is left ────────▶ Idle
 *
 * The cut is one place in the order of all shards (`startCut`), the manifest the commit point. A
 * snapshot that fails leaves the one before and the logs; the rules try again.
 * Rules, in Redis's words: `save`, after so many seconds with so many changes; and
 * `auto-aof-rewrite-percentage` with `-min-size`, when the logs have grown so much.
 */
import { assert } from '@kora/core/control';
import type { Files } from '../disk/files.ts';
import { DiskFault } from '../errors.ts';
import { errnoName } from '../disk/errno.ts';
import { partName } from '../snapshot/snapshot-layout.ts';
import { FileReplacement } from '../store/file-replacement.ts';
import { encodeManifest, manifestName } from '../store/manifest.ts';
import type { Manifest } from '../store/manifest.ts';
import { givenUpFiles, manifestOf, superfluousFiles } from '../store/snapshot-commit.ts';
import type { SuperfluousFiles } from '../store/snapshot-commit.ts';
import { Tidying } from '../store/tidying.ts';
import type { LogWords } from './log-words.ts';
import type { SnapshotDisk } from './shard-snapshots.ts';
import { ruleToFollow } from './snapshot-rules.ts';
import type { SnapshotRules } from './snapshot-rules.ts';
import { PartPhase, SnapshotKind, SnapshotStage } from './snapshot-words.ts';
import type { SnapshotWords } from './snapshot-words.ts';

/** What a director works with. */
export interface SnapshotDirectorOptions {
  readonly files: Files;
  readonly directory: string;
  /** The manifest that counts. */
  readonly manifest: Manifest;
  readonly words: SnapshotWords;
  readonly logs: LogWords;
  /** The token of its disk. */
  readonly token: number;
  readonly startMs: number;
  /** A disk to commit with; null: memory is short. */
  openDisk(): SnapshotDisk | null;
  /**
   * Has all shards make their cut (ShardSnapshots.cut) at one place of their order.
   * @returns false when that cannot be begun now
   */
  startCut(): boolean;
  /** What the settings say now. */
  rules(): SnapshotRules;
  /** All shards look at the words again soon. */
  wakeAll(): void;
  log(level: 'notice' | 'warning', message: string): void;
}

/** Between two looks at the rules. */
const LOOK_INTERVAL_MS = 100;

/** Director of a process's snapshots. */
export class SnapshotDirector {
  readonly #options: SnapshotDirectorOptions;
  #manifest: Manifest;
  /** Number of the next snapshot: none is used twice. */
  #next: number;
  #isCutSent = false;
  #commit: { readonly manifest: Manifest; readonly file: FileReplacement } | null = null;
  #tidying: Tidying | null = null;
  /** Of the commit, then of what follows it. */
  #disk: SnapshotDisk | null = null;
  #lookedMs = -Infinity;
  #triedMs = -Infinity;
  /** Snapshots that failed since one went well. */
  #failures = 0;
  /** Why the one under way, or the last one, has failed: the first reason counts. */
  reason = '';

  constructor(options: SnapshotDirectorOptions) {
    this.#options = options;
    this.#manifest = options.manifest;
    this.#next = options.manifest.number + 1;
    options.words.setSnapshotBytes(this.#partBytes);
    options.words.setBaseBytes(this.#partBytes);
  }

  /** True when nothing but the rules has to be looked at. */
  get isQuiet(): boolean {
    return this.#options.words.asked === 0 && this.#tidying === null;
  }

  get #partBytes(): number {
    return this.#manifest.parts.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** @returns true when another turn should follow at once */
  endTurn(nowMs: number): boolean {
    if (this.#tidying !== null) return this.#tidy(this.#tidying);
    const { words } = this.#options;
    switch (words.stage) {
      case SnapshotStage.Idle:
        return this.#idle(nowMs);
      case SnapshotStage.Committing:
        return this.#watchCommit(nowMs);
      default:
        return this.#gather(nowMs);
    }
  }

  #idle(nowMs: number): boolean {
    const { words } = this.#options;
    if (words.asked === 0) this.#look(nowMs);
    if (words.asked === 0) return false;
    words.begin(this.#next++, nowMs);
    this.#triedMs = nowMs;
    this.#isCutSent = false;
    this.reason = '';
    const { number } = words;
    this.#options.log('notice', `snapshot ${number} begins`);
    return this.#gather(nowMs);
  }

  /** Begins what was scheduled, or what a rule wants. */
  #look(nowMs: number): void {
    if (nowMs - this.#lookedMs < LOOK_INTERVAL_MS && nowMs >= this.#lookedMs) return;
    this.#lookedMs = nowMs;
    const { words, logs, startMs } = this.#options;
    const found = ruleToFollow(this.#options.rules(), {
      nowMs, savedMs: Math.max(words.savedMs, startMs), triedMs: this.#triedMs,
      failures: this.#failures,
      isSaveScheduled: words.isScheduled(SnapshotKind.Save),
      isRewriteScheduled: words.isScheduled(SnapshotKind.Rewrite),
      changes: unsavedChanges(words, logs), bytes: words.totalBytes, baseBytes: words.baseBytes,
    });
    if (found === null) return;
    if (!words.ask(found.kind)) return;
    words.takeScheduled(found.kind);
    if (found.reason !== '') this.#options.log('notice', found.reason);
  }

  // ------------------------------------------------------------------ the parts

  #gather(nowMs: number): boolean {
    const { words } = this.#options;
    if (!this.#isCutSent) {
      this.#isCutSent = this.#options.startCut();
      if (!this.#isCutSent) return true;
    }
    let isWaiting = false;
    let hasFailed = false;
    for (let shard = 0; shard < words.shardCount; shard++) {
      const phase = words.phaseOf(shard);
      if (phase === PartPhase.Failed) {
        hasFailed = true;
        if (this.reason === '') this.reason = errnoName(words.errnoOf(shard));
      } else if (phase !== PartPhase.Done) {
        isWaiting = true;
      }
    }
    if (hasFailed && !words.isGivenUp) {
      words.giveUp();
      this.#options.wakeAll();
    }
    if (isWaiting) return false;
    if (hasFailed) this.#fail(nowMs, true);
    else this.#beginCommit(nowMs);
    return true;
  }

  /** A shard's part of the cut has not run: there is nothing of it to wait for. */
  cutFailed(): void {
    const { words } = this.#options;
    for (let shard = 0; shard < words.shardCount; shard++) {
      if (words.phaseOf(shard) === PartPhase.None) words.setFailed(shard, 0);
    }
  }

  // ------------------------------------------------------------------ the commit

  #beginCommit(nowMs: number): void {
    const { words, directory, token } = this.#options;
    const { number } = words;
    const disk = this.#options.openDisk();
    if (disk === null) {
      this.reason = 'no memory is left';
      this.#fail(nowMs, true);
      return;
    }
    this.#disk = disk;
    const shards = Array.from({ length: words.shardCount }, (_, shard) => shard);
    const manifest = manifestOf(this.#manifest, {
      parts: shards.map((shard) => (
        { name: partName(number, shard), shard, ...words.numbersOf(shard) }
      )),
      cuts: shards.map((shard) => words.cutOf(shard)),
      createdMs: words.beganMs,
    }, number);
    const name = manifestName(number);
    const bytes = encodeManifest(manifest);
    const file = new FileReplacement({ disk, token, directory, name, bytes });
    this.#commit = { manifest, file };
    words.setStage(SnapshotStage.Committing);
  }

  #watchCommit(nowMs: number): boolean {
    const commit = this.#commit;
    assert(commit !== null, 'a commit is under way');
    const { file, manifest } = commit;
    const count = this.#disk?.drain((token, result) => {
      file.complete(token, result);
    });
    if (file.state === 'working') return count !== 0;
    this.#commit = null;
    if (file.state === 'done') {
      this.#succeed(nowMs, manifest);
    } else {
      this.reason = file.failure?.message ?? '';
      // One that is in place may be found by the next start, with all that it names.
      this.#fail(nowMs, !file.isInPlace);
    }
    return true;
  }

  #succeed(nowMs: number, manifest: Manifest): void {
    const { words, files, directory } = this.#options;
    const seconds = ((nowMs - words.beganMs) / 1000).toFixed(3);
    this.#manifest = manifest;
    this.#failures = 0;
    words.end(true, nowMs);
    words.setSnapshotBytes(this.#partBytes);
    words.setBaseBytes(words.totalBytes);
    const bytes = `${(this.#partBytes / 1e6).toFixed(1)} MB`;
    this.#options.log('notice', `snapshot ${manifest.number} counts: ${bytes} in ${seconds} s`);
    const { keptCount } = this.#options.rules();
    this.#beginTidying(() => superfluousFiles(files, directory, manifest, keptCount));
    this.#options.wakeAll();
  }

  #fail(nowMs: number, isNothingLeft: boolean): void {
    const { words, files, directory } = this.#options;
    const { number } = words;
    this.#failures++;
    words.end(false, nowMs);
    const why = this.reason === '' ? '' : `: ${this.reason}`;
    this.#options.log('warning', `snapshot ${number} failed${why}; the one before it counts`);
    if (isNothingLeft) this.#beginTidying(() => givenUpFiles(files, directory, number));
    else this.#release();
    this.#options.wakeAll();
  }

  // ------------------------------------------------------------------ what is superfluous

  #beginTidying(find: () => SuperfluousFiles): void {
    const { files, directory, token } = this.#options;
    this.#disk ??= this.#options.openDisk();
    const disk = this.#disk;
    if (disk === null) return;
    try {
      this.#tidying = new Tidying(files, disk, token, directory, find());
    } catch (error) {
      if (!(error instanceof DiskFault)) throw error;
      this.#options.log('warning', error.message);
      this.#release();
    }
  }

  #tidy(tidying: Tidying): boolean {
    this.#disk?.drain((token, result) => {
      tidying.complete(token, result);
    });
    if (tidying.step()) return !tidying.isWaiting;
    if (tidying.leftCount > 0) {
      const text = `${tidying.leftCount} files could not be removed: the next snapshot tries again`;
      this.#options.log('warning', text);
    }
    this.#tidying = null;
    this.#release();
    return true;
  }

  #release(): void {
    this.#disk?.release();
    this.#disk = null;
  }

  /** The process ends: a commit that has begun is ended, and what is superfluous removed. */
  close(): void {
    const file = this.#commit?.file;
    this.#disk?.finish();
    for (let round = 0; round < CLOSE_ROUNDS_MAX && file?.state === 'working'; round++) {
      this.#disk?.drain((token, result) => {
        file.complete(token, result);
      });
    }
    this.#commit = null;
    // The disk does everything at once now, so each step is followed by the next.
    while (this.#tidying !== null) this.#tidy(this.#tidying);
    this.#release();
  }
}

/** Steps of a commit, and more. */
const CLOSE_ROUNDS_MAX = 64;

/** Changes of all shards that are in no snapshot. */
function unsavedChanges(words: SnapshotWords, logs: LogWords): number {
  let changes = 0;
  for (let shard = 0; shard < words.shardCount; shard++) {
    // Places in a log are the low bits of sequences.
    changes += (logs.appended(shard) - (words.savedSequence(shard) | 0)) >>> 0;
  }
  return changes;
}
