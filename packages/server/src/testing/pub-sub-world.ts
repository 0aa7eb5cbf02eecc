/**
 * Connections that subscribe and publish at random over the workers of a rig, and what each of them
 * was told: for model tests of publish and subscribe. A listener's stream is read as a client would
 * read it; a message that comes while it is not subscribed is an error.
 */
import { assert, globMatch } from '@kora/core';
import {
  ask, belowOf, connectTo, encodeRequest, repliesOf, send,
} from './mesh-clients.ts';
import type { MeshClient } from './mesh-clients.ts';
import { MeshRig } from './mesh-rig.ts';
import { ReplyReader } from './reply-reader.ts';

/** Channels, some of which match some of the patterns. */
export const CHANNELS: readonly string[] = [
  'a', 'b', 'c', 'news.1', 'news.2', '__keyevent@0__:set', 'x'.repeat(300), '',
];
export const PATTERNS: readonly string[] = ['*', 'news.*', '?', '[ab]', '*.2', '__key*', ''];
const PREFIXES: readonly string[] = ['', 'P', 'S'];
const MESSAGES: readonly string[] = ['message', 'pmessage', 'smessage'];
const SUBSCRIBED: readonly string[] = ['subscribe', 'psubscribe', 'ssubscribe'];
const UNSUBSCRIBED: readonly string[] = ['unsubscribe', 'punsubscribe', 'sunsubscribe'];
const LONG_BYTES_MAX = 100_000;

/** A message as a listener got it. */
export interface Heard {
  readonly kind: number;
  readonly name: string;
  readonly channel: string;
  readonly payload: string;
}

/** One who subscribes. */
export class Listener {
  readonly at: MeshClient;
  readonly resp: number;
  /** By kind: names that it will have when all it has sent is done. */
  readonly wanted: readonly Set<string>[] = [new Set(), new Set(), new Set()];
  /** By kind: names that are confirmed. */
  readonly confirmed: readonly Set<string>[] = [new Set(), new Set(), new Set()];
  readonly heard: Heard[] = [];
  isGone = false;
  readonly #reader = new ReplyReader();
  #read: number;

  constructor(at: MeshClient, resp: number, skipped: number) {
    this.at = at;
    this.resp = resp;
    this.#read = skipped;
  }

  /** Takes what has come since. @throws what a client would not understand */
  read(mesh: MeshRig): void {
    const all = repliesOf(mesh, this.at);
    this.#reader.add(all.slice(this.#read));
    this.#read = all.length;
    for (let value = this.#reader.take(); value !== undefined; value = this.#reader.take()) {
      assert(Array.isArray(value), 'a listener is told of subscriptions and messages');
      this.#take(value.map((item) => (item === null ? null : String(item))));
    }
  }

  #take([word, first, second, third]: readonly (string | null)[]): void {
    const kind = MESSAGES.indexOf(word ?? '');
    if (kind >= 0) {
      const name = first ?? '';
      if (this.confirmed[kind]?.has(name) !== true) throw new Error(`${word} ${name} too much`);
      const [channel, payload] = kind === 1 ? [second, third] : [first, second];
      this.heard.push({ kind, name, channel: channel ?? '', payload: payload ?? '' });
      return;
    }
    const added = SUBSCRIBED.indexOf(word ?? '');
    const removed = UNSUBSCRIBED.indexOf(word ?? '');
    assert(added >= 0 || removed >= 0, 'nothing else is said to a listener');
    if (first === null || first === undefined) return;
    if (added >= 0) this.confirmed[added]?.add(first);
    else this.confirmed[removed]?.delete(first);
    const [channels, patterns, sharded] = this.confirmed.map(({ size }) => size);
    const isSharded = added === 2 || removed === 2;
    const count = isSharded ? sharded ?? 0 : (channels ?? 0) + (patterns ?? 0);
    if (Number(second) === count) return;
    throw new Error(`${word} ${first} counts ${second}, not ${count}`);
  }
}

/** A message that was sent. */
export interface Sent {
  readonly kind: number;
  readonly channel: string;
  readonly payload: string;
}

/** One who publishes. */
export interface Publisher {
  readonly at: MeshClient;
  readonly sent: Sent[];
}

export class PubSubWorld {
  readonly mesh: MeshRig;
  readonly below: (bound: number) => number;
  readonly listeners: Listener[] = [];
  readonly publishers: readonly Publisher[];
  readonly asker: MeshClient;
  #messageCount = 0;

  constructor(workerCount: number, seed: number) {
    this.mesh = new MeshRig(workerCount, { seed });
    this.below = belowOf(seed);
    this.publishers = [0, 1, 2].map((i) =>
      ({ at: connectTo(this.mesh, i % workerCount), sent: [] }));
    this.asker = connectTo(this.mesh, this.below(workerCount));
    for (let i = 0; i < 6; i++) this.connect();
  }

  connect(): void {
    const at = connectTo(this.mesh, this.below(this.mesh.rigs.length));
    const resp = 2 + this.below(2);
    const skipped = resp === 3 ? ask(this.mesh, at, 'HELLO', '3').length : 0;
    this.listeners.push(new Listener(at, resp, skipped));
  }

  #pick<Item>(list: readonly Item[]): Item {
    const item = list[this.below(list.length)];
    assert(item !== undefined, 'there is something to choose from');
    return item;
  }

  #present(): Listener {
    return this.#pick(this.listeners.filter(({ isGone }) => !isGone));
  }

  /** A listener changes what it has subscribed to. */
  change(): void {
    const { at, wanted } = this.#present();
    const kind = this.below(3);
    const names = Array.from(
      { length: 1 + this.below(4) }, () => this.#pick(kind === 1 ? PATTERNS : CHANNELS),
    );
    const set = wanted[kind];
    const prefix = PREFIXES[kind] ?? '';
    const action = this.below(10);
    if (action < 6) {
      for (const name of names) set?.add(name);
      send(this.mesh, at, `${prefix}SUBSCRIBE`, ...names);
    } else if (action < 9) {
      for (const name of names) set?.delete(name);
      send(this.mesh, at, `${prefix}UNSUBSCRIBE`, ...names);
    } else {
      set?.clear();
      send(this.mesh, at, `${prefix}UNSUBSCRIBE`);
    }
  }

  /** A publisher sends some messages at once. @returns them */
  publish(countMax = 3): Sent[] {
    const { at, sent } = this.#pick(this.publishers);
    const now: Sent[] = [];
    for (let left = 1 + this.below(countMax); left > 0; left--) {
      const kind = this.below(4) === 0 ? 2 : 0;
      const filler = this.below(40) === 0 ? 'y'.repeat(this.below(LONG_BYTES_MAX)) : '';
      const payload = `${this.#messageCount++}:${filler}`;
      now.push({ kind, channel: this.#pick(CHANNELS), payload });
    }
    sent.push(...now);
    this.mesh.receive(at.rig, at.slot, Buffer.concat(now.map(({ kind, channel, payload }) =>
      encodeRequest([kind === 2 ? 'SPUBLISH' : 'PUBLISH', channel, payload]))));
    return now;
  }

  /** A listener's peer is gone, and another one comes. */
  replace(): void {
    const gone = this.#present();
    gone.isGone = true;
    this.mesh.disconnect(gone.at.rig, gone.at.slot);
    this.connect();
  }

  /** What the publisher was answered: a count for each message. */
  countsOf({ at }: Publisher): number[] {
    return repliesOf(this.mesh, at).split('\r\n').slice(0, -1).map((line) => Number(line.slice(1)));
  }

  /** What a listener of these subscriptions hears of a message, sorted. */
  expected({ wanted }: Listener, { kind, channel, payload }: Sent): string[] {
    const heard: Heard[] = [];
    if (wanted[kind]?.has(channel) === true) heard.push({ kind, name: channel, channel, payload });
    for (const name of kind === 0 ? wanted[1] ?? [] : []) {
      if (matches(name, channel)) heard.push({ kind: 1, name, channel, payload });
    }
    return heard.map(shown).sort();
  }
}

/** One message of a stream in a line. */
export function shown({ kind, name, channel, payload }: Heard): string {
  return `${kind}|${name}|${channel}|${payload}`;
}

function matches(pattern: string, name: string): boolean {
  const glob = Buffer.from(pattern, 'latin1');
  const text = Buffer.from(name, 'latin1');
  return globMatch(glob, 0, glob.length, text, 0, text.length, false);
}
