/**
 * What only the io_uring engine has: a pool of receive buffers that runs out and grows, operations
 * that have to leave the kernel before memory is given up, and a ring that ends with all of them
 * under way. The suites of all engines (io/engine*.test.ts) hold the rest.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { EngineRig, engineKinds, pattern, readAll, until } from '../../testing/engine-rig.ts';
import type { EngineKind } from '../../testing/engine-rig.ts';
import { FILE_TOKEN_MAX } from '../engine.ts';
import { Errno } from '../native/libc.ts';
import { BUFFER_COUNT_MIN } from './receive-buffers.ts';

const kinds = engineKinds().filter(({ name }) => name.startsWith('uring'));
const directory = mkdtempSync(join(tmpdir(), 'kora-uring-'));
let rig: EngineRig | undefined;

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

afterEach(() => {
  rig?.stop();
  const broken = rig?.broken;
  rig = undefined;
  expect(broken ?? []).toEqual([]);
});

async function clientsOf(kind: EngineKind, count: number): Promise<[EngineRig, Socket[]]> {
  const here = new EngineRig(kind);
  rig = here;
  const { port } = await here.listen();
  const clients = await Promise.all(Array.from({ length: count }, () => here.connect({ port })));
  await until(() => here.connections.length === count);
  return [here, clients];
}

describe.each(kinds)('$name', (kind) => {
  it('writes and syncs files, and says what the system says', async () => {
    const here = new EngineRig(kind);
    rig = here;
    const files = here.engine.files!;
    const path = join(directory, kind.name.replaceAll(' ', '-'));
    const descriptor = openSync(path, 'w+');
    const bytes = pattern(300_000);
    const at = here.memory.lowAllocator.alloc(bytes.length) * 8;
    here.memory.low.set(bytes, at);
    for (let i = 0; i < 30; i++) {
      here.call(() => {
        const offset = 5_000_000_000 + i * 10_000;
        files.write(i, descriptor, at + i * 10_000, 10_000, offset, i % 2 === 1);
      });
    }
    await until(() => here.files.size === 30);
    expect([...here.files.values()]).toEqual(Array.from({ length: 30 }, () => 10_000));
    here.call(() => {
      files.sync(FILE_TOKEN_MAX, descriptor);
      files.sync(31, 1_000_000);
    });
    await until(() => here.files.size === 32);
    expect([here.files.get(FILE_TOKEN_MAX), here.files.get(31)]).toEqual([0, -Errno.EBADF]);
    const written = Buffer.alloc(bytes.length);
    readSync(descriptor, written, 0, written.length, 5_000_000_000);
    expect(written.equals(bytes)).toBe(true);
    closeSync(descriptor);
  });

  it('serves more connections at once than it has receive buffers', async () => {
    const count = BUFFER_COUNT_MIN * 4;
    const [here, clients] = await clientsOf(kind, count);
    here.script = { onReceive: (connection, bytes) => void here.send(connection, bytes) };
    const before = here.memory.lowAllocator.usedBytes();
    const sent = pattern(200_000);
    const answers = clients.map((client) => readAll(client));
    for (const client of clients) client.end(sent);
    await until(() => here.connections.every(({ hasEnded }) => hasEnded));
    for (const connection of here.connections) here.close(connection, true);
    for (const answer of answers) expect((await answer).bytes.equals(sent)).toBe(true);
    await until(() => here.connections.every(({ isClosed }) => isClosed));
    expect(here.memory.lowAllocator.usedBytes()).toBeGreaterThan(before);
  });

  it('stops with every kind of operation under way, and gives all memory back', async () => {
    const [here, clients] = await clientsOf(kind, 20);
    for (const client of clients) client.pause();
    const [first, second, third] = here.connections;
    // A send that cannot leave, of one range and of many; a receive into a range; a pause.
    for (let i = 0; i < 60; i++) here.send(first!, pattern(200_000));
    here.send(second!, pattern(8_000_000));
    here.receiveInto(third!, 100_000);
    here.call(() => {
      here.engine.pauseReceive(here.connections[3]!.slot);
    });
    clients[4]!.resetAndDestroy();
    here.close(here.connections[5]!, true);
    await until(() => here.turns >= 0 && here.connections[4]!.isClosed);
    here.stop();
    const held = here.connections.flatMap((connection) => connection.held);
    const ranges = held.length + (third!.asked === undefined ? 0 : 1);
    const asked = third!.asked === undefined ? [] : [third!.asked];
    for (const { ref } of [...held, ...asked]) here.memory.lowAllocator.free(ref);
    expect(ranges).toBeGreaterThan(10);
    // What is left is the engine's own words, less than a page of them.
    expect(here.memory.lowAllocator.usedBytes()).toBeLessThan(4096);
  });
});
