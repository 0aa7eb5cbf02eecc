/**
 * What a case is about decides which drivers play it; how many cases of the corpus the embedded
 * engine is spared, and why, is written down here and changes by decision only.
 */
import { describe, expect, it } from 'vitest';
import { connectionTopicOf, driversOf } from './applicability.ts';
import { parseCaseFile, type ConformanceCase } from './case-file.ts';
import { loadCorpus } from './corpus.ts';
import { dependsOnTime } from './play.ts';

function caseOf(...lines: string[]): ConformanceCase {
  return parseCaseFile('sample', ['# sample', ...lines].join('\n')).cases[0]!;
}

describe('what a case is about', () => {
  it.each([
    ['> GET k', false, undefined],
    ['> CONFIG GET hz', false, undefined],
    ['. sleep 5', true, undefined],
    ['< nothing', true, undefined],
    ['>> BLPOP q 0', true, 'a request that blocks'],
    ['>raw "PING\\r\\n"', false, 'raw bytes'],
    ['< closed', true, 'closing'],
    ['> hello 3', false, 'HELLO'],
    ['> SUBSCRIBE c', false, 'SUBSCRIBE'],
    ['! only 2', false, 'RESP2 only'],
    ['! only 3', false, undefined],
  ])('%s', (line, isTimed, topic) => {
    expect(dependsOnTime(caseOf(line))).toBe(isTimed);
    expect(connectionTopicOf(caseOf(line))).toBe(topic);
  });

  it('decides which drivers play it', () => {
    expect(driversOf(caseOf('> GET k'))).toEqual(['resp2', 'resp3', 'embedded']);
    expect(driversOf(caseOf('! only 3'))).toEqual(['resp3', 'embedded']);
    expect(driversOf(caseOf('! only 2'))).toEqual(['resp2']);
    expect(driversOf(caseOf('> QUIT'))).toEqual(['resp2', 'resp3']);
  });
});

it('leaves out a known number of cases of the corpus, for known reasons', () => {
  const counts = new Map<string, number>();
  for (const entry of loadCorpus().flatMap((file) => file.cases)) {
    const topic = connectionTopicOf(entry);
    if (topic !== undefined) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  }
  expect(Object.fromEntries(counts)).toEqual({
    'RESP2 only': 12,
    'a request that blocks': 50,
    'raw bytes': 31,
    AUTH: 12,
    CLIENT: 34,
    HELLO: 5,
    PSUBSCRIBE: 28,
    PUNSUBSCRIBE: 1,
    QUIT: 2,
    RESET: 1,
    SSUBSCRIBE: 5,
    SUBSCRIBE: 21,
    UNSUBSCRIBE: 1,
  });
});
