/**
 * Damaged dumps as redis-server writes them, with every type and encoding: cut at every byte, and
 * every bit turned, with and without a checksum. With one each is refused with its place; without
 * one each value reads otherwise or is refused, by the reader or by RESTORE, and nothing breaks.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandDriver } from '@kora/core/testing';
import { DUMP_FOOTER_BYTES, writeDumpFooter } from '@kora/core/rdb';
import { RdbFileFault, RdbFileReader } from '@kora/storage';
import { describe, expect, it } from 'vitest';
import { ServerProcess } from '../../reference/server-process.ts';

const CHECKSUM_BYTES = 8;
const MAGIC_BYTES = 9;
const TEST_MS_MAX = 120_000;

/** A value of each encoding, small. */
const COMMANDS: readonly (readonly string[])[] = [
  ['SET', 'int', '70000'], ['SET', 'text', 'hello'], ['SET', 'packed', 'ab'.repeat(50)],
  ['SET', 'timed', 'x', 'PXAT', '4000000000000'],
  ['RPUSH', 'list', 'a', '1', 'bb', '-70000'], ['RPUSH', 'plain', 'y'.repeat(200)],
  ['SADD', 'ints', '1', '2', '-3'], ['SADD', 'set', 'a', 'b', 'z'.repeat(70)],
  ['ZADD', 'zset', '1.5', 'a', '2', 'b'], ['ZADD', 'zsetlong', '1.5', 'a', '2', 'y'.repeat(70)],
  ['HSET', 'hash', 'f', 'v', 'g', '12'], ['HSET', 'hashlong', 'f', 'q'.repeat(70)],
  ['XADD', 'stream', '1-1', 'f', 'v'], ['XADD', 'stream', '2-1', 'f', 'v', 'g', 'w'],
  ['XDEL', 'stream', '1-1'], ['XGROUP', 'CREATE', 'stream', 'g', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '1', 'STREAMS', 'stream', '>'],
  ['PFADD', 'hll', 'a', 'b'], ['SELECT', '5'], ['SET', 'there', 'v'], ['SELECT', '0'],
];

async function dumpWith(checksum: 'yes' | 'no'): Promise<Uint8Array> {
  const other = await ServerProcess.redis(
    ['--rdbchecksum', checksum, '--list-max-listpack-size', '-1'],
  );
  try {
    await other.askAll(COMMANDS);
    expect(await other.text('SAVE')).toBe('OK');
    return Uint8Array.from(readFileSync(join(other.folder, 'dump.rdb')));
  } finally {
    await other.stop();
  }
}

interface ReadKey {
  readonly db: number;
  readonly key: Uint8Array;
  readonly payload: Uint8Array;
}

/** Reads it all, in one piece; the keys, or the fault that ends it. Anything else is thrown. */
function read(dump: Uint8Array): ReadKey[] | RdbFileFault {
  const reader = new RdbFileReader();
  const keys: ReadKey[] = [];
  reader.feed(dump);
  reader.finish();
  try {
    for (;;) {
      const item = reader.next();
      if (item?.kind === 'end') return keys;
      if (item?.kind !== 'key') continue;
      const payload = new Uint8Array(item.value.length + DUMP_FOOTER_BYTES);
      payload.set(item.value);
      writeDumpFooter(payload, 0, item.value.length);
      keys.push({ db: item.db, key: item.key, payload });
    }
  } catch (cause) {
    if (cause instanceof RdbFileFault) return cause;
    throw cause;
  }
}

function turned(dump: Uint8Array, bit: number): Uint8Array {
  const bad = dump.slice();
  bad[bit >>> 3] = (bad[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return bad;
}

describe('a dump of redis-server', () => {
  it('that is cut anywhere, or has a bit turned, is refused', async () => {
    const dump = await dumpWith('yes');
    expect(read(dump)).toHaveLength(15);
    for (let bytes = 0; bytes < dump.length; bytes++) {
      const fault = read(dump.subarray(0, bytes));
      expect(fault, `cut at ${bytes}`).toBeInstanceOf(RdbFileFault);
      expect(fault instanceof RdbFileFault && fault.offset, `cut at ${bytes}`).toBe(bytes);
    }
    for (let bit = 0; bit < dump.length * 8; bit++) {
      expect(read(turned(dump, bit)), `bit ${bit}`).toBeInstanceOf(RdbFileFault);
    }
  }, TEST_MS_MAX);

  it('without a checksum breaks nothing, whatever bit is turned', async () => {
    const dump = await dumpWith('no');
    const end = (dump.length - CHECKSUM_BYTES) * 8;
    let readCount = 0;
    let refusedCount = 0;
    const driver = new CommandDriver();
    for (let bit = MAGIC_BYTES * 8; bit < end; bit++) {
      const keys = read(turned(dump, bit));
      if (keys instanceof RdbFileFault) {
        refusedCount++;
        continue;
      }
      readCount++;
      for (const { db, key, payload } of keys) {
        driver.run('SELECT', db);
        const reply = driver.run('RESTORE', key, 0, payload, 'REPLACE');
        expect(reply, `bit ${bit}`).toMatch(/^(\+"OK"|-"ERR Bad data format)/);
      }
      expect(driver.errors, `bit ${bit}`).toEqual([]);
      driver.run('FLUSHALL');
    }
    expect(readCount).toBeGreaterThan(1000);
    expect(refusedCount).toBeGreaterThan(500);
  }, TEST_MS_MAX);
});
