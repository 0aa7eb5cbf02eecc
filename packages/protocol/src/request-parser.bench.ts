/**
 * What one argument costs to find: pipelines of sixteen requests in shared memory, as the server
 * parses them. One iteration is a whole pipeline; divide by 16 and by the arguments.
 */
import { bench, describe } from 'vitest';
import { requestLimits } from './limits.ts';
import { encodeRequest } from './request-encoder.ts';
import { PARSE_REQUEST, RequestParser } from './request-parser.hot.ts';

const PIPELINE = 16;
const u8 = new Uint8Array(new SharedArrayBuffer(1 << 16));
const parser = new RequestParser(requestLimits());
let consumed = 0;

/** Puts the request into the buffer sixteen times; gives the end. */
function fill(request: Uint8Array): number {
  for (let index = 0; index < PIPELINE; index++) u8.set(request, index * request.length);
  return request.length * PIPELINE;
}

function parseAll(end: number): void {
  parser.begin(0);
  while (parser.parse(u8, end) === PARSE_REQUEST) consumed += parser.argAt[parser.argc - 1]!;
}

describe(`request parser, ${PIPELINE} requests (${consumed} so far)`, () => {
  const get = encodeRequest(['GET', 'key:000000000001']);
  const set = encodeRequest(['SET', 'key:000000000001', 'x'.repeat(64)]);
  const many = encodeRequest(['MSET', ...Array.from({ length: 40 }, (_, index) => `k${index}`)]);
  let end = 0;
  bench('GET, 2 arguments', () => { parseAll(end); }, { setup: () => { end = fill(get); } });
  bench('SET, 3 arguments', () => { parseAll(end); }, { setup: () => { end = fill(set); } });
  bench('MSET, 41 arguments', () => { parseAll(end); }, { setup: () => { end = fill(many); } });
});
