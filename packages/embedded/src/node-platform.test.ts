/**
 * The real clocks, chance and turns: that they run, that they stop, and that they keep nothing
 * alive.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CryptoChance, nodePlatform, TurnScheduler } from './node-platform.ts';

/** Lets the event loop turn until it is true; gives up after ten seconds. */
async function until(isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!isTrue() && performance.now() < endMs) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('node platform', () => {
  it('has clocks that go forward', () => {
    const { clock } = nodePlatform();
    const [ms, us] = [clock.nowMs(), clock.monotonicUs()];
    expect(Number.isSafeInteger(ms)).toBe(true);
    expect(clock.monotonicUs()).toBeGreaterThanOrEqual(us);
    expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(60_000);
  });

  it('draws words over the whole range, again and again', () => {
    const chance = new CryptoChance();
    const words = Array.from({ length: 5_000 }, () => chance.next32());
    expect(new Set(words).size).toBeGreaterThan(4_990);
    expect(words.every((word) => word === (word | 0))).toBe(true);
    const negative = words.filter((word) => word < 0).length;
    expect(negative).toBeGreaterThan(2_000);
    expect(negative).toBeLessThan(3_000);
  });

  it('runs work in turns while there is some, on a tick unasked, and stops', async () => {
    const scheduler = new TurnScheduler();
    let runs = 0;
    let more = 5;
    scheduler.start(() => {
      runs++;
      return more-- > 1;
    });
    scheduler.requestTurn();
    scheduler.requestTurn();
    await until(() => runs >= 5);
    expect(runs).toBe(5);
    await until(() => runs >= 6); // The tick came by itself.
    expect(runs).toBeGreaterThanOrEqual(6);
    scheduler.requestTurn();
    scheduler.stop();
    const stopped = runs;
    scheduler.requestTurn();
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(runs).toBe(stopped);
  });

  it('lets a process end while an engine is open', () => {
    const built = new URL('../dist/index.js', import.meta.url).href;
    const script = `import { openSync } from ${JSON.stringify(built)};
      openSync().set('k', 'v', { ttlMs: 1 });`;
    const result = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: fileURLToPath(new URL('..', import.meta.url)), timeout: 30_000, encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '' },
    });
    expect([result.status, result.stderr]).toEqual([0, '']);
  });
});
