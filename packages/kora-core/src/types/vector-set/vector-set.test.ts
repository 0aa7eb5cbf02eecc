/**
 * The commands of Redis 8 on vector sets, by its public documentation: replies in both versions of
 * the protocol, options, errors, and that bad input changes nothing.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../../admin/shard-check.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { NaiveNearest } from '../../testing/naive-nearest.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';

function blob(...components: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(components).buffer);
}

function textsOf(reply: RecordedReply): string[] {
  if (reply.kind !== 'array') return [];
  return reply.items.map((item) => 'text' in item ? item.text : '');
}

/** Four points on a circle and one between; NOQUANT, so that scores are exact. */
function points(resp: 2 | 3 = 2): CommandDriver {
  const driver = new CommandDriver({ resp, vectorEngine: new NaiveNearest() });
  for (const [name, x, y] of [
    ['east', 1, 0], ['north', 0, 1], ['west', -1, 0], ['south', 0, -1],
  ] as const) {
    driver.run('VADD', 'points', 'VALUES', '2', x, y, name, 'NOQUANT');
  }
  return driver;
}

describe('VADD', () => {
  it('takes numbers and bytes, and tells new elements from known ones', () => {
    const driver = new CommandDriver();
    expect(driver.run('VADD', 'v', 'VALUES', '3', '0.1', '1.2', '0.5', 'a')).toBe(':1');
    expect(driver.run('VADD', 'v', 'FP32', blob(0.5, 1, 2), 'b')).toBe(':1');
    expect(driver.run('vadd', 'v', 'fp32', blob(9, 1, 2), 'b')).toBe(':0');
    expect(driver.run('VCARD', 'v')).toBe(':2');
    expect(driver.run('VDIM', 'v')).toBe(':3');
    expect(driver.run('TYPE', 'v')).toBe('+"vectorset"');
    expect(driver.run('OBJECT', 'ENCODING', 'v')).toBe('$"raw"');
  });

  it('answers true and false in RESP3', () => {
    const driver = new CommandDriver({ resp: 3 });
    expect(driver.run('VADD', 'v', 'VALUES', '1', '1', 'a')).toBe('#t');
    expect(driver.run('VADD', 'v', 'VALUES', '1', '2', 'a')).toBe('#f');
    expect(driver.run('VREM', 'v', 'b')).toBe('#f');
    expect(driver.run('VREM', 'v', 'a')).toBe('#t');
  });

  it('keeps the attributes of an element that gets another vector', () => {
    const driver = new CommandDriver();
    driver.run('VADD', 'v', 'VALUES', '1', '1', 'a', 'SETATTR', '{"x":1}');
    driver.run('VADD', 'v', 'VALUES', '1', '2', 'a');
    expect(driver.run('VGETATTR', 'v', 'a')).toBe('$"{\\"x\\":1}"');
    driver.run('VADD', 'v', 'VALUES', '1', '2', 'a', 'SETATTR', '');
    expect(driver.run('VGETATTR', 'v', 'a')).toBe('_');
  });

  it.each([
    ['VALUES 0', 'VADD v VALUES 0 a'], ['no vector', 'VADD v VALUES 3 1 2 a'],
    ['text for a number', 'VADD v VALUES 2 1 x a'], ['not a number', 'VADD v VALUES 2 1 nan a'],
    ['infinite', 'VADD v VALUES 2 1 inf a'], ['too large for f32', 'VADD v VALUES 2 1 1e39 a'],
    ['another word', 'VADD v FP64 1 2 a'], ['text for bytes', 'VADD v FP32 abc a'],
    ['no bytes', 'VADD v FP32 "" a'], ['no element', 'VADD v VALUES 2 1 2'],
    ['a dimension beyond all', 'VADD v VALUES 65537 1 a'],
    ['reduced to nothing', 'VADD v REDUCE 0 VALUES 2 1 2 a'],
    ['reduced to more', 'VADD v REDUCE 3 VALUES 2 1 2 a'],
    ['length beyond f32', 'VADD v VALUES 2 3e38 3e38 a'],
  ])('refuses a vector that is none: %s', (_what, line) => {
    const driver = new CommandDriver();
    expect(driver.runLine(line)).toBe('-"ERR invalid vector specification"');
    expect(driver.run('DBSIZE')).toBe(':0');
    expect(driver.errors).toEqual([]);
  });

  it.each([
    ['VADD v VALUES 3 1 0 0 b', 'ERR Vector dimension mismatch - got 3 but set has 2'],
    ['VADD v VALUES 2 1 0 b NOQUANT', 'ERR asked quantization mismatch with existing vector set'],
    ['VADD v VALUES 2 1 0 b BIN', 'ERR asked quantization mismatch with existing vector set'],
    ['VADD v VALUES 2 1 0 b M 32', 'ERR asked M value mismatch with existing vector set'],
    ['VADD v REDUCE 1 VALUES 2 1 0 b',
      'ERR cannot add projection to existing set without projection'],
    ['VADD v VALUES 2 1 0 b SETATTR', 'ERR invalid option after element'],
    ['VADD v VALUES 2 1 0 b NOSUCH', 'ERR invalid option after element'],
    ['VADD v VALUES 2 1 0 b EF 0', 'ERR invalid EF'],
    ['VADD v VALUES 2 1 0 b M 3', 'ERR invalid M'],
    ['VADD text VALUES 2 1 0 b',
      'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['VADD reduced VALUES 3 1 2 3 b', 'ERR Vector dimension mismatch - got 3 but set has 2'],
    ['VADD reduced REDUCE 2 VALUES 4 1 2 3 4 b',
      'ERR Input dimension mismatch for projection - got 4 but projection expects 3'],
  ])('%s', (line, error) => {
    const driver = new CommandDriver();
    driver.run('VADD', 'v', 'VALUES', '2', '1', '0', 'a');
    driver.run('VADD', 'reduced', 'REDUCE', '2', 'VALUES', '3', '1', '2', '3', 'a');
    driver.run('SET', 'text', 'x');
    expect(driver.runLine(line)).toBe(`-${JSON.stringify(error)}`);
    expect(driver.run('VCARD', 'v')).toBe(':1');
    expect(driver.run('VCARD', 'reduced')).toBe(':1');
  });

  it('reduces what is added and what is searched for in the same way', () => {
    const driver = new CommandDriver();
    const add = (name: string, ...values: readonly number[]): string =>
      driver.run('VADD', 'v', 'REDUCE', '4', 'VALUES', '8', ...values, name, 'NOQUANT');
    expect(add('a', 1, 2, 3, 4, 5, 6, 7, 8)).toBe(':1');
    expect(add('b', 8, -7, 6, -5, 4, -3, 2, -1)).toBe(':1');
    expect(driver.run('VDIM', 'v')).toBe(':4');
    const found = driver.run(
      'VSIM', 'v', 'VALUES', '8', 2, 4, 6, 8, 10, 12, 14, 16, 'WITHSCORES', 'COUNT', '1',
    );
    expect(found).toMatch(/^[*]\[\$"a" \$"(1|0[.]9999999\d+)"\]$/);
  });
});

describe('VSIM', () => {
  it('answers names, most like first, and ten of them unless told', () => {
    const driver = points();
    expect(driver.run('VSIM', 'points', 'VALUES', '2', '3', '1'))
      .toBe('*[$"east" $"north" $"south" $"west"]');
    expect(driver.run('VSIM', 'points', 'FP32', blob(0, 7), 'COUNT', '1')).toBe('*[$"north"]');
    expect(driver.run('VSIM', 'points', 'ELE', 'west', 'COUNT', '1')).toBe('*[$"west"]');
    for (let i = 0; i < 9; i++) {
      driver.run('VADD', 'points', 'VALUES', '2', '1', i, `p${i}`, 'NOQUANT');
    }
    expect(driver.reply('VSIM', 'points', 'ELE', 'west')).toMatchObject({ items: { length: 10 } });
  });

  it('answers scores and attributes in both versions', () => {
    const driver = points();
    driver.run('VSETATTR', 'points', 'east', '{"x":1}');
    const ask = (...options: readonly string[]): string =>
      driver.run('VSIM', 'points', 'ELE', 'east', 'COUNT', '2', ...options);
    expect(ask('WITHSCORES')).toBe('*[$"east" $"1" $"north" $"0.5"]');
    expect(ask('WITHATTRIBS')).toBe('*[$"east" $"{\\"x\\":1}" $"north" _]');
    expect(ask('WITHSCORES', 'WITHATTRIBS'))
      .toBe('*[$"east" $"1" $"{\\"x\\":1}" $"north" $"0.5" _]');
    driver.client.resp = 3;
    expect(ask('WITHSCORES')).toBe('%[$"east" ,1 $"north" ,0.5]');
    expect(ask('WITHATTRIBS')).toBe('%[$"east" $"{\\"x\\":1}" $"north" _]');
    expect(ask('WITHSCORES', 'WITHATTRIBS'))
      .toBe('%[$"east" *[,1 $"{\\"x\\":1}"] $"north" *[,0.5 _]]');
  });

  it('leaves out what is further than EPSILON', () => {
    const driver = points();
    expect(driver.run('VSIM', 'points', 'ELE', 'east', 'EPSILON', '0.4')).toBe('*[$"east"]');
    expect(driver.run('VSIM', 'points', 'ELE', 'east', 'EPSILON', '0.5'))
      .toBe('*[$"east" $"north" $"south"]');
  });

  it('filters by attributes', () => {
    const driver = points();
    driver.run('VSETATTR', 'points', 'west', '{"x":1}');
    driver.run('VSETATTR', 'points', 'north', '{"x":2}');
    driver.run('VSETATTR', 'points', 'south', 'no json');
    const ask = (filter: string): string =>
      driver.run('VSIM', 'points', 'ELE', 'east', 'FILTER', filter, 'FILTER-EF', '5');
    expect(ask('.x == 1')).toBe('*[$"west"]');
    expect(ask('.x == 3')).toBe('*[]');
    expect(ask('.x ==')).toMatch(/^-"ERR syntax error in FILTER expression near: /);
  });

  it('says that it has no filters without an engine', () => {
    const driver = new CommandDriver();
    driver.run('VADD', 'v', 'VALUES', '1', '1', 'a');
    expect(driver.run('VSIM', 'v', 'ELE', 'a', 'FILTER', '.x == 1'))
      .toBe('-"ERR this engine has no filters"');
  });

  it('takes all options in any order, and answers of an absent key nothing', () => {
    const driver = points();
    const options = ['NOTHREAD', 'TRUTH', 'EF', '5000', 'COUNT', '1', 'WITHSCORES'];
    expect(driver.run('VSIM', 'points', 'ELE', 'east', ...options)).toBe('*[$"east" $"1"]');
    expect(driver.run('VSIM', 'nosuch', 'ELE', 'east', ...options)).toBe('*[]');
    expect(driver.run('VSIM', 'points', 'ELE', 'east', 'COUNT', '9007199254740991'))
      .toMatch(/^[*]\[/);
  });

  it.each([
    ['VSIM points ELE nosuch', 'ERR element not found in set'],
    ['VSIM points VALUES 3 1 2 3', 'ERR Vector dimension mismatch - got 3 but set has 2'],
    ['VSIM points VALUES 2 1 nan', 'ERR invalid vector specification'],
    ['VSIM points FP32 abc', 'ERR invalid vector specification'],
    ['VSIM points ELE east COUNT 0', 'ERR invalid COUNT'],
    ['VSIM points ELE east COUNT -1', 'ERR invalid COUNT'],
    ['VSIM points ELE east EF 0', 'ERR invalid EF'],
    ['VSIM points ELE east EPSILON 0', 'ERR invalid EPSILON'],
    ['VSIM points ELE east FILTER-EF x', 'ERR invalid FILTER-EF'],
    ['VSIM points ELE east COUNT', 'ERR syntax error'],
    ['VSIM points ELE east NOSUCH 1', 'ERR syntax error'],
    ['VSIM text ELE east', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
  ])('%s', (line, error) => {
    const driver = points();
    driver.run('SET', 'text', 'x');
    expect(driver.runLine(line)).toBe(`-${JSON.stringify(error)}`);
    expect(driver.errors).toEqual([]);
  });
});

describe('what a set keeps of a vector', () => {
  it('gives an f32 vector back bit by bit', () => {
    const driver = new CommandDriver();
    driver.run('VADD', 'v', 'VALUES', '3', '0.1', '-7e-20', '12345.678', 'a', 'NOQUANT');
    const shown = [0.1, -7e-20, 12345.678].map((x) => Math.fround(x));
    expect(textsOf(driver.reply('VEMB', 'v', 'a')).map(Number)).toEqual(shown);
    expect(driver.run('VEMB', 'v', 'b')).toBe('_');
    expect(driver.run('VEMB', 'nosuch', 'b')).toBe('_');
  });

  it('gives a q8 vector back within half a step', () => {
    const driver = new CommandDriver();
    const vector = [0.5, -1, 0.25, 3, 0, 1.5, -2.999];
    driver.run('VADD', 'v', 'VALUES', vector.length, ...vector, 'a');
    const back = textsOf(driver.reply('VEMB', 'v', 'a')).map(Number);
    for (const [i, x] of vector.entries()) {
      expect(Math.abs((back[i] ?? NaN) - x)).toBeLessThanOrEqual(3 / 127 / 2 + 1e-6);
    }
  });

  it('shows the raw forms', () => {
    const driver = new CommandDriver();
    driver.run('VADD', 'f', 'VALUES', '2', '3', '4', 'a', 'NOQUANT');
    driver.run('VADD', 'q', 'VALUES', '3', '3', '4', '0', 'a');
    driver.run('VADD', 'b', 'VALUES', '3', '3', '-4', '1', 'a', 'BIN');
    expect(driver.run('VEMB', 'f', 'a', 'RAW'))
      .toBe('*[+"fp32" $"\\x9a\\x99\\x19?\\xcd\\xccL?" $"5"]');
    expect(driver.run('VEMB', 'q', 'a', 'RAW'))
      .toBe('*[+"q8" $"_\\x7f\\x00" $"5" $"0.80000001192092896"]');
    expect(driver.run('VEMB', 'b', 'a', 'RAW'))
      .toBe('*[+"bin" $"\\x05\\x00\\x00\\x00" $"5.0990195274353027"]');
    expect(driver.run('VEMB', 'f', 'a', 'COOKED')).toBe('-"ERR syntax error"');
  });

  it('compares signs by how many differ', () => {
    const driver = new CommandDriver();
    for (const [name, ...v] of [
      ['same', 1, 1, 1, 1], ['near', 1, 1, 1, -1], ['far', -1, -1, -1, -1],
    ] as const) {
      driver.run('VADD', 'v', 'VALUES', '4', ...v, name, 'BIN');
    }
    expect(driver.run('VSIM', 'v', 'VALUES', '4', '5', '1', '2', '9', 'WITHSCORES'))
      .toBe('*[$"same" $"1" $"near" $"0.75" $"far" $"0"]');
  });

  it('gives a vector without length a likeness of one half', () => {
    const driver = points();
    driver.run('VADD', 'points', 'VALUES', '2', '0', '0', 'zero', 'NOQUANT');
    expect(driver.run('VSIM', 'points', 'ELE', 'zero', 'WITHSCORES', 'COUNT', '2'))
      .toBe('*[$"east" $"0.5" $"north" $"0.5"]');
  });
});

describe('looking at a set', () => {
  it('VINFO names what it is', () => {
    const driver = new CommandDriver({ resp: 3 });
    driver.runLine('VADD v REDUCE 2 VALUES 3 1 2 3 a M 8 SETATTR {}');
    const info = driver.run('VINFO', 'v');
    expect(info.replace(/("vset-uid") :\d+/, '$1 :1')).toBe(
      '%[+"quant-type" +"int8" +"hnsw-m" :8 +"vector-dim" :2 +"projection-input-dim" :3 '
      + '+"size" :1 +"max-level" :0 +"attributes-count" :1 +"vset-uid" :1 +"hnsw-max-node-uid" :0]',
    );
    expect(driver.run('VINFO', 'nosuch')).toBe('_');
  });

  it('VRANGE walks the names in the order of their bytes', () => {
    const driver = new CommandDriver();
    const names = ['b', 'a', 'ab', 'B', 'c', 'ba', '', '\xff'];
    for (const name of names) driver.run('VADD', 'v', 'VALUES', '1', '1', name);
    const range = (...args: readonly string[]): string => driver.run('VRANGE', 'v', ...args);
    expect(range('-', '+')).toBe('*[$"" $"B" $"a" $"ab" $"b" $"ba" $"c" $"\\xff"]');
    expect(range('-', '+', '3')).toBe('*[$"" $"B" $"a"]');
    expect(range('(a', '[ba')).toBe('*[$"ab" $"b" $"ba"]');
    expect(range('[a', '(ba', '2')).toBe('*[$"a" $"ab"]');
    expect(range('[x', '[y')).toBe('*[]');
    expect(range('-', '+', '0')).toBe('*[]');
    expect(range('-', '+', '-1')).toBe(range('-', '+'));
    expect(range('+', '-'))
      .toBe('-"ERR \'-\' can only be used as first argument, \'+\' only as second"');
    expect(range('a', '+')).toBe('-"ERR invalid range item, must start with [ or ("');
    expect(driver.run('VRANGE', 'nosuch', '-', '+')).toBe('*[]');
  });

  it('VRANDMEMBER draws all alike, and with repetitions where asked', () => {
    const driver = new CommandDriver({ seed: 5 });
    for (let i = 0; i < 40; i++) driver.run('VADD', 'v', 'VALUES', '1', i, `e${i}`);
    const drawn = new Map<string, number>();
    for (let i = 0; i < 4000; i++) {
      const name = driver.run('VRANDMEMBER', 'v');
      drawn.set(name, (drawn.get(name) ?? 0) + 1);
    }
    expect(drawn.size).toBe(40);
    for (const [name, times] of drawn) expect(times, name).toBeGreaterThan(40);
    for (const count of [1, 5, 20, 39, 40, 50]) {
      const names = textsOf(driver.reply('VRANDMEMBER', 'v', count));
      expect(names.length).toBe(Math.min(40, count));
      expect(new Set(names).size).toBe(names.length);
    }
    expect(driver.reply('VRANDMEMBER', 'v', '-100')).toMatchObject({ items: { length: 100 } });
    expect(driver.run('VRANDMEMBER', 'v', '0')).toBe('*[]');
    expect(driver.run('VRANDMEMBER', 'v', 'x')).toMatch(/^-"ERR value is not an integer/);
    expect(driver.run('VRANDMEMBER', 'v', '-9007199254740991'))
      .toBe('-"ERR value is out of range"');
  });
});

describe('a set as a key', () => {
  it('goes with its last element, and with its time', () => {
    const driver = points();
    driver.run('PEXPIRE', 'points', '500');
    driver.run('COPY', 'points', 'copy');
    driver.run('RENAME', 'points', 'moved');
    for (const name of ['east', 'north', 'west', 'south']) driver.run('VREM', 'copy', name);
    expect(driver.run('EXISTS', 'copy', 'moved')).toBe(':1');
    driver.advance(501);
    expect(driver.run('EXISTS', 'moved')).toBe(':0');
    checkShard(driver.shard);
  });

  it('is refused by commands of other types, and refuses their keys', () => {
    const driver = points();
    for (const line of ['GET points', 'SADD points a', 'LPUSH points a', 'HGET points a']) {
      expect(driver.runLine(line)).toMatch(/^-"WRONGTYPE/);
    }
    driver.run('RPUSH', 'list', 'a');
    for (const line of [
      'VCARD list', 'VDIM list', 'VINFO list', 'VEMB list a', 'VGETATTR list a', 'VLINKS list a',
      'VISMEMBER list a', 'VRANDMEMBER list', 'VRANGE list - +', 'VREM list a',
      'VSETATTR list a {}',
    ]) expect(driver.runLine(line), line).toMatch(/^-"WRONGTYPE/);
  });

  it('refuses attributes that are too long', () => {
    const driver = points();
    const long = 'x'.repeat((1 << 20) + 1);
    expect(driver.run('VSETATTR', 'points', 'east', long)).toMatch(/^-"ERR attributes are longer/);
    expect(driver.run('VGETATTR', 'points', 'east')).toBe('_');
  });

  it('holds the longest vector', () => {
    const driver = new CommandDriver();
    const vector = Float32Array.from({ length: 65_536 }, (_, i) => (i % 7) - 3);
    const bytes = new Uint8Array(vector.buffer);
    expect(driver.run('VADD', 'v', 'FP32', bytes, 'a', 'NOQUANT')).toBe(':1');
    expect(driver.run('VSIM', 'v', 'FP32', bytes, 'WITHSCORES')).toBe('*[$"a" $"1"]');
    expect(driver.run('VADD', 'w', 'FP32', new Uint8Array(65_537 * 4), 'a')).toMatch(/^-/);
  });
});
