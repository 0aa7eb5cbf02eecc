/**
 * `pnpm crash [--rounds N] [--seed S] [--fsync always|everysec|no] [--trace]`: rounds of lives that
 * end badly, seeds S to S + N - 1 (1 to 200 unless told otherwise, one with `--seed` alone); says
 * of those that have lost or halved something which one, and how to see it again. Without
 * `--fsync` all rounds are run for always and for everysec. Exit status 1 when something broke.
 */
import { CrashRound } from './crashing/crash-round.ts';
import type { Fsync } from './crashing/crash-plan.ts';

const words = process.argv.slice(2);

function numberOf(flag: string, otherwise: number): number {
  const at = words.indexOf(flag);
  return at < 0 ? otherwise : Number(words[at + 1]);
}

function policies(): readonly Fsync[] {
  const at = words.indexOf('--fsync');
  if (at < 0) return ['always', 'everysec'];
  const given = words[at + 1];
  if (given === 'always' || given === 'everysec' || given === 'no') return [given];
  throw new Error(`--fsync ${String(given)}: always, everysec or no`);
}

const first = numberOf('--seed', 1);
const count = numberOf('--rounds', words.includes('--seed') ? 1 : 200);
const isTraced = words.includes('--trace');
let failures = 0;
for (const fsync of policies()) failures += runRounds(fsync);
if (failures > 0) process.exitCode = 1;

/** Runs the rounds. @returns how many broke */
function runRounds(fsync: Fsync): number {
  const startMs = Date.now();
  const sums = {
    broken: 0, lives: 0, replies: 0, records: 0, lost: 0, lostMsMax: 0, parts: 0, openings: 0,
    dealtOut: 0, snapshots: 0, endsInSnapshot: 0,
  };
  for (let seed = first; seed < first + count; seed++) {
    const outcome = new CrashRound(seed, { fsync, isTraced }).run();
    sums.lives += outcome.lifeCount;
    sums.replies += outcome.answeredCount;
    sums.records += outcome.recordCount;
    sums.lost += outcome.lostCount;
    sums.lostMsMax = Math.max(sums.lostMsMax, outcome.lostMsMax);
    sums.parts += outcome.partCount;
    sums.openings += outcome.openingCrashCount;
    sums.dealtOut += outcome.dealtOutCount;
    sums.snapshots += outcome.snapshotCount;
    sums.endsInSnapshot += outcome.endsInSnapshot;
    if (isTraced) process.stdout.write(`${outcome.trace.join('\n')}\n`);
    if (outcome.failure === null) continue;
    sums.broken++;
    process.stdout.write(
      `round ${seed}: ${outcome.failure}\n` +
      `  again: npx pnpm crash --seed ${seed} --fsync ${fsync} --trace\n`,
    );
  }
  const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
  process.stdout.write(
    `${fsync}: ${count} rounds in ${seconds} s: ${sums.broken} broken; ${sums.lives} lives, ` +
    `${sums.replies} replies, ${sums.records} changes, ${sums.parts} parts of transactions; ` +
    `${sums.snapshots} snapshots, ${sums.endsInSnapshot} lives that ended in one; ` +
    `${sums.lost} changes lost that nobody was told of or everysec may lose, the oldest ` +
    `${sums.lostMsMax} ms; ${sums.openings} ends while opening, ${sums.dealtOut} times dealt ` +
    'out\n',
  );
  return sums.broken;
}
