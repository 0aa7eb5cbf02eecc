/**
 * Engines against peers and workers that do what is allowed and rare: sends of nothing, pauses
 * after the close, urgent bytes, floods of connections that are refused, an address that is wanted
 * back while much is under way. On every engine that can be had here.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WorkerMemory } from '@kora/core';
import { afterEach, describe, expect, it } from 'vitest';
import {
  EngineRig, engineKinds, pattern, readAll, someTurns, until,
} from '../testing/engine-rig.ts';
import type { EngineKind } from '../testing/engine-rig.ts';
import type { EngineHandler, LoopEngine } from './engine.ts';
import { openEpoll } from './epoll/epoll-engine.ts';
import { loadLibc } from './native/libc.ts';
import { openUring } from './uring/uring-engine.ts';

const DONTWAIT_NOSIGNAL = 0x4040;
const MSG_OOB = 1;

let rig: EngineRig | undefined;

afterEach(() => {
  rig?.stop();
  const broken = rig?.broken;
  rig = undefined;
  expect(broken ?? []).toEqual([]);
});

function open(kind: EngineKind): EngineRig {
  rig = new EngineRig(kind);
  return rig;
}

describe.each(engineKinds())('the engine $name', (kind) => {
  it('sends nothing, alone and between others, and names it back', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    const answer = readAll(client);
    const nothing = new Uint8Array(0);
    here.send(connection, nothing);
    await until(() => connection.held.length === 0);
    for (let i = 0; i < 30; i++) {
      here.send(connection, nothing);
      here.send(connection, Buffer.alloc(100_000, 'a'));
      here.send(connection, nothing);
    }
    here.close(connection, true);
    client.end();
    expect((await answer).bytes.length).toBe(3_000_000);
    await until(() => connection.isClosed);
  });

  it('ends a connection that was closed and then paused, with bytes still to drop', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    here.script = {
      onReceive: () => {
        here.close(connection, true);
        here.call(() => {
          here.engine.pauseReceive(connection.slot);
        });
      },
    };
    client.on('data', () => undefined);
    client.end(pattern(3_000_000));
    await until(() => connection.isClosed);
  });

  it('does so too when everything has come before it reads', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    here.call(() => {
      here.engine.pauseReceive(connection.slot);
    });
    here.script = {
      onReceive: () => {
        here.close(connection, true);
        here.call(() => {
          here.engine.pauseReceive(connection.slot);
        });
      },
    };
    client.on('data', () => undefined);
    await new Promise((resolve) => {
      client.end(pattern(200_000), () => {
        resolve(undefined);
      });
    });
    await someTurns();
    here.call(() => {
      here.engine.resumeReceive(connection.slot);
    });
    await until(() => connection.isClosed);
  });

  it('gives an address back at once while much is under way', async () => {
    const here = open(kind);
    const { port, listener } = await here.listen();
    const count = 200;
    const clients: Socket[] = await Promise.all(
      Array.from({ length: count }, () => here.connect({ port })),
    );
    await until(() => here.connections.length === count);
    let wanted: Promise<{ port: number }> | undefined;
    here.script = {
      onReceive: () => {
        if (wanted !== undefined) return;
        here.call(() => {
          here.engine.stopListening(listener);
        });
        wanted = here.listen({ port });
      },
    };
    for (const client of clients) client.write('x');
    await until(() => wanted !== undefined);
    expect((await wanted!).port).toBe(port);
    await until(() => here.connections.every(({ byteCount }) => byteCount === 1));
  });

  it('lets each of many refused peers read why', async () => {
    const here = open(kind);
    here.script = {
      onAccept: (connection) => {
        here.send(connection, Buffer.from('-ERR no\r\n'));
        return false;
      },
    };
    const { port } = await here.listen({ backlog: 4096 });
    const count = 1500;
    const clients = await Promise.all(
      Array.from({ length: count }, () => here.connect({ port })),
    );
    const answers = await Promise.all(clients.map((client) => readAll(client)));
    expect(answers.filter(({ bytes }) => bytes.toString() !== '-ERR no\r\n').length).toBe(0);
    for (const client of clients) client.end();
    await until(() => here.connections.every(({ isClosed }) => isClosed));
  });

  it('keeps going past urgent bytes, which it does not deliver', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    const libc = loadLibc();
    if (typeof libc === 'string') throw new Error(libc);
    const bytes = new Uint8Array(Buffer.from('abc!'));
    const address = libc.addressOf(bytes);
    // The descriptor of a socket is on its handle, which has no type.
    const { fd } = (client as unknown as { _handle: { fd: number } })._handle;
    for (let round = 0; round < 50; round++) {
      libc.send(fd, address, 3, DONTWAIT_NOSIGNAL);
      libc.send(fd, address + 3, 1, DONTWAIT_NOSIGNAL | MSG_OOB);
      libc.send(fd, address, 3, DONTWAIT_NOSIGNAL);
      await until(() => connection.byteCount >= round * 6 + 6);
    }
    libc.send(fd, address + 3, 1, DONTWAIT_NOSIGNAL | MSG_OOB);
    client.end();
    await until(() => connection.hasEnded);
    expect(connection.bytes.toString()).toBe('abcabc'.repeat(50));
    expect(bytes.length).toBe(4);
  });
});

/** A loop engine by hand, with a handler of which one method does something. */
function loopWith(name: string, script: Partial<EngineHandler>): LoopEngine {
  const engine = name === 'epoll' ? openEpoll() : openUring();
  if (typeof engine === 'string') throw new Error(engine);
  const nothing = (): void => undefined;
  engine.start(WorkerMemory.create(), {
    onTurnStart: nothing, onTurnEnd: nothing, onAccept: () => true, onReceive: nothing,
    onEnd: nothing, onSent: nothing, onClosed: nothing, onTick: nothing, onTurn: nothing,
    onWake: nothing, ...script,
  });
  return engine;
}

const loops = engineKinds().map(({ name }) => name).filter((name) => /^(epoll|uring)$/.test(name));

describe.each(loops)('the loop of %s', (name) => {
  it('can be stopped after a turn that was left by an exception', async () => {
    const engine = loopWith(name, {
      onReceive: () => {
        throw new Error('broken on purpose');
      },
    });
    let port = 0;
    engine.listen({ host: '127.0.0.1', port: 0, backlog: 10 }, (_error, bound) => {
      port = bound;
    });
    const client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    client.write('x');
    let cause: unknown;
    await until(() => {
      try {
        engine.turn(false);
      } catch (thrown) {
        cause = thrown;
      }
      return cause !== undefined;
    });
    expect(cause).toEqual(new Error('broken on purpose'));
    const answer = readAll(client);
    engine.stop();
    expect(engine.turn(true)).toBe(false);
    await answer;
    client.destroy();
  });

  it('refuses everything after it was stopped, and touches nothing', () => {
    const engine = loopWith(name, {});
    const { files } = engine;
    engine.stop();
    let error: Error | null = null;
    engine.listen({ host: '127.0.0.1', port: 0, backlog: 10 }, (found) => {
      error = found;
    });
    expect(error).toMatchObject({ code: 'ENGINE_CLOSED' });
    engine.setKeepAlive(0, 10);
    expect(engine.receiveInto(0, 0, 1)).toBe(false);
    expect(engine.send(0, 0, 1)).toBe(true);
    engine.resumeReceive(0);
    if (files !== undefined) {
      expect(() => {
        files.write(1, 1, 0, 1, 0, false);
      }).toThrow('before the engine stops');
    }
  });

  it('sleeps between ticks while there is nothing to do', () => {
    let ticks = 0;
    let turns = 0;
    const engine = loopWith(name, {
      onTick: () => {
        ticks++;
      },
      onTurnStart: () => {
        turns++;
      },
    });
    while (ticks < 5) engine.turn(true);
    // Waking up needs a turn or two beside those of the ticks.
    expect(turns).toBeLessThanOrEqual(10);
    engine.stop();
  });
});
