/**
 * The admin commands by behaviour: INFO's sections and counters, flushing with its effects, MEMORY,
 * DEBUG and COMMAND over the driver. Texts that must equal Redis's are compared in
 * admin.reference.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { EffectOp } from '../keyspace/effect.ts';
import { CommandDriver } from '../testing/command-driver.ts';

function textOf(driver: CommandDriver, ...args: readonly string[]): string {
  const reply = driver.reply(...args);
  return 'text' in reply ? reply.text : '';
}

function titles(text: string): string[] {
  return [...text.matchAll(/^# (\w+)/gm)].map((match) => match[1] ?? '');
}

function field(driver: CommandDriver, section: string, name: string): string {
  const lines = textOf(driver, 'INFO', section).split('\r\n');
  const line = lines.find((text) => text.startsWith(`${name}:`));
  return line?.slice(name.length + 1) ?? '';
}

const DEFAULT_SECTIONS = [
  'Server', 'Clients', 'Memory', 'Persistence', 'Stats', 'Replication', 'CPU', 'Modules',
  'Errorstats',  'Cluster', 'Keyspace',
];

describe('INFO', () => {
  it('shows default sections in order, and all of them on request', () => {
    const driver = new CommandDriver();
    expect(titles(textOf(driver, 'INFO'))).toEqual(DEFAULT_SECTIONS);
    const all = titles(textOf(driver, 'INFO', 'ALL'));
    expect(all).toContain('Commandstats');
    expect(all).toContain('Latencystats');
    expect(titles(textOf(driver, 'INFO', 'everything'))).toEqual(all);
    expect(titles(textOf(driver, 'INFO', 'keyspace', 'nosuch', 'SERVER', 'keyspace')))
      .toEqual(['Server', 'Keyspace']);
  });

  it('counts keys and deadlines of every database, by its present number', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', 1);
    driver.run('SET', 'b', 1, 'PX', 4000);
    driver.run('SELECT', 3);
    driver.run('SET', 'c', 1);
    const text = textOf(driver, 'INFO', 'keyspace');
    expect(text).toBe(
      '# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=4000\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n',
    );
  });

  it('counts calls, failures, refusals and errors', () => {
    const driver = new CommandDriver();
    driver.run('GET', 'a');
    driver.run('GET', 'b');
    driver.run('GET');
    driver.run('INCR', 'n');
    driver.run('SET', 'n', 'x');
    driver.run('INCR', 'n');
    driver.run('NOSUCH');
    const commands = textOf(driver, 'INFO', 'commandstats');
    expect(commands).toMatch(
      /cmdstat_get:calls=2,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=1,failed_calls=0\r\n/,
    );
    expect(commands).toMatch(/cmdstat_incr:calls=2,.*rejected_calls=0,failed_calls=1\r\n/);
    expect(textOf(driver, 'INFO', 'errorstats')).toBe('# Errorstats\r\nerrorstat_ERR:count=3\r\n');
    expect(field(driver, 'stats', 'keyspace_misses')).toBe('2');
    expect(driver.run('CONFIG', 'RESETSTAT')).toBe('+"OK"');
    expect(textOf(driver, 'INFO', 'errorstats')).toBe('# Errorstats\r\n');
    expect(field(driver, 'stats', 'keyspace_misses')).toBe('0');
  });

  it('reports memory that adds up and follows what is stored', () => {
    const driver = new CommandDriver();
    const before = Number(field(driver, 'memory', 'used_memory'));
    driver.run('SET', 'big', new Uint8Array(1_000_000));
    const after = Number(field(driver, 'memory', 'used_memory'));
    expect(after - before).toBeGreaterThan(1_000_000);
    expect(Number(field(driver, 'memory', 'used_memory_dataset'))).toBeGreaterThan(1_000_000);
    expect(Number(field(driver, 'memory', 'used_memory_peak'))).toBeGreaterThanOrEqual(after);
    driver.run('DEL', 'big');
  });

  it('lets a host replace fields in place and add sections', () => {
    const driver = new CommandDriver();
    driver.engine.info.addFields('clients', { connected_clients: () => 7 });
    driver.engine.info.addSection('tracing', 'Tracing', 'named');
    driver.engine.info.addFields('tracing', { spans: () => 1 });
    const clients = textOf(driver, 'INFO', 'clients').split('\r\n');
    expect(clients[1]).toBe('connected_clients:7');
    expect(titles(textOf(driver, 'INFO', 'everything'))).not.toContain('Tracing');
    expect(textOf(driver, 'INFO', 'tracing')).toBe('# Tracing\r\nspans:1\r\n');
  });

  it('follows the clocks', () => {
    const driver = new CommandDriver();
    driver.clock.advance(90_061_000);
    expect(field(driver, 'server', 'uptime_in_seconds')).toBe('90061');
    expect(field(driver, 'server', 'uptime_in_days')).toBe('1');
    expect(driver.run('TIME')).toBe(
      `*[$"${String(Math.floor(driver.clock.nowMs() / 1000))}" $"0"]`,
    );
  });
});

describe('FLUSHALL and FLUSHDB', () => {
  it('empty what they say, announce it once, and give the memory back', () => {
    const driver = new CommandDriver();
    const ops: number[] = [];
    driver.shard.journal.listen((effect) => void ops.push(effect.op * 100 + effect.db));
    // A database's wheel keeps its first block once it was used.
    driver.run('SET', 'first', 1, 'EX', 1000);
    driver.run('FLUSHALL');
    const used = driver.memory.usedBytes();
    for (let i = 0; i < 5000; i++) driver.run('SET', `key:${i}`, 'value', 'EX', 1000);
    driver.run('SELECT', 2);
    driver.run('SET', 'other', 1);
    ops.length = 0;
    expect(driver.run('FLUSHDB')).toBe('+"OK"');
    expect(driver.run('DBSIZE')).toBe(':0');
    expect(driver.run('FLUSHDB')).toBe('+"OK"');
    expect(ops).toEqual([EffectOp.DatabaseFlush * 100 + 2]);
    driver.run('SELECT', 0);
    expect(driver.run('DBSIZE')).toBe(':5000');
    expect(driver.run('FLUSHALL', 'ASYNC')).toBe('+"OK"');
    expect(ops).toEqual([EffectOp.DatabaseFlush * 100 + 2, EffectOp.EverythingFlush * 100]);
    expect(driver.run('DBSIZE')).toBe(':0');
    driver.settle();
    expect(driver.shard.lazyFree.pending).toBe(0);
    expect(driver.memory.usedBytes()).toBe(used);
  });

  it('free at once with SYNC', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 5000; i++) driver.run('SET', `key:${i}`, 'value');
    const before = driver.memory.usedBytes();
    for (let i = 0; i < 20; i++) {
      driver.run('SADD', 'big', ...Array.from({ length: 1000 }, (_, k) => `m${i * 1000 + k}`));
    }
    expect(driver.memory.usedBytes()).toBeGreaterThan(before + 400_000);
    expect(driver.run('FLUSHALL', 'SYNC')).toBe('+"OK"');
    expect(driver.shard.lazyFree.pending).toBe(0);
    expect(driver.memory.usedBytes()).toBeLessThan(before);
  });
});

describe('MEMORY', () => {
  it('weighs a key by its blocks', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'small', 'x');
    driver.run('SET', 'big', new Uint8Array(300_000));
    const small = Number(textOf(driver, 'MEMORY', 'USAGE', 'small'));
    const big = Number(textOf(driver, 'MEMORY', 'USAGE', 'big', 'SAMPLES', '0'));
    expect(small).toBeGreaterThan(20);
    expect(small).toBeLessThan(80);
    expect(big).toBeGreaterThanOrEqual(300_000);
    expect(big).toBeLessThan(310_000);
  });

  it('weighs as many members and blocks of a collection as SAMPLES says, all with 0', () => {
    const makers: readonly ((driver: CommandDriver, i: number, long: string) => void)[] = [
      (driver, i, long) => driver.run('HSET', 'k', `f${i}`, long),
      (driver, i, long) => driver.run('SADD', 'k', `${i}${long}`),
      (driver, i, long) => driver.run('ZADD', 'k', i, `${i}${long}`),
      (driver, i, long) => driver.run('RPUSH', 'k', `${i}${long}`),
      (driver, i, long) => driver.run('XADD', 'k', `${i + 1}-0`, 'f', long),
    ];
    for (const make of makers) {
      const driver = new CommandDriver();
      driver.run('SET', 'other', 'x');
      // Long ones stand in the second half of what has an order, so that a sample misses them.
      for (let i = 0; i < 3_000; i++) make(driver, i, 'v'.repeat(i < 1_500 ? 4 : 900));
      const usage = (...samples: readonly string[]): number =>
        Number(textOf(driver, 'MEMORY', 'USAGE', 'k', ...samples));
      const [all, one, many, sampled] = [
        usage('SAMPLES', '0'), usage('SAMPLES', '1'), usage('SAMPLES', '9223372036854775807'),
        usage(),
      ];
      const used = driver.memory.arenaAllocator.usedBytes();
      driver.run('DEL', 'k');
      driver.settle();
      const freed = used - driver.memory.arenaAllocator.usedBytes();
      expect(many).toBe(all);
      expect(Math.abs(all - freed), `${all}, of ${freed} bytes that were freed`).toBeLessThan(600);
      expect(one).not.toBe(all);
      expect(sampled).not.toBe(0);
      expect(all).toBeGreaterThan(1_500 * 900);
    }
  });

  it('reports as maps and texts in both protocols', () => {
    const driver = new CommandDriver({ resp: 3 });
    driver.run('SET', 'a', 1);
    expect(driver.run('MEMORY', 'STATS')).toMatch(/^%\[\$"peak\.allocated" :\d+ .*\$"db\.0" %\[/);
    expect(driver.run('MEMORY', 'DOCTOR')).toMatch(/^="txt:/);
    expect(driver.run('MEMORY', 'MALLOC-STATS')).toMatch(/^="txt:arena used_bytes:\d+/);
  });
});

describe('DEBUG', () => {
  it('is refused unless the setting allows it', () => {
    const refused = /^-"ERR DEBUG command not allowed\./;
    expect(new CommandDriver().run('DEBUG', 'SLEEP', 0)).toMatch(refused);
    const driver = new CommandDriver({ settings: { 'enable-debug-command': 'local' } });
    expect(driver.run('DEBUG', 'SLEEP', 0)).toBe('+"OK"');
    driver.engine.isLocalClient = () => false;
    expect(driver.run('DEBUG', 'SLEEP', 0)).toMatch(refused);
  });

  it('checks all data, and stops when it is not whole', () => {
    const driver = new CommandDriver({ settings: { 'enable-debug-command': 'yes' } });
    for (let i = 0; i < 500; i++) driver.run('SET', `key:${i}`, i, 'EX', 100 + i);
    expect(driver.run('DEBUG', 'RELOAD')).toBe('+"OK"');
    const database = driver.shard.keyspace.databases[0]!;
    database.expiringCount++;
    expect(driver.run('DEBUG', 'RELOAD')).toBe('-"ERR internal error"');
    expect(driver.errors[0]).toContain('keys with a deadline are counted');
    database.expiringCount--;
    expect(driver.run('DEBUG', 'RELOAD', 'NOSAVE')).toBe('+"OK"');
  });

  it('switches active expiry off and on', () => {
    const driver = new CommandDriver({ settings: { 'enable-debug-command': 'yes' } });
    driver.run('DEBUG', 'SET-ACTIVE-EXPIRE', 0);
    driver.run('SET', 'a', 1, 'PX', 10);
    driver.advance(1000);
    expect(driver.run('DBSIZE')).toBe(':1');
    expect(driver.run('GET', 'a')).toBe('_');
    driver.run('SET', 'a', 1, 'PX', 10);
    driver.run('DEBUG', 'SET-ACTIVE-EXPIRE', 1);
    driver.advance(1000);
    expect(driver.run('DBSIZE')).toBe(':0');
  });

  it('answers every type in both protocols', () => {
    const settings = { 'enable-debug-command': 'yes' };
    const two = new CommandDriver({ settings });
    const three = new CommandDriver({ settings, resp: 3 });
    const both = (type: string): string[] => [
      two.run('DEBUG', 'PROTOCOL', type), three.run('DEBUG', 'PROTOCOL', type),
    ];
    expect(both('map')).toEqual(['*[:0 :0 :1 :1 :2 :0]', '%[:0 #f :1 #t :2 #f]']);
    expect(both('set')).toEqual(['*[:0 :1 :2]', '~[:0 :1 :2]']);
    expect(both('double')).toEqual(['$"3.141"', ',3.141']);
    expect(both('verbatim')).toEqual([
      '$"This is a verbatim\\nstring"', '="txt:This is a verbatim\\nstring"',
    ]);
    expect(both('bignum')[1]).toBe('(1234567999999999999999999999999999999');
    expect(both('true')).toEqual([':1', '#t']);
    expect(both('null')).toEqual(['_', '_']);
    expect(two.run('DEBUG', 'PROTOCOL', 'push')).toBe(
      '-"ERR RESP2 is not supported by this command"',
    );
  });

  it('makes a new replication id', () => {
    const driver = new CommandDriver({ settings: { 'enable-debug-command': 'yes' } });
    const before = field(driver, 'replication', 'master_replid');
    expect(before).toMatch(/^[0-9a-f]{40}$/);
    driver.run('DEBUG', 'CHANGE-REPL-ID');
    expect(field(driver, 'replication', 'master_replid')).not.toBe(before);
  });
});

describe('COMMAND', () => {
  it('counts, lists and describes the same commands', () => {
    const driver = new CommandDriver({ resp: 3 });
    const count = Number(textOf(driver, 'COMMAND', 'COUNT'));
    const all = driver.reply('COMMAND');
    const info = driver.reply('COMMAND', 'INFO');
    const docs = driver.reply('COMMAND', 'DOCS');
    const list = driver.reply('COMMAND', 'LIST');
    const lengthOf = (reply: typeof all): number => ('items' in reply ? reply.items.length : -1);
    expect(lengthOf(all)).toBe(count);
    expect(info).toEqual(all);
    expect(docs.kind).toBe('map');
    expect(lengthOf(docs)).toBe(2 * count);
    expect(lengthOf(list)).toBe(driver.registry.commands.length);
  });

  it('finds keys of commands with options and with subcommands', () => {
    const driver = new CommandDriver();
    expect(driver.run('COMMAND', 'GETKEYS', 'SET', 'k', 'v', 'EX', 10)).toBe('*[$"k"]');
    expect(driver.run('COMMAND', 'GETKEYS', 'mset', 'a', 1, 'b', 2)).toBe('*[$"a" $"b"]');
    expect(driver.run('COMMAND', 'GETKEYS', 'MEMORY', 'USAGE', 'k')).toBe('*[$"k"]');
    expect(driver.run('COMMAND', 'GETKEYSANDFLAGS', 'GET', 'a')).toBe(
      '*[*[$"a" *[+"RO" +"access"]]]',
    );
  });

  it('describes subcommands by their full name', () => {
    const driver = new CommandDriver();
    expect(driver.run('COMMAND', 'INFO', 'config|get', 'CONFIG|nosuch')).toMatch(
      /^\*\[\*\[\$"config\|get" :-3 /,
    );
    expect(driver.run('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'config|g*')).toBe(
      '*[$"config|get"]',
    );
  });
});

describe('numbers that are out of range', () => {
  it('are told from databases that do not exist', () => {
    const driver = new CommandDriver();
    const notInt32 =
      '-"ERR value is out of range, value must between -2147483648 and 2147483647"';
    expect(driver.run('SELECT', '2147483648')).toBe(notInt32);
    expect(driver.run('SELECT', '-2147483649')).toBe(notInt32);
    expect(driver.run('SELECT', '2147483647')).toBe('-"ERR DB index is out of range"');
  });

  it('are told before what follows them in MEMORY USAGE', () => {
    const driver = new CommandDriver();
    const notInteger = '-"ERR value is not an integer or out of range"';
    expect(driver.run('MEMORY', 'USAGE', 'k', 'SAMPLES', 'x', 'y')).toBe(notInteger);
    expect(driver.run('MEMORY', 'USAGE', 'k', 'SAMPLES', '1', 'y')).toBe('-"ERR syntax error"');
    expect(driver.run('MEMORY', 'USAGE', 'k', 'SAMPLES', '1', 'SAMPLES', '2')).toBe('_');
  });
});
