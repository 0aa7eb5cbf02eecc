/**
 * Holds back the writes of a server's clients while its keys are read one after the other, so that
 * what is read is one moment. The pause is short and renewed, so that clients go on by themselves
 * soon after whoever held them is gone.
 */
import { Fault } from '@kora/core/control';
import type { ServerLink } from './server-link.ts';

const PAUSE_MS = 10_000;
const RENEW_MS = 1000;

export class PausedWrites {
  readonly #link: ServerLink;
  #timer: NodeJS.Timeout | undefined;
  readonly #nowMs: () => number;
  /** When the renewal that the server heard last was sent: it holds for PAUSE_MS at least. */
  #sentMs = 0;
  /** Why writes may have gone on. */
  #refusal: string | null = null;

  /**
   * @param link a connection of its own: renewals must not wait behind long replies
   * @param nowMs tells milliseconds of a monotonic clock
   */
  constructor(link: ServerLink, nowMs: () => number) {
    this.#link = link;
    this.#nowMs = nowMs;
  }

  /** Holds writes from now on. @throws {Fault} (rejects) when the server refuses */
  async begin(): Promise<void> {
    this.#sentMs = this.#nowMs();
    await this.#renew();
    this.#timer = setInterval(() => {
      this.#renew().catch((cause: unknown) => {
        this.#refusal ??= cause instanceof Error ? cause.message : String(cause);
      });
    }, RENEW_MS);
  }

  /** Lets writes go on. @throws {Fault} (rejects) when they had gone on before */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renew();
    await this.#link.demand('CLIENT', 'UNPAUSE');
    if (this.#refusal !== null) {
      throw new Fault('TRANSFER_FAILED', `Writes were not held all the time: ${this.#refusal}`);
    }
  }

  /** After a failure: lets writes go on if the server answers; else they do by themselves. */
  async giveUp(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#link.fault === null) await this.#link.ask('CLIENT', 'UNPAUSE');
  }

  /** Pauses anew; the pause before may have ended, if the server heard this one too late. */
  async #renew(): Promise<void> {
    const sentMs = this.#nowMs();
    await this.#link.demand('CLIENT', 'PAUSE', PAUSE_MS, 'WRITE');
    if (this.#nowMs() - this.#sentMs >= PAUSE_MS) {
      this.#refusal ??= `the server did not answer for ${PAUSE_MS / 1000} seconds`;
    }
    this.#sentMs = sentMs;
  }
}
