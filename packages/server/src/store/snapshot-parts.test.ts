/**
 * Transactions over several workers around the cut of a snapshot: what was acknowledged before it
 * or behind it is there after a loss of power, also where one of their workers has nothing to do
 * with it but the connection, and therefore waits for nobody.
 */
import { describe, expect, it } from 'vitest';
import { StoredMesh } from '../testing/stored-mesh.ts';
import type { WorkerRig } from '../testing/worker-rig.ts';

const WORKERS = 3;
const ROUNDS = 40;

/** The connection's worker has none of the keys; the commands need one round, or several. */
const TRANSACTIONS: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ['MSET', [['MSET', 'ONE', '1', 'TWO', '2']]],
  ['EXEC', [['MULTI'], ['SET', 'ONE', '1'], ['SET', 'TWO', '2'], ['EXEC']]],
  ['EXEC in steps', [['MULTI'], ['SET', 'ONE', '2'], ['COPY', 'ONE', 'TWO'], ['SET', 'ONE', '1'],
    ['EXEC']]],
];

describe.each(TRANSACTIONS)('%s around the cut of a snapshot', (_name, commands) => {
  it.each(['before', 'behind'])('is there as a whole when it comes %s it', (place) => {
    for (let turnsBetween = 0; turnsBetween < 4; turnsBetween++) {
      const stored = new StoredMesh(WORKERS);
      const [first] = stored.rigs as [WorkerRig];
      const names = { ONE: stored.keyOf(1), TWO: stored.keyOf(2) };
      const [writer, saver] = [first.connect(), first.connect()];
      const write = (): void => {
        stored.turn(0, (rig) => {
          for (const words of commands) {
            stored.say(rig, writer, ...words.map((word) => names[word as 'ONE'] ?? word));
          }
        });
      };
      const save = (): void => { stored.ask(0, saver, 'BGSAVE'); };
      if (place === 'before') write();
      else save();
      for (let turn = 0; turn < turnsBetween; turn++) stored.turn(0);
      if (place === 'before') save();
      else write();
      for (let round = 0; round < ROUNDS; round++) stored.round();
      stored.settle();
      expect(first.repliesOf(writer)).toMatch(/\+OK\r\n$/);
      expect(first.log.join('\n')).toMatch(/snapshot \d+ counts/);
      stored.files.crash('drop');
      const again = new StoredMesh(WORKERS, stored.files);
      const [reader] = again.rigs as [WorkerRig];
      const slot = reader.connect();
      again.ask(0, slot, 'MGET', names.ONE, names.TWO);
      again.settle();
      expect(reader.repliesOf(slot), `${turnsBetween} turns between`)
        .toBe('*2\r\n$1\r\n1\r\n$1\r\n2\r\n');
      expect(again.reports).toEqual([]);
    }
  });
});
