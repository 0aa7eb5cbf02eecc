/**
 * Reaches an engine inside this process: no sockets, no bytes of a protocol, JavaScript values.
 *
 * How values are judged by replies recorded from a wire: strings of every sort are equal (a
 *   simple string is a string), so are numbers of every sort, and the nulls; maps are `Map`, sets
 *   are `Set`, errors are thrown or lie as values in a list. The RESP3 form of a case is the
 *   expected one, since only it tells maps and lists apart.
 * Invariants: a request with bytes beyond ASCII goes in as bytes, never as text that could be
 *   encoded twice; a thrown thing that is no reply error is an unreadable outcome, so a crash
 *   never counts as an answer. A call that gives a promise is waited for, in the order of calls.
 */
import type { ExpectedReply, Outcome, Reply, ScalarKind, TextKind } from '../reply-notation.ts';
import type { Comparable, Connection, Driver } from './driver.ts';

const VERBATIM_PREFIX_CHARACTERS = 4;

/** One session of an engine: its own selected database and transaction. */
export interface EmbeddedSession {
  /** Runs a command; bulk strings come back as text. Throws what `errorTextOf` recognises for
   * an error reply, or rejects with it when it gives a promise. */
  call(...requestArguments: (string | Uint8Array)[]): unknown;
  /** As `call`, with bulk strings as bytes; used where it is offered, since text loses bytes. */
  callBytes?(...requestArguments: (string | Uint8Array)[]): unknown;
}

/** The part of an embedded engine that the corpus needs. */
export interface EmbeddedEngine {
  connection(): EmbeddedSession;
  close(): void;
}

/** The same on worker threads. */
export interface EmbeddedWorkers {
  connection(): EmbeddedSession;
  close(): Promise<void>;
}

/** A request and its outcome, once that is there. */
interface Sent {
  outcome: Outcome | undefined;
  /** Resolves when the outcome is there. */
  readonly done: Promise<void>;
}

/** A driver for an engine in this process. The engine stays the caller's to close. */
export function embeddedDriver(engine: EmbeddedEngine | EmbeddedWorkers): Driver {
  const open = (): Promise<Connection> =>
    Promise.resolve(new EmbeddedConnection(engine.connection()));
  return { name: 'embedded', protocol: '3', open, openAdmin: open, comparable };
}

class EmbeddedConnection implements Connection {
  readonly #session: EmbeddedSession;
  readonly #sent: Sent[] = [];
  #isClosed = false;

  constructor(session: EmbeddedSession) {
    this.#session = session;
  }

  send(requestArguments: readonly string[]): void {
    this.#sent.push(sentTo(this.#session, requestArguments));
  }

  sendRaw(): void {
    throw new Error('an embedded engine reads no raw bytes');
  }

  async next(replyMsMax: number): Promise<Outcome> {
    const [first] = this.#sent;
    if (first !== undefined && first.outcome === undefined) await within(first.done, replyMsMax);
    if (first?.outcome === undefined) return { kind: 'timeout', text: '' };
    this.#sent.shift();
    return first.outcome;
  }

  peek(): Outcome | undefined {
    return this.#sent[0]?.outcome;
  }

  waitClosed(): Promise<boolean> {
    return Promise.resolve(this.#isClosed);
  }

  isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
  }
}

function sentTo(session: EmbeddedSession, requestArguments: readonly string[]): Sent {
  try {
    const given = requestArguments.map(argumentOf);
    const value =
      session.callBytes === undefined ? session.call(...given) : session.callBytes(...given);
    if (value instanceof Promise) return sentFor(value);
    return { outcome: replyOfValue(value), done: Promise.resolve() };
  } catch (error) {
    return { outcome: outcomeOfThrown(error), done: Promise.resolve() };
  }
}

function sentFor(promise: Promise<unknown>): Sent {
  const sent = {
    outcome: undefined as Outcome | undefined,
    done: promise.then(replyOfValue).catch(outcomeOfThrown).then((outcome) => {
      sent.outcome = outcome;
    }),
  };
  return sent;
}

function outcomeOfThrown(error: unknown): Outcome {
  const text = errorTextOf(error);
  return text === undefined
    ? { kind: 'unreadable', text: `thrown: ${String(error)}` }
    : { kind: 'error', text };
}

/** Waits for the promise, so long at most. */
async function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

function argumentOf(text: string): string | Uint8Array {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, 'latin1');
}

/** The text of an error reply: an Error called a reply error, or whose `code` is the first word
 * of its message; or the value the engine keeps in lists, which has `text` and `prefix`.
 * Undefined for everything else: faults and crashes are no replies. */
function errorTextOf(value: unknown): string | undefined {
  if (value instanceof Error) {
    const code = 'code' in value ? value.code : undefined;
    const isReply = value.name.endsWith('ReplyError') || code === value.message.split(' ', 1)[0];
    return isReply ? value.message : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('text' in value && 'prefix' in value)) return undefined;
  return typeof value.text === 'string' ? value.text : undefined;
}

/** A JavaScript value as the reply it stands for.
 * @throws {Error} for a value that stands for none */
export function replyOfValue(value: unknown): Reply {
  switch (typeof value) {
    case 'string':
      return { kind: 'bulk', text: Buffer.from(value, 'utf8').toString('latin1') };
    case 'number':
      return { kind: Number.isInteger(value) ? 'integer' : 'double', text: String(value) };
    case 'bigint':
      return { kind: 'integer', text: String(value) };
    case 'boolean':
      return { kind: 'boolean', text: value ? 't' : 'f' };
    default:
      return replyOfObject(value);
  }
}

function replyOfObject(value: unknown): Reply {
  if (value === null) return { kind: 'null' };
  if (Array.isArray(value)) return { kind: 'array', items: value.map(replyOfValue) };
  if (value instanceof Set) return { kind: 'set', items: [...value].map(replyOfValue) };
  if (value instanceof Map) return { kind: 'map', items: [...value].flat(1).map(replyOfValue) };
  if (value instanceof Uint8Array) {
    return { kind: 'bulk', text: Buffer.from(value).toString('latin1') };
  }
  const text = errorTextOf(value);
  if (text !== undefined) return { kind: 'error', text };
  throw new Error(`no reply is ${Object.prototype.toString.call(value)}`);
}

/** What remains of a reply when wire forms do not count. */
const comparable: Comparable = {
  expected(reply: ExpectedReply): ExpectedReply {
    if (reply.kind === 'anything') return reply;
    if (reply.kind !== 'sized') return withoutWireForm(reply);
    const lostCharacters = reply.of === 'verbatim' ? VERBATIM_PREFIX_CHARACTERS : 0;
    const isString = reply.of === 'simple' || reply.of === 'verbatim';
    return { ...reply, of: isString ? 'bulk' : reply.of, count: reply.count - lostCharacters };
  },
  received: withoutWireForm,
};

function withoutWireForm(reply: Reply): Reply {
  if ('items' in reply) return { kind: reply.kind, items: reply.items.map(withoutWireForm) };
  if (!('text' in reply)) return { kind: 'null' };
  return textWithoutForm(reply.kind, reply.text);
}

function textWithoutForm(kind: TextKind | ScalarKind, text: string): Reply {
  switch (kind) {
    case 'simple':
      return { kind: 'bulk', text };
    case 'verbatim':
      return { kind: 'bulk', text: text.slice(VERBATIM_PREFIX_CHARACTERS) };
    case 'integer':
    case 'double':
    case 'big-number':
      return { kind: 'integer', text: numberText(text) };
    default:
      return { kind, text };
  }
}

/** One text per number: `3`, `3.0` and `3e0` are the same JavaScript number. */
function numberText(text: string): string {
  if (/^-?\d+$/.test(text)) return String(BigInt(text));
  const infinity = /^(-?)inf(inity)?$/i.exec(text);
  if (infinity !== null) return `${infinity[1] ?? ''}inf`;
  const number = Number(text);
  return Number.isInteger(number) ? String(BigInt(number)) : String(number);
}
