/**
 * How connections end on every engine that can be had here: by either side, in order or by a reset,
 * at every point, also by the worker from within the engine's own calls. Each ends once, none takes
 * another with it, and what was sent before an orderly end arrives.
 */
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  EngineRig, engineKinds, pattern, readAll, someTurns, until,
} from '../testing/engine-rig.ts';
import type { EngineKind, RigConnection, Script } from '../testing/engine-rig.ts';

let rig: EngineRig | undefined;

function open(kind: EngineKind, script?: Script): EngineRig {
  rig = new EngineRig(kind, script);
  return rig;
}

afterEach(() => {
  rig?.stop();
  const broken = rig?.broken;
  rig = undefined;
  expect(broken ?? []).toEqual([]);
});

/** The engine still does its work. */
async function expectAlive(here: EngineRig): Promise<void> {
  here.script = { onReceive: (connection, bytes) => void here.send(connection, bytes) };
  const { client, connection } = await here.pair();
  const answer = readAll(client);
  client.end('are you there?');
  await until(() => connection.hasEnded);
  here.close(connection, true);
  expect((await answer).bytes.toString()).toBe('are you there?');
  await until(() => connection.isClosed);
}

// Each waits for seconds, so all engines wait at once.
it('ends refused connections that do not go by themselves, on every engine', async () => {
  const rigs = engineKinds().map((kind) => new EngineRig(kind, { onAccept: () => false }));
  try {
    await Promise.all(rigs.map(async (here) => {
      const { port } = await here.listen();
      await Promise.all(Array.from({ length: 5 }, () => here.connect({ port })));
      await until(() => here.connections.length === 5);
      await until(() => here.connections.every((connection) => connection.isClosed));
    }));
  } finally {
    for (const here of rigs) here.stop();
  }
  expect(rigs.flatMap(({ broken }) => broken)).toEqual([]);
});

describe.each(engineKinds())('endings on the engine $name', (kind) => {
  it('tells of the end of the peer, who still reads', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    const answer = readAll(client);
    client.end('last words');
    await until(() => connection.hasEnded);
    expect(connection.bytes.toString()).toBe('last words');
    await someTurns();
    expect(connection.isClosed).toBe(false);
    here.send(connection, pattern(2_000_000));
    here.close(connection, true);
    const { bytes, isReset } = await answer;
    expect(bytes.equals(pattern(2_000_000))).toBe(true);
    expect(isReset).toBe(false);
    await until(() => connection.isClosed);
  });

  it('lets everything leave before an orderly end, and drops what still comes', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    client.pause();
    const pieces = Array.from({ length: 30 }, (_, i) => pattern(300_000, i));
    for (const piece of pieces) here.send(connection, piece);
    here.close(connection, true);
    here.close(connection, true);
    expect(here.send(connection, pattern(10))).toBe(true);
    client.write(pattern(3_000_000));
    await someTurns();
    expect(connection.isClosed).toBe(false);
    const answer = readAll(client);
    client.resume();
    const { bytes, isReset } = await answer;
    expect(bytes.equals(Buffer.concat(pieces))).toBe(true);
    expect(isReset).toBe(false);
    await someTurns();
    // Until the peer ends too: a reset would destroy what it has not read.
    expect(connection.isClosed).toBe(false);
    client.end(pattern(1_000_000));
    await until(() => connection.isClosed);
    expect(connection.byteCount).toBe(0);
    expect(connection.hasEnded).toBe(false);
  });

  it.each([14, 3_000_000])('notices a reset that follows %i bytes at once', async (bytes) => {
    const here = open(kind);
    here.script = {
      // node:net may take the reset for an end.
      onEnd: (connection) => {
        here.close(connection, true);
      },
    };
    const { port } = await here.listen();
    const clients = await Promise.all(Array.from({ length: 20 }, () => here.connect({ port })));
    await until(() => here.connections.length === clients.length);
    for (const client of clients) {
      client.write(pattern(bytes));
      client.resetAndDestroy();
    }
    await until(() => here.connections.every(({ isClosed }) => isClosed));
    expect(here.connections.length).toBe(clients.length);
  });

  it.each([0, 1])('tells of the end when a connection reads again: %i turns', async (turns) => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    here.call(() => {
      here.engine.pauseReceive(connection.slot);
    });
    if (turns > 0) await someTurns();
    client.end('the last words');
    const { ticks } = here;
    await until(() => here.ticks > ticks + 1);
    expect(connection.hasEnded).toBe(false);
    for (const again of ['resumeReceive', 'pauseReceive', 'resumeReceive'] as const) {
      here.call(() => {
        here.engine[again](connection.slot);
      });
    }
    await until(() => connection.hasEnded);
    expect(connection.bytes.toString()).toBe('the last words');
  });

  it('ends a paused connection in order too', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    here.call(() => {
      here.engine.pauseReceive(connection.slot);
    });
    client.write(pattern(500_000));
    await someTurns();
    const answer = readAll(client);
    here.send(connection, pattern(1000));
    here.close(connection, true);
    expect((await answer).bytes.equals(pattern(1000))).toBe(true);
    client.end();
    await until(() => connection.isClosed);
  });

  it('cuts at once, with ranges on their way and a range asked for', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    client.pause();
    for (let i = 0; i < 40; i++) here.send(connection, pattern(200_000));
    here.receiveInto(connection, 1000);
    expect(connection.held.length).toBeGreaterThan(0);
    here.close(connection, false);
    here.close(connection, false);
    here.close(connection, true);
    expect(here.send(connection, pattern(10))).toBe(true);
    await until(() => connection.isClosed);
    const closed = new Promise((resolve) => {
      client.on('close', resolve);
    });
    client.resume();
    client.end();
    await closed;
    await expectAlive(here);
  });

  it('cuts one that was closing in order', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    client.pause();
    for (let i = 0; i < 40; i++) here.send(connection, pattern(200_000));
    here.close(connection, true);
    await someTurns();
    here.close(connection, false);
    await until(() => connection.isClosed);
    await expectAlive(here);
  });

  it('closes a refused connection after what was said to it', async () => {
    const here = open(kind);
    here.script = {
      onAccept: (connection) => {
        here.send(connection, Buffer.from('-ERR no\r\n'));
        return false;
      },
    };
    const { port } = await here.listen();
    const client = await here.connect({ port });
    client.write('PING\r\n');
    expect(await readAll(client)).toEqual({ bytes: Buffer.from('-ERR no\r\n'), isReset: false });
    client.end();
    await until(() => here.connections[0]?.isClosed === true);
    expect(here.connections[0]?.byteCount).toBe(0);
  });

  const resets: readonly [string, (here: EngineRig, connection: RigConnection) => void][] = [
    ['idle', () => undefined],
    ['paused', (here, { slot }) => {
      here.engine.pauseReceive(slot);
    }],
    ['asked for bytes', (here, connection) => void here.receiveInto(connection, 100_000)],
    ['sending', (here, connection) => {
      for (let i = 0; i < 40; i++) here.send(connection, pattern(200_000));
    }],
    ['sending and paused', (here, connection) => {
      here.engine.pauseReceive(connection.slot);
      for (let i = 0; i < 40; i++) here.send(connection, pattern(200_000));
    }],
    ['closing', (here, connection) => {
      for (let i = 0; i < 40; i++) here.send(connection, pattern(200_000));
      here.close(connection, true);
    }],
    ['closed, not ended', (here, connection) => {
      here.close(connection, true);
    }],
  ];
  // Only epoll looks at what is paused and has nothing to send; others find it when it resumes.
  const found = resets.filter(([state]) => state !== 'paused' || kind.name === 'epoll');
  it.each(found)('notices a reset by the peer: %s', async (_state, prepare) => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    client.pause();
    client.write(pattern(100));
    await until(() => connection.byteCount === 100);
    prepare(here, connection);
    await someTurns();
    client.resetAndDestroy();
    await until(() => connection.isClosed);
    expect(connection.hasEnded).toBe(false);
    await expectAlive(here);
  });

  it('survives peers that reset before they are looked at', async () => {
    const here = open(kind);
    here.script = { onReceive: (connection, bytes) => void here.send(connection, bytes) };
    const { port } = await here.listen();
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(
        Array.from({ length: 10 }, () => here.connect({ port })),
      );
      for (const [i, client] of clients.entries()) {
        if (i % 2 === 0) client.write(pattern(i * 1000));
        if (i % 3 !== 0) client.resetAndDestroy();
        else client.destroy();
      }
      // A quarter of the rounds overlap.
      if (round % 4 !== 0) {
        await until(() => here.connections.every(({ isClosed, hasEnded }) => isClosed || hasEnded));
      }
    }
    await until(() => here.connections.every(({ isClosed, hasEnded }) => isClosed || hasEnded));
    for (const connection of here.connections) {
      if (!connection.isClosed) here.close(connection, true);
    }
    await until(() => here.connections.every(({ isClosed }) => isClosed));
    await expectAlive(here);
  });
});

describe.each(engineKinds())('endings by the worker within calls of the engine $name', (kind) => {
  /** One connection and its peer, ten others beside it. */
  async function crowd(script: (here: EngineRig) => Script): Promise<{
    here: EngineRig; clients: Socket[];
  }> {
    const here = open(kind);
    const { port } = await here.listen();
    here.script = script(here);
    const clients = await Promise.all(Array.from({ length: 11 }, () => here.connect({ port })));
    await until(() => here.connections.length === 11);
    return { here, clients };
  }

  it('in onAccept', async () => {
    const { here } = await crowd((there) => ({
      onAccept: (connection) => {
        there.close(connection, connection.slot % 2 === 0);
        return connection.slot % 3 !== 0;
      },
    }));
    for (const socket of here.sockets) socket.end();
    await until(() => here.connections.every(({ isClosed }) => isClosed));
    await expectAlive(here);
  });

  it('in onReceive, also of others whose bytes were about to be delivered', async () => {
    const { here, clients } = await crowd((there) => ({
      onReceive: () => {
        for (const other of there.connections) there.close(other, false);
      },
    }));
    for (const client of clients) client.write(pattern(1000));
    await until(() => here.connections.every(({ isClosed }) => isClosed));
    expect(here.connections.filter(({ byteCount }) => byteCount > 0).length).toBeGreaterThan(0);
    await expectAlive(here);
  });

  it('in onEnd, onTick, onTurn and onTurnEnd', async () => {
    const calls = ['onTick', 'onTurn', 'onTurnEnd'] as const;
    for (const call of calls) {
      const { here } = await crowd(() => ({}));
      here.script = {
        [call]: () => {
          for (const [i, connection] of here.connections.entries()) {
            if (!connection.isClosed) here.close(connection, i % 2 === 0);
          }
        },
      };
      here.engine.requestTurn();
      for (const socket of here.sockets) socket.end();
      await until(() => here.connections.every(({ isClosed }) => isClosed));
      await expectAlive(here);
      here.stop();
    }
    const { here, clients } = await crowd((there) => ({
      onEnd: (connection) => {
        there.close(connection, connection.slot % 2 === 0);
      },
    }));
    for (const client of clients) client.end();
    await until(() => here.connections.every(({ isClosed }) => isClosed));
  });

  it('in onSent', async () => {
    for (const isGraceful of [true, false]) {
      const here = open(kind);
      const { client, connection } = await here.pair();
      client.pause();
      for (let i = 0; i < 50; i++) here.send(connection, pattern(200_000, i));
      here.script = {
        onSent: () => {
          here.close(connection, isGraceful);
        },
      };
      const answer = readAll(client);
      client.resume();
      client.end();
      await until(() => connection.isClosed);
      const { bytes } = await answer;
      if (isGraceful) expect(bytes.length).toBe(50 * 200_000);
      await expectAlive(here);
      here.stop();
    }
  });

  it('stops from within, and nothing follows', async () => {
    for (const call of ['onReceive', 'onTick', 'onTurn', 'onTurnEnd', 'onAccept'] as const) {
      const { here, clients } = await crowd(() => ({}));
      here.script = {
        [call]: () => {
          here.stop();
          return true;
        },
      };
      here.engine.requestTurn();
      const isBroken = Promise.all(clients.map((client) => readAll(client)));
      for (const client of clients) client.write('x');
      if (call === 'onAccept') await here.connect(portOf(clients)).catch(() => undefined);
      await isBroken;
      await someTurns();
      expect(here.broken).toEqual([]);
    }
  });
});

function portOf(clients: readonly Socket[]): { port: number } {
  return { port: clients[0]?.remotePort ?? 0 };
}
