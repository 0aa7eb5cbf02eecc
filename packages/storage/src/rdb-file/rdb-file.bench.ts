/**
 * Speed of reading and writing dumps in memory, checksum included, in pieces of 256 KiB: keys of 16
 * bytes with values of 64, hashes of 40 fields, and one value of 10 MB. Each dump has about 10 MB,
 * so MB/s are ten times the operations a second.
 */
import { bench, describe } from 'vitest';
import { SeededChance } from '@kora/core';
import { writeRdbLength, writeRdbString } from '@kora/core/rdb';
import { bytesOf, joined } from '../testing/dump-fixture.ts';
import { RdbFileReader } from './rdb-file-reader.ts';
import { RdbFileWriter } from './rdb-file-writer.ts';

const DUMP_BYTES = 10_000_000;
const PIECE_BYTES = 262_144;
const HASH_FIELDS = 40;
const STRING = 0;
const HASH = 4;

const chance = new SeededChance(1);

/** A text in the form of a dump, of letters that pack badly. */
function text(bytes: number): Uint8Array {
  const value = Uint8Array.from({ length: bytes }, () => 33 + ((chance.next32() >>> 0) % 90));
  const stored = new Uint8Array(bytes + 32);
  return stored.slice(0, writeRdbString(value, stored, 0));
}

function hash(): Uint8Array {
  const count = new Uint8Array(9);
  const countBytes = writeRdbLength(count, 0, HASH_FIELDS);
  const parts: Uint8Array[] = [Uint8Array.of(HASH), count.slice(0, countBytes)];
  for (let i = 0; i < HASH_FIELDS; i++) parts.push(text(8), text(22));
  return joined(parts);
}

function dumpOf(value: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new RdbFileWriter((part) => parts.push(part.slice()));
  writer.database(0, 1, 0);
  for (let i = 0; writer.bytes < DUMP_BYTES; i++) {
    writer.key(bytesOf(`key:${String(i).padStart(12, '0')}`), value);
  }
  writer.finish();
  return joined(parts);
}

function readAll(dump: Uint8Array): void {
  const reader = new RdbFileReader();
  for (let fed = 0; ;) {
    const item = reader.next();
    if (item?.kind === 'end') return;
    if (item !== null) continue;
    reader.feed(dump.subarray(fed, fed + PIECE_BYTES));
    fed += PIECE_BYTES;
  }
}

const values = {
  'values of 64 bytes': joined([Uint8Array.of(STRING), text(64)]),
  'hashes of 40 fields': hash(),
  'one value of 10 MB': joined([Uint8Array.of(STRING), text(DUMP_BYTES - 40)]),
};

for (const [name, value] of Object.entries(values)) {
  const dump = dumpOf(value);
  const key = bytesOf('key:000000000001');
  describe(`10 MB of ${name}`, () => {
    bench('read', () => {
      readAll(dump);
    });
    bench('written', () => {
      const writer = new RdbFileWriter(() => undefined);
      writer.database(0, 1, 0);
      while (writer.bytes < DUMP_BYTES - 100) writer.key(key, value);
      writer.finish();
    });
  });
}
