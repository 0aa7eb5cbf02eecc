/**
 * What the logs of a process tell each other: every word is of one shard alone, places are compared
 * modulo 2^32, and whoever waits is named once, to the one who settles what it waits for.
 */
import { describe, expect, it } from 'vitest';
import { LogWords } from './log-words.ts';

const SHARDS = 4;

describe('places', () => {
  it('are those of each shard, for everybody who has the buffer', () => {
    const own = new LogWords(SHARDS);
    const other = new LogWords(SHARDS, own.buffer);
    for (let shard = 0; shard < SHARDS; shard++) {
      own.appendedOf(shard)[0] = 100 + shard;
      own.setSettled(shard, 50 + shard);
    }
    for (let shard = 0; shard < SHARDS; shard++) {
      expect(other.appended(shard)).toBe(100 + shard);
      expect(other.hasSettled(shard, 50 + shard)).toBe(true);
      expect(other.hasSettled(shard, 51 + shard)).toBe(false);
    }
    expect(own.appendedOf(2)).toHaveLength(1);
  });
  it('go on when their low bits begin anew', () => {
    const words = new LogWords(1);
    for (const settled of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40 + 7]) {
      words.setSettled(0, settled);
      for (const behind of [0, 1, 2, 2 ** 30]) {
        expect(words.hasSettled(0, (settled - behind) | 0), `${settled} - ${behind}`).toBe(true);
      }
      for (const ahead of [1, 2, 2 ** 30]) {
        expect(words.hasSettled(0, (settled + ahead) | 0), `${settled} + ${ahead}`).toBe(false);
      }
    }
  });
});

describe('who waits', () => {
  it('is named when more of the shard has settled, once, and for that shard alone', () => {
    const words = new LogWords(SHARDS);
    words.wait(1, 0);
    words.wait(1, 3);
    words.wait(1, 3);
    words.wait(2, 1);
    expect(words.setSettled(0, 9)).toBe(0);
    expect(words.setSettled(1, 5)).toBe((1 << 0) | (1 << 3));
    expect(words.setSettled(1, 6)).toBe(0);
    expect(words.setSettled(2, 6)).toBe(1 << 1);
  });
  it('is not woken for nothing: what has settled before is no news', () => {
    const words = new LogWords(SHARDS);
    expect(words.setSettled(1, 5)).toBe(0);
    words.wait(1, 2);
    expect(words.setSettled(1, 5)).toBe(0);
    expect(words.setSettled(1, 6)).toBe(1 << 2);
  });
  it('finds what has settled while it said so', () => {
    const words = new LogWords(SHARDS);
    // The shard settles between the bit and the look: the look sees it.
    words.wait(1, 2);
    expect(words.setSettled(1, 7)).toBe(1 << 2);
    expect(words.hasSettled(1, 7)).toBe(true);
  });
});

describe('trouble and loading', () => {
  it('of any shard concern all, until the last is over', () => {
    const words = new LogWords(SHARDS);
    expect([words.errno, words.isLoading]).toEqual([0, false]);
    words.setErrno(3, 28);
    words.setLoading(2, true);
    words.setLoading(1, true);
    expect([words.errno, words.isLoading]).toEqual([28, true]);
    words.setErrno(0, 5);
    words.setErrno(3, 0);
    words.setLoading(2, false);
    expect([words.errno, words.isLoading]).toEqual([5, true]);
    words.setErrno(0, 0);
    words.setLoading(1, false);
    expect([words.errno, words.isLoading]).toEqual([0, false]);
    expect(words.hasSettled(0, 1)).toBe(false);
  });
});
