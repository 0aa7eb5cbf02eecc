/**
 * What a worker asks of an I/O engine, and what an engine tells it: numbers only. Connections are
 * slots, bytes are ranges of the worker memory, nothing is a promise or a stream, so that the same
 * sessions run on node:net, epoll and io_uring. Rules:
 *   - bytes of onReceive lie in low memory of the engine's own and are valid during the call only;
 *   - a range given to `send` belongs to the engine until `send` returned true or onSent named it;
 *   - no method calls the handler back before it returns;
 *   - after onClosed the slot may be given to another connection.
 */
import type { WorkerMemory } from '@kora/core';

/** Where a connection comes from. */
export interface Peer {
  /** `127.0.0.1:50000`, `[::1]:50000`, or the path of a unix socket with `:0`. */
  readonly address: string;
  readonly localAddress: string;
  readonly isLoopback: boolean;
  readonly isUnixSocket: boolean;
  /** File descriptor, -1 where the engine does not know it. */
  readonly descriptor: number;
}

/** One address to listen on. */
export interface ListenAddress {
  /** Host for TCP, absent for a unix socket. */
  readonly host?: string;
  /** 0 = any free port. */
  readonly port?: number;
  readonly path?: string;
  /** Permissions of the unix socket's file, for example 0o700; 0 = as the system makes it. */
  readonly pathMode?: number;
  readonly backlog: number;
}

/** What the engine calls. Implemented by the worker; must not throw. */
export interface EngineHandler {
  /** False refuses the connection: it is closed at once, after what the worker sent. */
  onAccept(slot: number, peer: Peer): boolean;
  /** `bytes` bytes of the slot lie at `at`, in the engine's receive region of the worker memory. */
  onReceive(slot: number, at: number, bytes: number): void;
  /** The peer will send nothing more; it may still read. */
  onEnd(slot: number): void;
  /** A range that send() kept is free again. Ranges of a slot come back in order. */
  onSent(slot: number): void;
  /** The connection is gone, for whatever reason. Ranges it still kept are free. */
  onClosed(slot: number): void;
  /** About every 100 ms. */
  onTick(): void;
  /** The turn asked for by requestTurn. */
  onTurn(): void;
}

/** Most bytes that an engine delivers at once. */
export const RECEIVE_BYTES_MAX = 65_536;

/** An I/O engine of one worker. */
export interface IoEngine {
  /** `node`, `epoll` or `uring`. */
  readonly name: string;
  /** Why this engine was chosen, for INFO and the log. */
  readonly reason: string;
  start(memory: WorkerMemory, handler: EngineHandler): void;
  /**
   * Calls back with the bound port (0 for a unix socket), or the reason it could not.
   * @returns the listener's number, for stopListening
   */
  listen(address: ListenAddress, done: (error: Error | null, port: number) => void): number;
  /** True when the bytes are out and the range is free; false when it stays in use until onSent. */
  send(slot: number, at: number, bytes: number): boolean;
  pauseReceive(slot: number): void;
  resumeReceive(slot: number): void;
  /**
   * Graceful: after all that was sent has left and the peer has ended too, so that a reset does not
   * destroy what the peer has not read; what it still sends is dropped. Else at once. onClosed
   * follows in both cases.
   */
  close(slot: number, isGraceful: boolean): void;
  /** Seconds of idleness before TCP keepalive probes, 0 = none. */
  setKeepAlive(slot: number, seconds: number): void;
  /** One onTurn soon; several requests are one. */
  requestTurn(): void;
  /** Stops accepting there; the address is free when it returns. */
  stopListening(listener: number): void;
  /** Ends all; nothing is called afterwards. */
  stop(): void;
}
