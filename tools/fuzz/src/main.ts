/**
 * `pnpm fuzz [TARGET] [SEED] [ROUNDS]`: runs one target from a seed until it fails, the rounds are
 * over (default a million) or it is interrupted. Without a target it lists them. Exit status 1 when
 * something was found. `differential` is no target: the conformance tool compares with a
 * redis-server, and says how itself.
 */
import { spawn } from 'node:child_process';
import { fuzz, fuzzTargets } from './registry.ts';

/** Built beside this tool; no package depends on a tool. */
const CONFORMANCE = new URL('../../conformance/dist/main.js', import.meta.url);
const ROUNDS_DEFAULT = 1_000_000;
const [name, seedText = '1', roundsText = String(ROUNDS_DEFAULT)] = process.argv.slice(2);
const target = fuzzTargets.find((each) => each.name === name);
if (name === 'differential') {
  const words = [CONFORMANCE.pathname, '--differential-types', ...process.argv.slice(3)];
  spawn(process.execPath, words, { stdio: 'inherit' }).once('exit', (status) => {
    process.exitCode = status ?? 1;
  });
} else if (target === undefined) {
  const list = fuzzTargets.map((each) => `  ${each.name.padEnd(18)} ${each.promise}`).join('\n');
  const hunt = '  differential       the answers of redis-server: SEED SECONDS REPORTS KIND ...';
  process.stdout.write(`usage: pnpm fuzz TARGET [SEED] [ROUNDS]\n${list}\n${hunt}\n`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  const found = fuzz(target, Number(seedText), Number(roundsText));
  if (found === null) {
    process.stdout.write(`${target.name}: ${roundsText} rounds kept the promise\n`);
  } else {
    process.stdout.write(`${target.name}: seed ${found.seed}\n${found.error.stack ?? ''}\n`);
    process.exitCode = 1;
  }
}
