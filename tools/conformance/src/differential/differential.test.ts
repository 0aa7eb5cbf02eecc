/**
 * The differential tester without servers: streams depend on their seed alone, what is tolerated
 * is no more than the list says, and a failing stream becomes as short as it can be.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { minimised } from './minimise.ts';
import { withSafeTimes } from './mutations.ts';
import { LEFT_OUT, PLAYED_COMMANDS } from './played-commands.ts';
import { loadRecordedGrammar } from './recorded-grammar.ts';
import { reportOf } from './report.ts';
import { streamOf, type PipelineStep, type Stream } from './stream.ts';
import { areEquivalent } from './tolerances.ts';

const SEEDS = 300;

function requestsOf(stream: Stream): (readonly string[])[] {
  return stream.steps.flatMap((step) => (step.kind === 'pipeline' ? step.requests : []));
}

describe('streams', () => {
  it('are the same for the same seed, and others for others', () => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      expect(streamOf(seed), `seed ${seed}`).toEqual(streamOf(seed));
    }
    expect(streamOf(1)).not.toEqual(streamOf(2));
  });

  it('play every command of the list within some hundred seeds', () => {
    const played = new Set<string>();
    for (let seed = 0; seed < SEEDS; seed += 1) {
      for (const [name = '', second = ''] of requestsOf(streamOf(seed))) {
        played.add(name.toLowerCase()).add(`${name}|${second}`.toLowerCase());
      }
    }
    for (const [name] of PLAYED_COMMANDS) expect(played, name).toContain(name);
  });

  it('name only commands that the reference has, each in one list', () => {
    const grammar = loadRecordedGrammar();
    for (const [name] of PLAYED_COMMANDS) {
      expect(Object.keys(grammar)).toContain(name);
      expect(LEFT_OUT.has(name), name).toBe(false);
    }
    for (const name of LEFT_OUT.keys()) expect(Object.keys(grammar)).toContain(name);
  });

  it('never give a key a short life outside of a step that waits', () => {
    expect(withSafeTimes(['SET', 'k', 'v', 'PX', '7'])).toEqual(['SET', 'k', 'v', 'PX', '100007']);
    expect(withSafeTimes(['psetex', 'k', '1', '2'])).toEqual(['psetex', 'k', '100001', '100002']);
    expect(withSafeTimes(['SET', 'k', '7'])).toEqual(['SET', 'k', '7']);
    expect(withSafeTimes(['EXPIRE', 'k', '-7'])).toEqual(['EXPIRE', 'k', '-7']);
  });
});

describe('tolerances', () => {
  it('take nothing but equal bytes for what is not listed', () => {
    expect(areEquivalent(['GET', 'a'], '$1\r\n1\r\n', '$1\r\n1\r\n')).toBe(true);
    expect(areEquivalent(['GET', 'a'], '$1\r\n1\r\n', '$1\r\n2\r\n')).toBe(false);
    expect(areEquivalent(['GET', 'a'], '$-1\r\n', '_\r\n')).toBe(false);
  });

  it('never take one error for another', () => {
    expect(areEquivalent(['SCAN', 'x'], '-ERR a\r\n', '-ERR b\r\n')).toBe(false);
    expect(areEquivalent(['RANDOMKEY'], '-ERR a\r\n', '$1\r\na\r\n')).toBe(false);
  });

  it('take times that are near, and none for the lack of one', () => {
    expect(areEquivalent(['pttl', 'a'], ':100000\r\n', ':100900\r\n')).toBe(true);
    expect(areEquivalent(['PTTL', 'a'], ':100000\r\n', ':190000\r\n')).toBe(false);
    expect(areEquivalent(['PTTL', 'a'], ':1\r\n', ':-1\r\n')).toBe(false);
    expect(areEquivalent(['PTTL', 'a'], ':-2\r\n', ':-1\r\n')).toBe(false);
  });

  it('take members in any order, but all of them', () => {
    const ab = '*2\r\n$1\r\na\r\n$1\r\nb\r\n';
    expect(areEquivalent(['KEYS', '*'], ab, '*2\r\n$1\r\nb\r\n$1\r\na\r\n')).toBe(true);
    expect(areEquivalent(['KEYS', '*'], ab, '*1\r\n$1\r\na\r\n')).toBe(false);
  });

  it('name Kora\'s own choices as docs/differences.md does', () => {
    const page = readFileSync(new URL('../../../../docs/differences.md', import.meta.url), 'utf8');
    for (const word of ['REFCOUNT', 'HELP', '16 KiB', 'redis_version']) {
      expect(page).toContain(word);
    }
  });
});

describe('making a stream short', () => {
  it('leaves the two requests that fail together', async () => {
    const step = (...requests: string[][]): PipelineStep => ({
      kind: 'pipeline', connection: 0, requests,
    });
    const noise = Array.from({ length: 20 }, () => step(['PING'], ['ECHO', 'x']));
    const [set, get] = [step(['PING'], ['SET', 'a', '1']), step(['GET', 'a'], ['PING'])];
    const steps = [...noise, set, ...noise, get];
    const stream: Stream = { seed: 1, protocol: '2', steps };
    const short = await minimised(stream, async (shorter) => {
      const names = requestsOf(shorter).map(([name]) => name);
      return names.includes('SET') && names.lastIndexOf('GET') > names.indexOf('SET');
    });
    expect(requestsOf(short)).toEqual([['SET', 'a', '1'], ['GET', 'a']]);
    const difference = { step: 1, request: ['GET', 'a'], kora: '"1"', reference: '"2"' };
    expect(reportOf(short, difference)).toContain('  > SET a 1\n  > GET a\nat step 1 of 2: GET a');
  });
});
