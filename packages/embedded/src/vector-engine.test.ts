/**
 * Vector sets with the real engine: what a search finds through an index beside what a scan finds,
 * filters, memory that is counted and given back, and that a set that was saved, copied or replayed
 * answers as before.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { CommandDriver, contentsOf, JournalRecorder, replayEffect } from '@kora/core/testing';
import type { RecordedReply } from '@kora/core/testing';
import { vectorEngine } from './vector-engine.ts';

const COUNT = 3000;
const DIMENSION = 96;

/** Vectors around forty centres. */
class Clusters {
  readonly #chance: SeededChance;
  readonly #centres: Float32Array[];

  constructor(seed: number) {
    this.#chance = new SeededChance(seed);
    this.#centres = Array.from({ length: 40 }, () => this.#noise(1));
  }

  next(): Float32Array {
    const centre = this.#centres[(this.#chance.next32() >>> 0) % 40] ?? new Float32Array(DIMENSION);
    return this.#noise(0.5).map((x, i) => x + (centre[i] ?? 0));
  }

  #noise(scale: number): Float32Array {
    return Float32Array.from({ length: DIMENSION }, () => {
      let sum = 0;
      for (let i = 0; i < 4; i++) sum += (this.#chance.next32() >>> 0) / 2 ** 32 - 0.5;
      return sum * scale;
    });
  }
}

function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}

function namesOf(reply: RecordedReply): string[] {
  if (reply.kind !== 'array') throw new Error(`an array is wanted, not ${reply.kind}`);
  return reply.items.map((item) => 'text' in item ? item.text : '?');
}

/** A set of COUNT elements in one of the forms, linked. */
function filled(form: string, clusters: Clusters): CommandDriver {
  const driver = new CommandDriver({ vectorEngine });
  for (let i = 0; i < COUNT; i++) {
    const json = i % 10 === 0 ? `{"x":${i},"kind":"tenth"}` : `{"x":${i}}`;
    driver.run('VADD', 'v', 'FP32', bytesOf(clusters.next()), `e${i}`, form, 'SETATTR', json);
  }
  driver.settle();
  return driver;
}

/** Share of the true nearest that a search finds. */
function recall(driver: CommandDriver, clusters: Clusters, ...options: readonly string[]): number {
  let found = 0;
  let wanted = 0;
  for (let i = 0; i < 30; i++) {
    const query = bytesOf(clusters.next());
    const ask = (...more: readonly string[]): string[] =>
      namesOf(driver.reply('VSIM', 'v', 'FP32', query, ...options, ...more));
    const truth = new Set(ask('TRUTH'));
    const answer = ask();
    expect(answer.length).toBe(truth.size);
    wanted += truth.size;
    found += answer.filter((name) => truth.has(name)).length;
  }
  return found / wanted;
}

describe.each([
  ['NOQUANT', 0.98], ['Q8', 0.95], ['BIN', 0.8],
] as const)('a set of %s vectors', (form, least) => {
  const clusters = new Clusters(7);
  const driver = filled(form, clusters);

  it('is searched through an index that is counted', () => {
    const { vectors } = driver.shard;
    expect(vectors.count).toBe(1);
    expect(vectors.isBusy).toBe(false);
    expect(driver.shard.usedBytes()).toBe(driver.memory.usedBytes() + vectors.indexBytes);
    expect(vectors.indexBytes).toBeGreaterThan(COUNT * 100);
    expect(recall(driver, clusters)).toBeGreaterThan(least);
  });

  it('answers as many as match a filter, rare or frequent', () => {
    for (const filter of ['.kind == "tenth"', '.x < 30', '.x > 30 and .x < 2500', 'not (.x > 9)']) {
      const options = ['FILTER', filter, 'COUNT', '10'];
      expect(recall(driver, clusters, ...options), filter).toBeGreaterThan(least - 0.03);
    }
  });

  it('finds what is written, and nothing that was removed', () => {
    for (let i = 0; i < 200; i++) driver.run('VREM', 'v', `e${i}`);
    for (let i = 200; i < 400; i++) {
      driver.run('VADD', 'v', 'FP32', bytesOf(clusters.next()), `e${i}`, form);
    }
    const all = namesOf(driver.reply('VSIM', 'v', 'ELE', 'e300', 'COUNT', '5000'));
    expect(all[0]).toBe('e300');
    expect(all.length).toBe(COUNT - 200);
    expect(all.some((name) => Number(name.slice(1)) < 200)).toBe(false);
    expect(recall(driver, clusters)).toBeGreaterThan(least - 0.02);
  });

  it('names neighbours on each level', () => {
    const links = driver.reply('VLINKS', 'v', 'e1000');
    if (links.kind !== 'array') throw new Error('an array is wanted');
    expect(links.items.length).toBeGreaterThan(0);
    expect(namesOf(links.items.at(-1)!).length).toBeGreaterThan(3);
    const info = namesOf(driver.reply('VINFO', 'v'));
    const name = { NOQUANT: 'f32', Q8: 'int8', BIN: 'bin' }[form];
    expect(info.slice(0, 2)).toEqual(['quant-type', name]);
  });

  it('answers the same when it was copied, dumped or replayed', () => {
    const query = bytesOf(clusters.next());
    const ask = (asked: CommandDriver, key: string): string =>
      asked.run('VSIM', key, 'FP32', query, 'WITHSCORES', 'TRUTH', 'COUNT', '20');
    const wanted = ask(driver, 'v');
    expect(driver.run('COPY', 'v', 'copy')).toBe(':1');
    const dump = driver.reply('DUMP', 'v');
    if (dump.kind !== 'bulk') throw new Error('a payload is wanted');
    expect(driver.run('RESTORE', 'restored', '0', dump.text)).toBe('+"OK"');
    expect(ask(driver, 'copy')).toBe(wanted);
    expect(ask(driver, 'restored')).toBe(wanted);
    driver.run('VSIM', 'restored', 'ELE', 'e1000');
    driver.settle();
    expect(driver.shard.vectors.count).toBe(2);
    expect(recall(driver, clusters)).toBeGreaterThan(least - 0.02);
    driver.run('DEL', 'copy', 'restored');
    driver.settle();
    expect(driver.shard.vectors.count).toBe(1);
  });

  it('gives everything back when it goes', () => {
    driver.run('FLUSHALL');
    driver.settle();
    expect(driver.shard.vectors.count).toBe(0);
    expect(driver.shard.vectors.indexBytes).toBe(0);
  });
});

describe('metrics of indexes', () => {
  it.each(['l2', 'dot', 'cosine'])('%s is searched through an index too', (metric) => {
    const clusters = new Clusters(9);
    const driver = new CommandDriver({ vectorEngine });
    driver.run('VNEW', 'v', DIMENSION, 'METRIC', metric);
    for (let i = 0; i < COUNT; i++) driver.run('VADD', 'v', `e${i}`, bytesOf(clusters.next()));
    driver.settle();
    expect(driver.shard.vectors.count).toBe(1);
    let found = 0;
    for (let i = 0; i < 30; i++) {
      const query = bytesOf(clusters.next());
      const answer = namesOf(driver.reply('VSEARCH', 'v', query, '10', 'EF', '100'));
      const truth = namesOf(driver.reply('VSIM', 'v', 'FP32', query, 'TRUTH'));
      found += truth.filter((name) => answer.includes(name)).length;
    }
    expect(found / 300).toBeGreaterThan(metric === 'dot' ? 0.9 : 0.97);
  });
});

describe('the journal', () => {
  it('tells elements, and a replay makes the same set without an index', () => {
    const clusters = new Clusters(3);
    const driver = new CommandDriver({ vectorEngine });
    const recorder = new JournalRecorder(driver.shard);
    for (let i = 0; i < 2000; i++) {
      driver.run('VADD', 'v', 'FP32', bytesOf(clusters.next()), `e${i % 1700}`);
      if (i % 5 === 0) driver.run('VREM', 'v', `e${(i * 7) % 1700}`);
    }
    const fresh = new CommandDriver({ vectorEngine });
    for (const record of recorder.records) replayEffect(fresh.shard, record);
    expect(fresh.shard.vectors.count).toBe(0);
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    expect(contentsOf(fresh.shard, hex)).toEqual(contentsOf(driver.shard, hex));
    recorder.close();
  });
});

describe('memory that ends', () => {
  it('refuses an element, and nothing has changed', () => {
    const driver = new CommandDriver({ vectorEngine });
    for (let i = 0; i < 5; i++) driver.run('VADD', 'v', 'VALUES', '2', i, '1', `e${i}`);
    driver.run('CONFIG', 'SET', 'maxmemory', '1');
    expect(driver.run('VADD', 'v', 'VALUES', '2', '1', '1', 'x')).toMatch(/^-"OOM/);
    expect(driver.run('VREM', 'v', 'e0')).toBe(':1');
    driver.run('CONFIG', 'SET', 'maxmemory', '0');
    expect(driver.run('VCARD', 'v')).toBe(':4');
  });
});

describe('filters', () => {
  const driver = new CommandDriver({ vectorEngine });
  for (const [name, json] of [
    ['a', '{"year":1980,"genre":"action","tags":["x","y"],"ok":true}'],
    ['b', '{"year":1999,"genre":"drama","name":"Müller"}'], ['c', '{"year":"1999"}'],
    ['d', 'not json'], ['e', ''], ['f', '[1,2]'],
  ] as const) {
    driver.run('VADD', 'v', 'VALUES', '2', '1', '0', name, 'SETATTR', Buffer.from(json));
  }

  it.each([
    ['.year > 1990', ['b', 'c']], ['.year >= 1980 and .year < 1990', ['a']],
    ['.genre == "action" or .genre == \'drama\'', ['a', 'b']], ['"x" in .tags', ['a']],
    ['.year in [1980, 5]', ['a']], ['"dra" in .genre', ['b']], ['.ok', ['a']], ['.nosuch > 1', []],
    ['(.year - 1980) ** 2 < 4', ['a']], ['.name == "Müller"', ['b']],
    ['not (.genre == "action")', ['b']], ['.year % 2 == 1', ['b', 'c']],
  ])('%s', (filter, names) => {
    const found = driver.reply('VSIM', 'v', 'ELE', 'a', 'FILTER', Buffer.from(filter));
    expect(namesOf(found).sort()).toEqual([...names]);
  });

  it.each(['', '.', '.year >', '(.year', '.year == ]', '"open', '.year ~ 3', '.a b'])(
    'refuses %j', (filter) => {
      expect(driver.run('VSIM', 'v', 'ELE', 'a', 'FILTER', filter))
        .toMatch(/^-"ERR syntax error in FILTER expression near: /);
    },
  );
});
