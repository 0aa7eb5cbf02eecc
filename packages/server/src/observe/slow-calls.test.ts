/**
 * The slow log, LATENCY and INFO of several workers: one log, whoever asks, with the client's own
 * address and name although its commands ran elsewhere.
 */
import { encodeRequest } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/mesh-rig.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

/** One entry of SLOWLOG GET in RESP2: id, words, address, name. */
interface Entry {
  readonly id: number;
  readonly words: string;
  readonly address: string;
  readonly name: string;
}

type Value = string | number | readonly Value[];

/** Reads one RESP2 value. */
function readValue(text: string, from: { at: number }): Value {
  const end = text.indexOf('\r\n', from.at);
  const sign = text.charAt(from.at);
  const rest = text.slice(from.at + 1, end);
  from.at = end + 2;
  if (sign === ':') return Number(rest);
  if (sign === '+' || sign === '-') return rest;
  if (sign === '$') {
    const value = text.slice(from.at, from.at + Number(rest));
    from.at += Number(rest) + 2;
    return value;
  }
  expect(sign).toBe('*');
  return Array.from({ length: Number(rest) }, () => readValue(text, from));
}

const listOf = (value: Value | undefined): readonly Value[] =>
  typeof value === 'object' ? value : [];

class Process {
  readonly rigs: readonly WorkerRig[];
  readonly clients: readonly number[];
  readonly #mesh: MeshRig | null;

  constructor(workerCount: number, settings: readonly (readonly [string, string])[] = []) {
    this.#mesh = workerCount === 1 ? null : new MeshRig(workerCount, { settings });
    this.rigs = this.#mesh?.rigs ?? [new WorkerRig({ settings })];
    this.clients = this.rigs.map((rig, index) => {
      const slot = rig.connect();
      this.#mesh?.rest(index);
      return slot;
    });
  }

  /** Replies of one client to lines that come at once. */
  ask(rig: number, ...lines: string[]): Value[] {
    const slot = this.clients[rig] ?? -1;
    const before = this.rigs[rig]?.repliesOf(slot).length ?? 0;
    const requests = lines.map((line) => encodeRequest(line.split(' ')));
    if (this.#mesh === null) this.rigs[rig]?.receive(slot, Buffer.concat(requests));
    else this.#mesh.receive(rig, slot, Buffer.concat(requests));
    this.#mesh?.settle();
    const text = this.rigs[rig]?.repliesOf(slot).slice(before) ?? '';
    const from = { at: 0 };
    return lines.map(() => readValue(text, from));
  }

  slow(rig: number, count = -1): Entry[] {
    return listOf(this.ask(rig, `SLOWLOG GET ${count}`)[0]).map((value) => {
      const [id, , , words, address, name] = listOf(value);
      return {
        id: Number(id), words: listOf(words).join(' '), address: String(address),
        name: String(name),
      };
    });
  }
}

describe.each([1, 2, 3])('the slow log of %i workers', (workerCount) => {
  const all: readonly (readonly [string, string])[] = [['slowlog-log-slower-than', '0']];

  it('is one log in the order of what ran, with the clients that asked', () => {
    const running = new Process(workerCount, all);
    const { rigs } = running;
    const lines: string[] = [];
    rigs.forEach((_rig, index) => {
      running.ask(index, `CLIENT SETNAME client${index}`);
      lines.push(`CLIENT SETNAME client${index}`);
      for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
        running.ask(index, `SET ${key}${index} 1`);
        lines.push(`SET ${key}${index} 1`);
      }
    });
    rigs.forEach((_rig, index) => {
      running.ask(index, 'CONFIG SET slowlog-log-slower-than -1');
      const entries = running.slow(index).reverse();
      expect(entries.map(({ words }) => words)).toEqual(lines);
      expect(entries.map(({ id }) => id)).toEqual(lines.map((_line, i) => i));
      entries.forEach(({ address, name }, i) => {
        expect(address).toBe('127.0.0.1:1');
        const isFirst = i % 7 === 0;
        expect(name).toBe(`client${Math.floor(i / 7)}`);
        expect(isFirst || lines[i]?.startsWith('SET ')).toBe(true);
      });
      expect(running.slow(index, 3).map(({ words }) => words)).toEqual(lines.slice(-3).reverse());
      expect(running.ask(index, 'SLOWLOG LEN')).toEqual([lines.length]);
    });
  });
  it('is bounded as a whole and emptied as a whole', () => {
    const running = new Process(workerCount, [...all, ['slowlog-max-len', '10']]);
    for (let i = 0; i < 40; i++) running.ask(i % workerCount, `SET k${i} ${i}`);
    running.ask(0, 'CONFIG SET slowlog-log-slower-than -1');
    for (let rig = 0; rig < workerCount; rig++) {
      expect(running.ask(rig, 'SLOWLOG LEN')).toEqual([10]);
      expect(running.slow(rig).map(({ words }) => words)).toEqual(
        Array.from({ length: 10 }, (_, i) => `SET k${39 - i} ${39 - i}`),
      );
    }
    expect(running.ask(workerCount - 1, 'SLOWLOG RESET')).toEqual(['OK']);
    expect(running.slow(0)).toEqual([]);
    expect(running.ask(0, 'SLOWLOG LEN')).toEqual([0]);
  });
  it('has parts of commands of several shards, with their client', () => {
    const running = new Process(workerCount, all);
    running.ask(0, 'CLIENT SETNAME ada', 'MSET a 1 b 2 c 3 d 4 e 5 f 6');
    running.ask(0, 'MULTI', 'INCR a', 'INCR b', 'INCR c', 'EXEC', 'INFO server');
    running.ask(0, 'CONFIG SET slowlog-log-slower-than -1');
    const entries = running.slow(0);
    const keys = entries.filter(({ words }) => words.startsWith('MSET')).flatMap(({ words }) =>
      words.split(' ').filter((_word, i) => i % 2 === 1));
    expect(keys.sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    const increments = entries.filter(({ words }) => words.startsWith('INCR'));
    expect(increments.map(({ words }) => words).sort()).toEqual(['INCR a', 'INCR b', 'INCR c']);
    expect(entries.every(({ words }) => !words.startsWith('EXEC'))).toBe(true);
    expect(entries.map(({ words }) => words)).toContain('INFO server');
    for (const { address, name } of entries) {
      expect(address).toBe('127.0.0.1:1');
      expect(name).toBe('ada');
    }
  });
  it('has calls that walk the shards one after the other, with their client', () => {
    const running = new Process(workerCount, all);
    for (let i = 0; i < 30; i++) running.ask(0, `SET k${i} 1`);
    running.rigs.forEach((_rig, index) => {
      running.ask(index, `CLIENT SETNAME client${index}`);
      const [, keys] = listOf(running.ask(index, 'SCAN 0 COUNT 1000')[0]);
      expect(listOf(keys)).toHaveLength(30);
    });
    running.ask(0, 'CONFIG SET slowlog-log-slower-than -1');
    const scans = running.slow(0).filter(({ words }) => words.startsWith('SCAN'));
    for (const { address } of scans) expect(address).toBe('127.0.0.1:1');
    const wanted = running.rigs.map((_rig, index) => `client${index}`);
    expect([...new Set(scans.map(({ name }) => name))].sort()).toEqual(wanted);
  });
  it.each(['SLOWLOG GET x', 'SLOWLOG GET -2', 'SLOWLOG GET 1 2', 'LATENCY GRAPH nosuch'])(
    'answers %s as one worker does', (line) => {
      const running = new Process(workerCount);
      const alone = new Process(1);
      expect(running.ask(workerCount - 1, line)).toEqual(alone.ask(0, line));
    },
  );
});

describe.each([1, 3])('LATENCY and INFO of %i workers', (workerCount) => {
  it('add up what all have seen', () => {
    const running = new Process(workerCount, [['latency-monitor-threshold', '1']]);
    for (const { composed } of running.rigs) {
      composed.shard.observer?.onCycle('eviction-cycle', 5000 + composed.shard.index * 1000);
    }
    const worst = 4 + workerCount;
    const seconds = Math.floor((running.rigs[0]?.clock.nowMs() ?? 0) / 1000);
    const [latest, history] = running.ask(
      workerCount - 1, 'LATENCY LATEST', 'LATENCY HISTORY eviction-cycle',
    );
    expect(latest).toEqual([['eviction-cycle', seconds, worst, worst]]);
    expect(history).toEqual([[seconds, worst]]);
    expect(String(running.ask(0, 'LATENCY GRAPH eviction-cycle')[0])).toContain(`high ${worst} ms`);
    expect(String(running.ask(0, 'LATENCY DOCTOR')[0])).toContain(`the worst ever took ${worst}`);
    expect(running.ask(0, 'LATENCY RESET nosuch eviction-cycle', 'LATENCY RESET')).toEqual([1, 0]);
    expect(running.ask(workerCount - 1, 'LATENCY LATEST')).toEqual([[]]);
  });
  it('count every call of every client once', () => {
    const running = new Process(workerCount);
    for (let i = 0; i < 300; i++) running.ask(i % workerCount, `GET k${i}`);
    const [histogram, info] = running.ask(0, 'LATENCY HISTOGRAM get', 'INFO latencystats');
    const [name, found] = listOf(histogram);
    expect(name).toBe('get');
    expect(listOf(found).slice(0, 2)).toEqual(['calls', 300]);
    expect(String(info)).toMatch(/^latency_percentiles_usec_get:p50=0\.001,p99=0\.001,p99\.9=/m);
    expect(running.ask(0, 'CONFIG RESETSTAT', 'LATENCY HISTOGRAM get')).toEqual(['OK', []]);
  });
});
