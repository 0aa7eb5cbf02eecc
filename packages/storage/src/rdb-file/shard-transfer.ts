/**
 * Dumps of shards that this thread holds, and back: the way without sockets. All shards must stand
 * still while they are dumped, so a dump is one moment.
 * Cost: O(bytes). A value passes in parts, but for hashes that are rewritten for Redis 7.0.
 */
import { DATABASE_COUNT, Fault, loadKey, RdbError, visitKeys } from '@kora/core';
import type { KeyVisitor, Shard } from '@kora/core';
import { isBeyondRedis7, withoutDeadlines } from './redis-7-value.ts';
import { damaged } from './rdb-file-fault.ts';
import { RdbFileWriter } from './rdb-file-writer.ts';
import type { DumpFormat } from './rdb-file-writer.ts';
import type { RdbKey } from './rdb-item.ts';

/** What was dumped. */
export interface ShardDumpReport {
  readonly keys: number;
  /** Hashes that lost the deadlines of their fields, which Redis 7.0 cannot load. */
  readonly plainHashes: number;
  readonly bytes: number;
}

/** Writes every key of the shards, database by database.
 * @param write gets the bytes in order; a part is valid during the call
 * @param facts of the dump, such as `redis-ver`
 * @throws {RdbError} `memory` when a value is too long to be written */
export function dumpShards(
  shards: readonly Shard[], write: (part: Uint8Array) => void,
  options: { readonly format: DumpFormat; readonly facts: ReadonlyMap<string, string> },
): ShardDumpReport {
  const writer = new RdbFileWriter(write, options.format);
  for (const [name, value] of options.facts) writer.aux(name, value);
  const visitor = new DumpVisitor(writer, options.format === 'redis');
  for (let db = 0; db < DATABASE_COUNT; db++) {
    let keys = 0;
    let expires = 0;
    for (const { keyspace } of shards) {
      keys += keyspace.databases[db]?.count ?? 0;
      expires += keyspace.databases[db]?.expiringCount ?? 0;
    }
    if (keys === 0) continue;
    writer.database(db, keys, expires);
    for (const shard of shards) {
      visitKeys(shard, db, visitor);
      visitor.endKey();
    }
  }
  writer.finish();
  return { keys: visitor.keys, plainHashes: visitor.plainHashes, bytes: writer.bytes };
}

/** Passes values on as they come; those that Redis 7.0 does not know are gathered first. */
class DumpVisitor implements KeyVisitor {
  keys = 0;
  plainHashes = 0;
  readonly #writer: RdbFileWriter;
  readonly #isForRedis: boolean;
  #gathered: Uint8Array[] | null = null;
  #isFirst = false;

  constructor(writer: RdbFileWriter, isForRedis: boolean) {
    this.#writer = writer;
    this.#isForRedis = isForRedis;
  }

  key(key: Uint8Array, facts: Parameters<KeyVisitor['key']>[1]): void {
    this.endKey();
    this.#writer.beginKey(key, facts);
    this.#isFirst = true;
    this.keys++;
  }

  valuePart(part: Uint8Array): void {
    if (part.length === 0) return;
    if (this.#isFirst && this.#isForRedis && isBeyondRedis7(part)) this.#gathered = [];
    this.#isFirst = false;
    if (this.#gathered === null) this.#writer.valuePart(part);
    else this.#gathered.push(part.slice());
  }

  /** Behind the last part of a value. */
  endKey(): void {
    const gathered = this.#gathered;
    if (gathered === null) return;
    this.#gathered = null;
    const value = new Uint8Array(gathered.reduce((bytes, part) => bytes + part.length, 0));
    let at = 0;
    for (const part of gathered) {
      value.set(part, at);
      at += part.length;
    }
    this.#writer.valuePart(withoutDeadlines(value));
    this.plainHashes++;
  }
}

/** Puts keys of a dump into shards. */
export class ShardLoader {
  /** Keys that were loaded, those whose time has passed included. */
  keys = 0;
  readonly #shardOf: (key: Uint8Array) => Shard;

  /** @param shardOf tells the owner of a key */
  constructor(shardOf: (key: Uint8Array) => Shard) {
    this.#shardOf = shardOf;
  }

  /** Loads a key, replacing what it held.
   * @throws {Fault} `CORRUPT_DUMP` when its value does not hold together; `OUT_OF_MEMORY` */
  load(key: RdbKey): void {
    let isLoaded = false;
    try {
      isLoaded = loadKey(this.#shardOf(key.key), key);
    } catch (cause) {
      if (cause instanceof RdbError && cause.kind === 'format') {
        throw damaged(`the value of a key: ${cause.message}`, key.offset);
      }
      throw cause;
    }
    if (!isLoaded) {
      throw new Fault('OUT_OF_MEMORY', `The memory is full after ${this.keys} keys of the dump.`);
    }
    this.keys++;
  }
}
