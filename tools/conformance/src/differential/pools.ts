/**
 * What arguments are drawn from: the values at which implementations part.
 *
 * Keys are few, so that commands meet each other; values stand around the sizes where an encoding
 *   changes (44 bytes, 64 KiB); numbers stand around 2^31, 2^32, 2^53, 2^63.
 * Invariants: no relative time lies between 1 ms and `SAFE_SECONDS`, so that nothing expires while
 *   a stream is played except where a step waits for it; no offset makes a value of more than a
 *   few megabytes.
 */
import type { Choices } from './choices.ts';

/** Shortest time to live that a stream gives a key without waiting for its end. */
export const SAFE_SECONDS = 100;

export const KEYS: readonly string[] = [
  'a', 'b', 'c', 'k1', 'k2', '', 'a b', 'k\0\r\n\xff', '{t}x', 'k'.repeat(300), '[a]', 'h*llo',
  '\\', '1', '-1', 'A', '"q"',
];
const FREQUENT_KEYS = ['a', 'b', 'c'];

export const INTEGERS: readonly string[] = [
  '0', '1', '-1', '2', '5', '10', '100', '-100', '2147483647', '2147483648', '-2147483648',
  '-2147483649', '4294967295', '4294967296', '9007199254740991', '9007199254740992',
  '9007199254740993', '-9007199254740993', '9223372036854775807', '9223372036854775808',
  '-9223372036854775808', '-9223372036854775809', '18446744073709551615', '18446744073709551616',
  '99999999999999999999', '01', '+1', '-0', '1.0', '1e2', '', ' 1', '1 ', 'abc', '0x1', '1\0',
  '-', '--1', '1-',
];

export const DOUBLES: readonly string[] = [
  '0', '1', '-1', '0.1', '-0.1', '3.0', '1.5e3', '5e-1', '1e17', '1e18', '1e20', '123456.789',
  '3.0000000000000000001', '0.00000000000000001', '1e-18', '1e4931', '1e4932', '-1e4932', '1e4933',
  '1e-4950', '1.7976931348623157e308', '1e308', '1e309', '123456789012345678901234567890',
  '9223372036854775807', '18446744073709551615', 'inf', '-inf', '+inf', 'infinity', 'INF', 'nan',
  'NaN', '-nan', '.5', '5.', '1e', '1e+', '+5', ' 5', '5 ', '', 'abc', '0x10', '0x1p3', '1_0',
  '1,5',
  '0.1\0', '2.', '-.5', '1e-1', '00001.5', '1.0e0', '-0.0', '1e100',
];

const SHORT_VALUES: readonly string[] = [
  '', 'v', 'hello world', '12', '-5', '0', '-0', '007', '+5', ' 5', '5 ', '3.5', '10.0', '1e3',
  'nan',
  'inf', '0x10', '9223372036854775807', '9223372036854775806', '-9223372036854775808',
  '9223372036854775808', '99999999999999999999', '1.7976931348623157e308', '0.1',
  'x'.repeat(43), 'x'.repeat(44), 'x'.repeat(45), '1'.repeat(44), 'z'.repeat(100),
  'ohmytext', 'mynewtext', '\0', '\r\n', '\xff\xfe\0bin', '$5\r\nhello\r\n',
];
const BYTES_AT_ROPE = 65_536;
const LARGE_VALUES: readonly string[] = [
  'y'.repeat(BYTES_AT_ROPE - 1), 'y'.repeat(BYTES_AT_ROPE), 'y'.repeat(BYTES_AT_ROPE + 1),
  'ab'.repeat(50_000), '\0'.repeat(70_000), 'w'.repeat(5_000), 'q'.repeat(16_384),
];

const OFFSETS: readonly string[] = [
  '0', '1', '-1', '2', '5', '-5', '44', '45', '65535', '65536', '70000', '-65536', '-70000',
  '200000', '536870912', '536870913', '2147483647', '2147483648', '4294967295', '4294967296',
  '9223372036854775807', '-9223372036854775808', '9223372036854775808', 'abc', '', '1.5', ' 1',
];

const DATABASES: readonly string[] = ['0', '0', '1', '1', '2', '3', '15'];
const ODD_DATABASES: readonly string[] = ['16', '-1', 'a', '', '1.0', '4294967296',
'99999999999999999999'];

/** Relative times that end in the past, far ahead, or overflow; milliseconds and seconds alike. */
const RELATIVE_TIMES: readonly string[] = [
  '0', '-1', '-100', '-9223372036854775808', '-9223372036854775', '-9223372036854776',
  '2147483647', '2147483648', '4294967296', '9007199254740991', '9007199254740993',
  '9223372036854775', '9223372036854776', '9223372036854774807', '9223370000000000000',
  '9223372036854775807', '9223372036854775808', '99999999999999999999', 'abc', '', '1.5', ' 100',
  '+1000000', '01000000', '1e9',
];
const UNIX_SECONDS: readonly string[] = [
  '1', '0', '-1', '1000000000', '4102444800', '33177117420', '9999999999', '9223372036854775',
  '9223372036854776', '9223372036854775807', '-9223372036854775808', 'abc', '', '4102444800.5',
];
const UNIX_MILLISECONDS: readonly string[] = [
  '1', '0', '-1', '1000000000000', '4102444800000', '4102444800001', '33177117420000',
  '9007199254740993', '9223372036854775807', '9223372036854775808', '-9223372036854775808', 'abc',
];

const PATTERNS: readonly string[] = [
  '*', '?', 'a*', '[a-c]', '[^a]', '[a', '[]', '[^]', '[z-a]', '[a-', '\\', '\\*', 'a\\', '', '**',
  '*a*b*', 'k?', '[k]*', '*\xff', '[\\]]', '[\\a]', 'h\\*llo', 'A', '[A-Z]', '*\0*', '[^-a]',
  '\\[a\\]',
];

/** Payloads of DUMP made by redis-server 7.0.15 (the last two are LZF), then broken ones. */
const PAYLOADS: readonly string[] = [
  '\0\x01v\n\0\x91\x08\xce\xb2\x198\x8a\xce',
  '\0\xc0\x0c\n\0<*\xf8Q\\\x04\xbc\xd5',
  '\0\xc0\xfb\n\0I\xc4\xc6\xf4\xd7&?h',
  '\0\xc2p\x11\x01\0\n\0\x01\xa4\x08\xfe\x950\x95\xa5',
  '\0\xc3\t<\x01xx\xe0/\0\x01xx\n\0\x13jK\xd6\x1c\xb5\x07\xae',
  '\0\xc3\r@\x96\x05helloh\xe0\x85\x04\x01lo\n\0\xa0U\xad\xb4\xc4D\x11\xa4',
  '\0\xc3\r@\x96\x05helloh\xe0\x85\x04\x01lp\n\0\xa0U\xad\xb4\xc4D\x11\xa4',
  '\0\x01v\x0b\0\x91\x08\xce\xb2\x198\x8a\xce',
  '', 'abc', '\0\x01v\n\0', '\0\xc0\x0c\n\0\0\0\0\0\0\0\0\0', '\0'.repeat(12), 'x'.repeat(30),
];

const WORDS: readonly string[] = [
  'NX', 'XX', 'GT', 'LT', 'GET', 'EX', 'PX', 'EXAT', 'PXAT', 'KEEPTTL', 'PERSIST', 'MATCH', 'COUNT',
  'TYPE', 'string', 'REPLACE', 'DB', 'ABSTTL', 'IDLETIME', 'FREQ', 'LEN', 'IDX', 'MINMATCHLEN',
  'WITHMATCHLEN', 'ASYNC', 'SYNC', 'HELP', 'AUTH', 'SETNAME', 'ID', 'FILTERBY', 'SAMPLES', '\r\n',
  'nx', 'Xx', 'NXX', 'N',
];

const CONNECTION_NAMES: readonly string[] = [
  'me', '', 'a b', 'new\nline', 'x\x7f', '\xff', '!', '~', 'n'.repeat(200),
];

/** Hands out arguments of every kind. */
export class Pools {
  readonly choices: Choices;
  /** Keys that the request has announced, or listed; 0 = none. For whoever draws arguments. */
  keysToCome = 0;

  constructor(choices: Choices) {
    this.choices = choices;
  }

  /** A value for an argument of this name; undefined when its type decides. */
  named(_name: string, _type: string): string | undefined {
    return undefined;
  }

  /** True for a token that no stream may have. */
  avoids(_token: string): boolean {
    return false;
  }

  key(): string {
    return this.choices.once(3) ? this.choices.of(KEYS) : this.choices.of(FREQUENT_KEYS);
  }

  value(): string {
    if (this.choices.once(14)) return this.choices.of(LARGE_VALUES);
    if (this.choices.once(6)) return this.choices.of(DOUBLES);
    if (this.choices.once(8)) return this.binary();
    return this.choices.of(SHORT_VALUES);
  }

  binary(): string {
    const bytes = this.choices.below(this.choices.once(4) ? 60 : 8);
    return String.fromCharCode(...Array.from({ length: bytes }, () => this.choices.below(256)));
  }

  integer(): string {
    return this.choices.once(3) ? String(this.choices.below(1000)) : this.choices.of(INTEGERS);
  }

  double(): string {
    const { choices } = this;
    if (choices.once(4)) {
      const whole = choices.below(2_000_000) - 1_000_000;
      const exponent = choices.once(3) ? `e${choices.below(40) - 20}` : '';
      return `${whole}.${choices.below(1_000_000)}${exponent}`;
    }
    return choices.of(DOUBLES);
  }

  offset(): string {
    return this.choices.once(2) ? String(this.choices.below(120) - 40) : this.choices.of(OFFSETS);
  }

  database(): string {
    return this.choices.of(this.choices.once(6) ? ODD_DATABASES : DATABASES);
  }

  /** A time to live that no stream outlives; half of the time a plain one. */
  relativeTime(unitsPerSecond: number): string {
    const { choices } = this;
    if (choices.once(3)) return choices.of(RELATIVE_TIMES);
    return String((SAFE_SECONDS + choices.below(10_000_000)) * unitsPerSecond);
  }

  unixSeconds(): string {
    return this.choices.of(UNIX_SECONDS);
  }

  unixMilliseconds(): string {
    return this.choices.of(UNIX_MILLISECONDS);
  }

  pattern(): string {
    return this.choices.of(PATTERNS);
  }

  payload(): string {
    return this.choices.once(3) ? this.binary() : this.choices.of(PAYLOADS);
  }

  word(): string {
    return this.choices.of(WORDS);
  }

  connectionName(): string {
    return this.choices.of(CONNECTION_NAMES);
  }
}
