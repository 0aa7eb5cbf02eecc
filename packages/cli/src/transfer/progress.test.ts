/**
 * The line of progress: what it says, that it changes ten times a second at most, and that nothing
 * of it reaches a file.
 */
import { describe, expect, it } from 'vitest';
import { Progress, progressLine } from './progress.ts';
import { SeenKeys } from './seen-keys.ts';
import { shownKey } from './shown-key.ts';

describe('progress', () => {
  it('says how far, how fast, and what', () => {
    expect(progressLine(50_000_000, 100_000_000, '7 keys', 2))
      .toBe('[############------------]  50%  50.0 MB  25 MB/s  7 keys');
    expect(progressLine(1_500_000, -1, '7 keys', 1)).toBe('1.5 MB  2 MB/s  7 keys');
    expect(progressLine(9, 5, '', 1)).toMatch('[########################] 100%');
  });

  it('is written to a terminal only, ten times a second at most', () => {
    let nowMs = 0;
    let written = '';
    const output = {
      isTTY: true, columns: 30,
      write: (text: string): void => {
        written += text;
      },
    };
    const progress = new Progress(output, () => nowMs);
    for (; nowMs < 1000; nowMs += 10) progress.show(nowMs, 1000, 'keys');
    const lines = written.split('\r\x1b[K').slice(1);
    expect(lines).toHaveLength(10);
    expect(lines.every((line) => line.length < 30)).toBe(true);
    progress.clear();
    progress.clear();
    expect(written.endsWith('keys\r\x1b[K') || written.endsWith('\r\x1b[K')).toBe(true);
    expect(written.split('\r\x1b[K')).toHaveLength(12);
    nowMs += 1000;
    progress.count(2_500_000, '7 commands');
    expect(written.endsWith('\r\x1b[K2.5 MB  7 commands')).toBe(true);
    written = '';
    new Progress({ ...output, columns: 0 }, () => nowMs).count(2_500_000, '7 commands');
    expect(written).toBe('\r\x1b[K2.5 MB  7 commands');
    const silent = new Progress({ ...output, isTTY: false }, () => nowMs);
    written = '';
    silent.show(1, 2, 'keys');
    silent.clear();
    expect(written).toBe('');
  });
});

describe('keys', () => {
  it('are shown on one line, cut and without control characters', () => {
    expect(shownKey(Buffer.from('a"\r\n\x1b[2J\xff\\', 'latin1')))
      .toBe('"a\\x22\\x0d\\x0a\\x1b[2J\\xff\\x5c"');
    expect(shownKey(new Uint8Array(1000).fill(0x61))).toBe(`"${'a'.repeat(60)}"... (1000 bytes)`);
  });

  it('are seen once each', () => {
    const seen = new SeenKeys();
    const keys = Array.from({ length: 2000 }, (_, i) => Buffer.from(`key:${i}\xff`, 'latin1'));
    expect(keys.filter((key) => seen.add(key))).toHaveLength(2000);
    expect(keys.filter((key) => seen.add(key))).toHaveLength(0);
    expect(seen.add(new Uint8Array(0))).toBe(true);
    expect(seen.add(new Uint8Array(0))).toBe(false);
  });
});
