/**
 * Bytes through every engine that can be had here: they arrive once, in order and whole, whatever
 * their size, however slowly either side reads, and wherever the worker wants them. The rig poisons
 * every range as soon as it is free, so an engine that looks at one too late fails here.
 */
import { describe, expect, it, afterEach } from 'vitest';
import {
  EngineRig, engineKinds, pattern, readAll, someTurns, until,
} from '../testing/engine-rig.ts';
import type { EngineKind, Script } from '../testing/engine-rig.ts';

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

describe.each(engineKinds())('bytes through the engine $name', (kind) => {
  it('gives back what was sent', async () => {
    const here = open(kind);
    here.script = { onReceive: (connection, bytes) => void here.send(connection, bytes) };
    const { client } = await here.pair();
    const answer = readAll(client);
    const sent = pattern(3_000_017);
    for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 3 + 1) % 70_001) {
      client.write(sent.subarray(at, at + size));
      if (size % 5 === 0) await someTurns();
    }
    client.end();
    const connection = here.connections[0]!;
    await until(() => connection.hasEnded);
    here.close(connection, true);
    expect((await answer).bytes.equals(sent)).toBe(true);
    await until(() => connection.isClosed);
    expect(connection.bytes.equals(sent)).toBe(true);
  });

  it('serves many connections in one turn, each its own bytes', async () => {
    const here = open(kind);
    here.script = { onReceive: (connection, bytes) => void here.send(connection, bytes) };
    const { port } = await here.listen();
    const clients = await Promise.all(Array.from({ length: 300 }, () => here.connect({ port })));
    await until(() => here.connections.length === clients.length);
    const answers = clients.map((client) => readAll(client));
    for (const [i, client] of clients.entries()) client.write(pattern(1000 + i, i));
    await until(() => here.connections.every((connection) => connection.byteCount >= 1000));
    for (const [i, client] of clients.entries()) client.end(pattern(500, i));
    await until(() => here.connections.every((connection) => connection.hasEnded));
    for (const connection of here.connections) here.close(connection, true);
    for (const [i, answer] of answers.entries()) {
      const expected = Buffer.concat([pattern(1000 + i, i), pattern(500, i)]);
      expect((await answer).bytes.equals(expected), `client ${i}`).toBe(true);
    }
  });

  it('keeps what a slow reader does not take and names it back in order', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    client.pause();
    const pieces = Array.from({ length: 48 }, (_, i) => pattern(300_000 + i * 1000, i));
    const kept = pieces.filter((piece) => !here.send(connection, piece)).length;
    expect(kept).toBeGreaterThan(10);
    expect(connection.held.length).toBe(kept);
    await someTurns();
    const answer = readAll(client);
    client.resume();
    await until(() => connection.held.length === 0);
    expect(connection.sentCount).toBe(kept);
    here.close(connection, true);
    client.end();
    expect((await answer).bytes.equals(Buffer.concat(pieces))).toBe(true);
  });

  it('keeps ten thousand ranges', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    client.pause();
    const pieces = [pattern(8_000_000)];
    for (let i = 0; i < 10_000; i++) pieces.push(pattern(1 + (i % 97), i));
    for (const piece of pieces) here.send(connection, piece);
    expect(connection.held.length).toBeGreaterThan(9_999);
    const answer = readAll(client);
    client.resume();
    await until(() => connection.held.length === 0);
    here.close(connection, true);
    client.end();
    expect((await answer).bytes.equals(Buffer.concat(pieces))).toBe(true);
  });

  it('goes on sending from onSent, in order', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    client.pause();
    const expected = [pattern(6_000_000)];
    let left = 200;
    here.script = {
      onSent: () => {
        for (let i = 0; i < 2 && left > 0; i++, left--) {
          const piece = pattern(40_000, left);
          expected.push(piece);
          here.send(connection, piece);
        }
      },
    };
    here.send(connection, expected[0]!);
    expected.push(pattern(10, 3));
    here.send(connection, expected[1]!);
    expect(connection.held.length).toBe(2);
    const answer = readAll(client);
    client.resume();
    // Where everything leaves at once no onSent comes any more: the test goes on by itself.
    await until(() => connection.held.length === 0);
    here.close(connection, true);
    client.end();
    expect(left).toBeLessThan(200);
    expect((await answer).bytes.equals(Buffer.concat(expected))).toBe(true);
  });

  it('holds back bytes while it is paused and gives all of them afterwards', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    here.call(() => {
      here.engine.pauseReceive(connection.slot);
      here.engine.pauseReceive(connection.slot);
    });
    await someTurns();
    const sent = pattern(16_000_000);
    client.end(sent);
    await someTurns();
    expect(connection.byteCount).toBeLessThan(1_000_000);
    expect(connection.hasEnded).toBe(false);
    here.call(() => {
      here.engine.resumeReceive(connection.slot);
    });
    await until(() => connection.hasEnded);
    expect(connection.bytes.equals(sent)).toBe(true);
  });

  it('may be paused and resumed after every piece', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    let paused = 0;
    here.script = {
      onReceive: () => {
        here.call(() => {
          here.engine.pauseReceive(connection.slot);
        });
        paused++;
        here.call(() => {
          here.engine.requestTurn();
        });
      },
      onTurn: () => {
        here.call(() => {
          here.engine.resumeReceive(connection.slot);
        });
      },
    };
    const sent = pattern(2_000_000);
    client.end(sent);
    await until(() => connection.hasEnded);
    expect(connection.bytes.equals(sent)).toBe(true);
    expect(paused).toBeGreaterThan(10);
  });

  it('puts bytes where the worker asked for them, or says that it does not', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    const sizes = [1, 100_003, 65_536, 7, 262_144];
    let asks = 0;
    const ask = (): boolean => here.receiveInto(connection, sizes[asks++ % sizes.length]!);
    const sent = pattern(5_000_011);
    here.script = { onReceive: () => void (connection.asked === undefined && ask()) };
    client.write(sent.subarray(0, 100));
    await until(() => connection.byteCount >= 100);
    client.end(sent.subarray(100));
    await until(() => connection.hasEnded);
    expect(connection.bytes.equals(sent)).toBe(true);
    expect(connection.asked !== undefined).toBe(kind.isLoop);
    here.close(connection, false);
    await until(() => connection.isClosed);
  });

  it('takes bytes asked for before they came, paused in between', async () => {
    const here = open(kind);
    const { client, connection } = await here.pair();
    here.receiveInto(connection, 50_000);
    here.call(() => {
      here.engine.pauseReceive(connection.slot);
    });
    const sent = pattern(200_000);
    client.end(sent);
    await someTurns();
    here.call(() => {
      here.engine.resumeReceive(connection.slot);
    });
    await until(() => connection.hasEnded);
    expect(connection.bytes.equals(sent)).toBe(true);
  });

  it('ticks, and takes the turn that was asked for once', async () => {
    const here = open(kind);
    await here.listen();
    await until(() => here.ticks >= 2);
    expect(here.turns).toBe(0);
    for (let i = 0; i < 5; i++) {
      here.call(() => {
        here.engine.requestTurn();
      });
    }
    await until(() => here.turns > 0);
    await someTurns();
    expect(here.turns).toBe(1);
    let more = 3;
    here.script = { onTurn: () => { if (more-- > 0) here.engine.requestTurn(); } };
    here.engine.requestTurn();
    await until(() => here.turns === 5);
    await someTurns();
    expect(here.turns).toBe(5);
  });
});
