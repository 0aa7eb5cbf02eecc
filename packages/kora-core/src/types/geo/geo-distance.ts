/**
 * Distances on a sphere, and their units. The haversine is computed in the order that Redis uses,
 * so that the last digits agree where the sines and cosines do.
 * Cost: about 100 ns, exact ones 500 ns. Error against the ellipsoid: up to 0.5 %.
 * Source: haversine formula, Inman 1835.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord } from '../../command/grammar.ts';
import { arcSine, cosine, sine } from './exact-angles.ts';

/** Radius of the sphere, metres: a mean of the earth's, as Redis has it. */
export const EARTH_RADIUS_METRES = 6_372_797.560856;
const RADIANS_PER_DEGREE = Math.PI / 180;

/** Units and how many metres they are. */
const UNITS: readonly (readonly [string, number])[] = [
  ['M', 1], ['KM', 1000], ['FT', 0.3048], ['MI', 1609.34],
];
const unitWords = UNITS.map(([name, metres]) => ({
  word: Uint8Array.from(name, (letter) => letter.charCodeAt(0)), metres,
}));

/** Metres of the unit that argument i names; undefined when it names none. */
export function metresOfUnit(frame: ArgFrame, i: number): number | undefined {
  return unitWords.find(({ word }) => isWord(frame, i, word))?.metres;
}

export function radians(degrees: number): number {
  return degrees * RADIANS_PER_DEGREE;
}

export function degrees(angle: number): number {
  return angle / RADIANS_PER_DEGREE;
}

/** As distanceMetres, to the last digit that is kept where a distance is stored; slower. */
export function exactDistanceMetres(
  longitude: number, latitude: number, otherLongitude: number, otherLatitude: number,
): number {
  const v = sine((radians(otherLongitude) - radians(longitude)) / 2);
  const here = radians(latitude);
  const there = radians(otherLatitude);
  const u = sine((there - here) / 2);
  const square = u * u + cosine(here) * cosine(there) * v * v;
  return 2 * EARTH_RADIUS_METRES * arcSine(Math.min(1, Math.sqrt(square)));
}

/** Metres between two positions, given in degrees. */
export function distanceMetres(
  longitude: number, latitude: number, otherLongitude: number, otherLatitude: number,
): number {
  const v = Math.sin((radians(otherLongitude) - radians(longitude)) / 2);
  const here = radians(latitude);
  const there = radians(otherLatitude);
  const u = Math.sin((there - here) / 2);
  const square = u * u + Math.cos(here) * Math.cos(there) * v * v;
  // Rounding may leave more than 1 for positions opposite each other.
  return 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(square)));
}
