/**
 * How long the files of the log are: as `wal-max-bytes` says, when the server starts and later, on
 * every worker.
 */
import { describe, expect, it } from 'vitest';
import { StoredMesh } from '../testing/stored-mesh.ts';

const VALUE_BYTES = 10_000;
const VALUES = 40;

/** Files of a worker's log. */
function segmentCount(stored: StoredMesh, worker: number): number {
  const prefix = `wal-000001-00${worker}-`;
  return stored.files.list('data').filter((name) => name.startsWith(prefix)).length;
}

describe('wal-max-bytes', () => {
  it.each([1, 2])('says where the next file begins, at once, with %i workers', (workers) => {
    const stored = new StoredMesh(workers);
    const slot = stored.rigs[0]!.connect();
    const write = (): void => {
      for (let i = 0; i < VALUES; i++) {
        for (let worker = 0; worker < workers; worker++) {
          stored.ask(0, slot, 'SET', stored.keyOf(worker), 'x'.repeat(VALUE_BYTES));
        }
        stored.settle();
      }
    };
    const counts = (): number[] => stored.rigs.map((_, worker) => segmentCount(stored, worker));
    stored.ask(0, slot, 'CONFIG', 'SET', 'wal-max-bytes', '0');
    stored.settle();
    write();
    expect(counts()).toEqual(stored.rigs.map(() => 1));
    stored.ask(0, slot, 'CONFIG', 'SET', 'wal-max-bytes', '100kb');
    stored.settle();
    write();
    // 400 kB more in files of 100.
    for (const count of counts()) expect(count).toBeGreaterThanOrEqual(4);
  });
});
