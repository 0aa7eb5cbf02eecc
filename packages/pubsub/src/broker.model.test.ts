/**
 * The broker against a list of subscriptions: random channels, patterns and sharded channels,
 * subscribed to and left, and every message's receivers and counts.
 */
import { globMatch } from '@kora/core';
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesOf } from './binary-text.ts';
import { Broker } from './broker.ts';

const NAMES = ['a', 'b', 'ab', 'ba', 'a*', '*b', '?', '[ab]', 'h\u00e9llo', '*'];
const KINDS = [{}, { isPattern: true }, { isSharded: true }] as const;

interface Listed {
  readonly kind: number;
  readonly name: string;
  readonly heard: string[];
  readonly stop: () => void;
}

function fits({ kind, name }: Listed, published: number, channel: string): boolean {
  if (kind === 0 || kind === 2) return kind === published && name === channel;
  if (published !== 0) return false;
  const pattern = new TextEncoder().encode(name);
  const text = new TextEncoder().encode(channel);
  return globMatch(pattern, 0, pattern.length, text, 0, text.length, false);
}

function counted(list: readonly Listed[], kind: number): string[] {
  return [...new Set(list.filter((one) => one.kind === kind).map(({ name }) => name))].sort();
}

describe('a broker', () => {
  it.each([1, 2, 3, 4, 5])('delivers as a list would, seed %i', (seed) => {
    const random = randomSource(seed);
    const broker = new Broker();
    const list: Listed[] = [];
    for (let step = 0; step < 1500; step++) {
      const at = `seed ${seed}, step ${step}`;
      const kind = random.below(3);
      const name = NAMES[random.below(NAMES.length)] ?? '';
      const action = random.below(10);
      if (action < 3) {
        const heard: string[] = [];
        const stop = broker.listen(name, (message) => {
          heard.push(`${message.pattern ?? '-'}|${message.channel}|${message.text}`);
        }, KINDS[kind]);
        list.push({ kind, name, heard, stop });
      } else if (action < 5 && list.length > 0) {
        const [gone] = list.splice(random.below(list.length), 1);
        gone?.stop();
        gone?.stop();
      } else {
        const published = random.below(2) * 2;
        const wanted = list.filter((one) => fits(one, published, name));
        const text = `message ${step}`;
        const count = published === 0 ? broker.publish(name, text)
          : broker.publishSharded(name, bytesOf(text));
        expect(count, at).toBe(wanted.length);
        for (const one of list) {
          const pattern = one.kind === 1 ? one.name : '-';
          expect(one.heard.splice(0), at)
            .toEqual(wanted.includes(one) ? [`${pattern}|${name}|${text}`] : []);
        }
      }
      expect(broker.channels().sort(), at).toEqual(counted(list, 0));
      expect(broker.shardedChannels().sort(), at).toEqual(counted(list, 2));
      expect(broker.patternCount, at).toBe(counted(list, 1).length);
      expect(broker.subscriberCount(name, KINDS[kind]), at)
        .toBe(list.filter((one) => one.kind === kind && one.name === name).length);
    }
  });
});
