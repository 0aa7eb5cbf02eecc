/**
 * Every bound of storage in one book: the unit stands in the name, the reason beside the number,
 * and the relations between them are asserted on load.
 */
import { assert } from '@kora/core/control';

/** A frame of the log is closed when it has grown to this: one checksum covers it. */
export const FRAME_TARGET_BYTES = 16_384;

/** Memory that the log fills and writes from; a frame lies in one chunk. Multiple of 8. */
export const LOG_CHUNK_BYTES = 524_288;

/**
 * Blocks of files that are written past the system's cache: begin, length and place in memory of
 * such a write are multiples of it. As large as a page, and as any disk asks for.
 */
export const DIRECT_BLOCK_BYTES = 4096;

/**
 * A write with fewer whole blocks goes through the cache: a direct one costs the kernel about 35 us
 * and 19 for each 256 KiB, where the copy costs 80 for as much (ext4, 2.5 GHz Xeon).
 */
export const DIRECT_BYTES_MIN = 196_608;

/** Largest frame that a reader believes: with room for larger chunks of a later version. */
export const FRAME_BYTES_MAX = 1024 * 1024;

/** Records that are not durable yet, in bytes, before new writes should wait. */
export const LOG_BUFFER_BYTES_MAX = 32 * 1024 * 1024;

/** Chunks kept for the next burst; more are given back. */
export const LOG_SPARE_CHUNK_COUNT_MAX = 8;

/**
 * Where no reply waits for the disk, turns share a write for this long, ms; with `every_write` each
 * has its own. While turns come a process that is killed loses no more than that. Of a SET of
 * 1,000 B at P=16, 2.5 us, 50 ms would save another 0.16: not worth losing five times as much.
 */
export const LOG_SHARE_MS = 10;

/**
 * Records that wait to be written, in bytes, from which on the system's cache takes them: a disk
 * that lags is given more at once that way.
 */
export const LOG_DIRECT_BACKLOG_BYTES_MAX = 4 * 1024 * 1024;

/** A segment of the log is closed when it has grown to this, unless asked otherwise. */
export const LOG_SEGMENT_BYTES = 64 * 1024 * 1024;

/** Shorter segments would be begun all the time: four operations of the disk each. */
export const LOG_SEGMENT_BYTES_MIN = 65_536;

/** Largest record that a log takes, and a reader believes: a value of 512 MiB, and some. */
export const RECORD_BYTES_MAX = 1024 * 1024 * 1024;

/** With `every_second`: milliseconds between two syncs. */
export const SYNC_INTERVAL_MS = 1000;

/** With `every_second`: a sync that takes longer than this makes writes wait. */
export const SYNC_LATE_MS = 2000;

/** After a failure the disk is tried again this often. */
export const RETRY_INTERVAL_MS = 500;

/** Largest block of LZ4: 255 bytes for each of its own still count in 32 bits. */
export const LZ4_BLOCK_BYTES_MAX = 8 * 1024 * 1024;

/** Bytes of entries in a block of a snapshot, before compression. */
export const SNAPSHOT_BLOCK_BYTES = 65_536;

/** Blocks of a snapshot that wait for the disk; a full queue makes its writer wait. */
export const SNAPSHOT_QUEUED_BLOCK_COUNT_MAX = 16;

/** Bytes of a snapshot that are written between two syncs of its file. */
export const SNAPSHOT_SYNC_BYTES = 4 * 1024 * 1024;

/** Shards of one log set: a bit each in a frame. As many as workers of an engine. */
export const SHARD_COUNT_MAX = 30;

/**
 * Parts of one shard that are durable and wait for those of others, before new writes wait: more
 * than come in a second, for shards sync at different moments of it. About 20 MiB of objects.
 */
export const TRANSACTION_PART_COUNT_MAX = 262_144;

/** Largest manifest that is read. */
export const MANIFEST_BYTES_MAX = 16 * 1024 * 1024;

/** Bytes read at once when files are loaded. */
export const READ_BYTES = 1024 * 1024;

assert(LOG_CHUNK_BYTES % 8 === 0, 'frames are padded to 8 bytes and end inside a chunk');
assert(LOG_CHUNK_BYTES % DIRECT_BLOCK_BYTES === 0, 'a whole chunk can be written directly');
assert(DIRECT_BYTES_MIN < LOG_CHUNK_BYTES, 'a full chunk is written directly');
assert(LOG_CHUNK_BYTES <= FRAME_BYTES_MAX, 'every frame that is written is read');
assert(FRAME_BYTES_MAX <= READ_BYTES, 'a frame fits the window of a reader');
assert(FRAME_TARGET_BYTES * 2 <= LOG_CHUNK_BYTES, 'a chunk holds frames');
assert(LOG_CHUNK_BYTES * 4 <= LOG_BUFFER_BYTES_MAX, 'the buffer has chunks to fill and to write');
assert(SNAPSHOT_BLOCK_BYTES <= LZ4_BLOCK_BYTES_MAX, 'a block of a snapshot is one of LZ4');
assert(SHARD_COUNT_MAX <= 31, 'the shards of a transaction are bits of a small integer');
