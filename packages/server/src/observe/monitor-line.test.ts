/**
 * Lines of MONITOR, byte for byte as redis-server 7.0.15 wrote them.
 */
import { expect, it } from 'vitest';
import { monitorLine, quoted } from './monitor-line.ts';

it('is what redis-server writes', () => {
  const words = ['set', 'a', 'x\ny\x00\xffz"q\\\x07\b\t\r'];
  expect(monitorLine(1_795_228_502_288_081, 3, '127.0.0.1:45536', words)).toBe(
    '1795228502.288081 [3 127.0.0.1:45536] "set" "a" "x\\ny\\x00\\xffz\\"q\\\\\\a\\b\\t\\r"',
  );
});

it('shows printable characters as they are and all others as two digits', () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const shown = quoted(character);
    if (code >= 32 && code < 127 && character !== '"' && character !== '\\') {
      expect(shown).toBe(`"${character}"`);
    } else {
      expect(shown).toMatch(/^"\\(?:["\\nrtab]|x[0-9a-f]{2})"$/);
    }
  }
});

it('pads the time', () => {
  expect(monitorLine(1_000_000, 0, '', [])).toBe('1.000000 [0 ] ');
  expect(monitorLine(1_000_007.9, 0, '', ['PING'])).toBe('1.000007 [0 ] "PING"');
});
