/**
 * What streams must never get wrong again (short IDs, empty keys after errors, groups that outlive
 * their stream), the commands of later versions, events, hostile arguments, and blocks as big as
 * they come.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { keyEvents } from '../../keyspace/events.ts';
import { CommandDriver } from '../../testing/command-driver.ts';

let driver: CommandDriver;
const run = (line: string): string => driver.runLine(line);

beforeEach(() => {
  verify.enabled = true;
  driver = new CommandDriver({ startMs: 1000 });
});
afterEach(() => {
  verify.enabled = false;
  expect(driver.errors).toEqual([]);
});

function runAll(lines: readonly (readonly [string, string])[]): void {
  for (const [line, wanted] of lines) expect(run(line), line).toBe(wanted);
}

describe('IDs of streams', () => {
  it('that are short mean what they say', () => {
    runAll([
      ['XADD s 899 n 1', '$"899-0"'], ['XADD s 900 n 2', '$"900-0"'],
      ['XADD s 901-5 n 3', '$"901-5"'], ['XADD s 902 n 4', '$"902-0"'],
      ['XRANGE s 900 901', '*[*[$"900-0" *[$"n" $"2"]] *[$"901-5" *[$"n" $"3"]]]'],
      ['XRANGE s (900 (902 COUNT 1', '*[*[$"901-5" *[$"n" $"3"]]]'],
      ['XREAD COUNT 1 STREAMS s 0', '*[*[$"s" *[*[$"899-0" *[$"n" $"1"]]]]]'],
      ['XREAD STREAMS s 901', '*[*[$"s" *[*[$"901-5" *[$"n" $"3"]] *[$"902-0" *[$"n" $"4"]]]]]'],
      ['XDEL s 900', ':1'],
    ]);
  });

  it('never go back with the clock, nor overflow a millisecond', () => {
    expect(run('XADD s * n 1')).toBe('$"1000-0"');
    expect(run('XADD s * n 1')).toBe('$"1000-1"');
    expect(run('XADD s 2000-18446744073709551615 n 1')).toBe('$"2000-18446744073709551615"');
    expect(run('XADD s * n 1')).toBe('$"2001-0"');
    expect(run('XADD s 2001-18446744073709551615 n 1')).toBe('$"2001-18446744073709551615"');
    expect(run('XADD s 2001-* n 1')).toContain('equal or smaller');
    const last = '18446744073709551615-18446744073709551615';
    expect(run(`XADD s ${last} n 1`)).toBe(`$"${last}"`);
    expect(run('XADD s * n 1')).toContain('exhausted the last possible ID');
    expect(run(`XRANGE s (${last} +`)).toBe('-"ERR invalid start ID for the interval"');
    expect(run('XRANGE s - (0-0')).toBe('-"ERR invalid end ID for the interval"');
  });

  it.each([
    'XADD s 0-0 a 1', 'XADD s x a 1', 'XADD s 1-1 a', 'XADD s MAXLEN -1 1-1 a 1',
    'XADD s MAXLEN 1 LIMIT 5 1-1 a 1', 'XADD s NOMKSTREAM 1-1 a 1', 'XGROUP CREATE s g 0',
    'XREADGROUP GROUP g c STREAMS s >', 'XGROUP CREATE s g x MKSTREAM', 'XSETID s 1-1',
    'XGROUP CREATE s g 0 MKSTREAM ENTRIESREAD -2', 'XCLAIM s g c 0 1-1 FORCE', 'XACK s g 1-1',
    'XDELEX s IDS 1 1-1', 'XTRIM s MAXLEN 0',
  ])('leave no empty key behind when they are refused: %s', (line) => {
    run(line);
    expect(run('EXISTS s')).toBe(':0');
    expect(driver.shard.journal.sequence).toBe(0);
  });
});

describe('a last ID that goes back', () => {
  it('behind deleted entries lets later ones in, and finds them', () => {
    runAll([
      ['XADD s 6-0 a 1', '$"6-0"'], ['XADD s 9-0 a 2', '$"9-0"'], ['XDEL s 9-0', ':1'],
      ['XSETID s 7-0', '+"OK"'], ['XADD s 8-0 a 3', '$"8-0"'], ['XADD s 9-0 a 4', '$"9-0"'],
      ['XRANGE s 8 8', '*[*[$"8-0" *[$"a" $"3"]]]'],
      ['XREVRANGE s + -', '*[*[$"9-0" *[$"a" $"4"]] *[$"8-0" *[$"a" $"3"]] '
        + '*[$"6-0" *[$"a" $"1"]]]'],
      ['XDEL s 8-0', ':1'], ['XLEN s', ':2'],
    ]);
  });
});

describe('groups of a stream', () => {
  beforeEach(() => {
    run('XADD s 1-1 a 1');
    run('XGROUP CREATE s g 0');
    run('XREADGROUP GROUP g ada STREAMS s >');
  });

  it('go with it', () => {
    runAll([
      ['DEL s', ':1'], ['XADD s 1-1 a 1', '$"1-1"'], ['XINFO GROUPS s', '*[]'],
      ['XPENDING s g', '-"NOGROUP No such key \'s\' or consumer group \'g\'"'],
    ]);
  });

  it('follow RENAME, COPY, MOVE, DUMP and RESTORE, each with its own', () => {
    const facts = run('XINFO STREAM s FULL');
    expect(run('COPY s copy')).toBe(':1');
    expect(run('RENAME s moved')).toBe('+"OK"');
    const dumped = driver.reply('DUMP', 'moved');
    const text = 'text' in dumped ? dumped.text : '';
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    expect(driver.run('RESTORE', 'loaded', '0', bytes)).toBe('+"OK"');
    for (const key of ['copy', 'moved', 'loaded']) {
      expect(run(`XINFO STREAM ${key} FULL`)).toBe(facts);
      expect(run(`XACK ${key} g 1-1`)).toBe(':1');
    }
    expect(run('XINFO GROUPS s')).toBe('-"ERR no such key"');
  });

  it('are not made by reading', () => {
    expect(run('XREADGROUP GROUP other ada STREAMS s >')).toBe(
      '-"NOGROUP No such key \'s\' or consumer group \'other\' in XREADGROUP with GROUP option"',
    );
    expect(run('XINFO GROUPS s')).not.toContain('other');
  });

  it('serve one key twice in a command, one after the other', () => {
    run('XADD s 2-1 a 2');
    run('XADD s 3-1 a 3');
    expect(run('XREADGROUP GROUP g ada COUNT 1 STREAMS s s > >')).toBe(
      '*[*[$"s" *[*[$"2-1" *[$"a" $"2"]]]] *[$"s" *[*[$"3-1" *[$"a" $"3"]]]]]',
    );
    expect(run('XREADGROUP GROUP g ada STREAMS s s > >')).toBe('*_');
  });
});

describe('XDELEX and XACKDEL', () => {
  beforeEach(() => {
    for (let i = 1; i <= 4; i++) run(`XADD s ${i}-1 a ${i}`);
    run('XGROUP CREATE s g 0');
    run('XGROUP CREATE s h 0');
    run('XREADGROUP GROUP g ada STREAMS s >');
    run('XREADGROUP GROUP h bob COUNT 2 STREAMS s >');
  });

  it('keep references, or not', () => {
    runAll([
      ['XDELEX s IDS 2 1-1 9-9', '*[:1 :-1]'],
      ['XPENDING s g - + 9 ada', '*[*[$"1-1" $"ada" :0 :1] *[$"2-1" $"ada" :0 :1] '
        + '*[$"3-1" $"ada" :0 :1] *[$"4-1" $"ada" :0 :1]]'],
      ['XDELEX s DELREF IDS 2 1-1 2-1', '*[:-1 :1]'],
      ['XPENDING s g - + 9', '*[*[$"3-1" $"ada" :0 :1] *[$"4-1" $"ada" :0 :1]]'],
      ['XPENDING s h', '*[:0 _ _ *_]'], ['XLEN s', ':2'],
    ]);
  });

  it('delete what every group has acknowledged', () => {
    runAll([
      ['XDELEX s ACKED IDS 1 1-1', '*[:2]'],
      ['XACK s g 1-1', ':1'], ['XDELEX s ACKED IDS 1 1-1', '*[:2]'],
      ['XACK s h 1-1', ':1'], ['XDELEX s ACKED IDS 1 1-1', '*[:1]'],
      ['XACK s g 3-1', ':1'], ['XDELEX s ACKED IDS 1 3-1', '*[:2]'],
    ]);
  });

  it('acknowledge and delete at once', () => {
    runAll([
      ['XACKDEL s g IDS 2 1-1 9-9', '*[:1 :-1]'],
      ['XACKDEL s g ACKED IDS 1 2-1', '*[:2]'], ['XLEN s', ':3'],
      ['XACKDEL s h ACKED IDS 1 2-1', '*[:1]'], ['XLEN s', ':2'],
      ['XACKDEL s g DELREF IDS 1 3-1', '*[:1]'], ['XACKDEL s g IDS 1 3-1', '*[:-1]'],
      ['XPENDING s g - + 9', '*[*[$"4-1" $"ada" :0 :1]]'],
      ['XACKDEL s nog IDS 1 4-1', '*[:-1]'], ['XACKDEL nokey g IDS 1 4-1', '*[:-1]'],
    ]);
  });

  it.each([
    ['XDELEX s IDS 0 1-1', 'Number of IDs must be a positive integer'],
    ['XDELEX s IDS x 1-1', 'Number of IDs must be a positive integer'],
    ['XDELEX s IDS 2 1-1', 'must match the number of arguments'],
    ['XDELEX s IDS 1 1-1 2-1', 'syntax error'],
    ['XDELEX s KEEPREF DELREF IDS 1 1-1', 'syntax error'],
    ['XDELEX s FOO IDS 1 1-1', 'syntax error'],
    ['XDELEX s IDS 1 x', 'Invalid stream ID'],
    ['XACKDEL s g KEEPREF 1 1-1', 'syntax error'],
    ['XDELEX s IDS 9223372036854775807 1-1', 'must match the number of arguments'],
  ])('refuse %s', (line, wanted) => {
    expect(run(line)).toContain(wanted);
    expect(run('XLEN s')).toBe(':4');
  });
});

describe('errors of streams', () => {
  it('name keys, groups and options whole, subcommands by 128 bytes', () => {
    const long = 'k'.repeat(1000);
    expect(run(`XPENDING ${long} g`)).toContain(`'${long}'`);
    expect(run(`XCLAIM s ${long} c 0 1-1`)).toContain(`'${long}'`);
    expect(run(`XGROUP ${long} k g`)).toContain(`'${'k'.repeat(128)}'`);
  });
});

describe('changes of streams', () => {
  it('are announced with the events of Redis, in order', () => {
    const events: string[] = [];
    driver.shard.journal.listen((effect) => {
      const name = keyEvents[effect.event]?.name ?? '';
      if (name !== '') events.push(name);
    });
    for (const line of [
      'XADD s MAXLEN 1 1-1 a 1', 'XADD s MAXLEN 1 2-1 a 1', 'XDEL s 2-1 2-1', 'XTRIM s MAXLEN 0',
      'XSETID s 5-1', 'XGROUP CREATE s g 0', 'XGROUP SETID s g $', 'XGROUP CREATECONSUMER s g a',
      'XGROUP CREATECONSUMER s g a', 'XADD s 6-1 a 1', 'XREADGROUP GROUP g b STREAMS s >',
      'XACK s g 6-1', 'XGROUP DELCONSUMER s g a', 'XGROUP DELCONSUMER s g a', 'XGROUP DESTROY s g',
    ]) run(line);
    expect(events).toEqual([
      'xadd', 'xadd', 'xtrim', 'xdel', 'xsetid', 'xgroup-create', 'xgroup-setid',
      'xgroup-createconsumer', 'xadd', 'xgroup-createconsumer', 'xgroup-delconsumer',
      'xgroup-destroy',
    ]);
  });

  it('hold entries of every size, and thousands of fields', () => {
    const pairs = Array.from({ length: 2000 }, (_, i) => [`f${i}`, `v${i}`]).flat();
    driver.run('XADD', 's', '1-1', ...pairs);
    driver.run('XADD', 's', '2-1', 'f', 'x'.repeat(1_000_000));
    driver.run('XADD', 's', '3-1', 'f'.repeat(70_000), '');
    const reply = driver.reply('XRANGE', 's', '1', '1');
    expect(JSON.stringify(reply)).toContain('v1999');
    expect(driver.run('XRANGE', 's', '2', '2').length).toBeGreaterThan(1_000_000);
    expect(driver.run('XRANGE', 's', '3', '3').length).toBeGreaterThan(70_000);
    expect(driver.run('XREVRANGE', 's', '+', '-', 'COUNT', '1')).toContain('3-1');
    expect(driver.run('XDEL', 's', '2-1')).toBe(':1');
    expect(driver.run('XLEN', 's')).toBe(':2');
    expect(run('OBJECT ENCODING s')).toBe('$"stream"');
    expect(run('TYPE s')).toBe('+"stream"');
    expect(run('MEMORY USAGE s')).toMatch(/^:\d+$/);
  });

  it('answer maps in RESP3', () => {
    const client = driver.newClient(3);
    run('XADD s 1-1 a 1');
    run('XGROUP CREATE s g 0');
    const ask = (...args: string[]): string => driver.runAs(client, ...args);
    expect(ask('XREAD', 'STREAMS', 's', '0')).toBe('%[$"s" *[*[$"1-1" *[$"a" $"1"]]]]');
    expect(ask('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')).toBe(
      '%[$"s" *[*[$"1-1" *[$"a" $"1"]]]]',
    );
    expect(ask('XINFO', 'CONSUMERS', 's', 'g')).toBe(
      '*[%[$"name" $"c" $"pending" :1 $"idle" :0]]',
    );
  });
});
