/**
 * Every bound of the core in one book: the unit stands in the name, the reason beside the number,
 * and the relations between them are asserted on load. A queue, pool, buffer or loop without a name
 * here has no bound, and that is a defect (design law 6).
 */
import { assert } from './assert.ts';

/**
 * Logical databases of one engine, as `SELECT` numbers them; the default of Redis's `databases`.
 */
export const DATABASE_COUNT = 16;

/** Longest string value: the default of `proto-max-bulk-len`; entries store lengths as u32. */
export const STRING_BYTES_MAX = 512 * 1024 * 1024;

/**
 * From this size on a string value is a rope of pieces, so that no operation moves more than a
 * piece.
 */
export const ROPE_BYTES_MIN = 65_536;

/** Arguments of this size and above arrive as ropes instead of contiguous request bytes. */
export const BIG_ARGUMENT_BYTES_MIN = 65_536;

/** Longest key. Redis allows 512 MiB; docs/differences.md names this departure. */
export const KEY_BYTES_MAX = 1024 * 1024;

/** Longest argument that a command which needs contiguous bytes can take (see ArgFrame.flatten). */
export const FLAT_ARGUMENT_BYTES_MAX = 8 * 1024 * 1024;

/** Arguments of one request, as Redis bounds them. */
export const ARGUMENT_COUNT_MAX = 1024 * 1024;

/** Grammar leaves a command entry may have: the size of the ArgFrame's result columns. */
export const GRAMMAR_SLOT_COUNT_MAX = 32;

/**
 * Bytes of the shard's scratch area in low memory: number texts, small copies, encoded effects'
 * heads.
 */
export const SCRATCH_BYTES = 65_536;

/** Sub-steps of eviction done for one command before it is refused or let through. */
export const EVICTION_STEPS_PER_COMMAND_MAX = 1024;

/** Distinct error prefixes INFO errorstats keeps before it stops adding names. */
export const ERROR_PREFIX_COUNT_MAX = 128;

assert(BIG_ARGUMENT_BYTES_MIN <= ROPE_BYTES_MIN, 'a value that arrives flat is never a rope');
assert(KEY_BYTES_MAX <= FLAT_ARGUMENT_BYTES_MAX, 'every legal key can be made contiguous');
assert(STRING_BYTES_MAX < 2 ** 32, 'value lengths fit the u32 of an entry');
