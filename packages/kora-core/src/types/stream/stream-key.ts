/**
 * IDs as journal records and RDB payloads have them: 16 bytes anywhere in low memory, where nothing
 * is aligned, or two lengths of the RDB format.
 */
import type { RdbReader } from '../../rdb/rdb-reader.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import type { Shard } from '../../shard/shard.ts';
import type { StreamId } from './stream-id.hot.ts';

/** Reads the ID at byte offset `at` of low memory. */
export function idFromKey(shard: Shard, at: number, into: StreamId): void {
  const { lowView } = shard.memory;
  into.msHigh = lowView.getInt32(at);
  into.msLow = lowView.getInt32(at + 4);
  into.seqHigh = lowView.getInt32(at + 8);
  into.seqLow = lowView.getInt32(at + 12);
}

/** A signed 64-bit number of 8 bytes, little-endian, at byte offset `at` of low memory. */
export function longFromLow(shard: Shard, at: number): bigint {
  return shard.memory.lowView.getBigInt64(at, true);
}

/** Writes an ID as two lengths. */
export function writeId(out: RdbWriter, value: StreamId): void {
  out.count64(value.msHigh, value.msLow);
  out.count64(value.seqHigh, value.seqLow);
}

/** Reads an ID of two lengths. */
export function readId(reader: RdbReader, into: StreamId): void {
  reader.count64();
  into.msHigh = reader.high | 0;
  into.msLow = reader.low | 0;
  reader.count64();
  into.seqHigh = reader.high | 0;
  into.seqLow = reader.low | 0;
}
