/**
 * The list of known gaps is exact both ways, shown on a tiny corpus and a toy engine: a failure
 * that is not listed fails, a listed case that passes fails, a misspelt key fails.
 */
import { describe, expect, it } from 'vitest';
import { parseCaseFile } from './case-file.ts';
import { loadCorpus } from './corpus.ts';
import { embeddedDriver } from './drivers/embedded-driver.ts';
import { loadKnownGaps } from './known-gaps-file.ts';
import {
  knownGapsText,
  misspeltGaps,
  parseKnownGaps,
  updatedGaps,
  type KnownGap,
} from './known-gaps.ts';
import { Player } from './play.ts';
import { complaintOf, runFile } from './run-corpus.ts';
import { toyEngine } from './testing/toy-engine.ts';

const FILE = parseCaseFile(
  'tiny',
  ['# works', '> SET k v', '< +"OK"', '# lacks', '> LPUSH q a', '< :1', '# old form', '! only 2',
    '> GET k', '< _'].join('\n'),
);
const later: KnownGap = { drivers: ['embedded'], why: 'later' };

async function verdicts(gaps: Record<string, KnownGap>) {
  const player = new Player(embeddedDriver(toyEngine()));
  const results = await runFile(FILE, player, new Map(Object.entries(gaps)));
  return results.map((result) => ({ verdict: result.verdict, complaint: complaintOf(result) }));
}

describe('a run against the list', () => {
  it('passes when exactly the failures are listed', async () => {
    expect(await verdicts({ 'tiny:lacks': later })).toEqual([
      { verdict: 'passed', complaint: '' },
      { verdict: 'known gap', complaint: '' },
    ]);
  });

  it('fails on a failure that is not listed, and shows it', async () => {
    const [, lacks] = await verdicts({});
    expect(lacks!.verdict).toBe('unlisted failure');
    expect(lacks!.complaint).toMatch(/tiny\.case:6: lacks\n.*\n {2}sent {3}LPUSH q a\n/);
    expect(lacks!.complaint).toContain('wanted :1');
    expect(lacks!.complaint).toContain(`got    -"ERR unknown command 'LPUSH'"`);
  });

  it('fails on a failure that is listed for another driver only', async () => {
    const [, lacks] = await verdicts({ 'tiny:lacks': { drivers: ['resp2'], why: 'later' } });
    expect(lacks!.verdict).toBe('unlisted failure');
  });

  it('fails on a listed case that passes', async () => {
    const [works] = await verdicts({ 'tiny:works': later, 'tiny:lacks': later });
    expect(works!.verdict).toBe('listed but passes');
    expect(works!.complaint).toContain('known-gaps.json lists it');
  });

  it('fails on a key that names no case and on a driver that does not play it', () => {
    const gaps = new Map([
      ['tiny:lacks', later],
      ['tiny:lakcs', later],
      ['tiny:old form', { drivers: ['resp2', 'resp3', 'embedded'], why: 'later' } as const],
    ]);
    expect(misspeltGaps(gaps, [FILE])).toEqual([
      '"tiny:lakcs" names no case',
      '"tiny:old form" is not for resp3',
      '"tiny:old form" is not for embedded',
    ]);
  });
});

describe('the file', () => {
  const text = '{\n  "a:b": { "drivers": ["resp2", "resp3"], "why": "later" },\n' +
    '  "a:c": { "drivers": ["embedded"], "why": "never" }\n}\n';

  it('is read and written in one form', () => {
    const gaps = parseKnownGaps(text);
    expect(gaps.get('a:b')).toEqual({ drivers: ['resp2', 'resp3'], why: 'later' });
    expect(knownGapsText(gaps)).toBe(text);
    expect(knownGapsText(parseKnownGaps('{}\n'))).toBe('{}\n');
  });

  it.each([
    ['a key written twice', text.replace('a:c', 'a:b'), 'line 2'],
    ['unsorted keys', text.replace('a:b', 'a:d'), 'line 2'],
    ['an unknown driver', text.replace('embedded', 'resp4'), 'unknown driver "resp4"'],
    ['no driver', text.replace('"embedded"', ''), 'names no drivers'],
    ['no reason', text.replace('never', ''), 'says no why'],
    ['an unknown field', text.replace('"why": "never"', '"why": "x", "who": "y"'), 'field "who"'],
    ['a list', '[]\n', 'not an object'],
    ['an entry that is a text', '{\n  "a:b": "later"\n}\n', 'is not an object'],
  ])('refuses %s', (_what, wrong, message) => {
    expect(() => parseKnownGaps(wrong)).toThrow(message);
  });
});

describe('the committed list', () => {
  it('names only cases of the corpus and drivers that play them', () => {
    expect(misspeltGaps(loadKnownGaps(), loadCorpus())).toEqual([]);
  });
});

describe('updatedGaps', () => {
  it('drops what passes, adds what fails, keeps reasons and what was not played', () => {
    const gaps = new Map<string, KnownGap>([
      ['t:passes', { drivers: ['resp2', 'embedded'], why: 'old' }],
      ['t:passes alone', { drivers: ['resp2'], why: 'old' }],
      ['t:fails still', { drivers: ['embedded', 'resp3'], why: 'old' }],
      ['t:not played', { drivers: ['resp2'], why: 'old' }],
    ]);
    const results = new Map([
      ['t:passes', { hasFailed: false }],
      ['t:passes alone', { hasFailed: false }],
      ['t:fails still', { hasFailed: true }],
      ['t:fails', { hasFailed: true }],
    ]);
    expect(Object.fromEntries(updatedGaps(gaps, 'resp2', results, 'new'))).toEqual({
      't:passes': { drivers: ['embedded'], why: 'old' },
      't:fails still': { drivers: ['resp2', 'resp3', 'embedded'], why: 'old' },
      't:not played': { drivers: ['resp2'], why: 'old' },
      't:fails': { drivers: ['resp2'], why: 'new' },
    });
  });
});
