/**
 * For tests and fuzz tools only: the naive request parser, chunk drivers, sample requests and the
 * fuzz target. Nothing of the product imports this.
 */
export {
  cutAt, cutRandomly, latin1Bytes, latin1Text, parseChunked,
} from './chunked.ts';
export { parseNaively } from './naive-request-parser.ts';
export type { ParsedRequests, ParseSettings } from './naive-request-parser.ts';
export { fuzzRequestParser, sampleSettings } from './request-fuzz.ts';
export { damaged, samplePipeline, sampleRequest } from './request-samples.ts';
export { pick, seededChooser } from './seeded.ts';
export type { Chooser } from './seeded.ts';
