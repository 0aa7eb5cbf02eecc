/**
 * What arguments of the types' commands are drawn from: few members, so that they meet; sizes
 * around the thresholds of every encoding (64 and 65 bytes; 128, 512 elements; integers of 16, 32,
 * 64 bits); scores that collide, infinities; IDs that ascend, and some that do not.
 *
 * Invariants: nothing is drawn that two right servers must answer differently: no ID of `*`, no
 *   BLOCK, no BYLEX where scores differ, no idle time between 1 ms and an hour; no bit offset makes
 *   a string of megabytes.
 */
import type { Choices } from '../choices.ts';
import { INTEGERS, Pools } from '../pools.ts';
import type { KeyKind } from './type-commands.ts';
import { KEY_KINDS } from './type-commands.ts';

const MEMBERS: readonly string[] = [
  'a', 'b', 'c', 'd', 'e', 'f', 'g', '', 'A', '\x01', '\xff', 'a\r\n', '0', '1', '2', '-1', '10',
  '32767', '32768', '-32769', '2147483648', '9223372036854775807', '9223372036854775808', '01',
  '1.5', 'nan', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(65), 'y'.repeat(300), 'ab', 'abc',
];
const SCORES: readonly string[] = [
  '0', '1', '1', '2', '3', '-1', '1.5', '0.1', '-0', '1e3', 'inf', '-inf', '+inf', '1e308',
  '5e-324',
  '9007199254740993', '3.0', '123456789.125', 'nan', 'abc', '', ' 1', '1_0', '0x10', '1e400',
];
const SCORE_BORDERS: readonly string[] = [
  '-inf', '+inf', 'inf', '0', '1', '(1', '2', '(2', '(-inf', '3', '(0.1', '-1', 'abc', '(', '',
];
const LEX_BORDERS: readonly string[] = [
  '-', '+', '[a', '(a', '[b', '(c', '[f', '[', '(', '[zz', 'a', '', '[\xff', '(1',
];
const INDEXES: readonly string[] = [
  '0', '1', '-1', '2', '-2', '3', '-3', '5', '-5', '100', '-100', '127', '128', '511', '512',
  '2147483648', '-2147483649', '9223372036854775807', '-9223372036854775808', 'abc', '', '1.5',
];
const COUNTS: readonly string[] = [
  '0', '1', '2', '3', '5', '10', '-1', '-2', '-5', '100', '1000', '2147483647', '4294967296',
  '9223372036854775807', '-9223372036854775808', 'abc', '',
];
const IDS: readonly string[] = [
  '0', '0-0', '0-1', '1', '1-1', '2-0', '3-1', '5', '-', '+', '(1-1', '(5', '(-', '(+', '$', '>',
  '18446744073709551615-18446744073709551615', '18446744073709551615', '18446744073709551616',
  '1-18446744073709551616', 'a-1', '1-', '-1', '1-1-1', '', '7-*', '0-*', '99999-1',
];
const IDLE_TIMES: readonly string[] = ['0', '0', '0', '3600000', '-1', 'abc', '1e3', ''];
const BIT_TYPES: readonly string[] = [
  'u1', 'u8', 'i8', 'u16', 'i16', 'u31', 'u32', 'i32', 'u63', 'i64', 'i5', 'u3', 'u64', 'i65', 'i0',
  'u0', 'x8', '8', '', 'U8',
];
const BIT_OFFSETS: readonly string[] = [
  '0', '1', '7', '8', '9', '15', '63', '64', '100', '1000', '#0', '#1', '#5', '-1', '#-1', 'abc',
  '', '#', '4294967296', '9223372036854775807', '#9223372036854775807', '70000',
];
const LONGITUDES: readonly string[] = [
  '13.361389', '15.087269', '0', '-0.0001', '179.9', '-180', '180', '180.1', '2.35', '2.36', 'x',
];
const LATITUDES: readonly string[] = [
  '38.115556', '37.502669', '0', '0.0001', '85.05112878', '-85.05112878', '86', '48.85', '48.86',
];
const DISTANCES: readonly string[] = [
  '0', '1', '100', '200', '166274', '5000', '20000', '-1', '0.5', 'abc', '1e10', 'nan',
];
const SORT_PATTERNS: readonly string[] = [
  '*', '#', 'w_*', 'hash1->*', 'hash*->a', 'nosort', '*->a', 'string*', 'w_*->', '',
];
const GROUPS: readonly string[] = ['g1', 'g2', 'g1', 'none', ''];
const CONSUMERS: readonly string[] = ['alice', 'bob', 'alice', 'carol', ''];

/** IDs of XADD come from here, mostly ascending. */
const ID_STEP_MAX = 3;
/** Elements of a bulk request: around the thresholds of all types. */
const BULK_SIZES: readonly number[] = [20, 63, 64, 65, 127, 128, 129, 200, 511, 512, 513, 700];

export class TypePools extends Pools {
  /** Kind of key that the next command is played on. */
  kind: KeyKind = 'list';
  /** Name of the command whose arguments are drawn, in lower case. */
  command = '';
  #lastId = 0;

  constructor(choices: Choices) {
    super(choices);
  }

  override key(): string {
    const { choices } = this;
    const kind = choices.once(14) ? choices.of(KEY_KINDS) : this.kind;
    return `${kind}${choices.once(4) ? choices.of(['3', '4']) : choices.of(['1', '2'])}`;
  }

  override value(): string {
    if (!this.choices.once(6)) return this.member();
    // SORT ALPHA of Redis sees a text up to its first zero byte only.
    return super.value().slice(0, 400).replaceAll('\0', '\x01');
  }

  override word(): string {
    const word = super.word();
    return word === 'BLOCK' ? 'COUNT' : word;
  }

  member(): string {
    const { choices } = this;
    if (choices.once(3)) return `m${choices.below(40)}`;
    if (choices.once(4)) return String(choices.below(1000) - 200);
    return choices.of(MEMBERS);
  }

  /** A border of a range by bytes. */
  lexBorder(): string {
    return this.choices.of(LEX_BORDERS);
  }

  score(): string {
    return this.choices.once(3) ? String(this.choices.below(20)) : this.choices.of(SCORES);
  }

  /** Elements for one request that takes many; the same sizes for every type. */
  bulkSize(): number {
    return this.choices.of(BULK_SIZES);
  }

  /** An ID that is mostly above all before. */
  nextId(): string {
    const { choices } = this;
    if (choices.once(12)) return choices.of(IDS);
    this.#lastId += 1 + choices.below(ID_STEP_MAX);
    const sequence = choices.once(8) ? '*' : String(choices.below(3));
    return choices.once(4) ? String(this.#lastId) : `${this.#lastId}-${sequence}`;
  }

  id(): string {
    const { choices } = this;
    if (choices.once(3)) return choices.of(IDS);
    const ms = 1 + choices.below(Math.max(1, this.#lastId));
    return choices.once(3) ? String(ms) : `${ms}-${choices.below(3)}`;
  }

  override avoids(token: string): boolean {
    if (token === 'BLOCK') return true;
    // Distances are stored in full: sine and cosine of two libraries differ in the last bit.
    if (token === 'BYLEX' || token === 'STOREDIST') return true;
    if (token === '*') return this.command === 'xadd';
    return false;
  }

  override named(name: string, type: string): string | undefined {
    const { choices } = this;
    switch (name) {
      case 'member': case 'element': case 'pivot': case 'member1': case 'member2': case 'field':
        return this.member();
      case 'score':
        return this.score();
      case 'increment':
        return this.#increment(type);
      case 'index': case 'rank':
        return choices.of(INDEXES);
      case 'start': case 'stop': case 'end':
        return this.#border(choices);
      case 'min': case 'max':
        return this.command.includes('lex') || choices.once(9)
          ? this.lexBorder() : this.#border(choices);
      case 'count': case 'num-matches': case 'len': case 'limit':
        return choices.of(COUNTS);
      case 'id': case 'last-id': case 'lastid': case 'last_delivered_id': case 'start_id':
      case 'new_id': case 'max-deleted-id': case 'threshold':
        return this.#idOf(name);
      case 'group': case 'groupname':
        return choices.of(GROUPS);
      case 'consumer': case 'consumername':
        return choices.of(CONSUMERS);
      case 'min-idle-time': case 'ms': case 'unix-time-milliseconds':
        return choices.of(IDLE_TIMES);
      case 'encoding':
        return choices.of(BIT_TYPES);
      case 'offset':
        return this.kind === 'string' ? choices.of(BIT_OFFSETS) : choices.of(INDEXES);
      case 'longitude':
        return choices.of(LONGITUDES);
      case 'latitude':
        return choices.of(LATITUDES);
      case 'radius': case 'width': case 'height':
        return choices.of(DISTANCES);
      case 'pattern':
        return this.command.startsWith('sort') ? choices.of(SORT_PATTERNS) : undefined;
      case 'weight':
        return choices.once(3) ? choices.of(SCORES) : String(choices.below(4));
      case 'destination-db':
        return '0';
      default:
        return undefined;
    }
  }

  #border(choices: Choices): string {
    if (this.kind === 'stream') return this.id();
    if (this.kind !== 'zset') return choices.of(INDEXES);
    return choices.once(2) ? choices.of(INDEXES) : choices.of(SCORE_BORDERS);
  }

  #idOf(name: string): string {
    const isNew = this.command === 'xadd' && name === 'id';
    if (name === 'threshold' && this.choices.once(2)) return this.choices.of(COUNTS);
    if (this.command === 'xreadgroup' && this.choices.once(2)) return '>';
    return isNew ? this.nextId() : this.id();
  }

  #increment(type: string): string {
    if (type === 'double') return this.choices.once(2) ? this.score() : this.double();
    return this.choices.once(3) ? this.choices.of(INTEGERS) : String(this.choices.below(9) - 4);
  }
}
