/**
 * The I/O engine on node:net: works everywhere Node does, TCP and unix sockets. All sockets read
 * into one region of the worker memory (node-socket.ts); a send is one socket.write, and when the
 * kernel took all of it at once the range is free when send returns. When descriptors run out
 * (EMFILE) libuv accepts and drops the newcomer, so nothing spins and accepting goes on when one is
 * free. All callbacks run on the thread's event loop. Alone in its process, each of them is a turn
 * of its own, for libuv does not say which was the last; among other workers a turn is all
 * callbacks of one round of the loop, ended by an immediate, so that what they have for other
 * workers leaves together, and the thread rests only when `mayRest` agrees.
 */
import type { ListenOptions, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';
import type { EngineHandler, IoEngine, ListenAddress } from './engine.ts';
import { RECEIVE_BYTES_MAX, TICK_MS } from './engine.ts';
import {
  listenFault, listenOptions, peerOf, refusalOfAddress, removeSocketFile, setSocketMode,
} from './node-address.ts';
import { SharedListening } from './node-listening.ts';
import type { PortSharing } from './node-listening.ts';
import { readInto } from './node-socket.ts';

/** Refused connections that may still be reading why. */
const REFUSED_COUNT_MAX = 1024;
/** How often those are ended for good. */
const REFUSED_TICKS = 20;

/** The engine's place among the workers of its process. */
export interface NodeEnginePlace {
  readonly index: number;
  /**
   * Asked at the end of a turn: true when the thread may wait, for whoever has something for it
   * then rings; false when something is there, and another turn follows.
   */
  mayRest(): boolean;
  /** Makes another thread call `wake` of its engine. */
  ring(worker: number): void;
  /** Another way to share addresses than the best; for tests. */
  readonly sharing?: PortSharing;
}

/** One accepted socket. */
class Connection {
  readonly socket: Socket;
  /** True once the worker asked for its end: what arrives is dropped. */
  isClosing = false;
  /** Writes that left at once and whose callback is still to come. */
  sentCount = 0;
  /** The callback of every write. */
  readonly onWritten: () => void;

  constructor(socket: Socket, onReleased: () => void) {
    this.socket = socket;
    this.onWritten = () => {
      if (this.sentCount > 0) {
        this.sentCount--;
        return;
      }
      onReleased();
    };
  }
}

export class NodeEngine implements IoEngine {
  readonly name = 'node';
  readonly #connections: (Connection | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #servers: (Server | undefined)[] = [];
  readonly #refused = new Set<Socket>();
  #handler: EngineHandler | undefined;
  #memory: WorkerMemory | undefined;
  #buffer: ArrayBufferLike = new ArrayBuffer(0);
  /** Where all sockets read into. */
  #receiveAt = 0;
  #receive: Buffer = Buffer.alloc(0);
  #ticker: NodeJS.Timeout | undefined;
  #ticks = 0;
  #isTurnRequested = false;
  #isStopped = false;
  readonly #place: NodeEnginePlace | undefined;
  #shared: SharedListening | undefined;
  /** Between onTurnStart and onTurnEnd. */
  #isInTurn = false;
  /** An immediate is on its way. */
  #isEndComing = false;
  readonly #onImmediate = (): void => {
    this.#isEndComing = false;
    if (!this.#isStopped) this.#lastOfTurn();
  };

  /** @param place where there are other workers; absent: it is alone */
  constructor(place?: NodeEnginePlace) {
    this.#place = place;
  }

  start(memory: WorkerMemory, handler: EngineHandler): void {
    this.#handler = handler;
    this.#memory = memory;
    this.#buffer = memory.low.buffer;
    this.#receiveAt = memory.lowAllocator.alloc(RECEIVE_BYTES_MAX) * 8;
    assert(this.#receiveAt !== 0, 'low memory holds a receive region');
    const place = this.#place;
    if (place !== undefined) {
      this.#shared = new SharedListening(memory, place.index, place.sharing);
    }
    this.#receive = Buffer.from(this.#buffer, this.#receiveAt, RECEIVE_BYTES_MAX);
    this.tickAfter(TICK_MS);
  }

  tickAfter(ms: number): void {
    clearTimeout(this.#ticker);
    if (this.#isStopped) return;
    this.#ticker = setTimeout(() => {
      this.#tick();
    }, this.#refused.size > 0 ? TICK_MS : ms);
    // Listeners and sockets keep the process alive; a server that was never started does not.
    this.#ticker.unref();
  }

  #tick(): void {
    const handler = this.#handler;
    assert(handler !== undefined, 'an engine ticks after it was started');
    this.tickAfter(TICK_MS);
    this.#ticks++;
    if (this.#ticks % REFUSED_TICKS === 0 && this.#refused.size > 0) this.#dropRefused();
    this.#enter(handler);
    handler.onTick();
    this.#leave();
  }

  listen(address: ListenAddress, done: (error: Error | null, port: number) => void): number {
    const refusal = refusalOfAddress(address);
    if (refusal === null && address.path !== undefined) removeSocketFile(address.path);
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    const server = createServer(options, (accepted) => {
      this.#accept(accepted, address);
    });
    const listener = this.#servers.push(server) - 1;
    const fail = (cause: NodeJS.ErrnoException): void => {
      this.#servers[listener] = undefined;
      done(listenFault(address, cause), 0);
    };
    if (refusal !== null) {
      fail(refusal);
      return listener;
    }
    if (this.#shared === undefined || (address.sharing ?? 'none') === 'none') {
      this.#open(server, listenOptions(address), address, fail, done);
      return listener;
    }
    this.#shared.open(address, (options) => {
      if (this.#servers[listener] !== server) return;
      if (options === null || options instanceof Error) {
        this.#servers[listener] = undefined;
        done(options, address.port ?? 0);
      } else {
        this.#open(server, options, address, fail, done);
      }
    });
    return listener;
  }

  #open(
    server: Server, options: ListenOptions, address: ListenAddress,
    fail: (cause: NodeJS.ErrnoException) => void, done: (error: Error | null, port: number) => void,
  ): void {
    server.once('error', fail);
    server.listen(options, () => {
      server.removeListener('error', fail);
      // Accept errors (EMFILE, ENFILE) reach nobody else; the listener goes on with the next
      // connection.
      server.on('error', () => undefined);
      const modeFailure = setSocketMode(address);
      if (modeFailure !== null) {
        server.close();
        fail(modeFailure);
        return;
      }
      const bound = server.address();
      done(null, typeof bound === 'object' && bound !== null ? bound.port : 0);
    });
  }

  send(slot: number, at: number, bytes: number): boolean {
    const connection = this.#connections[slot];
    if (connection === undefined || connection.isClosing) return true;
    const { socket } = connection;
    if (socket.destroyed) return true;
    // The memory has grown since its last buffer was taken when a range lies beyond that.
    if (at + bytes > this.#buffer.byteLength && this.#memory !== undefined) {
      this.#buffer = this.#memory.i32.buffer;
    }
    socket.write(Buffer.from(this.#buffer, at, bytes), connection.onWritten);
    // A stream that holds nothing has given everything to the kernel; one that held a range before
    // holds this too.
    if (socket.writableLength === 0) {
      connection.sentCount++;
      return true;
    }
    return false;
  }

  receiveInto(): boolean {
    return false;
  }

  pauseReceive(slot: number): void {
    const connection = this.#connections[slot];
    // Once it is closing, what comes is dropped, paused or not.
    if (connection?.isClosing === false) connection.socket.pause();
  }

  resumeReceive(slot: number): void {
    const socket = this.#connections[slot]?.socket;
    if (socket?.isPaused() === true) socket.resume();
  }

  close(slot: number, isGraceful: boolean): void {
    const connection = this.#connections[slot];
    if (connection === undefined) return;
    connection.isClosing = true;
    if (isGraceful) endAndDrain(connection.socket);
    else connection.socket.destroy();
  }

  setKeepAlive(slot: number, seconds: number): void {
    this.#connections[slot]?.socket.setKeepAlive(seconds > 0, seconds * 1000);
  }

  requestTurn(): void {
    if (this.#isTurnRequested || this.#isStopped) return;
    this.#isTurnRequested = true;
    this.wake();
  }

  /** Another worker has something for this one, or a turn is wanted: there is one soon. */
  wake(): void {
    if (this.#isEndComing || this.#isStopped) return;
    this.#isEndComing = true;
    setImmediate(this.#onImmediate);
  }

  /** Ends the wait of another worker's thread. Only where there are others. */
  ring(worker: number): void {
    this.#place?.ring(worker);
  }

  stopListening(listener: number): void {
    // Node removes the file of a unix socket when its server closes.
    this.#servers[listener]?.close();
    this.#servers[listener] = undefined;
  }

  stop(): void {
    for (const server of this.#servers.splice(0)) server?.close();
    this.#isStopped = true;
    clearTimeout(this.#ticker);
    for (const connection of this.#connections) connection?.socket.destroy();
  }

  /** Before an event. */
  #enter(handler: EngineHandler): void {
    if (this.#isInTurn) return;
    this.#isInTurn = true;
    handler.onTurnStart();
  }

  /** After an event: alone the turn ends with it, among others with the round of the loop. */
  #leave(): void {
    if (this.#place !== undefined) this.wake();
    else this.#endTurn();
  }

  /** Unless the handler has stopped the engine within the turn. */
  #endTurn(): void {
    this.#isInTurn = false;
    if (!this.#isStopped) this.#handler?.onTurnEnd();
  }

  /** The end of a round of the loop. */
  #lastOfTurn(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    this.#enter(handler);
    if (this.#isTurnRequested) {
      this.#isTurnRequested = false;
      handler.onTurn();
    }
    this.#endTurn();
    if (!this.#isStopped && this.#place?.mayRest() === false) this.wake();
  }

  #accept(accepted: Socket, address: ListenAddress): void {
    const handler = this.#handler;
    assert(handler !== undefined, 'an engine listens after it was started');
    if (this.#isStopped) {
      accepted.destroy();
      return;
    }
    const slot = this.#freeSlots.pop() ?? this.#connections.length;
    const socket = readInto(accepted, this.#receive, (bytes) => {
      if (connection.isClosing) return;
      this.#enter(handler);
      handler.onReceive(slot, this.#receiveAt, bytes);
      this.#leave();
    });
    const connection = new Connection(socket, () => {
      if (this.#isStopped || this.#connections[slot] !== connection) return;
      this.#enter(handler);
      handler.onSent(slot);
      this.#leave();
    });
    this.#connections[slot] = connection;
    // Resets end in 'close' as well; without a listener they would end the process.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#connections[slot] = undefined;
      this.#freeSlots.push(slot);
      this.#refused.delete(socket);
      if (this.#isStopped) return;
      this.#enter(handler);
      handler.onClosed(slot);
      this.#leave();
    });
    socket.on('end', () => {
      if (connection.isClosing) {
        socket.end();
        return;
      }
      this.#enter(handler);
      handler.onEnd(slot);
      this.#leave();
    });
    this.#enter(handler);
    const isWelcome = handler.onAccept(slot, peerOf(socket, address));
    this.#leave();
    if (isWelcome) {
      socket.resume();
      return;
    }
    connection.isClosing = true;
    endAndDrain(socket);
    this.#refused.add(socket);
    if (this.#refused.size > REFUSED_COUNT_MAX) this.#dropRefused();
  }

  /** Refused peers have had a tick and more to read why. */
  #dropRefused(): void {
    for (const socket of this.#refused) socket.destroy();
    this.#refused.clear();
  }
}

/** Ends our half; what the peer still sends is read and dropped until it ends too. */
function endAndDrain(socket: Socket): void {
  socket.end();
  socket.resume();
}
