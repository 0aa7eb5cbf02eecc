/**
 * What is published and subscribed to: channels whose owners are several workers, some of which
 * match some of the patterns, and what a client knows of its subscriptions.
 */
import { globMatch } from '@kora/core';

/** As the server numbers them. */
export const Kind = Object.freeze({ Channel: 0, Pattern: 1, Sharded: 2 } as const);

export const CHANNELS: readonly string[] = ['a', 'b', 'c', 'news.1', 'news.2', ''];
export const PATTERNS: readonly string[] = ['*', 'news.*', '?', '[ab]', '*.2', '__key*'];
/** Where SET tells of its key, with `notify-keyspace-events`. */
export const EVENTS = '__keyevent@0__:set';

/** Words of commands and messages, by kind. */
export const PREFIXES: readonly string[] = ['', 'P', 'S'];
export const MESSAGES: readonly string[] = ['$message', '$pmessage', '$smessage'];
export const SUBSCRIBED: readonly string[] = ['$subscribe', '$psubscribe', '$ssubscribe'];
export const UNSUBSCRIBED: readonly string[] = ['$unsubscribe', '$punsubscribe', '$sunsubscribe'];

/** A message that was sent. Moments are the scene's. */
export interface Publication {
  readonly client: string;
  /** Kind.Channel or Kind.Sharded. */
  readonly kind: number;
  readonly channel: string;
  /** No other has it. */
  readonly payload: string;
  readonly askedAt: number;
  answeredAt: number;
  /** What PUBLISH answered; null: nothing, or it is an event of a key. */
  count: number | null;
}

/** A client's subscription to a name, from its request to its end. */
export class Subscription {
  readonly kind: number;
  readonly name: string;
  readonly askedAt: number;
  confirmedAt = Infinity;
  /** When its end was asked for, and confirmed. */
  endAskedAt = Infinity;
  endedAt = Infinity;
  /** Payloads that it has brought. */
  readonly heard = new Set<string>();

  constructor(kind: number, name: string, askedAt: number) {
    this.kind = kind;
    this.name = name;
    this.askedAt = askedAt;
  }

  /** True for messages of a channel. */
  concerns({ kind, channel }: Publication): boolean {
    if (this.kind === Kind.Pattern) return kind === Kind.Channel && matches(this.name, channel);
    return kind === this.kind && channel === this.name;
  }

  /** It was there from before the message was sent until after it was answered. */
  mustHear({ askedAt, answeredAt }: Publication): boolean {
    return this.confirmedAt < askedAt && answeredAt < this.endAskedAt;
  }

  /** It may have been there when the message was on its way. */
  mayHear({ askedAt, answeredAt }: Publication): boolean {
    return this.askedAt < answeredAt && this.endedAt > askedAt;
  }

  toString(): string {
    return `${['channel', 'pattern', 'shard channel'][this.kind] ?? ''} '${this.name}'`;
  }
}

export function matches(pattern: string, name: string): boolean {
  const glob = Buffer.from(pattern, 'latin1');
  const text = Buffer.from(name, 'latin1');
  return globMatch(glob, 0, glob.length, text, 0, text.length, false);
}
