/**
 * Writes a Redis dump (RDB file) of version 10, which redis-server 7.0 and everything newer loads,
 * or one of Valkey 9, whose hashes may have deadlines of fields; with a checksum. Values come as
 * DUMP has them, whole or in parts; bytes leave through `flush` in parts of PART_BYTES and more.
 *
 *   new -> aux, functionCode ... -> database -> key ... -> database -> ... -> finish
 *
 * Invariants: a part is valid during the call of `flush` only; the order above is asserted.
 * Cost: one copy a byte (none for long values) and one pass for the checksum.
 */
import { assert } from '@kora/core/control';
import {
  Crc64, RDB_VERSION_WRITTEN, rdbStringBytesMax, writeRdbLength, writeRdbString,
} from '@kora/core/rdb';
import { CHECKSUM_BYTES, MAGIC_BYTES, RdbOpcode, VALKEY_VERSION } from './file-layout.ts';

/** What else than its value is written of a key. */
export interface KeyFacts {
  /** Deadline in ms since 1970; absent or -1 = none. */
  readonly expireMs?: number;
  /** Seconds since it was used; absent or -1 = not told. Not together with `frequency`. */
  readonly idleSeconds?: number;
  /** LFU counter, 0..255; absent or -1 = not told. */
  readonly frequency?: number;
}

/** Who can load the dump: everybody from Redis 7.0 on, or Valkey 9 and Kora. */
export type DumpFormat = 'redis' | 'valkey';

const PART_BYTES = 262_144;
/** Opcodes, deadline, lengths: all that stands before a key or between strings. */
const HEAD_BYTES = 64;
const TWO_32 = 4_294_967_296;

export class RdbFileWriter {
  readonly #flush: (part: Uint8Array) => void;
  readonly #sum = new Crc64();
  readonly #encoder = new TextEncoder();
  #buffer = new Uint8Array(2 * PART_BYTES);
  #length = 0;
  #flushed = 0;
  #hasDatabase = false;
  /** The key of `beginKey`, until its type byte has come. */
  #openKey: Uint8Array | null = null;

  /** Starts a dump; `flush` gets its bytes in order. */
  constructor(flush: (part: Uint8Array) => void, format: DumpFormat = 'redis') {
    this.#flush = flush;
    const magic = format === 'redis'
      ? `REDIS${String(RDB_VERSION_WRITTEN).padStart(4, '0')}`
      : `VALKEY${String(VALKEY_VERSION).padStart(3, '0')}`;
    this.#encoder.encodeInto(magic, this.#buffer);
    this.#length = MAGIC_BYTES;
  }

  /** Bytes of the dump so far. */
  get bytes(): number {
    return this.#flushed + this.#length;
  }

  /** A fact of the whole dump, such as `redis-ver`; before the first database. */
  aux(name: string, value: string): void {
    assert(!this.#hasDatabase, 'facts of a dump come before its keys');
    this.#u8(RdbOpcode.Aux);
    this.#string(this.#encoder.encode(name));
    this.#string(this.#encoder.encode(value));
  }

  /** The code of a library of functions; before the first database. */
  functionCode(code: Uint8Array): void {
    assert(!this.#hasDatabase, 'functions come before the keys of a dump');
    this.#u8(RdbOpcode.Function2);
    this.#string(code);
  }

  /** The keys that follow belong to this database. The counts are hints to whoever loads. */
  database(db: number, keyCount: number, expireCount: number): void {
    assert(this.#openKey === null, 'a key has its value before something else comes');
    this.#hasDatabase = true;
    this.#u8(RdbOpcode.SelectDb);
    this.#count(db);
    this.#u8(RdbOpcode.ResizeDb);
    this.#count(keyCount);
    this.#count(expireCount);
  }

  /** A key with its value: type byte and body, as DUMP has them before its footer. */
  key(key: Uint8Array, value: Uint8Array, facts: KeyFacts = {}): void {
    this.beginKey(key, facts);
    this.valuePart(value);
  }

  /** A key whose value follows in parts, the first with the type byte. */
  beginKey(key: Uint8Array, facts: KeyFacts = {}): void {
    assert(this.#hasDatabase, 'a key stands in a database');
    assert(this.#openKey === null, 'a key has its value before the next comes');
    const { expireMs = -1, idleSeconds = -1, frequency = -1 } = facts;
    this.#ensure(HEAD_BYTES);
    if (expireMs >= 0) {
      this.#u8(RdbOpcode.ExpireTimeMs);
      this.#word(expireMs % TWO_32);
      this.#word(Math.floor(expireMs / TWO_32));
    }
    if (frequency >= 0) {
      assert(frequency <= 255, 'a frequency is one byte');
      this.#u8(RdbOpcode.Frequency);
      this.#u8(frequency);
    } else if (idleSeconds >= 0) {
      this.#u8(RdbOpcode.Idle);
      this.#count(idleSeconds);
    }
    this.#openKey = key;
  }

  /** The next bytes of the value of the key begun last. */
  valuePart(part: Uint8Array): void {
    const key = this.#openKey;
    if (part.length === 0) return;
    if (key === null) {
      this.#raw(part);
      return;
    }
    this.#openKey = null;
    this.#u8(part[0] ?? 0);
    this.#string(key);
    this.#raw(part.subarray(1));
  }

  /** Ends the dump: mark and checksum, and everything is flushed. */
  finish(): void {
    assert(this.#openKey === null, 'a key has its value before the dump ends');
    this.#ensure(1 + CHECKSUM_BYTES);
    this.#u8(RdbOpcode.End);
    this.#flushAll();
    this.#sum.writeTo(this.#buffer, 0);
    this.#flush(this.#buffer.subarray(0, CHECKSUM_BYTES));
    this.#flushed += CHECKSUM_BYTES;
  }

  #u8(value: number): void {
    this.#ensure(1);
    this.#buffer[this.#length++] = value;
  }

  #word(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.#buffer[this.#length++] = value >>> shift;
  }

  #count(value: number): void {
    this.#ensure(HEAD_BYTES);
    this.#length = writeRdbLength(this.#buffer, this.#length, value);
  }

  #string(value: Uint8Array): void {
    this.#ensure(rdbStringBytesMax(value.length));
    this.#length = writeRdbString(value, this.#buffer, this.#length);
  }

  #raw(part: Uint8Array): void {
    if (part.length >= PART_BYTES) {
      this.#flushAll();
      this.#sum.update(part, 0, part.length);
      this.#flush(part);
      this.#flushed += part.length;
      return;
    }
    this.#ensure(part.length);
    this.#buffer.set(part, this.#length);
    this.#length += part.length;
  }

  #ensure(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    this.#flushAll();
    if (bytes > this.#buffer.length) this.#buffer = new Uint8Array(bytes);
  }

  #flushAll(): void {
    if (this.#length === 0) return;
    const part = this.#buffer.subarray(0, this.#length);
    this.#sum.update(part, 0, part.length);
    this.#flush(part);
    this.#flushed += part.length;
    this.#length = 0;
  }
}
