/**
 * A client of the simulator: asks in pipelines, some of it in MULTI and under WATCH, waits for the
 * replies, and tells the history both. What it knows of the server is bytes: those it has sent and
 * that have not been received yet, and those that have come back.
 */
import type { RandomSource } from '@kora/core/testing';
import { encodeRequest } from '@kora/server/testing';
import type { History } from './history.ts';
import type { Operation } from './operation.ts';
import type { Plan, Weights } from './plan.ts';
import type { Reply } from './reply.ts';
import { isError, ReplyReader, shownReply } from './reply.ts';
import type { Request } from './run-notes.ts';
import type { Actor, Place } from './scene.ts';
import { SessionOrder } from './session-order.ts';
import type { Workload } from './workload.ts';

/** What all clients share. */
export interface ClientContext {
  readonly random: RandomSource;
  readonly plan: Plan;
  readonly history: History;
  readonly workload: Workload;
  /** A line for who watches the run. */
  readonly trace: (line: () => string) => void;
}

/** A request without a reply yet. */
interface Waiting {
  readonly words: readonly string[];
  readonly operation: Operation | undefined;
  /** What is wrong with the reply, null when nothing is. */
  readonly check: (reply: Reply) => string | null;
}

/** Keys that are there all the time, which a SCAN has to find. */
export const PINNED_KEYS: readonly string[] = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'];

const nothingWrong = (): null => null;

export class SimClient implements Actor {
  readonly name: string;
  readonly place: Place;
  /** Sent and not received by the worker. */
  outgoing: Buffer = Buffer.alloc(0);
  isGone = false;
  readonly #context: ClientContext;
  readonly #order: SessionOrder;
  readonly #reader = new ReplyReader();
  readonly #waiting: Waiting[] = [];
  /** All that it has asked for, and how many of these its worker has taken. */
  readonly #requests: Request[] = [];
  #taken = 0;
  #batch: Buffer[] = [];
  /** WATCHes since the last EXEC. */
  #watches: number[] = [];
  #cursor = '0';
  #found = new Set<string>();
  #isScanning = false;

  constructor(name: string, place: Place, context: ClientContext) {
    this.name = name;
    this.place = place;
    this.#context = context;
    const { order, workerCount } = context.plan;
    this.#order = new SessionOrder(order, workerCount, place.worker);
  }

  /** Requests without a reply. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** What the oldest of them is. */
  get oldestWaiting(): string {
    return this.#waiting[0]?.words.map((word) => word.slice(0, 30)).join(' ') ?? 'nothing';
  }

  /** True when it may send something now. */
  get mayAsk(): boolean {
    return !this.isGone && this.#waiting.length < this.#context.plan.pipelineMax;
  }

  /** The worker takes the next of its requests; undefined when it has no more. */
  takeRequest(): Request | undefined {
    return this.#requests[this.#taken++];
  }

  /** The request that was taken last. */
  get lastRequest(): Request | undefined {
    return this.#requests[this.#taken - 1];
  }

  /** Sends a pipeline. */
  ask(): void {
    const { random, plan, workload } = this.#context;
    for (let left = 1 + random.below(plan.pipelineMax); left > 0; left--) {
      const follows = this.#watches.length > 0 && random.chance(0.6);
      this.#askFor(follows ? 'exec' : workload.kind());
    }
    this.#flush();
  }

  /** Sends one command and nothing else. */
  askOne(words: readonly string[]): void {
    this.#askCommand(words);
    this.#flush();
  }

  #askFor(kind: keyof Weights): void {
    switch (kind) {
      case 'exec':
        this.#askTransaction();
        return;
      case 'watch':
        this.#askWatch();
        return;
      case 'scan':
        this.#askScan();
        return;
      case 'process':
        this.#askProcess();
        return;
      default:
        this.#askCommand(this.#context.workload.command(kind));
    }
  }

  #askCommand(words: readonly string[]): void {
    const { history } = this.#context;
    const after = this.#order.next(history.operations.length, 'command', words);
    const operation = history.add({
      client: this.name, kind: 'command', commands: [words], after,
    });
    this.#send(words, nothingWrong, operation);
  }

  #askWatch(): void {
    const { history, random, workload } = this.#context;
    if (this.#watches.length > 0 && random.chance(0.1)) {
      this.#send(['UNWATCH'], expectReply('+OK'));
      this.#watches = [];
      return;
    }
    const { strings, lists, sets } = workload.keys();
    const all = [...strings, ...lists, ...sets];
    const one = (): string => all[random.below(all.length)] ?? '';
    const keys = Array.from({ length: 1 + random.below(3) }, one);
    const words = ['WATCH', ...keys];
    const after = this.#order.next(history.operations.length, 'watch', words);
    const operation = history.add({ client: this.name, kind: 'watch', commands: [words], after });
    this.#watches.push(operation.index);
    this.#send(words, nothingWrong, operation);
  }

  #askTransaction(): void {
    const { history, random, plan, workload } = this.#context;
    const commands: string[][] = [];
    for (let left = random.below(6); left >= 0; left--) {
      const kind = workload.kind();
      const isCommand = QUEUED_KINDS.has(kind);
      commands.push(workload.command(isCommand ? kind : 'write'));
    }
    this.#send(['MULTI'], expectReply('+OK'));
    const mayLack = plan.maxmemory > 0;
    for (const words of commands) this.#send(words, expectReply('+QUEUED', mayLack));
    const watches = this.#watches;
    this.#watches = [];
    if (random.chance(0.05)) {
      this.#send(['DISCARD'], expectReply('+OK'));
      return;
    }
    const after = this.#order.next(history.operations.length, 'exec', []);
    const operation = history.add({ client: this.name, kind: 'exec', commands, after, watches });
    this.#send(['EXEC'], nothingWrong, operation);
  }

  #askScan(): void {
    const { random } = this.#context;
    if (this.#isScanning) {
      this.#send(['PING'], expectReply('+PONG'));
      return;
    }
    this.#isScanning = true;
    const words = ['SCAN', this.#cursor, 'COUNT', String(1 + random.below(12))];
    this.#send(words, (reply) => this.#takeScan(reply));
  }

  #takeScan(reply: Reply): string | null {
    this.#isScanning = false;
    if (reply === null || typeof reply === 'string') return 'SCAN answers an array';
    const [cursor, keys] = reply;
    if (typeof cursor !== 'string' || keys === null || typeof keys !== 'object') {
      return 'SCAN answers a cursor and keys';
    }
    this.#cursor = cursor.slice(1);
    for (const key of keys) this.#found.add(String(key).slice(1));
    if (this.#cursor !== '0') return null;
    const missing = PINNED_KEYS.filter((key) => !this.#found.has(key));
    this.#found = new Set();
    const mayMiss = this.#context.plan.weights.flush > 0;
    return mayMiss || missing.length === 0 ? null : `SCAN has not found ${missing.join(' ')}`;
  }

  #askProcess(): void {
    const { random } = this.#context;
    const all = [['DBSIZE'], ['PING'], ['KEYS', '*'], ['RANDOMKEY'], ['INFO', 'keyspace']];
    const words = all[random.below(all.length)] ?? ['PING'];
    this.#send(words, (reply) => (isError(reply, '') ? `${words.join(' ')} failed` : null));
  }

  #send(
    words: readonly string[], check: Waiting['check'], operation?: Operation,
  ): void {
    this.#context.trace(() =>
      `${this.name} asks ${words.map((word) => word.slice(0, 30)).join(' ')}`);
    this.#batch.push(encodeRequest(words));
    this.#waiting.push({ words, check, operation });
    this.#requests.push({ name: (words[0] ?? '').toLowerCase(), operation });
  }

  #flush(): void {
    this.outgoing = Buffer.concat([this.outgoing, ...this.#batch]);
    this.#batch = [];
  }

  /** Bytes have come. @returns what is wrong with them, null when nothing is */
  take(bytes: Uint8Array): string | null {
    const { history, trace } = this.#context;
    if (this.isGone) return null;
    this.#reader.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
    for (let reply = this.#reader.next(); reply !== undefined; reply = this.#reader.next()) {
      const waiting = this.#waiting.shift();
      const shown = shownReply(reply);
      trace(() => `${this.name} hears ${shown}`);
      if (waiting === undefined) return `${this.name} hears what it has not asked for: ${shown}`;
      if (waiting.operation !== undefined) history.complete(waiting.operation, reply);
      const wrong = waiting.check(reply);
      if (wrong !== null) return `${this.name}: ${waiting.words.join(' ')}: ${wrong}: ${shown}`;
    }
    return null;
  }
}

const QUEUED_KINDS: ReadonlySet<string> = new Set([
  'read', 'readMany', 'write', 'writeMany', 'collection', 'move', 'deadline', 'flush',
]);

function expectReply(wanted: string, mayLackMemory = false): Waiting['check'] {
  return (reply) => {
    if (reply === wanted || (mayLackMemory && isError(reply, 'OOM'))) return null;
    return `${wanted} was to be answered`;
  };
}
