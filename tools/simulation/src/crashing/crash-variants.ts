/**
 * The product with one thing wrong about keeping data: each has to be caught within few rounds.
 * What is wrong is done to running objects from outside; the product has no switches for it.
 */
import { crc32 } from 'node:zlib';
import { HeldReplies } from '@kora/server/testing';
import { FrameCheck } from '@kora/storage/testing';
import type { SimulatedFiles } from '@kora/storage/testing';
import type { Fsync, LifePlan } from './crash-plan.ts';
import type { Spoil } from './crash-round.ts';

/** A mistake that has to be caught. */
export interface CrashVariant {
  readonly name: string;
  readonly fsync: Fsync;
  readonly spoil: Spoil;
  /** The lives in which it can show. */
  readonly adapt?: (plan: LifePlan) => LifePlan;
}

const FRAME_CRC_AT = 4;
const FRAME_BYTES_AT = 8;

/** Nothing is left of what was not durable. */
function harsh(plan: LifePlan): LifePlan {
  return { ...plan, end: 'power', dropsAll: true };
}

/** The power tears what was under way. */
function torn(plan: LifePlan): LifePlan {
  return {
    ...plan, end: 'power', dropsAll: false,
    disk: { ...plan.disk, operationMsMax: Math.max(30, plan.disk.operationMsMax) },
  };
}

/** Several workers, and much that concerns several of them. */
function several(plan: LifePlan): LifePlan {
  const { world } = plan;
  return harsh({
    ...plan, isInBackground: false,
    world: { ...world, workerCount: Math.max(2, world.workerCount), clientCount: 6 },
    disk: { ...plan.disk, operationMsMax: 30 },
  });
}

const earlyReply: CrashVariant = {
  name: 'replies do not wait for the disk',
  fsync: 'always', adapt: harsh,
  spoil: {
    workers: (rigs) => {
      for (const { handler } of rigs) {
        if (!(handler instanceof HeldReplies)) throw new TypeError('replies are held');
        Object.defineProperty(handler, 'isHolding', { get: () => false });
      }
    },
  },
};

const lyingDisk: CrashVariant = {
  name: 'a sync is told and was not done',
  fsync: 'everysec', adapt: harsh,
  spoil: {
    ports: (ports) => {
      for (const port of ports) port.lies = true;
    },
  },
};

const namelessSegment: CrashVariant = {
  name: 'the directory is not synced',
  fsync: 'always', adapt: harsh,
  spoil: {
    disk: (files: SimulatedFiles) => {
      files.syncDirectory = () => undefined;
    },
  },
};

const unsettledReply: CrashVariant = {
  name: 'replies do not wait for the parts of other workers',
  fsync: 'always', adapt: several,
  spoil: {
    workers: (rigs) => {
      for (const { store } of rigs) {
        const persistence = store?.persistence;
        if (persistence === null || persistence === undefined) throw new TypeError('it is loaded');
        Object.defineProperty(persistence, 'settled', {
          get: () => persistence.log.durableSequence,
        });
      }
    },
  },
};

const halfTransaction: CrashVariant = {
  name: 'recovery does not look for the other parts of transactions',
  fsync: 'always', adapt: several,
  spoil: {
    program: () => {
      const read = readOf(FrameCheck.prototype);
      FrameCheck.prototype.read = function readAlone(this: FrameCheck, ...given) {
        const isWhole = read.apply(this, given);
        this.transaction = 0;
        return isWhole;
      };
      return () => {
        FrameCheck.prototype.read = read;
      };
    },
  },
};

const unchecked: CrashVariant = {
  name: 'checksums of frames are not looked at',
  fsync: 'everysec', adapt: torn,
  spoil: {
    program: () => {
      const read = readOf(FrameCheck.prototype);
      FrameCheck.prototype.read = function readAnything(this: FrameCheck, ...given) {
        const [bytes, at, available, tag] = given;
        mendChecksum(bytes, at, available);
        return read.call(this, bytes, at, available, tag);
      };
      return () => {
        FrameCheck.prototype.read = read;
      };
    },
  },
};

function mendChecksum(bytes: Uint8Array, at: number, available: number): void {
  if (available < FRAME_BYTES_AT + 4) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint32(at + FRAME_BYTES_AT, true);
  if (length < FRAME_BYTES_AT || length > available) return;
  const covered = bytes.subarray(at + FRAME_BYTES_AT, at + length);
  view.setUint32(at + FRAME_CRC_AT, crc32(covered), true);
}

const uncutTail: CrashVariant = {
  name: 'a torn end is passed over, and not cut off',
  fsync: 'always', adapt: torn,
  spoil: {
    disk: (files) => {
      files.truncate = () => undefined;
    },
  },
};

const swappedSegments: CrashVariant = {
  name: 'segments are replayed in the wrong order',
  fsync: 'always', adapt: (plan) => ({ ...plan, segmentBytes: 2000 }),
  spoil: {
    opened: (opened) => ({
      ...opened,
      shards: opened.shards.map((shard) => {
        const { log } = shard.data;
        const segments = log.segments.toReversed();
        return { ...shard, data: { ...shard.data, log: { ...log, segments } } };
      }),
    }),
  },
};

/** One worker, and a snapshot whenever there is none. */
function saving(plan: LifePlan): LifePlan {
  return {
    ...plan, saveChance: 0.1, isInBackground: false, crashInSnapshot: 0, failsFrom: 0,
    failsUntil: 0, disk: { ...plan.disk, operationMsMax: 3 },
    world: { ...plan.world, workerCount: 1, clientCount: 4, eventCount: 1000 },
  };
}

const looseParts: CrashVariant = {
  name: 'a snapshot counts before its parts are durable',
  fsync: 'always', adapt: (plan) => harsh(saving(plan)),
  spoil: {
    disk: (files) => {
      const parts = new Set<number>();
      const open = files.open.bind(files);
      const sync = files.sync.bind(files);
      files.open = (path, mode) => {
        const file = open(path, mode);
        if (path.includes('/snapshot-')) parts.add(file);
        return file;
      };
      files.sync = (file) => {
        if (!parts.has(file)) sync(file);
      };
    },
  },
};

const wideCut: CrashVariant = {
  name: 'the first change behind a snapshot is taken to be in it',
  fsync: 'always', adapt: saving,
  spoil: {
    opened: (opened) => ({
      ...opened,
      shards: opened.shards.map((shard) => {
        const { log, part } = shard.data;
        if (part === undefined) return shard;
        const fromSequence = log.fromSequence + 1;
        return { ...shard, data: { ...shard.data, log: { ...log, fromSequence } } };
      }),
    }),
  },
};

/** The method as it is, bound to nothing: it is put back later. */
function readOf(prototype: FrameCheck): FrameCheck['read'] {
  return Reflect.get(prototype, 'read');
}

/** All of them. */
export const crashVariants: readonly CrashVariant[] = [
  earlyReply, lyingDisk, namelessSegment, unsettledReply, halfTransaction, unchecked, uncutTail,
  swappedSegments, looseParts, wideCut,
];
