/**
 * The hash commands once more, written as plainly as possible over JavaScript Maps: the other side
 * of the model tests. Texts are strings of one character a byte, deadlines numbers of ms. It knows
 * nothing of memory, packs, members or trees. What chance decides (HRANDFIELD, the order of fields)
 * it leaves to the test: `names` and `pairs` tell what there is.
 */
import {
  addLongDouble, longDoubleText, parseLongDouble,
} from '../bytes/long-double.ts';
import type { RecordedReply } from './recorded-reply.ts';

interface NaiveField {
  value: string;
  /** Absolute deadline in ms, undefined without one. */
  deadlineMs: number | undefined;
}

/** One hash; fields whose time has come stay until the test says that they were freed. */
export class NaiveHash {
  readonly fields = new Map<string, NaiveField>();
  /** Redis would have given up the listpack. */
  isWide = false;
  /** It had too many fields if those are counted whose time has come: either answer is right. */
  isDoubtful = false;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const OK: RecordedReply = { kind: 'simple', text: 'OK' };
const NULL: RecordedReply = { kind: 'null' };

/** Thrown inside the model where Redis answers an error. */
class Refusal extends Error {}

function refuse(text: string): never {
  throw new Refusal(text);
}

const integer = (value: number | bigint): RecordedReply => ({
  kind: 'integer', text: String(value),
});
const bulk = (text: string): RecordedReply => ({ kind: 'bulk', text });
const array = (items: readonly RecordedReply[]): RecordedReply => ({ kind: 'array', items });

function int64(text: string): bigint | undefined {
  if (!/^(0|-?[1-9]\d*)$/.test(text) || text.length > 20) return undefined;
  const value = BigInt(text);
  return value < INT64_MIN || value > INT64_MAX ? undefined : value;
}

type Run = (model: NaiveHashes, args: readonly string[]) => RecordedReply;

const runs: Readonly<Record<string, Run>> = {
  HSET: (m, [key = '', ...pairs]) => integer(m.put(key, pairs)),
  HMSET: (m, [key = '', ...pairs]) => (m.put(key, pairs), OK),
  HSETNX: (m, [key = '', field = '', value = '']) =>
    integer(m.field(key, field) === undefined ? m.put(key, [field, value]) : 0),
  HGET: (m, [key = '', field = '']) => m.value(key, field),
  HMGET: (m, [key = '', ...fields]) => array(fields.map((field) => m.value(key, field))),
  HLEN: (m, [key = '']) => integer(m.names(key).length),
  HEXISTS: (m, [key = '', field = '']) => integer(m.field(key, field) === undefined ? 0 : 1),
  HSTRLEN: (m, [key = '', field = '']) => integer(m.field(key, field)?.value.length ?? 0),
  HKEYS: (m, [key = '']) => array(m.names(key).map(bulk)),
  HVALS: (m, [key = '']) => array(m.pairs(key).map(([, value]) => bulk(value))),
  HGETALL: (m, [key = '']) => array(m.pairs(key).flat().map(bulk)),
  HDEL: (m, [key = '', ...fields]) => integer(m.remove(key, fields)),
  HINCRBY: (m, [key = '', field = '', amount = '']) => m.increment(key, field, amount),
  HINCRBYFLOAT: (m, [key = '', field = '', amount = '']) => m.incrementFloat(key, field, amount),
  HEXPIRE: (m, args) => m.expire(args, 1000, true),
  HPEXPIRE: (m, args) => m.expire(args, 1, true),
  HEXPIREAT: (m, args) => m.expire(args, 1000, false),
  HPEXPIREAT: (m, args) => m.expire(args, 1, false),
  HTTL: (m, args) => m.times(args, (ms) => Math.ceil((ms - m.nowMs) / 1000)),
  HPTTL: (m, args) => m.times(args, (ms) => ms - m.nowMs),
  HEXPIRETIME: (m, args) => m.times(args, (ms) => Math.ceil(ms / 1000)),
  HPEXPIRETIME: (m, args) => m.times(args, (ms) => ms),
  HPERSIST: (m, args) => m.persist(args),
  HGETEX: (m, args) => m.getex(args),
  HSETEX: (m, args) => m.setex(args),
  HGETDEL: (m, [key = '', , , ...fields]) => {
    return array(fields.map((field) => {
      const value = m.value(key, field);
      m.remove(key, [field]);
      return value;
    }));
  },
  DEL: (m, [key = '']) => integer(m.hashes.delete(key) ? 1 : 0),
};

export class NaiveHashes {
  readonly hashes = new Map<string, NaiveHash>();
  nowMs = 0;
  entriesMax = 512;
  valueBytesMax = 64;

  /** Runs one command with sound arguments; the reply it should give. */
  run(args: readonly string[]): RecordedReply {
    const run = runs[args[0] ?? ''];
    if (run === undefined) throw new Error(`the model has no ${args[0] ?? ''}`);
    try {
      return run(this, args.slice(1));
    } catch (error) {
      if (error instanceof Refusal) return { kind: 'error', text: error.message };
      throw error;
    }
  }

  /** A living field. */
  field(key: string, name: string): NaiveField | undefined {
    const field = this.hashes.get(key)?.fields.get(name);
    return field === undefined || this.#isDue(field) ? undefined : field;
  }

  /** Names of living fields. */
  names(key: string): string[] {
    return this.pairs(key).map(([name]) => name);
  }

  /** Living pairs. */
  pairs(key: string): [string, string][] {
    const fields = [...(this.hashes.get(key)?.fields ?? [])];
    const living = fields.filter(([, field]) => !this.#isDue(field));
    return living.map(([name, { value }]) => [name, value]);
  }

  value(key: string, name: string): RecordedReply {
    const field = this.field(key, name);
    return field === undefined ? NULL : bulk(field.value);
  }

  /** Sets pairs; `keeps` leaves deadlines of living fields. Returns fields that are new. */
  put(key: string, pairs: readonly string[], keeps = false): number {
    const hash = this.hashes.get(key) ?? new NaiveHash();
    this.hashes.set(key, hash);
    let added = 0;
    for (let i = 0; i < pairs.length; i += 2) {
      const name = pairs[i] ?? '';
      const value = pairs[i + 1] ?? '';
      const old = this.field(key, name);
      if (old === undefined) added++;
      const deadlineMs = keeps ? old?.deadlineMs : undefined;
      if (old === undefined) hash.fields.delete(name);
      hash.fields.set(name, { value, deadlineMs });
      const longest = Math.max(name.length, value.length);
      const living = this.names(key).length;
      if (longest > this.valueBytesMax || living > this.entriesMax) hash.isWide = true;
      else if (hash.fields.size > this.entriesMax) hash.isDoubtful = true;
    }
    return added;
  }

  remove(key: string, names: readonly string[]): number {
    const hash = this.hashes.get(key);
    let removed = 0;
    for (const name of names) {
      if (this.field(key, name) === undefined) continue;
      hash?.fields.delete(name);
      removed++;
    }
    if (hash?.fields.size === 0) this.hashes.delete(key);
    return removed;
  }

  increment(key: string, name: string, text: string): RecordedReply {
    const amount = int64(text) ?? refuse('ERR value is not an integer or out of range');
    const current = int64(this.field(key, name)?.value ?? '0');
    if (current === undefined) refuse('ERR hash value is not an integer');
    const sum = current + amount;
    if (sum < INT64_MIN || sum > INT64_MAX) refuse('ERR increment or decrement would overflow');
    this.put(key, [name, String(sum)], true);
    return integer(sum);
  }

  incrementFloat(key: string, name: string, text: string): RecordedReply {
    const amount = parseLongDouble(text) ?? refuse('ERR value is not a valid float');
    if (amount === 'infinite') refuse('ERR value is NaN or Infinity');
    const current = parseLongDouble(this.field(key, name)?.value ?? '0');
    if (current === undefined) refuse('ERR hash value is not a float');
    const sum = current === 'infinite' ? current : addLongDouble(current, amount);
    if (sum === 'infinite') refuse('ERR increment would produce NaN or Infinity');
    this.put(key, [name, longDoubleText(sum)], true);
    return bulk(longDoubleText(sum));
  }

  /** key, time, [condition], FIELDS, n, fields. */
  expire(args: readonly string[], unitMs: number, isRelative: boolean): RecordedReply {
    const [key = '', time = '', word = ''] = args;
    const condition = word === 'FIELDS' ? '' : word;
    const names = args.slice(condition === '' ? 4 : 5);
    const ms = Number(time) * unitMs + (isRelative ? this.nowMs : 0);
    return array(names.map((name) => integer(this.#expireOne(key, name, ms, condition))));
  }

  #expireOne(key: string, name: string, ms: number, condition: string): number {
    const field = this.field(key, name);
    if (field === undefined) return -2;
    const old = field.deadlineMs;
    const isRefused =
      (condition === 'NX' && old !== undefined) ||
      (condition === 'XX' && old === undefined) ||
      (condition === 'GT' && ms <= (old ?? Infinity)) ||
      (condition === 'LT' && ms >= (old ?? Infinity));
    if (isRefused) return 0;
    if (ms <= this.nowMs) {
      this.remove(key, [name]);
      return 2;
    }
    field.deadlineMs = ms;
    return 1;
  }

  /** key, FIELDS, n, fields. */
  times(args: readonly string[], shown: (ms: number) => number): RecordedReply {
    return array(args.slice(3).map((name) => {
      const field = this.field(args[0] ?? '', name);
      if (field === undefined) return integer(-2);
      return integer(field.deadlineMs === undefined ? -1 : shown(field.deadlineMs));
    }));
  }

  persist(args: readonly string[]): RecordedReply {
    return array(args.slice(3).map((name) => {
      const field = this.field(args[0] ?? '', name);
      if (field === undefined) return integer(-2);
      if (field.deadlineMs === undefined) return integer(-1);
      field.deadlineMs = undefined;
      return integer(1);
    }));
  }

  /** key, [EX|PX|EXAT|PXAT time | PERSIST], FIELDS, n, fields. */
  getex(args: readonly string[]): RecordedReply {
    const [key = ''] = args;
    const fieldsAt = args.indexOf('FIELDS');
    const names = args.slice(fieldsAt + 2);
    const reply = array(names.map((name) => this.value(key, name)));
    for (const name of names) {
      const field = this.field(key, name);
      if (field === undefined || fieldsAt === 1) continue;
      if (args[1] === 'PERSIST') field.deadlineMs = undefined;
      else this.#expireOne(key, name, this.#deadline(args[1] ?? '', args[2] ?? ''), '');
    }
    return reply;
  }

  /** key, [FNX|FXX], [EX|PX|EXAT|PXAT time | KEEPTTL], FIELDS, n, pairs. */
  setex(args: readonly string[]): RecordedReply {
    const [key = '', word = ''] = args;
    const fieldsAt = args.indexOf('FIELDS');
    const pairs = args.slice(fieldsAt + 2);
    const names = pairs.filter((_, i) => i % 2 === 0);
    if (args.includes('KEEPTTL')) this.free(key, () => false);
    const existing = names.filter((name) => this.field(key, name) !== undefined).length;
    if (word === 'FNX' && existing > 0) return integer(0);
    if (word === 'FXX' && existing < names.length) return integer(0);
    const unitAt = word === 'FNX' || word === 'FXX' ? 2 : 1;
    const unit = args[unitAt] ?? '';
    const isTimed = unitAt < fieldsAt && unit !== 'KEEPTTL';
    const ms = isTimed ? this.#deadline(unit, args[unitAt + 1] ?? '') : 0;
    if (isTimed && ms <= this.nowMs) {
      this.remove(key, names);
      return integer(1);
    }
    this.put(key, pairs, unit === 'KEEPTTL');
    if (isTimed) for (const name of names) this.#expireOne(key, name, ms, '');
    return integer(1);
  }

  /** Drops the fields that are due, unless they are still held; the key with the last field. */
  free(key: string, isHeld: (name: string) => boolean): void {
    const hash = this.hashes.get(key);
    for (const [name, field] of hash?.fields ?? []) {
      if (this.#isDue(field) && !isHeld(name)) hash?.fields.delete(name);
    }
    if (hash?.fields.size === 0) this.hashes.delete(key);
  }

  #deadline(unit: string, time: string): number {
    const ms = Number(time) * (unit.startsWith('EX') ? 1000 : 1);
    return unit.endsWith('AT') ? ms : this.nowMs + ms;
  }

  #isDue(field: NaiveField): boolean {
    return field.deadlineMs !== undefined && field.deadlineMs < this.nowMs;
  }
}
