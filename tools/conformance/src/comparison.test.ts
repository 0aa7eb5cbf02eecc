/**
 * Each marker relaxes what it promises and nothing else: for every one, replies it accepts and
 * replies it refuses.
 */
import { describe, expect, it } from 'vitest';
import { parseExpectation } from './case-file.ts';
import { isExpected } from './comparison.ts';
import { parseMarkers } from './markers.ts';
import { itemsOf, parseReply, type Reply } from './reply-notation.ts';

/** Reads the notation of a reply that a server could send. */
function received(notation: string): Reply {
  const [reply] = itemsOf(parseReply(`*[${notation}]`)) ?? [];
  return reply!;
}

const ACCEPTED: readonly (readonly [expectation: string, reply: string])[] = [
  ['+"OK"', '+"OK"'],
  ['%[$"a" :1 $"b" :2]', '%[$"b" :2 $"a" :1]'],
  ['~[$"a" $"b"]', '~[$"b" $"a"]'],
  ['*[~[$"a" $"b"]]', '*[~[$"b" $"a"]]'],
  ['{unordered} *[$"a" $"b"]', '*[$"b" $"a"]'],
  ['{deep} *[*[$"a" $"b"] :1]', '*[:1 *[$"b" $"a"]]'],
  ['{pairs} *[$"a" $"1" $"b" $"2"]', '*[$"b" $"2" $"a" $"1"]'],
  ['{pairs} %[$"a" $"1"]', '%[$"a" $"1"]'],
  ['{scan} *[$"0" *[$"a" $"b"]]', '*[$"0" *[$"b" $"a"]]'],
  ['{scanpairs} *[$"0" *[$"a" $"1" $"b" $"2"]]', '*[$"0" *[$"b" $"2" $"a" $"1"]]'],
  ['{approx=1} :10', ':9'],
  ['{approx=0.1} $"1.50"', '$"1.55"'],
  ['{approx=1} *[:1 $"x"]', '*[:2 $"x"]'],
  ['{approx=1} ,inf', ',inf'],
  ['{err} -"ERR line 1"', '-"ERR line 2"'],
  ['{err} :1', ':1'],
  ['{type} :0', ':77'],
  ['{type} $#3', '$"x"'],
  ['{len} $#3', '$"xyz"'],
  ['{len} *#2', '*[:1 :2]'],
  ['{len} %#2', '%[$"a" :1]'],
  ['{len} $"abc"', '$"xyz"'],
  ['{shape} *[:1 *[$"a"]]', '*[:5 *[$"b"]]'],
  ['{in=a|b} $"a"', '$"b"'],
  ['{in=a|b} *[$"a" $"a"]', '*[$"b" $"a"]'],
  ['{in=a|nil} *[$"a" $"a"]', '*[$"a" _]'],
  ['{in=a|b,len} *#2', '*[$"b" $"a"]'],
  ['{distinct,in=a|b} *[$"a" $"b"]', '*[$"b" $"a"]'],
  ['{distinct,len} *#2', '*[$"x" $"y"]'],
  ['{skip=age|id} *[$"id" :1 $"n" :2]', '*[$"id" :9 $"n" :2]'],
  ['{skip=age} *[%[$"age" :1]]', '*[%[$"age" :2]]'],
  ['{pairs,skip=age} *[$"age" :1 $"n" :2]', '*[$"n" :2 $"age" :5]'],
  ['{match=^redis_version:\\d} ?', '="txt:redis_version:7"'],
  ['{match=^a,+$} ?', '$"a,,"'],
  ['{match=^\\*\\[:\\d+\\]$} ?', '*[:12]'],
  ['{any} ?', '*[]'],
  ['{save=x,type} $""', '$"y"'],
];

const REFUSED: readonly (readonly [expectation: string, reply: string])[] = [
  ['+"OK"', '$"OK"'],
  [':1', ':2'],
  ['_', '$_'],
  ['_', '*_'],
  ['-"ERR a"', '-"ERR b"'],
  ['*[$"a" $"b"]', '*[$"b" $"a"]'],
  ['*[]', '~[]'],
  ['%[$"a" :1]', '*[$"a" :1]'],
  ['%[$"a" :1 $"b" :2]', '%[$"a" :2 $"b" :1]'],
  ['{unordered} *[$"a" $"b"]', '*[$"b" $"b"]'],
  ['{unordered} *[*[:1 :2]]', '*[*[:2 :1]]'],
  ['{deep} *[*[:1 :2]]', '*[*[:1 :3]]'],
  ['{pairs} *[$"a" $"1" $"b" $"2"]', '*[$"a" $"2" $"b" $"1"]'],
  ['{scan} *[$"0" *[$"a"]]', '*[$"1" *[$"a"]]'],
  ['{scan} *[$"0" *[$"a"]]', '*[*[$"a"] $"0"]'],
  ['{scanpairs} *[$"0" *[$"a" $"1" $"b" $"2"]]', '*[$"0" *[$"a" $"2" $"b" $"1"]]'],
  ['{approx=1} :10', ':12'],
  ['{approx=1} :0', ':-1'],
  ['{approx=1} :10', '$"10"'],
  ['{approx=1} $"x"', '$"y"'],
  ['{approx=1} *[:1]', '*[:1 :1]'],
  ['{err} -"ERR a"', '-"WRONGTYPE a"'],
  ['{err} -"ERR a"', '+"ERR a"'],
  ['{type} :0', '$"0"'],
  ['{len} $#3', '$"xy"'],
  ['{len} *#2', '~[:1 :2]'],
  ['{shape} *[:1 *[$"a"]]', '*[:5 *[:1]]'],
  ['{shape} *[:1]', '*[:1 :1]'],
  ['{in=a|b} $"a"', '$"c"'],
  ['{in=a|b} *[$"a" $"a"]', '*[$"a"]'],
  ['{in=a|b} $"a"', '_'],
  ['{in=a|b,len} *#2', '*[$"b"]'],
  ['{distinct,len} *#2', '*[$"x" $"x"]'],
  ['{skip=age} *[$"age" :1 $"n" :2]', '*[$"age" :1 $"n" :3]'],
  ['{skip=age} *[$"x" $"age" :1]', '*[$"x" $"age" :2]'],
  ['{match=^a$} ?', '$"ab"'],
];

describe('isExpected', () => {
  it.each(ACCEPTED)('%s accepts %s', (expectation, reply) => {
    expect(isExpected(parseExpectation(expectation), received(reply))).toBe(true);
  });

  it.each(REFUSED)('%s refuses %s', (expectation, reply) => {
    expect(isExpected(parseExpectation(expectation), received(reply))).toBe(false);
  });

  it('accepts no silence, no closed connection and no nonsense, whatever the markers', () => {
    for (const kind of ['closed', 'timeout', 'unreadable'] as const) {
      expect(isExpected(parseExpectation('{any} ?'), { kind, text: '' })).toBe(false);
      expect(isExpected(parseExpectation('{match=.*} ?'), { kind, text: '' })).toBe(false);
    }
  });
});

describe('parseMarkers', () => {
  it('reads names, values, paths and a last expression with commas', () => {
    const markers = parseMarkers('type,save=a,save.1.0=b,skip=x|y,approx=5,match=a,b=}');
    expect([...markers.flags]).toEqual(['type']);
    expect(markers.saved).toEqual([{ name: 'a', path: [] }, { name: 'b', path: [1, 0] }]);
    expect([...markers.skipped]).toEqual(['x', 'y']);
    expect(markers.approx).toBe(5);
    expect(markers.match?.source).toBe('a,b=}');
  });

  it.each(['unorderd', 'approx=much', 'save=', 'save.x=a', 'in'])('refuses %s', (source) => {
    expect(() => parseMarkers(source)).toThrow('unknown marker');
  });
});
