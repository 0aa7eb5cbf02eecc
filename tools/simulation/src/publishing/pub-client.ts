/**
 * A client that publishes, or one that subscribes and hears; with RESP3 the latter publishes too.
 * What it hears is read as a program would: a message comes between the confirmation of its
 * subscription and that of its end, once for each subscription, and is one that was sent.
 */
import type { RandomSource } from '@kora/core/testing';
import type { Plan } from '../plan.ts';
import type { Reply } from '../reply.ts';
import { isError } from '../reply.ts';
import type { Place } from '../scene.ts';
import { TalkingClient } from '../talking-client.ts';
import type { Publication } from './topics.ts';
import {
  CHANNELS, EVENTS, Kind, MESSAGES, PATTERNS, PREFIXES, SUBSCRIBED, Subscription, UNSUBSCRIBED,
} from './topics.ts';

/** What all clients share. */
export interface PubContext {
  readonly random: RandomSource;
  readonly plan: Plan;
  /** Every message, by its payload. */
  readonly publications: Map<string, Publication>;
  readonly trace: (line: () => string) => void;
  tick(): number;
}

interface Request {
  readonly words: readonly string[];
  readonly onReply: (reply: Reply) => string | null;
}

/** A change of subscriptions whose confirmations come. */
interface Change {
  readonly kind: number;
  readonly isSubscribing: boolean;
  left: number;
}

const LONG_BYTES_MAX = 20_000;
const nothingWrong = (): null => null;

export class PubClient extends TalkingClient {
  readonly resp: number;
  readonly isListener: boolean;
  /** All of its subscriptions, ended ones too. */
  readonly subscriptions: Subscription[] = [];
  /** Payloads in the order in which it has heard them, by kind and channel. */
  readonly streams = new Map<string, string[]>();
  readonly #context: PubContext;
  readonly #requests: Request[] = [];
  readonly #changes: Change[] = [];

  constructor(name: string, place: Place, context: PubContext, isControl: boolean) {
    super(name, place, context.trace);
    const { random } = context;
    this.#context = context;
    this.isListener = !isControl && random.chance(0.65);
    this.resp = this.isListener ? 2 + random.below(2) : 2;
    if (this.resp === 3) this.askOne(['HELLO', '3']);
  }

  get waitingCount(): number {
    return this.#requests.length + this.#changes.length;
  }

  get oldestWaiting(): string {
    return this.#requests[0]?.words.join(' ').slice(0, 60) ?? 'a confirmation';
  }

  get mayAsk(): boolean {
    return !this.isGone && this.waitingCount < this.#context.plan.pipelineMax;
  }

  // ------------------------------------------------------------------ asking

  ask(): void {
    const { random, plan } = this.#context;
    for (let left = 1 + random.below(plan.pipelineMax); left > 0; left--) {
      if (!this.isListener) this.#publish();
      else if (this.resp === 3 && random.chance(0.2)) this.#publish();
      else this.#change();
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

  #pick(choices: readonly string[]): string {
    return choices[this.#context.random.below(choices.length)] ?? '';
  }

  #publish(): void {
    const { random } = this.#context;
    const kind = random.below(10);
    if (kind === 0) {
      this.#publishTogether();
    } else if (kind === 1) {
      this.#set();
    } else {
      this.#publishOne((words, onReply) => {
        this.#send(words, onReply);
      });
    }
  }

  #publishOne(send: (words: readonly string[], onReply: Request['onReply']) => void): void {
    const { random } = this.#context;
    const isSharded = random.chance(0.25);
    const kind = isSharded ? Kind.Sharded : Kind.Channel;
    const publication = this.#add(kind, this.#pick(CHANNELS), '');
    const { channel, payload } = publication;
    send([isSharded ? 'SPUBLISH' : 'PUBLISH', channel, payload], (reply) =>
      this.#onPublished(publication, reply));
  }

  #add(kind: number, channel: string, prefix: string): Publication {
    const { random, publications, plan } = this.#context;
    const number = publications.size;
    const filler = prefix === '' && random.chance(plan.longValueChance)
      ? ':'.padEnd(random.below(LONG_BYTES_MAX), 'y') : '';
    const publication: Publication = {
      client: this.name, kind, channel, payload: `${prefix}${number}${filler}`,
      askedAt: this.#context.tick(), answeredAt: Infinity, count: null,
    };
    publications.set(publication.payload, publication);
    return publication;
  }

  #onPublished(publication: Publication, reply: Reply): string | null {
    if (typeof reply !== 'string' || !reply.startsWith(':')) return 'a number was to be answered';
    publication.answeredAt = this.#context.tick();
    publication.count = Number(reply.slice(1));
    return null;
  }

  /** Several in one EXEC. */
  #publishTogether(): void {
    this.#send(['MULTI'], nothingWrong);
    const takers: Request['onReply'][] = [];
    for (let left = 1 + this.#context.random.below(3); left > 0; left--) {
      this.#publishOne((words, onReply) => {
        this.#send(words, nothingWrong);
        takers.push(onReply);
      });
    }
    this.#send(['EXEC'], (reply) => {
      if (reply === null || typeof reply === 'string') return 'an array was to be answered';
      const wrongs = takers.map((take, i) => take(reply[i] ?? null));
      return wrongs.find((wrong) => wrong !== null) ?? null;
    });
  }

  /** A key that tells of itself. */
  #set(): void {
    const publication = this.#add(Kind.Channel, EVENTS, 'key');
    this.#send(['SET', publication.payload, 'v'], (reply) => {
      publication.answeredAt = this.#context.tick();
      return isError(reply, '') ? 'it cannot fail' : null;
    });
  }

  #change(): void {
    const { random } = this.#context;
    const kind = random.below(3);
    const channels = kind === Kind.Channel ? [...CHANNELS, EVENTS] : CHANNELS;
    const choices = kind === Kind.Pattern ? PATTERNS : channels;
    const names = Array.from({ length: 1 + random.below(3) }, () => this.#pick(choices));
    const action = random.below(10);
    if (action < 6) this.#subscribe(kind, names);
    else this.#unsubscribe(kind, action < 9 ? names : []);
  }

  #wanted(kind: number): Subscription[] {
    return this.subscriptions.filter((one) => one.kind === kind && one.endAskedAt === Infinity);
  }

  #subscribe(kind: number, names: readonly string[]): void {
    const now = this.#context.tick();
    const wanted = this.#wanted(kind);
    for (const name of new Set(names)) {
      if (wanted.some((one) => one.name === name)) continue;
      this.subscriptions.push(new Subscription(kind, name, now));
    }
    this.#changes.push({ kind, isSubscribing: true, left: names.length });
    this.write([`${PREFIXES[kind] ?? ''}SUBSCRIBE`, ...names]);
  }

  #unsubscribe(kind: number, names: readonly string[]): void {
    const now = this.#context.tick();
    const ending = this.#wanted(kind).filter(({ name }) =>
      names.length === 0 || names.includes(name));
    for (const one of ending) one.endAskedAt = now;
    const left = names.length === 0 ? Math.max(1, ending.length) : names.length;
    this.#changes.push({ kind, isSubscribing: false, left });
    this.write([`${PREFIXES[kind] ?? ''}UNSUBSCRIBE`, ...names]);
  }

  #send(words: readonly string[], onReply: Request['onReply']): void {
    this.#requests.push({ words, onReply });
    this.write(words);
  }

  // ------------------------------------------------------------------ hearing

  protected hear(reply: Reply): string | null {
    const news = newsIn(reply, this.isListener && this.resp === 2);
    if (news !== null) return this.#hearNews(news);
    const request = this.#requests.shift();
    return request === undefined ? 'nobody has asked for this' : request.onReply(reply);
  }

  #hearNews([word = null, name = null, ...rest]: readonly Reply[]): string | null {
    const kind = MESSAGES.indexOf(textOf(word));
    if (kind >= 0) return this.#hearMessage(kind, textOf(name).slice(1), rest);
    const added = SUBSCRIBED.indexOf(textOf(word));
    const change = this.#changes[0];
    const isExpected = change?.isSubscribing === (added >= 0) &&
      change.kind === (added >= 0 ? added : UNSUBSCRIBED.indexOf(textOf(word)));
    if (!isExpected) return 'it has not asked for this';
    change.left--;
    if (change.left === 0) this.#changes.shift();
    if (name !== null) this.#confirm(change, textOf(name).slice(1));
    const count = this.subscriptions.filter((one) => isConfirmed(one) &&
      (one.kind === Kind.Sharded) === (change.kind === Kind.Sharded)).length;
    return rest[0] === `:${count}` ? null : `it has ${count} subscriptions`;
  }

  #confirm({ kind, isSubscribing }: Change, name: string): void {
    const now = this.#context.tick();
    const ofName = this.subscriptions.filter((one) => one.kind === kind && one.name === name);
    if (isSubscribing) {
      const one = ofName.find(({ endedAt }) => endedAt === Infinity);
      if (one !== undefined) one.confirmedAt = Math.min(one.confirmedAt, now);
    } else {
      const one = ofName.find(isConfirmed);
      if (one !== undefined) one.endedAt = now;
    }
  }

  #hearMessage(kind: number, name: string, rest: readonly Reply[]): string | null {
    const [channel, payload] = (kind === Kind.Pattern ? rest : [`$${name}`, ...rest])
      .map((one) => textOf(one).slice(1));
    const publication = this.#context.publications.get(payload ?? '');
    if (publication === undefined || publication.channel !== channel) return 'nobody has sent this';
    const one = this.subscriptions.find((each) =>
      each.kind === kind && each.name === name && isConfirmed(each));
    if (one === undefined) return `it has no subscription to '${name}'`;
    if (!one.concerns(publication)) return `this is not for '${name}'`;
    if (one.heard.has(publication.payload)) return 'it has heard this before';
    one.heard.add(publication.payload);
    this.#context.tick();
    const key = `${publication.kind}/${channel}`;
    const stream = this.streams.get(key) ?? [];
    this.streams.set(key, stream);
    if (!stream.includes(publication.payload)) stream.push(publication.payload);
    return null;
  }
}

function isConfirmed({ confirmedAt, endedAt }: Subscription): boolean {
  return confirmedAt !== Infinity && endedAt === Infinity;
}

/** A message or confirmation; null: it is the reply to a command. */
function newsIn(reply: Reply, isListener: boolean): readonly Reply[] | null {
  if (reply === null || typeof reply === 'string') return null;
  if (reply[0] === '>') return reply.slice(1);
  return isListener ? reply : null;
}

function textOf(reply: Reply): string {
  return typeof reply === 'string' ? reply : '';
}
