/**
 * Publish and subscribe over two to four workers whose turns are interleaved at random. Whatever
 * the interleaving:
 *   a message comes between the confirmation of its subscription and that of its end (Listener)
 *   PUBLISH answers how many get the message
 *   all who get messages of a channel get them in one order, a publisher's in its own order
 * and at moments of rest exactly those who are subscribed get a message, once a subscription, and
 * PUBSUB, INFO and CLIENT LIST tell of them.
 */
import { describe, expect, it } from 'vitest';
import { ask, someTurns } from '../testing/mesh-clients.ts';
import { CHANNELS, PubSubWorld, shown } from '../testing/pub-sub-world.ts';
import type { Listener } from '../testing/pub-sub-world.ts';

const cases = [2, 3, 4].flatMap((workers) =>
  [1, 2, 3, 4, 5, 6].map((seed) => [workers, seed * 10 + workers] as const));

/** All is done that was asked for, and everybody has read what came. */
function settle(world: PubSubWorld, note: string): void {
  world.mesh.settle();
  for (const listener of world.listeners) {
    if (listener.isGone) continue;
    listener.read(world.mesh);
    expect(listener.confirmed, `${note}: what is confirmed`).toEqual(listener.wanted);
  }
}

/** At rest: a message goes to whoever is subscribed. */
function checkDelivery(world: PubSubWorld, note: string): void {
  const present = world.listeners.filter(({ isGone }) => !isGone);
  const before = present.map(({ heard }) => heard.length);
  const sent = world.publish(1);
  settle(world, note);
  present.forEach((listener, i) => {
    const now = listener.heard.slice(before[i]).map(shown).sort();
    const wanted = sent.flatMap((message) => world.expected(listener, message)).sort();
    expect(now, `${note}: messages at rest`).toEqual(wanted);
  });
}

function having(listeners: readonly Listener[], kind: number, name: string): number {
  return listeners.filter(({ wanted }) => wanted[kind]?.has(name) === true).length;
}

/** At rest: what is told of subscriptions. */
function checkFigures(world: PubSubWorld, note: string): void {
  const { asker, mesh } = world;
  const present = world.listeners.filter(({ isGone }) => !isGone);
  const names = (kind: number): string[] =>
    [...new Set(present.flatMap(({ wanted }) => [...wanted[kind] ?? []]))].sort();
  for (const [kind, word] of [[0, ''], [2, 'SHARD']] as const) {
    const listed = ask(mesh, asker, 'PUBSUB', `${word}CHANNELS`).split('\r\n').slice(1, -1)
      .filter((_, i) => i % 2 === 1);
    expect(listed.sort(), `${note}: channels`).toEqual(names(kind));
    const counts = ask(mesh, asker, 'PUBSUB', `${word}NUMSUB`, ...CHANNELS).split('\r\n')
      .filter((line) => line.startsWith(':'));
    expect(counts, `${note}: counts`)
      .toEqual(CHANNELS.map((name) => `:${having(present, kind, name)}`));
  }
  const patterns = names(1).length;
  expect(ask(mesh, asker, 'PUBSUB', 'NUMPAT'), note).toBe(`:${patterns}\r\n`);
  const info = ask(mesh, asker, 'INFO', 'stats');
  expect(info, note).toContain(`pubsub_channels:${names(0).length}\r\n`);
  expect(info, note).toContain(`pubsub_patterns:${patterns}\r\n`);
  expect(info, note).toContain(`pubsubshard_channels:${names(2).length}\r\n`);
  const lines = ask(mesh, asker, 'CLIENT', 'LIST', 'TYPE', 'pubsub').match(/ sub=\d+ psub=\d+/g);
  const subscribed = present.filter(({ wanted }) => wanted.some(({ size }) => size > 0));
  expect((lines ?? []).sort(), `${note}: CLIENT LIST`).toEqual(subscribed
    .map(({ wanted }) => ` sub=${wanted[0]?.size} psub=${wanted[1]?.size}`).sort());
}

/** At the end: counts and orders of all that was sent. */
function checkHistory(world: PubSubWorld, note: string): void {
  const heard = world.listeners.map((listener) => listener.heard);
  const receivers = new Map<string, number>();
  for (const { payload } of heard.flat()) {
    receivers.set(payload, (receivers.get(payload) ?? 0) + 1);
  }
  for (const publisher of world.publishers) {
    const counts = world.countsOf(publisher);
    expect(counts.length, note).toBe(publisher.sent.length);
    publisher.sent.forEach(({ payload, channel }, i) => {
      // Who is gone may have got it and not have been seen reading it.
      if (world.listeners.some(({ isGone }) => isGone)) return;
      expect(receivers.get(payload) ?? 0, `${note}: PUBLISH ${channel} ${payload.slice(0, 9)}`)
        .toBe(counts[i]);
    });
  }
  for (const channel of CHANNELS) {
    for (const kind of [0, 2]) checkOrder(world, kind, channel, note);
  }
}

/** All have heard the messages of a channel in one order. */
function checkOrder(world: PubSubWorld, kind: number, channel: string, note: string): void {
  const streams = [
    ...world.publishers.map(({ sent }) => sent.filter((one) =>
      one.kind === kind && one.channel === channel)),
    ...world.listeners.map(({ heard }) => heard.filter((one) =>
      (one.kind === 2) === (kind === 2) && one.channel === channel)),
  ].map((stream) => [...new Set(stream.map(({ payload }) => payload))]);
  for (const [i, one] of streams.entries()) {
    for (const other of streams.slice(i + 1)) {
      const common = new Set(one.filter((payload) => other.includes(payload)));
      expect(one.filter((payload) => common.has(payload)), `${note}: order of ${channel}`)
        .toEqual(other.filter((payload) => common.has(payload)));
    }
  }
}

describe('publish and subscribe over workers', () => {
  it.each(cases)('%i workers, seed %i', (workers, seed) => {
    const world = new PubSubWorld(workers, seed);
    const mayReplace = seed % 3 === 0;
    for (let round = 0; round < 60; round++) {
      const note = `${workers} workers, seed ${seed}, round ${round}`;
      for (let step = world.below(12); step > 0; step--) {
        const action = world.below(mayReplace ? 21 : 20);
        if (action < 8) world.change();
        else if (action < 20) world.publish();
        else world.replace();
        someTurns(world.mesh, world.below, 3);
      }
      if (world.below(3) !== 0) continue;
      settle(world, note);
      checkDelivery(world, note);
      checkFigures(world, note);
    }
    const note = `${workers} workers, seed ${seed}`;
    settle(world, note);
    checkHistory(world, note);
  });
});
