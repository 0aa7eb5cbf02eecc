/**
 * A stream: the steps, drawn from a seed, that are played on two servers.
 *
 * Invariant: the same seed gives the same stream; a stream without some of its steps, or a step
 *   without some of its requests, is a stream too (minimise.ts relies on it).
 */
import { Choices } from './choices.ts';
import { mutate, withSafeTimes } from './mutations.ts';
import { PLAYED_COMMANDS } from './played-commands.ts';
import { Pools } from './pools.ts';
import type { Protocol } from '../drivers/driver.ts';
import { fittingRequest, loadRecordedGrammar, type RecordedGrammar } from './recorded-grammar.ts';
import {
  ENDLESS_PIECES, introspection, keysOf, RAW_PIECES, unknownRequest,
} from './special-requests.ts';

/** Requests sent together on one connection, and their replies compared one by one. */
export interface PipelineStep {
  readonly kind: 'pipeline';
  readonly connection: number;
  readonly requests: readonly (readonly string[])[];
}
/** Bytes as they are on a connection that ends after them. */
export interface RawStep {
  readonly kind: 'raw';
  readonly bytes: string;
}
/** A whole iteration of SCAN with these options; what it found is compared as a set. */
export interface ScanStep {
  readonly kind: 'scan';
  readonly connection: number;
  readonly options: readonly string[];
}
/** DUMP on both, RESTORE of the other's payload on each, and what came of it. */
export interface TransferStep {
  readonly kind: 'transfer';
  readonly connection: number;
  readonly key: string;
}
/** A request that lets a key live for a moment, the wait for its end, and a look for it. */
export interface FlashStep {
  readonly kind: 'flash';
  readonly connection: number;
  readonly request: readonly string[];
  readonly key: string;
}
export type Step = PipelineStep | RawStep | ScanStep | TransferStep | FlashStep;

export interface Stream {
  readonly seed: number;
  readonly protocol: Protocol;
  readonly steps: readonly Step[];
}

export const CONNECTION_COUNT = 2;
const STEPS_MAX = 60;
const PIPELINE_REQUESTS_MAX = 8;

/** Longest life, in milliseconds, of a key in a flash step. */
export const FLASH_MS_MAX = 8;

const WEIGHTED_NAMES: readonly string[] = PLAYED_COMMANDS.flatMap(([name, weight]) =>
  Array.from({ length: weight }, () => name),
);

let recorded: RecordedGrammar | undefined;

/** The stream of a seed. */
export function streamOf(seed: number): Stream {
  recorded ??= loadRecordedGrammar();
  const choices = new Choices(seed);
  const pools = new Pools(choices);
  const grammar = recorded;
  const count = 5 + choices.below(STEPS_MAX);
  return {
    seed,
    protocol: choices.once(2) ? '2' : '3',
    steps: Array.from({ length: count }, () => stepOf(grammar, pools)),
  };
}

function stepOf(grammar: RecordedGrammar, pools: Pools): Step {
  const { choices } = pools;
  const connection = choices.once(4) ? 1 : 0;
  const kind = choices.below(60);
  if (kind === 0) return { kind: 'raw', bytes: rawBytes(pools) };
  if (kind <= 2) return { kind: 'scan', connection, options: scanOptions(pools) };
  if (kind <= 5) return { kind: 'transfer', connection, key: pools.key() };
  if (kind === 6) return flashOf(connection, pools);
  if (kind <= 8) return { kind: 'pipeline', connection, requests: lcsRequests(pools) };
  const requests = Array.from(
    { length: 1 + (choices.once(3) ? choices.below(PIPELINE_REQUESTS_MAX) : 0) },
    () => requestOf(grammar, pools),
  );
  // Closing with requests unread resets the connection, and replies are lost with it.
  const quit = requests.find(([name = '']) => name.toLowerCase() === 'quit');
  return { kind: 'pipeline', connection, requests: quit === undefined ? requests : [quit] };
}

function requestOf(grammar: RecordedGrammar, pools: Pools): string[] {
  const { choices } = pools;
  if (choices.once(12)) return introspection(pools);
  if (choices.once(40)) return unknownRequest(pools);
  const name = choices.of(WEIGHTED_NAMES);
  const request = fittingRequest(grammar, name, pools);
  if (choices.once(3)) mutate(request, name.split('|').length, pools);
  if (choices.once(80)) return keysOf(request, pools);
  return withSafeTimes(request);
}

function rawBytes({ choices }: Pools): string {
  if (choices.once(20)) return choices.of(ENDLESS_PIECES);
  const pieces = choices.once(2) ? 1 : 1 + choices.below(3);
  return Array.from({ length: pieces }, () => choices.of(RAW_PIECES)).join('');
}

function scanOptions(pools: Pools): string[] {
  const { choices } = pools;
  const options: string[] = [];
  if (choices.once(2)) options.push('COUNT', choices.of(['1', '2', '10', '1000', '2147483647']));
  if (choices.once(2)) options.push('MATCH', pools.pattern());
  if (choices.once(4)) options.push('TYPE', choices.of(['string', 'STRING', 'list', 'nope', '']));
  return options;
}

function flashOf(connection: number, pools: Pools): FlashStep {
  const { choices } = pools;
  const key = pools.key();
  const ms = String(1 + choices.below(FLASH_MS_MAX));
  const request = choices.of([
    ['SET', key, 'v', 'PX', ms], ['PSETEX', key, ms, 'v'], ['PEXPIRE', key, ms],
    ['GETEX', key, 'PX', ms], ['SET', key, 'v', 'XX', 'GET', 'PX', ms], ['PEXPIRE', key, ms, 'LT'],
  ]);
  return { kind: 'flash', connection, request, key };
}

/** Two short texts and an LCS of them: its cost is the product of their lengths. */
function lcsRequests(pools: Pools): string[][] {
  const { choices } = pools;
  const text = (): string =>
    choices.once(3)
      ? choices.of(['ohmytext', 'mynewtext', '', 'aaaa', 'a'.repeat(50)])
      : Array.from({ length: choices.below(40) }, () => choices.of(['a', 'b', 'c', '\0'])).join('');
  const options: string[] = [];
  for (const word of ['LEN', 'IDX', 'WITHMATCHLEN', 'idx', 'Len', 'NOPE']) {
    if (choices.once(word === 'NOPE' ? 12 : 3)) options.push(word);
  }
  if (choices.once(3)) options.push('MINMATCHLEN', pools.integer());
  const names = choices.once(8) ? ['lcs1', 'missing'] : ['lcs1', 'lcs2'];
  const request = ['LCS', ...names, ...options];
  if (choices.once(8)) request.length -= 1;
  return [['MSET', 'lcs1', text(), 'lcs2', text()], request, ['DEL', 'lcs1', 'lcs2']];
}
