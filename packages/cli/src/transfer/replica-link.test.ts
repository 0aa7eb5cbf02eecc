/**
 * The replica's side against a master that is played here, line by line: what it says, and which
 * masters it does not take. Real ones are in import-live.reference.test.ts.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { RdbFileReader, RdbFileWriter } from '@kora/storage';
import { afterEach, describe, expect, it } from 'vitest';
import { DumpOfSource } from './dump-of-source.ts';
import { ReplicaLink } from './replica-link.ts';
import { readServerUrl } from './server-url.ts';
import type { ServerUrl } from './server-url.ts';

const MARK = 'm'.repeat(40);

let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

/** A master that gives these answers, one for each request; what it heard. */
async function master(answers: readonly (string | Uint8Array)[]): Promise<{
  readonly url: ServerUrl; readonly heard: () => string;
}> {
  let heard = '';
  let next = 0;
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      const answer = answers[next++];
      if (answer !== undefined) socket.write(answer);
    });
  });
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo; // Not a pipe: it listens on a port.
  const url = readServerUrl(`redis://127.0.0.1:${port}`);
  if (typeof url === 'string') throw new Error(url);
  return { url, heard: () => heard };
}

function emptyDump(): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new RdbFileWriter((part) => parts.push(part.slice()));
  writer.finish();
  return Buffer.concat(parts);
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no fault', (cause: unknown) =>
    cause instanceof Error ? cause.message : String(cause));
}

const GREETINGS = ['+PONG\r\n', '+OK\r\n'];

describe('a replica', () => {
  for (const isMarked of [true, false]) {
    it(`reads a dump that ends ${isMarked ? 'with a mark' : 'by its length'}`, async () => {
      const dump = emptyDump();
      const head = isMarked ? `$EOF:${MARK}\r\n` : `$${dump.length}\r\n`;
      const { url, heard } = await master([...GREETINGS, Buffer.concat([
        Buffer.from(`+FULLRESYNC ${'f'.repeat(40)} 77\r\n\n\n${head}`), dump,
        Buffer.from(`${isMarked ? MARK : ''}*1\r\n`),
      ])]);
      const link = await ReplicaLink.open(url);
      const sync = await link.fullSync();
      expect(sync).toMatchObject({ offset: 77, dumpBytes: isMarked ? -1 : dump.length });
      const source = new DumpOfSource(link, sync);
      const reader = new RdbFileReader();
      for (let item = reader.next(); item?.kind !== 'end'; item = reader.next()) {
        if (item === null) await source.fill(reader);
      }
      await source.end(reader);
      expect(Buffer.from(await link.read()).toString()).toBe('*1\r\n');
      expect(heard()).toMatch(/PING[^]*REPLCONF[^]*eof[^]*psync2[^]*PSYNC\r\n\$1\r\n\?/);
      link.close();
    });
  }

  it('does not take a dump with another end than was announced', async () => {
    const dump = emptyDump();
    const { url } = await master([...GREETINGS, Buffer.concat([
      Buffer.from(`+FULLRESYNC ${'f'.repeat(40)} 0\r\n$EOF:${MARK}\r\n`), dump,
      Buffer.from('x'.repeat(40)),
    ])]);
    const link = await ReplicaLink.open(url);
    const source = new DumpOfSource(link, await link.fullSync());
    const reader = new RdbFileReader();
    for (let item = reader.next(); item?.kind !== 'end'; item = reader.next()) {
      if (item === null) await source.fill(reader);
    }
    expect(await messageOf(source.end(reader))).toMatch('another end than it announced');
    link.close();
  });

  it('goes on with the ID that a promoted source has', async () => {
    const { url, heard } = await master([...GREETINGS, `+CONTINUE ${'n'.repeat(40)}\r\n`]);
    const link = await ReplicaLink.open(url);
    expect(await link.resume('o'.repeat(40), 99)).toBe('n'.repeat(40));
    expect(heard()).toMatch(/PSYNC\r\n\$40\r\no{40}\r\n\$3\r\n100\r\n/);
    link.close();
  });

  it('names what it does not take', async () => {
    const refused = async (...answers: string[]): Promise<string> => {
      const { url } = await master(answers);
      const link = ReplicaLink.open(url).then((open) => open.fullSync().finally(() => {
        open.close();
      }));
      return messageOf(link);
    };
    expect(await refused('-NOAUTH no\r\n')).toMatch(/refuses PING: NOAUTH no Write the password/);
    expect(await refused('+PONG\r\n', '-ERR unknown command\r\n')).toMatch('refuses REPLCONF');
    expect(await refused(...GREETINGS, '-ERR no\r\n')).toMatch('does not give its data: -ERR no');
    expect(await refused(...GREETINGS, `+FULLRESYNC ${'f'.repeat(40)} 0\r\n$x\r\n`))
      .toMatch('sends no dump: $x');
    expect(await refused('H'.repeat(5000))).toMatch("does not speak Redis's protocol");
  });

  it('takes a source that says nothing for one that is gone', async () => {
    const { url } = await master(GREETINGS);
    const link = await ReplicaLink.open(url, 1);
    expect(await messageOf(link.fullSync())).toMatch(/redis:\S+: nothing came for 1 seconds/);
    link.close();
  });
});
