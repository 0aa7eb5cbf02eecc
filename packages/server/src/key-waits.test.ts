/**
 * Sessions that wait for keys of their own worker: what they are answered and when, what runs
 * behind, and every way in which a wait ends. What is taken is answered, and nobody is answered
 * what is not taken.
 */
import { describe, expect, it } from 'vitest';
import { WorkerRig } from './testing/index.ts';

const encoder = new TextEncoder();
const popped = (key: string, element: string): string =>
  `*2\r\n$${key.length}\r\n${key}\r\n$${element.length}\r\n${element}\r\n`;

class Rig extends WorkerRig {
  readonly control = this.connect();

  send(slot: number, text: string): void {
    this.receive(slot, encoder.encode(text));
    this.turn();
  }

  /** What the control connection is answered. */
  ask(line: string): string {
    const before = this.repliesOf(this.control).length;
    this.send(this.control, `${line}\r\n`);
    return this.repliesOf(this.control).slice(before);
  }

  /** A connection that waits. */
  wait(line: string): number {
    const slot = this.connect();
    this.send(slot, `${line}\r\n`);
    expect(this.repliesOf(slot)).toBe('');
    return slot;
  }

  idOf(slot: number): number {
    return this.worker.sessions.atSlot(slot)?.id ?? 0;
  }

  expectQuiet(): void {
    const { shard, waits } = this.worker;
    expect(waits.count).toBe(0);
    expect(shard.waiting.count).toBe(0);
    expect(shard.transactions.queues.bytes).toBe(0);
  }
}

describe('sessions that wait for keys', () => {
  it('are served in their order, and go on with what they sent behind', () => {
    const rig = new Rig();
    const one = rig.wait('BLPOP k 0');
    rig.send(one, 'PING\r\nLLEN k\r\nBLPOP k 0\r\nPING\r\n');
    const other = rig.wait('BRPOP k 0');
    expect(rig.ask('RPUSH k a b c')).toBe(':3\r\n');
    expect(rig.repliesOf(one)).toBe(
      `${popped('k', 'a')}+PONG\r\n:1\r\n${popped('k', 'b')}+PONG\r\n`,
    );
    expect(rig.repliesOf(other)).toBe(popped('k', 'c'));
    rig.expectQuiet();
  });

  it('are served in the middle of the pipeline of another, who is answered in order', () => {
    const rig = new Rig();
    const slot = rig.wait('BLPOP k 0');
    rig.send(rig.control, 'PING\r\nRPUSH k a\r\nLLEN k\r\nPING\r\n');
    expect(rig.repliesOf(rig.control)).toBe('+PONG\r\n:1\r\n:0\r\n+PONG\r\n');
    expect(rig.repliesOf(slot)).toBe(popped('k', 'a'));
  });

  it('are served after all of an EXEC', () => {
    const rig = new Rig();
    const slot = rig.wait('BLPOP k 0');
    rig.send(rig.control, 'MULTI\r\nRPUSH k a b\r\nLPOP k\r\nEXEC\r\nEXISTS k\r\n');
    expect(rig.repliesOf(rig.control)).toContain('*2\r\n:2\r\n$1\r\na\r\n:0\r\n');
    expect(rig.repliesOf(slot)).toBe(popped('k', 'b'));
  });

  it('take nothing once they are gone', () => {
    for (const how of ['gone', 'half closed', 'killed', 'unblocked', 'over', 'reset']) {
      const rig = new Rig();
      const slot = rig.wait('BLPOP k 0.5');
      if (how === 'gone') rig.disconnect(slot);
      else if (how === 'half closed') rig.halfClose(slot);
      else if (how === 'killed') rig.ask(`CLIENT KILL ID ${rig.idOf(slot)}`);
      else if (how === 'unblocked') rig.ask(`CLIENT UNBLOCK ${rig.idOf(slot)} ERROR`);
      else if (how === 'over') rig.tick(500);
      else rig.send(slot, 'RESET\r\n');
      rig.turn();
      expect(rig.ask('RPUSH k a'), how).toBe(':1\r\n');
      // RESET lies behind the command that waits.
      expect(rig.ask('LLEN k'), how).toBe(how === 'reset' ? ':0\r\n' : ':1\r\n');
      rig.expectQuiet();
    }
  });

  it('are answered null at their time, whatever the command, and never before', () => {
    const rig = new Rig();
    const lines = [
      'BLPOP k 0.2', 'BLMOVE k d LEFT LEFT 0.2', 'BZPOPMIN k 0.2', 'XREAD BLOCK 200 STREAMS k $',
    ];
    const slots = lines.map((line) => rig.wait(line));
    rig.tick(150);
    expect(slots.map((slot) => rig.repliesOf(slot)).join('')).toBe('');
    rig.tick(50);
    rig.turn();
    expect(slots.map((slot) => rig.repliesOf(slot))).toEqual(lines.map(() => '*-1\r\n'));
    rig.expectQuiet();
  });

  it('let a worker rest until the first of their times', () => {
    const rig = new Rig();
    for (let i = 0; i < 1000; i++) rig.wait(`BLPOP k${i} 0`);
    const slot = rig.wait('BLPOP k 0.7');
    rig.pass(400);
    expect(rig.pass(250)).toBeLessThan(3);
    rig.pass(200);
    expect(rig.repliesOf(slot)).toBe('*-1\r\n');
  });

  it('take what they want no answer for', () => {
    const rig = new Rig();
    const slot = rig.connect();
    rig.send(slot, 'CLIENT REPLY SKIP\r\nBLPOP k 0\r\nPING\r\n');
    const off = rig.connect();
    rig.send(off, 'CLIENT REPLY OFF\r\nBLPOP k 0\r\nCLIENT REPLY ON\r\n');
    rig.ask('RPUSH k a b');
    expect(rig.ask('EXISTS k')).toBe(':0\r\n');
    expect(rig.repliesOf(slot)).toBe('+PONG\r\n');
    expect(rig.repliesOf(off)).toBe('+OK\r\n');
    rig.expectQuiet();
  });

  it('are answered whole while others hear of what they take', () => {
    const rig = new Rig();
    rig.ask('CONFIG SET notify-keyspace-events KEA');
    const listener = rig.connect();
    rig.send(listener, 'SUBSCRIBE __keyevent@0__:lpop __keyevent@0__:rpush\r\n');
    const slot = rig.wait('BLMOVE k d LEFT RIGHT 0');
    rig.ask('RPUSH k abc');
    expect(rig.repliesOf(slot)).toBe('$3\r\nabc\r\n');
    expect(rig.repliesOf(listener)).toMatch(
      /rpush\r\n\$1\r\nk[^]*rpush\r\n\$1\r\nd[^]*lpop\r\n\$1\r\nk/,
    );
  });

  it('are shown, counted and weighed', () => {
    const rig = new Rig();
    const slot = rig.wait(`BLPOP ${'k'.repeat(5000)} 0`);
    expect(rig.ask('INFO clients')).toContain('blocked_clients:1');
    const line = rig.ask(`CLIENT LIST ID ${rig.idOf(slot)}`);
    expect(line).toMatch(/ flags=b .* cmd=blpop /);
    expect(Number(/tot-mem=(\d+)/.exec(line)?.[1])).toBeGreaterThan(6000);
  });

  it('do the same with WAITAOF, for logs and replicas that never come', () => {
    const rig = new Rig();
    const slot = rig.wait('WAITAOF 0 1 200');
    rig.tick(200);
    rig.turn();
    expect(rig.repliesOf(slot)).toBe('*2\r\n:0\r\n:0\r\n');
    expect(rig.ask('WAITAOF 0 0 0')).toBe('*2\r\n:0\r\n:0\r\n');
    expect(rig.ask('WAITAOF 1 1 0')).toContain('-ERR WAITAOF cannot be used when numlocal is set');
    expect(rig.ask('WAITAOF 2 0 0')).toContain('must between 0 and 1');
    expect(rig.ask('WAITAOF 0 -1 0')).toContain('must be positive');
    expect(rig.ask('WAITAOF 0 1 -1')).toContain('timeout is negative');
  });

  it('are served after CLIENT PAUSE, and not before', () => {
    const rig = new Rig();
    const slot = rig.wait('BLPOP k 0');
    rig.ask('CLIENT PAUSE 100 WRITE');
    const pusher = rig.connect();
    rig.send(pusher, 'RPUSH k a\r\n');
    expect(rig.repliesOf(slot)).toBe('');
    rig.tick(100);
    rig.turn();
    expect(rig.repliesOf(slot)).toBe(popped('k', 'a'));
  });
});
