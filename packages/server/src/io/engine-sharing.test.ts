/**
 * What the engines of several threads do with each other, here in one thread, two of each kind:
 * they share an address that nobody else gets, and one ends the wait of the other.
 */
import { closeSync, fstatSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  EngineRig, engineKinds, nodeAmongOthers, someTurns, until,
} from '../testing/engine-rig.ts';
import type { EngineKind } from '../testing/engine-rig.ts';
import type { LoopEngine } from './engine.ts';
import { openEpoll } from './epoll/epoll-engine.ts';
import { loadLibc } from './native/libc.ts';
import type { PortSharing } from './node-listening.ts';
import { hasReusePort, portSharing } from './node-listening.ts';
import { openUring } from './uring/uring-engine.ts';

const rigs: EngineRig[] = [];

/** Ways of node:net that can be had here. */
const nodeWays: PortSharing[] = [];
if (typeof loadLibc() !== 'string') nodeWays.push('descriptor');
if (hasReusePort(process.versions.node)) nodeWays.push('option');

const loops = [
  ...engineKinds().filter(({ isLoop }) => isLoop),
  ...nodeWays.map((way): EngineKind => ({
    name: `node by ${way}`, isLoop: false, open: () => nodeAmongOthers(0, way),
  })),
];

afterEach(() => {
  const broken = rigs.splice(0).flatMap((rig) => {
    rig.stop();
    return rig.broken;
  });
  expect(broken).toEqual([]);
});

function open(kind: EngineKind): EngineRig {
  const rig = new EngineRig(kind);
  rigs.push(rig);
  return rig;
}

describe.each(loops)('listening together on the engine $name', (kind) => {
  it('deals connections out, and ends with each listener', async () => {
    const [first, next] = [open(kind), open(kind)];
    const { port, listener } = await first.listen({ sharing: 'first' });
    await next.listen({ sharing: 'next', port });
    for (let i = 0; i < 60; i++) rigs[0]?.sockets.push(connect(port, '127.0.0.1'));
    await until(() => first.connections.length + next.connections.length === 60);
    expect(Math.min(first.connections.length, next.connections.length)).toBeGreaterThan(5);
    first.engine.stopListening(listener);
    await someTurns();
    const before = next.connections.length;
    await next.connect({ port });
    await until(() => next.connections.length === before + 1);
  });

  it('is for one group: who is first elsewhere, or alone, is refused', async () => {
    const [first, other] = [open(kind), open(kind)];
    const { port } = await first.listen({ sharing: 'first' });
    for (const sharing of ['first', 'none'] as const) {
      await expect(other.listen({ sharing, port })).rejects.toMatchObject({
        code: 'ADDRESS_IN_USE', message: `127.0.0.1:${port} is in use by another process`,
      });
    }
    const alone = await other.listen({ sharing: 'none' });
    for (const sharing of ['first', 'next'] as const) {
      await expect(first.listen({ sharing, port: alone.port })).rejects.toMatchObject({
        code: 'ADDRESS_IN_USE',
      });
    }
  });
});

describe('listening together on node:net where a port cannot be shared', () => {
  const worker = (index: number): EngineRig => open({
    name: 'node', isLoop: false, open: () => nodeAmongOthers(index, 'first only'),
  });

  it('is the first worker\'s alone, at every change of address', async () => {
    const [first, next] = [worker(0), worker(1)];
    for (const sharing of ['first', 'next'] as const) {
      const { port, listener } = await first.listen({ sharing });
      expect((await next.listen({ sharing: 'next', port })).port).toBe(port);
      const before = first.connections.length;
      for (let i = 0; i < 5; i++) await first.connect({ port });
      await until(() => first.connections.length === before + 5);
      first.engine.stopListening(listener);
    }
    expect(next.connections).toEqual([]);
  });

  it('is chosen last: by the version of Node where there is no koffi', () => {
    const known = ['22.12.0', '22.23.3', '23.1.0', '24.0.0', '26.10.0'];
    const older = ['20.19.0', '20.20.2', '21.7.3', '22.11.0', '23.0.0'];
    for (const version of known) expect(hasReusePort(version), version).toBe(true);
    for (const version of older) expect(hasReusePort(version), version).toBe(false);
    if (nodeWays.includes('descriptor')) expect(portSharing('20.19.0')).toBe('descriptor');
  });
});

/** Ways to open an engine that takes its turns when the test says so. */
const openers: readonly (readonly [string, () => LoopEngine | string])[] = [
  ['uring', () => openUring()],
  ['uring without messages', () => openUring({ refused: ['MSG_RING'] })],
  ['epoll', () => openEpoll()],
].filter((pair): pair is [string, () => LoopEngine] => {
  const engine = (pair[1] as () => LoopEngine | string)();
  if (typeof engine === 'string') return false;
  engine.stop();
  return true;
});
const pairs = openers.flatMap(([from, openFrom]) =>
  openers.map(([to, openTo]) => ({ from, to, openFrom, openTo })));

interface Stepped {
  readonly engine: LoopEngine;
  readonly rig: EngineRig;
}

/** An engine whose turns are the test's to give. */
function stepped(opener: () => LoopEngine | string): Stepped {
  const engine = opener();
  if (typeof engine === 'string') throw new Error(engine);
  const rig = new EngineRig({ name: engine.name, isLoop: true, open: () => engine });
  rigs.push(rig);
  return { engine, rig };
}

describe.each(pairs)('a signal from $from to $to', ({ openFrom, openTo }) => {
  it('ends a wait before its tick, each time', () => {
    const [from, to] = [stepped(openFrom), stepped(openTo)];
    const eventfd = to.engine.shareWake();
    for (let i = 0; i < 50; i++) {
      from.engine.signal?.(eventfd, to.engine.ringDescriptor);
      from.engine.turn(false);
      to.engine.turn(true);
    }
    // Waits that nobody ends take 50 ticks; a slow machine may see some.
    expect(to.rig.ticks).toBeLessThan(25);
    closeSync(eventfd);
  });

  it('goes nowhere when the other has ended', () => {
    const [from, to] = [stepped(openFrom), stepped(openTo)];
    const eventfd = to.engine.shareWake();
    const { ringDescriptor } = to.engine;
    to.rig.stop();
    rigs.splice(rigs.indexOf(to.rig), 1);
    for (let i = 0; i < 3; i++) {
      from.engine.signal?.(eventfd, ringDescriptor);
      from.engine.turn(false);
    }
    expect(fstatSync(eventfd).isFile()).toBe(false);
    closeSync(eventfd);
  });
});
