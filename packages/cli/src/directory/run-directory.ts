/**
 * Runs `kora inspect` and `kora repair` in a terminal.
 */
import type { DirectoryRequest } from './directory-line.ts';
import { inspect } from './inspect.ts';
import { repair } from './repair.ts';

/** @returns the exit code: 1 when something is damaged. @throws {Fault} {DiskFault} */
export function runDirectory(request: DirectoryRequest): number {
  const write = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  if (request.task === 'inspect') {
    return inspect(request.path, request.showsRecords, write) ? 0 : 1;
  }
  repair(request.path, Date.now(), write);
  return 0;
}
