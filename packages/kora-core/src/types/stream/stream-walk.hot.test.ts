/**
 * Walks from any ID in both directions, searches and counts, held against the plain list of the IDs
 * that are alive, on streams of many blocks with holes.
 */
import { describe, expect, it } from 'vitest';
import { entryRoot } from '../../structs/entry.hot.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import { StreamId } from './stream-id.hot.ts';

const LAST = 400;

function idOf(n: number): StreamId {
  const id = new StreamId();
  id.setMs(n);
  return id;
}

/** A stream with some of the IDs 1-0 .. LAST-0, in blocks of a few; and those IDs. */
function stream(seed: number): { driver: CommandDriver; root: number; alive: number[] } {
  const random = randomSource(seed);
  const driver = new CommandDriver({ settings: { 'stream-node-max-entries': '5' } });
  let alive: number[] = [];
  for (let n = 1; n <= LAST; n++) {
    if (!random.chance(0.7)) continue;
    driver.run('XADD', 's', `${n}-0`, 'f', `${n}`);
    alive.push(n);
  }
  for (const n of alive.filter(() => random.chance(0.4))) {
    driver.run('XDEL', 's', `${n}-0`);
    alive = alive.filter((each) => each !== n);
  }
  const { shard, memory } = driver;
  memory.low[shard.scratchAt] = 's'.charCodeAt(0);
  const [db] = shard.keyspace.databases;
  const ref = db === undefined ? 0 : shard.keyspace.find(db, shard.scratchAt, 1);
  return { driver, root: entryRoot(memory.i32, ref), alive };
}

describe('walks', () => {
  it.each([1, 2, 3])('visit what is alive, from everywhere, seed %i', (seed) => {
    const { driver, root, alive } = stream(seed);
    const { walk } = driver.shard.collections.streams;
    for (let from = 0; from <= LAST + 1; from++) {
      walk.bind(root);
      const up: number[] = [];
      walk.seekFrom(idOf(from));
      while (up.length < 20 && walk.next()) up.push(walk.cursor.id.msLow);
      expect(up, `seed ${seed}, from ${from}`).toEqual(alive.filter((n) => n >= from).slice(0, 20));
      const down: number[] = [];
      walk.seekBack(idOf(from));
      while (down.length < 20 && walk.previous()) down.push(walk.cursor.id.msLow);
      const wanted = alive.filter((n) => n <= from).reverse().slice(0, 20);
      expect(down, `seed ${seed}, back from ${from}`).toEqual(wanted);
      expect(walk.find(idOf(from)), `seed ${seed}, ${from}`).toBe(alive.includes(from));
    }
  });

  it.each([4, 5])('count what is alive between two IDs, seed %i', (seed) => {
    const { driver, root, alive } = stream(seed);
    const { walk } = driver.shard.collections.streams;
    const random = randomSource(seed);
    walk.bind(root);
    for (let i = 0; i < 500; i++) {
      const from = random.below(LAST + 2);
      const end = random.below(LAST + 2);
      const most = random.chance(0.5) ? 1000 : random.below(40);
      const wanted = Math.min(most, alive.filter((n) => n >= from && n <= end).length);
      expect(walk.count(idOf(from), idOf(end), most), `seed ${seed}: ${from} ${end}`).toBe(wanted);
    }
    const all: number[] = [];
    walk.seekFrom(idOf(0));
    while (walk.next()) all.push(walk.cursor.id.msLow);
    expect(all).toEqual(alive);
    const back: number[] = [];
    walk.seekBack(idOf(LAST + 9));
    while (walk.previous()) back.push(walk.cursor.id.msLow);
    expect(back.reverse()).toEqual(alive);
  });
});
