/**
 * HyperLogLogs in keys: strings with a header that says so. Adding to a dense one changes registers
 * where they lie; a sparse one is changed as a draft and stored whole. Counting a single key keeps
 * the result in its header, as Redis does, so even that is a change that the journal tells.
 *
 * Cost: adding to a dense value O(elements), to a sparse one O(elements x bytes); counting 30 us,
 * or O(1) while the kept result holds; merging 30 us a key.
 */
import { assert } from '../../assert.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { commitPatch } from '../bitmap/bitmap.ts';
import {
  copyStringRange, growString, patchString, stringBytes, stringPieceAt,
} from '../string/string.ts';
import {
  countDense, countRegisters, denseRegister, setDenseRegister,
} from './dense-registers.hot.ts';
import { estimateCardinality } from './estimate.ts';
import type { HllDraft } from './hll-draft.ts';
import { loadRegisters, Raised, registersAt } from './hll-draft.ts';
import {
  HLL_CARDINALITY_AT, HLL_DENSE, HLL_DENSE_BYTES, HLL_ENCODING_AT, HLL_HEADER_BYTES, HLL_MAGIC,
  HLL_SPARSE, HLL_STALE, HLL_STALE_AT,
} from './hll-layout.ts';
import { hashedRank, hashedRegister, murmur64 } from './murmur64.hot.ts';
import { countSparse } from './sparse-registers.hot.ts';

/** Errors of the HyperLogLog commands. */
export const hllErrors = Object.freeze({
  notHll: new ReplyError('WRONGTYPE Key is not a valid HyperLogLog string value.'),
  corrupt: new ReplyError('INVALIDOBJ Corrupted HLL object detected'),
  noKey: new ReplyError('ERR The specified key does not exist'),
  notSparse: new ReplyError('ERR HLL encoding is not sparse'),
});

/** Values that a register can hold. */
const HISTOGRAM_PLACES = 64;
const CARDINALITY_BYTES = 8;
const TWO_32 = 4_294_967_296;

/** True when entry `ref` holds a string whose header is that of a HyperLogLog; else an error. */
export function isHyperLogLog(shard: Shard, ref: number, out: ReplySink): boolean {
  if (!shard.keyspace.isType(ref, ValueType.String)) {
    out.error(replyErrors.wrongType);
    return false;
  }
  if (hasHeader(shard, ref)) return true;
  out.error(hllErrors.notHll);
  return false;
}

function hasHeader(shard: Shard, ref: number): boolean {
  const bytes = stringBytes(shard, ref);
  if (bytes < HLL_HEADER_BYTES) return false;
  const { i32, low } = shard.memory;
  const at = shard.scratchAt;
  copyStringRange(shard, ref, 0, HLL_HEADER_BYTES, at);
  if (i32[at >>> 2] !== HLL_MAGIC) return false;
  const encoding = low[at + HLL_ENCODING_AT] ?? 0;
  return encoding === HLL_DENSE ? bytes === HLL_DENSE_BYTES : encoding === HLL_SPARSE;
}

/** True when the registers of entry `ref`, a HyperLogLog, are dense. */
export function isDense(shard: Shard, ref: number): boolean {
  copyStringRange(shard, ref, HLL_ENCODING_AT, 1, shard.scratchAt);
  return shard.memory.low[shard.scratchAt] === HLL_DENSE;
}

// ------------------------------------------------------------------ adding

/**
 * Adds arguments 2 and on to the draft of the key.
 * @returns registers raised, -1 when the draft is corrupt
 */
export function addToDraft(frame: ArgFrame, draft: HllDraft): number {
  let raised = 0;
  for (let i = 2; i < frame.count; i++) {
    murmur64(frame.memory.low, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    const result = draft.raise(hashedRegister(), hashedRank());
    if (result === Raised.Corrupt) return -1;
    raised += result;
  }
  return raised;
}

/**
 * Adds arguments 2 and on to the dense HyperLogLog of entry `ref`, the key looked up last, and
 * announces what changed.
 * @returns true when a register was raised
 */
export function addToDense(shard: Shard, frame: ArgFrame, ref: number): boolean {
  const { i32, low } = shard.memory;
  const registers = stringPieceAt(shard, ref, 0) + HLL_HEADER_BYTES;
  let first = HLL_DENSE_BYTES;
  let last = -1;
  for (let i = 2; i < frame.count; i++) {
    murmur64(low, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    const register = hashedRegister();
    const rank = hashedRank();
    if (denseRegister(i32, registers, register) >= rank) continue;
    if (last < 0) {
      // The same length, and too short for a rope: it stays where it is.
      assert(growString(shard, ref, HLL_DENSE_BYTES) === ref, 'a dense value does not move');
    }
    setDenseRegister(i32, registers, register, rank);
    const byte = HLL_HEADER_BYTES + ((register * 6) >>> 3);
    first = Math.min(first, byte);
    last = Math.max(last, byte);
  }
  if (last < 0) return false;
  markStale(shard, frame, ref);
  const bytes = Math.min(last + 2, HLL_DENSE_BYTES) - first;
  const at = stringPieceAt(shard, ref, 0) + first;
  commitPatch(shard, frame, 1, KeyEvent.PfAdd, first, at, bytes);
  return true;
}

/** Notes in the header that the cardinality must be counted again. */
function markStale(shard: Shard, frame: ArgFrame, ref: number): void {
  const { low } = shard.memory;
  const { scratchAt } = shard;
  copyStringRange(shard, ref, HLL_STALE_AT, 1, scratchAt);
  const byte = low[scratchAt] ?? 0;
  if ((byte & HLL_STALE) !== 0) return;
  low[scratchAt] = byte | HLL_STALE;
  patchString(shard, ref, HLL_STALE_AT, scratchAt, 1);
  commitPatch(shard, frame, 1, KeyEvent.None, HLL_STALE_AT, scratchAt, 1);
}

// ------------------------------------------------------------------ counting

/** The cardinality that the header of entry `ref` keeps; undefined when it is stale. */
export function keptCardinality(shard: Shard, ref: number): number | bigint | undefined {
  const { low } = shard.memory;
  const at = shard.scratchAt;
  copyStringRange(shard, ref, HLL_CARDINALITY_AT, CARDINALITY_BYTES, at);
  if (((low[at + CARDINALITY_BYTES - 1] ?? 0) & HLL_STALE) !== 0) return undefined;
  let value = 0n;
  for (let i = CARDINALITY_BYTES - 1; i >= 0; i--) value = (value << 8n) | BigInt(low[at + i] ?? 0);
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** Estimate for the HyperLogLog of entry `ref`; -1 when it is corrupt. */
export function countHyperLogLog(shard: Shard, ref: number): number {
  const histogram = new Int32Array(HISTOGRAM_PLACES);
  const { low } = shard.memory;
  const dense = isDense(shard, ref);
  const at = loadRegisters(shard, ref, dense);
  if (at < 0) return -1;
  if (dense) {
    countDense(low, at, histogram);
  } else {
    const end = at + stringBytes(shard, ref) - HLL_HEADER_BYTES;
    if (!countSparse(low, at, end, histogram)) return -1;
  }
  return estimateCardinality(histogram);
}

/** Estimate for the registers of a byte each, after merging. */
export function countMerged(shard: Shard): number {
  const histogram = new Int32Array(HISTOGRAM_PLACES);
  countRegisters(shard.memory.low, registersAt(shard), histogram);
  return estimateCardinality(histogram);
}

/**
 * Keeps a cardinality in the header of entry `ref`, the key of argument 1, which was looked up
 * last, and announces it; nobody is told of an event, since the set is the same.
 * @returns false when memory is short
 */
export function keepCardinality(
  shard: Shard, frame: ArgFrame, ref: number, cardinality: number,
): boolean {
  const entry = growString(shard, ref, stringBytes(shard, ref));
  if (entry === 0) return false;
  const { low } = shard.memory;
  const at = shard.scratchAt;
  for (let i = 0; i < 4; i++) {
    low[at + i] = (cardinality >>> (i * 8)) & 0xff;
    low[at + 4 + i] = (Math.floor(cardinality / TWO_32) >>> (i * 8)) & 0xff;
  }
  patchString(shard, entry, HLL_CARDINALITY_AT, at, CARDINALITY_BYTES);
  commitPatch(shard, frame, 1, KeyEvent.None, HLL_CARDINALITY_AT, at, CARDINALITY_BYTES);
  return true;
}
