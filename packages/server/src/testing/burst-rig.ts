/**
 * A mesh with a client of its first worker and keys of every worker: pipelines of these are bursts
 * (mesh/bursts.ts). It counts the bursts that were published, so that a test can tell whether its
 * commands went together or one by one, and finds what is left when all has been answered.
 */
import type { MeshNode } from '../mesh/mesh-node.ts';
import type { MeshClient } from './mesh-clients.ts';
import { connectTo, keysOf, pipe, repliesOf } from './mesh-clients.ts';
import { MeshRig } from './mesh-rig.ts';
import type { WorkerRigOptions } from './worker-rig.ts';

/** Keys of each worker. */
const KEYS_EACH = 2;

export class BurstRig {
  readonly mesh: MeshRig;
  /** Connected to the first worker. */
  readonly client: MeshClient;
  /** Bursts of the client's worker that were published. */
  count = 0;
  readonly #workerCount: number;
  readonly #keys: readonly (readonly string[])[];
  readonly #chunks: readonly number[];

  constructor(workerCount: number, options: WorkerRigOptions = {}) {
    this.#workerCount = workerCount;
    this.#keys = Array.from({ length: workerCount }, (_, worker) =>
      keysOf(worker, workerCount, KEYS_EACH));
    this.mesh = new MeshRig(workerCount, options);
    this.client = connectTo(this.mesh, 0);
    this.#countBursts(this.node(0));
    this.#chunks = this.#chunksAlive();
  }

  node(worker: number): MeshNode {
    const { mesh } = this.mesh.rigs[worker]!.worker;
    if (mesh === null) throw new Error('a rig of a mesh has its node');
    return mesh;
  }

  /** A key of the worker, the first or the second. */
  key(worker: number, which = 0): string {
    return this.#keys[worker]?.[which] ?? '';
  }

  /** Keys of all workers in turn, of another one than the client's first. */
  mixed(length: number): string[] {
    return Array.from({ length }, (_, i) => this.key(
      (i + 1) % this.#workerCount, Math.floor(i / this.#workerCount) % KEYS_EACH,
    ));
  }

  /** Sends the client's commands, all in one piece. */
  pipe(...commands: readonly (readonly string[])[]): void {
    pipe(this.mesh, this.client, ...commands);
  }

  /** Replies of the client that came by now, when all is at rest. */
  replies(): string {
    this.mesh.settle();
    return repliesOf(this.mesh, this.client);
  }

  /** What is under way, lent or held when it should not be, as `worker what count`. */
  left(): string[] {
    const chunks = this.#chunksAlive();
    return chunks.flatMap((alive, worker) => {
      const { origin, owner, gate } = this.node(worker);
      const counts = {
        windows: origin.windowCount, loans: owner.loanCount, paused: owner.pausedCount,
        parked: gate.parkedCount, chunks: alive - (this.#chunks[worker] ?? 0),
      };
      const found = Object.entries(counts).filter(([, count]) => count !== 0);
      return found.map(([what, count]) => `${worker} ${what} ${count}`);
    });
  }

  #countBursts({ bursts }: MeshNode): void {
    const publish = bursts.publish.bind(bursts);
    bursts.publish = (...burst) => {
      const isPublished = publish(...burst);
      if (isPublished) this.count++;
      return isPublished;
    };
  }

  #chunksAlive(): number[] {
    return this.mesh.rigs.map(({ worker }) => worker.chunks.alive);
  }
}
