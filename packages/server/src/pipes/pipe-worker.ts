/**
 * A worker of the embedded engine: a worker like any other, whose clients are parts of the program
 * itself. They speak RESP3 from their first word and need no password; nobody limits their number,
 * how long they are idle or how much they send, for the memory is the program's own.
 */
import type { ComposedShard, Settings, WorkerMemory } from '@kora/core';
import type { IoEngine, Peer } from '../io/engine.ts';
import { Limits } from '../limits.ts';
import type { MeshPlan } from '../mesh/mesh-plan.ts';
import { AHEAD_COUNT_MAX } from '../pipeline.hot.ts';
import type { WorkerHost } from '../worker.ts';
import { Worker } from '../worker.ts';

const RESP_VERSION = 3;

class PipeLimits extends Limits {
  override readonly suspectsHttp = false;

  constructor(settings: Settings, memory: WorkerMemory) {
    super(settings, memory);
    this.queryBytesMax = Infinity;
    this.request.frameBytesMax = Infinity;
  }

  override refusalOf(): null {
    return null;
  }

  override onTick(worker: Worker): void {
    worker.chunks.trim();
  }
}

export class PipeWorker extends Worker {
  /**
   * @param engine a PipeEngine, or what holds replies back in front of one
   * @param plan where the other workers are; absent: it is alone
   * @param wake ends the wait of another worker
   */
  constructor(
    composed: ComposedShard, engine: IoEngine, host: WorkerHost, plan: MeshPlan | undefined,
    wake: (worker: number) => void,
  ) {
    const limits = new PipeLimits(composed.settings, composed.memory);
    super(composed, engine, limits, host, AHEAD_COUNT_MAX, plan, wake);
  }

  override onAccept(slot: number, peer: Peer): boolean {
    if (!super.onAccept(slot, peer)) return false;
    const session = this.sessions.atSlot(slot);
    if (session === undefined) return false;
    session.resp = RESP_VERSION;
    session.isAuthenticated = true;
    return true;
  }
}
