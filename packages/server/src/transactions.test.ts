/**
 * MULTI over connections: what a session shows of it, that its end frees everything at whatever
 * moment it comes, that replies switched off stay off within EXEC, and that requests that arrive
 * many at once or a byte at a time are queued all the same.
 */
import { encodeRequest } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { WorkerRig } from './testing/worker-rig.ts';
import type { WorkerRigOptions } from './testing/worker-rig.ts';

const QUEUED = '+QUEUED\r\n';
const OK = '+OK\r\n';

class Clients {
  readonly rig: WorkerRig;

  constructor(options?: WorkerRigOptions) {
    this.rig = new WorkerRig(options);
  }

  /** Sends the lines at once; what comes back for them. */
  send(slot: number, ...lines: readonly string[]): string {
    const before = this.rig.repliesOf(slot).length;
    this.rig.receive(slot, bytesOf(lines));
    return this.rig.repliesOf(slot).slice(before);
  }

  /** Bytes in use in both regions. */
  get usedBytes(): number {
    return this.rig.composed.memory.usedBytes();
  }

  lineOf(slot: number, admin: number): string {
    const { id } = this.rig.worker.sessions.atSlot(slot)!;
    return this.send(admin, `CLIENT LIST ID ${id}`);
  }
}

function bytesOf(lines: readonly string[]): Uint8Array {
  return Buffer.concat(lines.map((line) => encodeRequest(line.split(' '))));
}

describe('a session in MULTI', () => {
  it('is shown by CLIENT LIST, with what it has queued and whether EXEC would run', () => {
    const clients = new Clients();
    const [slot, admin] = [clients.rig.connect(), clients.rig.connect()];
    expect(clients.lineOf(slot, admin)).toMatch(/ flags=N .* multi=-1 .* multi-mem=0 /);
    clients.send(slot, 'WATCH a', 'MULTI');
    expect(clients.lineOf(slot, admin)).toMatch(/ flags=x .* multi=0 .* multi-mem=0 /);
    clients.send(slot, 'SET a 1', 'GET a');
    expect(clients.lineOf(slot, admin)).toMatch(/ flags=x .* multi=2 .* multi-mem=512 /);
    clients.send(admin, 'SET a 2');
    expect(clients.lineOf(slot, admin)).toMatch(/ flags=xd .* cmd=get /);
    expect(clients.send(slot, 'EXEC')).toBe('*-1\r\n');
    expect(clients.lineOf(slot, admin)).toMatch(/ flags=N .* multi=-1 .* cmd=exec /);
    clients.send(slot, 'MULTI', 'CLIENT LIST');
    expect(clients.send(slot, 'EXEC')).toMatch(/flags=x .* multi=1 .* cmd=exec /);
  });

  it('queues what a pipeline brings, cut anywhere', () => {
    const lines = [
      'SET n 1', 'MULTI', 'INCR n', 'GET n', 'SET m x', 'GET m', 'EXEC', 'GET n', 'MULTI', 'GET',
      'INCR n', 'EXEC', 'GET n',
    ];
    const wanted = `${OK}${OK}${QUEUED.repeat(4)}*4\r\n:2\r\n$1\r\n2\r\n+OK\r\n$1\r\nx\r\n`
      + `$1\r\n2\r\n${OK}-ERR wrong number of arguments for 'get' command\r\n${QUEUED}`
      + '-EXECABORT Transaction discarded because of previous errors.\r\n$1\r\n2\r\n';
    const bytes = bytesOf(lines);
    const clients = new Clients();
    for (let cut = 0; cut <= bytes.length; cut++) {
      const slot = clients.rig.connect();
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        if (piece.length > 0) clients.rig.receive(slot, piece);
      }
      expect(clients.rig.repliesOf(slot), `cut at ${cut}`).toBe(wanted);
      clients.rig.disconnect(slot);
    }
  });

  it('leaves nothing behind when it vanishes, whatever it has queued and watches', () => {
    const clients = new Clients();
    clients.rig.disconnect(clients.rig.connect());
    const before = clients.usedBytes;
    const many = Array.from({ length: 5_000 }, (_, i) => `INCR key:${i}`);
    const keys = Array.from({ length: 5_000 }, (_, i) => `key:${i}`).join(' ');
    const big = `SET big ${'b'.repeat(300_000)}`;
    for (const lines of [['MULTI'], ['WATCH a'], [`WATCH ${keys}`], ['MULTI', ...many, big]]) {
      for (const end of ['disconnect', 'QUIT', 'RESET', 'kill', 'DISCARD UNWATCH']) {
        const slot = clients.rig.connect();
        const { id } = clients.rig.worker.sessions.atSlot(slot)!;
        clients.send(slot, ...lines);
        if (end === 'kill') {
          const admin = clients.rig.connect();
          expect(clients.send(admin, `CLIENT KILL ID ${id}`)).toBe(':1\r\n');
          clients.rig.disconnect(admin);
        } else if (end !== 'disconnect') {
          clients.send(slot, ...end.split(' '));
        }
        if (end.startsWith('DISCARD')) expect(clients.usedBytes).toBeLessThan(before + 1_000_000);
        clients.rig.disconnect(slot);
        for (let i = 0; i < 50; i++) clients.rig.tick(0);
        expect(clients.usedBytes, `${lines[0]!.slice(0, 20)}, ${end}`).toBe(before);
      }
    }
    expect(clients.rig.composed.shard.journal.keyListener).toBeNull();
  });

  it('is as new after RESET', () => {
    const clients = new Clients();
    const [slot, other] = [clients.rig.connect(), clients.rig.connect()];
    expect(clients.send(slot, 'WATCH a', 'MULTI', 'SET a 1', 'RESET', 'EXEC'))
      .toBe(`${OK}${OK}${QUEUED}+RESET\r\n-ERR EXEC without MULTI\r\n`);
    clients.send(other, 'SET a 2');
    expect(clients.send(slot, 'MULTI', 'GET a', 'EXEC')).toBe(`${OK}${QUEUED}*1\r\n$1\r\n2\r\n`);
  });

  it('is not told what CLIENT REPLY has switched off, also in the middle of EXEC', () => {
    const clients = new Clients();
    const slot = clients.rig.connect();
    clients.send(slot, 'MULTI', 'SET a 1', 'CLIENT REPLY OFF', 'SET a 2');
    expect(clients.send(slot, 'EXEC')).toBe('*3\r\n+OK\r\n');
    expect(clients.send(slot, 'MULTI', 'GET a', 'EXEC', 'GET a')).toBe('');
    expect(clients.send(slot, 'CLIENT REPLY ON', 'GET a')).toBe(`${OK}$1\r\n2\r\n`);
    expect(clients.send(slot, 'MULTI', 'CLIENT REPLY SKIP', 'GET a', 'EXEC', 'GET a', 'GET a'))
      .toBe(`${OK}${QUEUED}${QUEUED}*2\r\n$1\r\n2\r\n$1\r\n2\r\n`);
  });

  it('never waits within EXEC', () => {
    const clients = new Clients();
    const slot = clients.rig.connect();
    expect(clients.send(slot, 'MULTI', 'WAIT 1 0', 'PING', 'EXEC', 'PING'))
      .toBe(`${OK}${QUEUED}${QUEUED}*2\r\n:0\r\n+PONG\r\n+PONG\r\n`);
  });

  it('may not end the server', () => {
    const clients = new Clients();
    const slot = clients.rig.connect();
    expect(clients.send(slot, 'MULTI', 'SHUTDOWN', 'EXEC')).toBe(
      `${OK}-ERR Command not allowed inside a transaction\r\n`
      + '-EXECABORT Transaction discarded because of previous errors.\r\n',
    );
  });

  it('changes its protocol and its database where EXEC says so', () => {
    const clients = new Clients();
    const slot = clients.rig.connect();
    clients.send(slot, 'MULTI', 'HGETALL h', 'HELLO 3', 'HGETALL h', 'SELECT 2', 'SET k v');
    expect(clients.send(slot, 'EXEC')).toMatch(/^\*5\r\n\*0\r\n%7\r\n[^]*%0\r\n\+OK\r\n\+OK\r\n$/);
    expect(clients.rig.worker.sessions.atSlot(slot)!.db).toBe(2);
  });

  it('is cut when what it queues passes client-query-buffer-limit', () => {
    const clients = new Clients({ settings: [['client-query-buffer-limit', '1mb']] });
    clients.rig.disconnect(clients.rig.connect());
    const before = clients.usedBytes;
    const slot = clients.rig.connect();
    clients.send(slot, 'MULTI');
    for (let i = 0; i < 40; i++) clients.send(slot, `SET k ${'v'.repeat(60_000)}`);
    expect(clients.rig.engine.closing.has(slot)).toBe(true);
    clients.rig.disconnect(slot);
    expect(clients.usedBytes).toBe(before);
  });

  it('may be cut in the middle of its EXEC, which runs to its end', () => {
    const clients = new Clients({
      settings: [['client-output-buffer-limit', 'normal 500000 0 0']],
    });
    const slot = clients.rig.connect();
    clients.send(slot, `SET big ${'b'.repeat(60_000)}`, 'MULTI');
    clients.send(slot, ...Array.from({ length: 40 }, () => 'GET big'), 'SET done yes');
    clients.rig.engine.holdsSends = true;
    clients.send(slot, 'EXEC');
    expect(clients.rig.engine.closing.has(slot)).toBe(true);
    const session = clients.rig.worker.sessions.atSlot(slot)!;
    expect([session.queue, session.flags]).toEqual([null, 0]);
    clients.rig.engine.holdsSends = false;
    const other = clients.rig.connect();
    expect(clients.send(other, 'GET done')).toBe('$3\r\nyes\r\n');
  });

  it('waits at the gate during a pause, and the requests behind stay in order', () => {
    const clients = new Clients();
    const [slot, admin] = [clients.rig.connect(), clients.rig.connect()];
    clients.send(slot, 'MULTI', 'INCR n');
    clients.send(admin, 'CLIENT PAUSE 1000 WRITE');
    expect(clients.send(slot, 'EXEC', 'GET n')).toBe('');
    const before = clients.rig.repliesOf(slot).length;
    clients.send(admin, 'CLIENT UNPAUSE');
    clients.rig.turn();
    expect(clients.rig.repliesOf(slot).slice(before)).toBe('*1\r\n:1\r\n$1\r\n1\r\n');
  });
});
