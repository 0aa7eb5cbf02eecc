/**
 * Replies as redis-cli prints them, from the notation of the corpus; and that every example of the
 * table has such a form.
 */
import { describe, expect, it } from 'vitest';
import { commandTable } from './command-table.ts';
import { replyLines, transcriptOf } from './transcript.ts';

describe('replyLines', () => {
  it.each([
    ['+"OK"', 'OK'],
    ['+"a \\"b\\""', 'a "b"'],
    ['-"ERR no \\"x\\""', '(error) ERR no "x"'],
    ['$"a\\x00\\"b\\""', '"a\\x00\\"b\\""'],
    ['$""', '""'],
    ['="txt:a"', 'a'],
    [':-3', '(integer) -3'],
    [',1.5', '(double) 1.5'],
    ['#t', '(true)'],
    ['#f', '(false)'],
    ['(12345678901234567890', '12345678901234567890'],
    ['_', '(nil)'],
    ['*_', '(nil)'],
    ['?', '(depends on the moment)'],
    ['*#3', '(array of 3)'],
    ['%#2', '(hash of 2)'],
    ['$#40', '(40 bytes)'],
    ['*[]', '(empty array)'],
    ['~[]', '(empty set)'],
    ['*[:1 _]', '1) (integer) 1\n2) (nil)'],
    ['*[$"a" *[$"b" *[:1 :2]] _]',
      '1) "a"\n2) 1) "b"\n   2) 1) (integer) 1\n      2) (integer) 2\n3) (nil)'],
    ['~[$"a"]', '1~ "a"'],
    ['%[$"a" :1 $"b" _]', '1# "a" => (integer) 1\n2# "b" => (nil)'],
  ])('%s', (notation, shown) => {
    expect(replyLines(notation).join('\n')).toBe(shown);
  });

  it('aligns numbers of long lists', () => {
    const lines = replyLines(`*[${Array.from({ length: 10 }, (_, i) => `:${i}`).join(' ')}]`);
    expect(lines[0]).toBe(' 1) (integer) 0');
    expect(lines[9]).toBe('10) (integer) 9');
  });

  it.each(['', 'x', '+OK', '$"open', '*[:1', ':1 :2', '*#', '+"a"b'])('refuses %j', (notation) => {
    expect(() => replyLines(notation)).toThrow('no reply at');
  });
});

describe('transcriptOf', () => {
  it('joins command lines and replies', () => {
    expect(transcriptOf([['SET k v', '+"OK"'], ['GET k', '$"v"']])).toBe(
      '> SET k v\nOK\n> GET k\n"v"',
    );
  });

  it('shows every example of the table', () => {
    const examples = commandTable().flatMap(({ definition }) => definition.examples);
    expect(examples.length).toBeGreaterThan(100);
    expect(() => transcriptOf(examples)).not.toThrow();
  });
});
