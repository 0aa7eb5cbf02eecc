/**
 * Who runs on this machine, as far as the lock of a directory must know: whether the process that
 * wrote it lives, and that it is the same one and not another with its number. On Linux the moment
 * a process began tells that; elsewhere the number must do.
 */
import { readFileSync } from 'node:fs';
import { kill, pid } from 'node:process';

/** Processes, by number. */
export interface ProcessTable {
  /** Number of this process. */
  readonly pid: number;
  /** What tells a process from all others that ever had its number; undefined when it is gone. */
  identityOf(pid: number): string | undefined;
}

/** Fields of /proc/PID/stat behind the name: the state, and the start in ticks of the machine. */
const STATE_FIELD = 0;
const START_FIELD = 19;
/** Ended, and nobody has asked how: in a container without an init process that may last. */
const ZOMBIE = 'Z';

/** @returns undefined for one that has ended; empty where the system does not tell */
function startOf(process: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, 'latin1');
    // The name is in parentheses and may hold anything; fields are counted behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[STATE_FIELD] === ZOMBIE ? undefined : fields[START_FIELD] ?? '';
  } catch {
    return '';
  }
}

function isAlive(process: number): boolean {
  try {
    kill(process, 0);
    return true;
  } catch (error) {
    // Somebody else's process may not be asked, but it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The processes of this machine. */
export const nodeProcesses: ProcessTable = {
  pid,
  identityOf: (process) => (isAlive(process) ? startOf(process) : undefined),
};
