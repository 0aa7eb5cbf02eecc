/**
 * Keyspace events beside what the comparison with redis-server covers: what is heard of when
 * nothing is asked for, keys that go by themselves, transactions, names in the arena.
 */
import { describe, expect, it } from 'vitest';
import type { Publisher } from '../shard/publisher.ts';
import { CommandDriver } from '../testing/index.ts';

class Heard implements Publisher {
  hasListeners = true;
  messages: string[] = [];

  publish(channel: string, message: string): void {
    this.messages.push(`${channel} ${message}`);
  }

  take(): string[] {
    const { messages } = this;
    this.messages = [];
    return messages;
  }
}

function rig(letters: string): { driver: CommandDriver; heard: Heard } {
  const driver = new CommandDriver({ settings: { 'notify-keyspace-events': letters } });
  const heard = new Heard();
  driver.shard.publisher = heard;
  return { driver, heard };
}

describe('keyspace events', () => {
  it('are not looked for while the setting is empty or names no channel', () => {
    for (const letters of ['', 'A', 'Amn', 'KE']) {
      const { driver, heard } = rig(letters);
      expect(driver.shard.keyspace.observer).toBeNull();
      driver.run('SET', 'a', '1');
      driver.run('GET', 'missing');
      expect(heard.take()).toEqual([]);
    }
  });

  it('begin and end with CONFIG SET', () => {
    const { driver, heard } = rig('');
    driver.run('CONFIG', 'SET', 'notify-keyspace-events', 'E$n');
    driver.run('SET', 'a', '1');
    expect(heard.take()).toEqual(['__keyevent@0__:new a', '__keyevent@0__:set a']);
    driver.run('CONFIG', 'SET', 'notify-keyspace-events', 'Kg');
    driver.run('SET', 'b', '1');
    driver.run('DEL', 'b');
    expect(heard.take()).toEqual(['__keyspace@0__:b del']);
    driver.run('CONFIG', 'SET', 'notify-keyspace-events', '');
    driver.run('DEL', 'a');
    expect(heard.take()).toEqual([]);
  });

  it('keep the letter n beside A, where it is not shown', () => {
    const { driver, heard } = rig('AEn');
    expect(driver.run('CONFIG', 'GET', 'notify-keyspace-events'))
      .toBe('*[$"notify-keyspace-events" $"AE"]');
    driver.run('SET', 'a', '1');
    expect(heard.take()).toEqual(['__keyevent@0__:new a', '__keyevent@0__:set a']);
  });

  it('tell of keys that expire by themselves and that are evicted', () => {
    const { driver, heard } = rig('Exe');
    driver.run('SET', 'a', '1', 'PX', '10');
    driver.advance(2_000);
    expect(heard.take()).toEqual(['__keyevent@0__:expired a']);
    driver.run('SET', 'b', 'x'.repeat(1_000));
    driver.run('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    driver.run('CONFIG', 'SET', 'maxmemory', '1');
    driver.run('GET', 'b');
    expect(heard.take()).toEqual(['__keyevent@0__:evicted b']);
  });

  it('come from the middle of EXEC, in order', () => {
    const { driver, heard } = rig('EA');
    driver.run('MULTI');
    driver.run('RPUSH', 'l', 'a');
    driver.run('LPOP', 'l');
    driver.run('SET', 's', '1', 'EX', '10');
    expect(heard.take()).toEqual([]);
    driver.run('EXEC');
    expect(heard.take()).toEqual([
      '__keyevent@0__:rpush l', '__keyevent@0__:lpop l', '__keyevent@0__:del l',
      '__keyevent@0__:set s', '__keyevent@0__:expire s',
    ]);
  });

  it('name the database, and tell of none where databases are flushed or swapped', () => {
    const { driver, heard } = rig('KEAmn');
    driver.run('SELECT', '3');
    driver.run('SET', 'a', '1');
    expect(heard.take()).toEqual([
      '__keyspace@3__:a new', '__keyevent@3__:new a',
      '__keyspace@3__:a set', '__keyevent@3__:set a',
    ]);
    driver.run('SWAPDB', '3', '4');
    driver.run('FLUSHALL');
    driver.run('FLUSHDB');
    expect(heard.take()).toEqual([]);
  });

  it('make nothing where nobody listens, and no new key of an old one afterwards', () => {
    const { driver, heard } = rig('En$');
    heard.hasListeners = false;
    driver.run('SET', 'a', '1');
    heard.hasListeners = true;
    driver.run('SET', 'a', '2');
    expect(heard.take()).toEqual(['__keyevent@0__:set a']);
  });

  it('name keys of any bytes and lengths, also those that are read from the arena', () => {
    const { driver, heard } = rig('Egx');
    const names = ['', '\x00\xff\r\n', 'k'.repeat(3_000), '\xe4'.repeat(70_000)];
    for (const name of names) {
      driver.run('SET', name, '1', 'PX', '10');
      driver.advance(2_000);
      driver.run('SET', name, '1');
      driver.run('DEL', name);
      expect(heard.take()).toEqual([
        `__keyevent@0__:expire ${name}`, `__keyevent@0__:expired ${name}`,
        `__keyevent@0__:del ${name}`,
      ]);
    }
  });

  it('are of hash fields too', () => {
    const { driver, heard } = rig('Eh');
    driver.run('HSET', 'h', 'f', '1', 'g', '2');
    driver.run('HPEXPIRE', 'h', '10', 'FIELDS', '1', 'f');
    driver.run('HPEXPIRE', 'h', '10000', 'FIELDS', '1', 'g');
    driver.run('HPERSIST', 'h', 'FIELDS', '1', 'g');
    driver.advance(2_000);
    expect(heard.take()).toEqual([
      '__keyevent@0__:hset h', '__keyevent@0__:hexpire h', '__keyevent@0__:hexpire h',
      '__keyevent@0__:hpersist h', '__keyevent@0__:hexpired h',
    ]);
  });
});
