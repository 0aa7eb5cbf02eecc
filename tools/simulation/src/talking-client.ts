/**
 * What clients of scenes have in common: what they ask leaves in batches, and what they hear is
 * taken apart into replies, each of which is looked at when it comes. A scene's client says what it
 * asks and what is wrong with a reply.
 */
import { encodeRequest } from '@kora/server/testing';
import type { Reply } from './reply.ts';
import { ReplyReader, shownReply } from './reply.ts';
import type { Actor, Place } from './scene.ts';

/** Characters of a request that a trace shows. */
const SHOWN_MAX = 120;

export abstract class TalkingClient implements Actor {
  readonly name: string;
  readonly place: Place;
  outgoing: Buffer = Buffer.alloc(0);
  isGone = false;
  abstract readonly waitingCount: number;
  abstract readonly oldestWaiting: string;
  abstract readonly mayAsk: boolean;
  readonly #trace: (line: () => string) => void;
  readonly #reader = new ReplyReader();
  #batch: Buffer[] = [];

  constructor(name: string, place: Place, trace: (line: () => string) => void) {
    this.name = name;
    this.place = place;
    this.#trace = trace;
  }

  abstract ask(): void;

  /** As askOne; what is answered goes to `take`. */
  abstract askFor(words: readonly string[], take: (reply: Reply) => void): void;

  /** A reply has come. @returns what is wrong with it, null when nothing is */
  protected abstract hear(reply: Reply): string | null;

  askOne(words: readonly string[]): void {
    this.askFor(words, () => undefined);
  }

  take(bytes: Uint8Array): string | null {
    this.#reader.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
    for (let reply = this.#reader.next(); reply !== undefined; reply = this.#reader.next()) {
      const shown = shownReply(reply);
      this.#trace(() => `${this.name} hears ${shown}`);
      const wrong = this.hear(reply);
      if (wrong !== null) return `${this.name}: ${wrong}: ${shown}`;
    }
    return null;
  }

  /** Puts a request into the batch. */
  protected write(words: readonly string[]): void {
    this.#trace(() => `${this.name} asks ${words.join(' ').slice(0, SHOWN_MAX)}`);
    this.#batch.push(encodeRequest(words));
  }

  /** Sends the batch. */
  protected flush(): void {
    this.outgoing = Buffer.concat([this.outgoing, ...this.#batch]);
    this.#batch = [];
  }
}
