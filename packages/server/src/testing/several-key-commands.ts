/**
 * Random commands whose keys lie anywhere and that cannot be cut by keys, on keys of every type,
 * with the writes that fill them: for tests that run them on several workers and on one. Keys are
 * few, so sources and destinations are absent, of the wrong type and equal again and again.
 * Replies in an order of sets, which is nobody's promise, are left out.
 */

/** A random integer in 0 .. bound - 1. */
export type Below = (bound: number) => number;

type Make = () => string[];

const TYPES = ['s', 'l', 'e', 'z', 'x', 'p', 'h'] as const;

/** One command; keys begin with `prefix`. */
export function severalKeyCommand(below: Below, prefix: string): string[] {
  const of = (type: string): string => `${prefix}:${type}${below(4)}`;
  // Now and then a key of another type.
  const some = (type: string): string => (below(12) === 0 ? any() : of(type));
  const any = (): string => of(TYPES[below(TYPES.length)] ?? 's');
  const pick = <T>(...choices: readonly T[]): T => choices[below(choices.length)] as T;
  const many = (type: string): string[] => Array.from({ length: 1 + below(4) }, () => some(type));
  const counted = (type: string): string[] => {
    const keys = many(type);
    return [String(keys.length), ...keys];
  };
  const groups: readonly (readonly Make[])[] = [
    fills(below, of, pick), setCommands(some, many, counted, pick),
    zsetCommands(below, some, counted, pick), listCommands(below, some, counted, pick, prefix),
    otherCommands(below, some, many, any, pick), streamCommands(below, of, some, pick),
  ];
  const group = groups[below(groups.length)] ?? [];
  return group[below(group.length)]?.() ?? ['PING'];
}

type Key = (type: string) => string;
type Keys = (type: string) => string[];
type Pick = <T>(...choices: readonly T[]) => T;

function fills(below: Below, of: Key, pick: Pick): readonly Make[] {
  const word = (): string => pick(String(below(20)), 'abc'.repeat(1 + below(3)), 'x', 'Ω', '');
  return [
    () => ['RPUSH', of('l'), word(), word(), word()],
    () => ['RPUSH', of('l'), 'w'.repeat(below(9000))], () => ['SADD', of('e'), word(), word()],
    () => ['SADD', of('e'), String(below(9)), String(below(9))],
    () => ['ZADD', of('z'), String(below(9)), word(), String(below(9)), word()],
    () => ['GEOADD', of('z'), `13.${below(9)}`, '38.1', word()],
    () => ['SET', of('s'), word()],
    () => ['SET', of('s'), 'y'.repeat(below(200_000)), 'EX', '90'],
    () => ['SETBIT', of('s'), String(below(99)), '1'], () => ['PFADD', of('p'), word(), word()],
    () => ['HSET', of('h'), word(), word()], () => ['DEL', of(pick(...TYPES))],
    () => ['EXPIRE', of(pick(...TYPES)), pick('50', '-1')],
    () => ['XADD', of('x'), pick('*', '5-*', '9-9'), 'f', word()],
    () => ['LRANGE', of('l'), '0', '-1'], () => ['SCARD', of('e')],
    () => ['SORT', of('e'), 'ALPHA'],
    () => ['ZRANGE', of('z'), '0', '-1', 'WITHSCORES'], () => ['GET', of('s')],
    () => ['XRANGE', of('x'), '-', '+'], () => ['PFCOUNT', of('p')],
    () => ['TTL', of(pick(...TYPES))], () => ['OBJECT', 'ENCODING', of(pick(...TYPES))],
    () => ['EXISTS', ...TYPES.map((type) => of(type))],
  ];
}

function setCommands(some: Key, many: Keys, counted: Keys, pick: Pick): readonly Make[] {
  const algebra = (): string => pick('SUNION', 'SINTER', 'SDIFF');
  return [
    () => [`${algebra()}STORE`, some('e'), ...many('e')],
    () => ['SINTERCARD', ...counted('e'), 'LIMIT', pick('0', '2')],
    () => ['SMOVE', some('e'), some('e'), pick('1', '2', 'abc', 'x', '')],
    () => ['SMOVE', some('e'), some('e'), pick('1', '3', '5')],
  ];
}

function zsetCommands(below: Below, some: Key, counted: Keys, pick: Pick): readonly Make[] {
  const algebra = (): string => pick('ZUNION', 'ZINTER', 'ZDIFF');
  return [
    () => [`${algebra()}STORE`, some('z'), ...counted(pick('z', 'z', 'e'))],
    () => [algebra(), ...counted('z'), 'WITHSCORES'], () => ['ZINTERCARD', ...counted('z')],
    () => ['ZRANGESTORE', some('z'), some('z'), '0', String(below(4))],
    () => ['ZMPOP', ...counted('z'), pick('MIN', 'MAX'), 'COUNT', String(1 + below(3))],
    () => [
      'GEOSEARCHSTORE', some('z'), some('z'), 'FROMLONLAT', '13', '38', 'BYRADIUS', '200', 'km',
    ],
    () => ['GEORADIUS', some('z'), '13', '38', '200', 'km', 'STORE', some('z')],
    () => ['BZMPOP', '0.01', ...counted('z'), 'MIN'],
  ];
}

function listCommands(
  below: Below, some: Key, counted: Keys, pick: Pick, prefix: string,
): readonly Make[] {
  const gets = (...patterns: readonly string[]): string[] => [`${prefix}:${pick(...patterns)}`];
  const end = (): string => pick('LEFT', 'RIGHT', 'right');
  return [
    () => ['LMOVE', some('l'), some('l'), end(), end()],
    () => ['RPOPLPUSH', some('l'), some('l')], () => ['LMOVE', some('l'), some('l'), end()],
    () => ['LMOVE', some('l'), some('l'), end(), end()],
    () => ['LMPOP', ...counted('l'), end(), 'COUNT', String(1 + below(3))],
    () => ['SORT', some(pick('l', 'e', 'z')), 'ALPHA', 'STORE', some('l')],
    () => ['SORT', some(pick('l', 'z')), 'BY', 'none', 'GET', ...gets('s*', 'h*->1'), 'GET', '#'],
    () => ['SORT', some(pick('l', 'e')), 'ALPHA', 'BY', ...gets('s*'), 'STORE', some('l')],
    () => ['SORT', some(pick('l', 'e', 'z')), 'LIMIT', '0', '2', 'STORE', some('l')],
  ];
}

function otherCommands(
  below: Below, some: Key, many: Keys, any: () => string, pick: Pick,
): readonly Make[] {
  return [
    () => ['RENAME', any(), any()], () => ['RENAME', any(), any()],
    () => ['RENAMENX', any(), any()],
    () => ['COPY', any(), any()], () => ['COPY', any(), any(), 'REPLACE'],
    () => ['COPY', any(), any(), 'DB', String(below(2)), 'REPLACE'],
    () => ['LCS', some('s'), some('s'), pick('LEN', 'IDX')].slice(0, 3 + below(2)),
    () => ['BITOP', pick('AND', 'OR', 'XOR'), some('s'), ...many('s')],
    () => ['BITOP', 'NOT', some('s'), some('s')],
    () => ['PFMERGE', some('p'), ...many('p')], () => ['PFCOUNT', ...many('p')],
  ];
}

function streamCommands(below: Below, of: Key, some: Key, pick: Pick): readonly Make[] {
  const id = (): string => pick('0', '5-1', '9', '$');
  return [
    () => ['XREAD', 'COUNT', '2', 'STREAMS', some('x'), some('x'), id(), id()],
    () => ['XGROUP', 'CREATE', of('x'), 'g', pick('0', '$'), 'MKSTREAM'],
    () => ['XGROUP', 'CREATE', of('x'), 'g', '0', 'MKSTREAM'],
    () => ['XREADGROUP', 'GROUP', 'g', pick('a', 'b'), 'STREAMS', some('x'), some('x'), '>', '>'],
    () => ['XREADGROUP', 'GROUP', 'g', 'a', 'STREAMS', of('x'), of('x'), pick('0', '>'), '>'],
    () => [
      'XREADGROUP', 'GROUP', 'g', 'a', 'COUNT', '1', 'NOACK', 'STREAMS', of('x'), of('x'), '>', '>',
    ],
    () => ['XPENDING', of('x'), 'g'], () => ['XINFO', 'GROUPS', of('x')],
    () => ['XPENDING', of('x'), 'g', '-', '+', String(1 + below(9))],
    () => ['XACK', of('x'), 'g', pick('5-1', '9-9', '5-2')],
  ];
}
