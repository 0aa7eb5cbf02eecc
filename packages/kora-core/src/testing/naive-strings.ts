/**
 * The string commands once more, written as plainly as possible over a JavaScript Map: the other
 * side of the model tests. Values are strings of one character a byte, deadlines are bigint
 * milliseconds. It leans only on parts that have oracles of their own (long-double, XXH3) and knows
 * nothing of memory, ropes or entries.
 */
import { incrByFloat } from '../bytes/long-double.ts';
import { xxh3 } from '../bytes/xxh3.ts';
import { STRING_BYTES_MAX } from '../limits.ts';
import { latin1Bytes } from './latin1-text.ts';
import type { RecordedReply } from './recorded-reply.ts';

interface NaiveValue {
  readonly text: string;
  readonly kind: 'auto' | 'raw' | 'text';
  readonly deadlineMs: bigint | undefined;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const OK: RecordedReply = { kind: 'simple', text: 'OK' };
const NULL: RecordedReply = { kind: 'null' };
const SYNTAX = 'ERR syntax error';
const NOT_INTEGER = 'ERR value is not an integer or out of range';
const TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';
const BAD_DIGEST = 'ERR digest must be exactly 16 hexadecimal characters';

/** Thrown inside the model where Redis answers an error. */
class Refusal extends Error {}

function refuse(text: string): never {
  throw new Refusal(text);
}

const integer = (value: number | bigint): RecordedReply => ({
  kind: 'integer', text: String(value),
});
const bulk = (text: string): RecordedReply => ({ kind: 'bulk', text });

/** A signed 64-bit decimal in its one canonical form, else undefined. */
function int64(text: string): bigint | undefined {
  if (!/^(0|-?[1-9]\d*)$/.test(text) || text.length > 20) return undefined;
  const value = BigInt(text);
  return value < INT64_MIN || value > INT64_MAX ? undefined : value;
}

function needInt64(text: string): bigint {
  return int64(text) ?? refuse(NOT_INTEGER);
}

function digestOf(text: string): string {
  const bytes = latin1Bytes(text);
  return xxh3(bytes, 0, bytes.length).toString(16).padStart(16, '0');
}

interface Options {
  expiration: string | undefined;
  time: string;
  condition: string | undefined;
  operand: string;
  wantsOld: boolean;
}

export class NaiveStrings {
  /** Live and due keys; `expire` drops the due ones. */
  readonly values = new Map<string, NaiveValue>();
  nowMs = 0;

  /** Runs one command of the string group; the reply it should give. */
  run(args: readonly string[]): RecordedReply {
    this.#expire();
    try {
      return this.#run(args[0] ?? '', args.slice(1));
    } catch (error) {
      if (error instanceof Refusal) return { kind: 'error', text: error.message };
      throw error;
    }
  }

  /** What OBJECT ENCODING says of a value. */
  static encodingOf(value: NaiveValue): string {
    if (value.kind === 'raw') return 'raw';
    if (value.kind === 'auto' && int64(value.text) !== undefined) return 'int';
    return value.text.length <= 44 ? 'embstr' : 'raw';
  }

  #expire(): void {
    for (const [key, { deadlineMs }] of this.values) {
      if (deadlineMs !== undefined && deadlineMs < BigInt(this.nowMs)) this.values.delete(key);
    }
  }

  #run(name: string, args: readonly string[]): RecordedReply {
    const [key = '', second = '', third = ''] = args;
    const old = this.values.get(key);
    switch (name) {
      case 'GET': return this.#bulkOf(old);
      case 'STRLEN': return integer(old?.text.length ?? 0);
      case 'DIGEST': return old === undefined ? NULL : bulk(digestOf(old.text));
      case 'MGET': return {
        kind: 'array', items: args.map((each) => this.#bulkOf(this.values.get(each))),
      };
      case 'SET': return this.#set(key, second, args.slice(2));
      case 'SETNX':
        if (old === undefined) this.#put(key, second);
        return integer(old === undefined ? 1 : 0);
      case 'SETEX': return this.#setFor(key, third, 'EX', second, 'setex');
      case 'PSETEX': return this.#setFor(key, third, 'PX', second, 'psetex');
      case 'GETSET':
        this.#put(key, second);
        return this.#bulkOf(old);
      case 'GETDEL':
        this.values.delete(key);
        return this.#bulkOf(old);
      case 'GETEX': return this.#getex(key, args.slice(1));
      case 'APPEND': return this.#append(key, second);
      case 'GETRANGE': return this.#getrange(key, needInt64(second), needInt64(third));
      case 'SETRANGE': return this.#setrange(key, needInt64(second), third);
      case 'INCR': return this.#add(key, 1n);
      case 'DECR': return this.#add(key, -1n);
      case 'INCRBY': return this.#add(key, needInt64(second));
      case 'DECRBY': {
        const amount = needInt64(second);
        if (amount === INT64_MIN) refuse('ERR decrement would overflow');
        return this.#add(key, -amount);
      }
      case 'INCRBYFLOAT': return this.#addFloat(key, second);
      case 'MSET': return this.#mset(args);
      case 'MSETNX': return this.#msetnx(args);
      case 'MSETEX': return this.#msetex(args);
      case 'DELEX': return this.#delex(key, args.slice(1));
      default: throw new Error(`the model has no ${name}`);
    }
  }

  #bulkOf(value: NaiveValue | undefined): RecordedReply {
    return value === undefined ? NULL : bulk(value.text);
  }

  #put(key: string, text: string, deadlineMs?: bigint, kind: NaiveValue['kind'] = 'auto'): void {
    this.values.set(key, { text, kind, deadlineMs });
  }

  #deadline(word: string, time: string, name: string): bigint {
    const value = needInt64(time);
    const ms = word.startsWith('EX') ? value * 1000n : value;
    const deadlineMs = word.endsWith('AT') ? ms : ms + BigInt(this.nowMs);
    const isBad = value <= 0n || deadlineMs > INT64_MAX;
    return isBad ? refuse(`ERR invalid expire time in '${name}' command`) : deadlineMs;
  }

  #setFor(key: string, text: string, word: string, time: string, name: string): RecordedReply {
    this.#put(key, text, this.#deadline(word, time, name));
    return OK;
  }

  #options(words: readonly string[], allowed: readonly string[]): Options {
    const found: Options = {
      expiration: undefined, time: '', condition: undefined, operand: '', wantsOld: false,
    };
    for (let i = 0; i < words.length; i++) {
      const word = (words[i] ?? '').toUpperCase();
      if (!allowed.includes(word)) refuse(SYNTAX);
      if (word === 'GET') {
        found.wantsOld = true;
        continue;
      }
      const isExpiration = ['EX', 'PX', 'EXAT', 'PXAT', 'KEEPTTL', 'PERSIST'].includes(word);
      const group = isExpiration ? 'expiration' : 'condition';
      if ((found[group] ?? word) !== word) refuse(SYNTAX);
      found[group] = word;
      if (['NX', 'XX', 'KEEPTTL', 'PERSIST'].includes(word)) continue;
      const value = words[++i] ?? refuse(SYNTAX);
      found[isExpiration ? 'time' : 'operand'] = value;
    }
    return found;
  }

  /** True when the condition lets the command go on. */
  #isMet(old: NaiveValue | undefined, condition: string | undefined, operand: string): boolean {
    switch (condition) {
      case 'NX': return old === undefined;
      case 'XX': return old !== undefined;
      case 'IFEQ': return old?.text === operand;
      case 'IFNE': return old?.text !== operand;
      case 'IFDEQ': return old !== undefined && digestOf(old.text) === operand.toLowerCase();
      case 'IFDNE': return old === undefined || digestOf(old.text) !== operand.toLowerCase();
      default: return true;
    }
  }

  #checkDigest(options: Options): void {
    const isDigest = options.condition?.startsWith('IFD') === true;
    if (isDigest && !/^[0-9a-f]{16}$/i.test(options.operand)) refuse(BAD_DIGEST);
  }

  #set(key: string, text: string, words: readonly string[]): RecordedReply {
    const options = this.#options(words, [
      'NX', 'XX', 'IFEQ', 'IFNE', 'IFDEQ', 'IFDNE', 'GET', 'EX', 'PX', 'EXAT', 'PXAT', 'KEEPTTL',
    ]);
    const old = this.values.get(key);
    const { expiration } = options;
    let deadlineMs = expiration === 'KEEPTTL' ? old?.deadlineMs : undefined;
    if (expiration !== undefined && expiration !== 'KEEPTTL') {
      deadlineMs = this.#deadline(expiration, options.time, 'set');
    }
    this.#checkDigest(options);
    const isMet = this.#isMet(old, options.condition, options.operand);
    if (isMet) this.#put(key, text, deadlineMs);
    if (options.wantsOld) return this.#bulkOf(old);
    return isMet ? OK : NULL;
  }

  #getex(key: string, words: readonly string[]): RecordedReply {
    const options = this.#options(words, ['EX', 'PX', 'EXAT', 'PXAT', 'PERSIST']);
    const old = this.values.get(key);
    const { expiration } = options;
    if (old === undefined || expiration === undefined) return this.#bulkOf(old);
    if (expiration === 'PERSIST') {
      this.#put(key, old.text, undefined, old.kind);
      return bulk(old.text);
    }
    const deadlineMs = this.#deadline(expiration, options.time, 'getex');
    if (deadlineMs <= BigInt(this.nowMs)) this.values.delete(key);
    else this.#put(key, old.text, deadlineMs, old.kind);
    return bulk(old.text);
  }

  #append(key: string, added: string): RecordedReply {
    const old = this.values.get(key);
    const text = (old?.text ?? '') + added;
    if (text.length > STRING_BYTES_MAX) refuse(TOO_LONG);
    this.#put(key, text, old?.deadlineMs, old === undefined ? 'auto' : 'raw');
    return integer(text.length);
  }

  #getrange(key: string, first: bigint, last: bigint): RecordedReply {
    const { text } = this.values.get(key) ?? { text: '' };
    if (first < 0n && last < 0n && first > last) return bulk('');
    const place = (index: bigint): number => {
      const fromStart = index < 0n ? index + BigInt(text.length) : index;
      return fromStart < 0n ? 0 : Number(fromStart);
    };
    return bulk(text.slice(place(first), place(last) + 1));
  }

  #setrange(key: string, offset: bigint, added: string): RecordedReply {
    if (offset < 0n) refuse('ERR offset is out of range');
    const old = this.values.get(key);
    const before = old?.text ?? '';
    if (added === '') return integer(before.length);
    const end = Number(offset) + added.length;
    if (end > STRING_BYTES_MAX) refuse(TOO_LONG);
    const head = before.slice(0, Number(offset)).padEnd(Number(offset), '\0');
    this.#put(key, head + added + before.slice(end), old?.deadlineMs, 'raw');
    return integer(Math.max(before.length, end));
  }

  #add(key: string, amount: bigint): RecordedReply {
    const old = this.values.get(key);
    const sum = needInt64(old?.text ?? '0') + amount;
    if (sum < INT64_MIN || sum > INT64_MAX) {
      refuse('ERR increment or decrement would overflow');
    }
    this.#put(key, String(sum), old?.deadlineMs);
    return integer(sum);
  }

  #addFloat(key: string, amount: string): RecordedReply {
    const old = this.values.get(key);
    const text = incrByFloat(old?.text ?? '0', amount);
    if (text === 'not-a-float') refuse('ERR value is not a valid float');
    if (text === 'nan-or-infinity') refuse('ERR increment would produce NaN or Infinity');
    this.#put(key, text, old?.deadlineMs, 'text');
    return bulk(text);
  }

  #mset(args: readonly string[]): RecordedReply {
    if (args.length % 2 !== 0) refuse(`ERR wrong number of arguments for 'mset' command`);
    for (let i = 0; i < args.length; i += 2) this.#put(args[i] ?? '', args[i + 1] ?? '');
    return OK;
  }

  #msetnx(args: readonly string[]): RecordedReply {
    if (args.length % 2 !== 0) refuse(`ERR wrong number of arguments for 'msetnx' command`);
    const exists = args.some((key, i) => i % 2 === 0 && this.values.has(key));
    if (!exists) this.#mset(args);
    return integer(exists ? 0 : 1);
  }

  #msetex(args: readonly string[]): RecordedReply {
    const count = needInt64(args[0] ?? '');
    if (count <= 0n) refuse('ERR numkeys should be greater than 0');
    if (count * 2n > BigInt(args.length - 1)) refuse(SYNTAX);
    const end = 1 + Number(count) * 2;
    const pairs = args.slice(1, end);
    const options = this.#options(
      args.slice(end), ['NX', 'XX', 'EX', 'PX', 'EXAT', 'PXAT', 'KEEPTTL'],
    );
    const { expiration } = options;
    const isTimed = expiration !== undefined && expiration !== 'KEEPTTL';
    const deadlineMs = isTimed ? this.#deadline(expiration, options.time, 'msetex') : undefined;
    const keys = pairs.filter((_, i) => i % 2 === 0);
    const isMet = keys.every((key) => this.#isMet(this.values.get(key), options.condition, ''));
    if (!isMet) return integer(0);
    keys.forEach((key, i) => {
      const kept = expiration === 'KEEPTTL' ? this.values.get(key)?.deadlineMs : deadlineMs;
      this.#put(key, pairs[i * 2 + 1] ?? '', kept);
    });
    return integer(1);
  }

  #delex(key: string, words: readonly string[]): RecordedReply {
    const options = this.#options(words, ['IFEQ', 'IFNE', 'IFDEQ', 'IFDNE']);
    this.#checkDigest(options);
    const old = this.values.get(key);
    if (old === undefined) return integer(0);
    const isMet = this.#isMet(old, options.condition, options.operand);
    if (isMet) this.values.delete(key);
    return integer(isMet ? 1 : 0);
  }
}
