/**
 * Dumps of a driver's shard and back, for tests: written key by key through DUMP, read through
 * RESTORE, as a program that knows no more than the two would do it.
 */
import { DUMP_FOOTER_BYTES, writeDumpFooter } from '@kora/core/rdb';
import type { CommandDriver, RecordedReply } from '@kora/core/testing';
import { contentsOf } from '@kora/core/testing';
import { RdbFileReader } from '../rdb-file/rdb-file-reader.ts';
import { RdbFileWriter } from '../rdb-file/rdb-file-writer.ts';
import type { RdbItem } from '../rdb-file/rdb-item.ts';

/** Bytes of a text of one character each. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** A dump of everything the driver's shard has, deadlines of fields included. */
export function dumpOf(driver: CommandDriver): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new RdbFileWriter((part) => parts.push(part.slice()), 'valkey');
  writer.aux('redis-ver', '7.0.15');
  const keys = [...contentsOf(driver.shard).keys()].map((name) => {
    const slash = name.indexOf('/');
    return { db: Number(name.slice(0, slash)), key: name.slice(slash + 1) };
  });
  for (let db = 0; db < 16; db++) {
    const ofDatabase = keys.filter((each) => each.db === db);
    if (ofDatabase.length === 0) continue;
    driver.run('SELECT', db);
    writer.database(db, ofDatabase.length, 0);
    for (const { key } of ofDatabase) {
      const payload = bytesOf(textIn(driver.reply('DUMP', key)));
      const expireMs = Number(textIn(driver.reply('PEXPIRETIME', key)));
      writer.key(bytesOf(key), payload.subarray(0, payload.length - DUMP_FOOTER_BYTES), {
        expireMs,
      });
    }
  }
  driver.run('SELECT', 0);
  writer.finish();
  return joined(parts);
}

/** Restores every key of a dump; what is refused is returned. */
export function restoreInto(driver: CommandDriver, dump: Uint8Array): string[] {
  const refused: string[] = [];
  for (const item of readAll(dump)) {
    if (item.kind !== 'key') continue;
    driver.run('SELECT', item.db);
    const payload = new Uint8Array(item.value.length + DUMP_FOOTER_BYTES);
    payload.set(item.value);
    writeDumpFooter(payload, 0, item.value.length);
    const ttl = Math.max(0, item.expireMs);
    const reply = driver.run('RESTORE', item.key, ttl, payload, 'REPLACE', 'ABSTTL');
    if (reply !== '+"OK"') refused.push(reply);
  }
  driver.run('SELECT', 0);
  return refused;
}

/** All items of a dump, fed in pieces of `chunkBytes`; their bytes are copies.
 * @throws {RdbFileFault} */
export function readAll(dump: Uint8Array, chunkBytes: number = dump.length): RdbItem[] {
  const items: RdbItem[] = [];
  const reader = new RdbFileReader();
  for (let fed = 0; ;) {
    const item = reader.next();
    if (item === null && fed >= dump.length) {
      reader.finish();
    } else if (item === null) {
      reader.feed(dump.subarray(fed, fed + chunkBytes));
      fed += chunkBytes;
    } else {
      items.push(item.kind === 'key' ? { ...item, value: item.value.slice() } : item);
      if (item.kind === 'end') return items;
    }
  }
}

/** The parts as one. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function textIn(reply: RecordedReply): string {
  return reply.kind === 'bulk' || reply.kind === 'integer' ? reply.text : '';
}
