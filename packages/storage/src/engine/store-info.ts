/**
 * What INFO persistence says of a directory, in Redis's words: `aof` is the log, and what makes it
 * short; `rdb` are snapshots. The same for a server's worker and for an engine in a program.
 */
import type { InfoRegistry, Shard } from '@kora/core';
import { SnapshotKind, SnapshotStage } from './snapshot-words.ts';
import type { SnapshotWords } from './snapshot-words.ts';

/** What is told of; read at the moment INFO is asked. */
export interface StoreFacts {
  readonly shard: Shard;
  /** Some shard has not loaded all of its data. */
  readonly isLoading: boolean;
  /** Keys of this shard that came out of a snapshot. */
  readonly loadedKeyCount: number;
  /** Undefined until all is loaded. */
  readonly snapshotWords: SnapshotWords | undefined;
  /** Why a log cannot be written, 0 = all can. */
  readonly errno: number;
  /** Bytes of records in memory. */
  readonly bufferedBytes: number;
  /** Something is not durable yet. */
  readonly hasUnsynced: boolean;
}

/** Replaces the fields that are 0 where there is no directory. */
export function addStoreInfo(info: InfoRegistry, store: StoreFacts): void {
  const { shard } = store;
  const { startMs } = shard.engine;
  const words = (): SnapshotWords | undefined => store.snapshotWords;
  const isSaving = (): boolean => {
    const asked = words()?.asked ?? 0;
    return asked !== 0 && asked !== SnapshotKind.Rewrite;
  };
  const isRewriting = (): boolean => words()?.asked === SnapshotKind.Rewrite;
  const seconds = (): number => {
    const known = words();
    // What was asked for a moment ago has not begun.
    const beganMs = known === undefined || known.stage === SnapshotStage.Idle ? 0 : known.beganMs;
    return beganMs === 0 ? 0 : Math.max(0, Math.floor((shard.nowMs - beganMs) / 1000));
  };
  const statusOf = (kind: SnapshotKind): string => (words()?.isWell(kind) === false ? 'err' : 'ok');
  info.addFigures('sum', {
    loadedKeys: () => store.loadedKeyCount,
    loadedGraphs: () => shard.vectors.graphsLoaded,
    refusedGraphs: () => shard.vectors.graphsRefused,
    unsavedChanges: () =>
      shard.journal.sequence - (words()?.savedChanges(shard.index) ?? shard.journal.sequence),
  });
  info.addFields('persistence', {
    loading: () => (store.isLoading ? 1 : 0),
    rdb_changes_since_last_save: (_shard, { hosted }) => hosted['unsavedChanges'] ?? 0,
    rdb_bgsave_in_progress: () => (isSaving() ? 1 : 0),
    rdb_last_save_time: () => Math.floor(Math.max(words()?.savedMs ?? 0, startMs) / 1000),
    rdb_last_bgsave_status: () => statusOf(SnapshotKind.Save),
    rdb_last_bgsave_time_sec: () => words()?.secondsOf(SnapshotKind.Save) ?? -1,
    rdb_current_bgsave_time_sec: () => (isSaving() ? seconds() : -1),
    rdb_saves: () => words()?.countOf(SnapshotKind.Save) ?? 0,
    rdb_last_load_keys_loaded: (_shard, { hosted }) => hosted['loadedKeys'] ?? 0,
    aof_enabled: () => 1,
    aof_rewrite_in_progress: () => (isRewriting() ? 1 : 0),
    aof_rewrite_scheduled: () => (words()?.isScheduled(SnapshotKind.Rewrite) === true ? 1 : 0),
    aof_last_rewrite_time_sec: () => words()?.secondsOf(SnapshotKind.Rewrite) ?? -1,
    aof_current_rewrite_time_sec: () => (isRewriting() ? seconds() : -1),
    aof_last_bgrewrite_status: () => statusOf(SnapshotKind.Rewrite),
    aof_rewrites: () => words()?.countOf(SnapshotKind.Rewrite) ?? 0,
    aof_last_write_status: () => (store.errno === 0 ? 'ok' : 'err'),
    aof_current_size: () => words()?.totalBytes ?? 0,
    aof_base_size: () => words()?.baseBytes ?? 0,
    aof_pending_rewrite: () => 0,
    aof_buffer_length: () => store.bufferedBytes,
    aof_pending_bio_fsync: () => (store.hasUnsynced ? 1 : 0),
    aof_delayed_fsync: () => 0,
    // Kora's own.
    vector_graphs_loaded: (_shard, { hosted }) => hosted['loadedGraphs'] ?? 0,
    vector_graphs_refused: (_shard, { hosted }) => hosted['refusedGraphs'] ?? 0,
  });
}
