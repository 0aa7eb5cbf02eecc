/**
 * Configuration from files and flags: what good ones give, and for every bad one a single line that
 * names the place, what is wrong and what is allowed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@kora/core';
import { afterAll, describe, expect, it } from 'vitest';
import type { ServerOptions } from '../options.ts';
import type { ConfigEntry } from './config-entry.ts';
import { CONFIG_FILE_BYTES_MAX, resolveOptions } from './resolve-options.ts';

const directory = mkdtempSync(join(tmpdir(), 'kora-config-'));

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function flag(name: string, ...words: string[]): ConfigEntry {
  return { name, shown: `--${name}`, where: '', form: 'words', words };
}

/** Resolves a file of this name and text, with flags. */
function resolve(file: string, text: string, ...flags: ConfigEntry[]): ServerOptions {
  writeFileSync(join(directory, file), text);
  return resolveOptions({ flags, configFile: file, directory });
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
    return error instanceof Error ? error.message : '';
  }
  return 'nothing was refused';
}

describe('files', () => {
  it('in TOML have the documented keys and every parameter of CONFIG', () => {
    const options = resolve('good.toml', [
      'bind = ["127.0.0.1", "::1"] # both',
      'port = 7000',
      'workers = 3',
      'io = "node"',
      'log_level = "warn"',
      'password = "a \\"word\\""',
      'unix_socket = "/run/kora.sock"',
      'cdc_capacity = 0',
      'maxmemory = "100mb"',
      'maxmemory-policy = "allkeys-lru"',
      'protected_mode = false',
      'memory_advice = "huge-pages"',
      'pipeline_order = "relaxed"',
      'timeout = 30',
      '"client-output-buffer-limit" = "normal 1mb 0 0"',
      'save = ""',
      '[storage]',
      'wal_sync = "every_second"',
      'wal_max_bytes = 67_108_864',
      'snapshot_retain = 24',
    ].join('\n'));
    expect(options).toMatchObject({ workers: 3, io: 'node', memoryAdvice: 'huge-pages' });
    expect(options.settings).toMatchObject({
      bind: '127.0.0.1 ::1', port: '7000', loglevel: 'warning', requirepass: 'a "word"',
      unixsocket: '/run/kora.sock', maxmemory: '104857600', 'maxmemory-policy': 'allkeys-lru',
      'protected-mode': 'no', timeout: '30', save: '', 'pipeline-order': 'relaxed',
      'snapshot-retain': '24', 'wal-max-bytes': '67108864',
    });
    expect(options.settings?.['client-output-buffer-limit']).toMatch(/^normal 1048576 0 0 slave /);
    expect(options.configFile).toBeUndefined();
  });

  it('in the syntax of redis.conf have quotes, comments and repeated lines', () => {
    const options = resolve('good.conf', [
      '# a comment', '', '  PORT 7001', 'bind 127.0.0.1 -::1', 'requirepass "a b\\x21\\"\\n"',
      "logfile 'it\\'s'", 'save 900 1', 'save 300 10', 'maxmemory 1gb', 'appendonly no',
      'client-output-buffer-limit normal 1mb 0 0', 'client-output-buffer-limit pubsub 2mb 0 0',
      'dir ./', 'slave-read-only yes', 'server_cpulist 0-1', '\tloglevel verbose\r',
    ].join('\n'));
    expect(options.settings).toMatchObject({
      port: '7001', bind: '127.0.0.1 -::1', requirepass: 'a b!"\n', logfile: "it's",
      save: '900 1 300 10', maxmemory: '1073741824', loglevel: 'verbose', server_cpulist: '0-1',
      'replica-read-only': 'yes',
    });
    const limits = options.settings?.['client-output-buffer-limit'];
    expect(limits).toMatch(/^normal 1048576 0 0 .*pubsub 2097152 0 0$/);
    expect(options.configFile).toBe(join(directory, 'good.conf'));
  });

  it('with another ending are recognised by their content', () => {
    expect(resolve('one', '# toml\nport = 1\n').settings).toMatchObject({ port: '1' });
    expect(resolve('two', '# redis\nport 2\n').settings).toMatchObject({ port: '2' });
    expect(resolve('three', '[storage]\nwal_enabled = true\n').settings).toEqual({
      bind: '127.0.0.1',
    });
    expect(resolve('four.toml', '').settings).toEqual({ bind: '127.0.0.1' });
  });

  it('say in several ways when snapshots are made', () => {
    const rules = { save: '3600 1', 'snapshot-retain': '3' };
    const toml = '[storage]\nsnapshot_interval_secs = 3600\nsnapshot_retain = 3\n';
    expect(resolve('rules.toml', `${toml}rdb_enabled = true\n`).settings).toMatchObject(rules);
    const flags = [flag('snapshot-interval-secs', '3600'), flag('snapshot-retain', '3')];
    expect(resolve('none.toml', '', ...flags).settings).toMatchObject(rules);
    const off = resolve('off.toml', '[storage]\nrdb_enabled = false\nsnapshot_interval_secs = 0\n');
    expect(off.settings).toMatchObject({ 'auto-aof-rewrite-percentage': '0' });
    expect(off.settings).not.toHaveProperty('save');
  });

  it('say in several ways where the data is kept, and when it is durable', () => {
    const kept = { dir: '/data', appendfsync: 'always' };
    const toml = '[storage]\ndata_dir = "/data"\nwal_sync = "every_write"\nwal_enabled = true\n';
    expect(resolve('kept.toml', toml).settings).toMatchObject(kept);
    expect(resolve('kept.conf', 'dir /data\nappendonly yes\nappendfsync always\n').settings)
      .toMatchObject({ ...kept, appendonly: 'yes' });
    const flags = [flag('data-dir', '/data'), flag('fsync', 'always')];
    expect(resolve('none.toml', '', ...flags).settings).toMatchObject(kept);
    expect(resolve('off.toml', '[storage]\ndata_dir = "/data"\nwal_enabled = false\n').settings)
      .toMatchObject({ dir: '/data', appendonly: 'no' });
  });

  it('give way to flags, and a later flag to the last', () => {
    const options = resolve(
      'low.toml', 'port = 1\ntimeout = 5\nsave = "1 1"',
      flag('port', '2'), flag('port', '3'), flag('save', '60', '1000'), flag('log-level', 'info'),
    );
    expect(options.settings).toMatchObject({
      port: '3', timeout: '5', save: '60 1000', loglevel: 'notice',
    });
  });

  it('need not be there when they are not named', () => {
    expect(resolveOptions({ flags: [], directory: join(directory, 'nowhere') })).toEqual({
      settings: { bind: '127.0.0.1' }, workers: 1, io: 'auto', memoryAdvice: 'off',
    });
    writeFileSync(join(directory, 'kora.toml'), 'port = 7777');
    expect(resolveOptions({ flags: [], directory }).settings).toMatchObject({ port: '7777' });
    rmSync(join(directory, 'kora.toml'));
  });
});

describe('bad TOML', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['port = 1\nprot = 2', '2: prot: unknown option; ', 'did you mean port?'],
    ['nothing_like_it_at_all = 2', '1: ', 'unknown option; kora --help names them'],
    ['\n\nport = "6379"', '3: port: wrong type: it is text, ', 'wanted an integer'],
    ['port = 1.5', '1: port: a number with a fraction is no value', ''],
    ['port = 1979-05-27', '1: port: a date is no value', ''],
    ['port = true', '1: port: wrong type: it is a boolean, wanted an integer', ''],
    ['port = [1]', '1: port: a list of anything but text is no value', ''],
    ['port = ["1"]', '1: port: wrong type: it is a list, wanted an integer', ''],
    ['port = 65536', '1: port: "65536" is refused: ', 'between 0 and 65535'],
    ['port = -1', '1: port: "-1" is refused: ', 'between 0 and 65535'],
    ['password = 1234', '1: password: wrong type: it is an integer, wanted text', ''],
    ['bind = 1', '1: bind: wrong type: it is an integer, wanted text', ''],
    ['maxmemory = "lots"', '1: maxmemory: "lots" is refused: ', 'memory value'],
    ['maxmemory = true', '1: maxmemory: wrong type: it is a boolean, ', '"100mb"'],
    ['protected_mode = 1', '1: protected_mode: wrong type: it is an integer, ', 'a boolean'],
    ['log_level = "loud"', '1: log_level: "loud" is refused: ', 'debug, verbose, notice'],
    ['maxmemory_policy = "lru"', '1: maxmemory_policy: "lru" is refused: ', 'allkeys-lru'],
    ['workers = 31', '1: workers: "31" is no number from 1 to 30', ''],
    ['workers = 0', '1: workers: "0" is no number from 1 to 30', ''],
    ['workers = "1"', '1: workers: wrong type: it is text, wanted an integer', ''],
    ['io = "fast"', '1: io: "fast" is none of auto, uring, epoll, node', ''],
    ['memory_advice = "yes"', '1: memory_advice: "yes" is none of off, huge-pages, ', 'all'],
    ['cdc_capacity = 10', '1: cdc_capacity: change data capture is not built yet', 'say 0'],
    ['metrics_port = 9100', '1: metrics_port: the metrics port is not built yet', ''],
    ['[storage]\nwal_max_bytes = -3', '2: storage.wal_max_bytes: "-3" is refused: ', 'memory'],
    ['wal_max_bytes = "many"', '1: wal_max_bytes: "many" is refused: ', 'a memory value'],
    ['[storage]\nsnapshot_retain = -1', '2: storage.snapshot_retain: "-1" is refused: ', ''],
    ['snapshot_interval_secs = "1"', '1: snapshot_interval_secs: wrong type: it is text', ''],
    ['snapshot_interval_secs = -5', '1: snapshot_interval_secs: "-5 1" is refused: ', 'save'],
    ['[storage]\nrdb_enabled = 1', '2: storage.rdb_enabled: wrong type: it is an integer', ''],
    ['[storage]\n\nwal_sync = "always"', '3: storage.wal_sync: "always" is none of every_', ''],
    ['[storage]\nwal_enabled = "yes"', '2: storage.wal_enabled: wrong type: it is text', ''],
    ['[storage]\nport = 1', '2: storage.port: unknown option', ''],
    ['[server]\nport = 1', '1: unknown section [server]; there is [storage]', ''],
    ['port = 1\nport = 2', '2: ', 'redefine'],
    ['port = ', '1: ', 'invalid value'],
    ['appendonly = 1', '1: appendonly: wrong type: it is an integer, wanted a boolean', ''],
    ['tls_port = 6380', '1: tls_port: TLS is not built yet', ''],
  ];
  it.each(cases)('%j', (text, message, more) => {
    const line = refusal(() => resolve('bad.toml', text));
    expect(line).toContain(`bad.toml:${message}`);
    expect(line).toContain(more);
    expect(line).not.toContain('\n');
  });
});

describe('bad redis.conf', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['port', '1: port: a value is missing'],
    ['\nport 1 2', '2: port: takes one value, not 2'],
    ['port x', '1: port: "x" is refused: argument couldn\'t be parsed into an integer'],
    ['prot 1', '1: prot: unknown option; did you mean port?'],
    ['requirepass "open', '1: unbalanced quotes'],
    ["requirepass 'open", '1: unbalanced quotes'],
    ['requirepass "a"b', '1: unbalanced quotes'],
    ['# fine\ninclude /etc/redis.conf', '2: include is not supported: put its lines into'],
    ['replicaof 10.0.0.1 6379', '1: replicaof: replication is not built yet'],
    ['appendonly maybe', '1: appendonly: "maybe" is refused: '],
    ['cluster-enabled yes', '1: cluster-enabled: "yes" is refused: '],
    ['save 1', '1: save: "1" is refused: '],
    ['client-output-buffer-limit normal 1', '1: client-output-buffer-limit: "normal 1" is refused'],
    ['unixsocketperm 999', '1: unixsocketperm: "999" is refused: '],
    ['user ada on', '1: user: unknown option; '],
  ];
  it.each(cases)('%j', (text, message) => {
    const line = refusal(() => resolve('bad.conf', text));
    expect(line).toContain(`bad.conf:${message}`);
    expect(line).not.toContain('\n');
  });
});

describe('bad files', () => {
  it('are refused by name', () => {
    const named = (configFile: string): string =>
      refusal(() => resolveOptions({ flags: [], configFile, directory }));
    expect(named('missing.toml')).toBe('missing.toml: there is no such file');
    expect(named('.')).toBe('.: cannot be read (EISDIR)');
    writeFileSync(join(directory, 'huge.toml'), '#'.repeat(CONFIG_FILE_BYTES_MAX + 1));
    expect(named('huge.toml')).toMatch(/^huge\.toml: 1048577 bytes are too much, 1048576 are/);
  });
});

describe('bad flags', () => {
  const cases: readonly (readonly [ConfigEntry, string])[] = [
    [flag('prot', '1'), '--prot: unknown option; did you mean --port?'],
    [flag('maxclinets', '1'), '--maxclinets: unknown option; did you mean --maxclients?'],
    [flag('port', 'a\nb'), '--port: "a b" is refused: argument couldn\'t be parsed'],
    [flag('fsync', 'maybe'), '--fsync: "maybe" is refused: argument(s) must be one of'],
    [flag('cdc-capacity', 'many'), '--cdc-capacity: "many" is no integer'],
  ];
  it.each(cases)('%j', (entry, message) => {
    expect(refusal(() => resolveOptions({ flags: [entry], directory }))).toContain(message);
  });

  it('never show a password', () => {
    // No password is refused by its text, so the rule is held against a parameter that could be.
    const line = refusal(() => resolve('secret.toml', 'password = ["hunter2"]'));
    expect(line).toBe('secret.toml:1: password: wrong type: it is a list, wanted text');
  });
});
