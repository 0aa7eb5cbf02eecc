/**
 * The part of bench:types without sockets: sorted sets of a million members inside a shard, as the
 * executor runs their commands with a sink that drops replies; key, members and scores are drawn at
 * random from many that lie in low memory ready to be used. Mean ns of CPU time a call, the least
 * of a few rounds, for other programs on the machine only add. Beside it a list of as many.
 */
import type { Command } from '@kora/core';
import { CommandDriver, NullSink } from '@kora/core/testing';
import { markdownTable } from './table.ts';
import { elementText } from './type-loads.ts';

const ROUNDS = 5;
const CALLS = 200_000;
/** Arguments drawn from, laid into low memory once. */
const DRAWN = 65_536;
/** Elements of one request while filling. */
const FILL_STEP = 500;
const MIB = 1024 * 1024;

/** Texts in low memory. */
interface Placed {
  readonly at: Int32Array;
  readonly bytes: Int32Array;
}

/** Runs one command again and again, with arguments drawn at random. */
class InsideBench {
  readonly driver = new CommandDriver({
    memoryOptions: { lowBytes: 64 * MIB, bytesMax: 2048 * MIB },
  });
  readonly #sink = new NullSink();
  #random = 12_345;

  dice(below: number): number {
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((this.#random / 0x80000000) * below);
  }

  place(texts: readonly string[]): Placed {
    const { lowAllocator, low } = this.driver.memory;
    const all = Buffer.from(texts.join(''), 'latin1');
    let next = lowAllocator.alloc(all.length) * 8;
    if (next === 0) throw new Error('low memory holds the arguments');
    low.set(all, next);
    const at = new Int32Array(texts.length);
    const bytes = new Int32Array(texts.length);
    texts.forEach((text, i) => {
      at[i] = next;
      bytes[i] = text.length;
      next += text.length;
    });
    return { at, bytes };
  }

  /** Least mean ns of a call of `name` with these arguments, each drawn from its own list. */
  measure(name: string, choices: readonly Placed[]): number {
    const { driver } = this;
    const command = this.#commandOf(name);
    const word = this.place([name]);
    const at = new Int32Array(choices.length + 1).fill(word.at[0] ?? 0);
    const bytes = new Int32Array(choices.length + 1).fill(name.length);
    let least = Infinity;
    for (let round = 0; round <= ROUNDS; round++) {
      const start = process.cpuUsage();
      for (let call = 0; call < CALLS; call++) {
        for (let i = 0; i < choices.length; i++) {
          const from = choices[i];
          const drawn = from === undefined || from.at.length === 1 ? 0 : this.dice(from.at.length);
          at[i + 1] = from?.at[drawn] ?? 0;
          bytes[i + 1] = from?.bytes[drawn] ?? 0;
        }
        driver.frame.bind(at, bytes, choices.length + 1);
        driver.executor.run(command, driver.frame, this.#sink);
      }
      const { user, system } = process.cpuUsage(start);
      const ns = ((user + system) * 1000) / CALLS;
      if (round > 0) least = Math.min(least, ns); // The first one warms.
    }
    if (this.#sink.lastError !== null) throw new Error(`${name}: ${this.#sink.lastError.text}`);
    return least;
  }

  /** Least mean ns of adding a new member; those of a round are removed before the next. */
  measureNew(key: Placed, scores: Placed, fresh: Placed): number {
    const { driver } = this;
    const [add, remove] = [this.#commandOf('zadd'), this.#commandOf('zrem')];
    const word = this.place(['zadd']);
    const at = new Int32Array(4).fill(word.at[0] ?? 0);
    const bytes = new Int32Array(4).fill('zadd'.length);
    at[1] = key.at[0] ?? 0;
    bytes[1] = key.bytes[0] ?? 0;
    const run = (command: Command, i: number, argument: number): void => {
      at[argument] = fresh.at[i] ?? 0;
      bytes[argument] = fresh.bytes[i] ?? 0;
      driver.frame.bind(at, bytes, argument + 1);
      driver.executor.run(command, driver.frame, this.#sink);
    };
    let least = Infinity;
    for (let round = 0; round <= ROUNDS; round++) {
      const start = process.cpuUsage();
      for (let i = 0; i < DRAWN; i++) {
        at[2] = scores.at[i] ?? 0;
        bytes[2] = scores.bytes[i] ?? 0;
        run(add, i, 3);
      }
      const { user, system } = process.cpuUsage(start);
      if (round > 0) least = Math.min(least, ((user + system) * 1000) / DRAWN);
      for (let i = 0; i < DRAWN; i++) run(remove, i, 2);
    }
    if (this.#sink.lastError !== null) throw new Error(this.#sink.lastError.text);
    return least;
  }

  #commandOf(name: string): Command {
    const command = this.driver.registry.byName(name);
    if (command === undefined) throw new Error(`${name} is registered`);
    return command;
  }
}

/** The table of commands on collections of `members` members. */
export function measureInside(members: number): string {
  const bench = new InsideBench();
  const { driver } = bench;
  const element = 'e'.repeat(32);
  for (let from = 0; from < members; from += FILL_STEP) {
    const numbers = Array.from({ length: FILL_STEP }, (_, i) => from + i);
    const pairs = numbers.flatMap((i) => [bench.dice(members), elementText(i)]);
    driver.run('ZADD', 'zset', ...pairs);
    driver.run('RPUSH', 'list', ...numbers.map(() => element));
  }
  const draw = (text: (i: number) => string, below: number): Placed =>
    bench.place(Array.from({ length: DRAWN }, () => text(bench.dice(below))));
  const [zset, list, last] = [bench.place(['zset']), bench.place(['list']), bench.place(['99'])];
  const known = draw(elementText, members);
  const fresh = draw((i) => elementText(members + i), members);
  const strangers = bench.place(
    Array.from({ length: DRAWN }, (_, i) => elementText(3 * members + i)));
  const scores = draw(String, members);
  const indices = draw(String, members);
  const options = ['+inf', 'BYSCORE', 'LIMIT', '0', '100'].map((text) => bench.place([text]));
  const rows: [string, number, number][] = [
    ['ZADD, a new member', bench.measureNew(zset, scores, strangers), 1600],
    ['ZADD, another score', bench.measure('zadd', [zset, scores, known]), 1600],
    ['ZADD, another score or a new member', bench.measure('zadd', [zset, scores, fresh]), 1600],
    ['ZRANK', bench.measure('zrank', [zset, known]), 1500],
    ['ZRANGE of 100 from any score', bench.measure('zrange', [zset, scores, ...options]), 8000],
    ['LINDEX', bench.measure('lindex', [list, indices]), NaN],
    ['LRANGE 0 99', bench.measure('lrange', [list, bench.place(['0']), last]), NaN],
  ];
  const heads = [`inside the shard, ${members} members`, 'ns a call', 'goal', 'met'];
  const table = rows.map(([name, ns, goal]) => [
    name, ns.toFixed(0), Number.isNaN(goal) ? '-' : String(goal),
    Number.isNaN(goal) ? '' : ns <= goal ? 'yes' : 'NO',
  ]);
  return markdownTable(heads, table);
}
