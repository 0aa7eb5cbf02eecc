/**
 * The socket driver against a scripted server: replies at any split of the stream, RESP2 and
 * RESP3 nulls, closing, silence and nonsense; every wait ends.
 */
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { renderOutcome } from '../reply-notation.ts';
import { ReplyReader } from './reply-reader.ts';
import { encodeRequest, openSocket, socketDriver } from './socket-driver.ts';

const REPLY_MS_MAX = 2_000;
const STREAM =
  '+OK\r\n-ERR x\r\n:5\r\n$3\r\na\r\n\r\n*2\r\n$1\r\nx\r\n*-1\r\n%1\r\n+k\r\n,1.5\r\n' +
  '~1\r\n#t\r\n>1\r\n(99\r\n=5\r\ntxt:a\r\n!5\r\nERR y\r\n_\r\n|1\r\n+a\r\n+b\r\n:7\r\n';
const REPLIES = [
  '+"OK"', '-"ERR x"', ':5', '$"a\\r\\n"', '*[$"x" *_]', '%[+"k" ,1.5]', '~[#t]', '>[(99]',
  '="txt:a"', '-"ERR y"', '_', ':7',
];

function feedIn(pieces: readonly string[]): string[] {
  const reader = new ReplyReader();
  return pieces.flatMap((piece) => reader.feed(Buffer.from(piece, 'latin1')).map(renderOutcome));
}

describe('ReplyReader', () => {
  it('reads the same replies whole, byte by byte and split at every place', () => {
    expect(feedIn([STREAM])).toEqual(REPLIES);
    expect(feedIn([...STREAM])).toEqual(REPLIES);
    for (let at = 1; at < STREAM.length; at += 1) {
      expect(feedIn([STREAM.slice(0, at), STREAM.slice(at)]), `split at ${at}`).toEqual(REPLIES);
    }
  });

  it('tells a bulk null in RESP3 from the null of that protocol', () => {
    const reader = new ReplyReader();
    expect(reader.feed(Buffer.from('$-1\r\n')).map(renderOutcome)).toEqual(['_']);
    reader.isResp3 = true;
    expect(reader.feed(Buffer.from('$-1\r\n')).map(renderOutcome)).toEqual(['$_']);
  });

  it.each(['x\r\n', '$x\r\n', '$1\r\nabc', '*1\r\n?\r\n'])('calls %j unreadable', (bytes) => {
    expect(feedIn([bytes])[0]).toMatch(/^\(unreadable: /);
  });
});

describe('SocketConnection', () => {
  const servers: net.Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** A server that answers each request with the next of these texts; 'end' closes. */
  function scriptedServer(answers: readonly string[]): Promise<{ host: string; port: number }> {
    return new Promise((resolve) => {
      const server = net.createServer((socket) => {
        const left = [...answers];
        socket.on('error', () => socket.destroy());
        socket.on('data', () => {
          const next = left.shift() ?? '';
          if (next === 'end') socket.end();
          else socket.write(next);
        });
      });
      servers.push(server);
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const address = server.address();
        const port = typeof address === 'object' && address !== null ? address.port : 0;
        resolve({ host: '127.0.0.1', port });
      });
    });
  }

  it('greets with HELLO 3, reads replies and sees the end', async () => {
    const target = await scriptedServer(['%0\r\n', '$-1\r\n', 'end']);
    const connection = await socketDriver(target, '3').open();
    connection.send(['GET', 'k']);
    expect(renderOutcome(await connection.next(REPLY_MS_MAX))).toBe('$_');
    expect(connection.peek()).toBeUndefined();
    connection.send(['QUIT']);
    expect(await connection.waitClosed(REPLY_MS_MAX)).toBe(true);
    expect(renderOutcome(await connection.next(REPLY_MS_MAX))).toBe('(closed)');
    connection.close();
  });

  it('reads RESP2 where HELLO is refused', async () => {
    const target = await scriptedServer(['-NOAUTH\r\n', '$-1\r\n']);
    const connection = await socketDriver(target, '3').open();
    connection.send(['GET', 'k']);
    expect(renderOutcome(await connection.next(REPLY_MS_MAX))).toBe('_');
    connection.close();
  });

  it('gives up on a reply that does not come', async () => {
    const connection = await openSocket(await scriptedServer(['', '+late']));
    connection.send(['PING']);
    expect(renderOutcome(await connection.next(5))).toBe('(timeout)');
    connection.send(['PING']);
    expect(renderOutcome(await connection.next(50))).toBe('(timeout)');
    expect(await connection.waitClosed(5)).toBe(false);
    connection.close();
  });

  it('refuses a port where nobody listens', async () => {
    const target = await scriptedServer([]);
    await new Promise((resolve) => servers.splice(0)[0]!.close(resolve));
    await expect(openSocket(target)).rejects.toThrow('ECONNREFUSED');
  });
});

it('encodes requests as arrays of bulk strings', () => {
  expect(encodeRequest(['GET', 'a\xff'])).toBe('*2\r\n$3\r\nGET\r\n$2\r\na\xff\r\n');
});
