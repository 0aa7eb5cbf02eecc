/**
 * The server's log: lines with time and level on stdout or in `logfile`, from the configured level
 * up. Two halves, since the shard may run on a thread of its own: the filter follows `loglevel`
 * where the settings live, the writer runs where the host program does. Redis's four levels are the
 * scale; Kora's words for them are accepted too: trace and debug are debug, info is notice, warn
 * and error are warning. Writing never throws: a full disk must not end a server that can serve.
 */
import { appendFileSync } from 'node:fs';
import type { Settings } from '@kora/core';

/** Levels, most talkative first. */
export const LOG_LEVELS = Object.freeze(['debug', 'verbose', 'notice', 'warning'] as const);
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Takes one message. */
export type Log = (level: LogLevel, message: string) => void;

/** Words of other scales and the level they mean. */
const LEVEL_OF_WORD: Readonly<Record<string, LogLevel>> = Object.freeze({
  trace: 'debug', info: 'notice', warn: 'warning', error: 'warning',
});

/** The level that a word of either scale means, undefined when it is none. */
export function logLevelOf(word: string): LogLevel | undefined {
  const lower = word.toLowerCase();
  return LOG_LEVELS.find((level) => level === lower) ?? LEVEL_OF_WORD[lower];
}

/** What follows a line's time: Redis's mark of the level. */
const MARKS: Readonly<Record<LogLevel, string>> = Object.freeze({
  debug: '.', verbose: '-', notice: '*', warning: '#',
});

/** Passes on what is at least as important as `loglevel` says at that moment. */
export function filterLog(settings: Settings, log: Log): Log {
  let least = 0;
  settings.bind('loglevel', ({ number }) => {
    least = number;
  });
  return (level, message) => {
    if (LOG_LEVELS.indexOf(level) >= least) log(level, message);
  };
}

/** Writes lines to the file, or to stdout when its name is empty. */
export function logWriter(file: string): Log {
  return (level, message) => {
    const line = `${process.pid}:M ${new Date().toISOString()} ${MARKS[level]} ${message}\n`;
    if (file === '') process.stdout.write(line);
    else appendLine(file, line);
  };
}

function appendLine(file: string, line: string): void {
  try {
    appendFileSync(file, line);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    process.stderr.write(`cannot write the log: ${reason}\n${line}`);
  }
}
