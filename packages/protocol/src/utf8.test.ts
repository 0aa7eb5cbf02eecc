/**
 * UTF-8 writing against TextEncoder, over every UTF-16 unit alone and in pairs with neighbours that
 * change its meaning; the byte-string writer against its plain definition.
 */
import { describe, expect, it } from 'vitest';
import { latin1Text } from './testing/chunked.ts';
import { utf8Bytes, writeLineText, writeUtf8 } from './utf8.hot.ts';

const encoder = new TextEncoder();
const u8 = new Uint8Array(1_024);

function utf8Of(text: string): string {
  const end = writeUtf8(u8, 3, text);
  expect(end - 3).toBe(utf8Bytes(text));
  return latin1Text(u8.subarray(3, end));
}

describe('UTF-8 writing', () => {
  it('equals TextEncoder for every unit, alone and beside surrogates', () => {
    for (let unit = 0; unit < 0x10000; unit += unit < 0xd000 || unit > 0xe100 ? 7 : 1) {
      const one = String.fromCharCode(unit);
      const text = `${one}\ud83d${one}\ude00${one}`;
      const wanted = latin1Text(encoder.encode(text));
      if (utf8Of(text) !== wanted) expect(utf8Of(text), `unit ${unit}`).toBe(wanted);
    }
  });

  it('equals TextEncoder at the edges of each length', () => {
    const edges = '\x7f\x80\u07ff\u0800\uffff\u{10000}\u{10ffff}';
    for (const text of ['', edges, '\ud800', '\udfff\ud800']) {
      expect(utf8Of(text)).toBe(latin1Text(encoder.encode(text)));
    }
  });

  it('equals TextEncoder around the length where the platform takes over', () => {
    for (let units = 16; units < 34; units++) {
      const text = `${'a\u00e9\u20ac'.repeat(20).slice(0, units - 3)}\u{1f600}\ud800`;
      expect(text).toHaveLength(units);
      expect(utf8Of(text)).toBe(latin1Text(encoder.encode(text)));
      expect(u8[2]).toBe(0);
      u8.fill(0);
    }
  });

  it('writes byte strings as they are, without line breaks', () => {
    for (let unit = 0; unit <= 0xff; unit++) {
      const isBreak = unit === 0x0d || unit === 0x0a;
      expect(writeLineText(u8, 0, String.fromCharCode(unit))).toBe(1);
      expect(u8[0]).toBe(isBreak ? 0x20 : unit);
    }
    const end = writeLineText(u8, 0, '\u0100\u{1f600}\ud800');
    expect([...u8.subarray(0, end)]).toEqual([...encoder.encode('\u0100\u{1f600}\ufffd')]);
  });
});
