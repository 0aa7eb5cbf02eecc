/**
 * `pnpm simulate [--seeds N] [--seed S] [--trace] [--busy-clock]`: runs seeds S to S + N - 1 (1 to
 * 200 unless told otherwise, one with `--seed` alone) and says of each that breaks a promise which
 * one, and how to see it again. With `--busy-clock` the clock also moves while commands are under
 * way (Plan.isClockBusy). Exit status 1 when something was broken.
 */
import { Simulation } from './simulation.ts';

const words = process.argv.slice(2);

function numberOf(flag: string, otherwise: number): number {
  const at = words.indexOf(flag);
  return at < 0 ? otherwise : Number(words[at + 1]);
}

const first = numberOf('--seed', 1);
const count = numberOf('--seeds', words.includes('--seed') ? 1 : 200);
const isTraced = words.includes('--trace');
const isClockBusy = words.includes('--busy-clock');
const simulation = new Simulation({ isTraced, adapt: (plan) => ({ ...plan, isClockBusy }) });
const startMs = Date.now();
const sums = { failures: 0, turns: 0, interruptions: 0, operations: 0, tries: 0 };
for (let seed = first; seed < first + count; seed++) {
  const outcome = simulation.run(seed);
  sums.turns += outcome.turnCount;
  sums.interruptions += outcome.preemptionCount;
  sums.operations += outcome.operationCount;
  sums.tries += outcome.tries;
  if (isTraced) process.stdout.write(`${outcome.trace.join('\n')}\n`);
  if (outcome.failure === null) continue;
  sums.failures++;
  process.stdout.write(
    `seed ${seed}: ${outcome.failure}\n  again: npx pnpm simulate --seed ${seed} --trace\n`,
  );
}
const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
process.stdout.write(
  `${count} seeds in ${seconds} s: ${sums.failures} broken; ${sums.operations} operations, ` +
  `${sums.turns} turns, ${sums.interruptions} interruptions, ${sums.tries} tries\n`,
);
if (sums.failures > 0) process.exitCode = 1;
