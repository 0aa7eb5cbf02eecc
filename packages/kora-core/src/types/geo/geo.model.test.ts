/**
 * Searches against a scan of all members: circles and boxes of many sizes, away from the poles,
 * over sets in a pack and in a tree. What comes back is what lies inside, sorted, cut and measured
 * alike; the cells that are searched are a small part of the set; and the journal of everything,
 * stored results too, tells the same data.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { checkShard } from '../../admin/shard-check.ts';
import { verify } from '../../assert.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { RandomGeoCommands } from '../../testing/random-geo-commands.ts';
import { randomSource } from '../../testing/random-source.ts';
import { notationOf } from '../../testing/recorded-reply.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { rankOfScore } from '../zset/zset.ts';
import type { Shape } from './geo-area.ts';
import { cellsToSearch } from './geo-area.ts';
import { positionOfScore, scoreOfPosition, scoresOf } from './geo-cell.ts';
import { distanceMetres } from './geo-distance.ts';
import { distanceText } from './geo-text.ts';

interface Place {
  readonly member: string;
  readonly longitude: number;
  readonly latitude: number;
}

afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
});

/** Places between 60 degrees south and north, as the engine rounds them. */
function randomPlaces(seed: number, count: number, spread: number): Place[] {
  const random = randomSource(seed);
  const fraction = (): number => (random.below(2 ** 32) / 2 ** 32) * 2 - 1;
  return Array.from({ length: count }, (_, i) => {
    const score = scoreOfPosition(fraction() * spread, (fraction() * spread) / 3);
    const { longitude, latitude } = positionOfScore(score);
    return { member: `m${i}`, longitude, latitude };
  });
}

function addAll(driver: CommandDriver, places: readonly Place[]): void {
  for (let from = 0; from < places.length; from += 50) {
    const part = places.slice(from, from + 50);
    const words = part.flatMap(({ longitude, latitude, member }) =>
      [String(longitude), String(latitude), member],
    );
    expect(driver.run('GEOADD', 'places', ...words)).toBe(`:${part.length}`);
  }
}

/** Metres from a centre when inside; undefined outside. */
function measure(
  place: Place, longitude: number, latitude: number, sizes: readonly number[],
): number | undefined {
  const metres = distanceMetres(longitude, latitude, place.longitude, place.latitude);
  const [width = 0, height] = sizes;
  if (height === undefined) return metres <= width ? metres : undefined;
  const along = distanceMetres(place.longitude, place.latitude, longitude, place.latitude);
  const across = distanceMetres(place.longitude, place.latitude, place.longitude, latitude);
  return along <= width / 2 && across <= height / 2 ? metres : undefined;
}

function playSearches(seed: number, count: number, spread: number): void {
  const places = randomPlaces(seed, count, spread);
  const driver = new CommandDriver({ seed });
  addAll(driver, places);
  const random = randomSource(seed + 1000);
  for (let step = 0; step < 120; step++) {
    const longitude = (random.below(2001) / 1000 - 1) * spread;
    const latitude = ((random.below(2001) / 1000 - 1) * spread) / 3;
    const size = (): number => 10 ** (2 + random.below(4)) * (1 + random.below(12)) / 2;
    const isBox = random.chance(0.5);
    const sizes = isBox ? [size(), size()] : [size()];
    const isDown = random.chance(0.3);
    const limit = random.chance(0.4) ? 1 + random.below(10) : 0;
    const inside = places.flatMap((place) => {
      const metres = measure(place, longitude, latitude, sizes);
      return metres === undefined ? [] : [{ member: place.member, metres }];
    });
    inside.sort((a, b) => (isDown ? b.metres - a.metres : a.metres - b.metres));
    const wanted = limit === 0 ? inside : inside.slice(0, limit);
    const words = [
      'FROMLONLAT', String(longitude), String(latitude), isBox ? 'BYBOX' : 'BYRADIUS',
      ...sizes.map(String), 'm', isDown ? 'DESC' : 'ASC',
      ...(limit === 0 ? [] : ['COUNT', String(limit)]), 'WITHDIST',
    ];
    const shown = wanted.map(({ member, metres }) => `*[$"${member}" $"${distanceText(metres)}"]`);
    const where = `seed ${seed}, step ${step}: ${words.join(' ')}`;
    expect(driver.run('GEOSEARCH', 'places', ...words), where).toBe(`*[${shown.join(' ')}]`);
  }
}

describe('searches against a scan of all members', () => {
  it.each([[1, 40, 100], [2, 60, 1], [3, 1500, 170], [4, 1500, 2], [5, 1500, 0.05]])(
    'find the same, seed %i, %i members over %f degrees',
    (seed, count, spread) => {
      playSearches(seed, count, spread);
    },
  );

  it('read a small part of a large set', () => {
    const places = randomPlaces(7, 5000, 170);
    const driver = new CommandDriver();
    addAll(driver, places);
    const { shard } = driver;
    const key = shard.memory.lowAllocator.alloc(16) * 8;
    shard.memory.low.set(Buffer.from('places'), key);
    const ref = shard.keyspace.find(shard.keyspace.databases[0]!, key, 6);
    for (const { longitude, latitude } of places.slice(0, 100)) {
      const shape: Shape = {
        center: { longitude, latitude }, unitMetres: 1000, radius: 100, width: 0, height: 0,
      };
      let met = 0;
      for (const cell of cellsToSearch(shape)) {
        const { from, to } = scoresOf(cell);
        met += rankOfScore(shard, ref, to, false) - rankOfScore(shard, ref, from, false);
      }
      expect(met).toBeGreaterThan(0);
      expect(met).toBeLessThan(100);
    }
  });

  it('move a member, even by the smallest step', () => {
    const driver = new CommandDriver();
    driver.run('GEOADD', 'g', '13', '38', 'm');
    const before = driver.run('ZSCORE', 'g', 'm');
    expect(driver.run('GEOADD', 'g', 'CH', '13', '38', 'm')).toBe(':0');
    expect(driver.run('GEOADD', 'g', 'CH', '13.000006', '38', 'm')).toBe(':1');
    expect(driver.run('ZSCORE', 'g', 'm')).not.toBe(before);
    expect(driver.run('GEOADD', 'g', 'NX', 'CH', '14', '38', 'm')).toBe(':0');
    expect(driver.run('GEOADD', 'g', 'XX', 'CH', '-14', '-38', 'm', '1', '1', 'n')).toBe(':1');
    expect(driver.run('ZCARD', 'g')).toBe(':1');
    expect(driver.run('GEOADD', 'none', 'XX', '1', '1', 'n')).toBe(':0');
    expect(driver.run('EXISTS', 'none')).toBe(':0');
  });
});

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function playRandom(seed: number, steps: number, kernel: 'wasm' | 'twin'): void {
  const driver = new CommandDriver({ seed, memoryOptions: { kernel } });
  const recorder = new JournalRecorder(driver.shard);
  const usedAtStart = driver.memory.arenaAllocator.usedBytes();
  const random = new RandomGeoCommands(seed);
  for (let step = 0; step < steps; step++) notationOf(driver.reply(...random.next()));
  expect(driver.errors).toEqual([]);
  checkShard(driver.shard);
  const fresh = new CommandDriver();
  for (const record of recorder.records) replayEffect(fresh.shard, record);
  const same = contentsOf(driver.shard, latin1Of);
  expect(contentsOf(fresh.shard, latin1Of), `seed ${seed}: replayed`).toEqual(same);
  recorder.close();
  driver.run('FLUSHALL');
  driver.settle();
  expect(driver.memory.arenaAllocator.usedBytes(), `seed ${seed}: leak`).toBe(usedAtStart);
}

describe('random geo commands', () => {
  it.each([1, 2, 3])('replay and leave nothing behind, seed %i', (seed) => {
    playRandom(seed, 600, 'wasm');
  });

  it('do so on the twin kernel, and while every allocation makes older views stale', () => {
    playRandom(4, 200, 'twin');
    verify.enabled = true;
    verify.growsOnAlloc = true;
    playRandom(5, 150, 'wasm');
  });
});
