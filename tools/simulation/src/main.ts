/**
 * `pnpm simulate [--scene NAME] [--seeds N] [--seed S] [--trace] [--busy-clock] [--help]`: runs
 * seeds S to S + N - 1 (1 to 200 unless told otherwise, one with `--seed` alone) of a scene, or of
 * each, and says of those that break a promise which one, and how to see it again. With
 * `--busy-clock` the clock also moves while commands of the scene of keys are under way
 * (Plan.isClockBusy). Exit status 1 when something was broken, 2 for options that mean nothing.
 */
import { parseArgs } from 'node:util';
import type { Plan } from './plan.ts';
import { sceneNames, simulationOf } from './scenes.ts';

const USAGE = `pnpm simulate [options]
  --scene NAME   one of ${sceneNames.join(', ')}; all of them by default
  --seed S       the first seed, 1 by default; alone it is the only one
  --seeds N      how many, 200 by default
  --trace        prints what every seed does
  --busy-clock   the clock also moves while commands of the scene of keys are under way
`;

const OPTIONS = {
  scene: { type: 'string' }, seed: { type: 'string' }, seeds: { type: 'string' },
  trace: { type: 'boolean', default: false }, 'busy-clock': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const { values } = readOptions();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const first = numberOf('--seed', values.seed ?? '1');
const count = numberOf('--seeds', values.seeds ?? (values.seed === undefined ? '200' : '1'));
const isTraced = values.trace;
const adapt = values['busy-clock']
  ? { adapt: (plan: Plan): Plan => ({ ...plan, isClockBusy: true }) } : {};
const wanted = values.scene === undefined ? sceneNames : [values.scene];
for (const name of wanted) if (!sceneNames.includes(name)) refuse(`there is no scene ${name}`);
let failures = 0;
for (const name of wanted) failures += runScene(name);
if (failures > 0) process.exitCode = 1;

/** Says what is wrong and how it would be right. */
function refuse(message: string): never {
  process.stderr.write(`${message}\n\n${USAGE}`);
  process.exit(2);
}

function readOptions(): ReturnType<typeof parseArgs<{ readonly options: typeof OPTIONS }>> {
  try {
    return parseArgs({ options: OPTIONS });
  } catch (cause) {
    return refuse(cause instanceof Error ? cause.message : String(cause));
  }
}

/** A seed, or how many. */
function numberOf(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) refuse(`${flag} wants a whole number from 1 on`);
  return number;
}

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
