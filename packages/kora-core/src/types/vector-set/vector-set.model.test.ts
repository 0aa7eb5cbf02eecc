/**
 * Random changes of a vector set beside a Map: after each step every element, its attributes and a
 * search are what the Map gives by the plainest arithmetic. The set grows beyond what is scanned
 * and shrinks again, so that its index is made, filled, moved together, refused and dropped on the
 * way; the answers must not tell.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../../admin/shard-check.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { NaiveNearest } from '../../testing/naive-nearest.ts';
import { randomSource } from '../../testing/random-source.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

const DIMENSION = 1024;
const STEPS = 900;

interface NaiveElement {
  readonly vector: Float32Array;
  readonly json: string;
}

function namesOf(reply: RecordedReply): string[] {
  if (reply.kind !== 'array') throw new Error(`an array is wanted, not ${reply.kind}`);
  return reply.items.map((item) => 'text' in item ? item.text : '?');
}

/** Names by likeness, then by name. */
function nearest(
  set: ReadonlyMap<string, NaiveElement>, query: Float32Array, count: number, wanted: string,
): string[] {
  const length = (v: Float32Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  const found = [...set].filter(([, { json }]) => wanted === '' || json === wanted);
  const measured = found.map(([name, { vector }]) => {
    const dot = vector.reduce((sum, x, i) => sum + x * (query[i] ?? 0), 0);
    const lengths = Math.fround(length(vector)) * length(query);
    return { name, distance: lengths === 0 ? 1 : Math.fround(1 - Math.fround(dot / lengths)) };
  });
  measured.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return measured.slice(0, count).map(({ name }) => name);
}

describe.each([11, 12])('a vector set (seed %d)', (seed) => {
  it('is a Map with a search, whatever its index does', () => {
    const random = randomSource(seed);
    const engine = new NaiveNearest();
    const driver = new CommandDriver({ seed, vectorEngine: engine });
    const recorder = new JournalRecorder(driver.shard);
    const fresh = new CommandDriver({ seed: seed + 1 });
    const base = driver.memory.arenaAllocator.usedBytes();
    const set = new Map<string, NaiveElement>();
    // Few values a vector, so that ties happen and products are exact.
    const vector = (): Float32Array => {
      const made = new Float32Array(DIMENSION);
      for (let i = 0; i < 3; i++) made[random.below(8)] = random.below(5) - 2;
      return made;
    };
    let hadIndex = 0;
    for (let step = 1; step <= STEPS; step++) {
      const isGrowing = step < STEPS * 0.45;
      const name = `e${random.below(isGrowing ? 400 : 220)}`;
      engine.isFull = random.below(40) === 0;
      const kind = random.below(10);
      if (kind < (isGrowing ? 8 : 2)) {
        const made = vector();
        const json = random.below(3) === 0 ? `{"x":${random.below(3)}}` : '';
        const bytes = new Uint8Array(made.buffer);
        const reply = driver.run('VADD', 'v', 'FP32', bytes, name, 'NOQUANT', 'SETATTR', json);
        if (reply.startsWith('-"OOM')) {
          expect(engine.isFull, `seed ${seed} step ${step}`).toBe(true);
        } else {
          expect(reply, `seed ${seed} step ${step}`).toBe(set.has(name) ? ':0' : ':1');
          set.set(name, { vector: made, json });
        }
      } else if (kind < 9) {
        const reply = driver.run('VREM', 'v', name);
        expect(reply, `seed ${seed} step ${step}`).toBe(set.delete(name) ? ':1' : ':0');
      } else {
        const json = `{"x":${random.below(3)}}`;
        const held = set.get(name);
        expect(driver.run('VSETATTR', 'v', name, json)).toBe(held === undefined ? ':0' : ':1');
        if (held !== undefined) set.set(name, { ...held, json });
      }
      engine.isFull = false;
      if (random.below(3) === 0) driver.shard.maintain();
      hadIndex = Math.max(hadIndex, engine.openCount);
      if (step % 9 !== 0 || set.size === 0) continue;
      compare(driver, set, vector(), random.below(12) + 1, `seed ${seed} step ${step}`);
    }
    expect(hadIndex).toBe(1);
    expect(engine.searchCount).toBeGreaterThan(5);
    checkShard(driver.shard);
    for (const record of recorder.records) replayEffect(fresh.shard, record);
    const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
    expect(contentsOf(fresh.shard, latin1)).toEqual(contentsOf(driver.shard, latin1));
    recorder.close();
    for (const name of set.keys()) driver.run('VREM', 'v', name);
    expect(driver.run('EXISTS', 'v')).toBe(':0');
    driver.emptyCompletely();
    expect(engine.openCount).toBe(0);
    expect(driver.shard.vectors.indexBytes).toBe(0);
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(base);
  });
});

function compare(
  driver: CommandDriver, set: ReadonlyMap<string, NaiveElement>, query: Float32Array,
  count: number, where: string,
): void {
  checkShard(driver.shard);
  const bytes = new Uint8Array(query.buffer);
  const found = namesOf(driver.reply('VSIM', 'v', 'FP32', bytes, 'COUNT', count));
  expect(found, where).toEqual(nearest(set, query, count, ''));
  const filtered = driver.reply('VSIM', 'v', 'FP32', bytes, 'COUNT', count, 'FILTER', '.x == 1');
  expect(namesOf(filtered), where).toEqual(nearest(set, query, count, '{"x":1}'));
  const exact = driver.reply('VSIM', 'v', 'FP32', bytes, 'COUNT', count, 'TRUTH');
  expect(namesOf(exact), where).toEqual(found);
  expect(driver.run('VCARD', 'v'), where).toBe(`:${set.size}`);
  expect(namesOf(driver.reply('VRANGE', 'v', '-', '+')), where).toEqual([...set.keys()].sort());
  const [name = '', held] = [...set][0] ?? [];
  const json = held?.json ?? '';
  const shown = json === '' ? '_' : `$${JSON.stringify(json)}`;
  expect(driver.run('VGETATTR', 'v', name), where).toBe(shown);
}
