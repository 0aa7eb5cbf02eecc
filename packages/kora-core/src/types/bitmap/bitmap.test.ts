/**
 * What random commands do not reach: values on their way to a socket, offsets at the ends of what
 * is legal, events and encodings where nothing changes, and the later operations of BITOP with
 * their errors. Everyday bit commands allocate nothing on the heap.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { unreachable } from '../../assert.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';

const WRONG_TYPE = '-"WRONGTYPE Operation against a key holding the wrong kind of value"';
const OFFSET = '-"ERR bit offset is not an integer or out of range"';

/** Events of the journal while commands run. */
function eventsOf(driver: CommandDriver, ...lines: readonly string[][]): number[] {
  const events: number[] = [];
  const stop = driver.shard.journal.listen((effect) => void events.push(effect.event));
  for (const line of lines) driver.run(...line);
  stop();
  return events;
}

/** Entry of a key of database 0. */
function entryOf(driver: CommandDriver, key: string): number {
  const { memory, keyspace } = driver.shard;
  const at = memory.lowAllocator.alloc(key.length) * 8;
  memory.low.set(Buffer.from(key), at);
  return keyspace.find(keyspace.databases[0]!, at, key.length);
}

describe('bitmap commands', () => {
  it('refuse keys of other types, each of them, and change nothing', () => {
    const driver = new CommandDriver();
    driver.run('RPUSH', 'list', 'x');
    const lines = [
      ['SETBIT', 'list', '1', '1'], ['GETBIT', 'list', '1'], ['BITCOUNT', 'list'],
      ['BITPOS', 'list', '1'], ['BITOP', 'OR', 'd', 'none', 'list'],
      ['BITFIELD', 'list', 'SET', 'u8', '0', '1'], ['BITFIELD', 'list'],
      ['BITFIELD_RO', 'list', 'GET', 'u8', '0'], ['PFADD', 'list', 'x'], ['PFCOUNT', 'list'],
      ['PFCOUNT', 'none', 'list'], ['PFMERGE', 'list', 'none'], ['PFMERGE', 'd', 'list'],
    ];
    for (const line of lines) expect(driver.run(...line), line.join(' ')).toBe(WRONG_TYPE);
    expect(driver.run('LRANGE', 'list', '0', '-1')).toBe('*[$"x"]');
    expect(driver.run('EXISTS', 'd')).toBe(':0');
  });

  it('check offsets before they ask for memory', () => {
    const driver = new CommandDriver();
    const used = driver.memory.usedBytes();
    for (const offset of ['4294967296', '9223372036854775807', '-1', '9223372036854775808', '#1']) {
      expect(driver.run('SETBIT', 'k', offset, '1'), offset).toBe(OFFSET);
      expect(driver.run('GETBIT', 'k', offset), offset).toBe(OFFSET);
    }
    for (const offset of ['#536870912', '#9223372036854775807', '#-1', '4294967296']) {
      expect(driver.run('BITFIELD', 'k', 'SET', 'u8', offset, '1'), offset).toBe(OFFSET);
    }
    // Legal, and more than this engine has.
    expect(driver.run('SETBIT', 'k', '4294967295', '1')).toContain('OOM');
    expect(driver.run('BITFIELD', 'k', 'SET', 'i64', '4294967295', '1')).toContain('OOM');
    expect(driver.memory.usedBytes()).toBe(used);
    expect(driver.run('EXISTS', 'k')).toBe(':0');
    const ends = ['9223372036854775807', '-9223372036854775808'];
    driver.run('SET', 'k', 'abc');
    for (const start of ends) {
      for (const end of ends) {
        const isAll = start.startsWith('-') && !end.startsWith('-');
        const isFirst = start === end && start.startsWith('-');
        const wanted = isAll ? ':10' : isFirst ? ':3' : ':0';
        expect(driver.run('BITCOUNT', 'k', start, end), `${start} ${end}`).toBe(wanted);
      }
    }
  });

  it('reach far into an absent key, and clear and set its ends', () => {
    const driver = new CommandDriver();
    const bit = 64 * 1024 * 1024 * 8 - 1;
    expect(driver.run('SETBIT', 'k', bit, '1')).toBe(':0');
    expect(driver.run('STRLEN', 'k')).toBe(`:${64 * 1024 * 1024}`);
    expect(driver.run('BITCOUNT', 'k')).toBe(':1');
    expect(driver.run('BITPOS', 'k', '1')).toBe(`:${bit}`);
    expect(driver.run('BITPOS', 'k', '0', '-1')).toBe(`:${bit - 7}`);
    expect(driver.run('BITOP', 'NOT', 'n', 'k')).toBe(`:${64 * 1024 * 1024}`);
    expect(driver.run('BITCOUNT', 'n')).toBe(`:${bit}`);
    expect(driver.run('BITOP', 'AND', 'n', 'n', 'k')).toBe(`:${64 * 1024 * 1024}`);
    expect(driver.run('BITPOS', 'n', '1')).toBe(':-1');
  });

  it('leave a value alone that is being sent', () => {
    const driver = new CommandDriver();
    const value = 'x'.repeat(200_000);
    for (const line of [
      ['SETBIT', 'k', '7', '1'], ['BITFIELD', 'k', 'SET', 'u8', '#100000', '1'],
      ['BITOP', 'NOT', 'k', 'k'],
    ]) {
      driver.run('SET', 'k', value);
      const { memory, ropes } = driver.shard;
      const root = entryRoot(memory.i32, entryOf(driver, 'k'));
      ropes.pin(root);
      const pieces = [0, 1].map((piece) => ropes.pieceAt(root, piece));
      driver.run(...line);
      for (const at of pieces) {
        const sent = Buffer.from(new Uint8Array(memory.memory.buffer, at, 65_536));
        expect(sent.equals(Buffer.alloc(65_536, 'x')), line.join(' ')).toBe(true);
      }
      ropes.unpin(root);
      expect(driver.run('GETRANGE', 'k', '1', '2')).not.toBe('');
    }
    expect(driver.errors).toEqual([]);
  });

  it('tell an event only where bits or the length change', () => {
    const driver = new CommandDriver();
    const { SetBit, None, Set: SetEvent, Del } = KeyEvent;
    const twice = ['SETBIT', 'k', '5', '1'];
    expect(eventsOf(driver, twice, twice)).toEqual([SetBit]);
    expect(eventsOf(driver, ['BITFIELD', 'f', 'OVERFLOW', 'FAIL', 'SET', 'u8', '0', '256']))
      .toEqual([None]);
    expect(eventsOf(driver, ['BITFIELD', 'f', 'SET', 'u8', '0', '0'])).toEqual([]);
    expect(eventsOf(driver, ['BITFIELD', 'f', 'SET', 'u8', '0', '1', 'SET', 'u8', '#9000', '2']))
      .toEqual([None, None, SetBit]);
    expect(eventsOf(driver, ['BITOP', 'OR', 'd', 'k', 'f'], ['BITOP', 'OR', 'd', 'none']))
      .toEqual([SetEvent, Del]);
    driver.run('SET', 'text', 'a');
    expect(eventsOf(driver, ['SETBIT', 'text', '1', '1'], ['SETBIT', 'text', '1', '1']))
      .toEqual([None]);
    expect(driver.run('OBJECT', 'ENCODING', 'text')).toBe('$"raw"');
  });

  it('know the later operations of BITOP', () => {
    const driver = new CommandDriver();
    driver.run('MSET', 'x', '\x0f', 'y', '\x3c\x01', 'z', '\x0c');
    const results = [['DIFF', '\x03\0'], ['DIFF1', '0\x01'], ['ANDOR', '\x0c\0'], ['ONE', '3\x01']];
    for (const [operation = '', wanted = ''] of results) {
      expect(driver.run('BITOP', operation, 'r', 'x', 'y', 'z')).toBe(':2');
      const reply = driver.reply('GET', 'r');
      expect('text' in reply ? reply.text : '', operation).toBe(wanted);
    }
    for (const operation of ['DIFF', 'DIFF1', 'ANDOR']) {
      expect(driver.run('BITOP', operation, 'r', 'x')).toBe(
        `-"ERR BITOP ${operation} must be called with at least two source keys."`,
      );
    }
    expect(driver.run('BITOP', 'ONE', 'r', 'x')).toBe(':1');
    expect(driver.run('BITOP', 'DIFF', 'r', 'none', 'x')).toBe(':1');
    expect(driver.run('GET', 'r')).toBe('$"\\x00"');
  });
});

describe('everyday bit commands', () => {
  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  it.each([
    [['GETBIT', 'k', '77']], [['SETBIT', 'k', '77', '1']], [['BITCOUNT', 'k', '0', '-1']],
    [['PFADD', 'p', 'e1']],
  ])('allocate nothing: %j', (line) => {
    const driver = new CommandDriver();
    driver.run('SETBIT', 'k', '700', '1');
    driver.run('PFADD', 'p', 'e1');
    driver.run('PFDEBUG', 'TODENSE', 'p');
    driver.run(...line);
    const { frame, shard, sink } = driver;
    const at = new Int32Array(line.length);
    const lengths = new Int32Array(line.length);
    line.forEach((word, i) => {
      at[i] = driver.memory.lowAllocator.alloc(word.length) * 8;
      lengths[i] = word.length;
      driver.memory.low.set(Buffer.from(word), at[i]);
    });
    frame.bind(at, lengths, line.length);
    // Its replies would be kept.
    const silent = Object.assign(Object.create(sink) as typeof sink, { integer: () => undefined });
    const command = driver.registry.byName(line[0] ?? '') ?? unreachable(undefined as never);
    const bytes = bytesPerCall(meter, () => {
      command.parse(frame);
      command.apply(shard, frame, silent);
    });
    expect(bytes).toBeLessThan(1);
  });
});
