/**
 * Reads case files: recorded conversations with the reference server, one line a step.
 *
 * Line forms: `## comment` before the first case, `# title`, `! directive`, `> COMMAND`,
 *   `>> COMMAND` (send only), `>raw "bytes"`, `< reply`, `<3 reply in RESP3`, `< nothing`,
 *   `< closed`, `. sleep ms`; `@name ` in front names the connection. README.md has the rest.
 * Invariants: everything is parsed here, once; a line that cannot be understood is an error with
 *   its number, and no two cases of a file share a title, since known gaps name them by it.
 */
import { splitArguments, type WrittenArgument } from './case-arguments.ts';
import type { Protocol } from './drivers/driver.ts';
import { needsNoValue, parseMarkers, type Markers } from './markers.ts';
import { parseReply, type ExpectedReply } from './reply-notation.ts';

/** What one reply must be. */
export interface Expectation {
  readonly reply: ExpectedReply;
  readonly markers: Markers;
  /** As written, for messages. */
  readonly source: string;
}

interface StepPlace {
  readonly line: number;
  readonly connection: string;
}
/** Sends a request; `isSendOnly` pauses until the server has surely taken it up. */
export interface SendStep extends StepPlace {
  readonly kind: 'send';
  readonly written: readonly WrittenArgument[];
  readonly source: string;
  readonly isSendOnly: boolean;
}
export interface RawStep extends StepPlace {
  readonly kind: 'raw';
  readonly written: readonly WrittenArgument[];
  readonly source: string;
}
export interface ReplyStep extends StepPlace {
  readonly kind: 'reply';
  readonly expected: Readonly<Record<Protocol, Expectation>>;
}
export interface SilenceStep extends StepPlace {
  readonly kind: 'nothing' | 'closed';
}
export interface SleepStep extends StepPlace {
  readonly kind: 'sleep';
  readonly ms: number;
}
export type Step = SendStep | RawStep | ReplyStep | SilenceStep | SleepStep;

export interface ConformanceCase {
  readonly title: string;
  readonly line: number;
  /** The one protocol it is played in; undefined: both. */
  readonly only: Protocol | undefined;
  /** Settings to change before the case (name and value) and to put back after it. */
  readonly settings: readonly (readonly WrittenArgument[])[];
  /** Requests sent on the admin connection after the case, also when it failed. */
  readonly cleanUps: readonly (readonly WrittenArgument[])[];
  readonly steps: readonly Step[];
}

export interface CaseFile {
  /** Without folder and `.case`. */
  readonly name: string;
  readonly cases: readonly ConformanceCase[];
}

/** Parses the text of one case file.
 * @throws {Error} `NAME.case:LINE: what is wrong` */
export function parseCaseFile(name: string, text: string): CaseFile {
  const parser = new CaseFileParser();
  for (const [index, line] of text.split('\n').entries()) {
    try {
      parser.takeLine(line.replace(/\r$/, ''), index + 1);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${name}.case:${String(index + 1)}: ${message}`, { cause: error });
    }
  }
  return { name, cases: parser.cases };
}

/** The protocols a case is played in. */
export function protocolsOf(conformanceCase: ConformanceCase): readonly Protocol[] {
  return conformanceCase.only === undefined ? ['2', '3'] : [conformanceCase.only];
}

/** The names of the commands a case sends as requests, in upper case. */
export function commandsOf(conformanceCase: ConformanceCase): Set<string> {
  const names = new Set<string>();
  for (const step of conformanceCase.steps) {
    const name = step.kind === 'send' ? step.written[0]?.text : undefined;
    if (name !== undefined) names.add(name.toUpperCase());
  }
  return names;
}

interface CaseInProgress {
  readonly title: string;
  readonly line: number;
  only: Protocol | undefined;
  readonly settings: WrittenArgument[][];
  readonly cleanUps: WrittenArgument[][];
  readonly steps: Step[];
}

class CaseFileParser {
  readonly cases: CaseInProgress[] = [];
  readonly #titles = new Set<string>();

  takeLine(line: string, number: number): void {
    if (line.trim() === '') return;
    const current = this.cases.at(-1);
    if (line.startsWith('## ') && current === undefined) return;
    if (line.startsWith('# ')) {
      this.#beginCase(line.slice(2), number);
      return;
    }
    if (current === undefined) throw new Error('text before the first case');
    if (line.startsWith('! ')) takeDirective(current, line.slice(2));
    else takeStep(current, line, number);
  }

  #beginCase(title: string, line: number): void {
    if (this.#titles.has(title)) throw new Error(`a second case "${title}"`);
    this.#titles.add(title);
    this.cases.push({ title, line, only: undefined, settings: [], cleanUps: [], steps: [] });
  }
}

function takeDirective(current: CaseInProgress, directive: string): void {
  const space = directive.indexOf(' ');
  const value = directive.slice(space + 1);
  switch (directive.slice(0, space)) {
    case 'only':
      if (value !== '2' && value !== '3') throw new Error(`no protocol "${value}"`);
      current.only = value;
      return;
    case 'config':
      current.settings.push(splitArguments(value));
      return;
    case 'after':
      current.cleanUps.push(splitArguments(value));
      return;
    default:
      throw new Error(`unknown directive "${directive}"`);
  }
}

function takeStep(current: CaseInProgress, line: string, number: number): void {
  const sleep = /^\. sleep (\d+)$/.exec(line);
  if (sleep !== null) {
    current.steps.push({ kind: 'sleep', ms: Number(sleep[1]), line: number, connection: '' });
    return;
  }
  const match = /^(?:@(\w+) )?(>raw|>>|>|<3|<)(?: (.*))?$/.exec(line);
  if (match === null) throw new Error(`cannot parse: ${line}`);
  const place: StepPlace = { line: number, connection: match[1] ?? 'main' };
  const source = match[3] ?? '';
  switch (match[2]) {
    case '>raw':
      current.steps.push({ ...place, kind: 'raw', written: splitArguments(source), source });
      return;
    case '<3':
      replaceResp3(current, source);
      return;
    case '<':
      current.steps.push(readStep(place, source));
      return;
    default: {
      const isSendOnly = match[2] === '>>';
      const written = splitArguments(source);
      if (written.length === 0) throw new Error('a request without a command');
      current.steps.push({ ...place, kind: 'send', written, source, isSendOnly });
    }
  }
}

function readStep(place: StepPlace, source: string): Step {
  if (source === 'nothing' || source === 'closed') return { ...place, kind: source };
  const expectation = parseExpectation(source);
  return { ...place, kind: 'reply', expected: { '2': expectation, '3': expectation } };
}

/** A `<3` line: what the reply of the step before must be in RESP3. Without markers of its own
 * it keeps those of the `<` line. */
function replaceResp3(current: CaseInProgress, source: string): void {
  const last = current.steps.pop();
  if (last?.kind !== 'reply') throw new Error('a "<3" line that follows no "<" line');
  const resp3 = parseExpectation(source, last.expected['2'].markers);
  current.steps.push({ ...last, expected: { '2': last.expected['2'], '3': resp3 } });
}

/** What follows `<`: markers between braces, then a value in the notation of replies.
 * @param inherited markers that hold when none are written
 * @throws {Error} for an unknown marker, an unreadable value, or none where one is needed */
export function parseExpectation(source: string, inherited?: Markers): Expectation {
  const parts = /^(?:\{((?:[^}\\]|\\.)*)\})? ?(.*)$/s.exec(source);
  const written = parts?.[1] ?? '';
  const markers = written === '' && inherited !== undefined ? inherited : parseMarkers(written);
  const value = parts?.[2] ?? '';
  if (needsNoValue(markers)) return { reply: { kind: 'anything' }, markers, source };
  if (value === '') throw new Error('a reply that is not recorded');
  const reply = parseReply(value);
  if (reply.kind === 'anything') throw new Error('"?" needs the marker match or any');
  return { reply, markers, source };
}
