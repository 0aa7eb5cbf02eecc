/**
 * The order in which gathered members come out, against a sort that compares: few and many, scores
 * of every sign and size, both zeros, infinities, many ties; with members that pass through low
 * memory, whose copies are freed.
 */
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import { ScoredMembers } from './scored-members.ts';

const EDGES = [
  0, -0, 1, -1, 0.1, -0.1, 5e-324, -5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, Infinity,
  -Infinity, 2 ** 31, 2 ** 32, -(2 ** 32), 2 ** 53, 1 + 2 ** -52,
];

interface Model { text: string; score: number }

function order(a: Model, b: Model): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1;
  return a.text < b.text ? -1 : 1;
}

describe('gathered members', () => {
  for (const [name, scoreOf] of [
    ['edges', (random: () => number) => EDGES[Math.floor(random() * EDGES.length)] ?? 0],
    ['random', (random: () => number) => (random() - 0.5) * 10 ** Math.floor(random() * 40 - 20)],
    ['integers', (random: () => number) => Math.floor(random() * 300) - 150],
    ['one score', () => 1],
  ] as const) {
    it(`come in order, ${name}`, () => {
      const driver = new CommandDriver();
      const { memory, shard } = driver;
      const usedBytes = memory.usedBytes();
      const source = randomSource(41);
      const random = (): number => source.below(2 ** 31) / 2 ** 31;
      for (const count of [0, 1, 2, 10, 127, 128, 129, 1000, 3000]) {
        const members = new ScoredMembers(shard);
        const model: Model[] = [];
        for (let i = 0; i < count; i++) {
          const text = `${source.below(100)}:${i}`;
          const score = scoreOf(random);
          memory.low.set(Buffer.from(text), shard.scratchAt);
          members.add(shard.scratchAt, text.length, score);
          model.push({ text, score });
        }
        members.sort();
        const found = Array.from(members.order, (index) => model[index]);
        expect(found, `${name}, ${count} members, seed 41`).toEqual([...model].sort(order));
        members.release();
      }
      expect(memory.usedBytes()).toBe(usedBytes);
    });
  }
});
