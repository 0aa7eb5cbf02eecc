/**
 * What is played on a world: whose clients they are, what they ask for, and what has to be right.
 * The world (world.ts) gives workers, turns, the network, time and interruptions, and draws them;
 * a scene says what its clients send, hears what they are told, and says at the end whether all
 * that was promised was kept.
 */
import type { MemoryPool } from '@kora/core';
import type { RandomSource } from '@kora/core/testing';
import type { MeshRig, WorkerRig } from '@kora/server/testing';
import type { Plan } from './plan.ts';
import type { World } from './world.ts';

/** Where a client is connected. */
export interface Place {
  readonly worker: number;
  readonly slot: number;
}

/** A client, as the world sees it. */
export interface Actor {
  readonly name: string;
  readonly place: Place;
  /** Sent and not received by the worker. */
  outgoing: Buffer;
  /** It is gone, and what it has sent may still arrive. */
  isGone: boolean;
  /** The server may end its connection by itself. */
  readonly mayBeCut?: boolean;
  /** Requests whose replies have to come although nothing more happens. */
  readonly waitingCount: number;
  /** What the oldest of them is. */
  readonly oldestWaiting: string;
  /** True when it may send something now. */
  readonly mayAsk: boolean;
  /** Sends something. */
  ask(): void;
  /** Sends one command and nothing else. */
  askOne(words: readonly string[]): void;
  /** Bytes have come. @returns what is wrong with them, null when nothing is */
  take(bytes: Uint8Array): string | null;
}

/** What a scene has of its world. */
export interface Stage {
  readonly plan: Plan;
  readonly random: RandomSource;
  readonly mesh: MeshRig;
  /** A line for who watches the run. */
  readonly trace: (line: () => string) => void;
  /** Bytes of a worker's memory, one a character. */
  textAt(worker: number, at: number, bytes: number): string;
  /**
   * Nobody interrupts the worker meanwhile: where a command is under way whose arguments lie in
   * variables of its module, which in production each thread has for itself.
   */
  steadily<T>(run: () => T): T;
  /** The client of a connection, undefined when there is none. */
  actorAt(worker: number, slot: number): Actor | undefined;
}

export interface Scene {
  /** The moment, for traces: grows. */
  readonly now: number;
  /** Everything that is to be asked has been: clients ask no more. */
  readonly isOver: boolean;
  /** Things that were asked. */
  readonly operationCount: number;
  /** What it took to find out whether all is right, if that is counted. */
  readonly tries: number;
  /** A worker is there, and has done nothing. */
  attach(worker: number, rig: WorkerRig): void;
  createClient(name: string, place: Place): Actor;
  /** The clock has moved. */
  onClock(nowMs: number): void;
  /** Something has happened; whatever goes on beside the workers may go on. */
  onEvent?(): void;
  /** True when something outside of the mesh waits for the worker's next turn ... */
  hasNews?(worker: number): boolean;
  /** ... which takes it. */
  takeNews?(worker: number): void;
  /** All of it, from the first connection to the last check. Throws Broken. */
  play(world: World, pool: MemoryPool): void;
}
