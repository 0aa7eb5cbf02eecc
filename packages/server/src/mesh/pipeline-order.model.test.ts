/**
 * What clients can find out about the order of pipelines: connections on several workers send
 * pipelines of commands whose keys are anywhere, MGET, WATCH and EXEC among them, cut at random
 * bytes; others look and change in between; workers take their turns in a random order, and as
 * threads do also inside each other's, wherever one has to do with the order. From the replies
 * alone follows the order on each key, and with it whether one order of all commands explains what
 * everybody saw when: with `strict` in the order of each connection too, with `writes` but for
 * reads behind reads. A check that could not fail would be worth nothing, so each rule is also
 * tested with the part of the mesh that it needs taken out.
 */
import { OrderHistory } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { belowOf, connectTo, encodeRequest, keysOf } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import type { ObservedAccess } from '../testing/observed-keys.ts';
import { orderOfCounter, orderOfRegister } from '../testing/observed-keys.ts';
import type { ReplyValue } from '../testing/reply-reader.ts';
import { ReplyReader } from '../testing/reply-reader.ts';
import { PipelineOrder } from './origin.ts';

type Below = (bound: number) => number;

/** What is taken out of the mesh. */
type Break =
  | 'nothing'
  /** A command behind others in the order does not wait until those have their place. */
  | 'settle'
  /** The parts of a publication are there one by one, not in one moment. */
  | 'parts'
  /** What has come together is published without a look at what came before it here. */
  | 'burst'
  /** Bytes that come, and sessions that go on, do not wait for what has its place before them. */
  | 'catch-up'
  /** What has its place is run turns later than single requests that come after it. */
  | 'late';

interface Shape {
  readonly workerCount: number;
  /** The rule of the mesh, and the one that is checked. */
  readonly order: number;
  readonly rule: number;
  readonly breaks: Break;
}

/** Of every worker so many counters, and as many registers. */
const KEYS_EACH = 2;
const PIPELINERS = 5;
const LOOKERS = 4;
const STEPS = 70;
/** Commands of a connection that may be without a reply when it sends more. */
const UNDER_WAY_MAX = 40;

interface Operation {
  readonly id: number;
  readonly words: readonly (readonly string[])[];
  readonly keys: readonly number[];
  readonly isWrite: boolean;
}

class Connection {
  readonly client: MeshClient;
  readonly sendsPipelines: boolean;
  readonly replies = new ReplyReader();
  readonly underWay: Operation[] = [];
  /** Replies of the oldest that are here. */
  readonly got: ReplyValue[] = [];
  /** The last write, and reads begun since. */
  lastWrite = -1;
  isSending = false;
  reads: number[] = [];

  constructor(client: MeshClient, sendsPipelines: boolean) {
    this.client = client;
    this.sendsPipelines = sendsPipelines;
  }
}

class Run {
  readonly mesh: MeshRig;
  readonly history = new OrderHistory();
  readonly #below: Below;
  readonly #shape: Shape;
  readonly #writeShare: number;
  readonly #connections: readonly Connection[];
  /** Counters first, then registers. */
  readonly #keys: readonly string[];
  readonly #observed: ObservedAccess[][];
  /** Workers in whose turns we are. */
  readonly #busy = new Set<number>();
  #isOver = false;

  constructor(seed: number, shape: Shape) {
    const below = belowOf(seed);
    const { workerCount, order } = shape;
    this.#below = below;
    this.#shape = shape;
    this.#writeShare = [20, 45, 70, 90][below(4)] ?? 0;
    // Half of the meshes look at requests one by one, so that none of them are a burst.
    const hasBursts = seed % 2 === 0 || shape.breaks === 'burst';
    this.mesh = new MeshRig(workerCount, hasBursts ? { seed } : { seed, aheadCountMax: 1 });
    const owned = this.mesh.rigs.map((_, i) => keysOf(i, workerCount, 2 * KEYS_EACH));
    this.#keys = [
      ...owned.flatMap((keys) => keys.slice(0, KEYS_EACH)),
      ...owned.flatMap((keys) => keys.slice(KEYS_EACH)),
    ];
    this.#observed = this.#keys.map(() => []);
    this.#connections = Array.from({ length: PIPELINERS + LOOKERS }, (_, i) =>
      new Connection(connectTo(this.mesh, below(workerCount)), i < PIPELINERS));
    for (const { worker } of this.mesh.rigs) {
      if (worker.mesh !== null) worker.mesh.origin.order = order;
    }
    for (let index = 0; index < workerCount; index++) this.#prepare(index);
    for (let step = 0; step < STEPS; step++) this.#step();
    this.#settle();
  }

  /** What is wrong, or an empty text. */
  verdict(): string {
    if (this.#connections.some(({ underWay }) => underWay.length > 0)) return 'no reply';
    for (const [key, observed] of this.#observed.entries()) {
      const isCounter = key < this.#keys.length / 2;
      const { fault, accesses } = (isCounter ? orderOfCounter : orderOfRegister)(observed);
      if (fault !== '') return fault;
      for (const { operation, isWrite } of accesses) this.history.access(operation, key, isWrite);
    }
    return this.history.isSerializable() ? '' : 'no order explains it';
  }

  /** Lets others in where a worker has to do with the order; takes out what is to be missing. */
  #prepare(index: number): void {
    const { worker, engine } = this.mesh.rigs[index]!;
    const { mesh } = worker;
    if (mesh === null) return;
    const { lanes, port: { control: { order } } } = mesh;
    const { breaks } = this.#shape;
    const catchUp = lanes.catchUp.bind(lanes);
    lanes.catchUp = () => {
      if (breaks === 'late' && this.#below(4) > 0) {
        engine.requestTurn();
        return true;
      }
      const hasCaughtUp = catchUp();
      this.#letOthersIn();
      return hasCaughtUp;
    };
    const append = order.append.bind(order);
    order.append = (...entry) => {
      append(...entry);
      if (breaks === 'parts') {
        order.unlock();
        order.tryLock();
      }
      this.#letOthersIn();
    };
    const takeWords = mesh.takeWords.bind(mesh);
    mesh.takeWords = (peer) => {
      this.#letOthersIn();
      takeWords(peer);
    };
    lanes.publish = this.#amongOthers(lanes.publish.bind(lanes));
    lanes.publishCaughtUp = this.#amongOthers(lanes.publishCaughtUp.bind(lanes));
    lanes.takeNumber = this.#amongOthers(lanes.takeNumber.bind(lanes));
    if (breaks === 'settle') lanes.settle = () => true;
    if (breaks === 'burst') lanes.publishCaughtUp = this.#amongOthers(() => lanes.publish());
    if (breaks === 'catch-up') lanes.isCaughtUp = () => true;
  }

  #amongOthers<Result>(act: () => Result): () => Result {
    return () => {
      this.#letOthersIn();
      const result = act();
      this.#letOthersIn();
      return result;
    };
  }

  #letOthersIn(): void {
    if (this.#isOver || this.#busy.size > 2 || this.#below(4) > 0) return;
    for (let steps = 1 + this.#below(4); steps > 0; steps--) {
      const [connection] = this.#free();
      if (connection !== undefined && this.#below(3) > 0) this.#send(connection);
      else this.#turn();
    }
  }

  /** Connections that may send now, in a random order. */
  #free(): Connection[] {
    const first = this.#below(this.#connections.length);
    const rotated = [...this.#connections.slice(first), ...this.#connections.slice(0, first)];
    return rotated.filter(({ client, sendsPipelines, underWay, isSending }) =>
      !isSending && !this.#busy.has(client.rig) &&
      underWay.length <= (sendsPipelines ? UNDER_WAY_MAX : 0));
  }

  #step(): void {
    const [connection] = this.#free();
    if (connection !== undefined) this.#send(connection);
    for (let turns = this.#below(4); turns > 0; turns--) this.#turn();
  }

  #turn(): void {
    const index = this.#below(this.mesh.rigs.length);
    if (this.#busy.has(index) || !this.mesh.mayRun(index)) return;
    this.#inside(index, () => {
      this.mesh.turn(index);
    });
  }

  #inside(index: number, act: () => void): void {
    this.#busy.add(index);
    act();
    this.#busy.delete(index);
    this.#collect();
  }

  #settle(): void {
    for (let idle = 0; idle < 200; idle++) this.#turn();
    this.#isOver = true;
    this.mesh.settle();
    this.#collect();
  }

  #send(connection: Connection): void {
    const count = connection.sendsPipelines ? 1 + this.#below(10) : 1;
    const requests: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const operation = this.#operation(connection);
      connection.underWay.push(operation);
      requests.push(...operation.words.map((words) => encodeRequest(words)));
    }
    const { rig, slot } = connection.client;
    const bytes = Buffer.concat(requests);
    const cut = this.#below(3) === 0 ? this.#below(bytes.length) : bytes.length;
    connection.isSending = true;
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      if (piece.length === 0) continue;
      this.#inside(rig, () => {
        this.mesh.receive(rig, slot, piece);
      });
      for (let turns = this.#below(2); turns > 0; turns--) this.#turn();
    }
    connection.isSending = false;
  }

  /** The next operation of a connection, behind all that it has to come after. */
  #operation(connection: Connection): Operation {
    // A connection of its own for the history: what has to come before it is said one by one.
    const id = this.history.begin(this.history.operationCount);
    const isWrite = this.#below(100) < this.#writeShare;
    const { rule } = this.#shape;
    if (connection.lastWrite >= 0) this.history.before(connection.lastWrite, id);
    if (isWrite || rule === PipelineOrder.Strict) {
      for (const read of connection.reads) this.history.before(read, id);
      connection.reads = [];
    }
    if (isWrite) connection.lastWrite = id;
    else connection.reads.push(id);
    return { id, isWrite, ...(isWrite ? this.#write(id) : this.#read()) };
  }

  #read(): Pick<Operation, 'words' | 'keys'> {
    const keys = this.#below(6) === 0 ? this.#severalKeys(this.#keys.length) : [this.#anyKey()];
    const names = keys.map((key) => this.#keys[key] ?? '');
    return { keys, words: [[keys.length === 1 ? 'GET' : 'MGET', ...names]] };
  }

  #write(id: number): Pick<Operation, 'words' | 'keys'> {
    const counterCount = this.#keys.length / 2;
    if (this.#below(8) === 0) {
      const keys = this.#severalKeys(counterCount);
      const words = keys.map((key) => ['INCR', this.#keys[key] ?? '']);
      // With a watch all shards have to agree before one runs.
      const watch = this.#below(2) === 0 ? [['WATCH', ...words.map(([, key]) => key ?? '')]] : [];
      return { keys, words: [...watch, ['MULTI'], ...words, ['EXEC']] };
    }
    const key = this.#anyKey();
    const name = this.#keys[key] ?? '';
    const words = key < counterCount ? ['INCR', name] : ['SET', name, `by ${id}`, 'GET'];
    return { keys: [key], words: [words] };
  }

  #anyKey(): number {
    return this.#below(this.#keys.length);
  }

  #severalKeys(keyCount: number): number[] {
    return Array.from({ length: 2 + this.#below(3) }, () => this.#below(keyCount));
  }

  /** Takes all replies that are here; those who have sent them know of them now. */
  #collect(): void {
    for (const connection of this.#connections) {
      const { rig, slot } = connection.client;
      const chunks = this.mesh.rigs[rig]?.engine.replies[slot] ?? [];
      if (chunks.length === 0) continue;
      connection.replies.add(Buffer.concat(chunks.splice(0)).toString('latin1'));
      this.#takeReplies(connection);
    }
  }

  #takeReplies(connection: Connection): void {
    const { replies, underWay, got } = connection;
    for (let reply = replies.take(); reply !== undefined; reply = replies.take()) {
      got.push(reply);
      const [operation] = underWay;
      if (operation === undefined) throw new Error(`a reply to nothing: ${JSON.stringify(reply)}`);
      if (got.length < operation.words.length) continue;
      underWay.shift();
      got.length = 0;
      this.history.end(operation.id);
      this.#observe(operation, reply);
    }
  }

  #observe({ id, keys, isWrite, words }: Operation, reply: ReplyValue): void {
    // Somebody was faster than an EXEC: nothing of it has happened.
    if (reply === null && words.length > 1) return;
    const values = typeof reply === 'string' || reply === null ? [reply] : reply;
    const written = words[0]?.[0] === 'SET' ? { written: `by ${id}` } : {};
    for (const [i, key] of keys.entries()) {
      const value = values[i];
      if (typeof value !== 'string' && value !== null) {
        throw new Error(`${words.join('|')} was answered ${JSON.stringify(reply)}`);
      }
      this.#observed[key]?.push({ operation: id, isWrite, value, ...written });
    }
  }
}

function verdictOf(seed: number, shape: Omit<Shape, 'workerCount'>): string {
  return new Run(seed, { ...shape, workerCount: 2 + (seed % 3) }).verdict();
}

const SEEDS = 8;
/** A mistake is seen within so many. */
const BROKEN_SEEDS_MAX = 150;
const { Strict, Writes, Relaxed } = PipelineOrder;

describe('pipelines over several workers', () => {
  for (const [name, order] of [['strict', Strict], ['writes', Writes]] as const) {
    it(`are explained by one order that keeps their own, ${name}`, () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const verdict = verdictOf(seed, { order, rule: order, breaks: 'nothing' });
        expect(verdict, `seed ${seed}`).toBe('');
      }
    });
  }

  const controls: readonly (readonly [string, number, number, Break])[] = [
    ['reads that overtake reads', Writes, Strict, 'nothing'],
    ['commands without a place', Relaxed, Writes, 'nothing'],
    ['a command that does not wait for those before it', Writes, Writes, 'settle'],
    ['the same with strict', Strict, Strict, 'settle'],
    ['publications that are not there in one moment', Writes, Writes, 'parts'],
    ['a burst that does not wait for what came before it', Writes, Writes, 'burst'],
    ['bytes that do not wait for what came before them', Writes, Writes, 'catch-up'],
    ['requests that overtake what has its place', Writes, Writes, 'late'],
  ];
  for (const [name, order, rule, breaks] of controls) {
    it(`are not, with ${name}`, () => {
      let verdict = '';
      for (let seed = 1; seed <= BROKEN_SEEDS_MAX && verdict === ''; seed++) {
        verdict = verdictOf(seed, { order, rule, breaks });
      }
      expect(verdict).toBe('no order explains it');
    });
  }
});
