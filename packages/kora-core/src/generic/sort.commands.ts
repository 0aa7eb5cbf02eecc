/**
 * SORT and SORT_RO. Their options come in any order and the last of a kind counts, but GET, which
 * may come again and again. How elements are sorted: sort.ts.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../command/grammar.ts';
import type { KeySpec } from '../command/key-spec.ts';
import { keysAt } from '../command/key-spec.ts';
import { oneReplyOf, reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import { entryType } from '../structs/entry.hot.ts';
import { hasStar, readPattern } from './sort-pattern.ts';
import type { SortPattern } from './sort-pattern.ts';
import type { SortRequest } from './sort.ts';
import { sortElements } from './sort.ts';

const byOption = arg.pattern('BY');
const limitOption = arg.block({ offset: arg.integer(), count: arg.integer() }, 'LIMIT');
const getOption = arg.pattern('GET');
const ascOption = arg.token('ASC');
const descOption = arg.token('DESC');
const alphaOption = arg.token('ALPHA');
const storeOption = arg.key('STORE');
/** Slot of the frame that LIMIT's numbers are read through. */
const NUMBER_SLOT = 0;

const sortedKey = keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' });
const patternKeys: KeySpec = {
  access: 'RO', effects: ['access'], begin: { kind: 'unknown' }, find: { kind: 'unknown' },
  notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive " +
    'from the content of the key we sort',
};
const storeKey: KeySpec = {
  access: 'OW', effects: ['update'], begin: { kind: 'unknown' }, find: { kind: 'unknown' },
  notes: "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear " +
    'anywhere in the argument array',
  locate: locateStore,
};

/** The key of the last STORE, as COMMAND GETKEYS and the router see it. */
function locateStore(
  argumentCount: number, argument: (index: number) => string, into: number[],
): void {
  let found = 0;
  for (let i = 2; i < argumentCount; i++) {
    const word = argument(i).toUpperCase();
    if (word === 'LIMIT') i += 2;
    else if (word === 'BY' || word === 'GET') i++;
    else if (word === 'STORE' && i + 1 < argumentCount) found = ++i;
  }
  if (found !== 0) into.push(found);
}

const sharedArguments = {
  key: arg.key(),
  pattern: byOption.optional().documented({ keySpecIndex: 1 }),
  offset_count: limitOption.optional(),
  get: getOption.repeated().optional().documented({ name: 'pattern', keySpecIndex: 1 }),
  order: arg.oneOf('ASC', 'DESC').optional(),
  sorting: alphaOption.optional(),
} as const;

export const sort = defineCommand({
  name: 'SORT', group: 'generic', since: '1.0.0',
  summary: 'Sorts the elements of a list, set or sorted set, and stores them if asked to.',
  complexity: 'O(n + n*log(n)); n = elements; O(n) without sorting.',
  arity: -2,
  flags: Flag.Write | Flag.DenyOom | Flag.MovableKeys,
  acl: ['set', 'sortedset', 'list', 'dangerous'],
  keys: [sortedKey, patternKeys, storeKey],
  args: {
    ...sharedArguments, destination: storeOption.optional().documented({ keySpecIndex: 2 }),
  },
  reply: oneReplyOf(
    reply.array('the elements, or what GET names for each'),
    reply.integer('with STORE: elements stored'),
  ),
  examples: [
    ['RPUSH marks 3 1 2', ':3'], ['SORT marks DESC', '*[$"3" $"2" $"1"]'],
    ['MSET name_1 ada name_2 bob', '+"OK"'],
    ['SORT marks LIMIT 0 2 GET # GET name_*', '*[$"1" $"ada" $"2" $"bob"]'],
    ['SORT marks STORE sorted', ':3'],
  ],
  parse: (frame) => parseSort(frame, true),
  apply: applySort,
});

export const sortRo = defineCommand({
  name: 'SORT_RO', group: 'generic', since: '7.0.0',
  summary: 'Sorts the elements of a list, set or sorted set.',
  complexity: 'O(n + n*log(n)); n = elements; O(n) without sorting.',
  arity: -2,
  flags: Flag.ReadOnly | Flag.MovableKeys,
  acl: ['set', 'sortedset', 'list', 'dangerous'],
  keys: [sortedKey, patternKeys],
  args: sharedArguments,
  reply: reply.array('the elements, or what GET names for each'),
  examples: [['SADD tags b a', ':2'], ['SORT_RO tags ALPHA', '*[$"a" $"b"]']],
  parse: (frame) => parseSort(frame, false),
  apply: applySort,
});

/** What the parser read last; `apply` follows at once. */
let request: SortRequest | null = null;

function parseSort(frame: ArgFrame, mayStore: boolean): ReplyError | null {
  let by: SortPattern | null = null;
  let isUnsorted = false;
  let isDescending = false;
  let isAlpha = false;
  let offset = 0;
  let count = -1;
  let store = 0;
  const gets: SortPattern[] = [];
  for (let i = 2; i < frame.count; i++) {
    const left = frame.count - i - 1;
    if (isWord(frame, i, ascOption.tokenBytes)) {
      isDescending = false;
    } else if (isWord(frame, i, descOption.tokenBytes)) {
      isDescending = true;
    } else if (isWord(frame, i, alphaOption.tokenBytes)) {
      isAlpha = true;
    } else if (isWord(frame, i, limitOption.tokenBytes) && left >= 2) {
      if (!readInteger(frame, NUMBER_SLOT, ++i)) return replyErrors.notInteger;
      offset = frame.number[NUMBER_SLOT] ?? 0;
      if (!readInteger(frame, NUMBER_SLOT, ++i)) return replyErrors.notInteger;
      count = frame.number[NUMBER_SLOT] ?? 0;
    } else if (mayStore && isWord(frame, i, storeOption.tokenBytes) && left >= 1) {
      store = ++i;
    } else if (isWord(frame, i, byOption.tokenBytes) && left >= 1) {
      by = readPattern(frame, ++i);
      isUnsorted ||= !hasStar(frame, i);
    } else if (isWord(frame, i, getOption.tokenBytes) && left >= 1) {
      gets.push(readPattern(frame, ++i));
    } else {
      return replyErrors.syntax;
    }
  }
  request = { by, isUnsorted, isDescending, isAlpha, offset, count, gets, store };
  return null;
}

function applySort(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const ref = shard.keyspace.read(frame, 1);
  if (ref !== 0 && !isSortable(entryType(shard.memory.i32, ref))) out.error(replyErrors.wrongType);
  else if (request !== null) sortElements(shard, frame, ref, request, out);
}

function isSortable(type: number): boolean {
  return type === ValueType.List || type === ValueType.Set || type === ValueType.SortedSet;
}

/** Entries that sort. */
export const sortCommands: readonly Command[] = [sort, sortRo];
