/**
 * The arguments of geo commands: positions, distances with units, and the options of the searches,
 * read in the order in which Redis reads them, for the first error is the answer. Positions of
 * members are looked up while the options are read, as there.
 * Cost: O(arguments); the request of the running command belongs to the thread.
 */
import { parseInteger, parsed } from '../../bytes/number-text.hot.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord, readDouble } from '../../command/grammar.ts';
import { echoText, ReplyError, replyErrors } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { zsetScore } from '../zset/zset.ts';
import type { Shape } from './geo-area.ts';
import type { Position } from './geo-cell.ts';
import { LATITUDE_MAX, LONGITUDE_MAX, positionOfScore } from './geo-cell.ts';
import { metresOfUnit } from './geo-distance.ts';
import { plainText } from './geo-text.ts';

/** Errors of the geo commands. */
export const geoErrors = Object.freeze({
  unit: new ReplyError('ERR unsupported unit provided. please use M, KM, FT, MI'),
  noMember: new ReplyError('ERR could not decode requested zset member'),
  radiusNumber: new ReplyError('ERR need numeric radius'),
  radiusNegative: new ReplyError('ERR radius cannot be negative'),
  widthNumber: new ReplyError('ERR need numeric width'),
  heightNumber: new ReplyError('ERR need numeric height'),
  boxNegative: new ReplyError('ERR height or width cannot be negative'),
  countNotPositive: new ReplyError('ERR COUNT must be > 0'),
  anyWithoutCount: new ReplyError('ERR the ANY argument requires COUNT argument'),
  storeWithReply: new ReplyError(
    'ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options',
  ),
  searchStoreWithReply: new ReplyError(
    'ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options',
  ),
});

const word = (text: string): Uint8Array =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const WORDS = {
  asc: word('ASC'), desc: word('DESC'), any: word('ANY'), count: word('COUNT'),
  withcoord: word('WITHCOORD'), withdist: word('WITHDIST'), withhash: word('WITHHASH'),
  store: word('STORE'), storedist: word('STOREDIST'),
  frommember: word('FROMMEMBER'), fromlonlat: word('FROMLONLAT'),
  byradius: word('BYRADIUS'), bybox: word('BYBOX'),
};

/** Which command asks: the places of its arguments and what it may. */
export interface SearchForm {
  /** Where the centre stands: as an option, or as the first arguments. */
  readonly center: 'option' | 'position' | 'member';
  /** Argument index of the first option. */
  readonly options: number;
  /** Argument index of the key that is searched. */
  readonly source: number;
  /** Stores always (GEOSEARCHSTORE), by an option (GEORADIUS), or never. */
  readonly stores: 'always' | 'option' | 'never';
}

/** What a search asks for. */
export interface SearchRequest {
  /** Undefined when there is nothing to search: the key is absent. */
  readonly shape: Shape | undefined;
  readonly order: 'none' | 'asc' | 'desc';
  /** Most members to give; 0 = all. */
  readonly count: number;
  /** The first ones found will do. */
  readonly isAny: boolean;
  readonly withCoordinates: boolean;
  readonly withDistance: boolean;
  readonly withHash: boolean;
  /** Argument index of the key to store under; 0 = none. */
  readonly target: number;
  readonly storesDistance: boolean;
}

/** Reads argument i and the next as longitude and latitude inside the map. */
export function readPosition(frame: ArgFrame, i: number): Position | ReplyError {
  const longitude = readDouble(frame, i);
  const latitude = longitude === undefined ? undefined : readDouble(frame, i + 1);
  if (longitude === undefined || latitude === undefined) return replyErrors.notFloat;
  if (Math.abs(longitude) <= LONGITUDE_MAX && Math.abs(latitude) <= LATITUDE_MAX) {
    return { longitude, latitude };
  }
  const pair = `${plainText(longitude)},${plainText(latitude)}`;
  return new ReplyError(`ERR invalid longitude,latitude pair ${pair}`);
}

/** Position of the member named by argument i of the set of entry `ref`. */
function readMember(shard: Shard, frame: ArgFrame, ref: number, i: number): Position | ReplyError {
  const score = zsetScore(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
  if (Number.isNaN(score)) return geoErrors.noMember;
  const { longitude, latitude } = positionOfScore(score);
  return { longitude, latitude };
}

/** A shape without its centre. */
type Extent = Omit<Shape, 'center'>;

function readCircle(frame: ArgFrame, i: number): Extent | ReplyError {
  const radius = readDouble(frame, i);
  if (radius === undefined) return geoErrors.radiusNumber;
  if (radius < 0) return geoErrors.radiusNegative;
  const unitMetres = metresOfUnit(frame, i + 1);
  return unitMetres === undefined ? geoErrors.unit : { radius, unitMetres, width: 0, height: 0 };
}

function readBox(frame: ArgFrame, i: number): Extent | ReplyError {
  const width = readDouble(frame, i);
  if (width === undefined) return geoErrors.widthNumber;
  const height = readDouble(frame, i + 1);
  if (height === undefined) return geoErrors.heightNumber;
  if (width < 0 || height < 0) return geoErrors.boxNegative;
  const unitMetres = metresOfUnit(frame, i + 2);
  return unitMetres === undefined ? geoErrors.unit : { radius: -1, unitMetres, width, height };
}

/** Reads the arguments of one search; see `read`. */
export class SearchReader {
  readonly #shard: Shard;
  readonly #frame: ArgFrame;
  readonly #form: SearchForm;
  readonly #ref: number;
  #center: Position | undefined;
  #extent: Extent | undefined;
  #hasCenter = false;
  #isCenterMember = false;
  #order: SearchRequest['order'] = 'none';
  #count = 0;
  #isAny = false;
  #withCoordinates = false;
  #withDistance = false;
  #withHash = false;
  #target = 0;
  #storesDistance = false;

  /** @param ref entry of the key that is searched, a sorted set; 0 = absent */
  constructor(shard: Shard, frame: ArgFrame, form: SearchForm, ref: number) {
    this.#shard = shard;
    this.#frame = frame;
    this.#form = form;
    this.#ref = ref;
    if (form.stores === 'always') this.#target = 1;
  }

  /** The request, or the first error. */
  read(): SearchRequest | ReplyError {
    const frame = this.#frame;
    let error = this.#readFixed();
    for (let i = this.#form.options; error === null && i < frame.count;) {
      const taken = this.#readOption(i);
      if (taken instanceof ReplyError) error = taken;
      else i += taken;
    }
    error ??= this.#checkTogether();
    if (error !== null) return error;
    const isSorted = this.#order !== 'none' || this.#count === 0 || this.#isAny;
    return {
      shape: this.#shape(), order: isSorted ? this.#order : 'asc', count: this.#count,
      isAny: this.#isAny, withCoordinates: this.#withCoordinates,
      withDistance: this.#withDistance, withHash: this.#withHash,
      target: this.#target, storesDistance: this.#storesDistance,
    };
  }

  #shape(): Shape | undefined {
    if (this.#center === undefined || this.#extent === undefined) return undefined;
    return { ...this.#extent, center: this.#center };
  }

  /** What GEORADIUS and GEORADIUSBYMEMBER have in fixed places. */
  #readFixed(): ReplyError | null {
    const { center } = this.#form;
    if (center === 'option') return null;
    // Without a key, GEORADIUSBYMEMBER looks at nothing but its options.
    if (center === 'member' && this.#ref === 0) return null;
    const position =
      center === 'position'
        ? readPosition(this.#frame, 2)
        : readMember(this.#shard, this.#frame, this.#ref, 2);
    if (position instanceof ReplyError) return position;
    this.#center = position;
    return this.#takeExtent(readCircle(this.#frame, center === 'position' ? 4 : 3));
  }

  #takeExtent(extent: Extent | ReplyError): ReplyError | null {
    if (extent instanceof ReplyError) return extent;
    this.#extent = extent;
    return null;
  }

  /** Reads the option at argument i. @returns the arguments it takes */
  #readOption(i: number): number | ReplyError {
    const frame = this.#frame;
    if (isWord(frame, i, WORDS.withdist)) this.#withDistance = true;
    else if (isWord(frame, i, WORDS.withhash)) this.#withHash = true;
    else if (isWord(frame, i, WORDS.withcoord)) this.#withCoordinates = true;
    else if (isWord(frame, i, WORDS.any)) this.#isAny = true;
    else if (isWord(frame, i, WORDS.asc)) this.#order = 'asc';
    else if (isWord(frame, i, WORDS.desc)) this.#order = 'desc';
    else if (isWord(frame, i, WORDS.count) && i + 1 < frame.count) return this.#readCount(i + 1);
    else if (this.#form.center === 'option') return this.#readSearchOption(i);
    else return this.#readStore(i);
    return 1;
  }

  #readCount(i: number): number | ReplyError {
    const { low } = this.#shard.memory;
    if (!parseInteger(low, this.#frame.at[i] ?? 0, this.#frame.bytes[i] ?? 0)) {
      return replyErrors.notInteger;
    }
    const { high, low: lowWord } = parsed;
    if (high < 0 || (high === 0 && lowWord === 0)) return geoErrors.countNotPositive;
    this.#count = parsed.isSafe ? parsed.value : Number.MAX_SAFE_INTEGER;
    return 2;
  }

  #readStore(i: number): number | ReplyError {
    const frame = this.#frame;
    if (this.#form.stores !== 'option' || i + 1 >= frame.count) return replyErrors.syntax;
    const isDistance = isWord(frame, i, WORDS.storedist);
    if (!isDistance && !isWord(frame, i, WORDS.store)) return replyErrors.syntax;
    this.#target = i + 1;
    this.#storesDistance = isDistance;
    return 2;
  }

  /** Centre and extent of GEOSEARCH; each of the two forms excludes the other. */
  #readSearchOption(i: number): number | ReplyError {
    const frame = this.#frame;
    const left = frame.count - i - 1;
    const isByPosition = this.#hasCenter && !this.#isCenterMember;
    if (isWord(frame, i, WORDS.frommember) && left >= 1 && !isByPosition) {
      const error = this.#takeMember(i + 1);
      return error ?? 2;
    }
    const isByMember = this.#hasCenter && this.#isCenterMember;
    if (isWord(frame, i, WORDS.fromlonlat) && left >= 2 && !isByMember) {
      const position = readPosition(frame, i + 1);
      if (position instanceof ReplyError) return position;
      this.#center = position;
      this.#hasCenter = true;
      return 3;
    }
    const isBox = this.#extent !== undefined && this.#extent.radius < 0;
    const isCircle = this.#extent !== undefined && this.#extent.radius >= 0;
    if (isWord(frame, i, WORDS.byradius) && left >= 2 && !isBox) {
      return this.#takeExtent(readCircle(frame, i + 1)) ?? 3;
    }
    if (isWord(frame, i, WORDS.bybox) && left >= 3 && !isCircle) {
      return this.#takeExtent(readBox(frame, i + 1)) ?? 4;
    }
    const mayStoreDistance = this.#form.stores === 'always';
    if (!mayStoreDistance || !isWord(frame, i, WORDS.storedist)) return replyErrors.syntax;
    this.#storesDistance = true;
    return 1;
  }

  #takeMember(i: number): ReplyError | null {
    this.#hasCenter = true;
    this.#isCenterMember = true;
    if (this.#ref === 0) return null;
    const position = readMember(this.#shard, this.#frame, this.#ref, i);
    if (position instanceof ReplyError) return position;
    this.#center = position;
    return null;
  }

  #checkTogether(): ReplyError | null {
    const wantsReply = this.#withDistance || this.#withHash || this.#withCoordinates;
    if (this.#target !== 0 && wantsReply) {
      const isSearch = this.#form.stores === 'always';
      return isSearch ? geoErrors.searchStoreWithReply : geoErrors.storeWithReply;
    }
    if (this.#form.center === 'option') {
      const name = this.#commandName();
      if (!this.#hasCenter) {
        return new ReplyError(
          `ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${name}`,
        );
      }
      if (this.#extent === undefined) {
        return new ReplyError(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${name}`);
      }
    }
    return this.#isAny && this.#count === 0 ? geoErrors.anyWithoutCount : null;
  }

  /** As the client wrote it. */
  #commandName(): string {
    return echoText(this.#shard.memory.low, this.#frame.at[0] ?? 0, this.#frame.bytes[0] ?? 0);
  }
}
