/**
 * Speed of appending to the log and of reading it, below any disk: batches of 1,000 records of 100
 * bytes (divide by 1,000), a turn after each 50, on a disk that forgets. Replay reads 64 MiB.
 */
import { bench, describe } from 'vitest';
import { Completions } from '../disk/completions.ts';
import type { CompletionListener, Disk, DiskOperation } from '../disk/disk.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';
import { LogRig, rigLog } from '../testing/log-rig.ts';
import { LogReplay } from './log-replay.ts';
import { scanLog } from './log-scan.ts';
import { ShardLog } from './shard-log.ts';

/** Says yes to everything, in the next drain. */
class ForgetfulDisk implements Disk {
  readonly #done = new Completions();
  submit(operation: DiskOperation, token: number): void {
    this.#done.add(token, operation.kind === 1 ? 3 : operation.length);
  }
  drain(listener: CompletionListener): number {
    return this.#done.drain(listener);
  }
}

describe('1,000 records of 100 bytes', () => {
  for (const policy of ['every_write', 'every_second', 'os_managed'] as const) {
    const disk = new ForgetfulDisk();
    const log = new ShardLog({
      ...rigLog, disk, policy, nextSequence: 1, nextSegment: 1, tokenBase: 0, tag: 1,
    });
    const record = new Uint8Array(100).fill(7);
    let nowMs = 1_700_000_000_000;
    bench(`appended, ${policy}`, () => {
      for (let i = 0; i < 1000; i++) {
        log.append(record, 0, 100, nowMs);
        if (i % 50 !== 49) continue;
        nowMs++;
        log.pump(nowMs);
        disk.drain((token, result) => { log.complete(token, result); });
      }
    });
  }
});

describe('a log of 16 MiB', () => {
  const rig = new LogRig({ seed: 1, policy: 'os_managed' });
  const record = new Uint8Array(100).fill(7);
  while (rig.log.frames.nextSequence < 150_000) {
    rig.log.append(record, 0, 100, rig.nowMs);
    if (rig.log.frames.nextSequence % 50 === 0) rig.turn(1);
  }
  rig.settle(() => rig.log.bufferedBytes < FRAME_BYTES_MAX);
  const names = rig.files.list('data');
  const { segments } = scanLog(rig.files, names, rigLog);
  bench('scanned', () => {
    scanLog(rig.files, names, rigLog);
  });
  bench('replayed', () => {
    let count = 0;
    const replay = new LogReplay(
      rig.files,
      segments.map(({ path, header, endBytes }) => ({
        path, endBytes, tag: header.tag, firstSequence: header.firstSequence,
      })),
      1, () => { count++; },
    );
    while (replay.step());
    if (count === 0) throw new Error('the log has records');
  });
});
