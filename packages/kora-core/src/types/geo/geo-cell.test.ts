/**
 * Positions and cells against plainer ways to say the same: indexes as texts of bits, cells as
 * ranges that hold what lies in them, neighbours by their edges, and texts of numbers as printf
 * rounds them.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import {
  cellBeside, cellOf, edgesOf, geohashOf, LATITUDE_MAX, LONGITUDE_MAX, positionOfScore,
  scoreOfPosition, scoresOf, STEP_MAX,
} from './geo-cell.ts';
import { coordinateText, distanceText, plainText } from './geo-text.ts';

function bitsOf(value: number, max: number, step: number): string {
  return Math.floor(((value + max) / (2 * max)) * 2 ** step).toString(2).padStart(step, '0');
}

function naiveScore(longitude: number, latitude: number): number {
  const x = bitsOf(latitude, LATITUDE_MAX, STEP_MAX);
  const y = bitsOf(longitude, LONGITUDE_MAX, STEP_MAX);
  const pairs = Array.from(x, (bit, i) => (y[i] ?? '') + bit).join('');
  return Number(BigInt(`0b${pairs}`));
}

describe('positions', () => {
  it('are scores of interleaved bits, and come back within half a cell', () => {
    const random = randomSource(1);
    const fraction = (): number => random.below(2 ** 32) / 2 ** 32;
    for (let i = 0; i < 2000; i++) {
      const longitude = (fraction() * 2 - 1) * LONGITUDE_MAX;
      const latitude = (fraction() * 2 - 1) * LATITUDE_MAX;
      const score = scoreOfPosition(longitude, latitude);
      expect(score, `${longitude} ${latitude}`).toBe(naiveScore(longitude, latitude));
      const back = positionOfScore(score);
      expect(Math.abs(back.longitude - longitude)).toBeLessThan(180 / 2 ** STEP_MAX + 1e-12);
      expect(Math.abs(back.latitude - latitude)).toBeLessThan(86 / 2 ** STEP_MAX + 1e-12);
    }
  });

  it('of scores that are none lie inside the map', () => {
    const scores = [-1, -0.5, 0.5, 2 ** 53, 2 ** 54 + 4, 1e300, -1e300, Infinity, -Infinity];
    for (const score of scores) {
      const { longitude, latitude } = positionOfScore(score);
      expect(Math.abs(longitude), String(score)).toBeLessThanOrEqual(LONGITUDE_MAX);
      expect(Math.abs(latitude), String(score)).toBeLessThanOrEqual(LATITUDE_MAX);
    }
  });

  it('have the geohash that everyone gives them', () => {
    expect(geohashOf({ longitude: -5.60302734375, latitude: 42.60498046875 })).toBe('ezs42s00000');
    expect(geohashOf({ longitude: 0, latitude: 0 })).toBe('s0000000000');
  });
});

describe('cells', () => {
  it('are the ranges of the scores that lie in them', () => {
    const random = randomSource(2);
    const fraction = (): number => random.below(2 ** 32) / 2 ** 32;
    for (let i = 0; i < 2000; i++) {
      const step = 1 + random.below(STEP_MAX);
      const longitude = (fraction() * 2 - 1) * LONGITUDE_MAX;
      const latitude = (fraction() * 2 - 1) * LATITUDE_MAX;
      const cell = cellOf({ longitude, latitude }, step);
      const { from, to } = scoresOf(cell);
      const score = scoreOfPosition(longitude, latitude);
      expect(score >= from && score < to, `step ${step}`).toBe(true);
      const other = (fraction() * 2 - 1) * LONGITUDE_MAX;
      const edges = edgesOf(cell);
      const isInside = other >= edges.west && other < edges.east;
      const otherScore = scoreOfPosition(other, latitude);
      expect(otherScore >= from && otherScore < to, `step ${step}, ${other}`).toBe(isInside);
    }
  });

  it('have neighbours that begin where they end, around the map', () => {
    for (const step of [1, 2, 3, 8, 26]) {
      const cell = cellOf({ longitude: 179.999999, latitude: -20 }, step);
      const east = edgesOf(cellBeside(cell, 1, 0));
      expect(east.west).toBe(-LONGITUDE_MAX);
      expect(cellBeside(cellBeside(cell, 1, -1), -1, 1)).toEqual(cell);
      const north = cellBeside(cell, 0, 1);
      expect(edgesOf(north).south).toBe(edgesOf(cell).north);
    }
  });
});

describe('texts', () => {
  it('round as printf does, ties to the even digit', () => {
    expect(distanceText(0.03125)).toBe('0.0312');
    expect(distanceText(0.09375)).toBe('0.0938');
    expect(distanceText(166_274.15156960033)).toBe('166274.1516');
    expect(distanceText(0)).toBe('0.0000');
    expect(coordinateText(180)).toBe('180');
    expect(coordinateText(-0.5)).toBe('-0.5');
    expect(coordinateText(13.361389338970184)).toBe('13.36138933897018433');
    expect(coordinateText(2 ** -18)).toBe('0.00000381469726562');
    expect(coordinateText(-(2 ** -60))).toBe('0');
    expect(plainText(200)).toBe('200.000000');
    expect(plainText(-0)).toBe('-0.000000');
    expect(plainText(-Infinity)).toBe('-inf');
    expect(plainText(1e22)).toBe('10000000000000000000000.000000');
  });
});
