/**
 * Replies of the admin commands that must be Redis's own, asked of a real redis-server 7.0: error
 * texts, INFO's sections, GETKEYS. Each line is run on both; errors and status lines are compared
 * as they are, and where the length of a list is told by the version, only what is named below.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../reference/redis-server.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { splitCommandLine } from '../testing/command-line.ts';
import type { RecordedReply } from '../testing/recorded-reply.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start({ flags: ['--enable-debug-command', 'yes'] });
});
afterAll(() => redis.stop());

/** The reply of the reference as text, without the last line ends. */
async function ask(words: readonly string[]): Promise<string> {
  return (await redis.ask([words])).map(printed).join('\n').replace(/\n+$/, '');
}

/** A reply as redis-cli prints it in raw mode. */
function printed(reply: RecordedReply): string {
  if ('items' in reply) return reply.items.map(printed).join('\n');
  return 'text' in reply ? reply.text : '';
}

const SAME = [
  'PING', 'PING hello', 'PING a b', 'ECHO', 'ECHO "a b"', 'ECHO a b', 'SELECT', 'SELECT x',
  'SELECT 16', 'SELECT -1', 'SELECT 99999999999999999999', 'SELECT 0', 'SELECT 01',
  'FLUSHALL x', 'FLUSHALL ASYNC SYNC', 'FLUSHALL ASYNC ASYNC', 'FLUSHDB sync', 'FLUSHDB async',
  'TIME x', 'DBSIZE', 'DBSIZE x', 'LASTSAVE x', 'SAVE x', 'BGREWRITEAOF x', 'BGSAVE x',
  'CONFIG', 'CONFIG FOO', 'CONFIG GET', 'CONFIG SET a', 'CONFIG SET a b c', 'CONFIG GET nosuch',
  'CONFIG GET MaxMemory', 'CONFIG GET maxmemory MaxMemory', 'CONFIG GET h?z [h]z',
  'CONFIG RESETSTAT',
  'CONFIG RESETSTAT x', 'CONFIG REWRITE', 'CONFIG HELP x',
  'COMMAND FOO', 'COMMAND COUNT x', 'COMMAND INFO nosuch', 'COMMAND DOCS nosuch',
  'COMMAND LIST x', 'COMMAND LIST FILTERBY', 'COMMAND LIST FILTERBY MODULE',
  'COMMAND LIST FILTERBY X y',
  'COMMAND LIST FILTERBY MODULE nosuch', 'COMMAND LIST FILTERBY ACLCAT nosuch',
  'COMMAND LIST FILTERBY PATTERN ech*', 'COMMAND LIST FILTERBY PATTERN ECHO',
  'COMMAND GETKEYS', 'COMMAND GETKEYS GET', 'COMMAND GETKEYS GET a', 'COMMAND GETKEYS GET a b',
  'COMMAND GETKEYS NOSUCH a', 'COMMAND GETKEYS ECHO a', 'COMMAND GETKEYS MSET a 1 b 2',
  'COMMAND GETKEYS MSET a 1 b', 'COMMAND GETKEYS MEMORY USAGE k', 'COMMAND GETKEYS MEMORY NOSUCH',
  'COMMAND GETKEYS MEMORY DOCTOR', 'COMMAND GETKEYS "config|get" x',
  'COMMAND GETKEYSANDFLAGS SET a b', 'COMMAND GETKEYSANDFLAGS SET a b GET',
  'COMMAND GETKEYSANDFLAGS MSET a b c d', 'COMMAND INFO echo', 'COMMAND INFO set',
  'COMMAND INFO mset',
  'COMMAND INFO "config|set"', 'COMMAND INFO "CONFIG|SET"',
  'MEMORY', 'MEMORY FOO', 'MEMORY USAGE', 'MEMORY USAGE k', 'MEMORY USAGE k SAMPLES',
  'MEMORY USAGE k SAMPLES x', 'MEMORY USAGE k SAMPLES -1', 'MEMORY USAGE k FOO', 'MEMORY PURGE',
  'MEMORY USAGE k SAMPLES 1 2', 'MEMORY STATS x', 'MEMORY MALLOC-STATS x',
  'DEBUG', 'DEBUG FOO', 'DEBUG SLEEP', 'DEBUG SLEEP x', 'DEBUG SLEEP 0', 'DEBUG OBJECT',
  'DEBUG HELP x',
  'DEBUG OBJECT nokey', 'DEBUG OBJECT a b c', 'DEBUG SET-ACTIVE-EXPIRE',
  'DEBUG SET-ACTIVE-EXPIRE x',
  'DEBUG SET-ACTIVE-EXPIRE 1', 'DEBUG PROTOCOL', 'DEBUG PROTOCOL foo', 'DEBUG PROTOCOL string',
  'DEBUG PROTOCOL integer', 'DEBUG PROTOCOL double', 'DEBUG PROTOCOL bignum', 'DEBUG PROTOCOL null',
  'DEBUG PROTOCOL array', 'DEBUG PROTOCOL set', 'DEBUG PROTOCOL map', 'DEBUG PROTOCOL attrib',
  'DEBUG PROTOCOL push', 'DEBUG PROTOCOL verbatim', 'DEBUG PROTOCOL true', 'DEBUG PROTOCOL FALSE',
  'DEBUG RELOAD x', 'DEBUG RELOAD', 'DEBUG CHANGE-REPL-ID', 'DEBUG CHANGE-REPL-ID x',
  'DEBUG ERROR boom',
  'INFO nosuch', 'INFO cluster', 'INFO keyspace', 'LOLWUT VERSION x', 'LOLWUT VERSION 5 x',
] as const;

/** Sections asked for, as words of INFO. */
const SECTIONS = [
  '', 'default', 'all', 'everything', 'modules', 'all modules', 'commandstats default', 'nosuch',
  'latencystats errorstats', 'server everything', 'KEYSPACE server keyspace',
];

function titles(text: string): string[] {
  return [...text.matchAll(/^# (\w+)/gm)].map((match) => match[1] ?? '');
}

describe('admin commands as the reference answers them', () => {
  it('gives the same replies', async () => {
    const driver = new CommandDriver({ settings: { 'enable-debug-command': 'yes' } });
    const ours: string[] = [];
    const theirs: string[] = [];
    // Many lists are sets in Redis: lines are compared in sorted order.
    const sorted = (text: string): string => text.split('\n').sort().join('\n');
    for (const line of SAME) {
      const words = splitCommandLine(line);
      ours.push(`${line}: ${sorted(printed(driver.reply(...words)).replace(/\n+$/, ''))}`);
      theirs.push(`${line}: ${sorted(await ask(words))}`);
    }
    expect(ours).toEqual(theirs);
  });

  it('shows the same sections of INFO', async () => {
    const driver = new CommandDriver();
    for (const words of SECTIONS) {
      const asked = splitCommandLine(words);
      const ours = titles(printed(driver.reply('INFO', ...asked)));
      expect([words, ...ours]).toEqual([words, ...titles(await ask(['INFO', ...asked]))]);
    }
  });

  it('names the fields of INFO that Redis has, but for what cannot be true here', async () => {
    const driver = new CommandDriver();
    const names = (text: string): string[] =>
      [...text.matchAll(/^([a-z_0-9]+):/gm)].map((match) => match[1] ?? '');
    const ours = new Set(names(printed(driver.reply('INFO'))));
    const missing = names(await ask(['INFO'])).filter((name) => !ours.has(name));
    for (const name of missing) expect(name).toMatch(NOT_HERE);
  });
});

/** Builds, compilers, processes, children, jemalloc, threads: known to a host, or to Redis only. */
const NOT_HERE = new RegExp([
  '^redis_(git_sha1|git_dirty|build_id)$', '^(os|gcc_version|process_id|executable)$',
  '^(monotonic_clock|multiplexing_api|atomicvar_api|process_supervised)$', '^used_cpu_',
  '^total_system_memory', '_lua_human$', '_vm_total_human$', '_scripts_human$', '^allocator_rss_',
  '^rss_overhead_', '^errorstat_', '^expire_cycle_cpu_milliseconds$', '_active_defrag_time$',
  '^reply_buffer_',
].join('|'));
