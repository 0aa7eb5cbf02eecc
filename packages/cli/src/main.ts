/**
 * The kora command: reads its command line, does what it asks, and answers to signals and
 * accidents.
 *   kora [serve] [options]   serves until a signal or SHUTDOWN
 *   kora import, kora export takes data from and to a Redis, or its dump
 *   kora inspect, kora repair a directory that keeps data
 *   kora --help, --version   print and end
 * Exit codes: 0 an orderly end, 1 anything else.
 */
import { KORA_VERSION } from '@kora/core/control';
import { readCommandLine } from './command-line.ts';
import { endWith, failToStart, oneLineOf } from './ending.ts';
import { HELP } from './help.ts';
import { serve } from './serve.ts';

/** Runs the command in this process.
 * @param words what follows the program's name */
export function main(words: readonly string[]): void {
  const request = readCommandLine(words);
  if (request.task === 'help') {
    process.stdout.write(HELP);
  } else if (request.task === 'version') {
    process.stdout.write(`kora ${KORA_VERSION}\n`);
  } else if (request.task === 'refuse') {
    process.stderr.write(`kora: ${request.reason}\n`);
    process.exitCode = 1;
  } else if (request.task === 'import' || request.task === 'export') {
    watchAccidents();
    // Loaded only here: a server that starts has no use for it.
    import('./transfer/transfer.ts').then(({ transfer }) => {
      transfer(request);
    }, failToStart);
  } else if (request.task === 'inspect' || request.task === 'repair') {
    watchAccidents();
    import('./directory/run-directory.ts').then(({ runDirectory }) => {
      process.exitCode = runDirectory(request);
    }).catch(failToStart);
  } else {
    watchAccidents();
    serve(request.flags, request.configFile).catch(failToStart);
  }
}

/** Nothing goes on after an accident nobody expected: it is said, and the process ends. */
function watchAccidents(): void {
  process.on('uncaughtException', (cause: unknown) => {
    const stack = cause instanceof Error ? (cause.stack ?? '') : '';
    process.stderr.write(`kora: unexpected error: ${oneLineOf(cause)}\n${stack}\n`);
    endWith(1);
  });
  // A reader of our output that went away is no accident.
  process.stdout.on('error', ignore);
  process.stderr.on('error', ignore);
}

function ignore(): void {
  return;
}
