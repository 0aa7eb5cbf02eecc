/**
 * No wake-up is lost: when everything is at rest, whoever waits for a key waits for something that
 * is not there. Lists and sorted sets are empty; of a stream the group has been given everything;
 * a group that is gone has nobody who waits for it; and a stream that somebody reads from its end
 * on has the end that it had at the last rest, if that waited then.
 */
import type { Control } from '../control.ts';
import type { Reply } from '../reply.ts';
import { listOf } from '../reply.ts';
import { Broken } from '../world.ts';
import type { BlockingOp } from './blocking-op.ts';
import type { WaitClient } from './wait-client.ts';
import type { WaitWorkload } from './wait-workload.ts';

export class WakeUps {
  readonly #workload: WaitWorkload;
  /** Who read from the ends of streams at the last rest, and what these ends were. */
  #readers = new Map<BlockingOp, ReadonlyMap<string, string>>();

  constructor(workload: WaitWorkload) {
    this.#workload = workload;
  }

  check(clients: readonly WaitClient[], control: Control): void {
    const ends = new Map(this.#workload.streams.map((key) => [key, endOf(key, control)]));
    const readers = new Map<BlockingOp, ReadonlyMap<string, string>>();
    for (const { op, isGone } of clients) {
      if (op === undefined || isGone) continue;
      const { kind, keys } = op.asked;
      for (const key of keys) {
        if (kind === 'stream') this.#checkReader(op, key, ends);
        else checkEmpty(op, key, control);
      }
      if (kind === 'stream') readers.set(op, ends);
    }
    this.#readers = readers;
  }

  #checkReader(op: BlockingOp, key: string, ends: ReadonlyMap<string, string>): void {
    // A stream of another database may have an older end.
    if (this.#workload.hasSwapped) return;
    const before = this.#readers.get(op)?.get(key);
    const now = ends.get(key);
    if (before === undefined || before === now) return;
    throw new Broken(`${op.toString()} waits, and ${key} has gone on from ${before} to ${now}`);
  }
}

function checkEmpty(op: BlockingOp, key: string, control: Control): void {
  const found = control(wordsFor(op.asked.kind, key));
  if (isEmpty(op.asked.kind, found)) return;
  throw new Broken(`${op.toString()} waits, and ${key} has ${JSON.stringify(found)}`);
}

function wordsFor(kind: string, key: string): string[] {
  if (kind === 'list') return ['LLEN', key];
  if (kind === 'zset') return ['ZCARD', key];
  return ['XINFO', 'GROUPS', key];
}

function isEmpty(kind: string, found: Reply): boolean {
  if (kind === 'list' || kind === 'zset') return found === ':0';
  const [group = null] = listOf(found);
  // name, consumers, pending, last-delivered-id, entries-read, lag: each before its value.
  return kind === 'gone' ? group !== null : listOf(group).at(-1) === ':0';
}

/** The last ID of a stream. */
function endOf(key: string, control: Control): string {
  const info = listOf(control(['XINFO', 'STREAM', key]));
  return String(info[info.indexOf('$last-generated-id') + 1]);
}
