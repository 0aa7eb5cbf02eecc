/**
 * The slow log and histograms of an engine in this process: calls and typed methods are all there.
 */
import { describe, expect, it } from 'vitest';
import { openSync } from './kora.ts';

describe('an engine in this process', () => {
  it('has a slow log', () => {
    using db = openSync({ settings: { 'slowlog-log-slower-than': '0' } });
    db.call('SET', 'a', '1');
    db.set('b', '2');
    expect(db.get('b')).toBe('2');
    const entries = db.call('SLOWLOG', 'GET', '-1') as unknown[][];
    expect(entries.map((entry) => (entry[3] as string[]).join(' '))).toEqual([
      expect.stringMatching(/^get b$/i), expect.stringMatching(/^set b 2$/i), 'SET a 1',
    ]);
    expect(db.call('SLOWLOG', 'LEN')).toBe(4);
    db.call('SLOWLOG', 'RESET');
    db.call('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
    expect(db.call('SLOWLOG', 'LEN')).toBe(1);
  });
  it('counts every call of typed methods in a histogram', () => {
    using db = openSync();
    for (let i = 0; i < 500; i++) db.set('k', 'v');
    for (let i = 0; i < 300; i++) db.get('k');
    const reply = db.call('LATENCY', 'HISTOGRAM', 'get', 'set');
    const found = reply as Map<string, Map<string, unknown>>;
    expect(found.get('get')?.get('calls')).toBe(300);
    expect(found.get('set')?.get('calls')).toBe(500);
    expect(db.call('INFO', 'latencystats')).toMatch(/latency_percentiles_usec_get:p50=/);
    expect(db.call('INFO', 'commandstats')).toMatch(/cmdstat_get:calls=300,usec=\d+,/);
  });
});
