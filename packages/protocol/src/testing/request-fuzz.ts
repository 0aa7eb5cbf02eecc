/**
 * The fuzz target of the request parser. For any bytes and any bounds: it never throws, always
 * makes progress, keeps its tables in proportion to what arrived, touches nothing outside its
 * bytes, and finds what the naive parser finds, wherever the bytes are cut.
 */
import { requestLimits } from '../limits.ts';
import { cutAt, cutRandomly, latin1Text, parseChunked } from './chunked.ts';
import { parseNaively } from './naive-request-parser.ts';
import type { ParsedRequests, ParseSettings } from './naive-request-parser.ts';
import { pick, seededChooser } from './seeded.ts';
import type { Chooser } from './seeded.ts';

/** Above this size the bytes are not fed one by one: each step copies what is kept. */
const SINGLE_BYTES_MAX = 2_048;
const RANDOM_CUTS = 3;

/** Bounds to parse under: the usual ones, or some of them so low that small inputs meet them. */
export function sampleSettings(choose: Chooser): ParseSettings {
  const limits = requestLimits();
  if (choose(2) === 0) limits.bigBulkBytes = pick(choose, [1, 8, 100] as const);
  if (choose(4) === 0) limits.bulkBytesMax = pick(choose, [4, 100, 300] as const);
  if (choose(4) === 0) limits.argumentsMax = pick(choose, [2, 10, 39] as const);
  if (choose(4) === 0) limits.inlineBytesMax = pick(choose, [11, 16, 30] as const);
  if (choose(4) === 0) limits.frameBytesMax = pick(choose, [20, 100, 500] as const);
  return { limits, isAuthenticated: choose(4) > 0 };
}

/** @throws an Error that names the seed when the parser breaks a promise on these bytes */
export function fuzzRequestParser(bytes: Uint8Array, seed: number): void {
  const choose = seededChooser(seed);
  const settings = sampleSettings(choose);
  const expected = parseNaively(latin1Text(bytes), settings);
  const check = (name: string, chunks: readonly Uint8Array[]): void => {
    let found: ParsedRequests;
    try {
      found = parseChunked(chunks, settings, choose);
    } catch (cause) {
      throw new Error(`seed ${seed}, ${name}: the parser threw`, { cause });
    }
    const [got, wanted] = [JSON.stringify(found), JSON.stringify(expected)];
    if (got !== wanted) throw new Error(`seed ${seed}, ${name}: got ${got}, wanted ${wanted}`);
  };
  check('whole', [bytes]);
  if (bytes.length > 0) check('cut in two', cutAt(bytes, [choose(bytes.length)]));
  if (bytes.length <= SINGLE_BYTES_MAX) check('byte by byte', cutRandomly(bytes, 1, choose));
  for (let round = 0; round < RANDOM_CUTS; round++) {
    const bytesMax = pick(choose, [3, 20, 1_000, 20_000] as const);
    check(`cut randomly up to ${bytesMax}`, cutRandomly(bytes, bytesMax, choose));
  }
}
