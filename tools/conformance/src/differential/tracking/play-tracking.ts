/**
 * Plays one random conversation about CLIENT TRACKING on two servers, step by step: several
 * connections of either protocol, which track, redirect, subscribe, read, write, end and come
 * again. After each step every connection asks for an echo, so all that has been pushed by then is
 * known; the bytes of all of them must be equal. Numbers of connections are made so.
 *
 * Left out is what Kora means to do otherwise (docs/differences.md): SWAPDB, groups of streams, and
 *   prefixes that overlap within one command; tolerated what is said at the places.
 */
import type { SocketTarget } from '../../drivers/socket-driver.ts';
import { Choices } from '../choices.ts';
import { openRaw, type RawConnection } from '../raw-connection.ts';

const CONNECTIONS = 4;
const SILENCE_MS_MAX = 5_000;
const TRIES_MAX = 200;
const MARK = 'mark-of-the-step';
/** The mark as a reply to PING: plain, and of a RESP2 connection that is subscribed. */
const MARKS = [
  `$${MARK.length}\r\n${MARK}\r\n`, `*2\r\n$4\r\npong\r\n$${MARK.length}\r\n${MARK}\r\n`,
];
const KEYS = ['a', 'b', 'user:1', 'user:2', 'k\xff'] as const;

/** One server and its connections. */
export class TrackingSide {
  readonly #target: SocketTarget;
  readonly #connections: RawConnection[] = [];
  /** Numbers of the connections. */
  readonly ids: number[] = [];

  constructor(target: SocketTarget) {
    this.#target = target;
  }

  async open(index: number): Promise<void> {
    const connection = await openRaw(this.#target);
    this.#connections[index] = connection;
    connection.send([['CLIENT', 'ID'], ['PING', MARK]]);
    const { replies } = await connection.until(MARKS[0] ?? '', SILENCE_MS_MAX);
    this.ids[index] = Number(/^:(\d+)/.exec(replies[0] ?? '')?.[1]);
  }

  end(index: number): void {
    this.#connections[index]?.close();
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Sends requests; gives what each connection has got by the next mark.
   * @param isSubscribed of each connection: it is in the mode of RESP2 subscribers */
  async step(
    index: number, requests: readonly (readonly string[])[], isSubscribed: readonly boolean[],
  ): Promise<string[]> {
    this.#connections[index]?.send([...requests, ['PING', MARK]]);
    const texts: string[] = [];
    const replies = await this.#heard(index, isSubscribed);
    // What is told of prefixes follows the replies to all that has come together, the mark too.
    this.#connections[index]?.send([['PING', MARK]]);
    texts[index] = replies + await this.#heard(index, isSubscribed);
    for (let i = 0; i < this.#connections.length; i += 1) {
      if (i !== index) texts[i] = await this.more(i, isSubscribed);
    }
    return texts;
  }

  /** What a connection has got since. */
  async more(index: number, isSubscribed: readonly boolean[]): Promise<string> {
    this.#connections[index]?.send([['PING', MARK]]);
    return this.#heard(index, isSubscribed);
  }

  async #heard(index: number, isSubscribed: readonly boolean[]): Promise<string> {
    const mark = MARKS[isSubscribed[index] === true ? 1 : 0] ?? '';
    const received = await this.#connections[index]?.until(mark, SILENCE_MS_MAX);
    const ending = received?.ending === 'complete' ? '' : ` (${received?.ending ?? 'none'})`;
    return comparable((received?.replies ?? []).join('')) + ending;
  }
}

/** Opens connections until the next ones have the same numbers on both sides. */
async function align(one: TrackingSide, other: TrackingSide): Promise<void> {
  for (const side of [one, other]) await side.open(0);
  for (;;) {
    const [left = 0, right = 0] = [one.ids[0], other.ids[0]];
    if (left === right) return;
    const behind = left < right ? one : other;
    behind.end(0);
    await behind.open(0);
  }
}

/** The text without what tells of the server itself; of CLIENT INFO what is about tracking. */
function comparable(text: string): string {
  return text
    .replace(/[%*]\d+\r\n\$6\r\nserver\r\n[^]*modules\r\n\*0\r\n/, 'hello')
    // Everything, told to a connection of the other protocol: Redis writes it in the sender's.
    .replace(/(invalidate\r\n)(\$-1|_)\r\n/g, '$1null ')
    .replace(/[$=]\d+\r\n(txt:)?id=[^\n]* flags=(\S+) [^\n]* redir=(\S+) [^\n]*\n/g,
      'flags $2 redirects to $3 ');
}

const PUSH =
  /(>2\r\n\$10\r\ninvalidate|\*3\r\n\$7\r\nmessage\r\n\$20\r\n\S+)\r\n(null |\*(\d+)\r\n)/;
const BROKEN = />2\r\n\$21\r\ntracking-redir-broken\r\n:\d+\r\n/g;

/**
 * True when both have the same replies and the same invalidations. One that another connection
 * redirects here Redis writes where the command changes the key: before or behind its reply, or in
 * the middle of that of EXEC; Kora writes it before or behind.
 */
function areShuffled(left: string, right: string): boolean {
  const [one, other] = [withoutPushes(left), withoutPushes(right)];
  return one.replies === other.replies && sorted(one.pushes) === sorted(other.pushes);
}

const sorted = (texts: readonly string[]): string => [...texts].sort().join('');

/** True when the left side has the replies of the right, and no invalidation less. */
function hasAll(left: string, right: string): boolean {
  const [one, other] = [withoutPushes(left), withoutPushes(right)];
  return one.replies === other.replies && other.pushes.every((push) => one.pushes.includes(push));
}

function withoutPushes(text: string): { replies: string; pushes: string[] } {
  const pushes: string[] = text.match(BROKEN) ?? [];
  let replies = text.replace(BROKEN, '');
  for (let found = PUSH.exec(replies); found !== null; found = PUSH.exec(replies)) {
    const head = `${found[1] ?? ''} ${found[3] === undefined ? 'null' : ''}`;
    let end = found.index + found[0].length;
    const count = Number(found[3] ?? 0);
    // Keys of two shards come in two messages.
    for (let key = 0; key < count; key += 1) {
      const from = end;
      for (let lines = 2; lines > 0; lines -= 1) end = replies.indexOf('\r\n', end) + 2;
      pushes.push(head + replies.slice(from, end));
    }
    if (count === 0) pushes.push(head);
    replies = replies.slice(0, found.index) + replies.slice(end);
  }
  return { replies, pushes };
}

/** What is known of a connection of both sides. */
interface Known {
  resp: '2' | '3';
  subscriptions: number;
}

/** Plays the conversation of a seed.
 * @param isLoose of several workers: invalidations of different shards, and replies, have no order,
 *   and a key may be told of once more; none may be missing
 * @returns where the sides part, with what came before; undefined: nowhere */
export async function playTracking(
  kora: TrackingSide, reference: TrackingSide, seed: number, stepCount: number, isLoose: boolean,
): Promise<string | undefined> {
  const choices = new Choices(seed);
  const known: Known[] = [];
  const told: string[] = [];
  let isRedirected = false;
  const sides = [kora, reference];
  await align(kora, reference);
  for (let i = 0; i < CONNECTIONS; i += 1) {
    if (i > 0) for (const side of sides) await side.open(i);
    known[i] = { resp: '2', subscriptions: 0 };
  }
  await Promise.all(sides.map((side) => side.step(0, [['FLUSHALL']], [])));
  for (let step = 0; step < stepCount; step += 1) {
    const index = choices.below(CONNECTIONS);
    const own = known[index];
    if (own === undefined) continue;
    if (choices.once(60)) {
      for (const side of sides) {
        side.end(index);
        await side.open(index);
      }
      known[index] = { resp: '2', subscriptions: 0 };
      told.push(`@${index} ends and comes again`);
      continue;
    }
    const requests = requestsOf(choices, own);
    const target = choices.below(CONNECTIONS);
    for (const request of requests) follow(own, request);
    const isSubscribed = known.map(({ resp, subscriptions }) => resp === '2' && subscriptions > 0);
    const [left, right] = await Promise.all(sides.map((side) =>
      side.step(index, requests.map((request) =>
        request.map((word) => (word === 'ID' ? String(side.ids[target]) : word))), isSubscribed)));
    const shown = requests.map((request) => request.join(' ')).join('; ');
    told.push(`@${index} > ${shown.replace(' ID', ` <id of @${target}>`)}`);
    const isExec = requests[0]?.[0] === 'MULTI';
    if (requests[0]?.includes('REDIRECT') === true) isRedirected = true;
    const isFree = isLoose || isExec || isRedirected;
    const find = (): number => (left ?? []).findIndex((text, i) => text !== right?.[i] &&
      !(isLoose ? hasAll(text, right?.[i] ?? '')
        : isFree && i === index && areShuffled(text, right?.[i] ?? '')));
    let at = find();
    // What one worker's client redirects to another's takes its way over both.
    for (let tries = 0; isLoose && at >= 0 && tries < TRIES_MAX; tries += 1) {
      if (left !== undefined) left[at] += await kora.more(at, isSubscribed);
      at = find();
    }
    if (at < 0) continue;
    return [
      `seed ${seed}, step ${step}`, ...told.slice(-40),
      `@${at} gets`, `  kora      ${JSON.stringify(left?.[at])}`,
      `  reference ${JSON.stringify(right?.[at])}`,
    ].join('\n');
  }
  return undefined;
}

/** What a request does to its connection. */
function follow(own: Known, request: readonly string[]): void {
  const [name = '', word = ''] = request;
  if (name === 'HELLO') own.resp = word === '3' ? '3' : '2';
  else if (name === 'SUBSCRIBE') own.subscriptions = 1;
  else if (name === 'UNSUBSCRIBE') own.subscriptions = 0;
  else if (name === 'RESET') Object.assign(own, { resp: '2', subscriptions: 0 });
}

/** A request, several in one piece, or a transaction. */
function requestsOf(choices: Choices, own: Known): string[][] {
  if (own.resp === '2' && own.subscriptions > 0) {
    return [choices.once(4) ? ['UNSUBSCRIBE'] : ['PING', 'x']];
  }
  const kind = choices.below(10);
  if (kind > 1) return [requestOf(choices, own)];
  const count = 1 + choices.below(4);
  const requests = Array.from({ length: count }, () => plainOf(choices));
  return kind === 0 ? requests : [['MULTI'], ...requests, [choices.once(6) ? 'DISCARD' : 'EXEC']];
}

function requestOf(choices: Choices, own: Known): string[] {
  const kind = choices.below(20);
  if (kind < 11) return plainOf(choices);
  if (kind < 17) return trackingOf(choices);
  if (kind === 17) return ['HELLO', choices.once(3) ? '2' : '3'];
  if (kind === 18) return choices.once(4) ? ['RESET'] : ['SELECT', choices.of(['0', '0', '1'])];
  // One channel: the order in which all are given up is chance.
  return own.subscriptions > 0 ? ['PING'] : ['SUBSCRIBE', '__redis__:invalidate'];
}

/** What may be in a transaction too. */
function plainOf(choices: Choices): string[] {
  const kind = choices.below(11);
  if (kind < 5) return readOf(choices);
  if (kind < 9) return writeOf(choices);
  if (kind === 9) return ['CLIENT', 'CACHING', choices.of(['YES', 'NO', 'yes', 'maybe'])];
  return ['CLIENT', choices.of(['TRACKINGINFO', 'GETREDIR', 'INFO'])];
}

function readOf(choices: Choices): string[] {
  const [one, other] = [choices.of(KEYS), choices.of(KEYS)];
  return choices.of([
    ['GET', one], ['GET', one], ['MGET', one, other], ['EXISTS', one, other], ['TTL', one],
    ['STRLEN', one], ['TYPE', one], ['GETRANGE', one, '0', '1'], ['LRANGE', one, '0', '-1'],
    ['SINTERCARD', '2', one, other], ['LCS', one, other],
    ['OBJECT', 'ENCODING', one], ['SUBSTR', one, '0', '1'], ['ZRANGE', one, '0', '-1'],
  ]);
}

function writeOf(choices: Choices): string[] {
  const [one, other] = [choices.of(KEYS), choices.of(KEYS)];
  return choices.of([
    ['SET', one, 'v'], ['SET', one, 'v'], ['MSET', one, 'v', other, 'w'], ['DEL', one, other],
    ['APPEND', one, 'x'], ['EXPIRE', one, '1000'], ['PERSIST', one], ['RENAME', one, other],
    ['COPY', one, other, 'REPLACE'], ['GETDEL', one], ['SETRANGE', one, '1', 'y'],
    ['EXPIRE', one, '-1'], ['SETNX', one, 'v'], ['FLUSHALL'], ['FLUSHDB'], ['INCR', one],
    ['LPUSH', one, 'e'], ['MOVE', one, '1'], ['SETBIT', one, '1', '1'], ['SET', one, 'v', 'XX'],
  ]);
}

function trackingOf(choices: Choices): string[] {
  if (choices.once(4)) return ['CLIENT', 'TRACKING', choices.of(['OFF', 'off', 'OFF', 'perhaps'])];
  const words = ['CLIENT', 'TRACKING', 'ON'];
  const options = [
    ['BCAST'], ['OPTIN'], ['OPTOUT'], ['NOLOOP'], ['REDIRECT', 'ID'], ['REDIRECT', 'ID'],
    ['PREFIX', choices.of(['a', 'user:', 'k', ''])], ['REDIRECT', '99999999'], ['REDIRECT', 'x'],
    ['NOPE'], ['PREFIX'],
  ];
  for (const option of options) {
    const isRare = ['NOPE', 'PREFIX', '99999999', 'x'].includes(option.at(-1) ?? '');
    if (choices.once(isRare ? 30 : 4)) words.push(...option);
  }
  if (words.includes('PREFIX') && choices.below(3) > 0 && !words.includes('BCAST')) {
    words.push('BCAST');
  }
  return words;
}
