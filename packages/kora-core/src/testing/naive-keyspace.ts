/**
 * The key space as a few JavaScript maps: the plain twin that the commands ignoring the type are
 * held against.
 * Values are texts of one character a byte, deadlines bigint milliseconds; nothing is clever. `run`
 * answers what the engine has to answer, in the notation of the conformance corpus.
 */
import type { RecordedReply } from './recorded-reply.ts';
import { notationOf } from './recorded-reply.ts';

interface NaiveEntry {
  readonly value: string;
  readonly deadlineMs: bigint | undefined;
}

type NaiveDatabase = Map<string, NaiveEntry>;

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

const integer = (value: number | bigint | boolean): string => `:${Number(value)}`;
const bulk = (text: string): string => notationOf({ kind: 'bulk', text } satisfies RecordedReply);
const error = (text: string): string => `-"${text}"`;
const NOT_INTEGER = error('ERR value is not an integer or out of range');

export class NaiveKeyspace {
  databases: NaiveDatabase[] = Array.from({ length: 16 }, () => new Map<string, NaiveEntry>());
  /** Selected database. */
  db = 0;
  nowMs = 0;

  /** Forgets what is due. */
  expire(): void {
    for (const database of this.databases) {
      for (const [key, { deadlineMs }] of database) {
        if (deadlineMs !== undefined && deadlineMs < BigInt(this.nowMs)) database.delete(key);
      }
    }
  }

  get #keys(): NaiveDatabase {
    return this.#database(this.db);
  }

  #database(index: number): NaiveDatabase {
    const database = this.databases[index];
    if (database === undefined) throw new RangeError(`no database ${index}`);
    return database;
  }

  /** Runs a command; undefined for one whose answer depends on chance or order. */
  run(args: readonly string[]): string | undefined {
    this.expire();
    const [name = '', key = '', second = '', ...rest] = args;
    switch (name) {
      case 'SET':
        this.#keys.set(key, { value: second, deadlineMs: undefined });
        return '+"OK"';
      case 'GET':
        return this.#keys.has(key) ? bulk(this.#keys.get(key)?.value ?? '') : '_';
      case 'DEL':
      case 'UNLINK':
        return integer(args.slice(1).filter((each) => this.#keys.delete(each)).length);
      case 'EXISTS':
      case 'TOUCH':
        return integer(args.slice(1).filter((each) => this.#keys.has(each)).length);
      case 'TYPE':
        return this.#keys.has(key) ? '+"string"' : '+"none"';
      case 'RENAME':
      case 'RENAMENX':
        return this.#rename(key, second, name === 'RENAMENX');
      case 'COPY':
        return this.#copy(key, second, rest);
      case 'MOVE':
        return this.#move(key, Number(second));
      case 'SWAPDB':
        return this.#swap(Number(key), Number(second));
      case 'PERSIST':
        return this.#persist(key);
      case 'SELECT':
        this.db = Number(key);
        return '+"OK"';
      case 'FLUSHDB':
        this.#keys.clear();
        return '+"OK"';
      case 'FLUSHALL':
        for (const database of this.databases) database.clear();
        return '+"OK"';
      case 'EXPIRE':
      case 'PEXPIRE':
      case 'EXPIREAT':
      case 'PEXPIREAT':
        return this.#setExpire(name, key, second, rest);
      case 'TTL':
      case 'PTTL':
      case 'EXPIRETIME':
      case 'PEXPIRETIME':
        return this.#ttl(name, key);
      default:
        return undefined;
    }
  }

  /** What RESTORE does after its checks; `ttl` in ms from now, 0 for none. */
  restore(key: string, ttl: number, value: string, isReplacing: boolean): string {
    this.expire();
    if (!isReplacing && this.#keys.has(key)) {
      return error('BUSYKEY Target key name already exists.');
    }
    const deadlineMs = ttl === 0 ? undefined : BigInt(this.nowMs + ttl);
    this.#keys.set(key, { value, deadlineMs });
    return '+"OK"';
  }

  #rename(key: string, newKey: string, isNx: boolean): string {
    const entry = this.#keys.get(key);
    if (entry === undefined) return error('ERR no such key');
    if (key === newKey) return isNx ? ':0' : '+"OK"';
    if (isNx && this.#keys.has(newKey)) return ':0';
    this.#keys.delete(key);
    this.#keys.set(newKey, entry);
    return isNx ? ':1' : '+"OK"';
  }

  #copy(key: string, newKey: string, options: readonly string[]): string {
    const dbAt = options.indexOf('DB');
    const to = dbAt < 0 ? this.db : Number(options[dbAt + 1]);
    if (to === this.db && key === newKey) {
      return error('ERR source and destination objects are the same');
    }
    const entry = this.#keys.get(key);
    if (entry === undefined) return ':0';
    if (this.#database(to).has(newKey) && !options.includes('REPLACE')) return ':0';
    this.#database(to).set(newKey, entry);
    return ':1';
  }

  #move(key: string, to: number): string {
    if (to === this.db) return error('ERR source and destination objects are the same');
    const entry = this.#keys.get(key);
    if (entry === undefined || this.#database(to).has(key)) return ':0';
    this.#keys.delete(key);
    this.#database(to).set(key, entry);
    return ':1';
  }

  #swap(a: number, b: number): string {
    const first = this.#database(a);
    this.databases[a] = this.#database(b);
    this.databases[b] = first;
    return '+"OK"';
  }

  #persist(key: string): string {
    const entry = this.#keys.get(key);
    if (entry?.deadlineMs === undefined) return ':0';
    this.#keys.set(key, { ...entry, deadlineMs: undefined });
    return ':1';
  }

  #setExpire(name: string, key: string, text: string, conditions: readonly string[]): string {
    if (conditions.includes('NX') && conditions.some((word) => word !== 'NX')) {
      return error('ERR NX and XX, GT or LT options at the same time are not compatible');
    }
    if (conditions.includes('GT') && conditions.includes('LT')) {
      return error('ERR GT and LT options at the same time are not compatible');
    }
    if (!/^-?\d+$/.test(text)) return NOT_INTEGER;
    if (BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) return NOT_INTEGER;
    const overflow = error(`ERR invalid expire time in '${name.toLowerCase()}' command`);
    let deadlineMs = BigInt(text) * (name.startsWith('P') ? 1n : 1000n);
    if (deadlineMs > INT64_MAX || deadlineMs < INT64_MIN) return overflow;
    if (!name.endsWith('AT')) deadlineMs += BigInt(this.nowMs);
    if (deadlineMs > INT64_MAX) return overflow;
    const entry = this.#keys.get(key);
    if (entry === undefined) return ':0';
    const old = entry.deadlineMs;
    if (conditions.includes('NX') && old !== undefined) return ':0';
    if (conditions.includes('XX') && old === undefined) return ':0';
    if (conditions.includes('GT') && (old === undefined || deadlineMs <= old)) return ':0';
    if (conditions.includes('LT') && old !== undefined && deadlineMs >= old) return ':0';
    if (deadlineMs <= BigInt(this.nowMs)) this.#keys.delete(key);
    else this.#keys.set(key, { ...entry, deadlineMs });
    return ':1';
  }

  #ttl(name: string, key: string): string {
    const entry = this.#keys.get(key);
    if (entry === undefined) return ':-2';
    if (entry.deadlineMs === undefined) return ':-1';
    const shown = entry.deadlineMs - (name.endsWith('TTL') ? BigInt(this.nowMs) : 0n);
    return `:${name.startsWith('P') ? shown : (shown + 500n) / 1000n}`;
  }
}
