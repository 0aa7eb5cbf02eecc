/**
 * A client of the scene of caching: reads, writes, and, if it tracks, keeps what it has read until
 * it is told that it is invalid; RESP3 always, so replies and invalidations come in one stream. It
 * tracks in any mode, and may have its invalidations sent to another client, which takes what they
 * name out of its cache.
 * Whenever it asks and is answered, nothing may be left in its cache that is older than what
 * writers knew when it asked. With a redirection that holds at rest only.
 */
import type { RandomSource } from '@kora/core/testing';
import type { Plan } from '../plan.ts';
import type { Reply } from '../reply.ts';
import { isError } from '../reply.ts';
import type { Place } from '../scene.ts';
import { TalkingClient } from '../talking-client.ts';
import type { CacheBook, Write } from './cache-book.ts';

/** Ways to track; null: not at all. */
export const MODES: readonly (readonly string[] | null)[] = [
  null, [], [], ['NOLOOP'], ['OPTIN'], ['OPTOUT'], ['BCAST'], ['BCAST', 'NOLOOP'],
  ['BCAST', 'PREFIX', 'k', 'PREFIX', 'own'], ['OPTIN', 'NOLOOP'],
];

/** What all clients share. */
export interface CacheContext {
  readonly random: RandomSource;
  readonly plan: Plan;
  readonly book: CacheBook;
  readonly trace: (line: () => string) => void;
  /** The next moment. */
  tick(): number;
}

/** What writers knew at a moment. */
interface Known {
  readonly of: ReadonlyMap<string, number>;
  readonly at: number;
}

type Taker = (reply: Reply) => string | null;

interface Request {
  readonly words: readonly string[];
  readonly take: Taker;
}

const nothingWrong: Taker = () => null;

export class CacheClient extends TalkingClient {
  /** As CLIENT ID says it. */
  readonly id: number;
  readonly mode: readonly string[] | null;
  /** Who hears its invalidations in its place. */
  readonly ear: CacheClient | null;
  readonly cache = new Map<string, string | null>();
  /** Values that were looked at in the cache, and found fresh. */
  checks = 0;
  /** A key that nobody else writes. */
  readonly #ownKey: string;
  readonly #context: CacheContext;
  readonly #requests: Request[] = [];
  /** Who redirects to it. */
  readonly #sources: CacheClient[] = [];
  /** When keys were last said to be invalid, and everything was (``). */
  readonly #invalidAt = new Map<string, number>();
  #isTracking = false;

  constructor(
    name: string, place: Place, id: number, context: CacheContext,
    tracks: { readonly mode: readonly string[] | null; readonly ear: CacheClient | null },
  ) {
    super(name, place, context.trace);
    this.id = id;
    this.#context = context;
    this.#ownKey = `own${id}`;
    this.mode = tracks.mode;
    this.ear = tracks.ear;
    if (tracks.ear !== null) tracks.ear.#sources.push(this);
    this.#send(['HELLO', '3'], nothingWrong);
    this.#track();
    this.flush();
  }

  get waitingCount(): number {
    return this.#requests.length;
  }

  get oldestWaiting(): string {
    return this.#requests[0]?.words.join(' ').slice(0, 60) ?? 'nothing';
  }

  get mayAsk(): boolean {
    return !this.isGone && this.#requests.length < this.#context.plan.pipelineMax;
  }

  /** What it keeps is kept up to date. */
  get isKeptFresh(): boolean {
    return this.ear === null || !this.ear.isGone;
  }

  // ------------------------------------------------------------------ asking

  ask(): void {
    const { random, plan } = this.#context;
    for (let left = 1 + random.below(plan.pipelineMax); left > 0; left--) {
      const kind = random.below(16);
      if (kind < 5) this.#write();
      else if (kind < 6) this.#writeOwn();
      else if (kind < 12) this.#read();
      else if (kind < 15) this.#check();
      else if (random.chance(0.2)) this.#restart();
      else if (random.chance(plan.weights.flush)) this.#flushAll();
    }
    this.flush();
  }

  askFor(words: readonly string[], take: (reply: Reply) => void): void {
    this.#send(words, (reply) => {
      take(reply);
      return null;
    });
    this.flush();
  }

  #track(): void {
    const { mode, ear } = this;
    if (mode === null) return;
    const redirect = ear === null ? [] : ['REDIRECT', String(ear.id)];
    this.#send(['CLIENT', 'TRACKING', 'ON', ...redirect, ...mode], (reply) => {
      this.#isTracking = reply === '+OK';
      // The one it would redirect to may have gone.
      return this.#isTracking || ear !== null ? null : 'it may track so';
    });
  }

  /** Tracks no more, and then again: what it had is of no use any more. */
  #restart(): void {
    if (this.mode === null) return;
    this.#send(['CLIENT', 'TRACKING', 'OFF'], (reply) => {
      this.#isTracking = false;
      this.cache.clear();
      return reply === '+OK' ? null : 'OK was to be answered';
    });
    this.#track();
  }

  #read(): void {
    const { random, book } = this.#context;
    const keys = Array.from({ length: 1 + random.below(3) }, () => book.anyKey);
    const [key = ''] = keys;
    const known = this.#known();
    const isOptIn = this.mode?.includes('OPTIN') === true;
    switch (random.below(4)) {
      case 0:
        this.#send(['MGET', ...keys], (reply) => this.#keepAll(keys, reply, known, !isOptIn));
        return;
      case 1:
        this.#send(['MULTI'], nothingWrong);
        for (const one of keys) this.#send(['GET', one], nothingWrong);
        this.#send(['EXEC'], (reply) => this.#keepAll(keys, reply, known, !isOptIn));
        return;
      case 2:
        if (isOptIn) this.#send(['CLIENT', 'CACHING', 'YES'], nothingWrong);
        this.#send(['GET', key], (reply) => this.#keep(key, reply, known, true));
        return;
      default:
        if (this.mode?.includes('OPTOUT') === true && random.chance(0.3)) {
          this.#send(['CLIENT', 'CACHING', 'NO'], nothingWrong);
          this.#send(['GET', key], (reply) => this.#keep(key, reply, known, false));
          return;
        }
        this.#send(['GET', this.#ownKey], (reply) =>
          this.#keep(this.#ownKey, reply, known, !isOptIn));
    }
  }

  #known(): Known {
    return { of: this.#context.book.known(), at: this.#context.tick() };
  }

  #keepAll(
    keys: readonly string[], reply: Reply, known: Known, mayKeep: boolean,
  ): string | null {
    if (reply === null || typeof reply === 'string') return 'an array was to be answered';
    return keys.map((key, i) => this.#keep(key, reply[i] ?? null, known, mayKeep))
      .find((wrong) => wrong !== null) ?? null;
  }

  #keep(
    key: string, reply: Reply, known: Known, mayKeep: boolean,
  ): string | null {
    if (isError(reply, '') || (reply !== null && typeof reply !== 'string')) return 'a value comes';
    const value = reply === null ? null : reply.slice(1);
    if (this.#context.book.isStale(key, value, known.of)) return `${key} was newer before`;
    if (!mayKeep || !this.#isTracking || this.mode === null) return null;
    // It comes over another connection that the value is invalid: before the value, maybe.
    const invalidAt = Math.max(this.#invalidAt.get(key) ?? 0, this.#invalidAt.get('') ?? 0);
    if (this.ear !== null && invalidAt > known.at) return null;
    this.cache.set(key, value);
    return null;
  }

  #write(): void {
    const { random, book } = this.#context;
    const kind = random.below(5);
    const write = book.begin(kind < 2 ? 1 : 3, kind === 1);
    const { keys, values } = write;
    if (keys.length === 0) return;
    const pairs = keys.map((key, i) => [key, values[i] ?? '']);
    const take = this.#doing(write);
    if (kind === 1) {
      this.#send(['DEL', ...keys], take);
    } else if (kind === 2) {
      this.#send(['MSET', ...pairs.flat()], take);
    } else if (kind === 3) {
      this.#send(['MULTI'], nothingWrong);
      for (const pair of pairs) this.#send(['SET', ...pair], nothingWrong);
      this.#send(['EXEC'], take);
    } else {
      for (const [i, pair] of pairs.entries()) {
        this.#send(['SET', ...pair], i === pairs.length - 1 ? take : nothingWrong);
      }
    }
  }

  #writeOwn(): void {
    const write = this.#context.book.beginOwn(this.#ownKey);
    if (write.keys.length === 0) return;
    this.#send(['SET', this.#ownKey, write.values[0] ?? ''], this.#doing(write));
  }

  #flushAll(): void {
    const write = this.#context.book.beginAll();
    if (write.keys.length > 0) this.#send(['FLUSHALL'], this.#doing(write));
  }

  /** What a write's reply means: with NOLOOP it is not told of its own. */
  #doing({ keys, done }: Write): Taker {
    return (reply) => {
      if (isError(reply, '')) return 'it cannot fail';
      done();
      if (this.mode?.includes('NOLOOP') === true) for (const key of keys) this.cache.delete(key);
      return null;
    };
  }

  /** Asks: what was known before must have been told by the answer. */
  #check(): void {
    const known = this.#known();
    this.#send(['PING'], () => (this.ear === null ? this.#staleKey(known) : null));
  }

  /** What is wrong with the cache, null when nothing is. */
  #staleKey(known: Known): string | null {
    for (const [key, value] of this.cache) {
      if (this.#context.book.isStale(key, value, known.of)) {
        return `it keeps ${key} = ${value ?? 'nothing'}, tracking ${this.mode?.join(' ') ?? ''}`;
      }
      this.checks++;
    }
    return null;
  }

  #send(words: readonly string[], take: Taker): void {
    this.write(words);
    this.#requests.push({ words, take });
  }

  // ------------------------------------------------------------------ hearing

  protected hear(reply: Reply): string | null {
    this.#context.tick();
    const isPush = reply !== null && typeof reply !== 'string' && reply[0] === '>';
    if (isPush) return this.#hearPush(reply);
    const request = this.#requests.shift();
    if (request === undefined) return 'it has not asked for this';
    const wrong = request.take(reply);
    return wrong === null ? null : `${request.words.join(' ')}: ${wrong}`;
  }

  /** @param keys null: all */
  #forget(keys: readonly Reply[] | null): void {
    const now = this.#context.tick();
    if (keys === null) {
      this.cache.clear();
      this.#invalidAt.set('', now);
      return;
    }
    for (const word of keys) {
      const key = String(word).slice(1);
      this.cache.delete(key);
      this.#invalidAt.set(key, now);
    }
  }

  #hearPush(push: readonly Reply[]): string | null {
    const [, kind, keys = null] = push;
    if (kind === '$tracking-redir-broken' && this.ear?.isGone === true) {
      this.cache.clear();
      return null;
    }
    if (kind !== '$invalidate' || typeof keys === 'string') return 'nobody expects this';
    for (const client of [this, ...this.#sources]) client.#forget(keys);
    const isTold = keys?.includes(`$${this.#ownKey}`) === true;
    const isSilent = this.mode?.includes('NOLOOP') === true && this.#sources.length === 0;
    return isTold && isSilent ? 'it is told of what it has written itself' : null;
  }
}
