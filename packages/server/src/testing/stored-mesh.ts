/**
 * Workers with their logs on one simulated disk, without sockets and in one thread: the test gives
 * every turn, every answer of the disk, and says when it fails. Operations of the disk are done as
 * they are asked for and told in a later turn, as an engine of io_uring tells them.
 */
import { SeededChance, slotOfKey, slotOwners } from '@kora/core';
import { dealOut, DiskFault, openStore, reportText, storePlanOf } from '@kora/storage/engine';
import { SimulatedFiles } from '@kora/storage/testing';
import type { FileOperations } from '../io/engine.ts';
import { encodeRequest } from './mesh-clients.ts';
import { MeshRig } from './mesh-rig.ts';
import type { WorkerRig } from './worker-rig.ts';

const START_MS = 1_700_000_000_000;
const DIRECTORY = 'data';
const ROUND_MS = 100;
/** Rounds in which a directory is loaded, or everything becomes durable. */
const ROUNDS_MAX = 200;
/** In which workers have told each other what they have to. */
const ROUNDS_OF_TALK = 5;
/** Names that are tried until a worker has one. */
const KEYS_MAX = 1000;

/** What the disk has done for one worker and has not told. */
class Port implements FileOperations {
  readonly #files: SimulatedFiles;
  #ended: { readonly token: number; readonly result: number }[] = [];

  constructor(files: SimulatedFiles) {
    this.#files = files;
  }

  /** Set when the worker is there. */
  low: Uint8Array = new Uint8Array(0);

  write(
    token: number, file: number, at: number, bytes: number, offset: number, isDurable: boolean,
  ): void {
    const files = this.#files;
    this.#end(token, () => (isDurable
      ? files.writeDurable(file, this.low, at, bytes, offset)
      : files.write(file, this.low, at, bytes, offset)));
  }
  sync(token: number, file: number): void {
    this.#end(token, () => {
      this.#files.sync(file);
      return 0;
    });
  }

  #end(token: number, perform: () => number): void {
    let result: number;
    try {
      result = perform();
    } catch (error) {
      if (!(error instanceof DiskFault)) throw error;
      result = -error.errno;
    }
    this.#ended.push({ token, result });
  }

  take(): { readonly token: number; readonly result: number }[] {
    return this.#ended.splice(0);
  }
}

export class StoredMesh {
  readonly files: SimulatedFiles;
  readonly mesh: MeshRig;
  /** What the operator is told of the opening. */
  readonly reports: readonly string[];
  readonly #ports: readonly Port[];

  /** Opens what the disk has, or a new directory. */
  constructor(workerCount: number, files?: SimulatedFiles) {
    this.files = files ?? new SimulatedFiles(new SeededChance(1));
    const disk = this.files;
    const opened = openStore(disk, {
      directory: DIRECTORY, shardCount: workerCount, nowMs: START_MS,
      processes: { pid: 1, identityOf: () => undefined },
    }, dealOut);
    this.reports = opened.reports.map(reportText);
    this.#ports = Array.from({ length: workerCount }, () => new Port(disk));
    const plan = storePlanOf(opened);
    this.mesh = new MeshRig(workerCount, {
      startMs: START_MS, settings: [['appendfsync', 'always'], ['appendonly', 'yes']],
      stores: this.#ports.map((operations) => ({ plan, disk: { files: disk }, operations })),
    });
    for (const [index, { composed }] of this.rigs.entries()) {
      this.#ports[index]!.low = composed.memory.low;
    }
    for (let round = 0; this.rigs.some(({ store }) => store?.isLoading !== false); round++) {
      if (round > ROUNDS_MAX) throw new Error('the directory is not loaded');
      this.round();
    }
    this.settle();
  }

  get rigs(): readonly WorkerRig[] {
    return this.mesh.rigs;
  }

  /** Time passes; every worker hears of its disk and takes what the others have sent. */
  round(ms = ROUND_MS): void {
    this.mesh.clock.advance(ms);
    for (let index = 0; index < this.rigs.length; index++) this.turn(index);
  }

  /** A turn of a worker in which the disk tells what it has done, then `events`. */
  turn(index: number, events: (rig: WorkerRig) => void = () => undefined): void {
    const rig = this.rigs[index]!;
    rig.handler.onTurnStart();
    for (const { token, result } of this.#ports[index]!.take()) {
      rig.handler.onFile?.(token, result);
    }
    events(rig);
    rig.handler.onTick();
    rig.handler.onTurnEnd();
    rig.turn();
  }

  /** Rounds until everything that was logged is durable. */
  settle(): void {
    for (let round = 0; round < ROUNDS_OF_TALK; round++) this.round();
    for (let round = 0; !this.isDurable; round++) {
      if (round > ROUNDS_MAX) throw new Error('the logs do not become durable');
      this.round();
    }
    for (let round = 0; round < ROUNDS_OF_TALK; round++) this.round();
  }

  get isDurable(): boolean {
    return this.rigs.every(({ store }) => {
      const persistence = store?.persistence;
      return persistence?.isQuiet === true && persistence.settled === persistence.appended;
    });
  }

  /** Bytes that a connection has sent, for `turn`. */
  say(rig: WorkerRig, slot: number, ...words: string[]): void {
    const bytes = encodeRequest(words);
    rig.composed.memory.low.set(bytes, rig.engine.receiveAt);
    rig.handler.onReceive(slot, rig.engine.receiveAt, bytes.length);
  }

  /** Asks in a turn of its own. */
  ask(index: number, slot: number, ...words: string[]): void {
    this.turn(index, (rig) => { this.say(rig, slot, ...words); });
  }

  /** A key of this worker's shard. */
  keyOf(index: number, prefix = 'k'): string {
    const owners = slotOwners(this.rigs.length);
    for (let i = 0; i < KEYS_MAX; i++) {
      const key = `${prefix}${i}`;
      if (owners[slotOfKey(Buffer.from(key), 0, key.length)] === index) return key;
    }
    throw new Error('every worker has keys');
  }
}
