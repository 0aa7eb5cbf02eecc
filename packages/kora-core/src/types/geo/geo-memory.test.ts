/**
 * Law 7 for geo commands, bitmaps and HyperLogLogs: with any reserve refused, and with any number
 * of pages left, a command answers OOM and has changed nothing, or succeeds.
 */
import { describe, expect, it } from 'vitest';
import { refuseReserves, starveOfPages } from '../../testing/memory-faults.ts';

const places = (count: number, longitude: number): string[] =>
  Array.from({ length: count }, (_, i) =>
    [String(longitude + i / 100), '38', `member:${i}`]).flat();
const long = (letter: string): string => letter.repeat(70_000);
const elements = (count: number): string[] => Array.from({ length: count }, (_, i) => `e${i}`);

const SEARCH = ['FROMLONLAT', '13', '38', 'BYRADIUS', '5000', 'km'];
const cases: readonly (readonly [string, readonly string[][], readonly string[]])[] = [
  ['GEOADD of a new key', [], ['GEOADD', 'g', ...places(3, 13)]],
  ['GEOADD that outgrows a pack', [['GEOADD', 'g', ...places(60, 13)]],
    ['GEOADD', 'g', ...places(90, 14)]],
  ['GEOSEARCHSTORE', [['GEOADD', 'g', ...places(30, 13)], ['SET', 'd', 'old']],
    ['GEOSEARCHSTORE', 'd', 'g', ...SEARCH]],
  ['GEOSEARCHSTORE of many', [['GEOADD', 'g', ...places(400, 13)], ['RPUSH', 'd', 'old']],
    ['GEOSEARCHSTORE', 'd', 'g', ...SEARCH, 'STOREDIST']],
  ['GEORADIUS that stores over its source', [['GEOADD', 'g', ...places(100, 13)]],
    ['GEORADIUS', 'g', '13', '38', '20', 'km', 'STORE', 'g']],
  ['SETBIT far away', [['SET', 'k', 'abc']], ['SETBIT', 'k', '600000', '1']],
  ['SETBIT on a long value', [['SET', 'k', long('x')]], ['SETBIT', 'k', '900000', '1']],
  ['BITOP of long values', [['SET', 'a', long('x')], ['SET', 'b', 'y'], ['SET', 'd', 'z']],
    ['BITOP', 'ONE', 'd', 'a', 'b']],
  ['BITOP over a source', [['SET', 'a', 'xyz']], ['BITOP', 'NOT', 'a', 'a']],
  ['BITFIELD that grows', [['SET', 'k', '5']], ['BITFIELD', 'k', 'SET', 'i64', '#9', '-1']],
  ['PFADD of a new key', [], ['PFADD', 'p', ...elements(5)]],
  ['PFADD that goes dense', [['PFADD', 'p', 'x']], ['PFADD', 'p', ...elements(3000)]],
  ['PFMERGE', [['PFADD', 'a', ...elements(3000)], ['PFADD', 'd', 'x']], ['PFMERGE', 'd', 'a']],
  ['PFDEBUG TODENSE', [['PFADD', 'p', 'x']], ['PFDEBUG', 'TODENSE', 'p']],
];

describe('without memory', () => {
  it.each(cases)('%s changes nothing or succeeds', (_name, before, command) => {
    const refused = refuseReserves({ before }, command);
    const starved = starveOfPages({ before }, command);
    expect(refused + starved).toBeGreaterThan(0);
  });
});
