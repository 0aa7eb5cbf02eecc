/**
 * `pnpm bench:expiry`: how keys that are due are freed. (1) A million keys due at the same instant:
 * time until all are gone, and how long the slices of background work take. (2) A steady stream of
 * 5,000 deadlines per 100 ms tick (50 k a second): work per tick, and keys still held one tick
 * after their time. The clock is virtual, the work real.
 */
import { CommandDriver } from '@kora/core/testing';
import { markdownTable, median } from './table.ts';

const KEYS = 1_000_000;
const PER_TICK = 5000;
const TICKS = 100;
const TICK_MS = 100;
const DUE_MS = 60_000;

function newDriver(): CommandDriver {
  return new CommandDriver({ memoryOptions: { bytesMax: 2 ** 32 } });
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Milliseconds of each slice until nothing is left to do. */
function slices(driver: CommandDriver): number[] {
  const times: number[] = [];
  for (let hasMore = true; hasMore; ) {
    const start = performance.now();
    hasMore = driver.shard.maintain();
    times.push(performance.now() - start);
  }
  return times;
}

function allAtOnce(): void {
  const driver = newDriver();
  const deadline = String(driver.clock.nowMs() + DUE_MS);
  for (let i = 0; i < KEYS; i++) driver.run('SET', `key:${i}`, 'value', 'PXAT', deadline);
  driver.clock.advance(DUE_MS + 2 * TICK_MS);
  const times = slices(driver);
  const workMs = times.reduce((total, ms) => total + ms, 0).toFixed(0);
  const sorted = [...times].sort((a, b) => a - b);
  const left = driver.run('DBSIZE');
  process.stdout.write(
    `${KEYS} keys due at once: gone after ${workMs} ms of work in ${times.length} slices; ` +
      `a slice takes ${median(times).toFixed(2)} ms, 99 % of them at most ` +
      `${percentile(sorted, 0.99).toFixed(2)}, the worst ${percentile(sorted, 1).toFixed(2)}; ` +
      `left: ${left}\n\n`,
  );
}

function steadily(): void {
  const driver = newDriver();
  const start = driver.clock.nowMs();
  for (let tick = 0; tick < TICKS; tick++) {
    const deadline = String(start + DUE_MS + tick * TICK_MS + (TICK_MS >> 1));
    for (let i = 0; i < PER_TICK; i++) {
      driver.run('SET', `key:${tick}:${i}`, 'value', 'PXAT', deadline);
    }
  }
  driver.clock.advance(DUE_MS);
  slices(driver);
  const work: number[] = [];
  let lateMax = 0;
  for (let tick = 0; tick < TICKS; tick++) {
    driver.clock.advance(TICK_MS);
    work.push(slices(driver).reduce((total, ms) => total + ms, 0));
    const held = Number(driver.run('DBSIZE').slice(1));
    lateMax = Math.max(lateMax, held - PER_TICK * (TICKS - 1 - tick));
  }
  const rows = [[
    String(PER_TICK * 10), median(work).toFixed(2), Math.max(...work).toFixed(2), String(lateMax),
  ]];
  const heads = [
    'expiries a second', 'work per 100 ms tick, ms', 'worst tick, ms',
    'keys held past the tick after their time, at most',
  ];
  process.stdout.write(`${markdownTable(heads, rows)}\n`);
}

allAtOnce();
steadily();
