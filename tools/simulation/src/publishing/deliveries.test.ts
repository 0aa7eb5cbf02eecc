/**
 * What the checks of all messages find: a message that somebody has missed, a count that is wrong,
 * and orders that do not fit together, also those of three streams that fit in pairs.
 */
import { describe, expect, it } from 'vitest';
import type { Hearer } from './deliveries.ts';
import { Deliveries } from './deliveries.ts';
import type { Publication } from './topics.ts';
import { EVENTS, Kind, Subscription } from './topics.ts';

/** Messages to one channel, of clients of their own, all on their way at the same time. */
function messages(count: number): Publication[] {
  return Array.from({ length: count }, (_, i) => ({
    client: `p${i}`, kind: Kind.Channel, channel: 'a', payload: `m${i}`, askedAt: 10 + i,
    answeredAt: 100 + i, count: null,
  }));
}

/** Somebody who has subscribed before all of them and has heard these. */
function hearer(heard: readonly string[], isGone = false): Hearer {
  const one = new Subscription(Kind.Channel, 'a', 1);
  one.confirmedAt = 2;
  for (const payload of heard) one.heard.add(payload);
  return { name: 'c', isGone, subscriptions: [one], streams: new Map([['0/a', heard]]) };
}

function verdictOf(sent: readonly Publication[], ...hearers: readonly Hearer[]): string | null {
  return new Deliveries(sent, hearers).verdict();
}

describe('messages that were heard', () => {
  it('have an order, whoever has missed some because it has gone', () => {
    const sent = messages(3);
    expect(verdictOf(sent, hearer(['m2', 'm0', 'm1']), hearer(['m2', 'm1'], true))).toBeNull();
  });

  it('have none when two disagree, or three in a circle', () => {
    const sent = messages(3);
    expect(verdictOf(sent, hearer(['m0', 'm1', 'm2']), hearer(['m0', 'm2', 'm1'])))
      .toContain('no order of 0/a');
    const circle = [['m0', 'm1'], ['m1', 'm2'], ['m2', 'm0']].map((heard) => hearer(heard, true));
    expect(verdictOf(sent, ...circle)).toContain('no order of 0/a');
  });

  it('have none against time, or against the order of their publisher', () => {
    const [first, second] = messages(2);
    if (first === undefined || second === undefined) expect.fail();
    const later = { ...second, askedAt: 200, answeredAt: 201 };
    expect(verdictOf([first, later], hearer(['m1', 'm0']))).toContain('no order');
    const same = { ...second, client: first.client };
    expect(verdictOf([first, same], hearer(['m1', 'm0']))).toContain('no order');
    expect(verdictOf([first, second], hearer(['m1', 'm0']))).toBeNull();
  });

  it('are events of keys in the order of time and of their clients, and in no other', () => {
    const events = messages(3).map((one) => ({ ...one, channel: EVENTS }));
    const to = (...heard: readonly string[]): Hearer => ({
      ...hearer(heard, true), streams: new Map([[`0/${EVENTS}`, heard]]),
    });
    const [first, second, third] = events;
    if (first === undefined || second === undefined || third === undefined) expect.fail();
    expect(verdictOf(events, to('m0', 'm1', 'm2'), to('m2', 'm1', 'm0'))).toBeNull();
    const late = { ...third, askedAt: 200, answeredAt: 201 };
    expect(verdictOf([first, second, late], to('m1', 'm2', 'm0')))
      .toBe('c heard m0 after m2, which came later');
    const own = { ...second, client: first.client };
    expect(verdictOf([first, own, third], to('m2', 'm1', 'm0')))
      .toBe('c heard m0 after m1, which came later');
  });

  it('are missed by who was there', () => {
    expect(verdictOf(messages(2), hearer(['m0']))).toContain('has not heard m1');
    const late = hearer([]);
    for (const one of late.subscriptions) one.confirmedAt = 50;
    expect(verdictOf(messages(1), late)).toBeNull();
  });

  it('are as many as was answered, but for those who have gone', () => {
    const [one] = messages(1);
    if (one === undefined) expect.fail();
    const counted = (count: number): Publication[] => [{ ...one, count }];
    expect(verdictOf(counted(1), hearer(['m0']))).toBeNull();
    expect(verdictOf(counted(2), hearer(['m0']))).toContain('was for 2; 1 have heard it');
    expect(verdictOf(counted(0), hearer(['m0']))).toContain('was for 0');
    expect(verdictOf(counted(2), hearer(['m0']), hearer([], true))).toBeNull();
  });
});
