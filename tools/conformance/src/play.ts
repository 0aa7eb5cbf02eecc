/**
 * Plays cases against an engine, through a driver, and says which reply was wrong first.
 *
 * Invariants: every case starts from a flushed engine and opens its own connections, so that
 *   database number, MULTI, names and protocol never leak; settings it changed are put back and
 *   its clean-ups run, also when it failed. The engine is flushed: never point this at real data.
 * Bounds: a reply is waited for `replyMsMax`; an engine that leaves `UNANSWERED_MAX` flushes in a
 *   row without answer is given up on, so that a dead server fails the rest at once.
 * Timing: cases that wait (send-only, sleep, nothing, closed) hold on a machine where a round trip
 *   is short against `settleMs`; `playPatiently` gives such a case a second, slower try.
 */
import { expandArguments } from './case-arguments.ts';
import type { ConformanceCase, Expectation, ReplyStep, Step } from './case-file.ts';
import { isExpected } from './comparison.ts';
import { call, pause, type Connection, type Driver } from './drivers/driver.ts';
import { isNoReply, itemsOf, renderOutcome, type Outcome } from './reply-notation.ts';

const UNANSWERED_MAX = 3;
const PATIENT_SETTLE_FACTOR = 4;
const CLOSING_MS = 10;

export interface Timing {
  /** How long one reply is waited for. */
  readonly replyMsMax: number;
  /** Pause after a send-only line, and half the time in which nothing may arrive. */
  readonly settleMs: number;
}
export const USUAL_TIMING: Timing = { replyMsMax: 3_000, settleMs: 15 };

/** Why a case failed. */
export interface Failure {
  readonly line: number;
  /** The last request on the connection that disappointed; empty when none was sent. */
  readonly request: string;
  readonly reason: string;
  readonly wanted: string;
  readonly got: string;
}

export class Player {
  readonly driver: Driver;
  readonly #timing: Timing;
  #admin: Connection | undefined = undefined;
  #unansweredCount = 0;

  constructor(driver: Driver, timing: Timing = USUAL_TIMING) {
    this.driver = driver;
    this.#timing = timing;
  }

  /** Plays a case once.
   * @returns undefined when every reply was as recorded */
  play(conformanceCase: ConformanceCase): Promise<Failure | undefined> {
    return this.#attempt(conformanceCase, this.#timing);
  }

  /** Plays a case; one that depends on real time gets a second try with longer pauses. */
  async playPatiently(conformanceCase: ConformanceCase): Promise<Failure | undefined> {
    const failure = await this.play(conformanceCase);
    if (failure === undefined || !dependsOnTime(conformanceCase)) return failure;
    const settleMs = this.#timing.settleMs * PATIENT_SETTLE_FACTOR;
    return this.#attempt(conformanceCase, { ...this.#timing, settleMs });
  }

  close(): void {
    this.#admin?.close();
    this.#admin = undefined;
  }

  async #attempt(
    conformanceCase: ConformanceCase,
    timing: Timing,
  ): Promise<Failure | undefined> {
    const attempt = new Attempt(this.driver, timing);
    const restored: string[][] = [];
    try {
      await this.#flush(timing);
      for (const written of conformanceCase.settings) {
        const [name = '', value = ''] = expandArguments(written, attempt.savedTexts);
        restored.unshift(['CONFIG', 'SET', name, await this.#settingText(name, timing)]);
        await this.#askAdmin(['CONFIG', 'SET', name, value], timing);
      }
      return await attempt.play(conformanceCase.steps);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { line: conformanceCase.line, request: '', reason, wanted: '', got: '' };
    } finally {
      await attempt.close();
      await this.#cleanUp(conformanceCase, attempt, restored, timing);
    }
  }

  async #cleanUp(
    conformanceCase: ConformanceCase,
    attempt: Attempt,
    restored: readonly string[][],
    timing: Timing,
  ): Promise<void> {
    if (this.#unansweredCount > 0) return;
    const requests = conformanceCase.cleanUps.map((written) =>
      expandArguments(written, attempt.savedTexts),
    );
    for (const request of [...requests, ...restored]) await this.#askAdmin(request, timing);
  }

  async #flush(timing: Timing): Promise<void> {
    if (this.#unansweredCount >= UNANSWERED_MAX) {
      throw new Error(`given up: ${String(UNANSWERED_MAX)} times no answer to FLUSHALL`);
    }
    const reply = await this.#askAdmin(['FLUSHALL'], timing);
    if (isNoReply(reply)) {
      this.#unansweredCount += 1;
      throw new Error(`no answer to FLUSHALL ${renderOutcome(reply)}`);
    }
    this.#unansweredCount = 0;
  }

  async #settingText(name: string, timing: Timing): Promise<string> {
    const reply = await this.#askAdmin(['CONFIG', 'GET', name], timing);
    return isNoReply(reply) ? '' : textAt(reply, [1]);
  }

  /** A request outside the case; a connection that broke is opened anew. */
  async #askAdmin(request: readonly string[], timing: Timing): Promise<Outcome> {
    try {
      if (this.#admin === undefined || this.#admin.isClosed()) {
        this.#admin = await this.driver.openAdmin();
      }
      const outcome = await call(this.#admin, request, timing.replyMsMax);
      if (isNoReply(outcome)) this.close();
      return outcome;
    } catch (error) {
      this.close();
      return { kind: 'closed', text: String(error) };
    }
  }
}

/** True for cases whose result depends on pauses being long enough. */
export function dependsOnTime(conformanceCase: ConformanceCase): boolean {
  return conformanceCase.steps.some(
    (step) =>
      step.kind === 'sleep' ||
      step.kind === 'nothing' ||
      step.kind === 'closed' ||
      (step.kind === 'send' && step.isSendOnly),
  );
}

/** One attempt at one case: its connections and the texts it saved. */
class Attempt {
  readonly savedTexts = new Map<string, string>();
  readonly #driver: Driver;
  readonly #timing: Timing;
  readonly #connections = new Map<string, Connection>();
  readonly #lastRequests = new Map<string, string>();
  #hasWaiters = false;

  constructor(driver: Driver, timing: Timing) {
    this.#driver = driver;
    this.#timing = timing;
  }

  async play(steps: readonly Step[]): Promise<Failure | undefined> {
    for (const step of steps) {
      if (step.kind === 'sleep') {
        await pause(step.ms);
        continue;
      }
      const connection = await this.#connectionNamed(step.connection);
      if (step.kind === 'send' || step.kind === 'raw') await this.#send(step, connection);
      else {
        const failure = await this.#listen(step, connection);
        if (failure !== undefined) return failure;
      }
    }
    return undefined;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.values()) connection.close();
    // a blocked client or a subscriber must be gone before the next case counts clients
    if (this.#connections.size > 1 || this.#hasWaiters) await pause(CLOSING_MS);
  }

  async #connectionNamed(name: string): Promise<Connection> {
    const known = this.#connections.get(name);
    if (known !== undefined) return known;
    const opened = await this.#driver.open();
    this.#connections.set(name, opened);
    return opened;
  }

  async #send(step: Step & { kind: 'send' | 'raw' }, connection: Connection): Promise<void> {
    const requestArguments = expandArguments(step.written, this.savedTexts);
    this.#lastRequests.set(step.connection, step.source);
    if (step.kind === 'raw') {
      connection.sendRaw(requestArguments.join(''));
      return;
    }
    connection.send(requestArguments);
    if (step.isSendOnly) {
      this.#hasWaiters = true;
      await pause(this.#timing.settleMs);
    }
  }

  async #listen(
    step: Step & { kind: 'reply' | 'nothing' | 'closed' },
    connection: Connection,
  ): Promise<Failure | undefined> {
    if (step.kind === 'reply') return this.#judge(step, connection);
    if (step.kind === 'nothing') await pause(this.#timing.settleMs * 2);
    const arrived = connection.peek();
    const wanted = step.kind === 'nothing' ? 'no reply' : 'the connection closed';
    if (arrived !== undefined) return this.#failure(step, wanted, renderOutcome(arrived));
    if (step.kind === 'nothing') return undefined;
    const isClosed = await connection.waitClosed(this.#timing.replyMsMax);
    return isClosed ? undefined : this.#failure(step, wanted, '(open)');
  }

  async #judge(step: ReplyStep, connection: Connection): Promise<Failure | undefined> {
    const outcome = await connection.next(this.#timing.replyMsMax);
    const expectation = step.expected[this.#driver.protocol];
    if (!this.#isExpected(expectation, outcome)) {
      return this.#failure(step, expectation.source, renderOutcome(outcome));
    }
    for (const { name, path } of step.expected['2'].markers.saved) {
      this.savedTexts.set(name, textAt(outcome, path));
    }
    return undefined;
  }

  #isExpected(expectation: Expectation, outcome: Outcome): boolean {
    const { comparable } = this.#driver;
    if (comparable === undefined || isNoReply(outcome)) return isExpected(expectation, outcome);
    const expected = { ...expectation, reply: comparable.expected(expectation.reply) };
    return isExpected(expected, comparable.received(outcome));
  }

  #failure(step: Step, wanted: string, got: string): Failure {
    const request = this.#lastRequests.get(step.connection) ?? '';
    return { line: step.line, request, reason: 'wrong reply', wanted, got };
  }
}

/** The text of a reply, or of what lies in it at a path of indexes; empty when it has none. */
function textAt(outcome: Outcome, path: readonly number[]): string {
  let reply: Outcome | undefined = outcome;
  for (const index of path) {
    if (reply === undefined || isNoReply(reply)) return '';
    reply = itemsOf(reply)?.[index];
  }
  return reply !== undefined && 'text' in reply ? reply.text : '';
}
