/**
 * Lists through their commands against arrays: random commands on a few keys, in packs of 4 KiB and
 * in tiny ones with tiny trees, so that every shape is met with few elements. After each step every
 * reply and all elements agree, the structure is sound, and a second engine that replays the
 * journal holds the same. At the end no byte is left.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import type { KernelName } from '../../testing/model-passes.ts';
import { modelPasses, playPass } from '../../testing/model-passes.ts';
import type { RandomSource } from '../../testing/random-source.ts';
import { randomSource } from '../../testing/random-source.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { ROPE_BYTES_MIN } from '../../limits.ts';
import { listBounds } from './list.ts';

const KEYS = ['a', 'b', 'c'];
/** Steps after which the replica is compared as a whole. */
const CONTENTS_EVERY = 10;
const NODE_BYTES_MAX = listBounds.nodeBytesMax;

afterEach(() => {
  listBounds.nodeBytesMax = NODE_BYTES_MAX;
});

/** A list command on arrays: its reply in notation. */
class NaiveLists {
  readonly lists = new Map<string, string[]>();

  at(key: string): string[] {
    return this.lists.get(key) ?? [];
  }

  put(key: string, list: string[]): void {
    if (list.length === 0) this.lists.delete(key);
    else this.lists.set(key, list);
  }
}

const bulk = (text: string | undefined): string => (text === undefined ? '_' : `$"${text}"`);
const array = (items: readonly string[]): string => `*[${items.map(bulk).join(' ')}]`;

type Step = readonly [args: readonly (string | number)[], reply: string];

class Run {
  readonly #driver: CommandDriver;
  readonly #replica: CommandDriver;
  readonly #recorder: JournalRecorder;
  readonly #model = new NaiveLists();
  readonly #random: RandomSource;
  readonly #seed: number;
  readonly #alphabet: number;
  readonly #growth: number;
  #step = 0;

  constructor(seed: number, kernel: KernelName) {
    this.#seed = seed;
    this.#random = randomSource(seed);
    const memoryOptions = {
      lowBytes: 8 * 1024 * 1024, bytesMax: 128 * 1024 * 1024, kernel,
    };
    listBounds.nodeBytesMax = [48, 120, NODE_BYTES_MAX][seed % 3] ?? NODE_BYTES_MAX;
    this.#driver = new CommandDriver({ seed, memoryOptions });
    this.#replica = new CommandDriver({ seed: seed + 1, memoryOptions });
    for (const { shard } of [this.#driver, this.#replica]) {
      const { blocks, otherBlocks } = shard.collections;
      blocks.tree.entriesMax = [4, 6, 63][seed % 3] ?? 63;
      otherBlocks.tree.entriesMax = blocks.tree.entriesMax;
    }
    this.#recorder = new JournalRecorder(this.#driver.shard);
    this.#alphabet = 2 + this.#random.below(40);
    this.#growth = 1 + this.#random.below(4);
  }

  warmUp(): number {
    this.#driver.run('SET', 'x', 'y');
    this.#driver.run('DEL', 'x');
    return this.#driver.shard.memory.arenaAllocator.usedBytes();
  }

  step(): void {
    this.#step++;
    const [args, wanted] = this.#next();
    const got = this.#driver.run(...args);
    const where = `seed ${this.#seed}, step ${this.#step}: ${args.join(' ').slice(0, 120)}`;
    if (got !== wanted) expect.fail(`${where}: ${got.slice(0, 300)}, not ${wanted.slice(0, 300)}`);
    this.#compare(where);
  }

  finish(usedBytes: number): void {
    for (const key of KEYS) this.#driver.run('DEL', key);
    this.#driver.settle();
    this.#recorder.close();
    const used = this.#driver.shard.memory.arenaAllocator.usedBytes();
    expect(used, `seed ${this.#seed}: memory leaked`).toBe(usedBytes);
    expect(this.#driver.errors).toEqual([]);
  }

  #compare(where: string): void {
    const { shard } = this.#driver;
    for (const record of this.#recorder.records.splice(0)) {
      replayEffect(this.#replica.shard, record);
    }
    if (this.#step % CONTENTS_EVERY === 0) {
      const contents = contentsOf(shard);
      expect(contentsOf(this.#replica.shard), where).toEqual(contents);
      expect([...contents.keys()].sort(), where).toEqual(
        [...this.#model.lists.keys()].map((key) => `0/${key}`).sort(),
      );
    }
    for (const key of KEYS) {
      const list = this.#model.at(key);
      expect(this.#driver.run('LRANGE', key, 0, -1), where).toBe(array(list));
      expect(this.#driver.run('LLEN', key), where).toBe(`:${list.length}`);
      if (list.length === 0) continue;
      const index = this.#random.below(list.length);
      expect(this.#driver.run('LINDEX', key, index), where).toBe(bulk(list[index]));
      const back = index - list.length;
      expect(this.#driver.run('LINDEX', key, back), where).toBe(bulk(list[index]));
      this.#check(key);
    }
  }

  #check(key: string): void {
    const { shard, memory } = this.#driver;
    memory.low[shard.scratchAt] = key.charCodeAt(0);
    const { databases } = shard.keyspace;
    const [db] = databases;
    if (db === undefined) throw new RangeError('a shard has databases');
    const ref = shard.keyspace.find(db, shard.scratchAt, 1);
    shard.handlerOf(ref).check(shard, ref);
    let cursor = 0;
    do cursor = shard.handlerOf(ref).evacuate(shard, ref, cursor); while (cursor !== 0);
  }

  #element(): string {
    if (this.#random.chance(0.01)) return 'L'.repeat(3000 + this.#random.below(3000));
    const id = this.#random.below(this.#alphabet);
    return id % 7 === 0 ? 'x'.repeat(id * 3) : `e${id}`;
  }

  #index(list: readonly string[]): number {
    return this.#random.below(list.length + 6) - this.#random.below(list.length + 6);
  }

  #next(): Step {
    const key = KEYS[this.#random.below(KEYS.length)] ?? 'a';
    const list = this.#model.at(key).slice();
    const choice = this.#random.below(10 + this.#growth * 2);
    if (choice >= 10 || list.length === 0) return this.#push(key, list);
    if (choice === 0) return this.#pop(key, list);
    if (choice === 1) return this.#set(key, list);
    if (choice === 2) return this.#trim(key, list);
    if (choice === 3) return this.#remove(key, list);
    if (choice <= 5) return this.#insert(key, list);
    if (choice === 6) return this.#positions(key, list);
    if (choice === 7) return this.#copy(key, list);
    if (choice === 8) return this.#range(key, list);
    return this.#move(key);
  }

  #push(key: string, list: string[]): Step {
    const many = this.#random.chance(0.2) ? 40 : 4;
    const elements = Array.from({ length: 1 + this.#random.below(many) }, () => this.#element());
    const isHead = this.#random.chance(0.5);
    if (isHead) list.unshift(...elements.slice().reverse());
    else list.push(...elements);
    this.#model.put(key, list);
    return [[isHead ? 'LPUSH' : 'RPUSH', key, ...elements], `:${list.length}`];
  }

  #pop(key: string, list: string[]): Step {
    const isHead = this.#random.chance(0.5);
    const name = isHead ? 'LPOP' : 'RPOP';
    if (this.#random.chance(0.5)) {
      const element = isHead ? list.shift() : list.pop();
      this.#model.put(key, list);
      return [[name, key], bulk(element)];
    }
    const count = this.#random.below(this.#random.chance(0.1) ? list.length + 3 : 12);
    const from = Math.max(0, list.length - count);
    const taken = isHead ? list.splice(0, count) : list.splice(from, count).reverse();
    this.#model.put(key, list);
    return [[name, key, count], array(taken)];
  }

  #set(key: string, list: string[]): Step {
    const index = this.#index(list);
    const element = this.#element();
    const place = index < 0 ? index + list.length : index;
    const args = ['LSET', key, index, element];
    if (list[place] === undefined) return [args, '-"ERR index out of range"'];
    list[place] = element;
    this.#model.put(key, list);
    return [args, '+"OK"'];
  }

  #trim(key: string, list: string[]): Step {
    const isSmall = this.#random.chance(0.7);
    const start = isSmall ? this.#random.below(4) : this.#index(list);
    const stop = isSmall ? -1 - this.#random.below(4) : this.#index(list);
    const from = Math.max(0, start < 0 ? start + list.length : start);
    const end = stop < 0 ? stop + list.length : stop;
    this.#model.put(key, list.slice(from, Math.max(from, end + 1)));
    return [['LTRIM', key, start, stop], '+"OK"'];
  }

  #remove(key: string, list: string[]): Step {
    const element = this.#element();
    const count = this.#random.below(9) - 4;
    const found = list.flatMap((other, i) => (other === element ? [i] : []));
    const chosen = count === 0 ? found : count > 0 ? found.slice(0, count) : found.slice(count);
    const gone = new Set(chosen);
    this.#model.put(key, list.filter((_, i) => !gone.has(i)));
    return [['LREM', key, count, element], `:${gone.size}`];
  }

  #insert(key: string, list: string[]): Step {
    const pivot = this.#random.chance(0.2)
      ? this.#element() : (list[this.#random.below(list.length)] ?? '');
    const isAfter = this.#random.chance(0.5);
    const element = this.#element();
    const args = ['LINSERT', key, isAfter ? 'after' : 'BEFORE', pivot, element];
    const at = list.indexOf(pivot);
    if (at < 0) return [args, ':-1'];
    list.splice(isAfter ? at + 1 : at, 0, element);
    this.#model.put(key, list);
    return [args, `:${list.length}`];
  }

  #positions(key: string, list: string[]): Step {
    const element = this.#element();
    const rank = (1 + this.#random.below(3)) * (this.#random.chance(0.5) ? 1 : -1);
    const count = this.#random.below(4);
    const length = this.#random.below(list.length + 2);
    const order = list.map((_, i) => (rank > 0 ? i : list.length - 1 - i));
    const met = (length === 0 ? order : order.slice(0, length))
      .filter((i) => list[i] === element).slice(Math.abs(rank) - 1);
    const wanted = count === 0 ? met : met.slice(0, count);
    return [
      ['LPOS', key, element, 'RANK', rank, 'COUNT', count, 'MAXLEN', length],
      `*[${wanted.map((i) => `:${i}`).join(' ')}]`,
    ];
  }

  #copy(key: string, list: string[]): Step {
    const to = KEYS[this.#random.below(KEYS.length)] ?? 'a';
    if (to === key) return [['LPOP', key, 0], array([])];
    this.#model.put(to, list);
    return [['COPY', key, to, 'REPLACE'], ':1'];
  }

  #range(key: string, list: string[]): Step {
    const start = this.#index(list);
    const stop = this.#index(list);
    const from = Math.max(0, start < 0 ? start + list.length : start);
    const end = stop < 0 ? stop + list.length : stop;
    return [['LRANGE', key, start, stop], array(list.slice(from, Math.max(from, end + 1)))];
  }

  #move(key: string): Step {
    const to = KEYS[this.#random.below(KEYS.length)] ?? 'a';
    const [from, whereto] = [this.#random.chance(0.5), this.#random.chance(0.5)];
    const list = this.#model.at(key).slice();
    const element = (from ? list.shift() : list.pop()) ?? '';
    this.#model.put(key, list);
    const target = this.#model.at(to).slice();
    if (whereto) target.unshift(element);
    else target.push(element);
    this.#model.put(to, target);
    const words = [from, whereto].map((isHead) => (isHead ? 'LEFT' : 'right'));
    return [['LMOVE', key, to, ...words], bulk(element)];
  }
}

describe('list commands against arrays', () => {
  it.each(modelPasses(1, 6))('agree $title', (pass) => {
    playPass(pass, 200, (seed, kernel) => new Run(seed, kernel));
  }, 120_000);

  it('hold elements that are longer than a rope is short', () => {
    const driver = new CommandDriver();
    const long = 'a'.repeat(ROPE_BYTES_MIN + 5);
    const longer = 'b'.repeat(3 * ROPE_BYTES_MIN);
    expect(driver.run('RPUSH', 'k', 'x', long, 'y')).toBe(':3');
    expect(driver.run('LSET', 'k', 0, longer)).toBe('+"OK"');
    expect(driver.run('LMOVE', 'k', 'k', 'LEFT', 'RIGHT')).toBe(bulk(longer));
    expect(driver.run('LINSERT', 'k', 'BEFORE', 'y', longer)).toBe(':4');
    expect(driver.run('LRANGE', 'k', 0, -1)).toBe(array([long, longer, 'y', longer]));
    expect(driver.run('LREM', 'k', 0, longer)).toBe(':2');
    expect(driver.run('LPOS', 'k', long)).toBe(':0');
    expect(driver.run('RPOPLPUSH', 'k', 'other')).toBe(bulk('y'));
    expect(driver.run('LPOP', 'k', 5)).toBe(array([long]));
    expect(driver.run('EXISTS', 'k')).toBe(':0');
  });
});
