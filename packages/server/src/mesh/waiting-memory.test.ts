/**
 * Memory for replies ends while somebody who waits is served: wherever that is, nothing is taken
 * from the key that its reply does not bring. Either the key keeps what it has until there is
 * memory again, or the reply that is on its way waits for it; nobody is cut, and nobody behind the
 * first gets anything before it. Every piece of memory that serving asks for is refused once.
 */
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, connectTo, keysOf, repliesOf, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const list = (...values: readonly string[]): string => `*${values.length}\r\n${values.join('')}`;

/** Longer than a chunk of replies, or a part of one. */
const SIZES = [100, 65_500, 200_000];
/** More pieces of memory than serving asks for. */
const PIECES_MAX = 40;

/** Those who wait for a key, and what each is answered with elements a, b and c. */
interface Case {
  readonly wait: (key: string, target: string) => readonly string[];
  readonly fill: (key: string, values: readonly string[]) => readonly string[];
  readonly reply: (key: string, values: readonly string[]) => string;
  /** Values it takes at once. */
  readonly takes: number;
}

const push = (key: string, values: readonly string[]): string[] => ['RPUSH', key, ...values];
const add = (key: string, values: readonly string[]): string[] =>
  ['ZADD', key, ...values.flatMap((value) => ['0', value])];

const cases: Readonly<Record<string, Case>> = {
  BLPOP: {
    wait: (key) => ['BLPOP', key, '0'], fill: push, takes: 1,
    reply: (key, [a = '']) => list(bulk(key), bulk(a)),
  },
  BRPOP: {
    wait: (key) => ['BRPOP', key, '0'], fill: push, takes: 1,
    reply: (key, values) => list(bulk(key), bulk(values.at(-1) ?? '')),
  },
  BLMPOP: {
    wait: (key) => ['BLMPOP', '0', '1', key, 'RIGHT', 'COUNT', '9'], fill: push, takes: 9,
    reply: (key, values) => list(bulk(key), list(...[...values].reverse().map(bulk))),
  },
  BLMOVE: {
    wait: (key, target) => ['BLMOVE', key, target, 'LEFT', 'LEFT', '0'], fill: push, takes: 1,
    reply: (_key, [a = '']) => bulk(a),
  },
  BZPOPMIN: {
    wait: (key) => ['BZPOPMIN', key, '0'], fill: add, takes: 1,
    reply: (key, [a = '']) => list(bulk(key), bulk(a), bulk('0')),
  },
  BZMPOP: {
    wait: (key) => ['BZMPOP', '0', '1', key, 'MIN', 'COUNT', '9'], fill: add, takes: 9,
    reply: (key, values) => list(
      bulk(key), list(...values.map((value) => list(bulk(value), bulk('0')))),
    ),
  },
};

/** Refuses memory to one worker. */
class Shortage {
  /** Pieces that were asked for. */
  asked = 0;
  readonly #undo: () => void;

  /**
   * @param n the first piece that is refused, from 1 on @param isOnce only that one is
   * @param ofAllLow of low memory as a whole, and not only chunks of replies
   */
  constructor({ worker }: MeshRig['rigs'][number], n: number, isOnce: boolean, ofAllLow = false) {
    const { chunks } = worker;
    const { lowAllocator } = worker.shard.memory;
    const take = chunks.take.bind(chunks);
    const alloc = lowAllocator.alloc.bind(lowAllocator);
    const mayHave = (): boolean => {
      this.asked++;
      return isOnce ? this.asked !== n : this.asked < n;
    };
    // A chunk may be a spare one, or a block of low memory: it counts once.
    let isChunk = false;
    chunks.take = () => {
      if (!mayHave()) return undefined;
      isChunk = true;
      const chunk = take();
      isChunk = false;
      return chunk;
    };
    if (ofAllLow) lowAllocator.alloc = (bytes) => (isChunk || mayHave() ? alloc(bytes) : 0);
    this.#undo = () => {
      Reflect.deleteProperty(chunks, 'take');
      Reflect.deleteProperty(lowAllocator, 'alloc');
    };
  }

  end(): void {
    this.#undo();
  }
}

class Rig {
  readonly mesh: MeshRig;
  /** A client of the worker with the keys. */
  readonly control: MeshClient;
  readonly key: string;
  readonly source: string;
  readonly target: string;

  constructor(workers: number) {
    this.mesh = new MeshRig(workers);
    const owner = workers - 1;
    this.control = connectTo(this.mesh, owner);
    const tag = keysOf(owner, workers, 1)[0] ?? '';
    this.key = `{${tag}}key`;
    this.source = `{${tag}}source`;
    this.target = `{${tag}}target`;
  }

  ask(...words: readonly string[]): string {
    return ask(this.mesh, this.control, ...words);
  }

  /** A client that waits. */
  wait(worker: number, words: readonly string[]): MeshClient {
    const client = connectTo(this.mesh, worker);
    expect(ask(this.mesh, client, ...words)).toBe('');
    return client;
  }

  /** The next tick of every worker. */
  tick(): void {
    this.mesh.clock.advance(100);
    this.mesh.rigs.forEach((each, index) => {
      each.tick(0);
      this.mesh.wakeUp(index);
    });
    this.mesh.settle();
  }

  replies(client: MeshClient): string {
    return repliesOf(this.mesh, client);
  }

  length(key: string): number {
    const isList = this.ask('TYPE', key) === '+list\r\n';
    return Number(this.ask(isList ? 'LLEN' : 'ZCARD', key).slice(1));
  }
}

/**
 * Serves two waiters while worker `short` is refused its n-th piece of memory and those behind it.
 * @returns false when it did not ask for as many
 */
function serveShort(
  rig: Rig, one: Case, bytes: number, origin: number, short: number, n: number, isOnce: boolean,
): boolean {
  const { mesh, key, source, target } = rig;
  const values = ['a', 'b', 'c'].map((text) => text.repeat(bytes));
  const waiting = [origin, rig.mesh.rigs.length - 1].map((worker) =>
    rig.wait(worker, one.wait(key, target)));
  rig.ask(...one.fill(source, values));
  // What is asked for is memory for the waiters' replies: the elements came before.
  const shortage = new Shortage(mesh.rigs[short] ?? expect.fail(), n, isOnce);
  expect(rig.ask('RENAME', source, key)).toBe('+OK\r\n');
  mesh.settle();
  const taken = waiting.filter((client) => rig.replies(client) !== '').length;
  if (short === mesh.rigs.length - 1) {
    if (!isOnce && taken === 0) expect(rig.length(key)).toBe(3);
    if (taken === 1) expect(rig.replies(waiting[0] ?? expect.fail())).not.toBe('');
  }
  shortage.end();
  rig.tick();
  rig.tick();
  const rest = [...values];
  waiting.forEach((client, i) => {
    if (rest.length === 0) {
      expect(rig.replies(client)).toBe('');
      mesh.disconnect(client.rig, client.slot);
      return;
    }
    const isRight = one === cases['BRPOP'];
    expect(rig.replies(client) === one.reply(key, rest), `reply to waiter ${i}`).toBe(true);
    rest.splice(isRight ? -one.takes : 0, one.takes);
  });
  expect(rig.length(key)).toBe(rest.length);
  expect(mesh.rigs.flatMap(({ log }) => log)).toEqual([]);
  rig.ask('DEL', key, target);
  mesh.settle();
  for (const { worker } of mesh.rigs) {
    expect(worker.shard.waiting.count).toBe(0);
    expect(worker.waits.count).toBe(0);
    expect(worker.mesh?.waitsAcross.count ?? 0).toBe(0);
  }
  return shortage.asked >= n;
}

/** All pieces, one by one; returns how many were refused. */
function serveShortEach(
  rig: Rig, one: Case, bytes: number, origin: number, short: number,
): number {
  for (let n = 1; n <= PIECES_MAX; n++) {
    const isMore = serveShort(rig, one, bytes, origin, short, n, false);
    serveShort(rig, one, bytes, origin, short, n, true);
    if (!isMore) return n - 1;
  }
  throw new Error(`serving asks for more than ${PIECES_MAX} pieces`);
}

describe.each(Object.entries(cases))('memory ends while %s is served', (_name, one) => {
  it('by its own worker', () => {
    const rig = new Rig(1);
    const refusals = SIZES.map((bytes) => serveShortEach(rig, one, bytes, 0, 0));
    expect(refusals.at(-1)).toBeGreaterThan(2);
  });

  it('by another worker that has none', () => {
    const rig = new Rig(2);
    const refusals = SIZES.map((bytes) => serveShortEach(rig, one, bytes, 0, 1));
    expect(refusals.at(-1)).toBeGreaterThan(2);
  });

  it('by another worker, and its own has none', () => {
    const rig = new Rig(2);
    const refusals = SIZES.map((bytes) => serveShortEach(rig, one, bytes, 0, 0));
    expect(refusals.at(-1)).toBeGreaterThan(2);
  });
});

/** Nothing was taken. */
const REFUSAL = /^-(OOM|ERR argument too large) .*\r\n$/;

/**
 * One client asks for what is there while worker `short` is refused its n-th piece of memory, and
 * those behind it unless `isOnce`. It has the element or is told that there is no memory.
 * @returns false when it did not ask for as many; whether it was told
 */
function takeShort(
  rig: Rig, one: Case, bytes: number, keys: readonly string[], short: number, n: number,
  isOnce: boolean,
): { isMore: boolean; isRefused: boolean } {
  const { mesh, key, target } = rig;
  const values = ['a', 'b', 'c'].map((text) => text.repeat(bytes));
  const client = connectTo(mesh, 0);
  rig.ask(...one.fill(key, values));
  const words = one.wait(key, target);
  // Behind the key, others that have nothing: the command then concerns several workers.
  const at = words.indexOf(key);
  const isMany = keys.length > 1;
  const before = words.slice(0, at).map((word) => (word === '1' ? String(keys.length) : word));
  const asked = isMany ? [...before, ...keys, ...words.slice(at + 1)] : words;
  // Where the command runs, low memory also has what is told of the change: that has to be there.
  const ofAllLow = short === 0 && !isMany;
  const shortage = new Shortage(mesh.rigs[short] ?? expect.fail(), n, isOnce, ofAllLow);
  send(mesh, client, ...asked);
  mesh.settle();
  shortage.end();
  rig.tick();
  rig.tick();
  const reply = rig.replies(client);
  const isRefused = REFUSAL.test(reply);
  if (!isRefused) expect(reply === one.reply(key, values), reply.slice(0, 80)).toBe(true);
  expect(rig.length(key)).toBe(isRefused ? 3 : Math.max(0, 3 - one.takes));
  expect(mesh.rigs.flatMap(({ log }) => log)).toEqual([]);
  rig.ask('DEL', key, target);
  mesh.disconnect(client.rig, client.slot);
  mesh.settle();
  for (const { worker } of mesh.rigs) {
    expect(worker.shard.waiting.count).toBe(0);
    expect(worker.mesh?.waitsAcross.count ?? 0).toBe(0);
  }
  return { isMore: shortage.asked >= n, isRefused };
}

describe.each(Object.entries(cases))('memory ends as %s finds something at once', (name, one) => {
  const isOfOneKey = name === 'BLMOVE';
  it.each([['the owner', 1, 1], ['its own worker', 0, 1], ['the owner of one of two keys', 1, 2],
    ['its own worker, of one of two keys', 0, 2]] as const)('%s has none', (_who, short, count) => {
    const rig = new Rig(2);
    const local = `{${keysOf(0, 2, 1)[0] ?? ''}}other`;
    const keys = count === 1 || isOfOneKey ? [rig.key] : [rig.key, local];
    let refusals = 0;
    for (const bytes of SIZES) {
      for (let n = 1, isMore = true; isMore; n++) {
        for (const isOnce of [false, true]) {
          const result = takeShort(rig, one, bytes, keys, short, n, isOnce);
          if (result.isRefused) refusals++;
          isMore = result.isMore && n < PIECES_MAX;
        }
      }
    }
    // Of several keys the own worker borrows those of others, and runs the command.
    if (short === (keys.length > 1 ? 0 : 1)) expect(refusals).toBeGreaterThan(0);
  });
});

describe('a reply that waits for memory', () => {
  it('goes with the client that leaves, and ends with no deadline before', () => {
    for (const how of ['leaves', 'is late', 'is unblocked'] as const) {
      const rig = new Rig(2);
      const client = rig.wait(0, ['BLPOP', rig.key, '0.05']);
      const id = ask(rig.mesh, connectTo(rig.mesh, 0), 'CLIENT', 'LIST').match(/id=(\d+).*blpop/);
      rig.ask('RPUSH', rig.source, 'x'.repeat(200_000));
      const shortage = new Shortage(rig.mesh.rigs[0] ?? expect.fail(), 1, false);
      rig.ask('RENAME', rig.source, rig.key);
      if (how === 'leaves') rig.mesh.disconnect(0, client.slot);
      if (how === 'is late') rig.tick();
      const reply = how === 'is unblocked'
        ? rig.ask('CLIENT', 'UNBLOCK', id?.[1] ?? '') : ':0\r\n';
      expect(reply).toBe(':0\r\n');
      expect(rig.replies(client)).toBe('');
      expect(rig.mesh.rigs[0]?.worker.mesh?.isQuiet).toBe(how === 'leaves');
      shortage.end();
      rig.tick();
      expect(rig.replies(client).length > 200_000).toBe(how !== 'leaves');
      expect(rig.length(rig.key)).toBe(0);
      expect(rig.mesh.rigs[0]?.worker.mesh?.waitsAcross.count).toBe(0);
      expect(rig.mesh.rigs[0]?.worker.mesh?.isQuiet).toBe(true);
    }
  });

  it('lets nobody behind it have what it waits for, but those who come for it', () => {
    const rig = new Rig(1);
    const first = rig.wait(0, ['BLPOP', rig.key, '0']);
    const second = rig.wait(0, ['BLPOP', rig.key, '0']);
    rig.ask('RPUSH', rig.source, 'x'.repeat(200_000), 'small');
    const shortage = new Shortage(rig.mesh.rigs[0] ?? expect.fail(), 1, false);
    rig.ask('RENAME', rig.source, rig.key);
    rig.tick();
    expect([first, second].map((client) => rig.replies(client))).toEqual(['', '']);
    send(rig.mesh, rig.control, 'RPOP', rig.key);
    rig.mesh.settle();
    expect(rig.length(rig.key)).toBe(1);
    shortage.end();
    rig.tick();
    expect(rig.replies(first)).toContain('xxx');
    expect(rig.replies(second)).toBe('');
  });
});
