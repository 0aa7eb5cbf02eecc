/**
 * Named collections, entities and pages of ids: names, isolation, dump and load with options,
 * fields that outlive an embedding, refusals.
 */
import { describe, expect, it } from 'vitest';
import { makeFamily } from '../testing/families.ts';
import { VectorIndex } from '../vector-index.ts';
import { EntityIndex } from './entity-index.ts';
import { listIds, listMatching } from './id-page.ts';
import { VectorCollections } from './vector-collections.ts';

describe('VectorCollections', () => {
  it('keeps indexes apart, each with its own options', () => {
    const all = new VectorCollections();
    all.create('texts', { dimension: 3, metric: 'cosine' }).add('a', [1, 0, 0]);
    all.create('images', { dimension: 2, metric: 'l2' }).add('a', [5, 5]);
    expect([...all.names()]).toEqual(['texts', 'images']);
    expect(all.get('texts')?.get('a')).toEqual(Float32Array.of(1, 0, 0));
    expect(all.require('images').search([5, 6], 1)).toEqual([{ id: 'a', distance: 1 }]);
    expect(all.ensure('texts', { dimension: 9 }).dimension).toBe(3);
    expect(all.ensure('more', { dimension: 9 }).dimension).toBe(9);
    expect([all.drop('images'), all.drop('images'), all.has('images')])
      .toEqual([true, false, false]);
    expect(all.create('images', { dimension: 4 }).size).toBe(0);
    expect(all.size).toBe(3);
  });
  it('says what is wrong with a name', () => {
    const all = new VectorCollections();
    all.create('a', { dimension: 1 });
    expect(() => all.create('a', { dimension: 1 })).toThrow('there is a collection "a" already');
    expect(() => all.require('b')).toThrow('there is no collection "b"');
    expect(() => all.create('x'.repeat(65_537), { dimension: 1 })).toThrow('a name is a text');
    expect(() => all.create('c', { dimension: 0 })).toThrow('dimension is 0');
    expect(all.has('c')).toBe(false);
  });
  it('comes back from its image with options, vectors and attributes', () => {
    const all = new VectorCollections();
    const { vectors, queries } = makeFamily('clustered', 64, 300, 5, 21);
    const big = all.create('big', { dimension: 64, metric: 'l2', mode: 'hnsw', m: 8 });
    for (const [id, vector] of vectors.entries()) big.add(id, vector, { even: id % 2 === 0 });
    big.settle();
    all.create('empty', { dimension: 7, metric: 'ip', storage: 'bf16' });
    const image = all.dump();
    const again = VectorCollections.load(image);
    expect([...again.names()]).toEqual(['big', 'empty']);
    expect(again.require('empty').options).toEqual(all.require('empty').options);
    for (const query of queries) {
      expect(again.require('big').search(query, 5, { filter: '.even' }))
        .toEqual(big.search(query, 5, { filter: '.even' }));
    }
    expect([...VectorCollections.load(new VectorCollections().dump()).names()]).toEqual([]);
    expect(() => VectorCollections.load(image.subarray(0, image.length - 64))).toThrow('is cut');
    expect(() => VectorCollections.load(image.subarray(0, image.length - 1))).toThrow('is cut');
    const longer = Buffer.concat([image, Buffer.alloc(1)]);
    expect(() => VectorCollections.load(longer)).toThrow('1 bytes behind its end');
    expect(() => VectorCollections.load(image.subarray(1))).toThrow('not one of this package');
    for (const at of [9, 20, 5000, image.length >> 1]) {
      const changed = image.slice();
      changed[at]! ^= 4;
      expect(() => VectorCollections.load(changed), `byte ${at}`).toThrow('the image ');
    }
  });
});

describe('EntityIndex', () => {
  it('keeps fields while embeddings come and go', () => {
    const entities = new EntityIndex({ dimension: 2, metric: 'l2' });
    entities.setFields('ada', { kind: 'person', age: 36 });
    entities.setFields('bob', { kind: 'person', age: 41 });
    entities.setEmbedding('ada', [0, 1]);
    entities.setEmbedding('rex', [0, 2]);
    expect([entities.size, entities.embeddedCount]).toEqual([3, 2]);
    expect(entities.getFields('ada')).toEqual({ kind: 'person', age: 36 });
    expect(entities.getFields('rex')).toEqual({});
    entities.updateFields('rex', { kind: 'dog', age: undefined });
    expect(entities.search([0, 0], 5, { filter: '.kind == "dog"' }).map(({ id }) => id))
      .toEqual(['rex']);
    entities.setEmbedding('ada', [0, 9]);
    expect(entities.search([0, 9], 1, { withAttributes: true })).toEqual([
      { id: 'ada', distance: 0, attributes: { kind: 'person', age: 36 } },
    ]);
    expect([entities.removeEmbedding('ada'), entities.removeEmbedding('ada')])
      .toEqual([true, false]);
    expect(entities.getFields('ada')).toEqual({ kind: 'person', age: 36 });
    expect([entities.has('ada'), entities.hasEmbedding('ada')]).toEqual([true, false]);
    expect(entities.getEmbedding('ada')).toBeUndefined();
    expect([entities.delete('ada'), entities.delete('rex'), entities.delete('rex')])
      .toEqual([true, true, false]);
    expect([entities.size, entities.getFields('ada')]).toEqual([1, undefined]);
  });
  it('comes back from its image, bare entities and embedded ones', () => {
    const entities = new EntityIndex({ dimension: 2, metric: 'l2', preset: 'high_speed' });
    for (let id = 0; id < 40; id++) entities.setFields(id % 2 === 0 ? id : `${id}`, { n: id });
    for (let id = 0; id < 40; id += 4) entities.setEmbedding(id, [id, 1]);
    const image = entities.dump();
    const again = EntityIndex.load(image);
    expect([again.size, again.embeddedCount]).toEqual([40, 10]);
    expect(again.index.options).toEqual(entities.index.options);
    expect(again.getFields('7')).toEqual({ n: 7 });
    expect(again.getFields(7)).toBeUndefined();
    expect(again.search([9, 1], 3, { withAttributes: true }))
      .toEqual(entities.search([9, 1], 3, { withAttributes: true }));
    again.setEmbedding('7', [0, 0]);
    expect(again.getFields('7')).toEqual({ n: 7 });
    expect(() => EntityIndex.load(image.subarray(0, image.length - 64))).toThrow('is cut');
    for (const at of [9, 20, 130, image.length - 2000]) {
      const changed = image.slice();
      changed[at]! ^= 1;
      expect(() => EntityIndex.load(changed), `byte ${at}`).toThrow('the image ');
    }
  });
  it('changes nothing when it refuses', () => {
    const entities = new EntityIndex({ dimension: 2 });
    entities.setFields('a', { x: 1 });
    expect(() => { entities.setEmbedding('a', [1, NaN]); }).toThrow('not finite');
    expect(() => { entities.setFields('a', [1]); }).toThrow('attributes are an object');
    expect(() => { entities.setFields(1.5, {}); }).toThrow('an id is');
    expect([entities.getFields('a'), entities.size, entities.embeddedCount])
      .toEqual([{ x: 1 }, 1, 0]);
  });
});

describe('listIds', () => {
  it('gives pages that join without gap or overlap', () => {
    const index = new VectorIndex({ dimension: 1, metric: 'l2' });
    for (let id = 0; id < 25; id++) index.add(id, [id]);
    const pages = [0, 10, 20, 30].map((offset) => listIds(index, { offset, limit: 10 }));
    expect(pages.flatMap(({ ids }) => ids)).toEqual([...index.ids()]);
    expect(pages.map(({ hasMore }) => hasMore)).toEqual([true, true, false, false]);
    expect(pages.map(({ total }) => total)).toEqual([25, 25, 25, 25]);
    expect(listIds(index).ids).toHaveLength(25);
    expect(listIds(index, { limit: 0 })).toEqual({ ids: [], total: 25, hasMore: true });
    expect(() => listIds(index, { offset: -1 })).toThrow('offset is -1');
  });
});

describe('listMatching', () => {
  it('gives pages of what matches, and how many do', () => {
    const index = new VectorIndex({ dimension: 1, metric: 'l2' });
    for (let id = 0; id < 25; id++) index.add(id, [id], id < 20 ? { n: id } : undefined);
    index.delete(3);
    const wanted = [...index.ids()].filter((id) => Number(id) < 20 && Number(id) > 1);
    const pages = [0, 10, 20].map((offset) => (
      listMatching(index, '.n > 1', { offset, limit: 10 })
    ));
    expect(pages.flatMap(({ ids }) => ids).sort()).toEqual(wanted.sort());
    expect(pages.map(({ hasMore, total }) => [hasMore, total]))
      .toEqual([[true, 17], [false, 17], [false, 17]]);
    expect(listMatching(index, '.n > 99')).toEqual({ ids: [], total: 0, hasMore: false });
    expect(() => listMatching(index, '.n >')).toThrow();
    expect(() => listMatching(index, '.n', { limit: -1 })).toThrow('limit is -1');
  });
});
