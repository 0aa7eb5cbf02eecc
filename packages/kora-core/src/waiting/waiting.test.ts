/**
 * Waiting for keys, case by case: who is served by what, in which order, and what stays. All
 * expectations are what redis-server 7.0.15 answers to the same.
 */
import { describe, expect, it } from 'vitest';
import { ClientFlag } from '../command/client-state.ts';
import type { ClientState } from '../command/client-state.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { JournalRecorder } from '../testing/journal-recorder.ts';
import { refuseReserve } from '../testing/memory-faults.ts';
import { WaitingClients } from '../testing/waiting-clients.ts';

class Rig {
  readonly driver = new CommandDriver();
  readonly clients = new WaitingClients(this.driver);

  /** A client that waits with this command. */
  wait(line: string, resp: 2 | 3 = 2): ClientState {
    const client = this.clients.open(resp);
    expect(this.clients.run(client, ...line.split(' '))).toBeNull();
    return client;
  }

  run(line: string): string {
    return this.driver.runLine(line);
  }

  /** Replies given since the last call. */
  served(): string[] {
    return this.clients.takeServed().map(([, reply]) => reply);
  }
}

const group = (rig: Rig): ClientState => rig.wait('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
const GONE = '-"UNBLOCKED the stream key no longer exists"';
const NO_GROUP = '-"NOGROUP the consumer group this client was blocked on no longer exists"';

describe('who serves', () => {
  it('tells how long it took of each command that has waited, where that is of interest', () => {
    const rig = new Rig();
    const { shard, clock } = rig.driver;
    const cycles: string[] = [];
    shard.observer = {
      watchesCycles: true, wantsEveryCall: false,
      noteArguments: () => undefined, onCall: () => undefined, onUntimed: () => undefined,
      onReset: () => undefined,
      onCycle: (cycle, us) => { cycles.push(`${cycle} ${us}`); },
    };
    let us = 0;
    clock.monotonicUs = () => (us += 7);
    rig.wait('BLPOP k 0');
    rig.wait('BZPOPMIN z 0');
    rig.run('RPUSH k a');
    rig.run('ZADD z 1 a');
    expect(rig.served()).toHaveLength(2);
    expect(cycles).toEqual(['command-unblocking 7', 'command-unblocking 7']);
  });
});

describe('lists and sorted sets', () => {
  it('serves each command in its way, and announces what the plain one would', () => {
    const rig = new Rig();
    const journal = new JournalRecorder(rig.driver.shard);
    const cases: readonly (readonly [string, string, string])[] = [
      ['BLPOP k 0', 'RPUSH k a b', '*[$"k" $"a"]'],
      ['BRPOP k 0', 'RPUSH k a b', '*[$"k" $"b"]'],
      ['BLMOVE k d LEFT RIGHT 0', 'RPUSH k a b', '$"a"'],
      ['BRPOPLPUSH k d 0', 'RPUSH k a b', '$"b"'],
      ['BLMPOP 0 2 x k RIGHT COUNT 5', 'RPUSH k a b', '*[$"k" *[$"b" $"a"]]'],
      ['BZPOPMIN k 0', 'ZADD k 1 a 2 b', '*[$"k" $"a" $"1"]'],
      ['BZPOPMAX k 0', 'ZADD k 1 a 2 b', '*[$"k" $"b" $"2"]'],
      ['BZMPOP 0 1 k MIN COUNT 2', 'ZADD k 1 a 2 b', '*[$"k" *[*[$"a" $"1"] *[$"b" $"2"]]]'],
    ];
    for (const [command, change, reply] of cases) {
      rig.wait(command);
      rig.run(change);
      expect(rig.served(), command).toEqual([reply]);
      rig.run('FLUSHALL');
    }
    expect(rig.driver.shard.waiting.count).toBe(0);
    expect(journal.records.length).toBeGreaterThan(cases.length * 2);
  });

  it('serves the first who came, and one element each', () => {
    const rig = new Rig();
    const order = [rig.wait('BLPOP k 0'), rig.wait('BRPOP x k 0'), rig.wait('BLPOP k 0')];
    expect(rig.run('RPUSH k 1 2')).toBe(':2');
    expect(rig.clients.takeServed()).toEqual([
      [order[0], '*[$"k" $"1"]'], [order[1], '*[$"k" $"2"]'],
    ]);
    expect(rig.run('EXISTS k')).toBe(':0');
    rig.run('RPUSH k 3 4');
    expect(rig.clients.takeServed()).toEqual([[order[2], '*[$"k" $"3"]']]);
    expect(rig.run('LRANGE k 0 -1')).toBe('*[$"4"]');
  });

  it('serves keys in the order in which they became ready, after all of EXEC', () => {
    const rig = new Rig();
    rig.wait('BLPOP a b 0');
    rig.wait('BLPOP a 0');
    rig.run('MULTI');
    for (const line of ['RPUSH b 1', 'LPOP b', 'RPUSH b 2 3', 'RPUSH a 4']) rig.run(line);
    expect(rig.served()).toEqual([]);
    expect(rig.run('EXEC')).toBe('*[:1 $"1" :2 :1]');
    expect(rig.served()).toEqual(['*[$"b" $"2"]', '*[$"a" $"4"]']);
  });

  it('follows chains of moves until nothing is ready', () => {
    const rig = new Rig();
    rig.wait('BLMOVE a b LEFT LEFT 0');
    rig.wait('BLMOVE b c LEFT LEFT 0');
    rig.wait('BLPOP c 0');
    rig.run('RPUSH a x');
    expect(rig.served()).toEqual(['$"x"', '$"x"', '*[$"c" $"x"]']);
    expect(rig.run('DBSIZE')).toBe(':0');
  });

  it('takes nothing while its host has no memory for the reply, and serves in order then', () => {
    const cases: readonly (readonly [string, string, string, string])[] = [
      ['BLPOP k 0', 'RPUSH k a b', 'LLEN k', '*[$"k" $"a"]'],
      ['BRPOPLPUSH k d 0', 'RPUSH k a b', 'LLEN k', '$"b"'],
      ['BLMPOP 0 1 k LEFT COUNT 9', 'RPUSH k a b', 'LLEN k', '*[$"k" *[$"a" $"b"]]'],
      ['BZPOPMAX k 0', 'ZADD k 1 a 2 b', 'ZCARD k', '*[$"k" $"b" $"2"]'],
      ['BZMPOP 0 1 k MIN COUNT 9', 'ZADD k 1 a 2 b', 'ZCARD k',
        '*[$"k" *[*[$"a" $"1"] *[$"b" $"2"]]]'],
    ];
    for (const [command, change, count, reply] of cases) {
      const rig = new Rig();
      const first = rig.wait(command);
      rig.wait(command);
      rig.clients.roomBytes = 0;
      rig.run(change);
      rig.driver.shard.maintain();
      expect(rig.served(), command).toEqual([]);
      expect(rig.run(count), command).toBe(':2');
      rig.clients.roomBytes = Infinity;
      rig.driver.shard.maintain();
      expect(rig.clients.takeServed()[0], command).toEqual([first, reply]);
      expect(rig.driver.shard.waiting.hasReady, command).toBe(false);
    }
  });

  it('asks for memory that its reply fits, however long what it takes', () => {
    const values = ['a', 'x'.repeat(3000), 'y'.repeat(70_000)];
    const cases: readonly (readonly string[])[] = [
      ['BLPOP', 'k', '0'], ['BRPOP', 'k', '0'], ['BLMPOP', '0', '1', 'k', 'RIGHT', 'COUNT', '2'],
      ['BLMPOP', '0', '1', 'k', 'LEFT', 'COUNT', '2'], ['BLMOVE', 'k', 'd', 'RIGHT', 'LEFT', '0'],
      ['BZPOPMIN', 'k', '0'], ['BZPOPMAX', 'k', '0'],
      ['BZMPOP', '0', '1', 'k', 'MAX', 'COUNT', '2'],
    ];
    for (const command of cases) {
      const rig = new Rig();
      const isZset = command[0]?.startsWith('BZ') === true;
      expect(rig.clients.run(rig.clients.open(), ...command)).toBeNull();
      const asked: number[] = [];
      rig.clients.hasRoom = (_waiter, bytes) => {
        asked.push(bytes);
        return true;
      };
      if (isZset) rig.driver.run('ZADD', 'k', ...values.flatMap((value, i) => [`${i}`, value]));
      else rig.driver.run('RPUSH', 'k', ...values);
      const [reply = ''] = rig.served();
      expect(asked, command[0]).toHaveLength(1);
      expect(asked[0], command[0]).toBeGreaterThan(reply.length);
      expect(asked[0], command[0]).toBeLessThan(2 * reply.length + 1000);
    }
  });

  it('lets those wait whose type the key does not have', () => {
    const rig = new Rig();
    rig.wait('BZPOPMIN k 0');
    rig.wait('BLPOP k 0');
    rig.run('SET k v');
    rig.run('SADD other m');
    expect(rig.served()).toEqual([]);
    rig.run('DEL k');
    rig.run('RPUSH k x');
    expect(rig.served()).toEqual(['*[$"k" $"x"]']);
    rig.run('ZADD k 1 m');
    expect(rig.served()).toEqual(['*[$"k" $"m" $"1"]']);
  });

  it('answers the error of a move to a key of another type, and leaves the element', () => {
    const rig = new Rig();
    rig.run('SET d v');
    rig.wait('BLMOVE k d LEFT LEFT 0');
    rig.run('RPUSH k x');
    expect(rig.served()).toEqual([
      '-"WRONGTYPE Operation against a key holding the wrong kind of value"',
    ]);
    expect(rig.run('LRANGE k 0 -1')).toBe('*[$"x"]');
    expect(rig.run('INFO errorstats')).toContain('errorstat_WRONGTYPE:count=1');
  });

  it('leaves the element where memory is refused', () => {
    const seen = new Set<string>();
    for (let n = 1; n < 20 && !seen.has('served'); n++) {
      const rig = new Rig();
      rig.wait('BLMOVE k d LEFT LEFT 0');
      const heal = refuseReserve(rig.driver, n);
      const pushed = rig.run('RPUSH k x');
      heal();
      const [reply = ''] = rig.served();
      if (pushed !== ':1') {
        expect(reply).toBe('');
        seen.add('push refused');
      } else if (reply === '$"x"') {
        seen.add('served');
      } else {
        expect(reply).toMatch(/^-"OOM/);
        expect(rig.run('LLEN k')).toBe(':1');
        expect(rig.run('EXISTS d')).toBe(':0');
        seen.add('move refused');
      }
    }
    expect([...seen]).toEqual(['push refused', 'move refused', 'served']);
  });

  it.each([
    ['RENAME other k', 0], ['RENAMENX other k', 0], ['COPY other k', 0], ['MOVE k 0', 1],
    ['SORT other STORE k', 0], ['SWAPDB 0 1', 1], ['LMOVE other k LEFT LEFT', 0],
    ['RPOPLPUSH other k', 0], ['COPY k k DB 0', 1],
  ])('is woken by %s', (line, db) => {
    const rig = new Rig();
    rig.wait('BLPOP k 0');
    const from = rig.driver.newClient();
    from.db = db;
    rig.driver.runAs(from, 'RPUSH', db === 0 ? 'other' : 'k', '1');
    rig.driver.runAs(from, ...line.split(' '));
    expect(rig.served()).toEqual(['*[$"k" $"1"]']);
  });

  it.each([
    'ZUNIONSTORE k 1 z', 'ZRANGESTORE k z 0 -1', 'GEOADD k 1 1 a', 'ZINCRBY k 1 a', 'RENAME z k',
    'GEOSEARCHSTORE k g FROMLONLAT 1 1 BYRADIUS 1 km STOREDIST',
  ])('is woken by %s', (line) => {
    const rig = new Rig();
    rig.run('ZADD z 1 a');
    rig.run('GEOADD g 1 1 a');
    rig.wait('BZPOPMIN k 0');
    rig.run(line);
    expect(rig.served()).toHaveLength(1);
  });

  it('is woken by RESTORE', () => {
    const rig = new Rig();
    rig.run('RPUSH other 1');
    const dump = rig.driver.reply('DUMP', 'other');
    rig.wait('BLPOP k 0');
    if (dump.kind !== 'bulk') throw new Error('DUMP answers bytes');
    rig.driver.run('RESTORE', 'k', '0', dump.text);
    expect(rig.served()).toEqual(['*[$"k" $"1"]']);
  });
});

describe('streams', () => {
  it('gives entries after the last one there was, to all who wait', () => {
    const rig = new Rig();
    rig.run('XADD s 5-0 a 1');
    rig.wait('XREAD BLOCK 0 STREAMS s none $ $');
    rig.wait('XREAD COUNT 1 BLOCK 0 STREAMS s 7', 3);
    rig.wait('XREAD BLOCK 0 STREAMS s $');
    rig.run('DEL s');
    expect(rig.served()).toEqual([]);
    rig.run('XADD s 6-1 b 2');
    expect(rig.served()).toEqual([
      '*[*[$"s" *[*[$"6-1" *[$"b" $"2"]]]]]', '*[*[$"s" *[*[$"6-1" *[$"b" $"2"]]]]]',
    ]);
    rig.run('XADD s 7-0 b 2');
    rig.run('XADD s 7-1 b 3');
    expect(rig.served()).toEqual(['%[$"s" *[*[$"7-1" *[$"b" $"3"]]]]']);
  });

  it('answers without entries when what came is deleted already', () => {
    const rig = new Rig();
    rig.run('XGROUP CREATE s g 0 MKSTREAM');
    rig.wait('XREAD BLOCK 0 STREAMS s $');
    group(rig);
    for (const line of ['MULTI', 'XADD s 1-1 a b', 'XDEL s 1-1', 'EXEC']) rig.run(line);
    expect(rig.served()).toEqual(['*[*[$"s" *[]]]', '*[*[$"s" *[]]]']);
    expect(rig.run('XINFO CONSUMERS s g')).toContain('$"c"');
  });

  it('delivers to the first of a group, once', () => {
    const rig = new Rig();
    rig.run('XGROUP CREATE s g $ MKSTREAM');
    const [one, other] = [group(rig), group(rig)];
    rig.run('XADD s 1-1 a b');
    expect(rig.clients.takeServed()).toEqual([[one, '*[*[$"s" *[*[$"1-1" *[$"a" $"b"]]]]]']]);
    expect(rig.run('XPENDING s g')).toContain(':1 $"1-1" $"1-1"');
    rig.run('XGROUP SETID s g 0');
    expect(rig.served()).toEqual([]);
    rig.run('XADD s 2-1 a b');
    expect(rig.clients.takeServed()[0]?.[0]).toBe(other);
  });

  it.each([
    ['XGROUP DESTROY s g', NO_GROUP], ['DEL s', GONE], ['SET s v', GONE], ['RENAME s t', GONE],
    ['RENAME other s', NO_GROUP], ['FLUSHALL', GONE], ['FLUSHDB', GONE], ['SWAPDB 0 1', GONE],
    ['MOVE s 3', GONE],
  ])('ends those who read for a group: %s', (line, reply) => {
    const rig = new Rig();
    rig.run('XGROUP CREATE s g $ MKSTREAM');
    rig.run('XADD other 9-1 a b');
    const reader = rig.clients.open();
    group(rig);
    expect(rig.clients.run(reader, 'XREAD', 'BLOCK', '0', 'STREAMS', 's', '99-0')).toBeNull();
    rig.run(line);
    expect(rig.served()).toEqual([reply]);
    expect(reader.waiter).not.toBeNull();
  });

  it('ends them when the stream expires', () => {
    const rig = new Rig();
    rig.run('XGROUP CREATE s g $ MKSTREAM');
    rig.run('PEXPIRE s 50');
    group(rig);
    rig.driver.advance(200);
    expect(rig.served()).toEqual([GONE]);
  });

  it('keeps them when the stream is there again after EXEC', () => {
    const rig = new Rig();
    rig.run('XGROUP CREATE s g $ MKSTREAM');
    group(rig);
    for (const line of ['MULTI', 'DEL s', 'XGROUP CREATE s g 0 MKSTREAM', 'EXEC']) rig.run(line);
    expect(rig.served()).toEqual([]);
    rig.run('XADD s 1-1 a b');
    expect(rig.served()).toHaveLength(1);
  });
});

describe('who may wait', () => {
  it('answers at once within EXEC, and where nobody hands on later replies', () => {
    const rig = new Rig();
    const client = rig.clients.open();
    const lines = [
      'BLPOP k 0', 'BLMOVE k d LEFT LEFT 0', 'BZPOPMIN k 0', 'XREAD BLOCK 0 STREAMS k $',
    ];
    for (const line of ['MULTI', ...lines]) rig.clients.run(client, ...line.split(' '));
    expect(rig.clients.run(client, 'EXEC')).toBe('*[*_ _ *_ *_]');
    expect(lines.map((line) => rig.run(line))).toEqual(['*_', '_', '*_', '*_']);
    expect(rig.driver.shard.waiting.count).toBe(0);
  });

  it('takes nothing for a client that is gone', () => {
    const rig = new Rig();
    const [one, other] = [rig.wait('BLPOP k x k 0'), rig.wait('BLPOP k 0')];
    rig.clients.drop(one);
    rig.run('RPUSH k 1');
    expect(rig.clients.takeServed()).toEqual([[other, '*[$"k" $"1"]']]);
    rig.run('RPUSH k 2');
    expect(rig.run('LLEN k')).toBe(':1');
  });

  it('serves nobody whom another serves', () => {
    const rig = new Rig();
    rig.wait('BLPOP k 0');
    rig.clients.mayClaim = false;
    rig.run('RPUSH k 1');
    expect(rig.served()).toEqual([]);
    expect(rig.run('LLEN k')).toBe(':1');
  });

  it('serves nobody while CLIENT PAUSE holds writes, and all of them afterwards', () => {
    const rig = new Rig();
    const { shard, clock } = rig.driver;
    rig.wait('BLPOP k 0');
    shard.pause.start(clock.nowMs() + 100, false, clock.nowMs());
    // What was in order before the pause runs to its end.
    rig.driver.client.flags |= ClientFlag.Internal;
    rig.run('RPUSH k 1');
    shard.waiting.serve();
    expect(rig.served()).toEqual([]);
    rig.driver.advance(200);
    expect(rig.served()).toEqual(['*[$"k" $"1"]']);
  });

  it('is over at its time', () => {
    const rig = new Rig();
    rig.wait('BLPOP k 0.5');
    rig.wait('BLPOP k 0');
    rig.driver.advance(499);
    rig.clients.endDue();
    expect(rig.served()).toEqual([]);
    rig.driver.advance(1);
    rig.clients.endDue();
    expect(rig.served()).toEqual(['*_']);
    rig.run('RPUSH k 1 2');
    expect(rig.served()).toEqual(['*[$"k" $"1"]']);
  });
});

describe('bounds', () => {
  it('gives all memory back', () => {
    const rig = new Rig();
    const { queues } = rig.driver.shard.transactions;
    const clients = Array.from({ length: 200 }, (_, i) => rig.wait(`BLPOP k${i % 7} l${i} 0`));
    expect(queues.bytes).toBeGreaterThan(200 * 16);
    expect(rig.driver.shard.attention).not.toBe(0);
    for (const client of clients.slice(0, 100)) rig.clients.drop(client);
    for (let i = 100; i < 200; i++) rig.run(`RPUSH l${i} x`);
    expect(rig.served()).toHaveLength(100);
    expect(queues.bytes).toBe(0);
    expect(rig.driver.shard.journal.readyListener).toBeNull();
    expect(rig.driver.shard.attention, 'commands go the short way again').toBe(0);
  });

  it('refuses who would take too much memory', () => {
    const rig = new Rig();
    const { queues } = rig.driver.shard.transactions;
    const key = 'k'.repeat(60_000);
    const argument = Array.from({ length: 40 }, (_, i) => `${i}${key}`);
    let reply: string | null = null;
    for (let i = 0; i < 100 && reply === null; i++) {
      reply = rig.clients.run(rig.clients.open(), 'BLPOP', ...argument, '0');
    }
    expect(reply).toBe('-"OOM too many commands wait for keys"');
    expect(queues.bytes).toBeLessThanOrEqual(queues.bytesMax);
  });
});
