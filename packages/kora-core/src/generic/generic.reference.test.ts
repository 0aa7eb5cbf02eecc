/**
 * The commands that ignore the type side by side with a real redis-server 7.0: the same random
 * lines, half of them wrong in some way, must give the same replies, error texts and order of
 * checks included. Deadlines are compared with room for the time that passes, and nothing here
 * runs out while it runs. Left out: what has no order, and where Kora differs on purpose (OBJECT
 * REFCOUNT of small numbers; RESTORE with a time to live beyond the clock, which Redis answers OK
 * and forgets).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../reference/redis-server.ts';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { splitCommandLine } from '../testing/command-line.ts';
import { notationOf } from '../testing/recorded-reply.ts';

const LINES_PER_SEED = 4_000;
/** Seconds, or milliseconds, by which two deadlines may differ. */
const DEADLINE_SLACK = 60_000;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

/** Replies of the reference, one a line, in the notation of the corpus. */
async function ask(lines: readonly string[]): Promise<string[]> {
  return (await redis.ask(lines.map(splitCommandLine))).map(notationOf);
}

/** Random lines about few keys in few databases. */
class Lines {
  readonly #chance: SeededChance;

  constructor(seed: number) {
    this.#chance = new SeededChance(seed);
  }

  below(n: number): number {
    return (this.#chance.next32() >>> 0) % n;
  }

  pick(words: readonly string[]): string {
    return words[this.below(words.length)] ?? '';
  }

  #key(): string {
    return this.pick(['a', 'b', 'c', '""', '"\\x00\\xff"', 'long-key-of-some-length']);
  }

  #database(): string {
    return this.pick([
      '0', '1', '2', '2', '16', '-1', 'x', '3000000000', '9223372036854775808', '1.0',
    ]);
  }

  #value(): string {
    return this.pick([
      '1', '-17', '70000', '5000000000', 'hello', '""', '"\\r\\n\\x00"', 'twenty-bytes-of-text',
    ]);
  }

  #time(): string {
    return this.pick([
      '0', '-1', '100000000', 'x', '', '33177117420', '33177117420123', '9007199254740993',
      '9223372036854775', '9223372036854776', '-9223372036854775', '-9223372036854776',
      '9223372036854775807', '-9223372036854775808', '9223372036854775808', '+1', '01',
    ]) || '""';
  }

  #words(words: readonly string[], most: number): string {
    return Array.from({ length: this.below(most + 1) }, () => this.pick(words)).join(' ');
  }

  #payload(): string {
    return this.pick([
      '"\\x00\\x05hello\\n\\x00cr\\xdfve4 \\n"',
      '"\\x00\\xc10u\\n\\x00I\\x97\\x7f\\x92\\x98\\x8c6["',
      '"\\x00\\x01v\\xff\\x00\\x91\\x08\\xce\\xb2\\x198\\x8a\\xce"', 'garbage', '""',
    ]);
  }

  line(): string {
    const key = this.#key();
    const options = ['REPLACE', 'replace', 'ABSTTL', 'IDLETIME', 'FREQ', '0', '5', '256', '-1'];
    const copyOptions = ['REPLACE', 'DB', this.#database(), 'FOO'];
    const deadlines = ['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT'];
    const badCursors = ['x', '-', '1.5', '"\\t0"', '18446744073709551616', '""'];
    const short = ['DEL', 'RENAME a', 'COPY a', 'MOVE a', 'EXPIRE a', 'TTL a b', 'OBJECT', 'DUMP'];
    const makers = [
      () => `SET ${key} ${this.#value()}`,
      () => `SET ${key} ${this.#value()}`,
      () => `${this.pick(['DEL', 'UNLINK', 'EXISTS', 'TOUCH'])} ${key} ${this.#key()}`,
      () => `TYPE ${key}`,
      () => `GET ${key}`,
      () => `DUMP ${key}`,
      () => `OBJECT ENCODING ${key}`,
      () => `OBJECT ${this.pick(['FREQ', 'REFCOUNT', 'IDLETIME', 'encoding', 'FOO'])} nokey`,
      () => `${this.pick(['RENAME', 'RENAMENX'])} ${key} ${this.#key()}`,
      () => `COPY ${key} ${this.#key()} ${this.#words(copyOptions, 4)}`,
      () => `MOVE ${key} ${this.#database()}`,
      () => `SWAPDB ${this.#database()} ${this.#database()}`,
      () => `SELECT ${this.pick(['0', '1', '2'])}`,
      () => `${this.pick(deadlines)} ${key} ${this.#time()} ` +
        this.#words(['NX', 'XX', 'GT', 'LT', 'gt', 'FOO'], 2),
      () => `${this.pick(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME'])} ${key}`,
      () => `PERSIST ${key}`,
      () => `RESTORE ${key} ${this.pick(['0', '-1', 'x', '100000000'])} ${this.#payload()} ` +
        this.#words(options, 4),
      () => `SCAN ${this.pick(badCursors)} ` +
        this.pick(['FOO', 'MATCH', 'COUNT 0', 'COUNT x', 'TYPE', 'COUNT -5 FOO']),
      () => this.pick(short),
      () => 'DBSIZE',
    ];
    return (makers[this.below(makers.length)] ?? (() => 'DBSIZE'))();
  }
}

/** True for equal replies, and for two deadlines or times left that are near each other. */
function isSame(line: string, ours: string, theirs: string): boolean {
  if (ours === theirs) return true;
  if (!/^P?(TTL|EXPIRETIME) /.test(line)) return false;
  if (!ours.startsWith(':') || !theirs.startsWith(':')) return false;
  const difference = BigInt(ours.slice(1)) - BigInt(theirs.slice(1));
  return difference <= DEADLINE_SLACK && difference >= -DEADLINE_SLACK;
}

describe('commands that ignore the type', () => {
  it('answer what redis-server answers', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = new Lines(seed);
      const lines = Array.from({ length: LINES_PER_SEED }, () => random.line());
      await ask(['SELECT 0', 'FLUSHALL']);
      const theirs = await ask(lines);
      const driver = new CommandDriver({ seed, startMs: Date.now() });
      const differing = lines.map((line, i) => {
        const ours = driver.runLine(line);
        const reply = theirs[i] ?? '';
        return isSame(line, ours, reply) ? '' : `${i}: ${line}\n  ${ours}\n  ${reply}`;
      });
      expect(theirs).toHaveLength(lines.length);
      expect(differing.filter((text) => text !== '').slice(0, 5), `seed ${seed}`).toEqual([]);
    }
  });
});
