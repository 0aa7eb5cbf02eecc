/**
 * Quiet sends with the real kernel: they end no wait, are done with in the next turn, which comes
 * at once where something waits for it, and lose nothing where a socket is full or its peer gone.
 */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { WorkerMemory } from '@kora/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { EngineKind } from '../../testing/engine-rig.ts';
import { EngineRig, engineKinds, pattern, until } from '../../testing/engine-rig.ts';
import type { EngineHandler, LoopEngine } from '../engine.ts';
import { loadLibc, nativeMemory } from '../native/libc.ts';
import { openUring } from './uring-engine.ts';

const kinds = engineKinds().filter(({ name }) => name === 'uring');
const RANGE_BYTES = 1000;
/** Turns after which what has not been named back is stuck. */
const STUCK_TURNS = 50;
/** No tick comes while a test runs. */
const NEVER_MS = 60_000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;

/** Notes what happens in a turn, and answers what it receives. */
class Noting implements EngineHandler {
  events: string[] = [];
  slot = -1;
  answer: () => void = () => undefined;

  onTurnStart(): void {
    this.events = [];
  }

  onTurnEnd(): void {}
  onTurn(): void {}
  onWake(): void {}

  onAccept(slot: number): boolean {
    this.slot = slot;
    return true;
  }

  onReceive(): void {
    this.events.push('received');
    this.answer();
  }

  onSent(): void {
    this.events.push('sent');
  }

  onEnd(): void {
    this.events.push('ended');
  }

  onClosed(): void {
    this.events.push('closed');
  }

  onTick(): void {
    this.events.push('tick');
  }
}

let engine: LoopEngine | undefined;
let client: Socket | undefined;
let rig: EngineRig | undefined;

afterEach(() => {
  client?.destroy();
  engine?.stop();
  rig?.stop();
  const broken = rig?.broken;
  [engine, client, rig] = [undefined, undefined, undefined];
  expect(broken ?? []).toEqual([]);
});

interface Served {
  readonly uring: LoopEngine;
  readonly handler: Noting;
  /** A small send of the server. */
  readonly send: () => void;
}

/** An engine that is turned by hand, with one client that says something now and then. */
async function served(): Promise<Served> {
  const uring = openUring();
  if (typeof uring === 'string') throw new Error(uring);
  engine = uring;
  const memory = WorkerMemory.create();
  const at = memory.lowAllocator.alloc(RANGE_BYTES) * 8;
  const handler = new Noting();
  uring.start(memory, handler);
  let port = 0;
  uring.listen({ host: '127.0.0.1', port: 0, backlog: 10 }, (_error, bound) => {
    port = bound;
  });
  const socket = connect(port, '127.0.0.1');
  client = socket;
  await new Promise((resolve) => {
    socket.once('connect', resolve);
  });
  while (handler.slot < 0) uring.turn(false);
  return { uring, handler, send: () => void uring.send(handler.slot, at, RANGE_BYTES) };
}

describe.each(kinds)('a quiet send', (kind: EngineKind) => {
  it('ends no wait: what names its range back is a turn that had another reason', async () => {
    const { uring, handler, send } = await served();
    for (let i = 0; i < 3; i++) {
      send();
      do uring.turn(true); while (!handler.events.includes('sent'));
      expect(handler.events).toEqual(['sent', 'tick']);
    }
  });

  it.each([
    ['a graceful end', ({ uring, handler }: Served) => {
      uring.close(handler.slot, true);
    }],
    ['a pause', ({ uring, handler }: Served) => {
      uring.pauseReceive(handler.slot);
    }],
    ['the next send', ({ send }: Served) => {
      send();
    }],
  ])('is done with at once where %s waits for it', async (_name, wait) => {
    const here = await served();
    const { uring, handler, send } = here;
    uring.tickAfter?.(NEVER_MS);
    send();
    wait(here);
    do uring.turn(true); while (!handler.events.includes('sent'));
    expect(handler.events).toContain('sent');
  });

  it('is done with where its connection ends at once', async () => {
    const { uring, handler, send } = await served();
    uring.tickAfter?.(NEVER_MS);
    send();
    uring.close(handler.slot, false);
    do uring.turn(true); while (!handler.events.includes('closed'));
    expect(handler.events).not.toContain('sent');
  });

  it('gives what a full socket did not take to one that waits for room', async () => {
    const here = new EngineRig(kind);
    rig = here;
    const { client: reader, connection } = await here.pair();
    reader.pause();
    const libc = loadLibc();
    const native = nativeMemory(here.memory);
    if (typeof libc === 'string' || typeof native === 'string') throw new Error('no libc here');
    const at = here.memory.lowAllocator.alloc(4) * 8;
    here.memory.lowView.setUint32(at, 1, true);
    const { descriptor } = connection.peer;
    expect(libc.setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, native.addressOf(at), 4)).toBe(0);
    let turns = 0;
    here.script = { onTurnEnd: () => void turns++ };
    const sent: Buffer[] = [];
    while (connection.held.length === 0) {
      const bytes = pattern(RANGE_BYTES - sent.length % 7);
      sent.push(bytes);
      here.send(connection, bytes);
      const stuck = turns + STUCK_TURNS;
      await until(() => connection.held.length === 0 || turns > stuck);
    }
    for (let i = 0; i < 10; i++) {
      sent.push(pattern(10 + i));
      here.send(connection, pattern(10 + i));
    }
    const whole = Buffer.concat(sent);
    const read: Buffer[] = [];
    reader.on('data', (piece: Buffer) => read.push(piece));
    reader.resume();
    await until(() => read.reduce((sum, piece) => sum + piece.length, 0) >= whole.length);
    expect(Buffer.concat(read).equals(whole)).toBe(true);
    await until(() => connection.held.length === 0);
  });

  it('to a peer that is gone ends the connection', async () => {
    const here = new EngineRig(kind);
    rig = here;
    const { client: peer, connection } = await here.pair();
    peer.resetAndDestroy();
    here.send(connection, pattern(100));
    await until(() => connection.isClosed);
    expect(connection.held).toEqual([]);
  });
});
