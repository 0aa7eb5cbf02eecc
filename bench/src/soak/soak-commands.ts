/**
 * An endless, seeded stream of commands for one soak client: every string command and every command
 * that ignores the type, over a fixed set of keys of its own with values of bounded size, so that
 * what the server holds is bounded too. Left out is what touches other clients: FLUSHALL, FLUSHDB,
 * SWAPDB, and what stops a server.
 * Each step carries a check of its reply: exactly what the model says, or, where other clients, the
 * moment or an encoding decide, what the reply has to look like.
 */
import type { RandomSource } from '@kora/core/testing';
import type { RespNode } from '@kora/protocol';
import { SOAK_DATABASES, SoakModel, latin1Of, textOfNode } from './soak-model.ts';

/** One command and what its reply must be. */
export interface SoakStep {
  /** Name first; one character a byte. */
  readonly args: readonly string[];
  /** What is wrong with the reply; '' when nothing is. */
  readonly check: (reply: RespNode) => string;
}

const KEYS = 24;
/** Keys that live for a moment only: the model does not know them. */
const BRIEF_KEYS = 8;
/** A value may grow by APPEND up to this size; big values are as large at most. */
const VALUE_BYTES_MAX = 1 << 20;
const NUMBERS = ['0', '1', '-1', '7', '1.5', '-2.25', '1e3', 'abc', '9007199254740993',
  '9223372036854775807', '-9223372036854775808', '123456789012345678901'];
const LENGTHS = [0, 1, 2, 5, 20, 44, 45, 100, 300, 1000, 5000];
const BIG_LENGTHS = [65_535, 65_536, 65_537, 131_072, 300_000, VALUE_BYTES_MAX];
const INDEXES = ['0', '1', '-1', '-3', '10', '43', '-100', '65535', '65536', '1000000', 'x'];
/** Seconds: far enough never to come in a soak, or past. */
const FAR_SECONDS = 1_000_000;
const PAST = '1';
const BRIEF_MS = ['1', '20', '300'];
const LCS_CHARACTERS_MAX = 100;
const SHOWN_CHARACTERS_MAX = 120;

const short = (text: string): string =>
  JSON.stringify(text.length > SHOWN_CHARACTERS_MAX
    ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}... (${text.length})` : text);

function exactly(wanted: string): SoakStep['check'] {
  return (reply) => {
    const got = textOfNode(reply);
    return got === wanted ? '' : `${short(got)}, not ${short(wanted)}`;
  };
}

function like(pattern: RegExp): SoakStep['check'] {
  return (reply) => {
    const got = textOfNode(reply);
    return pattern.test(got) ? '' : `${short(got)}, not like ${String(pattern)}`;
  };
}

type Maker = (commands: SoakCommands) => SoakStep;
const modelled = (make: (c: SoakCommands) => string[]): Maker => (c) => c.modelled(make(c));

const makers: readonly Maker[] = [
  modelled((c) => ['SET', c.key(), c.value()]),
  modelled((c) => ['SET', c.key(), c.value(), ...c.setOptions()]),
  modelled((c) => ['SETNX', c.key(), c.value()]),
  modelled((c) => ['SETEX', c.key(), c.pick([String(FAR_SECONDS), '0', '-1', 'x']), c.value()]),
  modelled((c) => ['PSETEX', c.key(), `${FAR_SECONDS}000`, c.value()]),
  modelled((c) => ['GETSET', c.key(), c.value()]),
  modelled((c) => ['GET', c.key()]),
  modelled((c) => ['GETDEL', c.key()]),
  modelled((c) => ['GETEX', c.key(),
    ...c.pick([[], ['PERSIST'], ['EX', String(FAR_SECONDS)], ['PXAT', PAST]])]),
  modelled((c) => ['STRLEN', c.key()]),
  modelled((c) => c.growing('APPEND', c.key(), c.value())),
  modelled((c) => [c.pick(['GETRANGE', 'SUBSTR']), c.key(), c.pick(INDEXES), c.pick(INDEXES)]),
  modelled((c) => c.growing('SETRANGE', c.key(), c.pick(['0', '3', '44', '65530', '70000', '-1']),
    c.value())),
  modelled((c) => [c.pick(['INCR', 'DECR']), c.key()]),
  modelled((c) => [c.pick(['INCRBY', 'DECRBY', 'INCRBYFLOAT']), c.key(), c.pick(NUMBERS)]),
  modelled((c) => ['MGET', ...c.keys()]),
  modelled((c) => [c.pick(['MSET', 'MSETNX']), ...c.pairs()]),
  modelled((c) => c.msetex()),
  modelled((c) => ['DELEX', c.key(), ...c.pick([[], ['IFEQ', '1'], ['IFNE', '1']])]),
  modelled((c) => ['DIGEST', c.key()]),
  modelled((c) => [c.pick(['DEL', 'UNLINK', 'EXISTS', 'TOUCH']), ...c.keys()]),
  modelled((c) => ['TYPE', c.key()]),
  modelled((c) => [c.pick(['RENAME', 'RENAMENX']), c.key(), c.key()]),
  modelled((c) => ['COPY', c.key(), c.key(), ...c.pick([[], ['REPLACE'], ['DB', '1', 'REPLACE']])]),
  modelled((c) => ['MOVE', c.key(), String(c.random.below(SOAK_DATABASES))]),
  modelled((c) => ['SELECT', String(c.random.below(SOAK_DATABASES))]),
  modelled((c) => [c.pick(['EXPIRE', 'PEXPIRE']), c.key(), c.pick([`${FAR_SECONDS}000`, '-5'])]),
  modelled((c) => [c.pick(['EXPIREAT', 'PEXPIREAT']), c.key(), c.pick(['9000000000000', PAST])]),
  modelled((c) => ['PERSIST', c.key()]),
  (c) => c.lcs(), (c) => c.ttl(), (c) => c.dump(), (c) => c.restore(), (c) => c.ownKeys(),
  (c) => c.scan(), (c) => c.brief(),
  (c) => ({ args: ['OBJECT', 'ENCODING', c.key()], check: like(/^(_|\$int|\$embstr|\$raw)$/) }),
  (c) => ({
    args: ['OBJECT', c.pick(['REFCOUNT', 'IDLETIME', 'FREQ']), c.key()],
    check: like(/^(_|:\d+|-ERR An LFU maxmemory policy is not selected.*)$/),
  }),
  () => ({ args: ['OBJECT', 'HELP'], check: like(/^\[\+OBJECT /) }),
  (c) => ({ args: ['MEMORY', 'USAGE', c.key()], check: like(/^(_|:\d+)$/) }),
  () => ({ args: ['DBSIZE'], check: like(/^:\d+$/) }),
  () => ({ args: ['RANDOMKEY'], check: like(/^(_|\$soak\d+:[\s\S]+)$/) }),
  () => ({ args: ['INFO', 'memory'], check: like(/^\$# Memory\r\nused_memory:\d+\r\n/) }),
  () => ({ args: ['CLIENT', 'INFO'], check: like(/^\$id=\d+ /) }),
  () => ({ args: ['COMMAND', 'COUNT'], check: like(/^:\d+$/) }),
  () => ({ args: ['NO-SUCH-COMMAND', 'x'], check: like(/^-ERR unknown command/) }),
  (c) => {
    const text = c.value();
    return { args: ['ECHO', text], check: exactly(`$${text}`) };
  },
];

export class SoakCommands {
  readonly random: RandomSource;
  readonly model = new SoakModel();
  readonly #prefix: string;
  readonly #now: () => number;
  /** Values beyond 64 KiB, percent. */
  readonly #bigPercent: number;
  /** What a DUMP gave, and the text it stands for. */
  #dumped: { readonly payload: string; readonly text: string } | undefined = undefined;

  /**
   * @param client number of the client: its keys begin with `soak<client>:`
   * @param now milliseconds of the clock that the server uses
   */
  constructor(random: RandomSource, client: number, now: () => number) {
    this.random = random;
    this.#prefix = `soak${client}:`;
    this.#now = now;
    this.#bigPercent = random.below(8);
  }

  /** The next command. */
  next(): SoakStep {
    return this.pick(makers)(this);
  }

  /** Commands that remove all keys of this client, in every database, and select the first. */
  cleaning(): SoakStep[] {
    const all = [
      ...Array.from({ length: KEYS }, (_, i) => this.#prefix + String(i)),
      ...Array.from({ length: BRIEF_KEYS }, (_, i) => `${this.#prefix}brief${i}`),
    ];
    this.model.clear();
    return [1, 0].flatMap((database) => [
      { args: ['SELECT', String(database)], check: exactly('+OK') },
      { args: ['DEL', ...all], check: like(/^:\d+$/) },
    ]);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.random.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  key(): string {
    return this.#prefix + String(this.random.below(KEYS));
  }

  keys(): string[] {
    return Array.from({ length: 1 + this.random.below(6) }, () => this.key());
  }

  pairs(): string[] {
    return this.keys().flatMap((key) => [key, this.value()]);
  }

  value(): string {
    if (this.random.below(100) < this.#bigPercent) return this.#text(this.pick(BIG_LENGTHS));
    return this.random.below(3) === 0 ? this.pick(NUMBERS) : this.#text(this.pick(LENGTHS));
  }

  /** Text in which neighbouring positions differ, so that a shifted copy shows. */
  #text(length: number): string {
    const start = this.random.below(251);
    const block = Array.from({ length: 251 }, (_, i) => String.fromCharCode((start + i * 7) & 255));
    return block.join('').repeat(Math.ceil(length / 251)).slice(0, length);
  }

  setOptions(): string[] {
    const expiration = this.pick([[], ['EX', String(FAR_SECONDS)], ['PXAT', PAST], ['KEEPTTL']]);
    const condition = this.pick([[], ['NX'], ['XX'], ['IFEQ', '1'], ['IFNE', '7'], ['WRONG']]);
    return [...expiration, ...condition, ...this.pick([[], ['GET']])];
  }

  msetex(): string[] {
    const pairs = this.pairs();
    const options = this.pick([[], ['EX', String(FAR_SECONDS)], ['NX'], ['XX', 'KEEPTTL']]);
    return ['MSETEX', String(pairs.length / 2), ...pairs, ...options];
  }

  /** A command that makes a value longer, or, where that is long enough, one that overwrites it. */
  growing(name: string, key: string, ...rest: readonly string[]): string[] {
    const length = this.model.values.get(key)?.text.length ?? 0;
    return length >= VALUE_BYTES_MAX ? ['SET', key, '0'] : [name, key, ...rest];
  }

  /** A step whose reply the model knows. */
  modelled(args: readonly string[]): SoakStep {
    return { args, check: exactly(this.model.run(args, this.#now())) };
  }

  lcs(): SoakStep {
    const [a, b] = [this.key(), this.key()];
    const length = (key: string): number => this.model.values.get(key)?.text.length ?? 0;
    if (Math.max(length(a), length(b)) > LCS_CHARACTERS_MAX) return this.modelled(['DEL', a, b]);
    const { args, check } = this.modelled(['LCS', a, b]);
    return { args: [...args, 'LEN'], check };
  }

  ttl(): SoakStep {
    const key = this.key();
    const entry = this.model.values.get(key);
    const name = this.pick(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']);
    if (entry === undefined) return { args: [name, key], check: exactly(':-2') };
    if (entry.deadlineMs === undefined) return { args: [name, key], check: exactly(':-1') };
    return { args: [name, key], check: like(/^:\d+$/) };
  }

  dump(): SoakStep {
    const key = this.key();
    const entry = this.model.values.get(key);
    if (entry === undefined) return { args: ['DUMP', key], check: exactly('_') };
    const { text } = entry;
    return {
      args: ['DUMP', key],
      check: (reply) => {
        if (reply.type !== 'bulk') return `${short(textOfNode(reply))}, not a payload`;
        this.#dumped = { payload: latin1Of(reply.value), text };
        return '';
      },
    };
  }

  restore(): SoakStep {
    if (this.#dumped === undefined) return this.dump();
    const { payload, text } = this.#dumped;
    const key = this.key();
    const { check } = this.modelled(['RESTORE', key, '0', text]);
    const name = this.pick(['RESTORE', 'RESTORE', 'RESTORE-ASKING']);
    return { args: [name, key, '0', payload, 'REPLACE'], check };
  }

  /** KEYS of this client's own: exactly those of the model, and perhaps brief ones. */
  ownKeys(): SoakStep {
    const wanted = [...this.model.values.keys()].sort().join(' ');
    return {
      args: ['KEYS', `${this.#prefix}[0-9]*`],
      check: (reply) => {
        if (reply.type !== 'array') return `${short(textOfNode(reply))}, not keys`;
        const got = reply.value.map((each) => textOfNode(each).slice(1)).sort().join(' ');
        return got === wanted ? '' : `${short(got)}, not ${short(wanted)}`;
      },
    };
  }

  /** One step of SCAN: a cursor, and keys that are this client's own. */
  scan(): SoakStep {
    const prefix = this.#prefix;
    return {
      args: ['SCAN', '0', 'MATCH', `${prefix}*`, 'COUNT', '200', 'TYPE', 'string'],
      check: (reply) => {
        const [cursor, keys] = reply.type === 'array' ? reply.value : [];
        if (cursor?.type !== 'bulk' || keys?.type !== 'array') return short(textOfNode(reply));
        const strange = keys.value.map(textOfNode).find((key) => !key.startsWith(`$${prefix}`));
        return strange === undefined ? '' : `a key of somebody else: ${short(strange)}`;
      },
    };
  }

  /** Keys that expire while the soak runs: set, or read when they may be gone. */
  brief(): SoakStep {
    const key = `${this.#prefix}brief${this.random.below(BRIEF_KEYS)}`;
    if (this.random.below(2) === 0) return { args: ['GET', key], check: like(/^(_|\$(brief)+)$/) };
    const text = 'brief'.repeat(1 + this.random.below(40));
    return { args: ['SET', key, text, 'PX', this.pick(BRIEF_MS)], check: exactly('+OK') };
  }
}

