/**
 * The stream of a master cut into requests: whatever pieces it comes in, each request is given once
 * and byte for byte, against a list of the requests as they were made.
 */
import { SeededChance } from '@kora/core';
import { encodeRequest } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { CommandFrames } from './command-frames.ts';

function framesIn(frames: CommandFrames): string[] {
  const found: string[] = [];
  for (let frame = frames.next(); frame !== null; frame = frames.next()) {
    found.push(`${frame.name} ${frame.first} ${Buffer.from(frame.bytes).toString('latin1')}`);
  }
  return found;
}

describe('frames of commands', () => {
  for (let seed = 1; seed <= 20; seed++) {
    it(`are the requests that were made, seed ${seed}`, () => {
      const chance = new SeededChance(seed);
      const below = (bound: number): number => (chance.next32() >>> 0) % bound;
      const wanted: string[] = [];
      const pieces: Buffer[] = [];
      for (let i = 0; i < 200; i++) {
        const words = ['Set', 'REPLCONF', 'ping', '\r\n$3\r\n'];
        const args = [words[below(4)] ?? ''];
        const count = below(5);
        for (let k = 0; k < count; k++) {
          const bytes = below(20) === 0 ? 300_000 + below(9) : below(12);
          args.push(Array.from({ length: Math.min(bytes, 40) }, () =>
            String.fromCharCode(below(128))).join('').padEnd(bytes, '\n'));
        }
        const request = Buffer.from(encodeRequest(args));
        pieces.push(request);
        const [name = '', first = ''] = args;
        wanted.push(`${name.toLowerCase()} ${first.length > 32 ? '' : first.toLowerCase()} ` +
          request.toString('latin1'));
      }
      const stream = Buffer.concat(pieces);
      const frames = new CommandFrames();
      const found: string[] = [];
      for (let at = 0; at < stream.length;) {
        const bytes = 1 + below(below(3) === 0 ? 200_000 : 60);
        frames.feed(stream.subarray(at, at + bytes));
        at += bytes;
        if (below(3) > 0 || at >= stream.length) found.push(...framesIn(frames));
      }
      expect(found.length, `seed ${seed}`).toBe(wanted.length);
      expect(found.every((frame, i) => frame === wanted[i]), `seed ${seed}`).toBe(true);
    });
  }

  it('that are none are refused', () => {
    const fault = (text: string): string => {
      const frames = new CommandFrames();
      frames.feed(Buffer.from(text));
      try {
        return JSON.stringify(frames.next());
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
    };
    expect(fault('PING\r\n')).toMatch('a header is missing');
    expect(fault('*1\r\n+PING\r\n')).toMatch('a header is missing');
    expect(fault('*x\r\n')).toMatch('a header is no number');
    expect(fault('*1\n')).toMatch('a header is no number');
    expect(fault('*-1\r\n')).toMatch('a header is no number');
    expect(fault('*1\r\n$9999999999\r\n')).toMatch('a header is no number');
    expect(fault(`*${'1'.repeat(99)}`)).toMatch('a header has no end');
    expect(fault('*1\r\n$4\r\nPIN')).toBe('null');
  });
});
