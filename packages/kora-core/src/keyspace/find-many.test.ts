/**
 * Looking many keys up at once finds what looking them up one by one finds: random keys, present,
 * absent and twice in one batch, with one slot and one hash each; and it costs the heap nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { bytesPerCall } from '../testing/allocation.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { randomSource } from '../testing/random-source.ts';

const SEED = 5;
const KEYS = 400;
const BATCH = 16;

it('finds many keys as it finds each of them', () => {
  const driver = new CommandDriver();
  const { keyspace, scratchAt } = driver.shard;
  const { low, i32 } = driver.memory;
  const random = randomSource(SEED);
  for (let i = 0; i < KEYS; i += 2) driver.run('SET', `key:${i}`, 'v'.repeat(i % 90));
  const db = keyspace.databases[0]!;
  const keysAt = scratchAt + BATCH * 16;
  const round = (hint: string): void => {
    for (let i = 0; i < BATCH; i++) {
      const text = `key:${random.below(KEYS)}`;
      const at = keysAt + i * 16;
      for (let c = 0; c < text.length; c++) low[at + c] = text.charCodeAt(c);
      i32[(scratchAt >>> 2) + i * 4] = at;
      i32[(scratchAt >>> 2) + i * 4 + 1] = text.length;
    }
    keyspace.findMany(db, scratchAt, BATCH);
    for (let i = 0; i < BATCH; i++) {
      const row = (scratchAt >>> 2) + i * 4;
      const [at, bytes, hash, slot] = i32.slice(row, row + 4);
      keyspace.find(db, at!, bytes!);
      expect([hash, slot], `${hint}, place ${i}`).toEqual([keyspace.hash, keyspace.slot]);
    }
  };
  for (let i = 0; i < 50; i++) round(`seed ${SEED}, round ${i}`);

  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
  const bytes = bytesPerCall(meter, () => {
    keyspace.findMany(db, scratchAt, BATCH);
  });
  expect(bytes).toBeLessThan(1);
});
