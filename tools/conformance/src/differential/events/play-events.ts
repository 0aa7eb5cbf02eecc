/**
 * Plays a stream on a shard in this process and on redis-server, and compares the keyspace events:
 * of every command the same messages on the same channels in the same order. Replies are compared
 * by other suites; here each command's events are those between two marks, which are messages too.
 *
 * Both expire keys only when somebody looks for them, and start with empty databases. Commands that
 * concern a connection or a clock are left out; what is drawn by chance is too.
 */
import { CommandDriver } from '@kora/core/testing';
import type { SocketTarget } from '../../drivers/socket-driver.ts';
import type { Difference } from '../play-stream.ts';
import { openRaw, type RawConnection } from '../raw-connection.ts';
import { PLAYED_SETTINGS } from '../special-requests.ts';
import type { Stream } from '../stream.ts';

const SILENCE_MS_MAX = 5_000;
const EVENTS = 'KEAmn';
const MARK_CHANNEL = '__key__mark';
/** Settings that these streams change, by their beginnings. */
const THRESHOLDS = /^(hash-max|list-max|set-max|zset-max|hll-|stream-node)/;
const LEFT_OUT = new Set([
  'quit', 'reset', 'client', 'hello', 'auth', 'debug', 'info', 'role', 'wait', 'shutdown', 'module',
  'command', 'config', 'memory', 'monitor', 'subscribe', 'failover', 'lastsave', 'randomkey',
  'scan', 'multi', 'exec', 'discard', 'watch', 'publish', 'time', 'lcs', 'pfselftest', 'pfdebug',
]);
/** What a command that fails may publish or not: Redis looks keys up before it reads options. */
const LOOKUPS_ONLY =
  /^(__keyspace@\d+__:\S* (keymiss|expired), __keyevent@\d+__:(keymiss|expired) \S*(, )?)*$/;
/** Of these Kora finds out that a key's time has come where Redis does not look. */
const LATE_LOOKUPS = new Set(['restore', 'restore-asking', 'msetnx']);

type Request = readonly string[];

/** A shard and a redis-server, of which all events are heard. */
export class EventPair {
  readonly #target: SocketTarget;
  #sender: RawConnection | undefined;
  #subscriber: RawConnection | undefined;

  constructor(target: SocketTarget) {
    this.#target = target;
  }

  /** Ends the connections. */
  close(): void {
    this.#sender?.close();
    this.#subscriber?.close();
  }

  /** Plays a stream from a clean start.
   * @returns the first command whose events differ, or undefined */
  async play(stream: Stream): Promise<Difference | undefined> {
    const requests: Request[] = [];
    const steps: number[] = [];
    for (const [index, step] of stream.steps.entries()) {
      if (step.kind !== 'pipeline') continue;
      for (const request of step.requests.filter(isPlayed)) {
        requests.push(request);
        steps.push(index);
      }
    }
    const reference = await this.#referenceEvents(requests);
    const kora = koraEvents(requests, stream.seed % 2 === 1);
    for (const [at, request] of requests.entries()) {
      const played = kora[at] ?? { events: '', isError: false };
      const expected = reference[at] ?? '';
      if (areSame(request, played, expected)) continue;
      // From here on one side has a key whose time has come, and the other has not.
      if (isLateLookup(request, played)) return undefined;
      return { step: steps[at] ?? 0, request, kora: played.events, reference: expected };
    }
    return undefined;
  }

  async #referenceEvents(requests: readonly Request[]): Promise<string[]> {
    this.close();
    const sender = await openRaw(this.#target);
    const subscriber = await openRaw(this.#target);
    [this.#sender, this.#subscriber] = [sender, subscriber];
    const settings = PLAYED_SETTINGS.filter(([name]) => THRESHOLDS.test(name)).flat();
    sender.send([
      ['DEBUG', 'SET-ACTIVE-EXPIRE', '0'], ['FLUSHALL', 'SYNC'],
      ['CONFIG', 'SET', ...settings, 'notify-keyspace-events', EVENTS], ['ECHO', 'ready'],
    ]);
    await sender.until('$5\r\nready\r\n', SILENCE_MS_MAX);
    subscriber.send([['PSUBSCRIBE', '__key*']]);
    await subscriber.until(wireOf(['psubscribe', '__key*'], ':1\r\n'), SILENCE_MS_MAX);
    const events: string[] = [];
    for (const request of requests) {
      // One by one: a broken connection is then known by its request.
      sender.send([request, ['PUBLISH', MARK_CHANNEL, '']]);
      const mark = wireOf(['pmessage', '__key*', MARK_CHANNEL, '']);
      const { replies } = await subscriber.until(mark, SILENCE_MS_MAX);
      events.push(replies.map(messageText).join(', '));
    }
    return events;
  }
}

/** True when a command's events are right if those of the reference are. */
function areSame(request: Request, { events, isError }: Played, reference: string): boolean {
  if (events === reference || (isError && LOOKUPS_ONLY.test(reference))) return true;
  const name = (request[0] ?? '').toLowerCase();
  // The elements of a set come in any order, and with them the keys that patterns make of them.
  return name.startsWith('sort') && sorted(events) === sorted(reference);
}

function isLateLookup(request: Request, { events }: Played): boolean {
  return LATE_LOOKUPS.has((request[0] ?? '').toLowerCase()) && events.includes(' expired,');
}

function sorted(events: string): string {
  return events.split(', ').sort().join(', ');
}

function isPlayed(request: Request): boolean {
  const name = (request[0] ?? '').toLowerCase();
  if (name === 'config' && request.length !== 4) return false;
  if (name === 'config') return THRESHOLDS.test((request[2] ?? '').toLowerCase());
  return !LEFT_OUT.has(name);
}

interface Played {
  readonly events: string;
  readonly isError: boolean;
}

/**
 * The events of each request on a shard of its own.
 * @param isHeard true: changes are described in full, as for a log; the events must be the same
 */
function koraEvents(requests: readonly Request[], isHeard: boolean): Played[] {
  const driver = new CommandDriver({
    startMs: Date.now(), settings: { 'notify-keyspace-events': EVENTS },
  });
  let heard: string[] = [];
  if (isHeard) driver.shard.journal.listen(() => undefined);
  driver.shard.publisher = {
    hasListeners: true,
    publish: (channel, message) => void heard.push(`${channel} ${message}`),
  };
  const played: Played[] = [];
  for (const request of requests) {
    heard = [];
    const isError = driver.run(...request).startsWith('-');
    played.push({ events: heard.join(', '), isError });
  }
  return played;
}

/** RESP2 of an array of bulk strings, and what follows in it. */
function wireOf(texts: readonly string[], last = ''): string {
  const count = texts.length + (last === '' ? 0 : 1);
  const bulks = texts.map((text) => `$${text.length}\r\n${text}\r\n`);
  return `*${count}\r\n${bulks.join('')}${last}`;
}

/** Channel and message of a pmessage. */
function messageText(reply: string): string {
  const parts: string[] = [];
  let at = reply.indexOf('\r\n') + 2;
  while (at < reply.length) {
    const lineEnd = reply.indexOf('\r\n', at);
    const bytes = Number(reply.slice(at + 1, lineEnd));
    parts.push(reply.slice(lineEnd + 2, lineEnd + 2 + bytes));
    at = lineEnd + 2 + bytes + 2;
  }
  return parts.slice(2).join(' ');
}
