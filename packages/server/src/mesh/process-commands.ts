/**
 * Commands about the whole process when it has several workers: each of them runs the command on
 * what it has, and the connection's worker makes one reply of the answers. The table is all there
 * is to it; a command that is not in it tells of its own worker alone (its connection, settings,
 * which are the same everywhere) or is spread by its keys.
 *   whole    what is locked while it runs: nothing for those that look or whose order is the same
 *            to everybody; everything where all workers have to change at one moment
 *   course   Voted where a worker can say no before any has changed something (CONFIG SET)
 * Cost: one message each way to each worker. CPU of all three workers together, 2026-11-20, Xeon
 *   2.5 GHz under load: INFO 300 us (one worker alone 70), CLIENT LIST 60, CONFIG SET 50. Counters
 *   in shared memory would save INFO the message but not the rendering, and could not tell of
 *   clients, memory and keys, which only their worker may look at.
 */
import type {
  ArgFrame, ClientState, EngineFigures, ReplyError, ReplySink, Shard,
} from '@kora/core';
import {
  argumentTexts, ClientFlag, Course, doctorReport, figuresOf, figuresText, mallocStats, mayDebug,
  pairsOf, readFigures, sumFigures, WholeLock, writeMemoryStats,
} from '@kora/core';
import type { HistogramTable, LatencySeries, SlowEntry } from '@kora/observability';
import {
  mergeHistograms, mergeSeries, mergeSlowEntries, observationOf, slowCountOf, writeDoctor,
  writeGraph, writeHistograms, writeHistory, writeLatest, writeSlowEntries,
} from '@kora/observability';
import type { RespSink } from '../resp-sink.ts';
import type { ReplyRange } from './merge-replies.ts';
import { joinArrays, sumNamedNumbers } from './merge-replies.ts';
import { header, readLine } from './resp-values.hot.ts';

/** What the workers have answered to a command, by worker, and what was asked. */
export interface ProcessAnswers {
  readonly shard: Shard;
  /** The command with its arguments, as the client wrote them. */
  readonly words: readonly string[];
  readonly replies: readonly ReplyRange[];
  /** The only worker whose keys are told of; -1 = all. */
  readonly only: number;
}

/** How a command about the process is carried out by all workers. */
export interface ProcessRule {
  /** One of WholeLock, of every shard. */
  readonly whole: number;
  /** One of Course. */
  readonly course: number;
  /** False: this call is the connection's worker's alone. Absent: never. */
  readonly concerns?: (shard: Shard, client: ClientState, frame: ArgFrame) => boolean;
  /** What happens where it was asked, before any worker hears of it. */
  readonly early?: (shard: Shard) => void;
  /** With Course.Voted: the error by which a worker refuses; changes nothing. */
  readonly vote?: (shard: Shard, frame: ArgFrame) => ReplyError | null;
  /** What a worker answers; absent: the command's own reply. */
  readonly answer?: (shard: Shard, frame: ArgFrame, out: ReplySink) => void;
  /** Writes the reply. */
  readonly merge: (answers: ProcessAnswers, sink: RespSink) => void;
}

const MINUS = 0x2d;
const EQUALS = 0x3d;
/** `txt:` before the text of a verbatim string. */
const FORMAT_BYTES = 4;
const decoder = new TextDecoder();

function isError({ shard }: ProcessAnswers, reply: ReplyRange): boolean {
  return shard.memory.low[reply.at] === MINUS;
}

/** Writes the first error, if any worker answered one. */
function wroteError(answers: ProcessAnswers, sink: RespSink): boolean {
  const error = answers.replies.find((reply) => isError(answers, reply));
  if (error !== undefined) sink.bulkPiece(error.at, error.bytes);
  return error !== undefined;
}

/** OK when all say so. */
function allOk(answers: ProcessAnswers, sink: RespSink): void {
  if (!wroteError(answers, sink)) sink.ok();
}

function numbersOf({ shard, replies }: ProcessAnswers): number[] {
  return replies.map(({ at }) => {
    readLine(shard.memory.low, at);
    return header.number;
  });
}

function sum(answers: ProcessAnswers, sink: RespSink): void {
  if (wroteError(answers, sink)) return;
  sink.integer(numbersOf(answers).reduce((total, number) => total + number, 0));
}

function least(answers: ProcessAnswers, sink: RespSink): void {
  if (!wroteError(answers, sink)) sink.integer(Math.min(...numbersOf(answers)));
}

/** What one worker alone could do; the error of the first when none could. */
function anySuccess(answers: ProcessAnswers, sink: RespSink): void {
  const done = answers.replies.find((reply) => !isError(answers, reply));
  if (done === undefined) wroteError(answers, sink);
  else sink.bulkPiece(done.at, done.bytes);
}

/** The text of a bulk or verbatim string. */
function textOf({ shard }: ProcessAnswers, { at }: ReplyRange): string {
  const { low } = shard.memory;
  const from = readLine(low, at);
  const skipped = low[at] === EQUALS ? FORMAT_BYTES : 0;
  return decoder.decode(low.slice(from + skipped, from + header.number));
}

/** Lines of CLIENT LIST: by age, or as CLIENT LIST ID names them. */
function clientLines(answers: ProcessAnswers, sink: RespSink): void {
  if (wroteError(answers, sink)) return;
  const byId = new Map<number, string>();
  for (const reply of answers.replies) {
    for (const line of textOf(answers, reply).split('\n')) {
      const id = /^id=(\d+) /.exec(line)?.[1];
      if (id !== undefined) byId.set(Number(id), `${line}\n`);
    }
  }
  const { words } = answers;
  const isByName = words[2]?.toLowerCase() === 'id';
  const ids = isByName ? words.slice(3).map(Number) : [...byId.keys()].sort((a, b) => a - b);
  sink.verbatim('txt', ids.map((id) => byId.get(id) ?? '').join(''));
}

/** CLIENT KILL with an address alone answers OK or an error, with filters a number. */
function killed(answers: ProcessAnswers, sink: RespSink): void {
  if (answers.words.length === 3) anySuccess(answers, sink);
  else sum(answers, sink);
}

/** Each worker lists channels of its own. */
function allNames(answers: ProcessAnswers, sink: RespSink): void {
  if (!wroteError(answers, sink)) joinArrays(answers.shard.memory.low, answers.replies, sink);
}

/** Name and count in turn; the count is one worker's, and 0 at all others. */
function namedCounts(answers: ProcessAnswers, sink: RespSink): void {
  if (!wroteError(answers, sink)) sumNamedNumbers(answers.shard.memory.low, answers.replies, sink);
}

function answerFigures(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  out.bulkText(figuresText(figuresOf(shard, argumentTexts(frame, 1))));
}

function figuresIn(answers: ProcessAnswers): EngineFigures {
  const { info } = answers.shard.engine;
  const all = answers.replies.map((reply) => readFigures(textOf(answers, reply)));
  const figures = sumFigures(all, info);
  const only = all[answers.only];
  return only === undefined ? figures : { ...figures, databases: only.databases };
}

/** A rule of what looks at the figures of all workers. */
function figuresRule(
  write: (figures: EngineFigures, answers: ProcessAnswers, sink: RespSink) => void,
): ProcessRule {
  return {
    ...LOOKS,
    answer: answerFigures,
    merge(answers, sink) {
      if (!wroteError(answers, sink)) write(figuresIn(answers), answers, sink);
    },
  };
}

/** A worker's answer as plain data. */
function answerData(out: ReplySink, data: unknown): void {
  out.bulkText(JSON.stringify(data));
}

/** What the workers have answered with answerData. */
function dataOf(answers: ProcessAnswers): unknown[] {
  return answers.replies.map((reply) => JSON.parse(textOf(answers, reply)) as unknown);
}

/** A rule of what looks at the latency events of all workers. */
function eventsRule(
  write: (all: readonly LatencySeries[], answers: ProcessAnswers, sink: RespSink) => void,
): ProcessRule {
  return {
    ...LOOKS,
    answer(shard, _frame, out) {
      answerData(out, observationOf(shard).events.all());
    },
    merge(answers, sink) {
      if (wroteError(answers, sink)) return;
      // The boundary between workers: `answer` of the same program wrote it.
      write(mergeSeries(dataOf(answers) as LatencySeries[][]), answers, sink);
    },
  };
}

const slowlogRule = (): ProcessRule => ({
  ...LOOKS,
  answer(shard, frame, out) {
    const count = slowCountOf(frame);
    const { slowLog } = observationOf(shard);
    const asked = typeof count === 'number' && count >= 0 ? count : Infinity;
    answerData(out, { count, entries: slowLog.newest(asked) });
  },
  merge(answers, sink) {
    if (wroteError(answers, sink)) return;
    // As above.
    const all = dataOf(answers) as { count: number; entries: SlowEntry[] }[];
    writeSlowEntries(mergeSlowEntries(all.map((one) => one.entries), all[0]?.count ?? 0), sink);
  },
});

const latencyResetRule = (): ProcessRule => ({
  ...LOOKS,
  answer(shard, frame, out) {
    const { events } = observationOf(shard);
    const names = events.all().map(({ event }) => event);
    const asked = argumentTexts(frame, 2);
    answerData(out, names.filter((name) => asked.length === 0 || asked.includes(name)));
    events.reset(asked);
  },
  merge(answers, sink) {
    // As above.
    const names = wroteError(answers, sink) ? null : dataOf(answers) as string[][];
    if (names !== null) sink.integer(new Set(names.flat()).size);
  },
});

const histogramRule = (): ProcessRule => ({
  ...LOOKS,
  answer(shard, _frame, out) {
    answerData(out, observationOf(shard).histograms());
  },
  merge(answers, sink) {
    if (wroteError(answers, sink)) return;
    // As above.
    const table = mergeHistograms(dataOf(answers) as HistogramTable[]);
    writeHistograms(answers.shard, table, answers.words.slice(2), sink);
  },
});

/** Words of DEBUG that are about shards; all others are answered where they come in. */
const DEBUG_WORDS: ReadonlySet<string> = new Set([
  'OBJECT', 'RELOAD', 'SET-ACTIVE-EXPIRE', 'CHANGE-REPL-ID',
]);

function concernsDebug(shard: Shard, client: ClientState, frame: ArgFrame): boolean {
  const [word = ''] = argumentTexts(frame, 1);
  return DEBUG_WORDS.has(word.toUpperCase()) && mayDebug(shard, client);
}

/** The workers are nodes: else CLUSTER answers that there is no cluster. */
function isClustered({ engine }: Shard): boolean {
  return engine.settings.number('cluster-ports') > 0;
}

const LOOKS = { whole: WholeLock.None, course: Course.Certain } as const;
const CHANGES = { whole: WholeLock.Exclusive, course: Course.Certain } as const;

const RULES: ReadonlyMap<string, ProcessRule> = new Map<string, ProcessRule>([
  ['client|list', { ...LOOKS, merge: clientLines }],
  ['client|kill', { ...LOOKS, merge: killed }],
  ['client|pause', { ...CHANGES, merge: allOk }],
  ['client|unpause', {
    ...LOOKS,
    // What was sent before the pause began may wait in a ring, before the word that ends it.
    early(shard) {
      shard.pause.end();
    },
    merge: allOk,
  }],
  ['client|unblock', { ...LOOKS, merge: sum }],
  ['config|set', {
    whole: WholeLock.Exclusive,
    course: Course.Voted,
    vote: (shard, frame) => shard.engine.settings.check(pairsOf(frame)),
    merge: allOk,
  }],
  ['config|resetstat', { ...LOOKS, merge: allOk }],
  ['info', figuresRule((figures, { shard, words }, sink) => {
    sink.verbatim('txt', shard.engine.info.render(words.slice(1), shard, figures));
  })],
  ['memory|stats', figuresRule((figures, _answers, sink) => {
    writeMemoryStats(figures, sink);
  })],
  ['memory|doctor', figuresRule((figures, { shard }, sink) => {
    sink.verbatim('txt', doctorReport(figures, shard.settings.maxmemoryBytes));
  })],
  ['memory|malloc-stats', figuresRule((figures, _answers, sink) => {
    sink.verbatim('txt', mallocStats(figures));
  })],
  ['memory|purge', { ...LOOKS, merge: allOk }],
  ['slowlog|get', slowlogRule()],
  ['latency|latest', eventsRule((all, _answers, sink) => {
    writeLatest(all, sink);
  })],
  ['latency|history', eventsRule((all, { words }, sink) => {
    writeHistory(all, words[2] ?? '', sink);
  })],
  ['latency|graph', eventsRule((all, { shard, words }, sink) => {
    writeGraph(shard, all, words[2] ?? '', sink);
  })],
  ['latency|doctor', eventsRule((all, { shard }, sink) => {
    writeDoctor(shard, all, sink);
  })],
  ['latency|reset', latencyResetRule()],
  ['latency|histogram', histogramRule()],
  ['bgsave', {
    ...CHANGES,
    // What a client asks for is between it and the director, whose word to all workers this is.
    concerns: (_shard, client) => (client.flags & ClientFlag.Internal) !== 0,
    answer(shard, _frame, out) {
      shard.engine.saving?.cut();
      out.ok();
    },
    merge: allOk,
  }],
  ['lastsave', { ...LOOKS, merge: least }],
  ['pubsub|channels', { ...LOOKS, merge: allNames }],
  ['pubsub|shardchannels', { ...LOOKS, merge: allNames }],
  ['pubsub|numsub', { ...LOOKS, merge: namedCounts }],
  ['pubsub|shardnumsub', { ...LOOKS, merge: namedCounts }],
  ['cluster|countkeysinslot', { ...LOOKS, concerns: isClustered, merge: sum }],
  ['cluster|getkeysinslot', { ...LOOKS, concerns: isClustered, merge: allNames }],
  ['debug', { ...LOOKS, concerns: concernsDebug, merge: anySuccess }],
]);

/** The rule of a command about the process, by its name; undefined for all others. */
export function processRuleOf(name: string): ProcessRule | undefined {
  return RULES.get(name);
}

/** Names of the commands that all workers carry out. */
export const processCommandNames: readonly string[] = [...RULES.keys()];
