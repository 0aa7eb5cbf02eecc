/**
 * The loads of `bench:types`: commands of every type as redis-benchmark sends them, with what has
 * to be there before each run. Members and keys are `element:` and twelve digits, drawn at random.
 */

/** Keys and members drawn at random, unless a load says otherwise. */
const MEMBERS = 100_000;
/** Members of the large sorted set. */
const LARGE_MEMBERS = 1_000_000;
/** Elements, fields and members of the replies that are read whole. */
const SMALL_ENTRIES = 100;
const LONG_ENTRIES = 600;
/** Elements sent in one request of a fill. */
const FILL_STEP = 100;
/** Multiplied with an index it visits every score below LARGE_MEMBERS once. */
const SCORE_STEP = 700_001;

/** What has to be there before a run of so many operations. */
export interface Fill {
  readonly count: number;
  readonly request: (i: number) => readonly string[];
}

/** One row of the report. */
export interface TypeLoad {
  readonly name: string;
  readonly words: readonly string[];
  readonly keys: number;
  /** Server CPU per operation, at most this share of redis-server's. */
  readonly goal: number;
  /** Fill for a run of so many operations; a run that changes nothing is filled once. */
  readonly fill?: (operations: number) => Fill;
  /** Every run starts from an empty server and its own fill. */
  readonly isChanging: boolean;
}

const RANDOM = '__rand_int__';
const ELEMENT = `element:${RANDOM}`;
const WRITE_GOAL = 0.8;
const READ_GOAL = 0.9;
const LARGE_GOAL = 0.6;

/** Name number i, as redis-benchmark would draw it. */
export function elementText(i: number): string {
  return `element:${String(i).padStart(12, '0')}`;
}

/** `count` names from number `i * count` on. */
function elements(i: number, count: number): string[] {
  return Array.from({ length: count }, (_, k) => elementText(i * count + k));
}

/** As many elements, or a few more, as a run takes away. */
function popFill(
  words: readonly string[], each: (i: number) => readonly string[],
): (operations: number) => Fill {
  return (operations) => ({
    count: Math.ceil(operations / FILL_STEP) + 1,
    request: (i) => [...words, ...each(i)],
  });
}

const largeFill = (): Fill => ({
  count: LARGE_MEMBERS / FILL_STEP,
  request: (i) => [
    'ZADD', 'large', ...elements(i, FILL_STEP).flatMap((element, k) => [
      String(((i * FILL_STEP + k) * SCORE_STEP) % LARGE_MEMBERS), element,
    ]),
  ],
});

const once = (request: readonly string[]) => (): Fill => ({ count: 1, request: () => request });

function changing(
  name: string, words: readonly string[], fill?: (operations: number) => Fill,
): TypeLoad {
  const load = { name, words, keys: MEMBERS, goal: WRITE_GOAL, isChanging: true };
  return fill === undefined ? load : { ...load, fill };
}

function reading(
  name: string, words: readonly string[], fill: (operations: number) => Fill,
): TypeLoad {
  return { name, words, keys: MEMBERS, goal: READ_GOAL, fill, isChanging: false };
}

function large(name: string, words: readonly string[]): TypeLoad {
  const isChanging = words[0] === 'ZADD';
  return { name, words, keys: LARGE_MEMBERS, goal: LARGE_GOAL, fill: largeFill, isChanging };
}

/** All loads, with values of `value`. */
export function typeLoads(value: string): TypeLoad[] {
  const values = (count: number): string[] => Array.from({ length: count }, () => value);
  const scored = (i: number): string[] =>
    elements(i, FILL_STEP).flatMap((element, k) => [String((i * FILL_STEP + k) % 9973), element]);
  const pairs = elements(0, SMALL_ENTRIES).flatMap((element) => [element, value]);
  const ranked = elements(0, SMALL_ENTRIES).flatMap((element, i) => [String(i), element]);
  return [
    changing('LPUSH', ['LPUSH', 'list', value]),
    changing('RPUSH', ['RPUSH', 'list', value]),
    changing('LPOP', ['LPOP', 'list'], popFill(['RPUSH', 'list'], () => values(FILL_STEP))),
    changing('RPOP', ['RPOP', 'list'], popFill(['RPUSH', 'list'], () => values(FILL_STEP))),
    changing('SADD', ['SADD', 'set', ELEMENT]),
    changing('SPOP', ['SPOP', 'set'], popFill(['SADD', 'set'], (i) => elements(i, FILL_STEP))),
    changing('HSET', ['HSET', 'hash', ELEMENT, value]),
    changing('ZADD', ['ZADD', 'zset', RANDOM, ELEMENT]),
    changing('ZPOPMIN', ['ZPOPMIN', 'zset'], popFill(['ZADD', 'zset'], scored)),
    changing('XADD', ['XADD', 'stream', '*', 'field', value]),
    changing('INCR', ['INCR', `counter:${RANDOM}`]),
    changing('MSET (10)', [
      'MSET', ...Array.from({ length: 10 }, () => [`key:${RANDOM}`, value]).flat(),
    ]),
    reading('LRANGE_100', ['LRANGE', 'list', '0', '99'],
      once(['RPUSH', 'list', ...values(LONG_ENTRIES)])),
    reading('LRANGE_600', ['LRANGE', 'list', '0', '599'],
      once(['RPUSH', 'list', ...values(LONG_ENTRIES)])),
    reading('HGETALL (100)', ['HGETALL', 'hash'], once(['HSET', 'hash', ...pairs])),
    reading('ZRANGE 100', ['ZRANGE', 'zset', '0', '-1'], once(['ZADD', 'zset', ...ranked])),
    large('ZADD, 1 M', ['ZADD', 'large', RANDOM, ELEMENT]),
    large('ZRANK, 1 M', ['ZRANK', 'large', ELEMENT]),
    large('ZRANGE 100, 1 M', [
      'ZRANGE', 'large', RANDOM, '+inf', 'BYSCORE', 'LIMIT', '0', '100',
    ]),
  ];
}
