/**
 * Passes on to the target what the source's replicas hear: commands as they came, but for those
 * that are no data. Counts how much the target has taken, for the source asks.
 *
 * Invariants: commands reach the target in their order; the first one it refuses ends all, since
 *   what follows could build on it; an offset is taken only with everything before it.
 */
import { Fault } from '@kora/core/control';
import type { RespNode } from '@kora/protocol';
import type { CommandFrame } from './command-frames.ts';
import { CommandFrames } from './command-frames.ts';
import type { ServerLink, Waiter } from './server-link.ts';

/** Messages of channels: no data. */
const MESSAGES: ReadonlySet<string> = new Set(['publish', 'spublish']);
/** Pieces for the target are about this long. */
const PIECE_BYTES = 65_536;

interface Queued {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/** How a Kora refuses a transaction that it cannot do over its workers at one moment. */
const APART = /^EXECABORT .*several workers/;

/** What a relay tells while replies come. */
export interface RelayEvents {
  onAsked(): void;
  onRefused(): void;
}

export class CommandRelay {
  /** Commands passed on. */
  commands = 0;
  /** Libraries of functions that were not. */
  functions = 0;
  /** Transactions that the target did command by command. */
  splitTransactions = 0;
  /** The first refusal. */
  fault: Fault | null = null;
  /** Offset up to which the target has taken everything. */
  taken: number;
  readonly #target: ServerLink;
  #frames = new CommandFrames();
  /** Offset behind the last command read. */
  #read: number;
  #isAsked = false;
  /** Commands since MULTI, where the target has several workers. */
  #queued: Queued[] | null = null;
  readonly #hasSeveralWorkers: boolean;
  readonly #events: RelayEvents;

  /**
   * @param offset of the first byte of the commands
   * @param events `onAsked` when the source asked how far the target is, once that is known;
   *   `onRefused` when the target has refused a command
   * @param hasSeveralWorkers true for a Kora with more than one: some transactions whose keys lie
   *   apart it refuses whole; their commands are then done one by one
   */
  constructor(
    target: ServerLink, offset: number, events: RelayEvents, hasSeveralWorkers: boolean,
  ) {
    this.#target = target;
    this.#hasSeveralWorkers = hasSeveralWorkers;
    this.#read = offset;
    this.taken = offset;
    this.#events = events;
  }

  /** Offset behind the last whole command that came. */
  get offset(): number {
    return this.#read;
  }

  /** Forgets a command that came in part: the source sends again all behind `offset`. */
  restart(): void {
    this.#frames = new CommandFrames();
  }

  /** Takes the next bytes of the source.
   * @throws {Fault} (rejects) when the target refuses one, or is gone */
  async take(chunk: Uint8Array): Promise<void> {
    this.#frames.feed(chunk);
    let pieces: Uint8Array[] = [];
    let waiters: Waiter[] = [];
    let bytes = 0;
    const flush = (): void => {
      if (waiters.length > 0) this.#target.send(Buffer.concat(pieces), waiters);
      pieces = [];
      waiters = [];
      bytes = 0;
    };
    for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) {
      this.#read += frame.bytes.length;
      if (!this.#passesOn(frame)) continue;
      this.commands++;
      if (this.#hasSeveralWorkers) {
        const queued = this.#queued;
        if (frame.name === 'exec' && queued !== null) {
          flush();
          await this.#exec(frame.bytes, queued);
          continue;
        }
        queued?.push({ bytes: frame.bytes.slice(), name: frame.name });
        if (frame.name === 'multi') this.#queued = [];
      }
      pieces.push(frame.bytes);
      waiters.push(this.#waiterOf(frame.name, this.#read));
      bytes += frame.bytes.length;
      if (bytes < PIECE_BYTES) continue;
      flush();
      if (this.#target.isFull) await this.#target.room();
    }
    flush();
    if (this.#target.isFull) await this.#target.room();
    this.#answerIfIdle();
    if (this.fault !== null) throw this.fault;
  }

  /** Ends a transaction; nothing else is sent before it is known whether it was done. */
  async #exec(bytes: Uint8Array, queued: readonly Queued[]): Promise<void> {
    this.#queued = null;
    const waiter = this.#waiterOf('exec', this.#read);
    const reply = await new Promise<RespNode>((resolve, reject) => {
      this.#target.send(bytes.slice(), [{ answered: resolve, failed: reject }]);
    });
    if (reply.type !== 'error' || !APART.test(reply.value)) {
      waiter.answered(reply);
      return;
    }
    this.splitTransactions++;
    for (const { bytes: each, name } of queued) {
      this.#target.send(each, [this.#waiterOf(name, this.#read)]);
    }
  }

  #passesOn(frame: CommandFrame): boolean {
    if (frame.name === 'replconf') {
      if (frame.first === 'getack') this.#isAsked = true;
      return false;
    }
    if (frame.name === 'function') this.functions++;
    return frame.name !== 'ping' && frame.name !== 'function' && !MESSAGES.has(frame.name);
  }

  #waiterOf(name: string, end: number): Waiter {
    return {
      answered: (reply) => {
        const refusal = errorIn(reply);
        if (this.fault !== null) return;
        if (refusal !== null) {
          this.fault = new Fault('TRANSFER_FAILED',
            `The target refuses ${name.toUpperCase()}, which the source did: ${refusal}`);
          this.#events.onRefused();
          return;
        }
        this.taken = end;
        this.#answerIfIdle();
      },
    };
  }

  /** Without anything under way the target has also taken what was not passed on. */
  #answerIfIdle(): void {
    if (this.fault !== null || this.#target.waitingCount > 0) return;
    this.taken = this.#read;
    if (!this.#isAsked) return;
    this.#isAsked = false;
    this.#events.onAsked();
  }
}

/** The first error in a reply or, after EXEC, among its elements. */
function errorIn(reply: RespNode): string | null {
  if (reply.type === 'error') return reply.value;
  if (reply.type !== 'array') return null;
  for (const element of reply.value) {
    const error = errorIn(element);
    if (error !== null) return error;
  }
  return null;
}
