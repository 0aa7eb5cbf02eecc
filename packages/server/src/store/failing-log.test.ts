/**
 * A log that cannot be written while `appendfsync always` is in force: on one worker and on two,
 * changes made at home and on another worker, alone, in EXEC, for somebody who waits. Nobody hears
 * of a change that is not durable, nobody waits for ever, the others read on, and when the disk
 * works again everything goes on with what was changed.
 */
import { Errno } from '@kora/storage/directory';
import { describe, expect, it } from 'vitest';
import { StoredMesh } from '../testing/stored-mesh.ts';
import type { WorkerRig } from '../testing/worker-rig.ts';
import { LOG_TROUBLE_MS_MAX } from './held-replies.ts';

const MISCONF = '-MISCONF Errors writing to the AOF file: No space left on device\r\n';
/** Turns in which other workers hear of what one has found. */
const ROUNDS = 4;

function fail(stored: StoredMesh): void {
  stored.files.refuse = () => Errno.NoSpace;
}

function mend(stored: StoredMesh): void {
  stored.files.refuse = () => 0;
  stored.settle();
}

function rounds(stored: StoredMesh, count: number): void {
  for (let i = 0; i < count; i++) stored.round();
}

/** What a connection is told in a few turns. */
function heard(stored: StoredMesh, index: number, slot: number, ...words: string[]): string {
  const rig = stored.rigs[index]!;
  const before = rig.repliesOf(slot).length;
  stored.ask(index, slot, ...words);
  rounds(stored, ROUNDS);
  return rig.repliesOf(slot).slice(before);
}

const complaints = ({ log }: WorkerRig): string[] =>
  log.filter((line) => line.includes('disconnected'));

describe.each([1, 2])('a log that stays broken, with %i workers', (workers) => {
  // The last worker has the keys; clients are of the first.
  const owner = workers - 1;

  it.each([
    ['a change', [['SET', 'KEY', '1']]],
    ['an EXEC', [['MULTI'], ['SET', 'KEY', '1'], ['SET', 'HERE', '1'], ['EXEC']]],
    ['a pipeline', [['SET', 'KEY', '1'], ['GET', 'KEY'], ['SET', 'HERE', '2']]],
  ])('ends who waits for %s, and nobody else', (_name, commands) => {
    const stored = new StoredMesh(workers);
    const [first] = stored.rigs as [WorkerRig];
    const names = { KEY: stored.keyOf(owner), HERE: stored.keyOf(0, 'here') };
    const [writer, other] = [first.connect(), first.connect()];
    expect(heard(stored, 0, other, 'SET', names.KEY, '0')).toBe('+OK\r\n');
    fail(stored);
    stored.turn(0, (rig) => {
      for (const words of commands) {
        stored.say(rig, writer, ...words.map((word) => names[word as 'KEY'] ?? word));
      }
    });
    rounds(stored, ROUNDS);
    const toldBefore = first.repliesOf(writer);
    expect(toldBefore.replace('+OK\r\n+QUEUED\r\n+QUEUED\r\n', '')).toBe('');
    expect(heard(stored, 0, other, 'SET', 'refused', '1')).toBe(MISCONF);
    expect(heard(stored, 0, other, 'GET', names.KEY)).toBe('$1\r\n1\r\n');
    expect(first.engine.cut.size).toBe(0);
    rounds(stored, LOG_TROUBLE_MS_MAX / 100);
    expect([...first.engine.cut]).toEqual([writer]);
    expect(first.repliesOf(writer)).toBe(toldBefore);
    expect(complaints(first)).toEqual([
      'warning the log could not be written for 5 s: 1 client whose changes are not durable is ' +
        'disconnected',
    ]);
    first.disconnect(writer);
    // The others go on as before, for as long as it takes.
    rounds(stored, LOG_TROUBLE_MS_MAX / 100);
    expect(heard(stored, 0, other, 'GET', names.KEY)).toBe('$1\r\n1\r\n');
    expect(heard(stored, 0, other, 'SET', names.KEY, '5')).toBe(MISCONF);
    expect([...first.engine.cut]).toEqual([writer]);
    mend(stored);
    expect(heard(stored, 0, other, 'APPEND', names.KEY, '2')).toBe(':2\r\n');
    stored.files.crash('drop');
    const again = new StoredMesh(workers, stored.files);
    const reader = again.rigs[0]!.connect();
    expect(heard(again, 0, reader, 'GET', names.KEY)).toBe('$2\r\n12\r\n');
  });

  it('does not end who waits when the disk works again in time', () => {
    const stored = new StoredMesh(workers);
    const [first] = stored.rigs as [WorkerRig];
    const writer = first.connect();
    const key = stored.keyOf(owner);
    fail(stored);
    stored.ask(0, writer, 'SET', key, '1');
    rounds(stored, LOG_TROUBLE_MS_MAX / 200);
    expect([first.repliesOf(writer), first.engine.cut.size]).toEqual(['', 0]);
    mend(stored);
    expect(first.repliesOf(writer)).toBe('+OK\r\n');
    rounds(stored, LOG_TROUBLE_MS_MAX / 100);
    expect(first.engine.cut.size).toBe(0);
  });

  it('does not let go of an element for who waited for it and has said more meanwhile', () => {
    const stored = new StoredMesh(workers);
    const rig = stored.rigs[owner]!;
    const [popper, pusher] = [rig.connect(), rig.connect()];
    const key = stored.keyOf(owner);
    stored.ask(owner, popper, 'BLPOP', key, '0');
    fail(stored);
    stored.turn(owner, () => {
      stored.say(rig, pusher, 'RPUSH', key, 'element');
      stored.say(rig, popper, 'GET', key);
    });
    rounds(stored, ROUNDS);
    expect([rig.repliesOf(popper), rig.repliesOf(pusher)]).toEqual(['', '']);
    rounds(stored, LOG_TROUBLE_MS_MAX / 100);
    expect([...rig.engine.cut].sort()).toEqual([popper, pusher]);
    expect([rig.repliesOf(popper), rig.repliesOf(pusher)]).toEqual(['', '']);
  });
});

describe('another worker whose log fails', () => {
  it('in the middle of a turn: what is accepted in it is told when it is durable', () => {
    const stored = new StoredMesh(2);
    const [first, second] = stored.rigs as [WorkerRig, WorkerRig];
    const [writer, reader] = [first.connect(), first.connect()];
    const remote = second.connect();
    const [here, there] = [stored.keyOf(0), stored.keyOf(1)];
    fail(stored);
    stored.ask(1, remote, 'SET', there, '1');
    expect(first.store?.isRefusing).toBe(false);
    stored.turn(0, () => {
      // The second worker hears of its disk now.
      for (let i = 0; i < ROUNDS; i++) stored.turn(1);
      expect(first.store?.errno).toBe(Errno.NoSpace);
      stored.say(first, writer, 'SET', here, '1');
      stored.say(first, reader, 'GET', here);
      stored.say(first, writer, 'GET', here);
    });
    rounds(stored, ROUNDS);
    expect(first.repliesOf(writer)).toBe('');
    // It has changed nothing, and reads go on.
    expect(first.repliesOf(reader)).toBe('$1\r\n1\r\n');
    mend(stored);
    expect(first.repliesOf(writer)).toBe('+OK\r\n$1\r\n1\r\n');
    expect(second.repliesOf(remote)).toBe('+OK\r\n');
  });
});
