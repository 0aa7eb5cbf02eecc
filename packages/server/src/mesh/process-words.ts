/**
 * Words of the whole process that its workers share beside the mesh.
 *   word 0        | port + 1, 0 = not known yet |       the first worker stores, the others wait
 *   words 1, 2    | decided | hash of `bind` |          where the first listens, as of which CONFIG
 *                                                       SET; the others follow
 *   word 3        | ending |                            1: a worker has begun to end, so do all
 *   words 4-7     | next id, i64 | floor, i64 |         of the slow log (SlowLogIds)
 *   word 8        | a bit for each worker |             those with clients in MONITOR
 *   word 16       | connections |                       of all workers
 *   words 32, 33  | connections so far, i64 |           the next client id
 *   words 40-43   | until, ms, f64 | holds reads, f64 | CLIENT PAUSE (Pause)
 *   words 48 ...  | eventfd + 1 of worker 0 | ... |     0 = none; closed when all have ended
 *   then          | ring + 1 of worker 0 | ... |    its io_uring, 0 = none
 *   then          | changes of worker 0 | ... |         CONFIG SETs that it has carried out
 *   then          | events of worker 0 | ... |          of keys, that go to its connections
 *   then, f64     | memory of the clients of worker 0 | ... |   bytes, as of its last tick
 */
import { PAUSE_WORDS } from '@kora/core/control';

const PORT = 0;
const DECIDED = 1;
const BIND_HASH = 2;
const ENDING = 3;
const SLOW_LOG_I64 = 2;
/** SLOW_LOG_WORDS of @kora/observability, which a program's own thread does not load. */
const SLOW_LOG_LONGS = 2;
const MONITORS = 8;
const CONNECTIONS = 16;
const LAST_ID_I64 = 16;
const PAUSE_F64 = 20;
const EVENTFDS = 48;

export class ProcessWords {
  readonly buffer: SharedArrayBuffer;
  /** Of the Pause of all shards. */
  readonly pause: Float64Array;
  /** Of the one slow log of all shards. */
  readonly slowLog: BigInt64Array<ArrayBufferLike>;
  readonly #workerCount: number;
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #clientBytes: Float64Array;

  /** New words, or another thread's view of them. */
  constructor(workerCount: number, buffer?: SharedArrayBuffer) {
    this.#workerCount = workerCount;
    const clientBytesAt = (EVENTFDS + workerCount * 4) * 4;
    this.buffer = buffer ?? new SharedArrayBuffer(clientBytesAt + workerCount * 8);
    this.#clientBytes = new Float64Array(this.buffer, clientBytesAt, workerCount);
    this.#words = new Int32Array(this.buffer);
    this.#longs = new BigInt64Array(this.buffer);
    this.pause = new Float64Array(this.buffer, PAUSE_F64 * 8, PAUSE_WORDS);
    this.slowLog = this.#longs.subarray(SLOW_LOG_I64, SLOW_LOG_I64 + SLOW_LOG_LONGS);
  }

  /**
   * The first worker: it listens there now, and so shall all others.
   * @param port 0 = on no TCP address
   * @param bind text of the setting
   */
  setListening(port: number, bind: string): void {
    Atomics.store(this.#words, BIND_HASH, hashOf(bind));
    Atomics.store(this.#words, PORT, port + 1);
    Atomics.notify(this.#words, PORT);
  }

  /** The first worker: where it listens now is its answer to so many CONFIG SETs. */
  decide(changes: number): void {
    Atomics.store(this.#words, DECIDED, changes); // After setListening; pairs with the load below.
  }

  /** CONFIG SETs that the first worker has looked at for its addresses. */
  get decided(): number {
    return Atomics.load(this.#words, DECIDED);
  }

  /** A worker has carried out a CONFIG SET. All do so in one order. */
  countChange(worker: number): void {
    Atomics.add(this.#words, EVENTFDS + this.#workerCount * 2 + worker, 1);
  }

  /** CONFIG SETs that a worker has carried out. */
  changesOf(worker: number): number {
    return Atomics.load(this.#words, EVENTFDS + this.#workerCount * 2 + worker);
  }

  /** True when all workers have carried out as many CONFIG SETs. */
  haveAllChanged(changes: number): boolean {
    for (let worker = 0; worker < this.#workerCount; worker++) {
      if (this.changesOf(worker) !== changes) return false;
    }
    return true;
  }

  /** The port of the last setListening. */
  get port(): number {
    return Atomics.load(this.#words, PORT) - 1;
  }

  /** True when the first worker listens on the names of this text. */
  isBoundTo(bind: string): boolean {
    return Atomics.load(this.#words, BIND_HASH) === hashOf(bind);
  }

  /** Port of the first worker; -1 when it is not known after so long. Blocks the thread. */
  waitForPort(timeoutMs: number): number {
    Atomics.wait(this.#words, PORT, 0, timeoutMs); // Pairs with the store in setListening.
    return Atomics.load(this.#words, PORT) - 1;
  }

  /** The worker has clients in MONITOR, or none any more. */
  setMonitors(worker: number, hasAny: boolean): void {
    // Pairs with the load below, once a turn of every worker.
    if (hasAny) Atomics.or(this.#words, MONITORS, 1 << worker);
    else Atomics.and(this.#words, MONITORS, ~(1 << worker));
  }

  /** Mask of the workers that have clients in MONITOR. */
  get monitors(): number {
    return Atomics.load(this.#words, MONITORS);
  }

  /** A client id that no other connection of the process has. */
  nextClientId(): number {
    return Number(Atomics.add(this.#longs, LAST_ID_I64, 1n)) + 1;
  }

  /**
   * The place of an event among all that go to connections of a worker, modulo 2^32, for whoever
   * sends it there at once.
   */
  nextEventOf(worker: number): number {
    return Atomics.add(this.#words, EVENTFDS + this.#workerCount * 3 + worker, 1);
  }

  /** Connections of all workers. */
  get connectionCount(): number {
    return Atomics.load(this.#words, CONNECTIONS);
  }

  addConnections(count: number): void {
    Atomics.add(this.#words, CONNECTIONS, count);
  }

  /**
   * A worker's clients take so many bytes.
   * @returns bytes of the clients of all workers, those of the others as they said last
   */
  noteClientBytes(worker: number, bytes: number): number {
    this.#clientBytes[worker] = bytes;
    return this.#clientBytes.reduce((sum, one) => sum + one, 0);
  }

  /** A worker begins to end: all shall. @returns false when one has said so before */
  beginEnd(): boolean {
    return Atomics.exchange(this.#words, ENDING, 1) === 0; // Pairs with the load in `isEnding`.
  }

  /** True when all workers shall end. */
  get isEnding(): boolean {
    return Atomics.load(this.#words, ENDING) === 1;
  }

  /**
   * Whoever writes to this eventfd, or posts to this io_uring, ends the worker's wait; -1 = there
   * is none. The eventfd outlives the worker: others may write to it until all have ended.
   */
  setBell(worker: number, eventfd: number, ring: number): void {
    Atomics.store(this.#words, EVENTFDS + this.#workerCount + worker, ring + 1);
    Atomics.store(this.#words, EVENTFDS + worker, eventfd + 1);
  }

  /** The worker's io_uring is closed next. A message that was on its way there is lost. */
  dropRing(worker: number): void {
    Atomics.store(this.#words, EVENTFDS + this.#workerCount + worker, 0);
  }

  /** The eventfd of a worker, -1 when it has none. */
  eventfdOf(worker: number): number {
    return Atomics.load(this.#words, EVENTFDS + worker) - 1;
  }

  /** The io_uring of a worker, -1 when it has none (any more). */
  ringOf(worker: number): number {
    return Atomics.load(this.#words, EVENTFDS + this.#workerCount + worker) - 1;
  }
}

/** FNV-1a of a text, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}
