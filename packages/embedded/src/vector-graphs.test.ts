/**
 * The graphs of vector sets in snapshots, with the real engine: a loaded set answers as before
 * without linking anything, whatever changed while it was written; changes behind the snapshot are
 * linked as any; without a graph, or with one that does not hold, the set has its elements.
 */
import { describe, expect, it } from 'vitest';
import { Fault, SeededChance, ShardSnapshot, SnapshotLoader } from '@kora/core';
import type { KeyFilter, SnapshotSink, VectorEngine } from '@kora/core';
import { CommandDriver, contentsOf, JournalRecorder, replayEffect } from '@kora/core/testing';
import { vectorEngine } from './vector-engine.ts';

const DIMENSION = 256;
const COUNT = 900;

/** An engine that neither writes graphs nor takes them. */
const graphless: VectorEngine = {
  createIndex: (options) => {
    const index = vectorEngine.createIndex(options);
    if (index !== null) Object.defineProperty(index, 'beginImage', { value: undefined });
    return index;
  },
  parseFilter: (filter) => vectorEngine.parseFilter(filter),
};
/** An engine whose graphs are of another version. */
const later: VectorEngine = {
  ...vectorEngine,
  restoreIndex: (options, head) => {
    const other = head.slice();
    other[0] = 99;
    return vectorEngine.restoreIndex?.(options, other) ?? null;
  },
};

class Chunks implements SnapshotSink {
  readonly isFull = false;
  readonly chunks: Uint8Array[] = [];

  chunk(bytes: Uint8Array, at: number, length: number): void {
    this.chunks.push(bytes.slice(at, at + length));
  }
}

/** A shard with a vector set `v` that random commands change. */
class Rig {
  readonly driver: CommandDriver;
  readonly #chance: SeededChance;
  #next = 0;

  constructor(seed: number, engine: VectorEngine = vectorEngine) {
    this.#chance = new SeededChance(seed);
    this.driver = new CommandDriver({
      seed, vectorEngine: engine, settings: { 'enable-debug-command': 'yes' },
    });
  }

  below(end: number): number {
    return (this.#chance.next32() >>> 0) % end;
  }

  vector(): Uint8Array {
    const centre = this.below(20);
    const components = Float32Array.from({ length: DIMENSION }, (_, i) =>
      (i % 20 === centre ? 3 : 0) + this.below(1000) / 500 - 1);
    return new Uint8Array(components.buffer);
  }

  add(count: number): this {
    for (let i = 0; i < count; i++) this.put(this.#next++);
    return this;
  }

  put(number: number): void {
    const name = `e${number}`;
    const json = number % 5 === 0 ? ['SETATTR', `{"n":${number}}`] : [];
    this.driver.run('VADD', 'v', 'FP32', this.vector(), name, 'NOQUANT', ...json);
  }

  change(): void {
    const name = `e${this.below(this.#next)}`;
    switch (this.below(4)) {
      case 0:
        this.driver.run('VREM', 'v', name);
        return;
      case 1:
        this.add(1);
        return;
      case 2:
        this.driver.run('VSETATTR', 'v', name, `{"n":${this.below(50)}}`);
        return;
      default:
        this.put(this.below(this.#next));
    }
  }

  /** @param meanwhile between two slices */
  snapshot(meanwhile: (snapshot: ShardSnapshot) => void = () => undefined): Chunks {
    const sink = new Chunks();
    const snapshot = ShardSnapshot.begin(this.driver.shard, sink);
    if (snapshot === null) throw new Error('a snapshot begins');
    while (snapshot.step(40)) meanwhile(snapshot);
    expect(snapshot.isDone).toBe(true);
    return sink;
  }

  load({ chunks }: Chunks, owns: KeyFilter | null = null): this {
    const loader = new SnapshotLoader(this.driver.shard, owns);
    for (const chunk of chunks) loader.chunk(chunk, 0, chunk.length);
    loader.finish();
    return this;
  }

  contents(): ReturnType<typeof contentsOf> {
    return contentsOf(this.driver.shard, (bytes) => Buffer.from(bytes).toString('hex'));
  }

  /** What searches by the graph answer, with scores. */
  answers(seed = 1): string[] {
    const asked = new Rig(seed);
    return Array.from({ length: 30 }, () =>
      this.driver.run('VSIM', 'v', 'FP32', asked.vector(), 'WITHSCORES', 'EF', '100'));
  }

  /** Levels and neighbours of the first elements. */
  links(): string[] {
    return Array.from({ length: 200 }, (_, i) => this.driver.run('VLINKS', 'v', `e${i}`));
  }

  /** Share of the nearest that searches find, of those that an exact search finds. */
  recall(): number {
    const asked = new Rig(3);
    let wanted = 0;
    let found = 0;
    for (let i = 0; i < 40; i++) {
      const query = asked.vector();
      const names = (...more: readonly string[]): Set<string> => new Set(
        this.driver.run('VSIM', 'v', 'FP32', query, ...more).match(/e\d+/g));
      const truth = names('TRUTH');
      const answer = names();
      wanted += truth.size;
      for (const name of answer) if (truth.has(name)) found++;
    }
    return found / wanted;
  }

  /** Asserts that the shard is sound in all. */
  check(): void {
    expect(this.driver.run('DEBUG', 'RELOAD')).toBe('+"OK"');
  }

  get graphs(): readonly [loaded: number, refused: number] {
    const { graphsLoaded, graphsRefused } = this.driver.shard.vectors;
    return [graphsLoaded, graphsRefused];
  }
}

function filled(seed = 5, engine?: VectorEngine): Rig {
  const rig = new Rig(seed, engine).add(COUNT);
  rig.driver.settle();
  return rig;
}

describe('a vector set out of a snapshot', () => {
  const rig = filled();
  const chunks = rig.snapshot();

  it('has its links and answers by them at once', () => {
    const loaded = new Rig(6).load(chunks);
    const { vectors } = loaded.driver.shard;
    expect(loaded.graphs).toEqual([1, 0]);
    // Every element has its place and is linked: no slice of either is left to be done.
    expect([vectors.count, vectors.isBusy]).toEqual([1, false]);
    expect(loaded.contents()).toEqual(rig.contents());
    expect(loaded.links()).toEqual(rig.links());
    expect(loaded.answers()).toEqual(rig.answers());
    expect(loaded.recall()).toBeGreaterThan(0.95);
    const { shard, memory } = loaded.driver;
    expect(shard.usedBytes()).toBe(memory.usedBytes() + vectors.indexBytes);
    expect(vectors.indexBytes).toBeGreaterThan(COUNT * DIMENSION);
    const filter = loaded.driver.run('VSIM', 'v', 'ELE', 'e5', 'FILTER', '.n == 10');
    expect(filter).toBe('*[$"e10"]');
    loaded.check();
  });

  it('goes on as any other, and gives all back', () => {
    const loaded = new Rig(6).load(chunks);
    loaded.add(COUNT + 100);
    for (let i = 0; i < 300; i++) loaded.change();
    loaded.driver.settle();
    expect(loaded.recall()).toBeGreaterThan(0.95);
    loaded.driver.run('FLUSHALL');
    loaded.driver.settle();
    const { vectors } = loaded.driver.shard;
    expect([vectors.count, vectors.indexBytes]).toEqual([0, 0]);
  });

  it('is taken over from a snapshot that has no graph, or none that holds', () => {
    const without = filled(5, graphless);
    for (const [loaded, graphs] of [
      [new Rig(6).load(without.snapshot()), [0, 0]],
      [new Rig(6, later).load(chunks), [0, 1]],
      [new Rig(6, graphless).load(chunks), [0, 0]],
    ] as const) {
      expect(loaded.graphs).toEqual(graphs);
      expect(loaded.driver.shard.vectors.count).toBe(0);
      expect(loaded.contents()).toEqual(rig.contents());
      loaded.answers();
      loaded.driver.settle();
      expect(loaded.driver.shard.vectors.count).toBe(1);
      expect(loaded.recall()).toBeGreaterThan(0.95);
      loaded.check();
    }
  });

  it('leaves nothing where its key is another shard\'s, or memory has its limit', () => {
    const other = new Rig(6).load(chunks, () => false).driver.shard;
    expect([other.vectors.count, other.vectors.indexBytes]).toEqual([0, 0]);
    const short = new Rig(6);
    short.driver.run('CONFIG', 'SET', 'maxmemory', short.driver.shard.usedBytes() + COUNT * 100);
    short.load(chunks);
    expect([short.driver.shard.vectors.count, short.graphs]).toEqual([0, [0, 1]]);
    expect(short.driver.run('VCARD', 'v')).toBe(`:${COUNT}`);
  });
});

describe('a snapshot with a graph that is damaged', () => {
  it('is refused, or gives a sound set, whatever its bytes say', () => {
    const chunks = filled().snapshot().chunks;
    const rig = new Rig(17);
    let loadedCount = 0;
    for (let round = 0; round < 40; round++) {
      const changed = new Chunks();
      for (const chunk of chunks) changed.chunk(chunk, 0, chunk.length);
      for (let i = rig.below(3); i >= 0; i--) {
        const chunk = changed.chunks[rig.below(chunks.length)] ?? new Uint8Array(1);
        chunk[rig.below(chunk.length)] = rig.below(256);
      }
      const loaded = new Rig(18);
      try {
        loaded.load(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(Fault);
        continue;
      }
      loadedCount++;
      loaded.driver.settle();
      loaded.check();
      expect(loaded.driver.run('VSIM', 'v', 'ELE', 'e899', 'COUNT', '9999')).toContain('e89');
    }
    expect(loadedCount).toBeGreaterThan(5);
  });

  it('is refused where an element comes twice', () => {
    const { chunks } = filled().snapshot();
    // A chunk that begins with a part is given twice.
    const places = [...chunks.keys()].filter((i) => (chunks[i]?.[0] ?? 0) % 8 === 5);
    expect(places.length).toBeGreaterThan(2);
    for (const i of places) {
      const twice = new Chunks();
      twice.chunks.push(...chunks.slice(0, i + 1), ...chunks.slice(i));
      expect(() => new Rig(19).load(twice)).toThrow(Fault);
    }
  });
});

describe('a graph that changes while it is written', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is that of the elements at the cut, round %i', (seed) => {
    const rig = filled(seed);
    if (seed % 2 === 0) for (let i = 0; i < 200; i++) rig.change();
    const before = rig.contents();
    const recorder = new JournalRecorder(rig.driver.shard);
    const chunks = rig.snapshot(() => {
      for (let i = rig.below(20); i > 0; i--) rig.change();
      if (rig.below(2) === 0) rig.driver.shard.maintain();
    });
    const loaded = new Rig(seed + 50).load(chunks);
    const { shard } = loaded.driver;
    expect(loaded.graphs).toEqual([1, 0]);
    expect(loaded.contents()).toEqual(before);
    shard.isReplaying = true;
    for (const record of recorder.records) replayEffect(shard, record);
    shard.isReplaying = false;
    recorder.close();
    expect(loaded.contents()).toEqual(rig.contents());
    loaded.driver.settle();
    rig.driver.settle();
    expect(shard.vectors.isBusy).toBe(false);
    expect(loaded.recall()).toBeGreaterThan(0.95);
    const all = loaded.driver.run('VSIM', 'v', 'FP32', loaded.vector(), 'COUNT', '9999');
    const count = Number(loaded.driver.run('VCARD', 'v').slice(1));
    expect(all.match(/e\d+/g)?.length).toBe(count);
    loaded.check();
    rig.check();
  });

  it('comes along when its key goes, and when another takes its place', () => {
    for (const last of [
      'DEL v', 'UNLINK v', 'FLUSHALL', 'SET v x', 'RENAME v w', 'COPY w v REPLACE',
    ]) {
      const rig = filled(9);
      rig.driver.run('VADD', 'w', 'VALUES', '2', '1', '0', 'a');
      const before = rig.contents();
      const answers = rig.answers();
      let slices = 0;
      const chunks = rig.snapshot(() => { if (slices++ === 3) rig.driver.runLine(last); });
      const loaded = new Rig(6).load(chunks);
      expect(loaded.contents(), last).toEqual(before);
      expect(loaded.graphs, last).toEqual([1, 0]);
      expect(loaded.answers(), last).toEqual(answers);
      rig.driver.run('FLUSHALL');
      rig.driver.settle();
      expect(rig.driver.shard.vectors.count, last).toBe(0);
    }
  });

  it('is left out where its index is given up, and made again, meanwhile', () => {
    const rig = filled(11);
    const before = rig.contents();
    let slices = 0;
    const chunks = rig.snapshot(() => {
      if (slices++ !== 2) return;
      for (let i = 0; i < COUNT - 100; i++) rig.driver.run('VREM', 'v', `e${i}`);
      expect(rig.driver.shard.vectors.count).toBe(0);
      rig.add(COUNT);
      expect(rig.driver.shard.vectors.count).toBe(1);
    });
    const loaded = new Rig(6).load(chunks);
    expect(loaded.contents()).toEqual(before);
    loaded.driver.settle();
    expect(loaded.recall()).toBeGreaterThan(0.9);
    loaded.check();
  });

  it('may be half filled at the cut, and is filled when it was loaded', () => {
    let isFull = true;
    const rig = new Rig(12, {
      ...vectorEngine,
      createIndex: (options) => (isFull ? null : vectorEngine.createIndex(options)),
    }).add(5000);
    isFull = false;
    rig.driver.clock.advance(2000);
    rig.driver.run('VSIM', 'v', 'ELE', 'e0');
    rig.driver.shard.maintain();
    expect(rig.driver.shard.vectors.isBusy).toBe(true);
    const before = rig.contents();
    const chunks = rig.snapshot(() => { rig.driver.shard.maintain(); });
    const loaded = new Rig(6).load(chunks);
    expect(loaded.contents()).toEqual(before);
    loaded.driver.settle();
    expect(loaded.recall()).toBeGreaterThan(0.95);
    loaded.check();
  });

  it('ends with a snapshot that is given up', () => {
    const rig = filled(13);
    const snapshot = ShardSnapshot.begin(rig.driver.shard, new Chunks());
    snapshot?.step(40);
    snapshot?.step(40);
    snapshot?.abort();
    for (let i = 0; i < 50; i++) rig.change();
    rig.driver.settle();
    const loaded = new Rig(6).load(rig.snapshot());
    expect(loaded.links()).toEqual(rig.links());
    expect(loaded.graphs).toEqual([1, 0]);
  });
});
