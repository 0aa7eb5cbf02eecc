/**
 * An endless, seeded stream of geo commands for model tests: few keys, members in a handful of
 * regions (towns, both poles, the date line, the corners of the map), shapes from metres to the
 * whole earth, options in any order, wrong ones among them.
 */
import type { RandomSource } from './random-source.ts';
import { randomSource } from './random-source.ts';

const KEYS = ['a', 'b', 'c', 'list'];
const MEMBERS = 40;
/** Longitude, latitude and spread of a region, degrees. */
const REGIONS = [
  [13.4, 38.1, 0.01], [13.4, 38.1, 2], [0, 0, 0.5], [-70, -33, 5], [179.95, 10, 0.2],
  [-179.9, -40, 1], [0, 84.9, 1], [100, -84.9, 1], [0, 0, 180], [180, 85.05, 0.5], [25, 67, 3],
] as const;
const UNITS = ['m', 'km', 'ft', 'mi', 'KM', 'm', 'km'];
const SIZES = [
  '0', '1', '15.5', '100', '500', '1000', '2500', '10000', '100000', '1000000', '6000000',
  '25000000', '-1', 'x', 'inf', '1e3',
];

export class RandomGeoCommands {
  readonly #random: RandomSource;

  constructor(seed: number) {
    this.#random = randomSource(seed);
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  /** One of the items. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  key(): string {
    return this.below(12) === 0 ? this.pick(KEYS) : this.pick(['a', 'b']);
  }

  /** The next command, name first. */
  next(): string[] {
    const makers: readonly (() => string[])[] = [
      () => ['GEOADD', this.key(), ...this.#addOptions(), ...this.#triples(1 + this.below(6))],
      () => ['GEOADD', this.key(), ...this.#triples(12)],
      () => ['GEODIST', this.key(), this.#member(), this.#member(), ...this.#unitMaybe()],
      () => [this.pick(['GEOPOS', 'GEOHASH']), this.key(), ...this.#members()],
      () => ['GEOSEARCH', this.key(), ...this.#searchOptions(true)],
      () => ['GEOSEARCH', this.key(), ...this.#searchOptions(true)],
      () => ['GEOSEARCHSTORE', this.pick(KEYS), this.key(), ...this.#storeOptions()],
      () => this.#radius(),
      () => this.#radius(),
      () => ['ZREM', this.key(), ...this.#members()],
      () => ['ZADD', this.key(), this.pick(['0', '-1', '3479099956230698', '1e16', '0.5', '9e18',
        '-inf', 'inf', '-9007199254740993']), this.#member()],
      () => (this.below(4) === 0 ? ['DEL', this.key()] : ['ZCARD', this.key()]),
    ];
    return this.pick(makers)();
  }

  #member(): string {
    return `m${this.below(MEMBERS)}`;
  }

  #members(): string[] {
    return Array.from({ length: 1 + this.below(3) }, () => this.#member());
  }

  #unitMaybe(): string[] {
    if (this.below(30) === 0) return ['parsec'];
    return this.below(2) === 0 ? [] : [this.pick(UNITS)];
  }

  #position(): string[] {
    if (this.below(60) === 0) {
      return [this.pick(['200', 'x', '-180', 'nan']), this.pick(['0', '91'])];
    }
    const [longitude, latitude, spread] = this.pick(REGIONS);
    const moved = (from: number): number => from + (this.below(2001) / 1000 - 1) * spread;
    const clamp = (value: number, max: number): number => Math.max(-max, Math.min(max, value));
    const east = moved(longitude);
    const wrapped = east > 180 ? east - 360 : east;
    return [String(clamp(wrapped, 180)), String(clamp(moved(latitude), 85.05112878))];
  }

  #triples(count: number): string[] {
    return Array.from({ length: count }, () => [...this.#position(), this.#member()]).flat();
  }

  #addOptions(): string[] {
    return [[], [], [], ['NX'], ['XX'], ['CH'], ['CH', 'XX'], ['nx', 'ch'], ['NX', 'XX']][
      this.below(9)
    ] ?? [];
  }

  #size(): string {
    return this.below(40) === 0 ? this.pick(SIZES) : this.pick(SIZES.slice(0, 12));
  }

  #unit(): string {
    return this.below(50) === 0 ? 'parsec' : this.pick(UNITS);
  }

  #center(): string[] {
    return this.below(3) === 0
      ? ['FROMMEMBER', this.#member()]
      : ['FROMLONLAT', ...this.#position()];
  }

  #extent(): string[] {
    return this.below(2) === 0
      ? ['BYRADIUS', this.#size(), this.#unit()]
      : ['BYBOX', this.#size(), this.#size(), this.#unit()];
  }

  /** Groups of words in any order, now and then one too few or a wrong one. */
  #shuffled(groups: string[][]): string[] {
    const rest = [...groups];
    if (this.below(40) === 0) rest.pop();
    if (this.below(40) === 0) rest.push([this.pick(['FOO', 'ANY', 'COUNT', 'STOREDIST', 'STORE'])]);
    const words: string[] = [];
    while (rest.length > 0) words.push(...(rest.splice(this.below(rest.length), 1)[0] ?? []));
    return words;
  }

  #limits(): string[][] {
    const groups: string[][] = [];
    if (this.below(2) === 0) groups.push([this.pick(['ASC', 'DESC', 'asc'])]);
    const counts = ['1', '2', '5', '10', '20', '100', '0', '-1', 'x'];
    if (this.below(2) === 0) groups.push(['COUNT', this.pick(counts)]);
    if (this.below(12) === 0) groups.push(['COUNT', '3', 'ANY']);
    return groups;
  }

  #shown(): string[][] {
    return ['WITHCOORD', 'WITHDIST', 'WITHHASH'].filter(() => this.below(3) === 0)
      .map((word) => [word]);
  }

  #searchOptions(isShown: boolean): string[] {
    const shown = isShown ? this.#shown() : [];
    return this.#shuffled([this.#center(), this.#extent(), ...this.#limits(), ...shown]);
  }

  #storeOptions(): string[] {
    const words = this.#searchOptions(this.below(30) === 0);
    return this.below(3) === 0 ? [...words, 'STOREDIST'] : words;
  }

  #radius(): string[] {
    const readOnly = this.below(2) === 0 ? '_RO' : '';
    const isMember = this.below(3) === 0;
    const name = `${isMember ? 'GEORADIUSBYMEMBER' : 'GEORADIUS'}${readOnly}`;
    const center = isMember ? [this.#member()] : this.#position();
    const isStored = this.below(3) === 0;
    const store = isStored ? [[this.pick(['STORE', 'STOREDIST']), this.pick(KEYS)]] : [];
    const shown = isStored && this.below(10) > 0 ? [] : this.#shown();
    const options = this.#shuffled([...this.#limits(), ...shown, ...store]);
    return [name, this.key(), ...center, this.#size(), this.#unit(), ...options];
  }
}
