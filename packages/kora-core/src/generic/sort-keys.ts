/**
 * The keys that a SORT with BY and GET would look up: what its patterns make of each element. Where
 * keys are spread over several shards, whoever runs the SORT has to ask for them first.
 * A name may come more than once. Cost: O(elements x patterns), 16 bytes an element while it runs.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { KEY_BYTES_MAX } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { entryType } from '../structs/entry.hot.ts';
import type { SortPattern } from './sort-pattern.ts';
import { readPattern } from './sort-pattern.ts';
import { sortableCount, SortVector } from './sort-vector.ts';

/**
 * Calls `each` with every key that the SORT in the frame makes, in low memory, good for the call.
 * @returns false when memory is short: not all were named
 */
export function sortKeys(
  shard: Shard, frame: ArgFrame, each: (at: number, bytes: number) => void,
): boolean {
  const { keyspace, memory } = shard;
  const db = keyspace.databases[frame.client.db];
  const ref = db === undefined ? 0 : keyspace.find(db, frame.at[1] ?? 0, frame.bytes[1] ?? 0);
  const patterns = patternsOf(frame);
  if (ref === 0 || patterns.length === 0 || !isSortable(entryType(memory.i32, ref))) return true;
  const vector = new SortVector(shard);
  const isWhole = vector.load(ref, 0, sortableCount(shard, ref), false) &&
    nameAll(shard, vector, patterns, each);
  vector.close();
  return isWhole;
}

function isSortable(type: number): boolean {
  return type === ValueType.List || type === ValueType.Set || type === ValueType.SortedSet;
}

/** Those that make keys. */
function patternsOf(frame: ArgFrame): SortPattern[] {
  const { low } = frame.memory;
  const wordAt = (i: number): string => String.fromCharCode(
    ...low.subarray(frame.at[i] ?? 0, (frame.at[i] ?? 0) + Math.min(frame.bytes[i] ?? 0, 8)),
  ).toUpperCase();
  const patterns: SortPattern[] = [];
  for (let i = 2; i < frame.count; i++) {
    const word = wordAt(i);
    if (word === 'LIMIT') i += 2;
    else if (word === 'STORE') i++;
    else if (word === 'BY' || word === 'GET') patterns.push(readPattern(frame, ++i));
  }
  return patterns.filter(({ isSelf, prefixBytes }) => !isSelf && prefixBytes >= 0);
}

function nameAll(
  shard: Shard, vector: SortVector, patterns: readonly SortPattern[],
  each: (at: number, bytes: number) => void,
): boolean {
  const { kernel, lowAllocator } = shard.memory;
  const block = lowAllocator.alloc(KEY_BYTES_MAX);
  if (block === 0) return false;
  const at = block * 8;
  for (let i = 0; i < vector.count; i++) {
    const bytes = vector.bytes(i);
    for (const { at: patternAt, prefixBytes, postfixBytes } of patterns) {
      const keyBytes = prefixBytes + bytes + postfixBytes;
      if (keyBytes > KEY_BYTES_MAX) continue; // No such key can exist.
      kernel.copy(at, patternAt, prefixBytes);
      kernel.copy(at + prefixBytes, vector.at(i), bytes);
      kernel.copy(at + prefixBytes + bytes, patternAt + prefixBytes + 1, postfixBytes);
      each(at, keyBytes);
    }
  }
  lowAllocator.free(block);
  return true;
}
