/**
 * Random requests of several connections that subscribe, publish and look, from a seed. All that a
 * request may bring is the same on any server but for three orders, which nobody promises: of the
 * names when everything is unsubscribed from, of the names that PUBSUB lists, and of several
 * patterns that match one message.
 */
import { SeededChance } from '@kora/core';

/** Connections of a stream. */
export const CONNECTION_COUNT = 5;
const STEPS = 80;

/** Requests that one connection sends at once. */
export interface Step {
  readonly connection: number;
  readonly requests: readonly (readonly string[])[];
}

const CHANNELS = ['a', 'b', 'ab', 'news.1', 'news.2', '', '\u0000\r\n\u00ff', 'h[x'];
const PATTERNS = [
  '*', 'a*', '?', '[a-b]', 'news.*', '*.1', '\\*', '[^a]', 'h[', '', 'h\\[x', '**b',
];
const ODD: readonly (readonly string[])[] = [
  ['SUBSCRIBE'], ['PUBLISH', 'a'], ['PUBSUB'], ['PUBSUB', 'FOO'], ['PUBSUB', 'NUMPAT', 'x'],
  ['PUBSUB', 'CHANNELS', 'a', 'b'], ['PUBSUB', 'HELP'], ['PING', 'a', 'b'], ['NOPE', 'x'],
  ['COMMAND', 'GETKEYS', 'SPUBLISH', 'a', 'b'], ['COMMAND', 'INFO', 'SSUBSCRIBE', 'SPUBLISH'],
];

/** The steps of a seed. */
export function pubSubStreamOf(seed: number): Step[] {
  const chance = new SeededChance(seed);
  const below = (bound: number): number => (chance.next32() >>> 0) % bound;
  const pick = <Item>(list: readonly Item[], otherwise: Item): Item =>
    list[below(list.length)] ?? otherwise;
  const some = (list: readonly string[]): string[] =>
    Array.from({ length: 1 + below(3) }, () => pick(list, ''));

  const request = (): readonly string[] => {
    const kind = pick(['', 'P', 'S'], '');
    const names = kind === 'P' ? PATTERNS : CHANNELS;
    switch (below(16)) {
      case 0: case 1: case 2: case 3: return [`${kind}SUBSCRIBE`, ...some(names)];
      case 4: case 5: return [`${kind}UNSUBSCRIBE`, ...some(names)];
      case 6: return [`${kind}UNSUBSCRIBE`];
      case 7: case 8: case 9: return ['PUBLISH', pick(CHANNELS, ''), `m${below(1000)}`];
      case 10: return ['SPUBLISH', pick(CHANNELS, ''), `s${below(1000)}`];
      case 11:
        return ['PUBSUB', pick(['CHANNELS', 'SHARDCHANNELS'], ''), ...some(PATTERNS).slice(2)];
      case 12: return ['PUBSUB', pick(['NUMSUB', 'SHARDNUMSUB'], ''), ...some(CHANNELS)];
      case 13: return ['PUBSUB', 'NUMPAT'];
      case 14: return pick([['GET', 'k'], ['PING'], ['PING', 'x'], ['ECHO', 'x']], ['PING']);
      default: return pick([...ODD, ['RESET'], ['HELLO', '3'], ['HELLO', '2']], ['PING']);
    }
  };

  return Array.from({ length: STEPS }, () => {
    const connection = below(CONNECTION_COUNT);
    if (below(12) > 0) return { connection, requests: [request()] };
    // Messages to itself come before or behind the reply of EXEC: it publishes nothing there.
    const within = Array.from({ length: 1 + below(3) }, request)
      .filter(([word = '']) => /SUBSCRIBE$/.test(word));
    return { connection, requests: [['MULTI'], ...within, ['EXEC']] };
  });
}

/** A connection's replies, with what has no order in one. */
export function inOneOrder(replies: readonly string[]): string[] {
  return inRuns(inRuns(replies, isPatternMessage, sorted), isEnd, endsInOrder).map(namesInOrder);
}

/** Replaces each run of neighbours for which `fits` is true. */
function inRuns(
  replies: readonly string[], fits: (reply: string) => boolean,
  change: (run: readonly string[]) => readonly string[],
): string[] {
  const all: string[] = [];
  let run: string[] = [];
  for (const reply of [...replies, '']) {
    if (reply !== '' && fits(reply)) {
      run.push(reply);
      continue;
    }
    all.push(...change(run));
    run = [];
    if (reply !== '') all.push(reply);
  }
  return all;
}

const sorted = (run: readonly string[]): string[] => [...run].sort();
const isPatternMessage = (reply: string): boolean => /^[*>]4\r\n\$8\r\npmessage\r\n/.test(reply);
const isEnd = (reply: string): boolean => /^[*>]3\r\n\$1[12]\r\n[ps]?unsubscribe\r\n/.test(reply);

/** Names sorted, counts as they came. */
function endsInOrder(run: readonly string[]): string[] {
  const counts = run.map((reply) => /:\d+\r\n$/.exec(reply)?.[0] ?? '');
  const names = run.map((reply) => reply.replace(/:\d+\r\n$/, '')).sort();
  return names.map((name, i) => name + (counts[i] ?? ''));
}

/** The items of an array of bulk strings alone, sorted: what PUBSUB CHANNELS answers. */
function namesInOrder(reply: string): string {
  const items: string[] = [];
  const header = /^\*\d+\r\n/.exec(reply)?.[0] ?? '';
  for (let at = header.length; at < reply.length;) {
    const length = /^\$(\d+)\r\n/.exec(reply.slice(at, at + 16));
    if (length === null) return reply;
    const end = at + length[0].length + Number(length[1]) + 2;
    items.push(reply.slice(at, end));
    at = end;
  }
  const isMessage = /^\$\d+\r\n[ps]?message\r\n/.test(items[0] ?? '');
  return isMessage ? reply : header + items.sort().join('');
}
