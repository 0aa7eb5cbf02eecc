/**
 * A directory that is open, as the threads of its shards are told of it: plain data, with the words
 * that they share. Loads nothing of the engine, so the thread that opens a directory need not.
 */
import type { Manifest } from '../store/manifest.ts';
import { LogWords } from './log-words.ts';
import type { OpenedStore, ShardStorePlan } from './open-store.ts';
import { SnapshotWords } from './snapshot-words.ts';

/** What the thread of each shard gets. */
export interface StorePlan {
  readonly directory: string;
  /** By shard. */
  readonly shards: readonly ShardStorePlan[];
  /** Of the LogWords. */
  readonly words: SharedArrayBuffer;
  /** Of the SnapshotWords. */
  readonly snapshots: SharedArrayBuffer;
  /** The manifest that counts. */
  readonly manifest: Manifest;
  /** Numbers of transactions go on behind this one. */
  readonly lastTransaction: number;
}

/** The plan of a directory whose shards have all still to load. */
export function storePlanOf(opened: OpenedStore): StorePlan {
  const { directory, shards, manifest, lastTransaction } = opened;
  const words = new LogWords(shards.length);
  for (let shard = 0; shard < shards.length; shard++) words.setLoading(shard, true);
  const snapshots = new SnapshotWords(shards.length).buffer;
  return { directory, shards, words: words.buffer, snapshots, manifest, lastTransaction };
}
