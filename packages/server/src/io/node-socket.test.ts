/**
 * Both ways of reading into one buffer give the same bytes in the same order: the socket made by
 * hand over the accepted handle, and the stream where the handle is not to be had.
 */
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readInto } from './node-socket.ts';

/** What arrives when a peer sends `bytes` and ends. */
async function received(bytes: Buffer, prepare: (socket: Socket) => Socket): Promise<Buffer[]> {
  const buffer = Buffer.alloc(1000);
  const pieces: Buffer[] = [];
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const ended = new Promise<void>((resolve) => {
    server.on('connection', (accepted) => {
      const socket = readInto(prepare(accepted), buffer, (count) => {
        pieces.push(Buffer.from(buffer.subarray(0, count)));
      });
      socket.on('end', () => {
        socket.end('seen');
        resolve();
      });
      expect(socket.remoteAddress).toBe('127.0.0.1');
      socket.resume();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // A TCP server's address is an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  const answer = new Promise<string>((resolve) => {
    client.on('data', (chunk: Buffer) => {
      resolve(chunk.toString());
    });
  });
  client.end(bytes);
  await ended;
  expect(await answer).toBe('seen');
  server.close();
  return pieces;
}

const bytes = Buffer.from(Array.from({ length: 50_003 }, (_, i) => i & 0xff));

/** The socket without what readInto looks for; the stream itself keeps its handle. */
function withoutHandle(socket: Socket): Socket {
  return new Proxy(socket, {
    get: (target, name) => {
      if (name === '_handle') return undefined;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) as unknown : value;
    },
  });
}

describe('readInto', () => {
  it.each<[string, (socket: Socket) => Socket]>([
    ['over the handle', (socket) => socket],
    ['by the stream', withoutHandle],
  ])('gives all bytes in order, a buffer at a time: %s', async (_way, prepare) => {
    const pieces = await received(bytes, prepare);
    expect(Buffer.concat(pieces)).toEqual(bytes);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(1000);
  });
});
