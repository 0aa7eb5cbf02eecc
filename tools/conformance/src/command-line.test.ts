/**
 * The options of the tool: what they set, and that nothing misspelt is run in silence.
 */
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from './command-line.ts';

describe('parseCommandLine', () => {
  it('plays everything on Kora in both protocols by default', () => {
    expect(parseCommandLine([])).toMatchObject({
      target: 'kora', subjects: [], protocols: ['2', '3'], titles: undefined,
      listsFailures: false, isJson: false, stopsAtFailure: false, gapReason: undefined,
    });
  });

  it('reads targets, subjects and choices', () => {
    const words = 'lists.case,sets LPUSH --port 7000 --host ::1 --resp 3 --grep ttl --settle 5';
    const options = parseCommandLine([...words.split(' '), '--json']);
    expect(options).toMatchObject({
      target: 'port', host: '::1', port: 7_000, subjects: ['lists.case', 'sets', 'LPUSH'],
      protocols: ['3'], isJson: true, settleMs: 5,
    });
    expect(options.titles?.test('TTL of a key')).toBe(true);
    expect(parseCommandLine(['--embedded', '--record-gaps', 'later']).gapReason).toBe('later');
  });

  it.each([
    ['--krao', 'unknown option --krao'],
    ['--port', '--port needs a value'],
    ['--port x', 'whole number'],
    ['--resp 4', '2, 3 or both'],
    ['--kora --reference', 'choose one of kora, reference'],
    ['--reference --record-gaps x', '--record-gaps goes with'],
  ])('refuses %s', (words, message) => {
    expect(() => parseCommandLine(words.split(' '))).toThrow(message);
  });
});
