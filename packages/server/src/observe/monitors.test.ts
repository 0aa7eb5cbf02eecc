/**
 * MONITOR on one worker and on several, in one thread: who sees what, in which order, and how it
 * ends. A monitor of any worker sees what clients of all workers send.
 */
import { encodeRequest } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/mesh-rig.ts';
import { WorkerRig } from '../testing/worker-rig.ts';
import { MONITOR_OUTPUT_BYTES_MAX } from './monitors.ts';

const OK = '+OK\r\n';

/** Words of the lines, each with its database. */
function shown(replies: string): string[] {
  return replies.split('\r\n').flatMap((line) => {
    const match = /^\+\d+\.\d{6} \[(\d+) [^\]]+\] (.*)$/.exec(line);
    return match === null ? [] : [`${match[1] ?? ''} ${match[2] ?? ''}`.replaceAll('"', '')];
  });
}

const bytesOf = (lines: readonly string[]): Uint8Array =>
  Buffer.concat(lines.map((line) => encodeRequest(line.split(' '))));

describe('MONITOR on one worker', () => {
  function stage(): { rig: WorkerRig; client: number; monitor: number } {
    const rig = new WorkerRig();
    const [client, monitor] = [rig.connect(), rig.connect()];
    rig.receive(monitor, bytesOf(['MONITOR']));
    return { rig, client, monitor };
  }
  const send = (rig: WorkerRig, slot: number, ...lines: string[]): string => {
    const before = rig.repliesOf(slot).length;
    rig.receive(slot, bytesOf(lines));
    rig.turn();
    return rig.repliesOf(slot).slice(before);
  };

  it('shows what ran, EXEC behind its commands, SELECT with its database', () => {
    const { rig, client, monitor } = stage();
    send(rig, client, 'SET a 1', 'LPUSH a x', 'GET', 'NOSUCH', 'SELECT 3', 'MULTI', 'INCR a',
      'PING', 'EXEC', 'MULTI', 'SET a 2', 'DISCARD', 'CONFIG GET x', 'CLIENT SETNAME n',
      'AUTH u p');
    expect(shown(rig.repliesOf(monitor))).toEqual([
      '0 SET a 1', '0 LPUSH a x', '3 SELECT 3', '3 MULTI', '3 INCR a', '3 PING', '3 EXEC',
      '3 MULTI', '3 DISCARD', '3 CLIENT SETNAME n', '3 AUTH (redacted) (redacted)',
    ]);
    expect(rig.repliesOf(monitor).startsWith(OK)).toBe(true);
  });
  it('shows the arguments that a command has taken, up to a bound', () => {
    const { rig, client, monitor } = stage();
    send(rig, client, `SET a ${'x'.repeat(70_000)}`);
    const [line] = shown(rig.repliesOf(monitor));
    expect(line).toBe(`0 SET a ${'x'.repeat(65_536)}... (4464 more bytes)`);
  });
  it('shows a monitor what itself sends, and lets it touch no keys', () => {
    const { rig, monitor } = stage();
    const refused = "-ERR Replica can't interact with the keyspace\r\n";
    expect(send(rig, monitor, 'GET a')).toBe(refused);
    expect(send(rig, monitor, 'PING')).toMatch(/^\+PONG\r\n\+\d+\.\d+ \[0 .*\] "PING"\r\n$/);
    expect(send(rig, monitor, 'CLIENT INFO')).toContain(' flags=O ');
    expect(send(rig, monitor, 'MULTI', 'SET a 1')).toContain(refused);
    expect(send(rig, monitor, 'EXEC')).toContain('-EXECABORT');
  });
  it('ends with RESET and with the connection', () => {
    const { rig, client, monitor } = stage();
    expect(send(rig, monitor, 'RESET')).toBe('+RESET\r\n');
    expect(rig.worker.monitors.count).toBe(0);
    expect(rig.worker.executor.tap).toBe(null);
    expect(send(rig, monitor, 'SET a 1')).toBe(OK);
    send(rig, monitor, 'MONITOR');
    expect(rig.worker.monitors.count).toBe(1);
    rig.disconnect(monitor);
    expect(send(rig, client, 'SET a 1')).toBe(OK);
    expect(rig.worker.monitors.count).toBe(0);
    expect(rig.worker.executor.tap).toBe(null);
  });
  it('is refused within MULTI', () => {
    const { rig, client } = stage();
    expect(send(rig, client, 'MULTI', 'MONITOR', 'EXEC')).toBe(
      `${OK}+QUEUED\r\n*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n`,
    );
  });
  it('cuts a monitor that never reads', () => {
    const { rig, client } = stage();
    rig.engine.holdsSends = true;
    const value = 'x'.repeat(60_000);
    const lines = Math.ceil(MONITOR_OUTPUT_BYTES_MAX / value.length) + 2;
    for (let i = 0; i < lines; i++) {
      rig.receive(client, bytesOf([`SET a ${value}`]));
      rig.turn();
      rig.release(client);
    }
    expect(rig.worker.monitors.count).toBe(0);
    expect(rig.log.join('\n')).toContain('it monitors and leaves too much unread');
  });
});

describe.each([2, 3])('MONITOR on %i workers', (workerCount) => {
  function stage(): {
    mesh: MeshRig; monitors: number[]; clients: number[];
    send: (rig: number, slot: number, ...lines: string[]) => string;
  } {
    const mesh = new MeshRig(workerCount);
    const monitors = mesh.rigs.map((rig) => rig.connect());
    const clients = mesh.rigs.map((rig) => rig.connect());
    const send = (rig: number, slot: number, ...lines: string[]): string => {
      const before = mesh.rigs[rig]?.repliesOf(slot).length ?? 0;
      mesh.receive(rig, slot, bytesOf(lines));
      mesh.settle();
      return mesh.rigs[rig]?.repliesOf(slot).slice(before) ?? '';
    };
    return { mesh, monitors, clients, send };
  }

  it('shows everybody everything, wherever keys and clients are', () => {
    const { mesh, monitors, clients, send } = stage();
    monitors.forEach((slot, rig) => void send(rig, slot, 'MONITOR'));
    const expected: string[] = [];
    clients.forEach((slot, rig) => {
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}${rig}`);
      for (const key of keys) send(rig, slot, `SET ${key} 1`);
      expected.push(...keys.map((key) => `0 SET ${key} 1`));
      const all = `MSET ${keys.map((key) => `${key} 2`).join(' ')}`;
      send(rig, slot, all, `DEL ${keys.join(' ')}`);
      expected.push(`0 ${all}`, `0 DEL ${keys.join(' ')}`);
      send(rig, slot, 'MULTI', all, 'SELECT 2', 'PING', `INCR ${keys[0] ?? ''}`, 'EXEC');
      expected.push(
        '0 MULTI', `0 ${all}`, '2 SELECT 2', '2 PING', `2 INCR ${keys[0] ?? ''}`, '2 EXEC',
      );
    });
    monitors.forEach((slot, rig) => {
      expect(shown(mesh.rigs[rig]?.repliesOf(slot) ?? ''), `monitor ${rig}`).toEqual(expected);
    });
  });
  it('shows a pipeline in its order', () => {
    const { mesh, monitors, clients, send } = stage();
    send(0, monitors[0] ?? -1, 'MONITOR');
    const lines = Array.from({ length: 64 }, (_, i) => `SET k${i} ${i}`);
    send(1, clients[1] ?? -1, ...lines);
    expect(shown(mesh.rigs[0]?.repliesOf(monitors[0] ?? -1) ?? '')).toEqual(
      lines.map((line) => `0 ${line}`),
    );
  });
  it('shows nothing but EXEC of a transaction that a watch has stopped', () => {
    const { mesh, monitors, clients, send } = stage();
    send(0, monitors[0] ?? -1, 'MONITOR');
    const [first = -1, second = -1] = clients;
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const expected: string[] = [];
    for (const key of keys) {
      const other = keys.map((name) => `INCR n${name}`);
      send(0, first, `WATCH ${key}`);
      send(1, second, `SET ${key} 1`);
      const replies = send(0, first, 'MULTI', ...other, 'EXEC', 'PING');
      expect(replies.endsWith('*-1\r\n+PONG\r\n')).toBe(true);
      expected.push(`0 WATCH ${key}`, `0 SET ${key} 1`, '0 MULTI', '0 EXEC', '0 PING');
      send(0, first, `WATCH ${key}`, 'MULTI', ...other, 'EXEC');
      expected.push(`0 WATCH ${key}`, '0 MULTI', ...other.map((line) => `0 ${line}`), '0 EXEC');
    }
    expect(shown(mesh.rigs[0]?.repliesOf(monitors[0] ?? -1) ?? '')).toEqual(expected);
  });
  it('shows what was under way when its client went', () => {
    const { mesh, monitors, clients, send } = stage();
    send(0, monitors[0] ?? -1, 'MONITOR');
    const [first = -1] = clients;
    const other = ['a', 'b', 'c', 'd', 'e'].map((name) => `INCR ${name}`);
    mesh.receive(0, first, bytesOf(['WATCH a b c', 'MULTI', ...other, 'EXEC']));
    mesh.disconnect(0, first);
    mesh.settle();
    const lines = shown(mesh.rigs[0]?.repliesOf(monitors[0] ?? -1) ?? '');
    expect(lines.at(0)).toBe('0 WATCH a b c');
    expect(mesh.rigs[0]?.worker.sessions.count).toBe(1);
  });
  it('lets clients wait while a worker with monitors takes no lines', () => {
    const { mesh, monitors, clients, send } = stage();
    send(0, monitors[0] ?? -1, 'MONITOR');
    const [, client = -1] = clients;
    const value = 'x'.repeat(50_000);
    const rig = mesh.rigs[1];
    const count = 100;
    for (let i = 0; i < count; i++) {
      mesh.receive(1, client, bytesOf([`ECHO ${value}${i}`]));
      for (let worker = 1; worker < workerCount; worker++) mesh.turn(worker);
    }
    // Worker 0 has had no turn: most of the requests have not run.
    const answered = (): number => rig?.repliesOf(client).split('\r\n$').length ?? 0;
    expect(rig?.worker.monitors.isCrowded).toBe(true);
    expect(answered()).toBeLessThan(count / 2);
    mesh.settle();
    expect(answered()).toBe(count);
    const lines = shown(mesh.rigs[0]?.repliesOf(monitors[0] ?? -1) ?? '');
    expect(lines).toEqual(Array.from({ length: count }, (_, i) => `0 ECHO ${value}${i}`));
  });
  it('ends everywhere', () => {
    const { mesh, monitors, clients, send } = stage();
    send(0, monitors[0] ?? -1, 'MONITOR');
    send(1, clients[1] ?? -1, 'PING');
    expect(mesh.rigs[1]?.worker.executor.tap).not.toBe(null);
    send(0, monitors[0] ?? -1, 'RESET');
    send(1, clients[1] ?? -1, 'PING');
    expect(mesh.rigs[1]?.worker.executor.tap).toBe(null);
  });
  it('refuses a monitor keys of other workers too', () => {
    const { monitors, send } = stage();
    send(0, monitors[0] ?? -1, 'MONITOR');
    for (const key of ['a', 'b', 'c', 'd']) {
      expect(send(0, monitors[0] ?? -1, `GET ${key}`)).toMatch(/^-ERR Replica can't interact/);
    }
    expect(send(0, monitors[0] ?? -1, 'DBSIZE')).toMatch(/^-ERR Replica can't interact/);
  });
});
