/**
 * A client of a crash round: asks, and tells the model of its life what it was told. A change that
 * it was told of is there from then on, as the policy promises; one that was refused never is.
 * When the power has gone nobody is told anything.
 */
import { encodeRequest } from '@kora/server/testing';
import type { Reply } from '../reply.ts';
import { isError, ReplyReader, shownReply } from '../reply.ts';
import type { Actor, Place } from '../scene.ts';
import type { CrashWorkload, Job } from './crash-workload.ts';
import type { LifeModel } from './life-model.ts';

/** What all clients of a life share. */
export interface CrashContext {
  readonly pipelineMax: number;
  readonly workload: CrashWorkload;
  readonly model: LifeModel;
  /** True: who was told is promised that it stays (always). */
  readonly isPromised: boolean;
  /** True: so is who has read something. Not while the disk fails: reads go on then. */
  readonly areReadsPromised: boolean;
  readonly trace: (line: () => string) => void;
  readonly below: (bound: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly sharedChance: number;
  /** True when the power has gone. */
  readonly isDown: () => boolean;
}

interface Waiting {
  readonly job: Job;
  /** Replies before the one that counts: of MULTI and what is queued. */
  before: number;
  /** True: nothing else was under way when it was asked for. */
  readonly isAlone: boolean;
}

const SHARED_PREFIX = 'all';

export class CrashClient implements Actor {
  readonly name: string;
  readonly place: Place;
  outgoing: Buffer = Buffer.alloc(0);
  isGone = false;
  /** Jobs that were answered. */
  answeredCount = 0;
  readonly #context: CrashContext;
  readonly #prefix: string;
  readonly #reader = new ReplyReader();
  readonly #waiting: Waiting[] = [];

  /** @param number of the client; it has its own keys, life after life */
  constructor(name: string, number: number, place: Place, context: CrashContext) {
    this.name = name;
    this.place = place;
    this.#context = context;
    this.#prefix = `c${number}`;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get oldestWaiting(): string {
    return this.#waiting[0]?.job.commands.map((words) => words.join(' ')).join('; ') ?? 'nothing';
  }

  get mayAsk(): boolean {
    return !this.isGone && this.#waiting.length < this.#context.pipelineMax;
  }

  ask(): void {
    const { workload, pipelineMax, sharedChance } = this.#context;
    for (let left = 1 + this.#context.below(pipelineMax); left > 0; left--) {
      const isShared = this.#context.chance(sharedChance);
      this.#send(workload.next(isShared ? SHARED_PREFIX : this.#prefix));
    }
  }

  askOne(words: readonly string[]): void {
    this.#send({ commands: [words], isTransaction: false, tokens: [], isWait: false });
  }

  #send(job: Job): void {
    const { model, trace } = this.#context;
    const { commands, isTransaction, tokens } = job;
    const all = isTransaction ? [['MULTI'], ...commands, ['EXEC']] : commands;
    if (tokens.length > 1) {
      model.written.push({ tokens, by: commands.map((words) => words.join(' ')).join('; ') });
    }
    for (const words of all) trace(() => `${this.name} asks ${words.join(' ').slice(0, 120)}`);
    this.outgoing = Buffer.concat([this.outgoing, ...all.map((words) => encodeRequest(words))]);
    const isAlone = this.#waiting.length === 0;
    this.#waiting.push({ job, before: all.length - 1, isAlone });
  }

  take(bytes: Uint8Array): string | null {
    const { trace, isDown } = this.#context;
    if (this.isGone || isDown()) return null;
    this.#reader.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
    for (let reply = this.#reader.next(); reply !== undefined; reply = this.#reader.next()) {
      const shown = shownReply(reply);
      trace(() => `${this.name} hears ${shown}`);
      const [waiting] = this.#waiting;
      if (waiting === undefined) return `${this.name} hears what it has not asked for: ${shown}`;
      if (waiting.before > 0) {
        waiting.before--;
        continue;
      }
      this.#waiting.shift();
      const wrong = this.#hear(waiting, reply);
      const { model } = this.#context;
      trace(() => `promised are ${model.promised.join(' ')}, told ${model.told.join(' ')}`);
      if (wrong !== null) return `${this.name}: ${this.#nameOf(waiting)}: ${wrong}: ${shown}`;
    }
    return null;
  }

  #nameOf({ job }: Waiting): string {
    return job.commands.map((words) => words.join(' ')).join('; ').slice(0, 300);
  }

  #hear({ job, isAlone }: Waiting, reply: Reply): string | null {
    const { model, isPromised, areReadsPromised } = this.#context;
    this.answeredCount++;
    if (isError(reply, '')) {
      const there = job.tokens.find((token) => model.tokens.has(token));
      return there === undefined ? null : `it was refused, and ${there} is there`;
    }
    const isKept = reply === '+OK' || (Array.isArray(reply) && reply[0] === ':1');
    const hasWaited = job.isWait && isAlone && isKept;
    const isSafe = isPromised || hasWaited;
    for (const token of job.tokens) {
      // With everysec the parts of some transactions are logged behind their reply.
      if (isSafe && !model.tokens.has(token)) return `${token} was written, and is in no log`;
      model.seen(token, isSafe);
    }
    model.seen(String(reply), areReadsPromised);
    const isIdle = this.#waiting.length === 0;
    if (isIdle) model.ownSeen(`${this.#prefix}:`, isSafe);
    return null;
  }
}
