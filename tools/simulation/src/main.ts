/**
 * `pnpm simulate [--scene NAME] [--seeds N] [--seed S] [--trace] [--busy-clock]`: runs seeds S to
 * S + N - 1 (1 to 200 unless told otherwise, one with `--seed` alone) of a scene, or of each, and
 * says of those that break a promise which one, and how to see it again. With `--busy-clock` the
 * clock also moves while commands of the scene of keys are under way (Plan.isClockBusy). Exit
 * status 1 when something was broken.
 */
import type { Plan } from './plan.ts';
import { sceneNames, simulationOf } from './scenes.ts';

const words = process.argv.slice(2);

function numberOf(flag: string, otherwise: number): number {
  const at = words.indexOf(flag);
  return at < 0 ? otherwise : Number(words[at + 1]);
}

const first = numberOf('--seed', 1);
const count = numberOf('--seeds', words.includes('--seed') ? 1 : 200);
const isTraced = words.includes('--trace');
const adapt = words.includes('--busy-clock')
  ? { adapt: (plan: Plan): Plan => ({ ...plan, isClockBusy: true }) } : {};
const wanted = words.includes('--scene') ? [words[words.indexOf('--scene') + 1]] : sceneNames;
let failures = 0;
for (const name of wanted) failures += runScene(name ?? '');
if (failures > 0) process.exitCode = 1;

/** Runs the seeds. @returns how many broke */
function runScene(name: string): number {
  const simulation = simulationOf(name, { isTraced, ...adapt });
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
      `seed ${seed}: ${outcome.failure}\n` +
      `  again: npx pnpm simulate --scene ${name} --seed ${seed} --trace\n`,
    );
  }
  const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
  process.stdout.write(
    `${name}: ${count} seeds in ${seconds} s: ${sums.failures} broken; ${sums.operations} ` +
    `operations, ${sums.turns} turns, ${sums.interruptions} interruptions, ${sums.tries} tries\n`,
  );
  return sums.failures;
}
