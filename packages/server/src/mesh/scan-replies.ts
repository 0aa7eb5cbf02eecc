/**
 * Replies of SCAN from several shards, put together: the keys of one shard after the other, as far
 * as each has come to its end, and the cursor of the last. A shard that has more to say ends the
 * step; what shards behind it have answered is dropped, for the cursor leads there later.
 */
import { CURSOR_POSITIONS, readCursor } from '@kora/core';
import type { RespSink } from '../resp-sink.ts';
import type { ReplyRange } from './merge-replies.ts';
import { header, readLine } from './resp-values.hot.ts';

const MINUS = 0x2d;

/** One shard's step of SCAN, read from its reply. */
export interface ScanStep {
  readonly cursor: number;
  /** Keys, and where their encoded bytes begin and end. */
  readonly count: number;
  readonly from: number;
  readonly end: number;
}

/** Reads the reply of one shard, which is no error. */
export function readScanStep(low: Uint8Array, { at, bytes }: ReplyRange): ScanStep {
  const cursorAt = readLine(low, readLine(low, at));
  const cursorBytes = header.number;
  const cursor = readCursor(low, cursorAt, cursorBytes);
  const from = readLine(low, cursorAt + cursorBytes + 2);
  return { cursor, count: header.number, from, end: at + bytes };
}

/** True for a cursor that says that its shard has been walked: the next one's start, or 0. */
export function isShardEnd(cursor: number): boolean {
  return cursor % CURSOR_POSITIONS === 0;
}

/**
 * Writes one step of the answers of shards that were asked at one moment (EXEC).
 * @param replies by shard, from that of the cursor on; an error of any is the answer
 */
export function joinScans(
  low: Uint8Array, replies: readonly (ReplyRange | null)[], sink: RespSink,
): void {
  const error = replies.find((reply) => reply !== null && low[reply.at] === MINUS);
  if (error !== null && error !== undefined) {
    sink.bulkPiece(error.at, error.bytes);
    return;
  }
  const steps: ScanStep[] = [];
  let count = 0;
  let cursor = 0;
  for (const reply of replies) {
    if (reply === null) continue;
    const step = readScanStep(low, reply);
    steps.push(step);
    count += step.count;
    ({ cursor } = step);
    if (!isShardEnd(cursor)) break;
  }
  sink.array(2);
  sink.bulkText(String(cursor));
  sink.array(count);
  for (const { from, end } of steps) sink.bulkPiece(from, end - from);
}
