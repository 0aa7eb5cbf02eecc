/**
 * Random commands on every type, for tests that run over all of them: replay of the journal, DUMP,
 * refused memory, lazy freeing. Templates of words; capital words stand for what is drawn:
 *
 *   K key of the template's type   J a key of any type      M member, field or element
 *   S score                        I index                  C small count
 *   X ID of a stream, ascending    Y recent ID              T time in ms from now, short
 *   B many members at once         P many pairs             Q many scored members
 *   S2 component of a vector       M4 blob of one component
 *
 * Members are few, so that they meet; long ones and many at once turn encodings. What comes may be
 * refused: then nothing must change.
 */
import type { Chance } from '../platform/platform.ts';

/** Types that templates are for, as prefixes of their keys. */
export type TemplateType =
  'list' | 'set' | 'zset' | 'hash' | 'stream' | 'vector' | 'string' | 'any';

const TEMPLATES: Readonly<Record<TemplateType, readonly string[]>> = {
  list: [
    'RPUSH K M', 'LPUSH K M M M', 'RPUSH K B', 'LPUSH K B', 'LPOP K', 'RPOP K C', 'LSET K I M',
    'LINSERT K BEFORE M M', 'LINSERT K AFTER M M', 'LREM K I M', 'LTRIM K I I',
    'LMOVE K K LEFT RIGHT', 'RPOPLPUSH K K', 'LMPOP 2 K K LEFT COUNT C', 'RPUSHX K M',
    'SORT K ALPHA STORE K',
  ],
  set: [
    'SADD K M', 'SADD K M M M', 'SADD K B', 'SREM K M M', 'SREM K B', 'SPOP K', 'SPOP K C',
    'SMOVE K K M', 'SINTERSTORE K K K', 'SUNIONSTORE K K K', 'SDIFFSTORE K K K', 'SADD K I I I',
  ],
  zset: [
    'ZADD K S M', 'ZADD K S M S M S M', 'ZADD K Q', 'ZADD K XX GT CH S M', 'ZINCRBY K S M',
    'ZREM K M M', 'ZPOPMIN K', 'ZPOPMAX K C', 'ZREMRANGEBYRANK K I I', 'ZREMRANGEBYSCORE K S S',
    'ZREMRANGEBYLEX K [a (m', 'ZUNIONSTORE K 2 K K WEIGHTS 2 C',
    'ZINTERSTORE K 2 K K AGGREGATE MAX', 'ZDIFFSTORE K 2 K K', 'ZRANGESTORE K K I I',
    'ZMPOP 1 K MIN COUNT C', 'GEOADD K 13.361389 38.115556 M 2.35 48.85 M',
    'GEOSEARCHSTORE K K FROMLONLAT 2 48 BYRADIUS 900 KM',
  ],
  hash: [
    'HSET K M M', 'HSET K M M M M', 'HSET K P', 'HDEL K M M', 'HDEL K B', 'HINCRBY K M C',
    'HINCRBYFLOAT K M 0.5', 'HSETNX K M M', 'HPEXPIRE K T FIELDS 2 M M', 'HPERSIST K FIELDS 1 M',
    'HGETDEL K FIELDS 1 M', 'HGETEX K PX T FIELDS 1 M', 'HSETEX K PX T FIELDS 1 M M',
  ],
  stream: [
    'XADD K X M M', 'XADD K X M M M M', 'XADD K X M M', 'XADD K MAXLEN C X M M', 'XADD K X P',
    'XDEL K Y Y', 'XTRIM K MAXLEN C', 'XTRIM K MINID Y', 'XGROUP CREATE K g 0 MKSTREAM',
    'XGROUP SETID K g Y', 'XGROUP DESTROY K g', 'XGROUP CREATECONSUMER K g M',
    'XGROUP DELCONSUMER K g alice', 'XGROUP CREATE K g 0',
    'XREADGROUP GROUP g alice COUNT C STREAMS K >', 'XREADGROUP GROUP g bob STREAMS K >',
    'XACK K g Y Y', 'XREADGROUP GROUP g alice STREAMS K 0', 'XCLAIM K g bob 0 Y Y',
    'XAUTOCLAIM K g alice 0 0 COUNT C', 'XSETID K Y', 'XADD K * M M',
  ],
  vector: [
    'VADD K VALUES 2 S2 S2 M', 'VADD K VALUES 2 S2 S2 M', 'VADD K VALUES 2 S2 S2 M NOQUANT',
    'VADD K VALUES 2 S2 S2 M BIN SETATTR {"a":1}', 'VADD K VALUES 3 1 S2 S2 M',
    'VADD K VALUES 2 S2 1 M SETATTR {"a":2}', 'VREM K M', 'VREM K M', 'VSETATTR K M {"b":3}',
    'VSETATTR K M ', 'VADD K REDUCE 2 VALUES 3 S2 S2 1 M M 8', 'VADD K VALUES 2 0 0 M EF 9',
    'VNEW K 1 METRIC l2', 'VADD K M M4', 'VDEL K M', 'VECSET K 2 S2 S2 ID M', 'VECSET K 2 S2 S2',
    'VECDEL K M', 'VECDEL K', 'VECNEW K 1 METRIC ip M 8 EF 9', 'VECNEW K 2 PRESET high_speed',
    'VECADD K M M4 {"a":1}', 'VECADD K M M4 {} M M4 {"b":2}', 'VECDROP K',
  ],
  string: [
    'SET K M', 'APPEND K M', 'SETBIT K C 1', 'BITFIELD K SET u8 #C C', 'BITOP XOR K K K',
    'PFADD K M', 'PFADD K B', 'PFMERGE K K K',
  ],
  any: [
    'DEL J', 'UNLINK J J', 'RENAME J J', 'RENAMENX J J', 'COPY J J', 'COPY J J REPLACE',
    'COPY J J DB 1 REPLACE', 'MOVE J 1', 'PEXPIRE J T', 'PERSIST J', 'SWAPDB 0 1',
  ],
};

/** Types that redis-server 7.0 has too. */
const TYPES: readonly TemplateType[] = ['list', 'set', 'zset', 'hash', 'stream', 'string'];
/** All that Kora has. */
export const EVERY_TYPE: readonly TemplateType[] = [...TYPES, 'vector'];
const LONG_MEMBER_BYTES = 70;
const BULK_SIZES: readonly number[] = [5, 40, 70, 140, 300];

export class RandomTypeCommands {
  readonly #chance: Chance;
  readonly #types: readonly TemplateType[];
  #lastId = 0;

  /** @param types whose commands are drawn; default: those of redis-server 7.0 */
  constructor(chance: Chance, types: readonly TemplateType[] = TYPES) {
    this.#chance = chance;
    this.#types = types;
  }

  /** The next command. */
  next(): string[] {
    const type = this.pick(this.#types);
    const template = this.pick(TEMPLATES[this.below(8) === 0 ? 'any' : type]);
    return template.split(' ').flatMap((word) => this.#words(word, type));
  }

  /** A key of any of the types. */
  key(): string {
    return this.#key(this.pick(this.#types));
  }

  below(bound: number): number {
    return (this.#chance.next32() >>> 0) % bound;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  #key(type: TemplateType): string {
    return `${type}${this.below(4) === 0 ? 3 : 1 + this.below(2)}`;
  }

  #words(word: string, type: TemplateType): string[] {
    switch (word) {
      case 'K':
        return [this.#key(type)];
      case 'J':
        return [this.key()];
      case 'M':
        return [this.#member()];
      case 'S':
        return [this.pick(['0', '1', '2', '2', '-1', '1.5', 'inf', '-inf', '0.1'])];
      case 'M4':
        return [this.pick(['\0\0\0\0', '\0\0\x80\x3f', '\0\0\x20\xc1', 'odd'])];
      case 'S2':
        return [this.pick(['0', '1', '-1', '0.25', '-0.5', '3', '1e3', '-7.5'])];
      case 'I':
        return [String(this.below(13) - 6)];
      case 'C': case '#C':
        return [(word === '#C' ? '#' : '') + String(this.below(9))];
      case 'X':
        this.#lastId += 1 + this.below(3);
        return [`${this.#lastId}-${this.below(2)}`];
      case 'Y':
        return [`${Math.max(0, this.#lastId + 1 - this.below(14))}-${this.below(2)}`];
      case 'T':
        return [String(1 + this.below(5_000))];
      default:
        return this.#many(word);
    }
  }

  #many(word: string): string[] {
    if (word !== 'B' && word !== 'P' && word !== 'Q') return [word];
    const members = Array.from({ length: this.pick(BULK_SIZES) }, (_, i) => `bulk:${i}`);
    if (word === 'P') return members.flatMap((field) => [field, 'value']);
    if (word === 'Q') return members.flatMap((member, i) => [String((i * 7) % 20), member]);
    return members;
  }

  #member(): string {
    const kind = this.below(12);
    if (kind === 0) return 'x'.repeat(LONG_MEMBER_BYTES + this.below(3));
    if (kind < 4) return String(this.below(20));
    return `m${this.below(15)}`;
  }
}
