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

/** Commands that one client may queue between MULTI and EXEC. */
export const QUEUED_COMMAND_COUNT_MAX = 1024 * 1024;

/** Bytes of them, big arguments included: the default of `client-query-buffer-limit`. */
export const QUEUED_BYTES_MAX = 1024 * 1024 * 1024;

/** The queues of all clients of a worker take at most this part of its low memory ... */
export const QUEUED_LOW_SHARE = 4;
/** ... and at most this: the rest is for requests and replies. */
export const QUEUED_LOW_BYTES_MAX = 32 * 1024 * 1024;

/** Watches of all clients that one shard keeps: about 100 bytes each, and the key. */
export const WATCH_COUNT_MAX = 1024 * 1024;

/** Bytes of all keys that are watched in one shard. */
export const WATCHED_KEY_BYTES_MAX = 256 * 1024 * 1024;

/** Clients that may have read one key and wait to hear of its change, in one shard. */
export const TRACKED_READER_COUNT_MAX = 16_384;

/** Changed keys that wait until those who subscribed to their prefixes are told, in one shard. */
export const BROADCAST_KEY_COUNT_MAX = 4096;

/** Keys that are forgotten at once, and told, while more are tracked than may be. */
export const TRACKED_KEYS_EVICTED_MAX = 100;

/** Keys that all clients together may wait for in one shard, counted once for each client. */
export const WAITED_KEY_COUNT_MAX = 1024 * 1024;

/** Workers of one engine: a bit of a word each, beside the bit that says that one sleeps. */
export const MESH_WORKER_COUNT_MAX = 30;

/** Bytes of data of a ring between two workers, unless asked otherwise: a power of two. */
export const RING_DATA_BYTES = 65_536;
/** Publications to a shard that may wait to be run there. Power of two. */
export const ORDER_ENTRY_COUNT = 1024;

/** Longest message between two workers with its header; what is longer travels by reference. */
export const MESSAGE_BYTES_MAX = 16_384;

/** Transactions over several shards that one worker coordinates at once; more begin later. */
export const TRANSACTION_COUNT_MAX = 1024;

/** Slots one transaction locks in one shard; where it needs more it locks the whole shard. */
export const INTENT_LOCK_COUNT_MAX = 4096;

/**
 * Locks that the transactions of one worker ask for at once; a single one may always ask. Those on
 * what the clients of EXECs watch come beside: in a shard not more than its watches.
 */
export const COORDINATED_LOCK_COUNT_MAX = 65_536;

/** Single-shard commands that wait for locks in one shard; more wait in rings and sessions. */
export const PARKED_COMMAND_COUNT_MAX = 8192;

/** Slots one parked command waits for; where it needs more it waits for the whole shard. */
export const PARKED_SLOT_COUNT_MAX = 128;

/** Bytes of one chunk of a snapshot: with its header it fills a block of storage. */
export const SNAPSHOT_CHUNK_BYTES = 65_528;

/** Longest part of a long value or key in a snapshot; shorter values stand in one record. */
export const SNAPSHOT_PART_BYTES = 32_768;

/** Values of this many elements and more are taken over when their key is removed unsaved. */
export const SNAPSHOT_TAKEN_ELEMENTS_MIN = 65;

/** Bytes of values that a snapshot has taken over and not saved yet; more are saved at once. */
export const SNAPSHOT_TAKEN_BYTES_MAX = 32 * 1024 * 1024;

assert(2 * SNAPSHOT_PART_BYTES <= SNAPSHOT_CHUNK_BYTES + 8, 'a record of two parts fits a chunk');
assert(BIG_ARGUMENT_BYTES_MIN <= ROPE_BYTES_MIN, 'a value that arrives flat is never a rope');
assert(KEY_BYTES_MAX <= WATCHED_KEY_BYTES_MAX, 'every legal key can be watched');
assert(KEY_BYTES_MAX <= FLAT_ARGUMENT_BYTES_MAX, 'every legal key can be made contiguous');
assert(2 * MESSAGE_BYTES_MAX <= RING_DATA_BYTES, 'every message fits into an empty ring');
assert(4 * INTENT_LOCK_COUNT_MAX <= MESSAGE_BYTES_MAX, 'locks fill half of a message at most');
assert(
  MESH_WORKER_COUNT_MAX * TRANSACTION_COUNT_MAX + PARKED_COMMAND_COUNT_MAX < 65_536,
  'the counts of a slot lock are 16 bits wide',
);
assert(STRING_BYTES_MAX < 2 ** 32, 'value lengths fit the u32 of an entry');
