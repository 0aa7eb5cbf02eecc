/**
 * Positions as numbers: latitude and longitude become 26 bits each, interleaved to the 52 bits that
 * are a member's score. A cell is what the first bits name: a rectangle of the map, and a range of
 * scores. Bit for bit as Redis does it, at the edges of the map too, where an index is one too
 * large for its bits.
 *
 *   score   lon25 lat25 lon24 lat24 ... lon0 lat0      cell of step n: the upper 2n of these bits
 *
 * Cost: O(1), some tens of ns. The position that was decoded last belongs to the thread.
 * Source: Z-order curve, Morton 1966; geohash, Niemeyer 2008.
 */

/** Bits of an index at full precision. */
export const STEP_MAX = 26;
/** The map: what the Mercator projection of the web shows. */
export const LONGITUDE_MAX = 180;
export const LATITUDE_MAX = 85.05112878;

const TWO_32 = 4_294_967_296;
/** Indexes at full precision. */
const FULL_SCALE = 2 ** STEP_MAX;
/** Characters of a geohash, and how many bits each stands for. */
const GEOHASH_LETTERS = '0123456789bcdefghjkmnpqrstuvwxyz';
const GEOHASH_LETTER_BITS = 5;
/** A geohash shows 50 of the 52 bits, and a zero. */
const GEOHASH_LETTERS_TOLD = 10;
const GEOHASH_LATITUDE_MAX = 90;

/** Longitude and latitude in degrees. */
export interface Position {
  longitude: number;
  latitude: number;
}

/** A rectangle of the map at some precision. */
export interface Cell {
  /** Bits of each index: 1 to STEP_MAX. */
  readonly step: number;
  readonly longitudeIndex: number;
  readonly latitudeIndex: number;
}

/** Index of a coordinate among 2^step parts of -max .. max. */
function indexOf(value: number, max: number, step: number): number {
  return Math.floor(((value + max) / (max + max)) * 2 ** step);
}

/** Where an index begins; index + 1: where it ends. */
function coordinateOf(index: number, max: number, scale: number): number {
  return -max + (index / scale) * (max + max);
}

/** Spreads the lowest 16 bits of a word to its even bits. */
function spread(bits: number): number {
  let v = bits & 0xffff;
  v = (v | (v << 8)) & 0x00ff00ff;
  v = (v | (v << 4)) & 0x0f0f0f0f;
  v = (v | (v << 2)) & 0x33333333;
  return (v | (v << 1)) & 0x55555555;
}

/** Gathers the even bits of a word. */
function gather(word: number): number {
  let v = word & 0x55555555;
  v = (v | (v >>> 1)) & 0x33333333;
  v = (v | (v >>> 2)) & 0x0f0f0f0f;
  v = (v | (v >>> 4)) & 0x00ff00ff;
  return (v | (v >>> 8)) & 0xffff;
}

/** The score of a position inside the map; a double, so at its eastern edge rounded to one. */
export function scoreOfPosition(longitude: number, latitude: number): number {
  const x = indexOf(latitude, LATITUDE_MAX, STEP_MAX);
  const y = indexOf(longitude, LONGITUDE_MAX, STEP_MAX);
  const low = spread(x) | (spread(y) << 1);
  const high = spread(x >>> 16) | (spread(y >>> 16) << 1);
  return high * TWO_32 + (low >>> 0);
}

/** The position decoded last. Owner: the thread. */
const decoded: Position = { longitude: 0, latitude: 0 };

/**
 * The middle of the smallest cell that a score names, cut at the edges of the map; any score of a
 * sorted set has one. Overwritten by the next call.
 */
export function positionOfScore(score: number): Position {
  const isPlain = score >= 0 && score < 2 ** 53;
  const bits = isPlain ? 0n : BigInt.asUintN(64, BigInt(wholeScore(score)));
  const high = isPlain ? Math.floor(score / TWO_32) : Number(bits >> 32n);
  const low = isPlain ? Math.floor(score) - high * TWO_32 : Number(bits & 0xffff_ffffn);
  const x = gather(low) + gather(high) * 65_536;
  const y = gather(low >>> 1) + gather(high >>> 1) * 65_536;
  decoded.latitude = middle(x, LATITUDE_MAX);
  decoded.longitude = middle(y, LONGITUDE_MAX);
  return decoded;
}

/** A score without its fraction; what fits no 64 bits becomes what the machine makes of it. */
function wholeScore(score: number): number {
  const whole = Math.trunc(score);
  if (whole >= 2 ** 64) return 0;
  return whole < -(2 ** 63) ? -(2 ** 63) : whole;
}

function middle(index: number, max: number): number {
  const from = coordinateOf(index, max, FULL_SCALE);
  const to = coordinateOf(index + 1, max, FULL_SCALE);
  return Math.max(-max, Math.min(max, (from + to) / 2));
}

/** The standard geohash of a position, eleven letters; the last one tells nothing. */
export function geohashOf(position: Position): string {
  let x = indexOf(position.latitude, GEOHASH_LATITUDE_MAX, STEP_MAX);
  let y = indexOf(position.longitude, LONGITUDE_MAX, STEP_MAX);
  // Letters from the last told one back: 5 bits each, those below the 50th bit are dropped first.
  x = Math.floor(x / 2);
  y = Math.floor(y / 2);
  let text = '';
  let isOdd = false;
  for (let letter = 0; letter < GEOHASH_LETTERS_TOLD; letter++) {
    let value = 0;
    for (let bit = 0; bit < GEOHASH_LETTER_BITS; bit++) {
      if (isOdd) {
        value += (y % 2) * 2 ** bit;
        y = Math.floor(y / 2);
      } else {
        value += (x % 2) * 2 ** bit;
        x = Math.floor(x / 2);
      }
      isOdd = !isOdd;
    }
    text = GEOHASH_LETTERS.charAt(value) + text;
  }
  return `${text}0`;
}

/** The cell of a position inside the map. */
export function cellOf(position: Position, step: number): Cell {
  return {
    step,
    longitudeIndex: indexOf(position.longitude, LONGITUDE_MAX, step),
    latitudeIndex: indexOf(position.latitude, LATITUDE_MAX, step),
  };
}

/** The cell so many cells to the east and north; beyond an edge the opposite one follows. */
export function cellBeside(cell: Cell, east: number, north: number): Cell {
  return {
    step: cell.step,
    longitudeIndex: moved(cell.longitudeIndex, east, cell.step),
    latitudeIndex: moved(cell.latitudeIndex, north, cell.step),
  };
}

function moved(index: number, by: number, step: number): number {
  if (by === 0) return index;
  const count = 2 ** step;
  return (index + by + count) % count;
}

/** Edges of a cell in degrees. */
export interface CellEdges {
  readonly west: number;
  readonly east: number;
  readonly south: number;
  readonly north: number;
}

export function edgesOf(cell: Cell): CellEdges {
  const scale = 2 ** cell.step;
  const { longitudeIndex, latitudeIndex } = cell;
  return {
    west: coordinateOf(longitudeIndex, LONGITUDE_MAX, scale),
    east: coordinateOf(longitudeIndex + 1, LONGITUDE_MAX, scale),
    south: coordinateOf(latitudeIndex, LATITUDE_MAX, scale),
    north: coordinateOf(latitudeIndex + 1, LATITUDE_MAX, scale),
  };
}

/** Lowest score of a cell, and the one behind its highest. */
export function scoresOf(cell: Cell): { readonly from: number; readonly to: number } {
  let bits = 0n;
  for (let bit = STEP_MAX; bit >= 0; bit--) {
    const pair = (Math.floor(cell.longitudeIndex / 2 ** bit) % 2) * 2
      + (Math.floor(cell.latitudeIndex / 2 ** bit) % 2);
    bits = (bits << 2n) | BigInt(pair);
  }
  const shift = BigInt(2 * (STEP_MAX - cell.step));
  return { from: Number(bits << shift), to: Number((bits + 1n) << shift) };
}
