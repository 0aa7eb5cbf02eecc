/**
 * What each command of the workload does to a key space and answers, written as plainly as
 * possible: the oracle of the simulator. A change that WATCH would not see is no `put`.
 * Source: the behaviour of redis-server 7.0.
 */
import type { KeySpace, Value } from './key-space.ts';
import { collectionOf, stringOf } from './key-space.ts';
import type { Reply } from './reply.ts';
import { sortedReply } from './reply.ts';

/** Runs a command; `words` with its name. */
export type CommandModel = (space: KeySpace, words: readonly string[]) => Reply;

const WRONG_TYPE = '-WRONGTYPE';
const integer = (value: number): string => `:${value}`;
const bulk = (text: string | undefined): Reply => (text === undefined ? null : `$${text}`);

/** The key's value when it has this type or there is none; 'wrong' else. */
function find(space: KeySpace, key: string, type: Value['type']): Value | undefined | 'wrong' {
  const value = space.get(key);
  return value === undefined || value.type === type ? value : 'wrong';
}

/** A model of a command whose keys all have to be of one type. */
function typed(
  type: Value['type'], keysOf: (words: readonly string[]) => readonly string[],
  run: (space: KeySpace, words: readonly string[]) => Reply,
): CommandModel {
  return (space, words) => {
    const isWrong = keysOf(words).some((key) => find(space, key, type) === 'wrong');
    return isWrong ? WRONG_TYPE : run(space, words);
  };
}

const first = (words: readonly string[]): readonly string[] => [words[1] ?? ''];
const firstTwo = (words: readonly string[]): readonly string[] => words.slice(1, 3);
const rest = (words: readonly string[]): readonly string[] => words.slice(2);
const text = (space: KeySpace, key: string): string => space.get(key)?.text ?? '';
const items = (space: KeySpace, key: string): readonly string[] => space.get(key)?.items ?? [];
const deadline = (space: KeySpace, key: string): number => space.get(key)?.expireAtMs ?? Infinity;

function setItems(
  space: KeySpace, key: string, type: 'list' | 'set', next: readonly string[],
): void {
  space.put(key, collectionOf(type, next, deadline(space, key)));
}

function push(
  space: KeySpace, key: string, at: 'LEFT' | 'RIGHT', added: readonly string[],
): Reply {
  const before = items(space, key);
  const next = at === 'LEFT' ? [...[...added].reverse(), ...before] : [...before, ...added];
  setItems(space, key, 'list', next);
  return integer(next.length);
}

function pop(space: KeySpace, key: string, from: string): string | undefined {
  const before = items(space, key);
  if (before.length === 0) return undefined;
  const isLeft = from === 'LEFT';
  setItems(space, key, 'list', isLeft ? before.slice(1) : before.slice(0, -1));
  return isLeft ? before[0] : before.at(-1);
}

function store(space: KeySpace, key: string, members: readonly string[]): Reply {
  const value = collectionOf('set', [...new Set(members)]);
  if (value !== undefined || space.get(key) !== undefined) space.put(key, value);
  return integer(value?.items.length ?? 0);
}

function setString(space: KeySpace, words: readonly string[]): Reply {
  const [, key = '', value = '', ...options] = words;
  const before = space.get(key);
  const hasGet = options.includes('GET');
  if (hasGet && before !== undefined && before.type !== 'string') return WRONG_TYPE;
  const old = hasGet ? bulk(before?.text) : null;
  const isRefused = options.includes('NX') ? before !== undefined
    : options.includes('XX') && before === undefined;
  if (isRefused) return old;
  const at = options.indexOf('PXAT');
  const kept = options.includes('KEEPTTL') ? deadline(space, key) : Infinity;
  space.put(key, stringOf(value, at < 0 ? kept : Number(options[at + 1])));
  return hasGet ? old : '+OK';
}

function increment(space: KeySpace, words: readonly string[]): Reply {
  const [, key = '', by = '1'] = words;
  const before = text(space, key);
  if (!/^-?\d*$/.test(before)) return '-ERR';
  const next = Number(before) + Number(by);
  space.put(key, stringOf(String(next), deadline(space, key)));
  return integer(next);
}

function rename(space: KeySpace, [, from = '', to = '']: readonly string[]): Reply {
  const value = space.get(from);
  if (value === undefined) return '-ERR';
  if (from === to) return '+OK';
  space.put(from, undefined);
  space.put(to, value);
  return '+OK';
}

function removeKeys(space: KeySpace, words: readonly string[]): Reply {
  let count = 0;
  for (const key of words.slice(1)) {
    if (space.get(key) === undefined) continue;
    space.put(key, undefined);
    count++;
  }
  return integer(count);
}

const keyModels: Readonly<Record<string, CommandModel>> = {
  DEL: removeKeys,
  UNLINK: removeKeys,
  EXISTS: (space, words) =>
    integer(words.slice(1).filter((key) => space.get(key) !== undefined).length),
  TYPE: (space, [, key = '']) => `+${space.get(key)?.type ?? 'none'}`,
  RENAME: rename,
  RENAMENX: (space, words) => {
    const [, from = '', to = ''] = words;
    if (space.get(from) === undefined) return '-ERR';
    if (space.get(to) !== undefined) return ':0';
    rename(space, words);
    return ':1';
  },
  COPY: (space, [, from = '', to = '', replace]) => {
    const value = space.get(from);
    if (from === to) return '-ERR';
    if (value === undefined) return ':0';
    if (space.get(to) !== undefined && replace === undefined) return ':0';
    space.put(to, value);
    return ':1';
  },
  PEXPIREAT: (space, [, key = '', at = '']) => {
    const value = space.get(key);
    if (value === undefined) return ':0';
    const isPast = Number(at) <= space.nowOf(key);
    space.put(key, isPast ? undefined : { ...value, expireAtMs: Number(at) });
    return ':1';
  },
  PERSIST: (space, [, key = '']) => {
    const value = space.get(key);
    if (value === undefined || value.expireAtMs === Infinity) return ':0';
    space.put(key, { ...value, expireAtMs: Infinity });
    return ':1';
  },
  PEXPIRETIME: (space, [, key = '']) => {
    const value = space.get(key);
    if (value === undefined) return ':-2';
    return value.expireAtMs === Infinity ? ':-1' : integer(value.expireAtMs);
  },
  FLUSHALL: (space) => {
    for (const key of space.keys()) space.put(key, undefined);
    return '+OK';
  },
};

const stringModels: Readonly<Record<string, CommandModel>> = {
  SET: setString,
  GET: typed('string', first, (space, [, key = '']) => bulk(space.get(key)?.text)),
  STRLEN: typed('string', first, (space, [, key = '']) => integer(text(space, key).length)),
  GETDEL: typed('string', first, (space, [, key = '']) => {
    const before = space.get(key);
    if (before !== undefined) space.put(key, undefined);
    return bulk(before?.text);
  }),
  APPEND: typed('string', first, (space, [, key = '', added = '']) => {
    const next = text(space, key) + added;
    space.put(key, stringOf(next, deadline(space, key)));
    return integer(next.length);
  }),
  INCRBY: typed('string', first, increment),
  INCR: typed('string', first, increment),
  MGET: (space, words) => words.slice(1).map((key) => {
    const value = find(space, key, 'string');
    return value === 'wrong' ? null : bulk(value?.text);
  }),
  MSET: (space, words) => {
    for (let i = 1; i < words.length; i += 2) {
      space.put(words[i] ?? '', stringOf(words[i + 1] ?? ''));
    }
    return '+OK';
  },
  MSETNX: (space, words) => {
    for (let i = 1; i < words.length; i += 2) {
      if (space.get(words[i] ?? '') !== undefined) return ':0';
    }
    for (let i = 1; i < words.length; i += 2) {
      space.put(words[i] ?? '', stringOf(words[i + 1] ?? ''));
    }
    return ':1';
  },
};

const listModels: Readonly<Record<string, CommandModel>> = {
  RPUSH: typed('list', first, (space, words) => push(space, words[1] ?? '', 'RIGHT', rest(words))),
  LPUSH: typed('list', first, (space, words) => push(space, words[1] ?? '', 'LEFT', rest(words))),
  LPOP: typed('list', first, (space, [, key = '']) => bulk(pop(space, key, 'LEFT'))),
  RPOP: typed('list', first, (space, [, key = '']) => bulk(pop(space, key, 'RIGHT'))),
  LLEN: typed('list', first, (space, [, key = '']) => integer(items(space, key).length)),
  LRANGE: typed('list', first, (space, [, key = '']) => items(space, key).map((one) => `$${one}`)),
  LMOVE: (space, [, from = '', to = '', out = '', into = '']) => {
    const source = find(space, from, 'list');
    if (source === 'wrong') return WRONG_TYPE;
    if (source === undefined) return null;
    if (find(space, to, 'list') === 'wrong') return WRONG_TYPE;
    if (from === to) {
      const [one = '', others] = out === 'LEFT' ? [source.items[0], source.items.slice(1)]
        : [source.items.at(-1), source.items.slice(0, -1)];
      setItems(space, from, 'list', into === 'LEFT' ? [one, ...others] : [...others, one]);
      return bulk(one);
    }
    const element = pop(space, from, out);
    push(space, to, into === 'LEFT' ? 'LEFT' : 'RIGHT', [element ?? '']);
    return bulk(element);
  },
};

const setModels: Readonly<Record<string, CommandModel>> = {
  SADD: typed('set', first, (space, words) => {
    const before = items(space, words[1] ?? '');
    const next = [...new Set([...before, ...rest(words)])];
    if (next.length > before.length) setItems(space, words[1] ?? '', 'set', next);
    return integer(next.length - before.length);
  }),
  SREM: typed('set', first, (space, words) => {
    const before = items(space, words[1] ?? '');
    const next = before.filter((member) => !rest(words).includes(member));
    if (next.length < before.length) setItems(space, words[1] ?? '', 'set', next);
    return integer(before.length - next.length);
  }),
  SCARD: typed('set', first, (space, [, key = '']) => integer(items(space, key).length)),
  SISMEMBER: typed('set', first, (space, [, key = '', member = '']) =>
    integer(items(space, key).includes(member) ? 1 : 0)),
  SMEMBERS: typed('set', first, (space, [, key = '']) =>
    sortedReply(items(space, key).map((one) => `$${one}`))),
  SUNION: typed('set', (words) => words.slice(1), (space, words) => {
    const all = new Set(words.slice(1).flatMap((key) => items(space, key)));
    return sortedReply([...all].map((one) => `$${one}`));
  }),
  SMOVE: (space, [, from = '', to = '', member = '']) => {
    const source = find(space, from, 'set');
    if (source === undefined) return ':0';
    if (source === 'wrong' || find(space, to, 'set') === 'wrong') return WRONG_TYPE;
    if (!source.items.includes(member)) return ':0';
    if (from === to) return ':1';
    setItems(space, from, 'set', source.items.filter((one) => one !== member));
    const target = items(space, to);
    if (!target.includes(member)) setItems(space, to, 'set', [...target, member]);
    return ':1';
  },
  SUNIONSTORE: typed('set', rest, (space, words) =>
    store(space, words[1] ?? '', rest(words).flatMap((key) => items(space, key)))),
  SINTERSTORE: typed('set', rest, (space, words) => {
    const [one = [], ...others] = rest(words).map((key) => items(space, key));
    const common = one.filter((member) => others.every((other) => other.includes(member)));
    return store(space, words[1] ?? '', common);
  }),
};

const models: Readonly<Record<string, CommandModel>> = {
  ...keyModels, ...stringModels, ...listModels, ...setModels,
};

/** The model of a command, by its name in any letters. */
export function modelOf(name: string): CommandModel {
  const model = models[name.toUpperCase()];
  if (model === undefined) throw new Error(`the simulator has no model of ${name}`);
  return model;
}

/** Commands that change nothing. */
const READS = new Set([
  'EXISTS', 'TYPE', 'PEXPIRETIME', 'GET', 'STRLEN', 'MGET', 'LLEN', 'LRANGE', 'SCARD', 'SISMEMBER',
  'SMEMBERS', 'SUNION',
]);
/** Commands whose reply does not tell whether they changed something. */
const SILENT = new Set(['FLUSHALL', 'SUNIONSTORE', 'SINTERSTORE']);
/** Commands that answer members in no order. */
const UNORDERED = new Set(['SMEMBERS', 'SUNION']);

export const isReadCommand = (name: string): boolean => READS.has(name.toUpperCase());
export const isSilentCommand = (name: string): boolean => SILENT.has(name.toUpperCase());

/** A command's reply in the form that models give it. */
export function normalReply(name: string, reply: Reply): Reply {
  return UNORDERED.has(name.toUpperCase()) ? sortedReply(reply) : reply;
}

/** Keys of a command of the workload. */
export function keysOf(words: readonly string[]): readonly string[] {
  const name = (words[0] ?? '').toUpperCase();
  if (name === 'MSET' || name === 'MSETNX') return words.slice(1).filter((_, i) => i % 2 === 0);
  if (TWO_KEYS.has(name)) return firstTwo(words);
  if (ALL_KEYS.has(name)) return words.slice(1);
  return name === 'FLUSHALL' ? [] : first(words);
}

/** Keys that a command which one shard may run for several changes; none of other commands. */
export function writtenKeysOf(words: readonly string[]): readonly string[] {
  switch ((words[0] ?? '').toUpperCase()) {
    case 'RENAME': case 'RENAMENX': case 'LMOVE': case 'SMOVE': return firstTwo(words);
    case 'COPY': return words.slice(2, 3);
    case 'SUNIONSTORE': case 'SINTERSTORE': return first(words);
    default: return [];
  }
}

const TWO_KEYS = new Set(['RENAME', 'RENAMENX', 'COPY', 'LMOVE', 'SMOVE']);
const ALL_KEYS = new Set([
  'DEL', 'UNLINK', 'EXISTS', 'MGET', 'SUNION', 'SUNIONSTORE', 'SINTERSTORE', 'WATCH',
]);
