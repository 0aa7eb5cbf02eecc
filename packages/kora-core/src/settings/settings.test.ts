/**
 * The settings table: changes are all or nothing, listeners hear them and can refuse, files are
 * rewritten without losing what people wrote, and the inert ones are exactly those that
 * docs/differences.md lists for users.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../testing/command-driver.ts';
import { rewriteConfigText } from './config-rewrite.ts';
import { Settings } from './settings.ts';
import { EvictionPolicy } from './shard-settings.ts';
import { outputLimitTable } from './special-settings.ts';

const differences = new URL('../../../../docs/differences.md', import.meta.url);

describe('changing settings', () => {
  it('changes all or none', () => {
    const settings = new Settings();
    const error = settings.change([['timeout', '5'], ['maxmemory', 'x']]);
    expect(error?.text).toContain("related to argument 'maxmemory'");
    expect(settings.text('timeout')).toBe('0');
    expect(settings.change([['timeout', '5'], ['maxmemory', '1mb']])).toBeNull();
    expect(settings.number('timeout')).toBe(5);
    expect(settings.number('maxmemory')).toBe(1_048_576);
  });

  it('tells listeners of changes only, and undoes everything when one refuses', () => {
    const settings = new Settings();
    const heard: string[] = [];
    settings.onChange('timeout', ({ text }) => {
      heard.push(`timeout ${text}`);
      return null;
    });
    settings.onChange('port', ({ text }) => (text === '1' ? 'port is taken' : null));
    expect(settings.change([['timeout', '0']])).toBeNull();
    expect(heard).toEqual([]);
    const error = settings.change([['timeout', '7'], ['port', '1']]);
    expect(error?.text).toBe(
      "ERR CONFIG SET failed (possibly related to argument 'port') - port is taken",
    );
    expect(settings.text('timeout')).toBe('0');
    expect(settings.text('port')).toBe('6379');
    expect(heard).toEqual(['timeout 7', 'timeout 0']);
  });

  it('loads fixed settings at start, and names the one that is wrong', () => {
    const settings = new Settings();
    expect(settings.load([['databases', '4'], ['unixsocketperm', '0700']])).toBeNull();
    expect(settings.text('databases')).toBe('4');
    expect(settings.text('unixsocketperm')).toBe('700');
    expect(settings.load([['databases', '17']])).toContain('between 1 and 16');
    expect(settings.load([['cluster-enabled', 'yes']])).toContain('is not built yet');
    expect(settings.load([['nosuch', '1']])).toContain("'nosuch'");
  });

  it('joins the lines of a file that give limits by class', () => {
    const settings = new Settings();
    const lines: [string, string][] = [
      ['client-output-buffer-limit', 'normal 1 2 3'],
      ['client-output-buffer-limit', 'pubsub 4 5 6'],
    ];
    expect(settings.load(lines)).toBeNull();
    const limits = outputLimitTable(settings.text('client-output-buffer-limit'));
    expect(limits.get('normal')).toEqual({ hardBytes: 1, softBytes: 2, softSeconds: 3 });
    expect(limits.get('pubsub')).toEqual({ hardBytes: 4, softBytes: 5, softSeconds: 6 });
  });
});

describe('settings that act on the shard', () => {
  it('reach its plain fields, at start and later', () => {
    const driver = new CommandDriver({ settings: { 'maxmemory-policy': 'allkeys-lfu' } });
    const { settings, keyspace } = driver.shard;
    expect(settings.maxmemoryPolicy).toBe(EvictionPolicy.AllKeysLfu);
    expect(keyspace.access.isLfu).toBe(1);
    const change = [
      'maxmemory', '123456789', 'maxmemory-policy', 'volatile-ttl', 'maxmemory-samples', '9',
      'lfu-log-factor', '7', 'lfu-decay-time', '3', 'proto-max-bulk-len', '2mb',
      'requirepass', 'secret',
    ];
    expect(driver.run('CONFIG', 'SET', ...change)).toBe('+"OK"');
    expect(settings).toMatchObject({
      maxmemoryBytes: 123_456_789, maxmemoryPolicy: EvictionPolicy.VolatileTtl,
      maxmemorySamples: 9, lfuLogFactor: 7, lfuDecayMinutes: 3, stringBytesMax: 2_097_152,
      password: 'secret',
    });
    expect(keyspace.access).toMatchObject({ isLfu: 0, logFactor: 7, decayMinutes: 3 });
  });

  it('takes every maxmemory that Redis takes: a huge one evicts and refuses nothing', () => {
    for (const limit of ['9223372036854775808', '18446744073709551615', '99999999999gb']) {
      const driver = new CommandDriver({ settings: { 'maxmemory-policy': 'allkeys-lru' } });
      for (let i = 0; i < 100; i++) driver.run('SET', `key:${i}`, 'value');
      expect(driver.run('CONFIG', 'SET', 'maxmemory', limit)).toBe('+"OK"');
      expect(driver.run('SET', 'one', 'more'), limit).toBe('+"OK"');
      driver.settle();
      expect(driver.run('DBSIZE'), limit).toBe(':101');
    }
  });

  it('bounds the databases that can be selected', () => {
    const driver = new CommandDriver({ settings: { databases: '2' } });
    expect(driver.run('SELECT', 1)).toBe('+"OK"');
    expect(driver.run('SELECT', 2)).toBe('-"ERR DB index is out of range"');
  });
});

describe('CONFIG REWRITE', () => {
  it('keeps comments and unknown lines, replaces values, adds what is missing', () => {
    const settings = new Settings();
    settings.load([['maxmemory', '1mb'], ['timeout', '30'], ['requirepass', 'a "b" \xff']]);
    settings.load([['save', '900 1 300 10']]);
    const text = '# mine\nTIMEOUT 5\nsave 60 1\nsave 70 2\nloadmodule x\nport 6379\n';
    expect(rewriteConfigText(settings, text)).toBe([
      '# mine', 'timeout 30', 'save 900 1', 'save 300 10', 'loadmodule x', 'port 6379',
      '# Generated by CONFIG REWRITE', 'maxmemory 1048576', 'requirepass "a \\"b\\" \\xff"', '',
    ].join('\n'));
  });

  it('gives the same text when done twice', () => {
    const settings = new Settings();
    settings.load([['maxmemory', '1mb'], ['client-output-buffer-limit', 'pubsub 1 2 3']]);
    const once = rewriteConfigText(settings, '');
    expect(rewriteConfigText(settings, once)).toBe(once);
    expect(once.startsWith('# Generated')).toBe(true);
  });

  it('reaches the host, or says that there is no file', () => {
    const driver = new CommandDriver();
    expect(driver.run('CONFIG', 'REWRITE')).toBe(
      '-"ERR The server is running without a config file"',
    );
    let written = '';
    driver.engine.rewriteConfigFile = (transform) => {
      written = transform('maxmemory 5\n');
      return null;
    };
    expect(driver.run('CONFIG', 'SET', 'maxmemory', '1gb')).toBe('+"OK"');
    expect(driver.run('CONFIG', 'REWRITE')).toBe('+"OK"');
    expect(written).toBe('maxmemory 1073741824\n');
  });
});

describe('inert settings', () => {
  it('are those that docs/differences.md lists, with the same reasons', () => {
    const documented = new Map<string, string>();
    for (const line of readFileSync(differences, 'utf8').split('\n')) {
      const row = /^\| `([a-z_-]+)` \| (.+) \|$/.exec(line);
      if (row !== null) documented.set(row[1] ?? '', row[2] ?? '');
    }
    const inert = new Map(
      new Settings().definitions.flatMap(({ name, inert: reason }) =>
        reason === undefined ? [] : [[name, reason] as const]),
    );
    expect([...documented].sort()).toEqual([...inert].sort());
  });
});
