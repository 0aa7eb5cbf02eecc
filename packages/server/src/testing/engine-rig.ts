/**
 * An I/O engine with a handler that a test scripts, and plain sockets on the other side. It holds
 * every engine to the contract of engine.ts while the test looks at bytes:
 *   - events come inside turns, never inside a call of the engine, never after onClosed;
 *   - ranges come back in order, and every connection closes once;
 *   - a range that was named back is filled with POISON at once, and so is what onReceive named
 *     when it returns: an engine that still looks there sends poison, and the test sees it.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WorkerMemory } from '@kora/core';
import { openEpoll } from '../io/epoll/epoll-engine.ts';
import type { EngineHandler, IoEngine, ListenAddress, LoopEngine, Peer } from '../io/engine.ts';
import { NodeEngine } from '../io/node-engine.ts';
import type { PortSharing } from '../io/node-listening.ts';
import { openUring } from '../io/uring/uring-engine.ts';
import { polled } from './polled-engine.ts';

/** No test sends this byte. */
export const POISON = 0xdb;
const LOW_BYTES = 128 * 1024 * 1024;

/** What io_uring can be without; the engine has a fallback for each. */
const NEWER_FEATURES = [
  'defer-taskrun', 'coop-taskrun', 'ACCEPT_MULTISHOT', 'RECV_MULTISHOT', 'SENDMSG',
];

/** A way to get an engine for the test's own thread. */
export interface EngineKind {
  readonly name: string;
  readonly isLoop: boolean;
  open(): IoEngine;
}

/** The engine on node:net as one worker of several has it; nobody wakes it but itself. */
export function nodeAmongOthers(index = 0, sharing?: PortSharing): NodeEngine {
  const way = sharing === undefined ? {} : { sharing };
  return new NodeEngine({ index, mayRest: () => true, ring: () => undefined, ...way });
}

/** Engines that can be had here. node:net always, epoll on every Linux. */
export function engineKinds(): EngineKind[] {
  const kinds: EngineKind[] = [
    { name: 'node', isLoop: false, open: () => new NodeEngine() },
    { name: 'node among others', isLoop: false, open: () => nodeAmongOthers() },
  ];
  for (const [name, open] of [['epoll', openEpoll], ['uring', openUring]] as const) {
    const probe = open();
    if (typeof probe === 'string') continue;
    probe.stop();
    kinds.push({ name, isLoop: true, open: () => polled(opened(open())) });
    if (name !== 'uring') continue;
    const openOlder = (): IoEngine => polled(opened(openUring({ refused: NEWER_FEATURES })));
    kinds.push({ name: 'uring of an older kernel', isLoop: true, open: openOlder });
  }
  return kinds;
}

function opened(engine: LoopEngine | string): LoopEngine {
  if (typeof engine === 'string') throw new Error(engine);
  return engine;
}

interface Range {
  readonly ref: number;
  readonly at: number;
  readonly bytes: number;
}

/** What the rig knows of one slot. */
export class RigConnection {
  readonly slot: number;
  readonly peer: Peer;
  readonly held: Range[] = [];
  received: Buffer[] = [];
  hasEnded = false;
  isClosed = false;
  /** Range asked for by receiveInto. */
  asked: Range | undefined;
  sentCount = 0;

  constructor(slot: number, peer: Peer) {
    this.slot = slot;
    this.peer = peer;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.received);
  }

  get byteCount(): number {
    return this.received.reduce((sum, piece) => sum + piece.length, 0);
  }
}

/** What a test does in the handler's calls; none = nothing but taking notes. */
export interface Script {
  onAccept?(connection: RigConnection): boolean;
  onReceive?(connection: RigConnection, bytes: Buffer): void;
  onEnd?(connection: RigConnection): void;
  onSent?(connection: RigConnection): void;
  onClosed?(connection: RigConnection): void;
  onTick?(): void;
  onTurn?(): void;
  onWake?(): void;
  onTurnEnd?(): void;
}

export class EngineRig implements EngineHandler {
  readonly memory: WorkerMemory;
  readonly engine: IoEngine;
  /** Connections in the order they were accepted, closed ones included. */
  readonly connections: RigConnection[] = [];
  readonly sockets: Socket[] = [];
  script: Script;
  ticks = 0;
  turns = 0;
  wakes = 0;
  /** Results of operations on files by token. */
  readonly files = new Map<number, number>();
  /** What went against the contract. */
  readonly broken: string[] = [];
  readonly #bySlot = new Map<number, RigConnection>();
  #isInTurn = false;
  #isInCall = false;
  #isStopped = false;

  constructor(kind: EngineKind, script: Script = {}) {
    this.memory = WorkerMemory.create({ lowBytes: LOW_BYTES });
    this.engine = kind.open();
    this.script = script;
    this.engine.start(this.memory, this);
  }

  // ------------------------------------------------------------------ what tests call

  listen(address: Partial<ListenAddress> = {}): Promise<{ listener: number; port: number }> {
    const host = address.path === undefined ? { host: '127.0.0.1' } : {};
    return new Promise((resolve, reject) => {
      const answer = { listener: -1, port: 0 };
      answer.listener = this.engine.listen(
        { port: 0, backlog: 511, ...host, ...address }, (error, port) => {
          if (error !== null) {
            reject(error);
            return;
          }
          answer.port = port;
          resolve(answer);
        },
      );
    });
  }

  /** A client's socket; the server's side is the next of `connections`. */
  connect(target: { port: number; host?: string } | { path: string }): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', allowHalfOpen: true, ...target });
      this.sockets.push(socket);
      socket.once('error', reject);
      socket.once('close', () => {
        reject(new Error('closed before it was connected'));
      });
      socket.once('connect', () => {
        socket.off('error', reject);
        socket.on('error', () => undefined);
        resolve(socket);
      });
    });
  }

  /** A client and the connection it became. */
  async pair(): Promise<{ client: Socket; connection: RigConnection }> {
    const { port } = await this.listen();
    const before = this.connections.length;
    const client = await this.connect({ port });
    await until(() => this.connections.length > before);
    const connection = this.connections[before];
    if (connection === undefined) throw new Error('the connection was not accepted');
    return { client, connection };
  }

  /** Sends a copy of the bytes; poisons it as soon as it may. */
  send(connection: RigConnection, bytes: Uint8Array): boolean {
    const range = this.#take(bytes.length);
    this.memory.low.set(bytes, range.at);
    const isSent = this.call(() => this.engine.send(connection.slot, range.at, range.bytes));
    if (isSent) this.#give(range);
    else connection.held.push(range);
    return isSent;
  }

  /** Asks for the connection's next bytes in a range of its own. */
  receiveInto(connection: RigConnection, bytes: number): boolean {
    const range = this.#take(bytes);
    const { engine } = this;
    const isAsked = this.call(() => engine.receiveInto(connection.slot, range.at, range.bytes));
    if (isAsked) connection.asked = range;
    else this.#give(range);
    return isAsked;
  }

  close(connection: RigConnection, isGraceful: boolean): void {
    this.call(() => {
      this.engine.close(connection.slot, isGraceful);
    });
  }

  /** Calls the engine; a callback meanwhile breaks the contract. */
  call<Result>(method: () => Result): Result {
    this.#isInCall = true;
    try {
      return method();
    } finally {
      this.#isInCall = false;
    }
  }

  stop(): void {
    this.call(() => {
      this.engine.stop();
    });
    this.#isStopped = true;
    for (const socket of this.sockets) socket.destroy();
  }

  // ------------------------------------------------------------------ what the engine calls

  onTurnStart(): void {
    this.#note(!this.#isInTurn, 'a turn inside a turn');
    this.#note(!this.#isInCall, 'a turn inside a call');
    this.#isInTurn = true;
  }

  onTurnEnd(): void {
    this.#event('onTurnEnd');
    this.script.onTurnEnd?.();
    this.#isInTurn = false;
  }

  onAccept(slot: number, peer: Peer): boolean {
    this.#event('onAccept');
    this.#note(!this.#bySlot.has(slot), 'a slot was given to two connections');
    const connection = new RigConnection(slot, peer);
    this.#bySlot.set(slot, connection);
    this.connections.push(connection);
    return this.script.onAccept?.(connection) ?? true;
  }

  onReceive(slot: number, at: number, bytes: number): void {
    const connection = this.#of(slot, 'onReceive');
    this.#note(!connection.hasEnded, 'bytes after the end');
    this.#note(bytes > 0, 'an onReceive of nothing');
    const { asked } = connection;
    const isAsked = asked !== undefined && at === asked.at;
    if (isAsked) this.#note(bytes <= asked.bytes, 'more than was asked for');
    else this.#note(bytes <= 65_536, 'more than the bound at once');
    const { low } = this.memory;
    const piece = Buffer.from(low.slice(at, at + bytes));
    connection.received.push(piece);
    if (isAsked) {
      connection.asked = undefined;
      this.#give(asked);
    } else {
      low.fill(POISON, at, at + bytes);
    }
    this.script.onReceive?.(connection, piece);
  }

  onEnd(slot: number): void {
    const connection = this.#of(slot, 'onEnd');
    this.#note(!connection.hasEnded, 'two ends');
    connection.hasEnded = true;
    this.script.onEnd?.(connection);
  }

  onSent(slot: number): void {
    const connection = this.#of(slot, 'onSent');
    const range = connection.held.shift();
    this.#note(range !== undefined, 'onSent for nothing');
    if (range !== undefined) this.#give(range);
    connection.sentCount++;
    this.script.onSent?.(connection);
  }

  onClosed(slot: number): void {
    const connection = this.#of(slot, 'onClosed');
    this.#bySlot.delete(slot);
    connection.isClosed = true;
    for (const range of connection.held.splice(0)) this.#give(range);
    if (connection.asked !== undefined) this.#give(connection.asked);
    connection.asked = undefined;
    this.script.onClosed?.(connection);
  }

  onTick(): void {
    this.#event('onTick');
    this.ticks++;
    this.script.onTick?.();
  }

  onTurn(): void {
    this.#event('onTurn');
    this.turns++;
    this.script.onTurn?.();
  }

  onWake(): void {
    this.#event('onWake');
    this.wakes++;
    this.script.onWake?.();
  }

  onFile(token: number, result: number): void {
    this.#event('onFile');
    this.#note(!this.files.has(token), 'an operation on a file ended twice');
    this.files.set(token, result);
  }

  #of(slot: number, event: string): RigConnection {
    this.#event(event);
    const connection = this.#bySlot.get(slot);
    if (connection !== undefined) return connection;
    this.broken.push(`${event} for a slot without a connection`);
    throw new Error(`${event} for slot ${slot}, which has no connection`);
  }

  #event(name: string): void {
    this.#note(this.#isInTurn, `${name} outside a turn`);
    this.#note(!this.#isInCall, `${name} inside a call`);
    this.#note(!this.#isStopped, `${name} after stop`);
  }

  #note(isKept: boolean, what: string): void {
    if (!isKept) this.broken.push(what);
  }

  #take(bytes: number): Range {
    const ref = this.memory.lowAllocator.alloc(bytes);
    if (ref === 0) throw new Error('the rig is out of low memory');
    return { ref, at: ref * 8, bytes };
  }

  /** The range is nobody's: whoever still reads it reads poison. */
  #give(range: Range): void {
    this.memory.low.fill(POISON, range.at, range.at + range.bytes);
    this.memory.lowAllocator.free(range.ref);
  }
}

/** Resolves when the condition holds; looked at between turns of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Some turns of the event loop: time for what should not happen. */
export async function someTurns(): Promise<void> {
  for (let i = 0; i < 50; i++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Everything a socket gets until the other side ends, and whether it broke off. */
export function readAll(socket: Socket): Promise<{ bytes: Buffer; isReset: boolean }> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let isReset = false;
    const done = (): void => {
      resolve({ bytes: Buffer.concat(pieces), isReset });
    };
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('error', () => {
      isReset = true;
    });
    socket.on('end', done);
    socket.on('close', done);
  });
}

/** Bytes without poison: a pattern that shows where a piece is missing or twice. */
export function pattern(bytes: number, from = 0): Buffer {
  const made = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) made[i] = ((from + i) * 7 + ((from + i) >>> 8)) % 211;
  return made;
}
