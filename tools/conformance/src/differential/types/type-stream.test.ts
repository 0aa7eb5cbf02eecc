/**
 * The streams of all types without servers: they depend on their seed alone, play every command of
 * their lists, name only commands of the reference, and leave none of a type out without a reason.
 */
import { describe, expect, it } from 'vitest';
import { PLAYED_COMMANDS } from '../played-commands.ts';
import { loadRecordedGrammar } from '../recorded-grammar.ts';
import type { Stream } from '../stream.ts';
import {
  COMMANDS_OF_ALL, KEY_KINDS, LEX_COMMANDS, TYPE_COMMANDS, TYPES_LEFT_OUT,
} from './type-commands.ts';
import { typeStreamOf } from './type-stream.ts';

const SEEDS = 400;
const GROUPS_OF_TYPES: ReadonlySet<string> = new Set([
  'list', 'set', 'sorted-set', 'hash', 'stream', 'bitmap', 'hyperloglog', 'geo',
]);

const listed = [
  ...KEY_KINDS.flatMap((kind) => TYPE_COMMANDS[kind]), ...COMMANDS_OF_ALL, ...LEX_COMMANDS,
].map(([name]) => name);

function requestsOf(stream: Stream): (readonly string[])[] {
  return stream.steps.flatMap((step) => (step.kind === 'pipeline' ? step.requests : []));
}

describe('streams of all types', () => {
  it('are the same for the same seed, and others for others', () => {
    for (let seed = 0; seed < 100; seed += 1) {
      expect(typeStreamOf(seed), `seed ${seed}`).toEqual(typeStreamOf(seed));
    }
    expect(typeStreamOf(1)).not.toEqual(typeStreamOf(2));
  });

  it('play every command of their lists within some hundred seeds', () => {
    const played = new Set<string>();
    for (let seed = 0; seed < SEEDS; seed += 1) {
      for (const [name = '', second = ''] of requestsOf(typeStreamOf(seed))) {
        played.add(name.toLowerCase()).add(`${name}|${second}`.toLowerCase());
      }
    }
    expect(listed.filter((name) => !played.has(name))).toEqual([]);
  });

  it('leave no command of a type out without a reason', () => {
    const elsewhere = new Set(PLAYED_COMMANDS.map(([name]) => name));
    const recorded = Object.entries(loadRecordedGrammar());
    const names = recorded.map(([name]) => name);
    for (const name of [...listed, ...TYPES_LEFT_OUT.keys()]) expect(names).toContain(name);
    const forgotten = recorded
      .filter(([, { group = '' }]) => GROUPS_OF_TYPES.has(group))
      .map(([name]) => name)
      .filter((name) => !listed.includes(name) && !TYPES_LEFT_OUT.has(name))
      .filter((name) => !elsewhere.has(name));
    expect(forgotten).toEqual([]);
  });

  it('ask nothing that waits, and nothing whose answer is chance and stays', () => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      for (const request of requestsOf(typeStreamOf(seed))) {
        const words = request.map((word) => word.toUpperCase());
        const line = `seed ${seed}: ${words.slice(0, 9).join(' ')}`;
        expect(words.includes('BLOCK'), line).toBe(false);
        if (words[0] === 'XADD') expect(words.slice(2).includes('*'), line).toBe(false);
        if (words[0] === 'SPOP') expect(Number(words[2]) === 1, line).toBe(false);
      }
    }
  });
});
