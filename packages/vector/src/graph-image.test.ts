/**
 * The graph of an index of slots as an image and back: whatever the order in which nodes come, the
 * same links lie between the same vectors and the same answers come, without linking anything; what
 * changed while the image was written is left out; what does not hold is refused as a whole.
 */
import { describe, expect, it } from 'vitest';
import type { Metric, VectorIndexOptions } from './options.ts';
import { SlotIndex } from './slot-index.ts';
import { makeFamily, trueDistance } from './testing/families.ts';

const DIMENSION = 64;
const COUNT = 3000;
const OPTIONS = {
  dimension: DIMENSION, metric: 'cosine', storage: 'codes', m: 16, efConstruction: 100, seed: 7,
} as const;
const { vectors, queries } = makeFamily('clustered', DIMENSION, COUNT, 40, 3);

/** An index and the number of the vector in each of its slots. */
interface Numbered {
  readonly index: SlotIndex;
  readonly numbers: Map<number, number>;
}

function vectorOf(number: number): Float32Array {
  const vector = vectors[number];
  if (vector === undefined) throw new Error(`there is no vector ${number}`);
  return vector;
}

/** All vectors, linked; slots do not follow their order, and some are free. */
function built(options: VectorIndexOptions = OPTIONS): Numbered {
  const index = SlotIndex.create(options);
  if (index === null) throw new Error('there is memory');
  const numbers = new Map<number, number>();
  for (let i = 0; i < 300; i++) numbers.set(index.put(vectorOf(i)), i);
  index.link(COUNT);
  for (const [slot, number] of [...numbers]) {
    if (number % 3 === 0) continue;
    index.remove(slot);
    numbers.delete(slot);
  }
  for (let i = 0; i < COUNT; i++) {
    if (i < 300 && i % 3 === 0) continue;
    numbers.set(index.put(vectorOf(i)), i);
    index.link(4);
  }
  index.link(COUNT);
  return { index, numbers };
}

/** What an image has of every slot, in an order of its own. */
function nodesOf(
  { index, numbers }: Numbered, change: (done: number) => void = () => undefined,
): { head: Uint8Array; nodes: [number, Uint8Array][] } {
  const image = index.beginImage();
  if (image === null) throw new Error('there is a graph');
  const head = image.head();
  const order = [...numbers].sort(([, a], [, b]) => (a * 577) % COUNT - (b * 577) % COUNT);
  const nodes = order.map(([slot, number], done): [number, Uint8Array] => {
    change(done);
    return [number, image.node(slot).slice()];
  });
  image.end();
  expect(image.node(order[0]?.[0] ?? 0).length).toBe(0);
  return { head, nodes };
}

/** An index of an image; null when it is refused. */
function restored(
  head: Uint8Array, nodes: readonly (readonly [number, Uint8Array])[],
  options: VectorIndexOptions = OPTIONS,
): Numbered | null {
  const index = SlotIndex.restoring(options, head);
  if (index === null) return null;
  const numbers = new Map<number, number>();
  for (const [number, node] of nodes) {
    const slot = index.putNode(vectorOf(number), node);
    if (slot < 0) {
      index.close();
      return null;
    }
    numbers.set(slot, number);
  }
  if (index.settle()) return { index, numbers };
  index.close();
  return null;
}

/** Level and links of each vector, by numbers of vectors. */
function graphOf({ index, numbers }: Numbered): Map<number, readonly (readonly number[])[]> {
  return new Map([...numbers].map(([slot, number]) => {
    const levels = Array.from({ length: index.levelOf(slot) + 1 }, (_, level) =>
      index.neighbours(slot, level).map((named) => numbers.get(named) ?? -1));
    return [number, levels] as const;
  }).sort(([a], [b]) => a - b));
}

/** Ten of what searches find, ranked by the vectors, as hosts do: codes and signs tie. */
function answersOf({ index, numbers }: Numbered, metric: Metric): number[][] {
  return queries.map((query) => (index.search(query, 60, 120, null) ?? [])
    .map((slot) => numbers.get(slot) ?? -1)
    .map((number) => [number, trueDistance(metric, query, vectorOf(number))] as const)
    .sort((a, b) => a[1] - b[1]).slice(0, 10).map(([number]) => number));
}

/** Share of the ten nearest of what is there that a search by the graph finds. */
function recall(numbered: Numbered): number {
  const { numbers } = numbered;
  const answers = answersOf(numbered, 'cosine');
  let found = 0;
  for (const [i, query] of queries.entries()) {
    const wanted = [...numbers.values()]
      .map((number) => [number, trueDistance('cosine', query, vectorOf(number))] as const)
      .sort((a, b) => a[1] - b[1]).slice(0, 10).map(([number]) => number);
    found += wanted.filter((number) => answers[i]?.includes(number)).length;
  }
  return found / queries.length / 10;
}

describe.each([
  { ...OPTIONS, metric: 'cosine', storage: 'codes' }, { ...OPTIONS, metric: 'ip' },
  { ...OPTIONS, metric: 'l2', storage: 'f32' }, { ...OPTIONS, metric: 'cosine', storage: 'bits' },
] as const)('an image of $storage by $metric', (options) => {
  const first = built(options);
  const { head, nodes } = nodesOf(first);

  it('gives the same links and answers, and nothing is linked for it', () => {
    const second = restored(head, nodes, options);
    if (second === null) throw new Error('an image holds');
    expect(second.index.pendingCount).toBe(0);
    expect(second.index.levelMax).toBe(first.index.levelMax);
    expect([...second.numbers.values()]).not.toEqual([...first.numbers.values()]);
    expect(graphOf(second)).toEqual(graphOf(first));
    // Signs alone tie so often that which of them are found is the order of their slots.
    if (options.storage !== 'bits') {
      expect(answersOf(second, options.metric)).toEqual(answersOf(first, options.metric));
    }
    second.index.close();
  });

  it('leaves a graph that goes on as any other', () => {
    const second = restored(head, nodes.slice(0, COUNT / 2), options);
    if (second === null) throw new Error('half of the nodes are a graph too');
    for (const [number] of nodes.slice(COUNT / 2)) {
      second.numbers.set(second.index.put(vectorOf(number)), number);
      second.index.link(3);
    }
    second.index.link(COUNT);
    for (const [slot, number] of [...second.numbers]) {
      if (number % 4 !== 0) continue;
      second.index.remove(slot);
      second.numbers.delete(slot);
    }
    if (options.storage !== 'bits') expect(recall(second)).toBeGreaterThan(0.9);
    const all = second.index.search(vectorOf(1), COUNT, 100, null) ?? [];
    expect(new Set(all)).toEqual(new Set(second.numbers.keys()));
    second.index.close();
  });
});

describe('an image of an index that changes', () => {
  it('has what was there when it began and is still, and links among it', () => {
    const first = built();
    const before = new Map(first.numbers);
    const graphBefore = graphOf(first);
    const { head, nodes } = nodesOf(first, (done) => {
      // One goes and one comes for every third that is saved; slots change hands.
      if (done % 3 !== 0) return;
      const [slot, number] = [...first.numbers][done % 97] ?? [0, 0];
      first.index.remove(slot);
      first.numbers.delete(slot);
      first.numbers.set(first.index.put(vectorOf(number)), number);
      first.index.link(2);
    });
    const kept = nodes.filter(([, node]) => node.length > 0);
    expect(kept.length).toBeGreaterThan(COUNT * 0.6);
    expect(kept.length).toBeLessThan(COUNT);
    const second = restored(head, kept);
    if (second === null) throw new Error('an image holds');
    // Who lost all that named them may wait; most do not.
    expect(second.index.pendingCount).toBeLessThan(COUNT / 50);
    second.index.link(COUNT);
    expect(recall(second)).toBeGreaterThan(0.95);
    expect(new Set(second.numbers.values()).size).toBe(kept.length);
    expect([...before.values()].length).toBe(graphBefore.size);
    const rest = nodes.filter(([, node]) => node.length === 0);
    for (const [number] of rest) second.numbers.set(second.index.put(vectorOf(number)), number);
    second.index.link(COUNT);
    expect(recall(second)).toBeGreaterThan(0.97);
    first.index.close();
    second.index.close();
  });

  it('keeps slots where they are until it has ended', () => {
    const index = SlotIndex.create(OPTIONS);
    if (index === null) throw new Error('there is memory');
    const slots = Array.from({ length: 5000 }, (_, i) => index.put(vectorOf(i % COUNT)));
    index.link(5000);
    const image = index.beginImage();
    for (const slot of slots.slice(0, 4000)) index.remove(slot);
    expect(index.compact()).toBeNull();
    expect(image?.node(slots[0] ?? 0).length).toBe(0);
    expect(image?.node(slots[4500] ?? 0).length).toBeGreaterThan(0);
    image?.end();
    expect(index.compact()).not.toBeNull();
    index.close();
  });

  it('is none before anything is linked, and ends with its index', () => {
    const index = SlotIndex.create(OPTIONS);
    const other = built();
    const image = other.index.beginImage();
    const [slot] = [...other.numbers.keys()];
    expect(index?.beginImage()).toBeNull();
    expect(image?.node(slot ?? 0).length).toBeGreaterThan(0);
    other.index.close();
    expect([image?.head().length, image?.node(slot ?? 0).length]).toEqual([0, 0]);
    index?.close();
  });
});

describe('an image that does not hold', () => {
  const { index, numbers } = built();
  const { head, nodes } = nodesOf({ index, numbers });
  index.close();
  const withByte = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
    const changed = bytes.slice();
    changed[at] = value;
    return changed;
  };
  const [number, node] = nodes[0] ?? [0, new Uint8Array(0)];
  const others = nodes.slice(1);

  it.each([
    ['of another version', withByte(head, 0, 2)],
    ['of places of another length', withByte(head, 1, 3)],
    ['of another kind of index', withByte(head, 2, 0)],
    ['cut off', head.subarray(0, 23)],
    ['without places', head.slice().fill(0, 4, 8)],
    ['of more places than its nodes could have had', withByte(withByte(head, 1, 3), 6, 30)],
    ['with a range that is no number', head.slice().fill(255, 16, 20)],
  ])('is refused: a head %s', (_, bad) => {
    expect(restored(bad, nodes)).toBeNull();
  });

  it.each([
    ['a link beyond the last place', withByte(withByte(node, 5, 255), 6, 255)],
    ['a place beyond the last', withByte(node, 1, 255)],
    ['the place of another', (others[0]?.[1] ?? node).slice()],
    ['a level beyond the highest', withByte(node, 2, 11)],
    ['more links than a list holds', withByte(node, 3, 200)],
    ['more links than there are bytes', node.subarray(0, node.length - 1)],
    ['something behind its links', new Uint8Array([...node, 0])],
  ])('is refused: a node with %s', (_, bad) => {
    expect(restored(head, [[number, bad], ...others])).toBeNull();
  });

  it('leaves a graph in which all is found, or none, whatever its bytes say', () => {
    let state = 12345;
    const below = (end: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * end);
    };
    for (let round = 0; round < 60; round++) {
      const changed = nodes.slice(0, 600).map(([each, bytes]) => [each, bytes.slice()] as const);
      for (let i = 0; i < 3; i++) {
        const bytes = changed[below(600)]?.[1] ?? new Uint8Array(1);
        bytes[below(bytes.length)] = below(256);
      }
      const loaded = restored(head, changed);
      if (loaded === null) continue;
      // What was taken is a graph: every element is found, and each can go.
      loaded.index.link(COUNT);
      expect(loaded.index.search(vectorOf(1), 600, 50, null)?.length).toBe(600);
      for (const slot of loaded.numbers.keys()) loaded.index.remove(slot);
      expect(loaded.index.search(vectorOf(1), 5, 50, null)).toEqual([]);
      loaded.index.close();
    }
  });
});
