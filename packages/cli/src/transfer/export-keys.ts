/**
 * Writes the keys of a running server into a dump, read by SCAN and DUMP: for servers that have no
 * replicas. While it reads, writes of clients are held (or not, when asked so: then each key is
 * whole, but not all are of one moment).
 *
 * Requests go out a page of SCAN ahead, so the server never waits for us; a value stands in memory
 * only while it is written.
 */
import { assert, Fault } from '@kora/core/control';
import { DUMP_FOOTER_BYTES, openDump, RdbType } from '@kora/core/rdb';
import { encodeRequest } from '@kora/protocol';
import type { RespNode } from '@kora/protocol';
import type { DumpFormat } from '@kora/storage';
import { isBeyondRedis7, RdbFileWriter, withoutDeadlines } from '@kora/storage';
import type { Progress } from './progress.ts';
import { SeenKeys } from './seen-keys.ts';
import type { ServerLink, Waiter } from './server-link.ts';
import { shownKey } from './shown-key.ts';

/** What was written. */
export interface ExportReport {
  keys: number;
  /** Hashes that lost the deadlines of their fields, which Redis 7.0 cannot load. */
  plainHashes: number;
  /** Vector sets, which are in no dump: nothing but Kora could load them. */
  vectorSets: number;
  bytes: number;
}

const PAGE_KEYS = 500;
/** One database of INFO keyspace. */
const DATABASE_LINE = /^db(\d+):keys=(\d+),expires=(\d+)/gm;

export interface ExportKeysOptions {
  readonly format: DumpFormat;
  /** True while nothing but expiry changes the server's data. */
  readonly areWritesHeld: boolean;
  readonly progress: Progress;
}

/** Writes all keys. @throws {Fault} (rejects) of the server, or of whoever takes the bytes */
export async function exportKeys(
  link: ServerLink, write: (part: Uint8Array) => void, options: ExportKeysOptions,
): Promise<ExportReport> {
  const keyExport = new KeyExport(link, write, options);
  return keyExport.run();
}

class KeyExport {
  readonly #link: ServerLink;
  readonly #writer: RdbFileWriter;
  readonly #progress: Progress;
  readonly #areWritesHeld: boolean;
  readonly #isForRedis: boolean;
  readonly #report: ExportReport = { keys: 0, plainHashes: 0, vectorSets: 0, bytes: 0 };
  #keysTotal = 0;
  /** Subcommand of OBJECT that tells what eviction goes by; null where it goes by none. */
  #accessWord: 'FREQ' | 'IDLETIME' | null = null;
  /** False while no key of the database can have a deadline. */
  #hasDeadlines = true;
  #fault: Fault | null = null;

  constructor(
    link: ServerLink, write: (part: Uint8Array) => void, options: ExportKeysOptions,
  ) {
    this.#link = link;
    this.#writer = new RdbFileWriter(write, options.format);
    this.#progress = options.progress;
    this.#areWritesHeld = options.areWritesHeld;
    this.#isForRedis = options.format === 'redis';
  }

  async run(): Promise<ExportReport> {
    const link = this.#link;
    await link.ask('CLIENT', 'NO-TOUCH', 'ON'); // Reading is no use of a key; may be unknown.
    // As in Redis, a dump tells of use only where the policy goes by it.
    const policy = textOf(await link.ask('CONFIG', 'GET', 'maxmemory-policy'));
    if (policy.includes('lfu')) this.#accessWord = 'FREQ';
    else if (policy.includes('lru')) this.#accessWord = 'IDLETIME';
    const server = textOf(await link.demand('INFO', 'server'));
    const version = /^redis_version:(\S+)/m.exec(server)?.[1] ?? '7.0.15';
    this.#writer.aux('redis-ver', version);
    this.#writer.aux('redis-bits', '64');
    this.#writer.aux('ctime', String(Math.floor(Date.now() / 1000)));
    const keyspace = textOf(await link.demand('INFO', 'keyspace'));
    const databases = [...keyspace.matchAll(DATABASE_LINE)].map((found) => found.map(Number));
    for (const [, , keys = 0] of databases) this.#keysTotal += keys;
    for (const [, db = 0, keys = 0, expires = 0] of databases) {
      await this.#database(db, keys, expires);
    }
    this.#writer.finish();
    this.#report.bytes = this.#writer.bytes;
    return this.#report;
  }

  async #database(db: number, keys: number, expires: number): Promise<void> {
    const link = this.#link;
    await link.demand('SELECT', db);
    this.#writer.database(db, keys, expires);
    this.#hasDeadlines = expires > 0 || !this.#areWritesHeld;
    const seen = new SeenKeys();
    let page = pageOf(await link.demand('SCAN', 0, 'COUNT', PAGE_KEYS));
    for (;;) {
      const next = page.cursor === '0'
        ? null : link.demand('SCAN', page.cursor, 'COUNT', PAGE_KEYS);
      this.#request(page.keys.filter((key) => seen.add(key)));
      if (next === null) break;
      page = pageOf(await next);
      await link.room();
      this.#check();
    }
    await link.idle();
    this.#check();
  }

  /** Asks for everything about the keys; the replies write them. */
  #request(keys: readonly Uint8Array[]): void {
    if (keys.length === 0) return;
    const pieces: Uint8Array[] = [];
    for (const key of keys) {
      // A write between two replies would give a value the deadline of another.
      if (!this.#areWritesHeld) pieces.push(encodeRequest(['MULTI']));
      if (this.#accessWord !== null) {
        pieces.push(encodeRequest(['OBJECT', this.#accessWord, key]));
      }
      if (this.#hasDeadlines) pieces.push(encodeRequest(['PEXPIRETIME', key]));
      pieces.push(encodeRequest(['DUMP', key]));
      if (!this.#areWritesHeld) pieces.push(encodeRequest(['EXEC']));
    }
    const each = pieces.length / keys.length;
    this.#link.sendAll(Buffer.concat(pieces), pieces.length, new PageReplies(keys, each, this));
  }

  /** Writes a key. @param replies about it, that of DUMP last */
  write(key: Uint8Array, replies: readonly RespNode[]): void {
    const dump = replies.at(-1);
    if (this.#fault !== null || dump === undefined) return;
    if (dump.type === 'null-bulk') return; // It has expired meanwhile.
    const bytes = dump.type === 'bulk' ? dump.value : new Uint8Array(0);
    if (typeof openDump(bytes, 0, bytes.length) === 'string') {
      const why = dump.type === 'error' ? dump.value : 'the payload is damaged';
      this.#fault = new Fault('TRANSFER_FAILED',
        `The source does not give the value of ${shownKey(key)}: ${why}`);
      return;
    }
    let value = bytes.subarray(0, bytes.length - DUMP_FOOTER_BYTES);
    if (value[0] === RdbType.VectorSet) {
      this.#report.vectorSets++;
      return;
    }
    if (this.#isForRedis && isBeyondRedis7(value)) {
      value = withoutDeadlines(value);
      this.#report.plainHashes++;
    }
    const used = this.#accessWord === null ? -1 : numberOf(replies[0]);
    const expireMs = this.#hasDeadlines ? numberOf(replies.at(-2)) : -1;
    try {
      this.#writer.key(key, value, this.#accessWord === 'FREQ'
        ? { expireMs, frequency: used } : { expireMs, idleSeconds: used });
    } catch (cause) {
      this.#fault = cause instanceof Fault
        ? cause : new Fault('TRANSFER_FAILED', 'cannot write the dump', { cause });
    }
    this.#report.keys++;
    this.#progress.show(this.#writer.bytes, -1, `${this.#report.keys} of ${this.#keysTotal} keys`);
  }

  #check(): void {
    if (this.#fault !== null) throw this.#fault;
  }
}

/** Hears what the server says to the requests about the keys of a page, one after the other. */
class PageReplies implements Waiter {
  readonly #keys: readonly Uint8Array[];
  readonly #each: number;
  readonly #keyExport: KeyExport;
  #next = 0;
  #replies: RespNode[] = [];

  /** @param each requests about each key, the last of them DUMP, or EXEC behind it */
  constructor(keys: readonly Uint8Array[], each: number, keyExport: KeyExport) {
    this.#keys = keys;
    this.#each = each;
    this.#keyExport = keyExport;
  }

  answered(reply: RespNode): void {
    this.#replies.push(reply);
    if (this.#replies.length < this.#each) return;
    const key = this.#keys[this.#next++];
    assert(key !== undefined, 'a reply is about a key of the page');
    this.#keyExport.write(key, reply.type === 'array' ? reply.value : this.#replies);
    this.#replies.length = 0;
  }
}

interface Page {
  readonly cursor: string;
  readonly keys: readonly Uint8Array[];
}

function pageOf(reply: RespNode): Page {
  const [cursor, keys] = reply.type === 'array' ? reply.value : [];
  if (cursor?.type !== 'bulk' || keys?.type !== 'array') {
    throw new Fault('TRANSFER_FAILED', 'The source answers SCAN in an unknown form.');
  }
  return {
    cursor: Buffer.from(cursor.value).toString('latin1'),
    keys: keys.value.flatMap((key) => (key.type === 'bulk' ? [key.value] : [])),
  };
}

/** A reply's integer; -1 for none, errors included: a key that is gone has no facts. */
function numberOf(reply: RespNode | undefined): number {
  return reply?.type === 'integer' ? Math.max(-1, Number(reply.value)) : -1;
}

/** All texts of a reply, for searching in it. */
function textOf(reply: RespNode): string {
  if (reply.type === 'bulk') return Buffer.from(reply.value).toString('latin1');
  if (reply.type === 'array') return reply.value.map(textOf).join('\n');
  return '';
}
