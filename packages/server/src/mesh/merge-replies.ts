/**
 * Makes one reply of what the parts of a command answered, by the rule of the command: the tips of
 * COMMAND INFO, which cluster clients follow too. The first error of any part is the reply.
 */
import type { CommandReach, WorkerMemory } from '@kora/core';
import { assert, Merge } from '@kora/core';
import type { RespSink } from '../resp-sink.ts';
import { endOfValue, header, readLine } from './resp-values.hot.ts';

const MINUS = 0x2d;

/** What is known of the keys: the shard of each, in the command's order. */
export interface KeyShards {
  readonly count: number;
  readonly shard: Uint8Array;
}

/** An encoded reply, or one value of it, in low memory. */
export interface ReplyRange {
  readonly at: number;
  readonly bytes: number;
}

/** Writes the merged reply. `replies` by shard, null where a shard had no part. */
export function mergeReplies(
  memory: WorkerMemory, reach: CommandReach, keys: KeyShards,
  replies: readonly (ReplyRange | null)[], sink: RespSink,
): void {
  const { low } = memory;
  for (const reply of replies) {
    if (reply === null || low[reply.at] !== MINUS) continue;
    sink.bulkPiece(reply.at, reply.bytes);
    return;
  }
  switch (reach.merge) {
    case Merge.Array:
      mergeArray(low, keys, replies, sink);
      return;
    case Merge.Sum:
      sink.integer(numbersOf(low, replies).reduce((sum, number) => sum + number, 0));
      return;
    case Merge.Least:
      sink.integer(Math.min(...numbersOf(low, replies)));
      return;
    case Merge.Ok:
      sink.ok();
      return;
    default:
      assert(false, 'the command merges its replies itself');
  }
}

function numbersOf(low: Uint8Array, replies: readonly (ReplyRange | null)[]): number[] {
  const numbers: number[] = [];
  for (const reply of replies) {
    if (reply === null) continue;
    readLine(low, reply.at);
    numbers.push(header.number);
  }
  return numbers;
}

/** Element i is the next one of the shard that has key i. */
function mergeArray(
  low: Uint8Array, keys: KeyShards, replies: readonly (ReplyRange | null)[], sink: RespSink,
): void {
  const positions = replies.map((reply) => (reply === null ? 0 : readLine(low, reply.at)));
  sink.array(keys.count);
  for (let key = 0; key < keys.count; key++) {
    const shard = keys.shard[key] ?? 0;
    const reply = replies[shard] ?? null;
    if (reply === null) continue;
    const from = positions[shard] ?? 0;
    const end = endOfValue(low, from, reply.at + reply.bytes);
    sink.bulkPiece(from, end - from);
    positions[shard] = end;
  }
}

/** All elements of all arrays, one array: KEYS. */
export function joinArrays(
  low: Uint8Array, replies: readonly (ReplyRange | null)[], sink: RespSink,
): void {
  let count = 0;
  for (const reply of replies) {
    if (reply === null) continue;
    readLine(low, reply.at);
    count += header.number;
  }
  sink.array(count);
  for (const reply of replies) {
    if (reply === null) continue;
    const from = readLine(low, reply.at);
    sink.bulkPiece(from, reply.at + reply.bytes - from);
  }
}

/** Arrays of the same bulk strings, each with a number behind it: the numbers are added up. */
export function sumNamedNumbers(
  low: Uint8Array, replies: readonly ReplyRange[], sink: RespSink,
): void {
  const [first] = replies;
  assert(first !== undefined, 'there is an answer of every worker');
  const positions = replies.map(({ at }) => readLine(low, at));
  sink.array(header.number);
  const end = first.at + first.bytes;
  for (let at = positions[0] ?? end; at < end; at = positions[0] ?? end) {
    const nameBytes = endOfValue(low, at, end) - at;
    let sum = 0;
    for (const [i, position] of positions.entries()) {
      positions[i] = readLine(low, position + nameBytes);
      sum += header.number;
    }
    sink.bulkPiece(at, nameBytes);
    sink.integer(sum);
  }
}
