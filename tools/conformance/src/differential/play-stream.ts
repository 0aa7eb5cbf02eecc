/**
 * Plays a stream on two servers and says where they part.
 *
 * A stream starts from empty databases and default settings and ends with a look at everything
 *   that can be seen: every key of every database, its type, encoding, value and deadline.
 * Invariant: what is reported is the first difference of the stream.
 * Bounds: SCAN is followed for `SCAN_CALLS_MAX` calls.
 */
import { encodeRequest } from '../drivers/socket-driver.ts';
import { pause } from '../drivers/driver.ts';
import { hasText, itemsOf, quoteText, type Reply } from '../reply-notation.ts';
import type { Both, ServerPair } from './pair.ts';
import { ENDLESS_PIECES, PLAYED_SETTINGS } from './special-requests.ts';
import { FLASH_MS_MAX, type Step, type Stream } from './stream.ts';
import { areEquivalent, HTTP_SIGNS, parsed } from './tolerances.ts';

const DATABASE_COUNT = 16;
const SCAN_CALLS_MAX = 2_000;
const FLASH_WAIT_MS = FLASH_MS_MAX + 4;
const RAW_SILENCE_MS = 150;
const CHARACTERS_SHOWN = 300;
const OBSERVER = 0;
const SCAN_COUNT_OF_ALL = '100000';

/** Where two servers parted. `step` is the index in the stream; its length: the final look. */
export interface Difference {
  readonly step: number;
  readonly request: readonly string[];
  readonly kora: string;
  readonly reference: string;
}

type Parting = Omit<Difference, 'step'>;

/** Plays a stream from a clean start.
 * @returns the first difference, or undefined */
export async function playStream(
  pair: ServerPair,
  stream: Stream,
): Promise<Difference | undefined> {
  pair.restart('2');
  const settings = PLAYED_SETTINGS.flatMap(([name, value]) => [name, value]);
  await pair.exchange(OBSERVER, [
    ['CLIENT', 'UNPAUSE'], ['FLUSHALL', 'SYNC'], ['CONFIG', 'SET', ...settings],
  ]);
  pair.restart(stream.protocol);
  for (const [index, step] of stream.steps.entries()) {
    const parting = await playStep(pair, step);
    if (parting !== undefined) return { step: index, ...parting };
  }
  pair.restart('2');
  for (let database = 0; database < DATABASE_COUNT; database += 1) {
    const parting = await lookAt(pair, database);
    if (parting !== undefined) return { step: stream.steps.length, ...parting };
  }
  return undefined;
}

function playStep(pair: ServerPair, step: Step): Promise<Parting | undefined> {
  switch (step.kind) {
    case 'pipeline':
      return playRequests(pair, step.connection, step.requests);
    case 'raw':
      return playRaw(pair, step.bytes);
    case 'scan':
      return playScan(pair, step.connection, step.options);
    case 'transfer':
      return playTransfer(pair, step.connection, step.key);
    case 'flash':
      return playFlash(pair, step.connection, step.request, step.key);
  }
}

async function playRequests(
  pair: ServerPair,
  connection: number,
  requests: readonly (readonly string[])[],
): Promise<Parting | undefined> {
  return firstParting(requests, await pair.exchange(connection, requests));
}

function firstParting(
  requests: readonly (readonly string[])[],
  { kora, reference }: Both,
): Parting | undefined {
  const count = Math.max(kora.replies.length, reference.replies.length);
  for (let index = 0; index < count; index += 1) {
    const request = requests[index] ?? requests.at(-1) ?? [];
    const left = kora.replies[index];
    const right = reference.replies[index];
    if (left === undefined || right === undefined || !areEquivalent(request, left, right)) {
      return partingOf(request, left ?? `(${kora.ending})`, right ?? `(${reference.ending})`);
    }
  }
  if (kora.ending === reference.ending) return undefined;
  return partingOf(requests[count] ?? [], `(${kora.ending})`, `(${reference.ending})`);
}

function partingOf(request: readonly string[], kora: string, reference: string): Parting {
  return { request, kora: shown(kora), reference: shown(reference) };
}

function shown(bytes: string): string {
  const text = quoteText(bytes.slice(0, CHARACTERS_SHOWN));
  return bytes.length > CHARACTERS_SHOWN ? `${text} of ${bytes.length}` : text;
}

async function playRaw(pair: ServerPair, bytes: string): Promise<Parting | undefined> {
  const connection = 0;
  const both = ENDLESS_PIECES.includes(bytes)
    ? await pair.exchangeUnmarked(connection, bytes, RAW_SILENCE_MS)
    : await pair.exchangeRaw(connection, bytes, RAW_SILENCE_MS);
  const { kora, reference } = both;
  pair.drop(connection);
  if (HTTP_SIGNS.test(bytes) && kora.ending === reference.ending) return undefined;
  const left = [...kora.replies, `(${kora.ending})`].join('');
  const right = [...reference.replies, `(${reference.ending})`].join('');
  return left === right ? undefined : partingOf(['(raw)', bytes], left, right);
}

/** Follows a whole iteration on both sides and compares what it found. */
async function playScan(
  pair: ServerPair,
  connection: number,
  options: readonly string[],
): Promise<Parting | undefined> {
  let cursors = { kora: '0', reference: '0' };
  const found = { kora: new Set<string>(), reference: new Set<string>() };
  const request = ['SCAN', '0', ...options];
  for (let call = 0; call < SCAN_CALLS_MAX; call += 1) {
    const scanOf = (cursor: string): string => encodeRequest(['SCAN', cursor, ...options]);
    const both = await pair.exchangeEach(connection, {
      kora: scanOf(cursors.kora), reference: scanOf(cursors.reference),
    });
    const kora = take(both.kora.replies[0], found.kora);
    const reference = take(both.reference.replies[0], found.reference);
    if (kora === undefined || reference === undefined) return firstParting([request], both);
    // A side that is done starts anew: it finds the same keys again.
    cursors = { kora, reference };
    if (kora === '0' && reference === '0') break;
  }
  const left = [...found.kora].sort().join(' ');
  const right = [...found.reference].sort().join(' ');
  return left === right ? undefined : partingOf(request, left, right);
}

/** Adds the keys of a reply of SCAN to `found`; gives its cursor, undefined for another reply. */
function take(bytes: string | undefined, found: Set<string>): string | undefined {
  const reply = bytes === undefined ? undefined : parsed(bytes);
  const [cursor, keys] = (reply === undefined ? undefined : itemsOf(reply)) ?? [];
  if (cursor === undefined || keys === undefined || !hasText(cursor)) return undefined;
  for (const key of itemsOf(keys) ?? []) if (hasText(key)) found.add(quoteText(key.text));
  return cursor.text;
}

async function playTransfer(
  pair: ServerPair,
  connection: number,
  key: string,
): Promise<Parting | undefined> {
  const dumped = await pair.exchange(connection, [['DUMP', key]]);
  const parting = firstParting([['DUMP', key]], dumped);
  const kora = payloadOf(dumped.kora.replies[0]);
  const reference = payloadOf(dumped.reference.replies[0]);
  if (parting !== undefined || kora === undefined || reference === undefined) return parting;
  const restore = (payload: string): string =>
    encodeRequest(['RESTORE', 'transferred', '0', payload, 'REPLACE']);
  const restored = await pair.exchangeEach(connection, {
    kora: restore(reference), reference: restore(kora),
  });
  const crosswise = ['RESTORE', 'transferred', '0', '(the payload of the other)', 'REPLACE'];
  const requests = [['GET', 'transferred'], ['OBJECT', 'ENCODING', 'transferred']];
  return (
    firstParting([crosswise], restored) ??
    (await playRequests(pair, connection, requests))
  );
}

function payloadOf(bytes: string | undefined): string | undefined {
  const reply = bytes === undefined ? undefined : parsed(bytes);
  return reply?.kind === 'bulk' ? reply.text : undefined;
}

async function playFlash(
  pair: ServerPair,
  connection: number,
  request: readonly string[],
  key: string,
): Promise<Parting | undefined> {
  const parting = await playRequests(pair, connection, [request]);
  if (parting !== undefined) return parting;
  await pause(FLASH_WAIT_MS);
  return playRequests(pair, connection, [['EXISTS', key], ['PTTL', key]]);
}

/** Compares everything that can be seen of one database. */
async function lookAt(pair: ServerPair, database: number): Promise<Parting | undefined> {
  // A whole SCAN removes what is due, so that the count is of living keys on both sides.
  const requests = [
    ['SELECT', String(database)], ['SCAN', '0', 'COUNT', SCAN_COUNT_OF_ALL], ['KEYS', '*'],
  ];
  const both = await pair.exchange(OBSERVER, requests);
  const parting = firstParting(requests, both) ?? (await countParting(pair, database));
  if (parting !== undefined) return parting;
  const listed = parsed(both.reference.replies[2] ?? '');
  const keys = ((listed === undefined ? undefined : itemsOf(listed)) ?? []).map(textOf);
  const typeRequests = keys.map((key) => ['TYPE', key]);
  const types = await pair.exchange(OBSERVER, typeRequests);
  const typeParting = firstParting(typeRequests, types);
  if (typeParting !== undefined) return typeParting;
  const questions = keys.flatMap((key, i) => questionsAbout(key, types.reference.replies[i] ?? ''));
  return playRequests(pair, OBSERVER, questions);
}

function textOf(reply: Reply): string {
  return hasText(reply) ? reply.text : '';
}

async function countParting(pair: ServerPair, database: number): Promise<Parting | undefined> {
  const { kora, reference } = await pair.exchange(OBSERVER, [['DBSIZE']]);
  const [left = '', right = ''] = [kora.replies[0], reference.replies[0]];
  return left === right ? undefined : partingOf([`DBSIZE of ${database}`], left, right);
}

/** What shows everything of a value, by its type. */
const QUESTIONS_OF_TYPE: Readonly<Record<string, (key: string) => string[][]>> = {
  string: (key) => [['GET', key], ['STRLEN', key]],
  list: (key) => [['LRANGE', key, '0', '-1']],
  set: (key) => [['SMEMBERS', key]],
  zset: (key) => [['ZRANGE', key, '0', '-1', 'WITHSCORES']],
  hash: (key) => [['HGETALL', key]],
  stream: (key) => [['XRANGE', key, '-', '+'], ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0']],
};

function questionsAbout(key: string, typeReply: string): string[][] {
  const ofType = QUESTIONS_OF_TYPE[typeReply.slice(1).trimEnd()]?.(key) ?? [];
  return [['OBJECT', 'ENCODING', key], ['PTTL', key], ['PEXPIRETIME', key], ...ofType];
}
