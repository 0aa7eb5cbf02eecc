/**
 * Runs a room in the server's own thread, on an engine that this thread's event loop drives: the
 * one on node:net. An exception that the engine lets out is the program's, as everywhere in Node.
 */
import type { ComposeOptions } from '@kora/core';
import type { IoEngine } from './io/engine.ts';
import type { Runner, RunnerHost, Started } from './runner.ts';
import type { RoomPlan } from './shard-room.ts';
import { ShardRoom } from './shard-room.ts';

export class InThreadRunner implements Runner {
  room: ShardRoom | undefined;
  readonly #plan: RoomPlan;
  readonly #engine: IoEngine;
  readonly #reason: string;
  readonly #extraCommands: ComposeOptions['extraCommands'];
  readonly #host: RunnerHost;

  /** @param reason why this engine */
  constructor(
    plan: RoomPlan, engine: IoEngine, reason: string,
    extraCommands: ComposeOptions['extraCommands'], host: RunnerHost,
  ) {
    this.#plan = plan;
    this.#engine = engine;
    this.#reason = reason;
    this.#extraCommands = extraCommands;
    this.#host = host;
  }

  start(done: (started: Started) => void): void {
    const host = this.#host;
    let room: ShardRoom;
    try {
      room = new ShardRoom(this.#plan, this.#engine, this.#reason, {
        log: host.log,
        onMoved: (at) => {
          host.onMoved(at);
        },
        onStopping: () => undefined,
        onFailure: (cause) => {
          host.onFailure(cause);
        },
        onEnded: () => {
          host.onEnded();
        },
      }, this.#extraCommands);
    } catch (cause) {
      this.#engine.stop();
      done({ kind: 'refused', error: cause instanceof Error ? cause : new Error(String(cause)) });
      host.onEnded();
      return;
    }
    this.room = room;
    room.listen((error) => {
      if (error === null) {
        done({ kind: 'listening', io: this.#engine.name });
        return;
      }
      done({ kind: 'refused', error });
      room.end();
    });
  }

  end(): void {
    this.room?.end();
  }
}
