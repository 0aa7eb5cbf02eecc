/**
 * What has to be true of all messages of a run, from what clients sent and heard:
 *   who had subscribed before a message was sent, and not asked for the end before it was answered,
 *     has heard it
 *   PUBLISH answered how many have; only who is gone may have missed one
 *   there is one order of each channel's messages with which all streams agree, and time: what was
 *     answered before another was asked for comes before it
 *   events of keys have no one order; but to each who hears them those of one client come in the
 *     order in which it made them, and what was answered before what was asked for later
 */
import { EVENTS, Kind } from './topics.ts';
import type { Publication, Subscription } from './topics.ts';

/** Who hears messages. */
export interface Hearer {
  readonly name: string;
  readonly isGone: boolean;
  /** All of them, ended ones too. */
  readonly subscriptions: readonly Subscription[];
  /** Payloads in the order in which they were heard, by kind and channel. */
  readonly streams: ReadonlyMap<string, readonly string[]>;
}

export class Deliveries {
  readonly #publications: readonly Publication[];
  readonly #clients: readonly Hearer[];

  constructor(publications: Iterable<Publication>, clients: readonly Hearer[]) {
    this.#publications = [...publications];
    this.#clients = clients;
  }

  /** What is wrong, null when nothing is. */
  verdict(): string | null {
    for (const publication of this.#publications) {
      const wrong = this.#missing(publication) ?? this.#miscounted(publication);
      if (wrong !== null) return wrong;
    }
    return this.#disordered() ?? this.#early();
  }

  #missing(publication: Publication): string | null {
    for (const client of this.#clients) {
      if (client.isGone) continue;
      const missed = client.subscriptions.find((one) => one.concerns(publication) &&
        one.mustHear(publication) && !one.heard.has(publication.payload));
      if (missed === undefined) continue;
      return `${client.name} has not heard ${shown(publication)} by its ${missed.toString()}`;
    }
    return null;
  }

  #miscounted(publication: Publication): string | null {
    const { count, payload } = publication;
    if (count === null) return null;
    let heard = 0;
    let mayHave = 0;
    for (const { isGone, subscriptions } of this.#clients) {
      for (const one of subscriptions) {
        if (one.heard.has(payload)) heard++;
        else if (isGone && one.concerns(publication) && one.mayHear(publication)) mayHave++;
      }
    }
    if (count >= heard && count <= heard + mayHave) return null;
    return `${shown(publication)} was for ${count}; ${heard} have heard it, ${mayHave} may have`;
  }

  #disordered(): string | null {
    const channels = new Map<string, Publication[]>();
    for (const one of this.#publications) {
      // Every worker tells of its own keys: see #early.
      if (one.channel === EVENTS) continue;
      const key = `${one.kind}/${one.channel}`;
      channels.set(key, [...channels.get(key) ?? [], one]);
    }
    for (const [key, messages] of channels) {
      const circle = this.#circle(key, messages);
      if (circle.length > 0) return `no order of ${key} is that of all: ${circle.join(' ')}`;
    }
    return null;
  }

  /** An event that somebody has heard after one that came later. */
  #early(): string | null {
    const events = new Map(this.#publications.filter(({ channel }) => channel === EVENTS)
      .map((one) => [one.payload, one]));
    for (const { name, streams } of this.#clients) {
      let latest: Publication | undefined;
      const latestOf = new Map<string, Publication>();
      for (const payload of streams.get(`${Kind.Channel}/${EVENTS}`) ?? []) {
        const event = events.get(payload);
        if (event === undefined) continue;
        const before = latestOf.get(event.client);
        const isLate = latest !== undefined && event.answeredAt < latest.askedAt;
        const isOwn = before !== undefined && event.askedAt < before.askedAt;
        if (isLate || isOwn) {
          const other = isOwn ? before : latest;
          return `${name} heard ${payload} after ${other?.payload ?? ''}, which came later`;
        }
        if (latest === undefined || event.askedAt > latest.askedAt) latest = event;
        latestOf.set(event.client, event);
      }
    }
    return null;
  }

  /** Messages that cannot be put in order; none when all can. */
  #circle(key: string, messages: readonly Publication[]): string[] {
    const before = new Map(messages.map(({ payload }) => [payload, new Set<string>()]));
    for (const { streams } of this.#clients) {
      const stream = streams.get(key) ?? [];
      for (const [i, payload] of stream.entries()) {
        const previous = stream[i - 1];
        if (previous !== undefined) before.get(payload)?.add(previous);
      }
    }
    const heard = new Set(this.#clients.flatMap(({ streams }) => streams.get(key) ?? []));
    for (const later of messages) {
      for (const { payload, answeredAt, askedAt, client } of messages) {
        const isEarlier = answeredAt < later.askedAt ||
          (client === later.client && askedAt < later.askedAt);
        // What nobody has heard has no place.
        if (isEarlier && heard.has(payload)) before.get(later.payload)?.add(payload);
      }
    }
    for (let placed = -1; placed !== before.size;) {
      placed = before.size;
      for (const [payload, earlier] of before) {
        if ([...earlier].some((one) => before.has(one))) continue;
        before.delete(payload);
      }
    }
    return [...before.keys()].map((payload) => payload.slice(0, 9));
  }
}

function shown({ client, channel, payload }: Publication): string {
  return `${payload.slice(0, 12)} of ${client} to '${channel}'`;
}
