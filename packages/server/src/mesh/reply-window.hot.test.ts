/**
 * A window against a list of what was asked, in random order of completions: places leave in order,
 * the counts of what is pending agree with the list, and staged bytes come out as they went in.
 */
import { describe, expect, it } from 'vitest';
import { belowOf } from '../testing/mesh-clients.ts';
import { ReplyChunk } from '../reply-chunks.ts';
import { ReplyWindow, WINDOW_PLACES } from './reply-window.hot.ts';
import { StagedRanges } from './staged-ranges.ts';

interface Naive {
  readonly place: number;
  readonly owner: number;
  readonly isWrite: boolean;
  readonly isMuted: boolean;
  isReady: boolean;
  bytes: number[];
}

describe('a window of replies', () => {
  it.each([1, 2, 3])('agrees with a list, seed %i', (seed) => {
    let state = seed;
    const next = (bound: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (state >>> 8) % bound;
    };
    const ranges = new StagedRanges();
    const window = new ReplyWindow(3, ranges);
    const chunk = new ReplyChunk(8);
    const open: Naive[] = [];
    for (let step = 0; step < 20_000; step++) {
      const pending = open.filter((one) => !one.isReady);
      const kind = next(4);
      if (kind === 0 && !window.isFull(1)) {
        const owner = next(4) - 1;
        const isWrite = next(2) === 0;
        const isMuted = next(4) === 0;
        const place = window.addPending(owner, isWrite, isMuted, false);
        open.push({ place, owner, isWrite, isMuted, isReady: false, bytes: [] });
      } else if (kind === 1 && !window.isFull(1)) {
        const bytes = 1 + next(100);
        window.stage(window.readyPlace(), chunk, step * 1000, bytes);
        const place = window.addReady();
        const before = open.at(-1);
        expect(place === before?.place).toBe(before?.isReady === true);
        if (before?.isReady === true) {
          before.bytes.push(bytes);
          continue;
        }
        open.push({
          place, owner: 0, isWrite: false, isMuted: false, isReady: true, bytes: [bytes],
        });
      } else if (kind === 2 && pending.length > 0) {
        const one = pending[next(pending.length)];
        if (one === undefined) continue;
        expect(window.isMuted(one.place)).toBe(one.isMuted);
        for (let parts = next(3); parts > 0; parts--) {
          one.bytes.push(parts);
          window.stage(one.place, chunk, step * 1000 + parts * 100, parts);
        }
        window.complete(one.place);
        one.isReady = true;
      } else {
        while (window.isHeadReady()) {
          const one = open.shift();
          const found: number[] = [];
          for (let range = window.takeHeadRanges(); range !== 0; range = ranges.give(range)) {
            found.push(ranges.bytes[range] ?? 0);
            window.stagedBytes -= ranges.bytes[range] ?? 0;
          }
          expect(found).toEqual(one?.bytes);
          window.advance();
        }
        expect(open[0]?.isReady ?? false).toBe(false);
      }
      const left = open.filter((one) => !one.isReady);
      expect([window.pending, window.writes, window.across, window.tail - window.head]).toEqual([
        left.length, left.filter((one) => one.isWrite).length,
        left.filter((one) => one.owner < 0).length, open.length,
      ]);
      const staged = open.flatMap((one) => one.bytes).reduce((sum, bytes) => sum + bytes, 0);
      expect(window.stagedBytes).toBe(staged);
      if (left.length > 0 && window.owner >= 0) {
        expect(left.every((one) => one.owner === window.owner)).toBe(true);
      }
    }
  });

  it('notes what follows in its chunk as one range', () => {
    const ranges = new StagedRanges();
    const window = new ReplyWindow(0, ranges);
    const chunk = new ReplyChunk(8);
    window.addPending(1, false, false, false);
    expect(window.stage(window.readyPlace(), chunk, 100, 5)).toBe(true);
    window.addReady();
    expect(window.stage(window.readyPlace(), chunk, 105, 7)).toBe(false);
    window.addReady();
    expect(window.stage(window.readyPlace(), chunk, 200, 9)).toBe(true);
    expect(window.stagedBytes).toBe(21);
    window.complete(0);
    window.advance();
    const first = window.takeHeadRanges();
    const second = ranges.next[first] ?? 0;
    expect([ranges.at[first], ranges.bytes[first]]).toEqual([100, 12]);
    expect([ranges.at[second], ranges.bytes[second], ranges.next[second]]).toEqual([200, 9, 0]);
  });

  it.each([11, 12])('passes kept replies up to what has to leave otherwise, seed %i', (seed) => {
    const below = belowOf(seed);
    const window = new ReplyWindow(0, new StagedRanges());
    const chunk = new ReplyChunk(8);
    const list = new Int32Array(WINDOW_PLACES * 2);
    for (let round = 0; round < 500; round++) {
      const count = 1 + below(16);
      const owners = Int32Array.from({ length: count }, () => below(2));
      const writes = below(1 << count);
      const first = window.addBurst(owners, count, writes, true);
      const kept = Array.from({ length: count }, () => below(10) > 0);
      const bytes = kept.map((isKept) => (isKept ? 1 + below(300) : 0));
      const wanted: number[] = [];
      let at = 5000;
      let pinned = -1;
      // Those of one owner come in one message, with places from the first of them on.
      for (const owner of [0, 1]) {
        const places = kept.flatMap((isKept, i) => (isKept && owners[i] === owner ? [i] : []));
        const [from] = places;
        if (from === undefined) continue;
        const words = Int32Array.from(places, (i) => ((i - from) << 16) | (bytes[i] ?? 0));
        window.takeBurst(words, 0, places.length, first + from, at);
        for (const i of places) {
          wanted[i] = at;
          at += bytes[i] ?? 0;
        }
        at += 40;
        if (owner === 0 && below(2) === 0) pinned = places.at(-1) ?? -1;
      }
      if (pinned >= 0) window.pin(first + pinned, chunk, 77);
      expect(window.stagedBytes).toBe(pinned >= 0 ? 77 : 0);
      expect(window.pending).toBe(kept.filter((isKept) => !isKept).length);
      const left = kept.map((isKept, i) => (!isKept ? (writes >>> i) & 1 : 0));
      expect(window.writes).toBe(left.reduce((sum, one) => sum + one, 0));
      const hint = `seed ${seed} round ${round}`;
      for (let i = 0; i < count; ) {
        const word = window.passKept(list, 0);
        let sum = 0;
        for (let pair = 0; pair < word; pair += 2) {
          let from = list[pair] ?? 0;
          for (const end = from + (list[pair + 1] ?? 0); from < end; from += bytes[i++] ?? 0) {
            expect([from, kept[i], i === pinned], hint).toEqual([wanted[i], true, false]);
          }
          sum += list[pair + 1] ?? 0;
        }
        expect(window.passedBytes, hint).toBe(sum);
        if (i === count) break;
        expect(window.isHeadReady(), hint).toBe(i === pinned);
        if (i === pinned) {
          expect([window.headAt(), window.headBytes()]).toEqual([wanted[i], bytes[i]]);
          expect(window.takeHeadChunk()).toBe(chunk);
        } else {
          window.complete(first + i);
        }
        window.advance();
        i++;
      }
      expect([window.isEmpty(), window.pending, window.writes, window.stagedBytes])
        .toEqual([true, 0, 0, 0]);
    }
  });

  it('stages nothing with a reply that is kept', () => {
    const window = new ReplyWindow(0, new StagedRanges());
    window.addBurst(Int32Array.of(1), 1, 0, false);
    window.takeBurst(Int32Array.of(9), 0, 1, 0, 500);
    expect(window.readyPlace()).toBe(1);
  });

  it('is full with all its places', () => {
    const window = new ReplyWindow(0, new StagedRanges());
    for (let i = 0; i < WINDOW_PLACES; i++) window.addPending(1, false, false, false);
    expect(window.isFull(1)).toBe(true);
    expect(window.isEmpty()).toBe(false);
  });
});
