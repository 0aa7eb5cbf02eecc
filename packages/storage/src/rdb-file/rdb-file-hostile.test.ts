/**
 * Damaged dumps: cut at every byte, every bit turned, lengths that promise more than there is.
 * With the checksum every one is refused; without it nothing worse happens than a value that reads
 * otherwise, which whoever loads it checks again. Never anything but a fault, never a dump that
 * ends as if it were whole when it is not.
 */
import { Fault, SeededChance } from '@kora/core';
import { Crc64 } from '@kora/core/rdb';
import { CommandDriver, RandomTypeCommands } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesOf, dumpOf, joined, readAll, restoreInto } from '../testing/dump-fixture.ts';
import { RdbFileFault } from './rdb-file-fault.ts';

const SHAPES: readonly (readonly string[])[] = [
  ['SET', 'int', '70000'], ['SET', 'text', 'hello'], ['SET', 'packed', 'ab'.repeat(50)],
  ['SET', 'timed', 'x', 'PX', '5000'],
  ['RPUSH', 'list', 'a', '1', 'bb'], ['SADD', 'ints', '1', '2', '3'], ['SADD', 'set', 'a', 'b'],
  ['ZADD', 'zset', '1.5', 'a', '2', 'b'],
  ['ZADD', 'wide', '1.5', 'a', '2', 'y'.repeat(70)],
  ['HSET', 'hash', 'f', 'v', 'g', 'w'], ['HSET', 'widehash', 'f', 'q'.repeat(70)],
  ['XADD', 'stream', '1-1', 'f', 'v'], ['XADD', 'stream', '2-1', 'f', 'v', 'g', 'w'],
  ['XGROUP', 'CREATE', 'stream', 'g', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '1', 'STREAMS', 'stream', '>'],
  ['SELECT', '5'], ['SET', 'there', 'v'], ['SELECT', '0'],
];

function everyShape(): Uint8Array {
  const driver = new CommandDriver();
  for (const command of SHAPES) driver.reply(...command);
  return dumpOf(driver);
}

/** The fault that reading ends with; null when it reads to the end. Anything else is thrown. */
function faultOf(dump: Uint8Array, chunkBytes?: number): RdbFileFault | null {
  try {
    readAll(dump, chunkBytes);
    return null;
  } catch (error) {
    if (error instanceof RdbFileFault) return error;
    throw error;
  }
}

const magic = (version: string): Uint8Array => bytesOf(version);
const NO_CHECKSUM = new Uint8Array(8);

describe('a dump that is cut off', () => {
  it('is refused at every byte, with the place', () => {
    const dump = everyShape();
    for (let bytes = 0; bytes < dump.length; bytes++) {
      const fault = faultOf(dump.subarray(0, bytes), 50);
      expect(fault?.code, `cut at ${bytes}`).toBe('CORRUPT_DUMP');
      expect(fault?.offset, `cut at ${bytes}`).toBe(bytes);
    }
  });
});

describe('a dump with one bit turned', () => {
  it('is refused, wherever it is', () => {
    const dump = everyShape();
    for (let bit = 0; bit < dump.length * 8; bit++) {
      const bad = dump.slice();
      bad[bit >>> 3] = (bad[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(faultOf(bad), `bit ${bit}`).toBeInstanceOf(Fault);
    }
  });

  it('and without a checksum, reads as another or is refused; so is each value of it', () => {
    const dump = everyShape();
    dump.fill(0, dump.length - 8);
    for (let bit = 72; bit < (dump.length - 8) * 8; bit++) {
      const bad = dump.slice();
      bad[bit >>> 3] = (bad[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      if (faultOf(bad) !== null) continue;
      const driver = new CommandDriver();
      for (const reply of restoreInto(driver, bad)) {
        expect(reply, `bit ${bit}`).toMatch(/^-"ERR (Bad data format|Invalid TTL)/);
      }
      expect(driver.errors, `bit ${bit}`).toEqual([]);
    }
  });

  it('of random commands, many bytes at once, is refused, seeds 1 to 300', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const chance = new SeededChance(seed);
      const below = (bound: number): number => (chance.next32() >>> 0) % bound;
      const driver = new CommandDriver({ seed });
      const random = new RandomTypeCommands(chance);
      for (let step = 0; step < 12; step++) driver.reply(...random.next());
      const dump = dumpOf(driver);
      const at = below(dump.length);
      for (let i = at; i < Math.min(dump.length, at + 1 + below(9)); i++) dump[i] = below(256);
      if (joined([dumpOf(driver)]).every((byte, i) => byte === dump[i])) continue;
      expect(faultOf(dump), `seed ${seed}`).toBeInstanceOf(Fault);
    }
  });
});

describe('a length that lies', () => {
  const key = [1, 0x6b];
  const cases: readonly (readonly [name: string, bytes: number[], code: string])[] = [
    ['a string of 2^60', [0, ...key, 0x81, 0x10, 0, 0, 0, 0, 0, 0, 0], 'CORRUPT_DUMP'],
    ['a string of 2^50', [0, ...key, 0x81, 0, 4, 0, 0, 0, 0, 0, 0], 'UNSUPPORTED_DUMP'],
    ['a string of 500 MB', [0, ...key, 0x80, 0x1d, 0xcd, 0x65, 0], 'CORRUPT_DUMP'],
    ['a packed string of 2^50', [0, ...key, 0xc3, 1, 0x81, 0, 4, 0, 0, 0, 0, 0, 0, 0],
      'UNSUPPORTED_DUMP'],
    ['a set of 2^32 members', [2, ...key, 0x80, 0xff, 0xff, 0xff, 0xff, 1, 0x61], 'CORRUPT_DUMP'],
    ['a key of 2 MB', [0, 0x80, 0, 0x20, 0, 0], 'CORRUPT_DUMP'],
    ['an unknown form of length', [0, ...key, 0x82], 'CORRUPT_DUMP'],
    ['an unknown string form', [0, ...key, 0xc4], 'CORRUPT_DUMP'],
    ['database 16', [254, 16], 'UNSUPPORTED_DUMP'],
    ['an unknown type', [8, ...key, 0], 'UNSUPPORTED_DUMP'],
    ['a type of Redis 7.4', [24, ...key, 0], 'UNSUPPORTED_DUMP'],
    ['functions of a release candidate', [246, 1, 0x61], 'UNSUPPORTED_DUMP'],
  ];
  for (const [name, bytes, code] of cases) {
    it(`${name}: refused`, () => {
      const dump = joined([magic('REDIS0011'), Uint8Array.from(bytes)]);
      expect(faultOf(dump, 3)?.code).toBe(code);
    });
  }

  it('a key that goes on for ever is refused before it has come', () => {
    const head = joined([magic('REDIS0010'), Uint8Array.of(0, 0x80, 0x10, 0, 0, 0)]);
    const fault = faultOf(joined([head, new Uint8Array(2_000_000)]), 100_000);
    expect(fault?.message).toMatch(/longer than the 1048576 bytes/);
  });
});

describe('what is no dump, or one of another time', () => {
  it('says so', () => {
    const of = (text: string): string => faultOf(bytesOf(text))?.message ?? '';
    expect(of('*1\r\n$4\r\nPING\r\n')).toMatch('This is no Redis dump');
    expect(of('{')).toMatch('This is no Redis dump');
    expect(of('REDIS0013....')).toMatch('The dump has version REDIS0013, not REDIS0005 to');
    expect(of('REDIS0013....')).toMatch('the server that wrote it is too new (at byte 0');
    expect(of('VALKEY081...')).toMatch('the server that wrote it is too new');
    expect(of('VALKEY079...')).not.toMatch('too new');
    expect(of('REDIS0004....')).not.toMatch('too new');
    expect(of('REDIS0004....')).toMatch('The dump has version REDIS0004');
    expect(of('VALKEY081...')).toMatch('The dump has version VALKEY081');
    expect(of('REDISxxxx')).toMatch('its version is no number');
    expect(of('')).toMatch('it ends too early (at byte 0');
  });
});

describe('what is older, newer, or of a module', () => {
  const module = [0x81, 0x00, 0x10, 0x83, 0x10, 0x51, 0x87, 0x20, 0x03];
  const end = [0xff];

  it('reads deadlines in seconds, slots, and data of modules', () => {
    const checked = joined([magic('REDIS0009'), Uint8Array.from([
      244, 5, 1, 0,
      247, ...module, 2, 1, 5, 2, 0x61, 0x62, 3, 1, 2, 3, 4, 4, 1, 2, 3, 4, 5, 6, 7, 8, 0,
      253, 1, 0, 0, 0, 0, 1, 0x6b, 1, 0x76,
      252, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1, 0x6c, 1, 0x76,
      7, 1, 0x6d, ...module, 1, 5, 0,
      ...end,
    ])]);
    const sum = new Crc64();
    sum.update(checked, 0, checked.length);
    const dump = new Uint8Array(checked.length + 8);
    dump.set(checked);
    sum.writeTo(dump, checked.length);
    for (const chunkBytes of [1, dump.length]) {
      const items = readAll(dump, chunkBytes);
      expect(items.map(({ kind }) => kind)).toEqual([
        'version', 'module-data', 'key', 'key', 'module-value', 'end',
      ]);
      const [, data, first, second, value] = items;
      expect(data?.kind === 'module-data' && data.module).toMatch(/^\S{9} version 3$/);
      expect(first?.kind === 'key' && first.expireMs).toBe(1000);
      // A deadline before 1970 has passed; 0 would mean none to RESTORE.
      expect(second?.kind === 'key' && second.expireMs).toBe(1);
      expect(value?.kind === 'module-value' && value.key).toEqual(bytesOf('m'));
    }
  });

  it('reads hashes with deadlines from Valkey, and not from Redis', () => {
    const body = Uint8Array.from([22, 1, 0x68, 1, 1, 0x66, 1, 0x76, 1, 2, 3, 4, 5, 0, 0, 0, 255]);
    const items = readAll(joined([magic('VALKEY080'), body, NO_CHECKSUM]));
    expect(items[1]?.kind === 'key' && items[1].value[0]).toBe(22);
    expect(items.at(-1)).toEqual({ kind: 'end', checksum: 'none' });
    expect(faultOf(joined([magic('REDIS0012'), body, NO_CHECKSUM]))?.code).toBe('UNSUPPORTED_DUMP');
  });
});
