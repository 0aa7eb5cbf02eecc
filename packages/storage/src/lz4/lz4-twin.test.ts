/**
 * LZ4: round trips of everything that blocks are made of, blocks made by the reference library
 * (liblz4 1.9.4, fast and high compression), and hostile blocks: kernel and twin give the same, and
 * write nothing outside the room they were given. The room is fenced with marked bytes.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { Lz4Codec, lz4BytesMax, lz4Compress, lz4Decompress } from './lz4-codec.ts';

const encoder = new TextEncoder();
const user = (i: number): string =>
  `{"id":${i},"name":"user ${(i * 7) % 101}","tags":["a","b"],"active":${i % 3 !== 0}}`;
const inputs = {
  nothing: new Uint8Array(0),
  one: encoder.encode('a'),
  abc: encoder.encode('abc'.repeat(11)),
  zeros: new Uint8Array(70_000),
  json: encoder.encode(Array.from({ length: 120 }, (_, i) => user(i)).join('')),
  ramp: Uint8Array.from({ length: 5000 }, (_, i) => ((i * i) >> 3) & 255),
} as const;

/** Blocks of those inputs by liblz4 1.9.4: LZ4_compress_default, and _HC where it differs. */
const referenceBlocks: readonly (readonly [keyof typeof inputs, string])[] = [
  ['nothing',
    'AA=='],
  ['one',
    'EGE='],
  ['abc',
    'P2FiYwMABlBiY2FiYw=='],
  ['zeros',
    'HwABAP////////////////////////////////////////////////////////////////////////////////////' +
    '//////////////////////////////////////////////////////////////////////////////////////////' +
    '//////////////////////////////////////////////////////////////////////////////////////////' +
    '//////////////////////////////////////////////////////////////////////////////////////////' +
    '//////////9pUAAAAAAA'],
  ['json',
    '8il7ImlkIjowLCJuYW1lIjoidXNlciAwIiwidGFncyI6WyJhIiwiYiJdLCJhY3RpdmUiOmZhbHNlfTgAGjE4AB83OA' +
    'AJNHRydTcAGjI3AC8xNDgAFBozOAAvMjE4AAkIqAAbNDkAHzg5AAkHqQAaNTgALzM1OAAUGjY4AC80MjgACQipABs3' +
    'OQAfOTkACQepABo4OAAvNTY4ABQaOTgALzYzOAAJCKkAGzEzAh83NAIKB6oAHDE0Ag81AhUbMTYCHzg2AgoJrAALOA' +
    'IfOTgCCgisAAs4Ah85OAIVGzE5Ag+rABcLOgIfMasAFgs6Ah8xqwAWCzsCHzLkAgoJVwELPQIfM+YCCgdXARsyPAIf' +
    'M+YCFRsyPAIfNOcCCgisABsyPQIfNekCCgisAAs8Ah826AIVGzI8Ah826AIKCawACz0CHzc+AgoIrAALPQIfOD0CFR' +
    'syPQIfOD0CCgmsAAs+Ah85PgIKCKwACz0CD6sAFRszPAIPqgAWGzM8Ah8xqgAVGzM7Ah8y5wIVGzM7Ah8y5wIKCFYB' +
    'GzM8Ah8z6AIKB1YBGzM7Ah805wIVGzM7Ah815wIKCawACzwCHzXoAgoIrAALOwIfNucCFRszOwIfNzwCCgisABs0PQ' +
    'IfNz4CCgesABs0PQIfOD0CFRs0PQIfOT0CCgmsAAs+Ah85PgIKCKwACz0CD6sAFgs8Ah8xqwAXCz0CHzGrABYLPAIf' +
    'MugCFRs0PAIfM+gCCglXAQs9Ah806QIKB1cBGzU8Ah806AIVGzU8Ah816AIKCKwAGzU9Ah826QIKCKwACzwCHzboAh' +
    'UbNTwCHzc9AgoJrAALPgIfOD4CCgisAAs9Ah84PQIVGzU9Ah85PQIKCawACz4CD6sAFgs8Ag+qABUbNjsCHzGqABYb' +
    'NjwCHzLoAgoHVgEbNjsCHzPnAhUbNjsCHzPnAgoIVgEbNjwCHzToAgoIrAALOwIfNecCFRs2OwIfNecCCgmsAAs8Ah' +
    '826AIKCKwACzsCHzc8AhUbNjwCHzc9AgoIrAAbNz4CHzg+AgoHrAAbNz0CHzk9AhUbNz0CLzEwPgIKCa0ACz8CD6wA' +
    'Fgs9Ah8xrAAWCz0CHzKrABcLPgIfMuoCCghYAQs9Ah8z6QIVGzc9Ah806QIKCVcBCz4CHzTqAgoHrAAbOD0CHzXpAh' +
    'UbOD0CHzbpAgoIrAAbOD4CHzbqAgoIrAALPAIfNz0CFRs4PQIfOD0CCgmsAAs+Ah85PgIKCKwACz0CHzk9AhUcOD0C' +
    'D3ERFRs4PQIfMasAFgs8Ah8xqwAVGzk8Ah8y6AIKCFcBGzk9Ah8z6QIKB1cBGzk8Ah8z6AIVGzk8Ah806AIKCawACz' +
    '0CHzXpAgoIrAALPAIfNegCFRs5PAIfNugCCgmsAAs9Ah836QIKCKwACz0CHzg9AhUbOT0CHzg9AgoIrAArMTA/Ah85' +
    'PwIKB60AKzEwPwIPrQAVKzEwPwIPrQAYC0ACHzGtABcLQAIPlRYLCecAC0ECHzLtAgoKXAELQwIPmRYWKzEwQwIPmx' +
    'YLCa8AC0QCHzTwAgoKrwALRgIPnxYWHDFnFg+hFgsIrwANaBYPRgIKCa8ADGoWHzdIAgoJdQALRwIPpBYLCToAC0cC' +
    'D6QWCwqvAAtIAg+mFhcbMUcCD/UCFhsxRgIPpxYLCq4AC0cCD6kWFxsxRgIPqhYLUHRydWV9'],
  ['json',
    '8il7ImlkIjowLCJuYW1lIjoidXNlciAwIiwidGFncyI6WyJhIiwiYiJdLCJhY3RpdmUiOmZhbHNlfTgAGjE4AB83OA' +
    'AJNHRydTcAGjI3AC8xNDgAFBozOAAvMjGoABUbNDkAHzhxABQaNTgALzM1OAAUGjY4AC80MqkAFRs3OQAfOXEAFBo4' +
    'OAAvNTY4ABQaOTgALzYz+gEWCzMCLzcwcgAUHDE0Ag81AhUbMTYCLzg0rAAWCzgCLzkxcwAVCzgCHzk4AhUbMTkCD6' +
    'sAFws6Ah8xqwAWCzoCHzGrABYLOwIvMjWsABYLPQIvMzL/AxULPAIfM+YCFRsyPAIvNDasABUbMj0CLzUzcwAVCzwC' +
    'HzboAhUbMjwCLzY3rAAWCz0CHzcfBRUbMj0CHzg9AhUbMj0CLzg4rAAWCz4CHzkiBRUbMj0CD6sAFRszPAIPqgAWGz' +
    'M8Ah8xqgAVGzM7Ah8y5wIVHDOvBh85rAAWCzwCHzPPBRUcM3gED+cCFRszOwIfNQMIFhszPAIfNdAFFRszOwIfNgYI' +
    'Fgs7Ah83BwgXDLUGDyUFFRs0PQIfOD0CFRs0PQIfOQoIFhw0tQYPJQUVGzQ9Ag+rABYLPAIfMasAFwy1Bg+rABYLPA' +
    'IfMugCFRs0PAIfM7gIFhs0PQIfNNAFFRs1PAIfNOgCFRs1PAIfNQ0IFhs1PQIfNiUFFRw1tQYP8AoWCzwCHzcNCBYb' +
    'NT4CHzgmBRUcNbUGDz0CFRs1PQIfOQ0IFhw18wgPcgAVCzwCD6oAFRs2OwIfMaoAFhs2PAIfMtAFFRs2OwIfM+cCFR' +
    's2OwIfM7cIFhs2PAIfNNAFFRs2OwIfNecCFRw2tQYPDQgWGzY8Ah822Q0WCzsCHzc8AhUcNrUGDw0IFhw38ggPJQUV' +
    'Gzc9Ah85PQIVHDegDx8wDggWHDd6BA9zABULPQIfMawAFgs9Ah8yqwAXCz4CHzLRBRUbNz0CHzPpAhUbNz0CHzS5CB' +
    'YcN7YGD9EFFRs4PQIfNekCFRs4PQIfNg4IFhw4tgYPxBAWCzwCHzc9AhUbOD0CHzgOCBYbOD4CHzknBRUbOD0CHzk9' +
    'AhUcOD0CD6sAFhw4lQMPcgAVDGoND6sAFRs5PAIfMrkIFhs5PQIfM9IFFRw5twYP6AIVGzk8Ah80uQgWHDkvCw/SBR' +
    'UcObcGD+gCFRs5PAIfNg8IFhs5PQIfNyYFFRs5PQIfOD0CFRs5PQIvODchFBcLPwIfOScFFT8xMDGPFhgJOQAfMpAW' +
    'GAqtAB8zkxYkPzEwNJUWGQk6AB81lhYZCq8AHzaZFiQ/MTA3mxYZCToAHzicFhkKrwAfOZ8WJD8xMTChFhkJOgAfMa' +
    'EWGQmvAC8xMqMWJS8xM6QWGQk6AB80pBYZCq8AHzWmFiUvMTanFhgJOQAfN6cWGQquAB84qRYlLzE5qhYZUHRydWV9'],
  ['ramp',
    '//////QAAAABAgMEBggKDA8SFRgcICQoLTI3PEJITlRbYmlweICIkJmiq7S+yNLc5/L9CBQgLDhFUl9seoiWpLPC0e' +
    'DwABAgMUJTZHaImqy/0uX4DCA0SF1yh5yyyN70CyI5UGiAmLDJ4vsULkhifJeyzegEIDxYdZKvzOoIJkRjgqHA4AAg' +
    'QGGCo8TmCCpMb5K12PwgRGiNstf8IkhulLviCTBYgKjQ+SJLdJ7I8hxHcp3I9CBMeKXS/yxaiLbkE0JxoNAAMGCRwv' +
    'MkVoi67B9ShbjsIFSIvfInXJLI/jRrotkQSIC48Clim9QOSIK89zJtqOQgXJjVEk+MyghGhMMCQYDAAECAwQJDhMYI' +
    'SozPElWY3CBkqO0yd7wCSI7UG2Kp8DiAyBBZous0fsgSXKfyPYjUIGy4BVKf7DqI1iRzwhFgsABQoPFCk+Q2iNosf9' +
    'IleMwgdMgdcscccsgedMsiedAogNgwieI7lO5IovxXsg1oxCB82DWS70yqCGbEI4LhQKAAYMAhguNEpghqzC+S9Vi8' +
    'IIToTbIXfOJIrhR74kmwGIDoULkii/ReyDKcB3LdSLQgjPhl0j+sGoj2ZNNCsSCQAHDgUcIzpBaI+mzfUsU4rCCUCH' +
    '3yZ9xSyD60K6IZkAiA+HDpYttUzkjCPLcyrSikIJwYlRKPDIoIhgSDAoEAgACAAIECgwSGCIoMjxKVGJwgpCitMrc8' +
    'wkjOVNti6XD4gAiQGaIrtD7IUtxn8n0IlCCsOMVS32z6iBakM8JR4HAAkCCxQtNk9ogarD/SZfiMILRI3XIHnDLIXv' +
    'SLIrlQ6IAYsEniexSuSOJ8F7JN6IQgvFj1ki/MagimROOCIcBgAKBA4YIjxGYIqkzvkjXYfCDEaA2yV/yiSO6UO+KJ' +
    'MNiAKNB5Ist0HshyHMdyHch0IMx4JdJ/LNqINuSTQvGgUACwYBHCcyTWiDrsn1IFuGwg1Ig98qdcEsh+NOuiWRDIgD' +
    'jwqWIb1I5IArx3Mu2oZCDcmFUSz4xKCMaEQwLBgEAAwIBBAsOERgjKjE8S1ZhcIOSobTL3vIJIDtSbYinwuIBIENmi' +
    'azT+yJJcJ/K9iFQg7LiFUh/suohWJPPCkWAwANCgcUIT5LaIWiz/0qV4TCD0yJ1yRxzyyJ50SyL50KiAWDAJ4ruUbk' +
    'gi/NeyjWhEIPzYtZJvTCoI5sSjgmFAIADgwKGCY0QmCOrMr5J1WDwgBOjNspd8YkguFPviybCYgGhQOSIL9N7IspyH' +
    'cl1INCAM+OXSv6yaiHZkU0IxIBAA8ODRwrOkloh6bF9SRTgsIBQI/fLn3NLIvrSropmQiIB4cGliW1ROSEI8NzItKC' +
    'QgHBgVEg8MCggGBAMCAQAAAAT///////////////////9/UKGCY0Qm'],
];

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Random bytes in which words repeat more or less often. */
function randomBytes(chance: SeededChance, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const variety = 1 << ((chance.next32() >>> 0) % 9);
  let at = 0;
  while (at < length) {
    const canRepeat = at > 0 && (chance.next32() & 1) === 0;
    const distance = 1 + ((chance.next32() >>> 0) % Math.max(1, Math.min(at, 70_000)));
    const run = 1 + ((chance.next32() >>> 0) % (canRepeat ? 400 : 12));
    for (let i = 0; i < run && at < length; i++, at++) {
      bytes[at] = canRepeat ? bytes[at - distance]! : (chance.next32() >>> 0) % variety;
    }
  }
  return bytes;
}

const FENCE = 0xa5;

describe('blocks of the reference library', () => {
  it.each(referenceBlocks)('are read: %s', (name, block) => {
    const raw = inputs[name];
    expect(lz4Decompress(fromBase64(block), raw.length)).toEqual(raw);
  });
});

describe('round trips', () => {
  it.each(Object.entries(inputs))('%s', (_name, raw) => {
    const block = lz4Compress(raw);
    expect(block.length).toBeLessThanOrEqual(lz4BytesMax(raw.length));
    expect(lz4Decompress(block, raw.length)).toEqual(raw);
  });
  it('of random bytes, the same by kernel and twin', () => {
    const kernel = new Lz4Codec(200_000);
    const twin = new Lz4Codec(200_000, 'twin');
    for (let seed = 1; seed <= 150; seed++) {
      const chance = new SeededChance(seed);
      const lengths = [(chance.next32() >>> 0) % 40, (chance.next32() >>> 0) % 3000, 150_000];
      const raw = randomBytes(chance, lengths[seed % 30 === 0 ? 2 : seed % 2]!);
      const blocks = [kernel, twin].map((codec) => {
        codec.bytes.set(raw, codec.inputAt);
        const length = codec.compress(raw.length);
        return codec.bytes.slice(codec.outputAt, codec.outputAt + length);
      });
      expect(blocks[0], `seed ${seed}`).toEqual(blocks[1]);
      const block = blocks[0]!;
      for (const codec of [kernel, twin]) {
        codec.bytes.set(block, codec.inputAt);
        expect(codec.decompress(block.length, raw.length), `seed ${seed}`).toBe(raw.length);
        const given = codec.bytes.slice(codec.outputAt, codec.outputAt + raw.length);
        expect(given, `seed ${seed}`).toEqual(raw);
      }
    }
  });
  it('give up when a block does not fit, and write nothing beyond it', () => {
    for (const form of ['kernel', 'twin'] as const) {
      const codec = new Lz4Codec(5000, form);
      const raw = randomBytes(new SeededChance(3), 2000);
      codec.bytes.set(raw, codec.inputAt);
      const whole = codec.compress(raw.length);
      for (let limit = 0; limit < whole; limit++) {
        codec.bytes.fill(FENCE, codec.outputAt);
        expect(codec.compress(raw.length, limit), `${form}, limit ${limit}`).toBe(0);
        const behind = codec.bytes.subarray(codec.outputAt + limit, codec.outputAt + whole + 64);
        expect(behind.every((byte) => byte === FENCE), `${form}, limit ${limit}`).toBe(true);
      }
    }
  });
});

describe('hostile blocks', () => {
  const kernel = new Lz4Codec(70_000);
  const twin = new Lz4Codec(70_000, 'twin');
  /** Decompresses in both into a fenced room, and compares. @returns what they say */
  function outcomeOf(block: Uint8Array, rawBytes: number, where: string): number {
    const results = [kernel, twin].map((codec) => {
      codec.bytes.fill(FENCE, codec.outputAt - 64, codec.outputAt + rawBytes + 64);
      codec.bytes.set(block, codec.inputAt);
      const result = codec.decompress(block.length, rawBytes);
      const behind = codec.outputAt + rawBytes;
      const fences = [
        ...codec.bytes.subarray(codec.outputAt - 64, codec.outputAt),
        ...codec.bytes.subarray(behind, behind + 64),
      ];
      expect(fences.every((byte) => byte === FENCE), where).toBe(true);
      return result;
    });
    expect(results[0], where).toBe(results[1]);
    return results[0]!;
  }
  const json = fromBase64(referenceBlocks[4]![1]);

  it('cut at every byte, and with too little room, are refused or give less', () => {
    const whole = inputs.json.length;
    for (let length = 0; length < json.length; length++) {
      const result = outcomeOf(json.slice(0, length), whole, `length ${length}`);
      expect(result, `length ${length}`).toBeLessThan(whole);
    }
    for (const room of [0, 1, 15, 16, 17, whole - 1]) {
      expect(outcomeOf(json, room, `room ${room}`)).toBe(-1);
    }
  });
  it('with any byte changed stay inside their room', () => {
    const chance = new SeededChance(99);
    for (let round = 0; round < 4000; round++) {
      const block = json.slice();
      const changes = 1 + (round % 3);
      for (let i = 0; i < changes; i++) {
        block[(chance.next32() >>> 0) % block.length] = chance.next32() & 255;
      }
      outcomeOf(block, inputs.json.length, `round ${round}`);
    }
  });
  it('of random bytes stay inside their room', () => {
    const chance = new SeededChance(100);
    for (let round = 0; round < 4000; round++) {
      const block = Uint8Array.from({ length: round % 60 }, () => chance.next32() & 255);
      outcomeOf(block, round % 300, `round ${round}`);
    }
  });
});
