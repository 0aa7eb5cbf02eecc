/**
 * The book of the scene of caching: a key has one write at a time, so that of two values it is
 * known which is the newer one; a removal of all keys is one of each, also of keys that are written
 * for the first time later.
 */
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { CacheBook } from './cache-book.ts';

describe('a removal of all keys', () => {
  it('lets nobody write until it is done, not even a key that is new', () => {
    const book = new CacheBook(randomSource(1), 1);
    const removal = book.beginAll();
    expect([...removal.keys].sort()).toEqual(book.keys);
    expect(book.begin(3, false).keys).toEqual([]);
    expect(book.beginOwn('own1').keys).toEqual([]);
    removal.done();
    const write = book.beginOwn('own1');
    expect(write.keys).toEqual(['own1']);
    expect(book.beginAll().keys, 'while another writes').toEqual([]);
    write.done();
    expect(book.isStale('own1', null, book.known())).toBe(true);
    expect(book.isStale('own1', write.values[0] ?? '', book.known())).toBe(false);
    expect(book.beginAll().keys).toContain('own1');
  });

  it('may be done or not when who asked for it has gone: then all may write again', () => {
    const book = new CacheBook(randomSource(1), 1);
    book.beginAll();
    book.settle();
    expect(book.beginOwn('own1').keys).toEqual(['own1']);
    expect(book.begin(1, false).keys).toHaveLength(1);
  });
});
