/**
 * What has to hold when all have come to rest: nothing is left of windows, loans, parcels, locks
 * and transactions; every shard's journal, replayed into an empty shard, gives what the shard
 * holds; and after FLUSHALL, with all clients gone, the arenas hold what they held at the start.
 */
import { composeShard, createSharedMemory, SeededChance, VirtualClock } from '@kora/core';
import type { MemoryPool, Shard } from '@kora/core';
import type { JournalRecorder, ShardContents } from '@kora/core/testing';
import { contentsOf, replayEffect } from '@kora/core/testing';
import { RIG_MEMORY_BYTES } from '@kora/server/testing';
import type { World } from './world.ts';
import { Broken } from './world.ts';

/** Slices of lazy freeing that may be needed. */
const FREE_SLICES_MAX = 100_000;

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Everything that workers keep for each other is given back. */
export function checkNothingIsLeft({ mesh }: World): void {
  for (const [index, { worker, log }] of mesh.rigs.entries()) {
    const node = worker.mesh;
    if (node === null) continue;
    const { origin, parcels, coordination, gate, owner, participation } = node;
    const left: Readonly<Record<string, number>> = {
      windows: origin.windowCount, parcels: parcels.count, transactions: coordination.count,
      parked: gate.parkedCount, locks: gate.isOpen ? 0 : 1, loans: owner.loanCount,
      cargo: participation.cargo.count, borrowed: participation.borrowedCount,
      'held pages': worker.shard.memory.arenaAllocator.heldPages(),
    };
    for (const [what, count] of Object.entries(left)) {
      if (count !== 0) throw new Broken(`worker ${index} has ${count} ${what} left`);
    }
    const [line] = log;
    if (line !== undefined) throw new Broken(`worker ${index} has logged ${line}`);
    if (worker.shard.failure !== null) throw new Broken(`worker ${index} has failed`);
  }
}

/** Records of each shard, replayed, give its data. */
export function checkReplay(
  world: World, recorders: readonly JournalRecorder[], pool: MemoryPool,
): void {
  for (const [index, { worker, composed }] of world.mesh.rigs.entries()) {
    const memory = pool.take(RIG_MEMORY_BYTES) ?? createSharedMemory(RIG_MEMORY_BYTES, 0);
    const fresh = composeShard({
      platform: {
        clock: new VirtualClock(world.mesh.clock.nowMs()), chance: new SeededChance(1),
        scheduler: { requestTurn: () => undefined },
      },
      memoryOptions: { memory, lowBytes: composed.memory.lowBytes },
    });
    for (const record of recorders[index]?.records ?? []) replayEffect(fresh.shard, record);
    const difference = differenceOf(live(worker.shard), live(fresh.shard));
    pool.give(fresh.memory);
    if (difference !== null) throw new Broken(`journal of worker ${index}: ${difference}`);
  }
}

function live(shard: Shard): ShardContents {
  shard.refreshClock();
  return contentsOf(shard, latin1);
}

function differenceOf(live: ShardContents, replayed: ShardContents): string | null {
  for (const key of new Set([...live.keys(), ...replayed.keys()])) {
    const [one, other] = [shown(live, key), shown(replayed, key)];
    if (one !== other) return `${key} is ${one}, replayed ${other}`;
  }
  return null;
}

function shown(contents: ShardContents, key: string): string {
  const found = contents.get(key);
  if (found === undefined) return 'absent';
  const { type, value, deadlineMs } = found;
  return `${type} ${value.slice(0, 200)} ${value.length} ${String(deadlineMs)}`;
}

/** Bytes of the arena of each worker, with nothing waiting to be freed. */
export function arenaBytes({ mesh }: World): number[] {
  return mesh.rigs.map(({ worker: { shard } }) => {
    for (let slices = 0; shard.lazyFree.step(); slices++) {
      if (slices > FREE_SLICES_MAX) throw new Broken('lazy freeing does not end');
    }
    return shard.memory.arenaAllocator.usedBytes();
  });
}

/** Everybody has gone and everything was removed: the accounts are as they were. */
export function checkAccounts(world: World, before: readonly number[]): void {
  for (const [index, bytes] of arenaBytes(world).entries()) {
    if (bytes === before[index]) continue;
    throw new Broken(
      `the arena of worker ${index} has ${bytes} bytes in use, ${before[index] ?? 0} at the start`,
    );
  }
  for (const [index, { worker: { mesh, sessions } }] of world.mesh.rigs.entries()) {
    if (sessions.count > 0) throw new Broken(`worker ${index} has sessions left`);
    if ((mesh?.participation.watches.count ?? 0) > 0) throw new Broken('watches are left');
  }
}
