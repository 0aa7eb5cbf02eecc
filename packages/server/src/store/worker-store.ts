/**
 * Puts the log and the snapshots of a worker together, in a server's room and in a thread of the
 * embedded engine alike: replies wait in front of the I/O engine until what they tell is durable,
 * parts of transactions over several shards are told to the other logs, all workers make one cut,
 * and INFO has the figures.
 */
import type { ComposedShard, Settings } from '@kora/core';
import { addStoreInfo, LogWords } from '@kora/storage/engine';
import type { StorePlan } from '@kora/storage/engine';
import type { IoEngine } from '../io/engine.ts';
import type { Log } from '../log.ts';
import { ProcessCut } from '../mesh/process-cut.ts';
import type { Worker } from '../worker.ts';
import { HeldReplies } from './held-replies.ts';
import { PartLog } from './part-log.ts';
import { RoomStore } from './room-store.ts';
import type { RoomDisk } from './room-store.ts';

/** What it tells whoever runs the worker. */
export interface WorkerStoreHost {
  readonly log: Log;
  /** Absent: the disk of this machine. */
  readonly disk?: RoomDisk;
  /** The data cannot be had: nothing may be served. */
  onFailure(error: Error): void;
}

/** Between worker `me` and its engine, where replies may have to wait for the log. */
export function heldRepliesOf(
  { shards, words }: StorePlan, engine: IoEngine, me = 0,
): HeldReplies {
  return new HeldReplies(engine, new LogWords(shards.length, words), me);
}

/** Begins to load what the directory has. @throws {CorruptFileFault} {DiskFault} */
export function openWorkerStore(
  worker: Worker, { shard, info }: ComposedShard, held: HeldReplies, plan: StorePlan,
  host: WorkerStoreHost,
): RoomStore {
  const { mesh } = worker;
  const cut = mesh === null ? null : new ProcessCut(worker);
  const { disk } = host;
  const store = new RoomStore(shard, held, plan, {
    log: host.log,
    ...(disk === undefined ? {} : { disk }),
    onFailure: (error) => {
      host.onFailure(error);
    },
    wake: (shards) => {
      mesh?.ringShards(shards);
    },
    announce: (parts) => mesh?.participation.log?.announce(parts) ?? true,
    beginCut: (done) => cut?.begin(done) === true,
    isIdle: (slot) => worker.isIdle(slot),
    cut: (slot) => {
      const session = worker.sessions.atSlot(slot);
      if (session !== undefined) worker.cut(session);
    },
  });
  if (mesh !== null) mesh.participation.log = new PartLog(store, shard, mesh.notes);
  worker.store = store;
  addStoreInfo(info, store);
  return store;
}

/** The directory, and whether there is a log, stay as they were given. @param why for who asks */
export function fixDirectory(settings: Settings, why: string): void {
  for (const name of ['dir', 'appendonly']) {
    const given = settings.text(name);
    settings.onChange(name, ({ text }) => (text === given ? null : why));
  }
}
