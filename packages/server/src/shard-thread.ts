/**
 * The program of a shard's own thread: opens an engine, makes the room, and lives until it has
 * ended. A loop engine is turned here and never returns to Node's loop: nothing may wait for a
 * promise, a timer or a message; what is asked stands in ThreadControl and is looked at after every
 * turn, so at least once a second. On node:net, as one of several workers, the thread is in Node's
 * loop: a message says that something is asked, another worker rings by a port (node-thread.ts).
 * Started by ThreadRunner and by nobody else; importing it anywhere else is a mistake.
 */
import type { MessagePort } from 'node:worker_threads';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@kora/core';
import { withLoopEngine } from './io/choose-engine.ts';
import type { LoopEngine } from './io/engine.ts';
import { NodeThread } from './node-thread.ts';
import { ProcessWords } from './mesh/process-words.ts';
import type { Log } from './log.ts';
import type { RoomHost } from './shard-room.ts';
import { ShardRoom } from './shard-room.ts';
import { Asked, ThreadControl } from './thread-control.ts';
import type { ThreadMessage, ThreadPlan } from './thread-messages.ts';
import { errorText } from './thread-messages.ts';

/** Lines that main has not taken yet; more are dropped and counted. */
const LOG_LINES_MAX = 10_000;
/** How long one look for the port of the first worker waits. */
const PORT_WAIT_MS = 50;

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
    const { io } = this.#plan;
    try {
      if (typeof io === 'object') {
        this.#runOnNode(new NodeThread(this.#plan.room, io));
        return;
      }
      const used = withLoopEngine(io, ({ engine, reason }) => ({
        engine, room: new ShardRoom(this.#plan.room, engine, reason, this.#host()),
      }));
      if (typeof used === 'string') {
        this.#say({ kind: 'unavailable', reasons: used });
        return;
      }
      this.#control.lend(used.engine.wakeDescriptor);
      this.#lendBell(used.engine);
      this.#serve(used.room, used.engine);
    } catch (cause) {
      this.#say({ kind: 'refused', error: errorText(asError(cause)) });
      this.#say({ kind: 'ended' });
    }
  }

  /** Tells the other workers how to wake this one. */
  #lendBell(engine: LoopEngine): void {
    const { mesh } = this.#plan.room;
    if (mesh === undefined) return;
    const words = new ProcessWords(mesh.workerCount, mesh.words);
    words.setBell(mesh.index, engine.shareWake(), engine.ringDescriptor);
  }

  /**
   * Waits for the other workers of the process, then for the port they share. False when this
   * thread was asked to end meanwhile, or another did.
   */
  #meet(room: ShardRoom): boolean {
    const { mesh } = this.#plan.room;
    if (mesh === undefined) return true;
    const words = new ProcessWords(mesh.workerCount, mesh.words);
    while (!room.meet()) if (this.#isAskedToEnd(room)) return false;
    if (mesh.index === 0) return true;
    let port = -1;
    while (port < 0) {
      port = words.waitForPort(PORT_WAIT_MS);
      if (port < 0 && this.#isAskedToEnd(room)) return false;
    }
    room.sharePort(port);
    return true;
  }

  #isAskedToEnd(room: ShardRoom): boolean {
    if (this.#control.asked() === Asked.Nothing) return false;
    room.stop();
    return true;
  }

  #serve(room: ShardRoom, engine: LoopEngine): void {
    try {
      if (!this.#meet(room)) return;
      this.#listen(room, engine.name);
      do {
        this.#obey(room);
      } while (engine.turn(room.mayWait()));
    } catch (cause) {
      room.fail(asError(cause));
    }
  }

  #listen(room: ShardRoom, io: string): void {
    room.listen((error) => {
      if (error === null) {
        this.#say({ kind: 'listening', io });
        return;
      }
      this.#say({ kind: 'refused', error: errorText(error) });
      room.end();
    });
  }

  /** Does what is asked. */
  #obey(room: ShardRoom): void {
    const asked = this.#control.asked();
    if (asked === Asked.End) room.end();
    else if (asked === Asked.Stop) room.stop();
    if (this.#linesDropped > 0) this.#sayDropped();
  }

  /** Returns when the room listens or is about to; Node's loop does the rest. */
  #runOnNode(thread: NodeThread): void {
    const room = thread.open({ ...this.#host(), onStopping: () => undefined }, () => {
      this.#obey(room);
    });
    // What the engine lets out would end the thread without a word to the others.
    process.on('uncaughtException', (cause) => {
      room.fail(cause);
    });
    if (!this.#meet(room)) return;
    // It also keeps the thread alive, until the room has ended.
    this.#port.on('message', () => {
      this.#obey(room);
    });
    this.#listen(room, 'node');
    thread.begin();
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
        this.#port.unref();
      },
      onEnded: () => {
        this.#say({ kind: 'ended' });
        this.#port.unref();
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
