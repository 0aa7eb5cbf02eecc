/**
 * What the reader believes: every bit of a small log turned around is found, and told; a log cut at
 * any byte goes back to the last whole group; a torn tail is cut where damage before it is refused.
 * Also files that are not where they belong.
 */
import { describe, expect, it } from 'vitest';
import { CorruptFileFault } from '../errors.ts';
import { LogRig, rigLog } from '../testing/log-rig.ts';
import { SEGMENT_HEADER_BYTES } from './log-layout.ts';
import { encodeSegmentHeader, parseSegmentName, segmentName } from './log-segment.ts';
import { scanLog } from './log-scan.ts';

/** A log of a few records and one group, in one segment unless `segmentBytes` says otherwise. */
function smallLog(isClosed: boolean, segmentBytes?: number): LogRig {
  const rig = new LogRig({
    seed: 21, policy: 'every_write', ...(segmentBytes === undefined ? {} : { segmentBytes }),
  });
  for (let i = 0; i < 5; i++) {
    rig.append(rig.randomRecord(3 + i));
    rig.groupEnds.push(rig.records.length);
    rig.settle(() => rig.log.durableSequence === rig.records.length);
  }
  if (isClosed) {
    rig.log.close();
    rig.settle(() => rig.log.isClosed);
  }
  return rig;
}

/** The log's recovery: how many records, or the damage. */
function outcomeOf(rig: LogRig): { count: number; isTorn: boolean } | CorruptFileFault {
  try {
    const { scan, records } = rig.recover();
    records.forEach((record, index) => {
      expect([...record]).toEqual([...rig.records[index]!]);
    });
    return { count: records.length, isTorn: scan.tornTail !== undefined };
  } catch (error) {
    if (error instanceof CorruptFileFault) return error;
    throw error;
  }
}

const path = `data/${segmentName(1, 0, 1)}`;

describe('a flipped bit', () => {
  it('is found wherever it is, and refused where it was durable', () => {
    const bytes = smallLog(true).files.contentOf(path).slice();
    const lastFrameAt = bytes.length - SEGMENT_HEADER_BYTES;
    for (let byte = 0; byte < bytes.length; byte++) {
      for (let bit = 0; bit < 8; bit++) {
        const rig = smallLogAt(bytes);
        rig.files.flip(path, byte, bit);
        const outcome = outcomeOf(rig);
        const where = `byte ${byte}, bit ${bit}`;
        if (byte < lastFrameAt) {
          expect(outcome, where).toBeInstanceOf(CorruptFileFault);
        } else {
          // The mark of a closed log is the last thing: without it the log is whole all the same.
          expect(outcome, where).toEqual({ count: 5, isTorn: true });
        }
      }
    }
  });
  it('is told with file, offset, expected and found', () => {
    const rig = smallLog(true);
    rig.files.flip(path, SEGMENT_HEADER_BYTES + 70, 3);
    const outcome = outcomeOf(rig);
    expect(outcome).toMatchObject({
      code: 'CORRUPT_FILE', path, offset: SEGMENT_HEADER_BYTES + 4,
      expected: expect.stringMatching(/^a frame with checksum 0x/) as string,
      found: expect.stringMatching(/^0x[0-9a-f]{8}$/) as string,
    });
  });
});

/** A rig whose disk holds these bytes as its only segment. */
function smallLogAt(bytes: Uint8Array): LogRig {
  const rig = new LogRig({ seed: 21, policy: 'every_write' });
  for (let i = 0; i < 5; i++) rig.append(rig.randomRecord(3 + i));
  rig.files.place(path, bytes);
  return rig;
}

describe('a log that was cut', () => {
  it('goes back to its last whole record, at every byte', () => {
    const whole = smallLog(false);
    const bytes = whole.files.contentOf(path).slice();
    const ends = frameEndsOf(whole);
    for (let length = 0; length <= bytes.length; length++) {
      const rig = smallLogAt(bytes.slice(0, length));
      const count = ends.filter((end) => end <= length).length;
      const isTorn = length < SEGMENT_HEADER_BYTES
        || (length !== SEGMENT_HEADER_BYTES && !ends.includes(length));
      expect(outcomeOf(rig), `length ${length}`).toEqual({ count, isTorn });
      // What was cut is gone: a second recovery has nothing to say.
      expect(outcomeOf(rig), `again ${length}`).toEqual({ count, isTorn: false });
    }
  });
  it('refuses a tail of zeros only where records had been durable', () => {
    const rig = smallLog(false);
    const bytes = rig.files.contentOf(path).slice();
    const ends = frameEndsOf(rig);
    // The last record is gone, and nothing behind it tells that it was durable: a torn tail.
    bytes.fill(0, ends[3]);
    expect(outcomeOf(smallLogAt(bytes))).toEqual({ count: 4, isTorn: true });
    // One before it: the last frame says that the fourth was durable.
    const hole = rig.files.contentOf(path).slice();
    hole.fill(0, ends[2], ends[3]);
    expect(outcomeOf(smallLogAt(hole))).toBeInstanceOf(CorruptFileFault);
  });
});

function frameEndsOf(rig: LogRig): number[] {
  const ends: number[] = [];
  let end = SEGMENT_HEADER_BYTES;
  scanLog(rig.files, rig.files.list('data'), rigLog, (frame) => {
    end += frame.length;
    ends.push(end);
  });
  return ends;
}

describe('segments', () => {
  it('are refused when one in the middle is missing; a log begins where its first does', () => {
    const names = (rig: LogRig): string[] => rig.files.list('data');
    const rig = smallLog(true, 100);
    expect(names(rig).length).toBeGreaterThan(3);
    const [first = '', second = ''] = names(rig);
    rig.files.unlink(`data/${second}`);
    expect(outcomeOf(rig)).toMatchObject({ expected: 'segment 2 before it' });
    rig.files.unlink(`data/${first}`);
    const scan = scanLog(rig.files, names(rig), rigLog);
    expect([scan.firstSequence, scan.lastSequence]).toEqual([3, 5]);
  });
  it('are refused when they are cut and another follows', () => {
    const rig = smallLog(true, 100);
    const file = rig.files.open(path, 1);
    rig.files.truncate(file, rig.files.size(file) - 1);
    expect(outcomeOf(rig)).toBeInstanceOf(CorruptFileFault);
  });
  it('are refused in the place of another', () => {
    for (const change of [
      { logSet: 2 }, { shard: 1 }, { shardCount: 4 }, { number: 7 },
    ]) {
      const rig = smallLog(false);
      const header = {
        logSet: 1, shard: 0, shardCount: 1, number: 1, firstSequence: 1, createdMs: 0, tag: 5,
      };
      rig.files.place(path, encodeSegmentHeader({ ...header, ...change }));
      expect(outcomeOf(rig)).toBeInstanceOf(CorruptFileFault);
    }
  });
  it('have names that say whose they are; other names are not theirs', () => {
    const parsed = parseSegmentName(segmentName(12, 3, 456));
    expect(parsed).toEqual({ logSet: 12, shard: 3, number: 456 });
    for (const name of ['wal.log', 'wal-000001-000-00000001.log.tmp', 'manifest-00000001']) {
      expect(parseSegmentName(name)).toBeUndefined();
    }
  });
});
