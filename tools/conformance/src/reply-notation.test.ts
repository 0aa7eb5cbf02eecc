/**
 * The notation of replies: every reply survives rendering and parsing, whatever its bytes, and
 * text that is no value is refused. Random replies come from a seed that failures name.
 */
import { describe, expect, it } from 'vitest';
import { parseReply, quoteText, renderOutcome, renderReply, type Reply } from './reply-notation.ts';

const SEED = 20261120;
const REPLY_COUNT = 2_000;
const DEPTH_MAX = 3;

/** A generator of numbers in [0, below), fixed by its seed (xorshift32). */
function seededChance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function randomReply(chance: (below: number) => number, depth: number): Reply {
  const text = Array.from({ length: chance(12) }, () => String.fromCharCode(chance(256))).join('');
  const texts = ['simple', 'error', 'bulk', 'verbatim'] as const;
  const aggregates = ['array', 'map', 'set', 'push'] as const;
  switch (chance(depth < DEPTH_MAX ? 5 : 3)) {
    case 0:
      return { kind: texts[chance(4)]!, text };
    case 1:
      return { kind: 'integer', text: String(chance(1_000) - 500) };
    case 2:
      return { kind: (['null', 'null-array', 'null-bulk'] as const)[chance(3)]! };
    default: {
      const items = Array.from({ length: chance(4) * 2 }, () => randomReply(chance, depth + 1));
      return { kind: aggregates[chance(4)]!, items };
    }
  }
}

describe('renderReply and parseReply', () => {
  it('are inverse on random replies', () => {
    const chance = seededChance(SEED);
    for (let round = 0; round < REPLY_COUNT; round += 1) {
      const reply = randomReply(chance, 0);
      const place = `seed ${String(SEED)}, round ${String(round)}`;
      const text = renderReply(reply);
      expect(text, place).toMatch(/^[\x20-\x7e]*$/);
      expect(parseReply(text), place).toEqual(reply);
    }
  });

  it.each([
    '+"OK"', '-"ERR no"', '$"a\\r\\n\\t\\"\\\\\\x00\\xff"', '="txt:a"', ':-1', ',1.5', '#t', '(123',
    '_', '*_', '$_', '*[]', '*[$"a" :1 *[_]]', '%[$"k" ~[+"v"]]', '>[$"message"]', '?', '*#3',
    '$#100', '%#4',
  ])('keeps %s', (notation) => {
    expect(renderReply(parseReply(notation))).toBe(notation);
  });

  it('reads the short escapes', () => {
    expect(parseReply('$"\\a\\b\\q"')).toEqual({ kind: 'bulk', text: '\x07\bq' });
    expect(quoteText('\x07\b')).toBe('"\\x07\\x08"');
  });

  it.each(['', 'OK', '$"a', '*[$"a"', '*x', '$a', '+"a" +"b"', '*[?]', '*[$#1]'])(
    'refuses %s',
    (notation) => {
      expect(() => parseReply(notation)).toThrow(/value|unterminated|trailing|aggregate/);
    },
  );
});

describe('renderOutcome', () => {
  it('brackets the absence of a reply', () => {
    expect(renderOutcome({ kind: 'closed', text: '' })).toBe('(closed)');
    expect(renderOutcome({ kind: 'unreadable', text: '"x"' })).toBe('(unreadable: "x")');
    expect(renderOutcome({ kind: 'integer', text: '1' })).toBe(':1');
  });
});
