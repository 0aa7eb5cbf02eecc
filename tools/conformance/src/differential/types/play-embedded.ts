/**
 * Plays a stream on the embedded engine and on redis-server, value by value: what a JavaScript
 * program gets, against what RESP3 says. Forms that JavaScript does not tell apart count as equal
 * (embedded-driver.ts); tolerances are those of the wire.
 *
 * A stream starts from empty databases and default settings. Payloads that travel from one server
 * to the other are left to the wire. Invariant: what is reported is the first difference.
 */
import { call, type Comparable, type Connection, type Driver } from '../../drivers/driver.ts';
import { embeddedDriver, type EmbeddedEngine } from '../../drivers/embedded-driver.ts';
import { socketDriver, type SocketTarget } from '../../drivers/socket-driver.ts';
import {
  isNoReply, renderOutcome, renderReply, type Outcome, type Reply,
} from '../../reply-notation.ts';
import type { Difference } from '../play-stream.ts';
import { PLAYED_SETTINGS } from '../special-requests.ts';
import type { Stream } from '../stream.ts';
import { areEquivalentReplies } from '../tolerances.ts';

const REPLY_MS_MAX = 3_000;
const CHARACTERS_SHOWN = 300;
/** Digits in which two doubles of the same text agree. */
const DIGITS = 10;

/** Both sides, each with a connection that is used again. */
export class EmbeddedPair {
  readonly #kora: Driver;
  readonly #comparable: Comparable;
  readonly #reference: Driver;
  #connections: readonly [kora: Connection, reference: Connection] | undefined;

  constructor(kora: EmbeddedEngine, reference: SocketTarget) {
    this.#kora = embeddedDriver(kora);
    const { comparable } = this.#kora;
    if (comparable === undefined) throw new Error('values of JavaScript are made comparable');
    this.#comparable = comparable;
    this.#reference = socketDriver(reference, '3');
  }

  /** Plays a stream from a clean start.
   * @returns the first difference, or undefined */
  async play(stream: Stream): Promise<Difference | undefined> {
    await this.#restart();
    for (const [step, each] of stream.steps.entries()) {
      if (each.kind !== 'pipeline') continue;
      for (const request of each.requests) {
        const difference = await this.#differenceOf(request);
        if (difference !== undefined) return { step, request, ...difference };
      }
    }
    return undefined;
  }

  /** Ends the connection to the reference. */
  close(): void {
    this.#connections?.[1].close();
    this.#connections = undefined;
  }

  async #restart(): Promise<void> {
    this.close();
    this.#connections = [await this.#kora.open(), await this.#reference.open()];
    const settings = PLAYED_SETTINGS.flatMap(([name, value]) => [name, value]);
    for (const connection of this.#connections) {
      await call(connection, ['FLUSHALL', 'SYNC'], REPLY_MS_MAX);
      // One by one: the embedded engine does not have those of a server.
      for (let i = 0; i < settings.length; i += 2) {
        await call(connection, ['CONFIG', 'SET', ...settings.slice(i, i + 2)], REPLY_MS_MAX);
      }
    }
  }

  async #differenceOf(
    request: readonly string[],
  ): Promise<Pick<Difference, 'kora' | 'reference'> | undefined> {
    const [kora, reference] = this.#connections ?? [];
    if (kora === undefined || reference === undefined) throw new Error('a stream was started');
    const left = this.#common(await call(kora, request, REPLY_MS_MAX));
    const right = this.#common(await call(reference, request, REPLY_MS_MAX));
    const areReplies = !isNoReply(left) && !isNoReply(right);
    if (areReplies && renderReply(left) === renderReply(right)) return undefined;
    if (areReplies && areEquivalentReplies(request, left, right)) return undefined;
    return { kora: shown(left), reference: shown(right) };
  }

  #common(outcome: Outcome): Outcome {
    return isNoReply(outcome) ? outcome : asDoubles(this.#comparable.received(outcome));
  }
}

/** Numbers that no double holds exactly as the nearest one: JavaScript has no other. */
function asDoubles(reply: Reply): Reply {
  if ('items' in reply) return { kind: reply.kind, items: reply.items.map(asDoubles) };
  if (reply.kind !== 'integer') return reply;
  const number = Number(reply.text);
  return Number.isSafeInteger(number) ? reply : { ...reply, text: number.toPrecision(DIGITS) };
}

function shown(outcome: Outcome): string {
  const text = renderOutcome(outcome);
  return text.length > CHARACTERS_SHOWN ? `${text.slice(0, CHARACTERS_SHOWN)}...` : text;
}
