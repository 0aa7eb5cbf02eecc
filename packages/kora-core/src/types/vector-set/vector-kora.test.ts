/**
 * Kora's own commands: the examples of its documentation, names of items in all their forms,
 * errors, and that a key with a colon leads to its index wherever a key is asked for.
 */
import { describe, expect, it } from 'vitest';
import { slotOfKey } from '../../bytes/crc16.hot.ts';
import { slotOwners } from '../../shard/slot-map.ts';
import { Router } from '../../shard/router.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { latin1Bytes } from '../../testing/latin1-text.ts';

describe('the documentation', () => {
  it('stores items by their keys and finds the nearest', () => {
    const driver = new CommandDriver();
    expect(driver.runLine('VECSET embedding:doc1 3 0.5 0.8 0.3')).toBe(':1');
    expect(driver.runLine('VECSET embedding:doc2 3 0.6 0.7 0.52')).toBe(':1');
    expect(driver.runLine('VECSET embedding:doc3 3 -1 0 9')).toBe(':1');
    expect(driver.runLine('VECQUERY embedding:doc1 2 0.6 0.7 0.4'))
      .toBe('*[*[$"embedding:doc2" $"0.119999975"] *[$"embedding:doc1" $"0.1732051"]]');
    expect(driver.runLine('VECDEL embedding:doc1')).toBe(':1');
    expect(driver.runLine('VECGET embedding:doc1')).toBe('_');
    expect(driver.runLine('VECGET embedding:doc2')).toBe('*[$"0.6" $"0.7" $"0.52"]');
    expect(driver.runLine('KEYS *')).toBe('*[$"embedding"]');
    expect(driver.runLine('VECDEL embedding')).toBe(':1');
    expect(driver.runLine('VECDEL embedding')).toBe(':0');
    expect(driver.runLine('DBSIZE')).toBe(':0');
  });

  it('answers distances as numbers in RESP3', () => {
    const driver = new CommandDriver({ resp: 3 });
    driver.runLine('VECSET e:a 1 3');
    expect(driver.runLine('VECQUERY e 1 1')).toBe('*[*[$"e:a" ,2]]');
  });
});

describe('names', () => {
  it('are the whole key, or what ID says, or made of the vector', () => {
    const driver = new CommandDriver();
    expect(driver.runLine('VECSET a:b:c 1 1')).toBe(':1');
    expect(driver.runLine('VECSET a:b 1 2 ID x')).toBe(':1');
    expect(driver.runLine('VECSET a:b:d 1 3 id x')).toBe(':1');
    expect(driver.runLine('VECSET a:b:d 1 4 ID x')).toBe(':0');
    expect(driver.runLine('KEYS *')).toMatch(/^[*]\[\$"a(:b)?" \$"a(:b)?"\]$/);
    expect(driver.runLine('VRANGE a:b - +')).toBe('*[$"a:b:c" $"x"]');
    expect(driver.runLine('VRANGE a - +')).toBe('*[$"x"]');
    expect(driver.runLine('VECGET a:b:zzz x')).toBe('*[$"4"]');
  });

  it('made of vectors are the same for the same vector, and numbers of 64 bits', () => {
    const driver = new CommandDriver({ seed: 1 });
    const other = new CommandDriver({ seed: 2 });
    const made = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const name = driver.run('VECSET', 'e', '2', i, '1');
      expect(name).toMatch(/^:-?\d{10,20}$/);
      expect(driver.run('VECSET', 'e', '2', i, '1')).toBe(name);
      expect(other.run('VECSET', 'other', '2', i, '1')).toBe(name);
      expect(driver.run('VECGET', 'e', name.slice(1))).toBe(`*[$"${i}" $"1"]`);
      made.add(name);
    }
    expect(made.size).toBe(200);
    expect(driver.run('VCARD', 'e')).toBe(':200');
    const long = Array.from({ length: 20_000 }, (_, i) => String(i % 7));
    const first = driver.run('VECSET', 'long', '20000', ...long);
    long[19_999] = '9';
    expect(driver.run('VECSET', 'long', '20000', ...long)).not.toBe(first);
  });
});

describe('metrics', () => {
  it('are l2 unless the first item says otherwise', () => {
    const driver = new CommandDriver();
    driver.runLine('VECSET c:a 2 3 4 METRIC cosine');
    driver.runLine('VECSET i:a 2 3 4 ID x METRIC IP');
    expect(driver.runLine('VECQUERY c 1 4 3')).toBe('*[*[$"c:a" $"0.04000002"]]');
    expect(driver.runLine('VECQUERY i 1 4 3')).toBe('*[*[$"x" $"-24"]]');
    expect(driver.runLine('VECSET c:b 2 3 4 METRIC l2'))
      .toBe('-"ERR metric mismatch with existing index"');
    expect(driver.runLine('VECSET c:b 2 3 4')).toBe(':1');
  });
});

describe('bad input', () => {
  it.each([
    ['VECSET e:x 3 1 2', 'ERR VECSET expected 3 vector components, got 2'],
    ['VECSET e:x 2 1 2 3', 'ERR VECSET expected 2 vector components, got 3'],
    ['VECSET e:x 2 1 2 NOSUCH y', 'ERR VECSET expected 2 vector components, got 4'],
    ['VECSET e:x 2 1 2 ID', 'ERR VECSET expected 2 vector components, got 3'],
    ['VECSET e:x 0 1', 'ERR dimension must be a positive integer'],
    ['VECSET e:x 65537 1', 'ERR dimension must be a positive integer'],
    ['VECSET e:x y 1', 'ERR dimension must be a positive integer'],
    ['VECSET e:x 2 1 nan', 'ERR a component is not a finite number'],
    ['VECSET e:x 2 1 inf', 'ERR a component is not a finite number'],
    ['VECSET e:x 2 1 1e39', 'ERR a component is not a finite number'],
    ['VECSET e:x 2 1 text', 'ERR a component is not a finite number'],
    ['VECSET e:x 2 1 2 METRIC hamming', 'ERR METRIC is cosine, l2 or ip'],
    ['VECSET e:x 3 1 2 3', 'ERR dimension mismatch: index has 2, got 3'],
    ['VECQUERY e:x 1 1', 'ERR dimension mismatch: index has 2, got 1'],
    ['VECQUERY e:x -1 1 2', 'ERR value is not an integer or out of range'],
    ['VECQUERY e:x 1 1 nan', 'ERR a component is not a finite number'],
    ['VECSET text:x 1 1', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['VECQUERY text:x 1 1', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['VECGET text:x', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['VECDEL text:x', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['VECGET e x y', 'ERR syntax error'], ['VECDEL e x y', 'ERR syntax error'],
  ])('%s', (line, error) => {
    const driver = new CommandDriver();
    driver.runLine('SET text x');
    driver.runLine('VECSET e:a 2 1 2');
    expect(driver.runLine(line)).toBe(`-${JSON.stringify(error)}`);
    expect(driver.runLine('VCARD e')).toBe(':1');
    expect(driver.errors).toEqual([]);
  });

  it('takes k = 0 and a k beyond all, and refuses a key that is very long', () => {
    const driver = new CommandDriver();
    driver.runLine('VECSET e:a 1 1');
    expect(driver.runLine('VECQUERY e 0 1')).toBe('*[]');
    expect(driver.runLine('VECQUERY e 9007199254740991 1')).toBe('*[*[$"e:a" $"0"]]');
    expect(driver.run('VECSET', `${'k'.repeat(70_000)}:x`, '1', '1')).toMatch(/^-"ERR a key that/);
  });
});

describe('the index of a key', () => {
  it('is where the command is routed, and what is tracked and locked', () => {
    const driver = new CommandDriver();
    const router = new Router(driver.shard, driver.registry, 0, 7);
    const owners = slotOwners(7);
    const { frame, memory } = driver;
    for (const [name, words] of [
      ['vecset', ['VECSET', 'one:two:three', '1', '1']], ['vecget', ['VECGET', 'plain']],
      ['vecdel', ['VECDEL', ':x']], ['vecquery', ['VECQUERY', '{tag}a:b', '1', '1']],
    ] as const) {
      const command = driver.registry.byName(name);
      if (command === undefined) throw new Error(`${name} is a command`);
      const block = memory.lowAllocator.alloc(64);
      const key = latin1Bytes(words[1]);
      memory.low.set(key, block * 8);
      const at = new Int32Array(words.length).fill(block * 8);
      frame.bind(at, new Int32Array(words.length).fill(key.length), words.length);
      const index = latin1Bytes(words[1].includes(':')
        ? words[1].slice(0, words[1].lastIndexOf(':')) : words[1]);
      const owner = owners[slotOfKey(index, 0, index.length)];
      expect(router.ownerOf(command, frame), words[1]).toBe(owner);
      memory.lowAllocator.free(block);
    }
  });
});
