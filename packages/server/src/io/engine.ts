/**
 * What a worker asks of an I/O engine, and what an engine tells it: numbers only. Connections are
 * slots, bytes are ranges of the worker memory, nothing is a promise or a stream, so that the same
 * sessions run on node:net, epoll and io_uring. Rules:
 *   - events come in turns: onTurnStart, any number of events, onTurnEnd;
 *   - bytes of onReceive lie in low memory of the engine's own, valid during the call only, or at
 *     the place that receiveInto gave;
 *   - a range given to `send` or `receiveInto` belongs to the engine until it is named back
 *     (true from send, onSent, onReceive there) or onClosed;
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
  /**
   * Of TCP: `none` (the default) has the address alone; `first` and `next` are listeners of several
   * threads, among which the system deals connections out, and `first` fails when another process
   * has the address.
   */
  readonly sharing?: 'none' | 'first' | 'next';
}

/** What the engine calls. Implemented by the worker; must not throw. */
export interface EngineHandler {
  /** Events follow: the clock is read here, once for all of them. */
  onTurnStart(): void;
  /** All events of the turn were delivered. */
  onTurnEnd(): void;
  /** False refuses the connection: it is closed at once, after what the worker sent. */
  onAccept(slot: number, peer: Peer): boolean;
  /**
   * `bytes` bytes of the slot lie at `at`: in the engine's receive region, or where receiveInto
   * asked for them. Also after pauseReceive, for what had arrived before.
   */
  onReceive(slot: number, at: number, bytes: number): void;
  /** The peer will send nothing more; it may still read. */
  onEnd(slot: number): void;
  /** A range that send() kept is free again. Ranges of a slot come back in order. */
  onSent(slot: number): void;
  /** The connection is gone, for whatever reason. Ranges it still kept are free. */
  onClosed(slot: number): void;
  /** About every TICK_MS, unless tickAfter said otherwise. */
  onTick(): void;
  /** The turn asked for by requestTurn. */
  onTurn(): void;
  /** Somebody wrote to the descriptor of a LoopEngine: control messages are waiting. */
  onWake(): void;
  /**
   * An operation on a file has ended: bytes written (perhaps fewer than asked for), 0 for a sync,
   * or the negative number of an error.
   */
  onFile?(token: number, result: number): void;
}

/** Milliseconds from one tick to the next. */
export const TICK_MS = 100;

/** Largest token of an operation on a file. */
export const FILE_TOKEN_MAX = 2 ** 28 - 1;

/** Operations on open files that end by EngineHandler.onFile with their token. */
export interface FileOperations {
  /**
   * Writes [at, at + bytes) of the worker memory at `offset` of the file. The range belongs to the
   * engine until the end.
   * @param isDurable it ends when a loss of power does not take what was written
   */
  write(
    token: number, descriptor: number, at: number, bytes: number, offset: number,
    isDurable: boolean,
  ): void;
  /**
   * Makes what was written before durable (fdatasync). Not ordered after writes that are still
   * under way: ask for it when they have ended.
   */
  sync(token: number, descriptor: number): void;
}

/** Most bytes that an engine delivers at once. */
export const RECEIVE_BYTES_MAX = 65_536;

/** A number in shared memory: an engine that waits for another one is up when 1 was added to it. */
export interface Bell {
  readonly buffer: SharedArrayBuffer;
  /** Index of its 32-bit word. */
  readonly word: number;
}

/** An I/O engine of one worker. */
export interface IoEngine {
  /** `node`, `epoll` or `uring`. */
  readonly name: string;
  /** True where a connection carries calls of many callers: none of them may hold up the others. */
  readonly isShared?: boolean;
  /** Operations on files, after start; absent where the engine has none. */
  readonly files?: FileOperations | undefined;
  /** What ends its wait without a system call, where it waits for that. */
  readonly bell?: Bell;
  start(memory: WorkerMemory, handler: EngineHandler): void;
  /**
   * Calls back with the bound port (0 for a unix socket), or the reason it could not.
   * @returns the listener's number, for stopListening
   */
  listen(address: ListenAddress, done: (error: Error | null, port: number) => void): number;
  /** True when the bytes are out and the range is free; false when it stays in use until onSent. */
  send(slot: number, at: number, bytes: number): boolean;
  /**
   * Asks for the connection's next bytes in [at, at + bytes) instead of the receive region. One
   * range at a time: it belongs to the engine until the next onReceive of the slot or onClosed.
   * That onReceive names `at`, with as many bytes as there were (ask again for more), or bytes in
   * the receive region that had arrived before: the range is untouched and free then.
   * @returns false when the engine does not do this: bytes come as ever, the range is not touched
   */
  receiveInto(slot: number, at: number, bytes: number): boolean;
  /**
   * What is sent to the slot from here on tells of changes that are not durable, for the log cannot
   * be written; an error of 0 ends that. Absent where nobody can be told: such replies wait.
   */
  setDoubt?(slot: number, errno: number): void;
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
  /**
   * Ends the wait of another thread, no later than this engine waits itself: by a 1 to the eventfd
   * of its engine or by a message to its io_uring. Absent where there are no such descriptors.
   * @param ring the other's LoopEngine.ringDescriptor
   */
  signal?(eventfd: number, ring: number): void;
  /** The same for engines on Node's loop: makes another worker of the process take a turn. */
  ring?(worker: number): void;
  /** One onTurn soon; several requests are one. */
  requestTurn(): void;
  /**
   * Moves the next tick: it comes `ms` from now, those after it every TICK_MS as ever. The engine
   * may be earlier where it needs a tick itself. Absent: nothing moves.
   * @param ms TICK_MS or more, at most a minute
   */
  tickAfter?(ms: number): void;
  /** Stops accepting there; the address is free when it returns. */
  stopListening(listener: number): void;
  /** Ends all; nothing is called afterwards. */
  stop(): void;
}

/** An engine with a loop of its own, for a thread that never returns to Node's. */
export interface LoopEngine extends IoEngine {
  /**
   * Eight bytes written to this eventfd (a 64-bit 1 in the machine's order) end a wait in the
   * kernel and lead to onWake. Valid after start; any thread may write.
   */
  readonly wakeDescriptor: number;
  /**
   * A second descriptor of the same eventfd, for other threads: it stays valid when the engine has
   * ended, so that a late write goes nowhere instead of to whatever has the number by then.
   * @returns the caller's to close; -1 when the system has none left
   */
  shareWake(): number;
  /** Its io_uring, to which others may post a message that ends a wait; -1 = it has none. */
  readonly ringDescriptor: number;
  /**
   * One turn: waits for events, no longer than until the next tick, and delivers them.
   * @param mayWait false: only what is there already
   * @returns false once the engine was stopped
   */
  turn(mayWait: boolean): boolean;
}
