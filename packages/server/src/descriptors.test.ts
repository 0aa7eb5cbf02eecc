/**
 * A server that runs out of file descriptors: newcomers are turned away, those that are
 * there are served, and when descriptors are free again newcomers are welcome. Runs the built
 * package in a process of its own, whose limit is lowered.
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { TEST_IO } from './testing/polled-engine.ts';
import { RawClient } from './testing/raw-client.ts';

/** More than Node wants at once while it loads the modules. */
const DESCRIPTORS = 512;
const BUILT = fileURLToPath(new URL('../dist/index.js', import.meta.url));
const PROGRAM = `
  const { createServer } = await import(process.argv[1]);
  const server = createServer({ settings: { port: 0, bind: '127.0.0.1' }, io: process.argv[2] });
  const { port } = await server.start();
  process.stdout.write('port ' + port + '\\n');
`;

it('goes on when descriptors run out, and recovers', async () => {
  const child = spawn('sh', [
    '-c', `ulimit -n ${DESCRIPTORS}; exec "$0" --input-type=module -e "$1" "$2" "$3"`,
    process.execPath, PROGRAM, BUILT, TEST_IO,
  ]);
  const listening = new Promise<number>((resolve, reject) => {
    child.on('exit', (code) => {
      reject(new Error(`the server ended with ${code} before it listened`));
    });
    child.stdout.on('data', (text: Buffer) => {
      resolve(Number(/port (\d+)/.exec(text.toString())?.[1]));
    });
  });
  try {
    const port = await listening;
    const first = await RawClient.connect({ host: '127.0.0.1', port });
    expect(await first.call('PING')).toBe('+PONG');
    const crowd = Array.from({ length: DESCRIPTORS * 2 }, () => connect(port, '127.0.0.1'));
    const turnedAway = crowd.map((socket) => new Promise<boolean>((resolve) => {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve(true);
      });
      socket.on('data', () => {
        resolve(false);
      });
      socket.write('PING\r\n');
    }));
    const results = await Promise.all(turnedAway);
    expect(results.filter((isAway) => isAway).length).toBeGreaterThan(DESCRIPTORS / 2);
    expect(results.filter((isAway) => !isAway).length).toBeGreaterThan(0);
    for (let i = 0; i < 200; i++) expect(await first.call('PING')).toBe('+PONG');
    for (const socket of crowd) socket.destroy();
    for (let isIn = false; !isIn;) {
      const late = await RawClient.connect({ host: '127.0.0.1', port });
      isIn = await late.call('PING').then((reply) => reply === '+PONG', () => false);
      late.destroy();
    }
    first.destroy();
  } finally {
    child.kill('SIGKILL');
  }
});
