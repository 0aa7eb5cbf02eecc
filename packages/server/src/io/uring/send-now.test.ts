/**
 * Bytes go out from any place of the worker memory, as many as fit, and a socket with an error
 * takes none: the caller's queue finds out which. Over a connection of Node's own.
 */
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { WorkerMemory } from '@kora/core';
import { expect, it } from 'vitest';
import { pattern } from '../../testing/engine-rig.ts';
import { loadLibc, nativeMemory } from '../native/libc.ts';
import { SendNow } from './send-now.hot.ts';

it('sends what fits, from where it lies', async () => {
  const libc = loadLibc();
  if (typeof libc === 'string') throw new Error(libc);
  const memory = WorkerMemory.create({ lowBytes: 64 * 1024 * 1024 });
  const native = nativeMemory(memory);
  if (typeof native === 'string') throw new Error(native);
  const server = createServer();
  const accepted = new Promise<Socket>((resolve) => {
    server.once('connection', resolve);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const client = connect(port, '127.0.0.1');
  client.pause();
  const socket = await accepted;
  // The descriptor of a socket is on its handle, which has no type.
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const bytes = pattern(20_000_000);
  const at = memory.lowAllocator.alloc(bytes.length) * 8;
  memory.low.set(bytes, at);
  const now = new SendNow(libc, native);
  expect(now.send(fd, at, 1000)).toBe(1000);
  expect(now.send(fd, at + 1000, 1)).toBe(1);
  let sent = 1001;
  for (let more = 1; more > 0; sent += more) {
    more = now.send(fd, at + sent, bytes.length - sent);
  }
  expect(sent).toBeLessThan(bytes.length);
  const got: Buffer[] = [];
  let count = 0;
  await new Promise<void>((resolve) => {
    client.on('data', (piece: Buffer) => {
      got.push(piece);
      count += piece.length;
      if (count === sent) resolve();
    });
    client.resume();
  });
  expect(Buffer.concat(got).equals(bytes.subarray(0, sent))).toBe(true);
  expect(now.send(-1, at, 10)).toBe(0);
  client.destroy();
  socket.destroy();
  server.close();
});
