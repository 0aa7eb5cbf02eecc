/**
 * Requests as a client writes them: exact bytes by example, and the parser reads back what any
 * random request said.
 */
import { describe, expect, it } from 'vitest';
import { requestLimits } from './limits.ts';
import { encodeRequest, encodeRequestInto, requestBytes } from './request-encoder.ts';
import type { RequestArgument } from './request-encoder.ts';
import { latin1Text } from './testing/chunked.ts';
import { parseNaively } from './testing/naive-request-parser.ts';
import { seededChooser } from './testing/seeded.ts';

const settings = { limits: requestLimits(), isAuthenticated: true };

describe('request encoding', () => {
  it('writes text as UTF-8, bytes as they are, numbers as text', () => {
    const bytes = encodeRequest([
      'SET', 'caf\u00e9', Uint8Array.of(0xff, 0x0d), 1.5, -7, 10n ** 20n,
    ]);
    expect(latin1Text(bytes)).toBe(
      '*6\r\n$3\r\nSET\r\n$5\r\ncaf\xc3\xa9\r\n$2\r\n\xff\r\r\n$3\r\n1.5\r\n$2\r\n-7\r\n' +
      '$21\r\n100000000000000000000\r\n',
    );
    expect(latin1Text(encodeRequest([Infinity, -Infinity, Number.NaN])))
      .toBe('*3\r\n$3\r\ninf\r\n$4\r\n-inf\r\n$3\r\nnan\r\n');
  });

  it('writes into a given array at a given place, or refuses before it writes', () => {
    const u8 = new Uint8Array(40).fill(0xaa);
    const end = encodeRequestInto(u8, 5, ['GET', 'key']);
    expect(end).toBe(5 + requestBytes(['GET', 'key']));
    expect(latin1Text(u8.subarray(5, end))).toBe('*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n');
    expect([u8[4], u8[end]]).toEqual([0xaa, 0xaa]);
    const small = new Uint8Array(20);
    expect(() => encodeRequestInto(small, 0, ['GET', 'key'])).toThrow('the request fits');
    expect(small.every((byte) => byte === 0)).toBe(true);
    expect(() => encodeRequest([])).toThrow('a request has a name');
  });

  it('is read back by the parser, seed 5', () => {
    const choose = seededChooser(5);
    for (let round = 0; round < 300; round++) {
      const bytes = Array.from({ length: 1 + choose(12) }, () =>
        Uint8Array.from({ length: choose(30) }, () => choose(256)));
      const encoded = encodeRequest(bytes satisfies RequestArgument[]);
      expect(encoded.length).toBe(requestBytes(bytes));
      expect(parseNaively(latin1Text(encoded), settings), `round ${round}`)
        .toEqual({ requests: [bytes.map(latin1Text)], outcome: 'idle' });
    }
  });
});
