/**
 * Several workers end together, on every engine that this machine offers: in order while
 * clients are served, and with their process whatever ends that. Needs a build.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RawClient } from './testing/raw-client.ts';
import { WORKER_ENGINES, ThreadedServer, until } from './testing/threaded-server.ts';

describe.each(WORKER_ENGINES)('the end of three workers, io %s', (io) => {
  it('comes in the middle of traffic, with replies that are whole', async () => {
    const served = await ThreadedServer.start({ io, workers: 3 });
    const clients = await served.connectMany(12);
    const value = 'v'.repeat(20_000);
    await Promise.all(clients.map((client, i) => client.call('SET', `k${i}`, value)));
    let isEnded = false;
    let count = 0;
    const traffic = clients.map(async (client, i) => {
      const key = `k${(i + 5) % 12}`;
      const request = `GET ${key}\r\nINCR n${i}\r\nMGET ${key} k0 k1 k2\r\n`;
      while (!isEnded) {
        client.send(request.repeat(5));
        try {
          for (let asked = 0; asked < 15; asked++) {
            const reply = await client.reply();
            const isWhole = reply === JSON.stringify(value) || /^:\d+$/.test(reply)
              || (reply.startsWith('["v') && reply.length === 4 * value.length + 16);
            expect(isWhole, reply.slice(0, 80)).toBe(true);
            count++;
          }
        } catch (cause) {
          if (cause instanceof Error && cause.message.includes('ended')) return;
          throw cause;
        }
      }
    });
    await until(() => count > 500);
    const closing = served.server.close();
    // The orderly end has 400 ms; a thread that did not take part in it is ended after 650.
    await closing;
    isEnded = true;
    expect(served.log.join('\n')).not.toContain('terminated');
    await Promise.all(traffic);
    for (const client of clients) {
      await client.ended;
      expect(client.isBetweenReplies, 'no reply was cut').toBe(true);
    }
    await served.close();
  });

  it('comes by process.exit, by an exception, and by a signal', async () => {
    const built = new URL('../dist/index.js', import.meta.url).href;
    const program = (after: string): Promise<string> => new Promise((resolve) => {
      const source = `
        const { createServer } = await import('${built}');
        const server = createServer({
          io: '${io}', workers: 3, settings: { port: 0, bind: '127.0.0.1' },
        });
        await server.start();
        ${after}`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
        env: { PATH: process.env['PATH'] ?? '' }, stdio: ['ignore', 'ignore', 'pipe'],
      });
      let errors = '';
      child.stderr.on('data', (piece: Buffer) => {
        errors += piece.toString();
      });
      child.on('close', (code, signal) => {
        resolve(`${errors}ended by ${signal ?? String(code)}`);
      });
    });
    const [exit, exception, signal] = await Promise.all([
      program('process.exit(7);'),
      program('setTimeout(() => { throw new Error("mine"); }, 10);'),
      program('process.kill(process.pid, "SIGTERM"); setInterval(() => undefined, 1000);'),
    ]);
    expect(exit).toMatch(/^ended by 7$/);
    expect(exception).toMatch(/Error: mine[^]*ended by 1$/);
    expect(signal).toMatch(/ended by SIGTERM$/);
  });

  it('comes by SIGTERM to the command', async () => {
    const kora = fileURLToPath(new URL('../../cli/bin/kora.js', import.meta.url));
    const child = spawn(process.execPath, [
      kora, '--port', '0', '--io', io, '--workers', '3', '--loglevel', 'warning',
    ], { env: { PATH: process.env['PATH'] ?? '' } });
    let output = '';
    const ended = new Promise<string>((resolve) => {
      child.on('close', (code, signal) => {
        resolve(String(signal ?? code));
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (piece: Buffer) => {
        output += piece.toString();
      });
    }
    await until(() => output.includes('\n'));
    const ready = /^kora \S+ ready on 127\.0\.0\.1:(\d+) \(io \w+, 3 workers,/;
    const [, port] = ready.exec(output) ?? [];
    const client = await RawClient.connect({ host: '127.0.0.1', port: Number(port) });
    expect(await client.call('MSET', 'a', '1', 'b', '2', 'c', '3')).toBe('+OK');
    child.kill('SIGTERM');
    expect(await ended).toBe('0');
    await client.ended;
    expect(output.split('\n')).toHaveLength(2);
  });
});
