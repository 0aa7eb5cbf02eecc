/**
 * SLOWLOG: the calls that took long, over the wire. What is kept and how it is cut is the slow
 * log's business; several workers' entries are merged by whoever was asked.
 */
import type { ArgFrame, Command, ReplySink } from '@kora/core';
import {
  arg, argumentText, defineCommand, defineContainer, defineHelp, Flag, reply, ReplyError,
  writeLatin1,
} from '@kora/core';
import { observationOf } from './observation.ts';
import type { SlowEntry } from './slow-log.ts';

const ADMIN = Flag.Admin | Flag.Loading | Flag.Stale;
const DEFAULT_COUNT = 10;
/** Counts have 64 bits, a sign among them. */
const COUNT_MAX = 2n ** 63n - 1n;

const wrongCount = new ReplyError(
  "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
);
const badCount = new ReplyError('ERR count should be greater than or equal to -1');

/** How many entries SLOWLOG GET asks for, -1 = all; or what is wrong with that. */
export function slowCountOf(frame: ArgFrame): number | ReplyError {
  if (frame.count < 3) return DEFAULT_COUNT;
  const text = argumentText(frame, 2);
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text)) return badCount;
  const count = BigInt(text);
  return count < -1n || count > COUNT_MAX ? badCount : Number(count);
}

/** The reply of SLOWLOG GET. */
export function writeSlowEntries(entries: readonly SlowEntry[], out: ReplySink): void {
  out.array(entries.length);
  for (const { id, atSeconds, us, words, address, clientName } of entries) {
    out.array(6);
    out.integer(id);
    out.integer(atSeconds);
    out.integer(us);
    out.array(words.length);
    for (const word of words) writeLatin1(out, word);
    writeLatin1(out, address);
    writeLatin1(out, clientName);
  }
}

export const slowlog = defineContainer({
  name: 'SLOWLOG', group: 'server', since: '2.2.12', summary: 'Shows calls that took long.',
});

export const slowlogGet = defineCommand({
  name: 'SLOWLOG|GET', group: 'server', since: '2.2.12',
  summary: 'Returns the newest entries of the slow log.',
  complexity: 'O(n); n = entries returned.',
  arity: -2,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: ['request_policy:all_nodes', 'nondeterministic_output'],
  history: [['4.0.0', "Entries tell the client's address and name."]],
  args: { count: arg.integer().optional() },
  reply: reply.array('entries: id, time, microseconds, words, address, name of the client'),
  examples: [['SLOWLOG GET', '*[]'], ['SLOWLOG GET 5', '*[]']],
  // Redis has one error for every count that is none.
  parse: (frame) => {
    if (frame.count > 3) return wrongCount;
    const count = slowCountOf(frame);
    return count instanceof ReplyError ? count : null;
  },
  apply(shard, frame, out) {
    const count = slowCountOf(frame);
    const { slowLog } = observationOf(shard);
    if (count instanceof ReplyError) out.error(count);
    else writeSlowEntries(slowLog.newest(count < 0 ? Infinity : count), out);
  },
});

export const slowlogLen = defineCommand({
  name: 'SLOWLOG|LEN', group: 'server', since: '2.2.12',
  summary: 'Returns how many entries the slow log has.',
  complexity: 'O(1)',
  arity: 2,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'],
  args: {},
  reply: reply.integer('entries'),
  examples: [['SLOWLOG LEN', ':0']],
  apply(shard, _frame, out) {
    out.integer(observationOf(shard).slowLog.length);
  },
});

export const slowlogReset = defineCommand({
  name: 'SLOWLOG|RESET', group: 'server', since: '2.2.12',
  summary: 'Forgets all entries of the slow log.',
  complexity: 'O(n); n = entries.',
  arity: 2,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  args: {},
  reply: reply.ok(),
  examples: [['SLOWLOG RESET', '+"OK"']],
  apply(shard, _frame, out) {
    observationOf(shard).slowLog.reset();
    out.ok();
  },
});

export const slowlogHelp = defineHelp({
  container: 'SLOWLOG', group: 'server', since: '6.2.0',
  lines: [
    'GET [<count>]',
    '    Returns the newest entries, 10 unless said otherwise; -1 = all. An entry has its id,',
    '    the time in seconds, how long it took in microseconds, the words of the call, and the',
    '    address and name of the client.',
    'LEN',
    '    Returns how many entries there are.',
    'RESET',
    '    Forgets all of them.',
  ],
});

/** Entries of SLOWLOG. */
export const slowlogCommands: readonly Command[] = [
  slowlog, slowlogGet, slowlogLen, slowlogReset, slowlogHelp,
];
