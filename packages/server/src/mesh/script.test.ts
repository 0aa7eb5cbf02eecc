/**
 * The rounds of transactions that run in steps, without anybody to run them: every shard is told to
 * run each of its commands once and in order, a step that is led has its three rounds, one that is
 * refused is passed over, and the number of rounds is what script.ts says.
 */
import type { Command } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { belowOf } from '../testing/mesh-clients.ts';
import { Script } from './script.ts';
import { Begin, beginOf, Finish, finishOf, respOf, stepWord } from './script-words.ts';
import type { StepPlan } from './step-plan.ts';
import { needsScript, StepKind } from './step-plan.ts';

const command = (name: string): Command => ({ name } as Partial<Command> as Command); // Not run.
const NO_KEYS = { count: 0, shard: new Uint8Array(0) };

function step(kind: number, shards: number, more: Partial<StepPlan> = {}): StepPlan {
  return {
    command: command('some'), kind, shards, keys: NO_KEYS, reach: null, leader: -1, lenders: 0,
    mayGrow: false, process: null, eventKeys: [], ...more,
  };
}

const here = step(StepKind.Here, 0);
const hello = step(StepKind.Here, 0, { command: command('hello') });
const plain = (shards: number): StepPlan => step(StepKind.Plain, shards);
const led = (kind: number, leader: number, lenders: number): StepPlan =>
  step(kind, lenders | (1 << leader), { leader, lenders });

/** A round as text: `shard: finish@from +count begin`. */
function shown(script: Script, mask: number): string {
  const names = (all: Record<string, number>, value: number): string =>
    Object.keys(all).find((name) => all[name] === value) ?? '?';
  return script.words.map(({ finish, from, runCount, begin }, shard) => {
    if ((mask & (1 << shard)) === 0) return '';
    const end = finish === Finish.Nothing ? '' : `${names(Finish, finish)} `;
    const start = begin === Begin.Nothing ? '' : ` ${names(Begin, begin)}`;
    return `${shard}: ${end}@${from}+${runCount}${start}`;
  }).filter((text) => text !== '').join('; ');
}

/** All rounds; `answer` says who refuses and of whose keys the leader tells. */
function roundsOf(
  steps: readonly StepPlan[], answer: (script: Script, mask: number) => [number, number],
): string[] {
  const script = new Script(steps, 3);
  const rounds: string[] = [];
  let [refused, told] = [0, 0];
  for (let turns = 0; !script.isOver; turns++) {
    if (turns > 100) throw new Error('the script does not end');
    const mask = script.next(refused, told);
    [refused, told] = mask === 0 ? [0, 0] : answer(script, mask);
    if (mask !== 0) rounds.push(shown(script, mask));
  }
  return rounds;
}

const agreeable = (): [number, number] => [0, 0];

describe('the rounds of a script', () => {
  it('run at once what waits for nobody', () => {
    expect(roundsOf([plain(3), here, plain(4), plain(1)], agreeable))
      .toEqual(['0: @0+2; 1: @0+1; 2: @0+1']);
    expect(roundsOf([here, here], agreeable)).toEqual([]);
  });

  it('lend, lead and settle, with what runs around it', () => {
    const steps = [plain(7), led(StepKind.Gathered, 0, 6), plain(5)];
    const changing = (script: Script): [number, number] => [0, script.isLeading ? 4 : 0];
    expect(roundsOf(steps, changing)).toEqual([
      '0: @0+1; 1: @0+1 Lend; 2: @0+1 Lend', '0: Lead @1+0', '0: @2+1; 2: Settle @1+1',
    ]);
    const last = [led(StepKind.Moved, 1, 1)];
    const moving = (script: Script): [number, number] => [0, script.isLeading ? 1 : 0];
    expect(roundsOf(last, moving))
      .toEqual(['0: @0+0 LendElement', '1: Lead @0+0', '0: TakeAway @0+0']);
    expect(roundsOf(last, agreeable)).toEqual(['0: @0+0 LendElement', '1: Lead @0+0']);
  });

  it('hold memory where a lender may need some', () => {
    const steps = [step(StepKind.Gathered, 3, { leader: 0, lenders: 2, mayGrow: true })];
    expect(roundsOf(steps, agreeable)).toEqual(['1: @0+0 LendToGrow', '0: Lead @0+0']);
  });

  it('pass over what somebody refuses', () => {
    const steps = [led(StepKind.Gathered, 0, 6), plain(7)];
    const refusing = (script: Script): [number, number] => [script.current === 0 ? 4 : 0, 0];
    expect(roundsOf(steps, refusing))
      .toEqual(['1: @0+0 Lend; 2: @0+0 Lend', '0: @1+1; 1: @1+1; 2: @1+1']);
    const asked = [plain(1), step(StepKind.Asked, 3), plain(2)];
    expect(roundsOf(asked, (script) => [script.current === 1 ? 1 : 0, 0]))
      .toEqual(['0: @0+1 Ask; 1: @0+0 Ask', '1: @1+1']);
    expect(roundsOf([step(StepKind.Asked, 6)], () => [2, 0])).toEqual(['1: @0+0 Ask; 2: @0+0 Ask']);
  });

  it('ask and then run what may not happen in halves', () => {
    const steps = [step(StepKind.Asked, 3), step(StepKind.Asked, 6), plain(1)];
    expect(roundsOf(steps, agreeable)).toEqual([
      '0: @0+0 Ask; 1: @0+0 Ask', '0: @0+1; 1: @0+1 Ask; 2: @0+0 Ask', '0: @1+1; 1: @1+1; 2: @0+1',
    ]);
  });

  it('name keys, lend them and lead, whoever is short of memory', () => {
    const steps = [led(StepKind.Staged, 0, 2), plain(2)];
    const naming = (script: Script, mask: number): [number, number] =>
      [0, mask === 1 && !script.isLeading ? 4 : 0];
    expect(roundsOf(steps, naming)).toEqual([
      '1: @0+0 Lend', '0: @0+0 NameKeys', '2: @0+0 LendNamed', '0: Lead @0+0', '1: @1+1',
    ]);
    expect(roundsOf(steps, agreeable))
      .toEqual(['1: @0+0 Lend', '0: @0+0 NameKeys', '0: Lead @0+0', '1: @1+1']);
    for (const shortAt of [1, 2]) {
      let round = 0;
      let isShort = false;
      roundsOf(steps, (script, mask) => {
        if (script.isLeading) ({ isShort } = script);
        const [, told] = naming(script, mask);
        return [round++ === shortAt ? mask : 0, told];
      });
      expect(isShort, `round ${shortAt}`).toBe(true);
    }
  });

  it('stop at HELLO', () => {
    expect(roundsOf([plain(1), hello, plain(1), plain(2), hello], agreeable))
      .toEqual(['0: @0+1', '0: @1+1; 1: @0+1']);
    expect(roundsOf([hello, hello, plain(4), hello], agreeable)).toEqual(['2: @0+1']);
  });

  it.each([1, 2, 3, 4, 5])('have every command of a shard in order and once, seed %i', (seed) => {
    const below = belowOf(seed);
    for (let tries = 0; tries < 200; tries++) {
      const steps = Array.from({ length: 1 + below(9) }, () => randomStep(below));
      const counts = [0, 1, 2].map((shard) =>
        steps.filter(({ shards }) => (shards & (1 << shard)) !== 0).length);
      const places = [0, 0, 0];
      let rounds = 0;
      roundsOf(steps, (script, mask) => {
        rounds++;
        for (const [shard, { finish, from, runCount }] of script.words.entries()) {
          if ((mask & (1 << shard)) === 0) continue;
          expect(from, `seed ${seed}`).toBeGreaterThanOrEqual(places[shard] ?? 0);
          places[shard] = from + runCount + (finish === Finish.Nothing ? 0 : 1);
        }
        const { shards = 0 } = steps[script.current] ?? {};
        const told = below(2) === 0 ? shards & ~(1 << (steps[script.current]?.leader ?? 0)) : 0;
        return [below(4) === 0 ? mask & shards : 0, script.isLeading || mask === 1 ? told : 0];
      });
      for (const [shard, count] of counts.entries()) {
        expect(places[shard], `seed ${seed}`).toBeLessThanOrEqual(count);
      }
      expect(rounds).toBeLessThanOrEqual(steps.length * 4 + 1);
    }
  });
});

function randomStep(below: (bound: number) => number): StepPlan {
  const kind = below(6);
  const leader = below(3);
  const lenders = (1 + below(7)) & ~(1 << leader) || 7 & ~(1 << leader);
  if (kind === StepKind.Here) return below(2) === 0 ? here : hello;
  if (kind === StepKind.Plain) return plain(1 + below(7));
  if (kind === StepKind.Asked) return step(kind, [3, 5, 6, 7][below(4)] ?? 7);
  return led(kind, leader, lenders);
}

describe('the word for a step', () => {
  it('tells what it was made of', () => {
    for (const finish of Object.values(Finish)) {
      for (const begin of Object.values(Begin)) {
        for (const resp of [2, 3]) {
          const word = stepWord(finish, begin, resp);
          expect([finishOf(word), beginOf(word), respOf(word)]).toEqual([finish, begin, resp]);
        }
      }
    }
  });
});

describe('an EXEC', () => {
  it('runs in steps only where it has to', () => {
    expect(needsScript([plain(1), here, plain(6)], false)).toBe(false);
    expect(needsScript([plain(1), here, plain(6)], true)).toBe(true);
    expect(needsScript([plain(1), plain(6)], true)).toBe(false);
    expect(needsScript([plain(1), led(StepKind.Moved, 0, 2)], false)).toBe(true);
    expect(needsScript([hello], false)).toBe(true);
    const reply = step(StepKind.Here, 0, { command: command('client|reply') });
    expect(needsScript([plain(1), reply], false)).toBe(true);
  });
});
