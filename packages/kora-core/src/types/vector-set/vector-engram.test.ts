/**
 * Golden replies of Engram's commands: rows of its tables of commands, errors and distance texts,
 * the order of its checks among them. Where an index is a key of Kora, and Engram's was none, the
 * last test says so.
 */
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';
import { distanceText } from './vector-distance-text.ts';

function blob(...components: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(components).buffer);
}

function driverOf(metric = 'l2', dimension = 2): CommandDriver {
  const driver = new CommandDriver();
  expect(driver.run('VNEW', 'm', dimension, 'METRIC', metric)).toBe('+"OK"');
  return driver;
}

describe('VNEW', () => {
  it.each([
    ['VNEW a 2', '+"OK"'], ['VNEW a +2', '+"OK"'], ['VNEW a 002', '+"OK"'],
    ['VNEW a 2 metric COSINE', '+"OK"'], ['VNEW a 2 METRIC Euclidean', '+"OK"'],
    ['VNEW a 2 METRIC ip', '+"OK"'], ['VNEW "" 2', '+"OK"'],
    ['VNEW a', '-"ERR wrong number of arguments for \'vnew\' command"'],
    ['VNEW a 0', '-"ERR dimension must be a positive integer"'],
    ['VNEW a -1', '-"ERR dimension must be a positive integer"'],
    ['VNEW a 1.0', '-"ERR dimension must be a positive integer"'],
    ['VNEW a x METRIC', '-"ERR dimension must be a positive integer"'],
    ['VNEW a 65537', '-"ERR dimension must be a positive integer"'],
    ['VNEW a 2 METRIC', '-"ERR syntax error"'], ['VNEW a 2 l2', '-"ERR syntax error"'],
    ['VNEW a 2 METRIC l2 x', '-"ERR syntax error"'],
    ['VNEW a 2 METRIC manhattan', '-"ERR unknown metric"'],
    ['VNEW a 2 METRIC constructor', '-"ERR unknown metric"'],
    ['VNEW m 2', '-"ERR index already exists"'],
    ['VNEW m 3 METRIC nosuch', '-"ERR unknown metric"'],
  ])('%s', (line, reply) => {
    const driver = driverOf();
    expect(driver.runLine(line)).toBe(reply);
  });
});

describe('VADD, VDEL and VINFO', () => {
  it('count the keys that are there', () => {
    const driver = driverOf('dot');
    const info = (count: number): string =>
      `*[$"dim" $"2" $"metric" $"dot" $"count" $"${count}"]`;
    expect(driver.run('VINFO', 'm')).toBe(info(0));
    expect(driver.run('VADD', 'm', 'a', blob(1, 2))).toBe(':1');
    expect(driver.run('VADD', 'm', '', blob(1, 2))).toBe(':1');
    expect(driver.run('VADD', 'm', 'a', blob(3, 4))).toBe(':0');
    expect(driver.run('VINFO', 'm')).toBe(info(2));
    expect(driver.run('VDEL', 'm', 'a')).toBe(':1');
    expect(driver.run('VDEL', 'm', 'a')).toBe(':0');
    expect(driver.run('VDEL', 'm', '')).toBe(':1');
    expect(driver.run('VINFO', 'm')).toBe(info(0));
  });

  it.each([
    ['no such index', ['VADD', 'nope', 'a', 'xx'], 'ERR no such index'],
    ['text', ['VADD', 'm', 'a', 'text!'], 'ERR invalid vector encoding'],
    ['nothing', ['VADD', 'm', 'a', ''], 'ERR invalid vector encoding'],
    ['not a number', ['VADD', 'm', 'a', blob(1, NaN)], 'ERR invalid vector encoding'],
    ['infinite', ['VADD', 'm', 'a', blob(Infinity, 1)], 'ERR invalid vector encoding'],
    ['too long', ['VADD', 'm', 'a', blob(1, 2, 3)],
      'ERR wrong vector dimension: index expects 2, got 3'],
    ['no such index', ['VDEL', 'nope', 'a'], 'ERR no such index'],
    ['three words', ['VADD', 'm', 'a'], "ERR wrong number of arguments for 'vadd' command"],
    ['no such index', ['VSEARCH', 'nope', 'x', '1'], 'ERR no such index'],
    ['k before the index', ['VSEARCH', 'nope', 'x', 'zz'],
      'ERR value is not an integer or out of range'],
    ['k with a blank', ['VSEARCH', 'm', blob(1, 2), ' 1'],
      'ERR value is not an integer or out of range'],
    ['k as 2^64', ['VSEARCH', 'm', blob(1, 2), '18446744073709551616'],
      'ERR value is not an integer or out of range'],
    ['another option', ['VSEARCH', 'm', blob(1, 2), '1', 'FE', '5'], 'ERR syntax error'],
    ['EF without a number', ['VSEARCH', 'm', blob(1, 2), '1', 'EF'], 'ERR syntax error'],
    ['EF of a text', ['VSEARCH', 'm', blob(1, 2), '1', 'EF', '1e3'],
      'ERR value is not an integer or out of range'],
    ['encoding before dimension', ['VSEARCH', 'm', 'zz', '1'], 'ERR invalid vector encoding'],
    ['dimension', ['VSEARCH', 'm', blob(1), '1'],
      'ERR wrong vector dimension: index expects 2, got 1'],
  ])('%s is refused', (_what, args, error) => {
    const driver = driverOf();
    expect(driver.run(...args)).toBe(`-${JSON.stringify(error)}`);
    expect(driver.run('VINFO', 'm')).toContain('$"count" $"0"');
  });
});

describe('VSEARCH', () => {
  const search = (driver: CommandDriver, ...args: readonly (string | Uint8Array)[]): string =>
    driver.run('VSEARCH', 'm', ...args);

  it('answers keys and distances, nearest first, as many as there are', () => {
    const driver = driverOf('l2');
    for (const [name, x, y] of [['far', 2, 1], ['near', 1, 0], ['\xff\x00', 0, 0]] as const) {
      driver.run('VADD', 'm', name, blob(x, y));
    }
    expect(search(driver, blob(0, 0), '10'))
      .toBe('*[$"\\xff\\x00" $"0" $"near" $"1" $"far" $"2.236068"]');
    expect(search(driver, blob(0, 0), '+1', 'ef', '0')).toBe('*[$"\\xff\\x00" $"0"]');
    expect(search(driver, blob(0, 0), '0')).toBe('*[]');
    expect(search(driver, blob(0, 0), '1000000000000000000', 'EF', '1000000000000'))
      .toMatch(/^[*]\[/);
  });

  it('has the distances of its three metrics', () => {
    const cosine = driverOf('cosine');
    cosine.run('VADD', 'm', 'same', blob(2, 0));
    cosine.run('VADD', 'm', 'turned', blob(3, 4));
    cosine.run('VADD', 'm', 'opposite', blob(-1, 0));
    cosine.run('VADD', 'm', 'zero', blob(0, 0));
    expect(search(cosine, blob(1, 0), '9')).toBe(
      '*[$"same" $"0" $"turned" $"0.39999998" $"zero" $"1" $"opposite" $"2"]',
    );
    expect(search(cosine, blob(0, 0), '1')).toMatch(/\$"1"\]$/);
    const dot = driverOf('dot');
    dot.run('VADD', 'm', 'a', blob(3, 4));
    dot.run('VADD', 'm', 'b', blob(0, -1));
    expect(search(dot, blob(2, 0), '9')).toBe('*[$"a" $"-6" $"b" $"-0"]');
    const l2 = driverOf('l2', 1);
    l2.run('VADD', 'm', 'huge', blob(3e38));
    expect(search(l2, blob(-3e38), '1')).toBe('*[$"huge" $"inf"]');
  });

  it('lists what is deleted no more, and what is overwritten where it is now', () => {
    const driver = driverOf('l2', 1);
    for (let i = 0; i < 50; i++) driver.run('VADD', 'm', `k${i}`, blob(i));
    for (let i = 0; i < 49; i++) driver.run('VDEL', 'm', `k${i}`);
    driver.run('VADD', 'm', 'k49', blob(7));
    expect(search(driver, blob(0), '5', 'EF', '0')).toBe('*[$"k49" $"7"]');
  });
});

describe('texts of distances', () => {
  it.each([
    [0, '0'], [1, '1'], [Math.fround(Math.sqrt(5)), '2.236068'], [Math.fround(0.1), '0.1'],
    [Math.fround(0.39999998), '0.39999998'],
    [Math.fround(9.999973e-21), '0.000000000000000000009999973'],
    [Math.fround(-3e38), '-300000000000000000000000000000000000000'], [-0, '-0'],
    [Infinity, 'inf'], [-Infinity, '-inf'], [NaN, 'NaN'], [16_777_216, '16777216'],
    [Math.fround(1.5e-45), '0.000000000000000000000000000000000000000000001'],
  ])('%d is %s', (distance, text) => {
    expect(distanceText(distance)).toBe(text);
  });

  it('read back to the same f32, whatever they are', () => {
    const words = new Uint32Array(1);
    const floats = new Float32Array(words.buffer);
    for (let seed = 1; seed < 3000; seed++) {
      words[0] = Math.imul(seed, 2_654_435_761) ^ (seed << 3);
      const x = floats[0] ?? 0;
      if (!Number.isFinite(x) || x === 0) continue;
      const text = distanceText(x);
      expect(text).toMatch(/^-?\d+([.]\d+)?$/);
      expect(Math.fround(Number(text)), text).toBe(x);
    }
  });
});

it('texts of distances have no more digits than they need', () => {
  for (let exponent = -149; exponent < 128; exponent++) {
    const x = 2 ** exponent;
    let digits = 1;
    while (Math.fround(Number(x.toPrecision(digits))) !== x) digits++;
    expect(Number(distanceText(x)), `2^${exponent}`).toBe(Number(x.toPrecision(digits)));
  }
});

it('VSAVE without a directory says what to do, and takes no words', () => {
  const driver = driverOf();
  expect(driver.run('vsave')).toBe('-"ERR persistence not enabled; start with a data dir"');
  expect(driver.run('VSAVE', 'm'))
    .toBe('-"ERR wrong number of arguments for \'vsave\' command"');
});

it('an index is a key: other commands see it, and it is refused where another key is', () => {
  const driver = driverOf();
  expect(driver.run('TYPE', 'm')).toBe('+"vectorset"');
  expect(driver.run('SET', 'text', 'x')).toBe('+"OK"');
  expect(driver.run('VNEW', 'text', '2')).toMatch(/^-"WRONGTYPE/);
  expect(driver.run('VSEARCH', 'text', 'x', '1')).toMatch(/^-"WRONGTYPE/);
  driver.run('VADD', 'm', 'a', blob(3, 4));
  expect(driver.run('VSIM', 'm', 'ELE', 'a')).toBe('*[$"a"]');
  expect(driver.run('DEL', 'm')).toBe(':1');
  expect(driver.run('VDEL', 'm', 'a')).toBe('-"ERR no such index"');
});
