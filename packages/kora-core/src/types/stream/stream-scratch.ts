/**
 * What the functions of streams keep where in the shard's scratch area during one command, so that
 * no two of them meet: byte offsets from `shard.scratchAt`.
 */
import { assert } from '../../assert.ts';
import { SCRATCH_BYTES } from '../../limits.ts';
import { PAIR_WORDS } from './block-cursor.hot.ts';
import { STREAM_ID_BYTES } from './stream-id.hot.ts';

/** A key to search a tree for. */
export const SCRATCH_KEY = 0;
/** The same for walks along a stream. */
export const SCRATCH_WALK_KEY = 32;
/** The text of an ID. */
export const SCRATCH_TEXT = 64;
/** What an effect says besides names and IDs: times, counters. */
export const SCRATCH_FACTS = 128;
/** Addresses of fields and values for `bulkMany`. */
export const SCRATCH_PAIRS = 256;
/** Pairs gathered for one call of `bulkMany`. */
export const GATHERED_PAIRS_MAX = 256;
/** IDs for the journal. */
export const SCRATCH_IDS = 8192;
/** IDs that one effect names. */
export const EFFECT_IDS_MAX = (SCRATCH_BYTES - SCRATCH_IDS) / STREAM_ID_BYTES;

assert(
  SCRATCH_PAIRS + GATHERED_PAIRS_MAX * PAIR_WORDS * 4 <= SCRATCH_IDS, 'pairs end before the IDs',
);
