/**
 * Ticks that were moved, on every engine that can be had here, beside an engine of the same kind
 * whose ticks come as ever and tell that time has passed. What was put off for a minute does not
 * come within the test, what was brought back does, and an engine that needs ticks itself takes
 * them whatever it was asked for.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { EngineRig, engineKinds, until } from '../testing/engine-rig.ts';
import { TICK_MS } from './engine.ts';

const FAR_MS = 60_000;
const rigs: EngineRig[] = [];

function open(kind: ReturnType<typeof engineKinds>[number]): EngineRig {
  const rig = new EngineRig(kind);
  rigs.push(rig);
  return rig;
}

function tickAfter(rig: EngineRig, ms: number): void {
  rig.call(() => {
    rig.engine.tickAfter?.(ms);
  });
}

async function ticks(rig: EngineRig, count: number): Promise<void> {
  const before = rig.ticks;
  await until(() => rig.ticks >= before + count);
}

afterEach(() => {
  const broken = rigs.flatMap((rig) => rig.broken);
  for (const rig of rigs.splice(0)) rig.stop();
  expect(broken).toEqual([]);
});

describe.each(engineKinds())('ticks on the engine $name', (kind) => {
  it.each(['onTick', 'onTurnEnd'] as const)('are put off from within %s', async (call) => {
    const [moved, usual] = [open(kind), open(kind)];
    let isAsked = false;
    moved.script = {
      [call]: () => {
        if (moved.ticks === 3 && !isAsked) {
          isAsked = true;
          moved.engine.tickAfter?.(FAR_MS);
        }
      },
    };
    await until(() => isAsked);
    await ticks(usual, 3);
    expect(moved.ticks).toBe(3);
    // A turn of another kind does not bring them back.
    moved.engine.requestTurn();
    await until(() => moved.turns === 1);
    await ticks(usual, 1);
    expect(moved.ticks).toBe(3);
    tickAfter(moved, TICK_MS);
    await ticks(moved, 2);
  });

  it('are moved to and fro, and the last word counts', async () => {
    const [moved, usual] = [open(kind), open(kind)];
    for (const ms of [FAR_MS, TICK_MS, FAR_MS, 3 * TICK_MS, FAR_MS]) tickAfter(moved, ms);
    await ticks(usual, 4);
    for (const ms of [TICK_MS, FAR_MS]) tickAfter(moved, ms);
    await ticks(usual, 2);
    expect(moved.ticks).toBe(0);
    tickAfter(moved, 2 * TICK_MS);
    await ticks(moved, 2);
  });

  it('come as ever while a refused connection is there', async () => {
    const rig = open(kind);
    rig.script = {
      onAccept: () => false,
      onTick: () => {
        rig.engine.tickAfter?.(FAR_MS);
      },
    };
    const { port } = await rig.listen();
    const client = await rig.connect({ port });
    client.pause();
    await until(() => rig.connections.length === 1);
    tickAfter(rig, TICK_MS);
    await ticks(rig, 3);
  });

  it('are gone when the engine was stopped', () => {
    const rig = open(kind);
    rig.stop();
    tickAfter(rig, TICK_MS);
    tickAfter(rig, FAR_MS);
    expect(rig.ticks).toBe(0);
  });
});
