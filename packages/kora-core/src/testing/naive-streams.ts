/**
 * Streams as arrays and maps, for tests: the same commands as the engine's, the plainest way to
 * answer them. An ID is one bigint, milliseconds above 64 bits of sequence; names and values are
 * strings of one character a byte. It knows explicit IDs, exact trims and well-formed arguments;
 * errors come out as `-` and nothing changes.
 * Cost: O(n) everywhere, on purpose.
 */
import { notationOf } from './recorded-reply.ts';

const SEQUENCE = 1n << 64n;
const LAST = SEQUENCE * SEQUENCE - 1n;

interface Pending {
  consumer: string;
  timeMs: number;
  deliveries: number;
}

interface Group {
  lastId: bigint;
  readonly consumers: Set<string>;
  readonly pending: Map<bigint, Pending>;
}

interface Stream {
  entries: [bigint, string[]][];
  lastId: bigint;
  readonly groups: Map<string, Group>;
}

/** Reads `ms-seq` or `ms`, `-`, `+`, and `(` before it. */
function readId(text: string, isEnd: boolean): bigint {
  if (text === '-') return 0n;
  if (text === '+') return LAST;
  if (text.startsWith('(')) return readId(text.slice(1), isEnd) + (isEnd ? -1n : 1n);
  const [ms = '', sequence] = text.split('-');
  const rest = sequence === undefined ? (isEnd ? SEQUENCE - 1n : 0n) : BigInt(sequence);
  return BigInt(ms) * SEQUENCE + rest;
}

const bulk = (text: string): string => notationOf({ kind: 'bulk', text });
const list = (items: readonly string[]): string => `*[${items.join(' ')}]`;
const idText = (id: bigint): string => bulk(`${id / SEQUENCE}-${id % SEQUENCE}`);
const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

export class NaiveStreams {
  readonly streams = new Map<string, Stream>();
  nowMs = 0;

  /** Answers a command in the notation of the conformance corpus; every error is `-`. */
  run(args: readonly string[]): string {
    const [name = '', key = '', ...rest] = args;
    switch (name) {
      case 'XADD': return this.#add(key, rest);
      case 'XLEN': return `:${this.streams.get(key)?.entries.length ?? 0}`;
      case 'XDEL': return this.#delete(key, rest);
      case 'XTRIM': return `:${this.#trim(key, rest[0] ?? '', rest[1] ?? '')}`;
      case 'XRANGE': return this.#range(key, rest[0] ?? '', rest[1] ?? '', rest[3], false);
      case 'XREVRANGE': return this.#range(key, rest[1] ?? '', rest[0] ?? '', rest[3], true);
      case 'XGROUP': return this.#groupCommand(key, rest);
      case 'XREADGROUP': return this.#readGroup(args);
      case 'XACK': return this.#acknowledge(key, rest);
      case 'XPENDING': return this.#pending(key, rest);
      case 'XCLAIM': return this.#claim(key, rest);
      case 'XAUTOCLAIM': return this.#autoclaim(key, rest);
      case 'DEL': return `:${this.streams.delete(key) ? 1 : 0}`;
      default: throw new RangeError(`the naive streams do not know ${name}`);
    }
  }

  #open(key: string): Stream {
    const known = this.streams.get(key);
    if (known !== undefined) return known;
    const made: Stream = { entries: [], lastId: 0n, groups: new Map() };
    this.streams.set(key, made);
    return made;
  }

  #add(key: string, rest: readonly string[]): string {
    const [text = '', ...pairs] = rest;
    const lastId = this.streams.get(key)?.lastId ?? 0n;
    let id: bigint;
    if (text === '*') {
      id = BigInt(this.nowMs) * SEQUENCE;
      if (id <= lastId) id = lastId + 1n;
    } else if (text.endsWith('-*')) {
      id = BigInt(text.slice(0, -2)) * SEQUENCE;
      if (id / SEQUENCE === lastId / SEQUENCE) id = lastId + 1n;
      if (id === 0n) id = 1n;
    } else {
      id = readId(text, false);
    }
    if (id <= lastId) return '-';
    const stream = this.#open(key);
    stream.lastId = id;
    stream.entries.push([id, pairs]);
    return idText(id);
  }

  #delete(key: string, ids: readonly string[]): string {
    const stream = this.streams.get(key);
    if (stream === undefined) return ':0';
    const gone = new Set(ids.map((text) => readId(text, false)));
    const before = stream.entries.length;
    stream.entries = stream.entries.filter(([id]) => !gone.has(id));
    return `:${before - stream.entries.length}`;
  }

  #trim(key: string, strategy: string, threshold: string): number {
    const stream = this.streams.get(key);
    if (stream === undefined) return 0;
    const before = stream.entries.length;
    const from = strategy === 'MAXLEN'
      ? Math.max(0, before - Number(threshold))
      : stream.entries.filter(([id]) => id < readId(threshold, false)).length;
    stream.entries = stream.entries.slice(from);
    return from;
  }

  #entry(stream: Stream, id: bigint): string | undefined {
    const found = stream.entries.find(([other]) => other === id);
    return found && list([idText(id), list(found[1].map(bulk))]);
  }

  #range(
    key: string, start: string, end: string, count: string | undefined, isReverse: boolean,
  ): string {
    const stream = this.streams.get(key);
    if (stream === undefined) return '*[]';
    if (count !== undefined && Number(count) <= 0) return '*_';
    const from = readId(start, false);
    const to = readId(end, true);
    let found = stream.entries.filter(([id]) => id >= from && id <= to);
    if (isReverse) found = found.reverse();
    return list(found.slice(0, count === undefined ? undefined : Number(count))
      .map(([id]) => this.#entry(stream, id) ?? ''));
  }

  #groupCommand(word: string, rest: readonly string[]): string {
    const [key = '', name = '', third = '', option] = rest;
    if (!this.streams.has(key) && option !== 'MKSTREAM') return '-';
    const known = this.streams.get(key);
    const group = known?.groups.get(name);
    const id = third === '$' ? known?.lastId ?? 0n : /^\d/.test(third) ? readId(third, false) : 0n;
    if (word === 'CREATE') {
      if (group !== undefined) return '-';
      this.#open(key).groups.set(name, { lastId: id, consumers: new Set(), pending: new Map() });
      return '+"OK"';
    }
    if (word === 'DESTROY') return `:${known?.groups.delete(name) === true ? 1 : 0}`;
    if (group === undefined) return '-';
    if (word === 'SETID') {
      group.lastId = id;
      return '+"OK"';
    }
    if (word === 'CREATECONSUMER') {
      const isNew = !group.consumers.has(third);
      group.consumers.add(third);
      return `:${isNew ? 1 : 0}`;
    }
    group.consumers.delete(third);
    const held = [...group.pending].filter(([, { consumer }]) => consumer === third);
    for (const [pendingId] of held) group.pending.delete(pendingId);
    return `:${held.length}`;
  }

  /** XREADGROUP GROUP g c COUNT n STREAMS key id */
  #readGroup(args: readonly string[]): string {
    const [, , name = '', consumer = '', , count = '', , key = '', idArgument = ''] = args;
    const stream = this.streams.get(key);
    const group = stream?.groups.get(name);
    if (stream === undefined || group === undefined) return '-';
    const max = Number(count) === 0 ? undefined : Number(count);
    let texts: string[];
    if (idArgument === '>') {
      const found = stream.entries.filter(([id]) => id > group.lastId).slice(0, max);
      if (found.length === 0) return '*_';
      for (const [id] of found) {
        group.lastId = id;
        group.pending.set(id, { consumer, timeMs: this.nowMs, deliveries: 1 });
      }
      texts = found.map(([id]) => this.#entry(stream, id) ?? '');
    } else {
      const from = readId(idArgument, false);
      const held = this.#held(group)
        .filter(([id, each]) => id > from && each.consumer === consumer);
      texts = held.slice(0, max).map(([id, each]) => {
        const entry = this.#entry(stream, id);
        if (entry === undefined) return list([idText(id), '*_']);
        each.timeMs = this.nowMs;
        each.deliveries++;
        return entry;
      });
    }
    group.consumers.add(consumer);
    return list([list([bulk(key), list(texts)])]);
  }

  #held(group: Group): [bigint, Pending][] {
    return [...group.pending].sort(([a], [b]) => ascending(a, b));
  }

  #groupOf(key: string, name: string): Group | undefined {
    return this.streams.get(key)?.groups.get(name);
  }

  #acknowledge(key: string, [name = '', ...ids]: readonly string[]): string {
    const group = this.#groupOf(key, name);
    const done = ids.filter((text) => group?.pending.delete(readId(text, false)));
    return `:${done.length}`;
  }

  /** XPENDING key g, or XPENDING key g start end count [consumer] */
  #pending(key: string, rest: readonly string[]): string {
    const [name = '', start, end = '', count = '', only] = rest;
    const group = this.#groupOf(key, name);
    if (group === undefined) return '-';
    const held = this.#held(group);
    if (start === undefined) {
      const [first] = held;
      const last = held[held.length - 1];
      if (first === undefined || last === undefined) return '*[:0 _ _ *_]';
      const counts = [...group.consumers].sort().map((consumer) => [
        consumer, held.filter(([, each]) => each.consumer === consumer).length,
      ] as const).filter(([, pending]) => pending > 0);
      return list([`:${held.length}`, idText(first[0]), idText(last[0]), list(
        counts.map(([consumer, pending]) => list([bulk(consumer), bulk(String(pending))])),
      )]);
    }
    const found = held.filter(([id, { consumer }]) => id >= readId(start, false)
      && id <= readId(end, true) && (only === undefined || consumer === only));
    return list(found.slice(0, Number(count)).map(([id, each]) => list([
      idText(id), bulk(each.consumer), `:${this.nowMs - each.timeMs}`, `:${each.deliveries}`,
    ])));
  }

  /** XCLAIM key g consumer min-idle id ... [FORCE] */
  #claim(key: string, rest: readonly string[]): string {
    const [name = '', consumer = '', idle = '', ...ids] = rest;
    const isForced = ids[ids.length - 1] === 'FORCE';
    const stream = this.streams.get(key);
    const group = stream?.groups.get(name);
    if (stream === undefined || group === undefined) return '-';
    const claimed: string[] = [];
    for (const text of ids.slice(0, isForced ? -1 : undefined)) {
      const id = readId(text, false);
      const entry = this.#entry(stream, id);
      let held = group.pending.get(id);
      if (entry === undefined) {
        group.pending.delete(id);
        continue;
      }
      if (held === undefined) {
        if (!isForced) continue;
        held = { consumer, timeMs: this.nowMs, deliveries: 1 };
        group.pending.set(id, held);
      } else if (this.nowMs - held.timeMs < Number(idle)) {
        continue;
      }
      this.#take(group, held, consumer);
      claimed.push(entry);
    }
    return list(claimed);
  }

  #take(group: Group, held: Pending, consumer: string): void {
    group.consumers.add(consumer);
    held.consumer = consumer;
    held.timeMs = this.nowMs;
    held.deliveries++;
  }

  /** XAUTOCLAIM key g consumer min-idle start COUNT n */
  #autoclaim(key: string, rest: readonly string[]): string {
    const [name = '', consumer = '', idle = '', start = '', , count = ''] = rest;
    const stream = this.streams.get(key);
    const group = stream?.groups.get(name);
    if (stream === undefined || group === undefined) return '-';
    const claimed: string[] = [];
    const gone: string[] = [];
    let left = Number(count);
    let attempts = left * 10;
    let next = 0n;
    for (const [id, held] of this.#held(group)) {
      if (id < readId(start, false)) continue;
      if (attempts-- === 0 || left === 0) {
        next = id;
        break;
      }
      const entry = this.#entry(stream, id);
      if (entry === undefined) {
        group.pending.delete(id);
        gone.push(idText(id));
        left--;
      } else if (this.nowMs - held.timeMs >= Number(idle)) {
        this.#take(group, held, consumer);
        claimed.push(entry);
        left--;
      }
    }
    return list([idText(next), list(claimed), list(gone)]);
  }
}
