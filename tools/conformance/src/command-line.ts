/**
 * The options of the conformance tool, read once and checked.
 *
 * Invariant: an unknown option, or one without its value, is an error with the usage text; a
 *   misspelt option never changes what is run in silence.
 */
import { USUAL_TIMING } from './play.ts';
import type { Protocol } from './drivers/driver.ts';

export const USAGE = `usage: conformance [FILE|COMMAND ...] [options]
  FILE           a case file: lists, lists.case      COMMAND  cases that send it: LPUSH
target (one; default --kora)
  --kora         the built Kora server, started here, held against known-gaps.json
  --embedded     the embedded engine in this process, held against known-gaps.json
  --reference    redis-server, started here
  --port N       a server that runs already; it is flushed  [--host H, default 127.0.0.1]
  --differential [SEED] [ROUNDS] [REPORTS]  alone: the same random commands on Kora and on
                 redis-server, until they part REPORTS times (default 1)
  --differential-types [SEED] [SECONDS] [REPORTS] [KIND ...] [embedded]  alone: the same with
                 commands on all types, or on keys of these kinds
choice and output
  --io NAME           I/O engine of the server started here: uring, epoll or node
  --resp 2|3|both     protocols, default both
  --grep RE           cases whose title matches
  --list-failures     request, wanted and received reply of each failed case
  --json              one JSON document instead of lines
  --bail              stop at the first failure
  --timeout MS        wait for one reply   --settle MS  pause after a send-only line
  --record-gaps WHY   write known-gaps.json anew from this run: what passes is taken off,
                      what fails is added with this reason`;

export type Target = 'kora' | 'embedded' | 'reference' | 'port';

export interface Options {
  readonly target: Target;
  readonly host: string;
  readonly port: number;
  /** I/O engine of a Kora server started here; undefined: its own choice. */
  readonly io: string | undefined;
  readonly subjects: readonly string[];
  readonly protocols: readonly Protocol[];
  readonly titles: RegExp | undefined;
  readonly listsFailures: boolean;
  readonly isJson: boolean;
  readonly stopsAtFailure: boolean;
  readonly replyMsMax: number;
  readonly settleMs: number;
  /** Reason for new known gaps; undefined: the list is only read. */
  readonly gapReason: string | undefined;
}

/** Reads the words after the program's name.
 * @throws {Error} saying which word is wrong */
export function parseCommandLine(words: readonly string[]): Options {
  const subjects: string[] = [];
  const targets = new Set<Target>();
  const switches = new Set<string>();
  const values = new Map<string, string>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (!word.startsWith('--')) subjects.push(...word.split(',').filter((part) => part !== ''));
    else if (VALUED.has(word)) {
      index += 1;
      const value = words[index];
      if (value === undefined) throw new Error(`${word} needs a value`);
      values.set(word, value);
    } else if (SWITCHES.has(word)) switches.add(word);
    else throw new Error(`unknown option ${word}`);
  }
  for (const target of ['kora', 'embedded', 'reference'] as const) {
    if (switches.has(`--${target}`)) targets.add(target);
  }
  if (values.has('--port')) targets.add('port');
  if (targets.size > 1) throw new Error(`choose one of ${[...targets].join(', ')}`);
  const [target = 'kora'] = targets;
  const gapReason = values.get('--record-gaps');
  if (gapReason !== undefined && target !== 'kora' && target !== 'embedded') {
    throw new Error('--record-gaps goes with --kora or --embedded');
  }
  const titles = values.get('--grep');
  return {
    target,
    host: values.get('--host') ?? '127.0.0.1',
    port: numberOf(values, '--port', 0),
    io: values.get('--io'),
    subjects,
    protocols: protocolsOf(values.get('--resp') ?? 'both'),
    titles: titles === undefined ? undefined : new RegExp(titles, 'i'),
    listsFailures: switches.has('--list-failures'),
    isJson: switches.has('--json'),
    stopsAtFailure: switches.has('--bail'),
    replyMsMax: numberOf(values, '--timeout', USUAL_TIMING.replyMsMax),
    settleMs: numberOf(values, '--settle', USUAL_TIMING.settleMs),
    gapReason,
  };
}

const VALUED: ReadonlySet<string> = new Set([
  '--grep',
  '--host',
  '--io',
  '--port',
  '--record-gaps',
  '--resp',
  '--settle',
  '--timeout',
]);
const SWITCHES: ReadonlySet<string> = new Set([
  '--bail',
  '--embedded',
  '--json',
  '--kora',
  '--list-failures',
  '--reference',
]);

function numberOf(values: ReadonlyMap<string, string>, name: string, absent: number): number {
  const text = values.get(name);
  if (text === undefined) return absent;
  if (!/^\d+$/.test(text)) throw new Error(`${name} needs a whole number, not "${text}"`);
  return Number(text);
}

function protocolsOf(text: string): Protocol[] {
  if (text === 'both') return ['2', '3'];
  if (text === '2' || text === '3') return [text];
  throw new Error(`--resp is 2, 3 or both, not "${text}"`);
}
