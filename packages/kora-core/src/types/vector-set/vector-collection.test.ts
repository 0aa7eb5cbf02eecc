/**
 * Named collections: what they are made with and remember, elements that are stored all or none,
 * and searches against a sort of everything: pages, bounds, filters, the element itself. Then
 * refusals, after which nothing has changed.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../../admin/shard-check.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { NaiveNearest } from '../../testing/naive-nearest.ts';
import { randomSource } from '../../testing/random-source.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

function blob(...components: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(components).buffer);
}

/** The values of VECINFO by name. */
function infoOf(driver: CommandDriver, key: string): Record<string, string> {
  const reply = driver.run('VECINFO', key);
  const words = [...reply.matchAll(/\$"(\w*)"|:(\d+)/g)].map(([, text, number]) => text ?? number);
  return Object.fromEntries(
    Array.from({ length: words.length / 2 }, (_, i) => [words[2 * i], words[2 * i + 1]]),
  ) as Record<string, string>;
}

describe('VECNEW', () => {
  it.each([
    ['', '16', '200', '50'], ['PRESET default', '16', '200', '50'],
    ['PRESET high_speed', '8', '100', '20'], ['preset HIGH_RECALL', '32', '400', '200'],
    ['M 9 PRESET high_recall', '9', '400', '200'],
    ['PRESET high_speed EF_CONSTRUCTION 7 EF 4096', '8', '7', '4096'],
  ])('with %j has links and widths', (options, m, efConstruction, ef) => {
    const driver = new CommandDriver();
    expect(driver.runLine(`VECNEW c 3 ${options}`)).toBe('+"OK"');
    expect(infoOf(driver, 'c')).toMatchObject({ m, ef_construction: efConstruction, ef });
  });

  it.each([
    ['METRIC L2', 'l2', 'f32'], ['METRIC ip F32', 'ip', 'f32'], ['Q8', 'cosine', 'q8'],
    ['BIN METRIC cosine', 'cosine', 'bin'],
  ])('with %j has a metric and a form', (options, metric, form) => {
    const driver = new CommandDriver();
    driver.runLine(`VECNEW c 3 ${options}`);
    expect(infoOf(driver, 'c')).toMatchObject({
      metric, storage: form, dimension: '3', size: '0', attributes: '0', linked: '0',
    });
  });

  it.each([
    ['VECNEW c 0', 'ERR dimension must be a positive integer'],
    ['VECNEW c 65537', 'ERR dimension must be a positive integer'],
    ['VECNEW c 3 METRIC manhattan', 'ERR METRIC is cosine, l2 or ip'],
    ['VECNEW c 3 METRIC toString', 'ERR METRIC is cosine, l2 or ip'],
    ['VECNEW c 3 PRESET fast', 'ERR PRESET is high_speed, default or high_recall'],
    ['VECNEW c 3 M 3', 'ERR invalid M'], ['VECNEW c 3 M 129', 'ERR invalid M'],
    ['VECNEW c 3 EF 0', 'ERR invalid EF'], ['VECNEW c 3 EF 4097', 'ERR invalid EF'],
    ['VECNEW c 3 EF_CONSTRUCTION x', 'ERR invalid EF_CONSTRUCTION'],
    ['VECNEW c 3 Q8 METRIC ip', 'ERR Q8 and BIN are for the cosine metric'],
    ['VECNEW c 3 EF', 'ERR syntax error'], ['VECNEW c 3 FAST 1', 'ERR syntax error'],
    ['VECNEW other 3', 'ERR index already exists'],
  ])('%s is refused', (line, error) => {
    const driver = new CommandDriver();
    driver.runLine('VECNEW other 2');
    expect(driver.runLine(line)).toBe(`-${JSON.stringify(error)}`);
    expect(driver.run('EXISTS', 'c')).toBe(':0');
  });

  it('makes what other commands see, and what stays when it is empty', () => {
    const driver = new CommandDriver();
    driver.run('VECNEW', 'a:b', 2);
    expect(driver.run('TYPE', 'a:b')).toBe('+"vectorset"');
    driver.run('VECADD', 'a:b', 'x', blob(1, 0), '');
    expect(driver.run('VSIM', 'a:b', 'ELE', 'x')).toBe('*[$"x"]');
    expect(driver.run('VREM', 'a:b', 'x')).toBe(':1');
    expect(driver.run('VCARD', 'a:b')).toBe(':0');
    expect(driver.run('EXISTS', 'a:b')).toBe(':1');
    expect(driver.run('VECDROP', 'a:b')).toBe(':1');
    expect(driver.run('EXISTS', 'a:b')).toBe(':0');
  });

  it('makes what is the same after COPY, DUMP and a replay', () => {
    const driver = new CommandDriver();
    const recorder = new JournalRecorder(driver.shard);
    driver.runLine('VECNEW c 2 PRESET high_recall METRIC l2 EF 77');
    driver.run('VECADD', 'c', 'x', blob(1, 0), '{"a":1}', 'y', blob(2, 0), '');
    driver.run('COPY', 'c', 'copied');
    const dump = driver.reply('DUMP', 'c');
    driver.run('RESTORE', 'restored', '0', 'text' in dump ? dump.text : '');
    const wanted = infoOf(driver, 'c');
    expect(wanted).toMatchObject({ ef: '77', size: '2', attributes: '1' });
    expect(infoOf(driver, 'copied')).toEqual(wanted);
    expect(infoOf(driver, 'restored')).toEqual(wanted);
    const fresh = new CommandDriver();
    for (const record of recorder.records) replayEffect(fresh.shard, record);
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    expect(contentsOf(fresh.shard, hex)).toEqual(contentsOf(driver.shard, hex));
    recorder.close();
  });
});

describe('VECADD', () => {
  const collection = (): CommandDriver => {
    const driver = new CommandDriver();
    driver.run('VECNEW', 'c', 2, 'METRIC', 'l2');
    driver.run('VECADD', 'c', 'old', blob(9, 9), '{"a":1}');
    return driver;
  };

  it('stores many, the last of a name, and puts attributes in the place of others', () => {
    const driver = collection();
    expect(driver.run(
      'VECADD', 'c', 'a', blob(1, 1), '', 'old', blob(2, 2), '', 'a', blob(3, 3), '{"b":2}',
    )).toBe(':1');
    expect(driver.run('VEMB', 'c', 'a')).toBe('*[$"3" $"3"]');
    expect(driver.run('VGETATTR', 'c', 'a')).toBe('$"{\\"b\\":2}"');
    expect(driver.run('VEMB', 'c', 'old')).toBe('*[$"2" $"2"]');
    expect(driver.run('VGETATTR', 'c', 'old')).toBe('_');
    checkShard(driver.shard);
  });

  it.each([
    ['a wrong dimension', blob(1), '', 'ERR wrong vector dimension: index expects 2, got 1'],
    ['what is not a number', blob(1, NaN), '', 'ERR invalid vector encoding'],
    ['nothing', '', '', 'ERR invalid vector encoding'],
    ['half a number', 'abcdef', '', 'ERR invalid vector encoding'],
    ['long attributes', blob(1, 1), 'x'.repeat((1 << 20) + 1),
      'ERR attributes are longer than 1048576 bytes'],
  ])('refuses %s in the last, and has stored none', (_what, vector, json, error) => {
    const driver = collection();
    expect(driver.run('VECADD', 'c', 'a', blob(1, 1), '', 'b', vector, json))
      .toBe(`-${JSON.stringify(error)}`);
    expect(driver.run('VRANGE', 'c', '-', '+')).toBe('*[$"old"]');
  });

  it('refuses words that make no elements, and collections that are not there', () => {
    const driver = collection();
    expect(driver.run('VECADD', 'c', 'a', blob(1, 1), '', 'b'))
      .toBe('-"ERR elements are given as an id, a vector and attributes each"');
    expect(driver.run('VECADD', 'nosuch', 'a', blob(1, 1), '')).toBe('-"ERR no such index"');
    driver.run('SET', 'text', 'x');
    for (const words of [
      ['VECADD', 'text', 'a', blob(1, 1), ''], ['VECINFO', 'text'], ['VECDROP', 'text'],
      ['VECSEARCH', 'text', '1', 'ID', 'a'], ['VECNEW', 'text', '2'],
    ]) expect(driver.run(...words)).toMatch(/^-"WRONGTYPE/);
    expect(driver.run('GET', 'text')).toBe('$"x"');
  });

  it('stores none when the memory ends within', () => {
    const driver = new CommandDriver();
    driver.run('VECNEW', 'c', 8192, 'METRIC', 'l2');
    const vector = new Uint8Array(8192 * 4);
    const batch = (round: number): (string | Uint8Array)[] =>
      Array.from({ length: 20 }, (_, i) => [`x${round}.${i}`, vector, '']).flat();
    let rounds = 0;
    while (driver.run('VECADD', 'c', ...batch(rounds)) === ':20') rounds++;
    expect(driver.run('VECADD', 'c', ...batch(rounds)))
      .toBe('-"OOM the memory of this shard is full"');
    expect(rounds).toBeGreaterThan(0);
    expect(driver.run('VCARD', 'c')).toBe(`:${rounds * 20}`);
    checkShard(driver.shard);
  });
});

describe('VECSEARCH', () => {
  it.each(['l2', 'ip', 'cosine'] as const)('answers as a sort of all does, by %s', (metric) => {
    const random = randomSource(5);
    const driver = new CommandDriver({ vectorEngine: new NaiveNearest() });
    driver.run('VECNEW', 'c', 2, 'METRIC', metric);
    const model = new Map<string, { vector: number[]; kind: number }>();
    for (let i = 0; i < 300; i++) {
      // Whole numbers, so that products are exact.
      const vector = [random.below(15) - 7, random.below(15) - 7];
      const kind = random.below(4);
      const id = `e${random.below(200)}`;
      model.set(id, { vector, kind });
      driver.run('VECADD', 'c', id, blob(...vector), `{"kind":${kind}}`);
    }
    type Point = readonly number[];
    const apart = ([a = 0, b = 0]: Point, [x = 0, y = 0]: Point): number => {
      if (metric === 'l2') return Math.hypot(a - x, b - y);
      const dot = a * x + b * y;
      if (metric === 'ip') return -dot;
      const lengths = Math.hypot(a, b) * Math.hypot(x, y);
      return lengths === 0 ? 1 : 1 - dot / lengths;
    };
    for (let round = 0; round < 300; round++) {
      const id = `e${random.below(200)}`;
      const self = model.get(id);
      const isById = self !== undefined && round % 2 === 0;
      const query = isById ? self.vector : [random.below(15) - 7, random.below(15) - 7];
      const kind = random.below(5);
      const [k, offset, bound] = [random.below(12), random.below(4) * 5, random.below(9)];
      const hasSelf = random.below(2) === 0;
      const wanted = [...model]
        .filter(([name]) => !isById || hasSelf || name !== id)
        .filter(([, element]) => kind === 4 || element.kind === kind)
        .map(([, { vector }]) => apart(query, vector))
        .filter((distance) => distance <= bound + 0.001)
        .sort((a, b) => a - b).slice(offset, offset + k);
      const given = isById ? ['ID', id] : ['FP32', blob(...query)];
      const filter = kind === 4 ? [] : ['FILTER', `.kind == ${kind}`];
      const reply = driver.reply(
        'VECSEARCH', 'c', k, ...given, 'OFFSET', offset, 'MAXDISTANCE', bound + 0.001, ...filter,
        'WITHATTRIBS', ...(round % 3 === 0 ? ['EXACT'] : []), ...(hasSelf ? ['WITHSELF'] : []),
      );
      if (reply.kind !== 'array') throw new Error(JSON.stringify(reply));
      expect(reply.items.length, `round ${round}`).toBe(wanted.length);
      for (const [i, item] of reply.items.entries()) {
        if (item.kind !== 'array') throw new Error('a hit is a list');
        const [name, distance, json] = item.items.map((part) => ('text' in part ? part.text : ''));
        expect(Number(distance), `round ${round}`).toBeCloseTo(wanted[i] ?? NaN, 5);
        const element = model.get(name ?? '');
        expect(apart(query, element?.vector ?? [])).toBeCloseTo(Number(distance), 5);
        expect(json).toBe(`{"kind":${element?.kind}}`);
      }
    }
  });

  it('is as wide as EF says, as the collection says, or 50; and applies filters as told', () => {
    const engine = new NaiveNearest();
    const driver = new CommandDriver({ vectorEngine: engine });
    const vector = new Float32Array(1024).fill(1);
    for (const [key, ef] of [['preset', 'PRESET high_recall'], ['own', 'EF 99']] as const) {
      driver.runLine(`VECNEW ${key} 1024 ${ef}`);
    }
    for (let i = 0; i < 130; i++) {
      vector[i] = i;
      for (const key of ['preset', 'own', 'plain']) {
        driver.run('VADD', key, 'FP32', new Uint8Array(vector.buffer), `e${i}`, 'NOQUANT', 'M',
          key === 'preset' ? '32' : '16');
      }
    }
    driver.settle();
    const search = (key: string, ...words: readonly string[]): readonly [number, string] => {
      expect(driver.run('VECSEARCH', key, '5', 'ID', 'e7', ...words)).toMatch(/^[*]/);
      return [engine.lastEf, engine.lastStrategy];
    };
    expect(search('preset')).toEqual([200, 'auto']);
    expect(search('own', 'STRATEGY', 'AUTO')).toEqual([99, 'auto']);
    expect(search('plain', 'STRATEGY', 'pre')).toEqual([50, 'pre']);
    expect(search('own', 'EF', '6', 'STRATEGY', 'POST')).toEqual([6, 'post']);
    expect(search('own', 'EF', '99999999999')).toEqual([4096, 'auto']);
    const before = engine.searchCount;
    search('own', 'EXACT');
    expect(engine.searchCount).toBe(before);
    driver.run('VECQUERY', 'preset', '5', ...Array.from({ length: 1024 }, () => '1'));
    expect(engine.lastEf).toBe(200);
  });

  it.each([
    ['VECSEARCH c -1 ID a', 'ERR value is not an integer or out of range'],
    ['VECSEARCH c 1.5 ID a', 'ERR value is not an integer or out of range'],
    ['VECSEARCH c 1 ID nobody', 'ERR element not found in set'],
    ['VECSEARCH nosuch 1 ID a', 'ERR no such index'],
    ['VECSEARCH c 1 VALUES 3 1 2 3', 'ERR wrong vector dimension: index expects 2, got 3'],
    ['VECSEARCH c 1 VALUES 2 1 nan', 'ERR invalid vector encoding'],
    ['VECSEARCH c 1 FP32 xxx', 'ERR invalid vector encoding'],
    ['VECSEARCH c 1 1 2', 'ERR invalid vector encoding'],
    ['VECSEARCH c 1 ID a EF 0', 'ERR invalid EF'],
    ['VECSEARCH c 1 ID a OFFSET -1', 'ERR invalid OFFSET'],
    ['VECSEARCH c 1 ID a MAXDISTANCE near', 'ERR MAXDISTANCE is a number'],
    ['VECSEARCH c 1 ID a STRATEGY never', 'ERR STRATEGY is auto, pre or post'],
    ['VECSEARCH c 1 ID a FILTER', 'ERR syntax error'],
    ['VECSEARCH c 1 ID a FAST 1', 'ERR syntax error'],
    ['VECSEARCH c 1 ID a FILTER (',
      'ERR syntax error in FILTER expression near: what is no filter'],
  ])('%s is refused', (line, error) => {
    const driver = new CommandDriver({ vectorEngine: new NaiveNearest() });
    driver.run('VECNEW', 'c', 2);
    driver.run('VECADD', 'c', 'a', blob(1, 2), '');
    expect(driver.runLine(line)).toBe(`-${JSON.stringify(error)}`);
  });

  it('answers nothing for k 0 or a page beyond the end, and all for a k beyond any', () => {
    const driver = new CommandDriver();
    driver.run('VECNEW', 'c', 2);
    expect(driver.run('VECSEARCH', 'c', '5', 'VALUES', '2', '1', '1')).toBe('*[]');
    // A vector without a length is as far as a right angle from everything.
    driver.run('VECADD', 'c', 'a', blob(1, 2), '', 'zero', blob(0, 0), '');
    expect(driver.run('VECSEARCH', 'c', '0', 'ID', 'a')).toBe('*[]');
    expect(driver.run('VECSEARCH', 'c', '5', 'ID', 'a', 'OFFSET', '9007199254740991')).toBe('*[]');
    expect(driver.run('VECSEARCH', 'c', '9007199254740991', 'ID', 'a', 'WITHSELF'))
      .toBe('*[*[$"a" $"0"] *[$"zero" $"1"]]');
  });
});
