/**
 * The program of a shard's own thread: opens a loop engine, makes the room, and turns the engine
 * until it has ended. It never returns to Node's loop before that: nothing here may wait for a
 * promise, a timer or a message. What is asked of it stands in ThreadControl and is looked at
 * after every turn, so at least every 100 ms.
 * Started by ThreadRunner and by nobody else; importing it anywhere else is a mistake.
 */
import type { MessagePort } from 'node:worker_threads';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@kora/core';
import { withLoopEngine } from './io/choose-engine.ts';
import type { LoopEngine } from './io/engine.ts';
import type { Log } from './log.ts';
import type { RoomHost } from './shard-room.ts';
import { ShardRoom } from './shard-room.ts';
import { Asked, ThreadControl } from './thread-control.ts';
import type { ThreadMessage, ThreadPlan } from './thread-messages.ts';
import { errorText } from './thread-messages.ts';

/** Lines that main has not taken yet; more are dropped and counted. */
const LOG_LINES_MAX = 10_000;

class ShardThread {
  readonly #plan: ThreadPlan;
  readonly #port: MessagePort;
  readonly #control: ThreadControl;
  #linesDropped = 0;

  constructor(plan: ThreadPlan, port: MessagePort) {
    this.#plan = plan;
    this.#port = port;
    this.#control = new ThreadControl(plan.control);
  }

  /** From the first to the last moment of the thread. */
  run(): void {
    try {
      const used = withLoopEngine(this.#plan.io, ({ engine, reason }) => ({
        engine, room: new ShardRoom(this.#plan.room, engine, reason, this.#host()),
      }));
      if (typeof used === 'string') {
        this.#say({ kind: 'unavailable', reasons: used });
        return;
      }
      this.#control.lend(used.engine.wakeDescriptor);
      this.#serve(used.room, used.engine);
    } catch (cause) {
      this.#say({ kind: 'refused', error: errorText(asError(cause)) });
      this.#say({ kind: 'ended' });
    }
  }

  #serve(room: ShardRoom, engine: LoopEngine): void {
    try {
      room.listen((error) => {
        if (error === null) {
          this.#say({ kind: 'listening', io: engine.name });
          return;
        }
        this.#say({ kind: 'refused', error: errorText(error) });
        room.end();
      });
      do {
        const asked = this.#control.asked();
        if (asked === Asked.End) room.end();
        else if (asked === Asked.Stop) room.stop();
        if (this.#linesDropped > 0) this.#sayDropped();
      } while (engine.turn(true));
    } catch (cause) {
      room.fail(asError(cause));
    }
  }

  #host(): RoomHost {
    return {
      log: (level, message) => {
        this.#log(level, message);
      },
      onMoved: (at) => {
        this.#say({ kind: 'moved', at });
      },
      onStopping: () => {
        this.#control.takeBack();
      },
      onFailure: (cause) => {
        this.#say({ kind: 'failed', error: errorText(cause) });
      },
      onEnded: () => {
        this.#say({ kind: 'ended' });
      },
    };
  }

  #say(message: ThreadMessage): void {
    this.#port.postMessage(message);
  }

  readonly #log: Log = (level, message) => {
    if (this.#control.addLine(LOG_LINES_MAX)) this.#say({ kind: 'log', level, message });
    else this.#linesDropped++;
  };

  #sayDropped(): void {
    const message = `${this.#linesDropped} lines of the log were dropped: they came too fast`;
    if (!this.#control.addLine(LOG_LINES_MAX)) return;
    this.#linesDropped = 0;
    this.#say({ kind: 'log', level: 'warning', message });
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}

assert(parentPort !== null, 'this file is the program of a thread');
// The boundary between threads: ThreadRunner puts exactly this there.
new ShardThread(workerData as ThreadPlan, parentPort).run();
