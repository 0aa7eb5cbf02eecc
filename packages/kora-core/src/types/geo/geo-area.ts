/**
 * Which cells a search looks into: nine at most, the one around the centre and its neighbours, as
 * large as the shape needs and without those that it cannot reach. Each cell is one range of
 * scores, so a search reads ranges and never the whole set. The cells are exactly those that Redis
 * looks into, in its order, so that near the poles and the date line the same members are found.
 *
 *   order    centre, north, south, east, west, then the corners: north-east, north-west,
 *            south-east, south-west
 *
 * Cost: O(1). Source: the neighbours of a geohash; bounds of a circle after Matuschek 2010.
 */
import type { Cell, Position } from './geo-cell.ts';
import { cellBeside, cellOf, edgesOf, STEP_MAX } from './geo-cell.ts';
import { degrees, distanceMetres, EARTH_RADIUS_METRES, radians } from './geo-distance.ts';

/** What is searched: a circle, or a rectangle whose sides run with the map. */
export interface Shape {
  readonly center: Position;
  /** Metres of the unit that the lengths below are in. */
  readonly unitMetres: number;
  /** Of a circle; -1 for a rectangle. */
  readonly radius: number;
  readonly width: number;
  readonly height: number;
}

/** Half the length of the equator on the projection, metres. */
const MERCATOR_METRES_MAX = 20_037_726.37;
/** Cells are larger towards the poles, in degrees: one step each from here on. */
const NARROWING_LATITUDES = [66, 80];
/** How much too far a way along a meridian must be, so that no rounding of the other matters. */
const ROUNDING_ROOM = 1 + 1e-9;
/** East and north of the cells around the centre, in the order of the search. */
const AROUND = [
  [0, 0], [0, 1], [0, -1], [1, 0], [-1, 0], [1, 1], [-1, 1], [1, -1], [-1, -1],
] as const;

function isCircle(shape: Shape): boolean {
  return shape.radius >= 0;
}

interface Bounds {
  readonly west: number;
  readonly east: number;
  readonly south: number;
  readonly north: number;
}

/** The rectangle in degrees that the shape lies in, about. */
function boundsOf(shape: Shape): Bounds {
  const { longitude, latitude } = shape.center;
  const { unitMetres } = shape;
  const height = unitMetres * (isCircle(shape) ? shape.radius : shape.height / 2);
  const width = unitMetres * (isCircle(shape) ? shape.radius : shape.width / 2);
  const up = degrees(height / EARTH_RADIUS_METRES);
  // Meridians are closest on the side of the pole.
  const widest = latitude < 0 ? latitude - up : latitude + up;
  const aside = degrees(width / EARTH_RADIUS_METRES / Math.cos(radians(widest)));
  return {
    west: longitude - aside, east: longitude + aside, south: latitude - up, north: latitude + up,
  };
}

/** Step at which a cell and its neighbours are likely to hold what lies within so many metres. */
function estimateStep(radiusMetres: number, latitude: number): number {
  if (radiusMetres === 0) return STEP_MAX;
  let step = 1;
  for (let reach = radiusMetres; reach < MERCATOR_METRES_MAX; reach *= 2) step++;
  step -= 2;
  for (const narrowing of NARROWING_LATITUDES) if (Math.abs(latitude) > narrowing) step--;
  return Math.max(1, Math.min(STEP_MAX, step));
}

/** The cells to search, in order; the same one never twice in a row. */
export function cellsToSearch(shape: Shape): Cell[] {
  const { center, unitMetres, width, height } = shape;
  const bounds = boundsOf(shape);
  const reach = isCircle(shape)
    ? shape.radius
    : Math.sqrt((width / 2) * (width / 2) + (height / 2) * (height / 2));
  let step = estimateStep(reach * unitMetres, center.latitude);
  let cell = cellOf(center, step);
  if (step > 1 && isTooSmall(cell, bounds)) {
    step--;
    cell = cellOf(center, step);
  }
  const edges = edgesOf(cell);
  const canLeaveOut = step >= 2;
  const cells: Cell[] = [];
  let last = 0;
  AROUND.forEach(([east, north], i) => {
    const isBeyond =
      (north < 0 && edges.south < bounds.south) || (north > 0 && edges.north > bounds.north) ||
      (east < 0 && edges.west < bounds.west) || (east > 0 && edges.east > bounds.east);
    if (canLeaveOut && isBeyond) return;
    const next = cellBeside(cell, east, north);
    const before = cells[cells.length - 1];
    // Redis compares with the cell before only once that is not the centre.
    if (last > 0 && before !== undefined && isSame(before, next)) return;
    cells.push(next);
    last = i;
  });
  return cells;
}

function isSame(a: Cell, b: Cell): boolean {
  return a.longitudeIndex === b.longitudeIndex && a.latitudeIndex === b.latitudeIndex;
}

/** True when a neighbour ends before the bounds do; bounds that are no numbers are reached. */
function isTooSmall(cell: Cell, bounds: Bounds): boolean {
  return (
    edgesOf(cellBeside(cell, 0, 1)).north < bounds.north ||
    edgesOf(cellBeside(cell, 0, -1)).south > bounds.south ||
    edgesOf(cellBeside(cell, 1, 0)).east < bounds.east ||
    edgesOf(cellBeside(cell, -1, 0)).west > bounds.west
  );
}

/** Metres from the centre to a position, -1 when the position lies outside the shape. */
export function distanceWithin(shape: Shape, position: Position): number {
  const { center, unitMetres } = shape;
  const { longitude, latitude } = position;
  if (isCircle(shape)) {
    // The way along a meridian is the shortest to its latitude: no sine is needed to see that.
    const apart = Math.abs(radians(latitude) - radians(center.latitude)) * EARTH_RADIUS_METRES;
    if (apart > shape.radius * unitMetres * ROUNDING_ROOM) return -1;
  } else {
    const along = distanceMetres(longitude, latitude, center.longitude, latitude);
    if (along > (shape.width * unitMetres) / 2) return -1;
    const across = distanceMetres(longitude, latitude, longitude, center.latitude);
    if (across > (shape.height * unitMetres) / 2) return -1;
  }
  const metres = distanceMetres(center.longitude, center.latitude, longitude, latitude);
  return isCircle(shape) && metres > shape.radius * unitMetres ? -1 : metres;
}
