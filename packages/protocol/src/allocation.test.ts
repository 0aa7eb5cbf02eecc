/**
 * The hot files allocate nothing per call: bytes of heap per call, best of many rounds of 20,000
 * warm calls, stay under one. Clean code ends at its first clean round; more are there for an
 * optimising compiler that comes late. The last test shows that a small allocation is seen.
 * Doubles that are no integers and big integers are left out: they make a string, and say so.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { requestLimits } from './limits.ts';
import {
  writeArrayHeader, writeBoolean3, writeBulkHeader, writeBulkText, writeDouble2, writeDouble3,
  writeError, writeInteger, writeInteger64, writeMapHeader, writeNull2, writeNull3, writeSimple,
} from './reply-encoder.hot.ts';
import { PARSE_REQUEST, RequestParser } from './request-parser.hot.ts';
import { latin1Bytes } from './testing/chunked.ts';

const CALLS = 20_000;
const ROUNDS_MAX = 25;
/** What clean code stays below; the smallest object takes 16. */
const CLEAN_BYTES = 1;

setFlagsFromString('--expose-gc');
/** What the flag puts into a fresh context; nothing else makes the collector callable. */
const collect = runInNewContext('gc') as () => void;

/** Heap bytes per call of a loop that makes this many calls. */
function bytesPerCall(loop: (calls: number) => void): number {
  loop(CALLS);
  loop(CALLS);
  let best = Infinity;
  for (let round = 0; round < ROUNDS_MAX && best >= CLEAN_BYTES; round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    loop(CALLS);
    best = Math.min(best, (process.memoryUsage().heapUsed - before) / CALLS);
  }
  return best;
}

describe('heap bytes per call', () => {
  it('parsing requests, whole and in pieces', () => {
    const parser = new RequestParser(requestLimits());
    const request = '*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n';
    const u8 = latin1Bytes(request.repeat(4));
    let parsed = 0;
    let found = 0;
    const bytes = bytesPerCall((calls) => {
      parsed += calls;
      for (let call = 0; call < calls; call++) {
        parser.begin(0);
        for (let end = 7; end <= u8.length; end += 7) {
          while (parser.parse(u8, end) === PARSE_REQUEST) found += parser.argc;
        }
        while (parser.parse(u8, u8.length) === PARSE_REQUEST) found += parser.argc;
      }
    });
    expect(parsed).toBeGreaterThan(CALLS);
    expect(found).toBe(parsed * 4 * 3);
    expect(bytes).toBeLessThan(CLEAN_BYTES);
  });

  it('parsing inline requests', () => {
    const parser = new RequestParser(requestLimits());
    const u8 = latin1Bytes('SET key "a value" \'b\'\r\n');
    const bytes = bytesPerCall((calls) => {
      for (let call = 0; call < calls; call++) {
        parser.begin(0);
        parser.parse(u8, u8.length);
      }
    });
    expect(bytes).toBeLessThan(CLEAN_BYTES);
  });

  it('writing replies', () => {
    const u8 = new Uint8Array(512);
    // A number beyond int32 is a heap object of the caller's; these two are made once.
    const [above, below] = [7_000_000_000_123, -7_000_000_000_123];
    let sum = 0;
    const bytes = bytesPerCall((calls) => {
      for (let call = 0; call < calls; call++) {
        let at = writeInteger(u8, 0, call);
        at = writeInteger(u8, at, below);
        at = writeInteger64(u8, at, -5, call);
        at = writeBulkHeader(u8, at, call);
        at = writeArrayHeader(u8, at, 3);
        at = writeMapHeader(u8, at, 1_000_000);
        at = writeBulkText(u8, at, 'caf\u00e9');
        at = writeSimple(u8, at, 'OK');
        at = writeError(u8, at, 'ERR syntax error');
        at = writeNull3(u8, writeNull2(u8, at));
        at = writeBoolean3(u8, at, true);
        at = writeDouble3(u8, at, call);
        at = writeDouble3(u8, at, above);
        at = writeDouble2(u8, at, below);
        sum += writeDouble2(u8, at, -12);
      }
    });
    expect(sum).toBeGreaterThan(CALLS);
    expect(bytes).toBeLessThan(CLEAN_BYTES);
  });

  it('sees an allocation of a few bytes', () => {
    const kept: unknown[] = new Array<unknown>(64).fill(0);
    const bytes = bytesPerCall((calls) => {
      for (let call = 0; call < calls; call++) kept[call & 63] = { call };
    });
    expect(bytes).toBeGreaterThan(8);
  });
});
