/**
 * How transactions get their places: all that have begun in a turn under one hold of the order, in
 * the order in which they have begun; when the order is busy, or has places for some, the others
 * keep their turn. Own parts that cannot fail run after the order was published, but in their place
 * among the own parts.
 */
import { describe, expect, it } from 'vitest';
import { CoordinatorScribe } from '../testing/coordinator-scribe.ts';
import { Coordinator, Course } from './coordinator.ts';
import type { CoordinatorPort } from './coordinator.ts';

/** A scribe in the middle of a turn. */
function openTurn(): CoordinatorScribe {
  const scribe = new CoordinatorScribe();
  scribe.isTurnOpen = true;
  return scribe;
}

describe('places in the order', () => {
  it('are given at the end of the turn, to all at once', () => {
    const scribe = openTurn();
    scribe.begin('a', 0b0110, Course.Certain);
    scribe.begin('b', 0b1100, Course.Voted);
    scribe.begin('c', 0b0110, Course.Certain);
    expect(scribe.sent()).toEqual([]);
    expect(scribe.coordinator.isSequencing()).toBe(true);
    scribe.coordinator.sequence();
    expect(scribe.sent()).toEqual([
      '1 run at grant', '2 run at grant', '2 prepare', '3 prepare', '1 run at grant',
      '2 run at grant', 'publish',
    ]);
    expect(scribe.placed()).toEqual(['a', 'b', 'c']);
    expect(scribe.placed().map((work) => scribe.transaction(work).number)).toEqual([1, 2, 3]);
    expect(scribe.coordinator.isSequencing()).toBe(false);
    scribe.coordinator.sequence();
    expect(scribe.sent()).toEqual([]);
  });

  it('wait for a busy order, and keep their turn', () => {
    const scribe = openTurn();
    scribe.placesLeft = 0;
    scribe.begin('a', 0b110, Course.Certain);
    scribe.begin('b', 0b110, Course.Certain);
    scribe.coordinator.sequence();
    expect(scribe.sent()).toEqual([]);
    expect(scribe.coordinator.isSequencing()).toBe(true);
    scribe.begin('c', 0b1100, Course.Certain);
    scribe.placesLeft = Infinity;
    scribe.coordinator.sequence();
    expect(scribe.sent().length).toBe(7);
    expect(scribe.placed()).toEqual(['a', 'b', 'c']);
    expect(scribe.coordinator.isSequencing()).toBe(false);
  });

  it('of some are published although others have to wait', () => {
    const scribe = openTurn();
    for (const work of ['a', 'b', 'c', 'd', 'e']) scribe.begin(work, 0b110, Course.Voted);
    scribe.placesLeft = 2;
    scribe.coordinator.sequence();
    expect(scribe.sent()).toEqual([
      '1 prepare', '2 prepare', '1 prepare', '2 prepare', 'publish',
    ]);
    expect(scribe.coordinator.isSequencing()).toBe(true);
    scribe.begin('f', 0b110, Course.Voted);
    for (const placed of [3, 4, 5, 6]) {
      scribe.placesLeft = 1;
      scribe.coordinator.sequence();
      expect(scribe.sent()).toEqual(['1 prepare', '2 prepare', 'publish']);
      expect(scribe.placed().length).toBe(placed);
    }
    expect(scribe.placed()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(scribe.coordinator.isSequencing()).toBe(false);
  });

  it('of a turn are the order of the own parts too', () => {
    const scribe = openTurn();
    scribe.ownVote = true;
    scribe.begin('mget', 0b0011, Course.Certain);
    scribe.begin('del', 0b0101, Course.Certain);
    scribe.begin('mset', 0b0011, Course.Voted);
    scribe.begin('exists', 0b1001, Course.Certain);
    scribe.coordinator.sequence();
    // A vote says what was done before it, and nobody may hear of that before it has its place.
    expect(scribe.sent()).toEqual([
      '1 run at grant', '2 run at grant', 'publish', '0 run at grant', '0 run at grant',
      '0 prepare', '1 run and release', '3 run at grant', 'publish', '0 run at grant',
    ]);
  });

  it('are given to what begins when another ends, in this turn or the next', () => {
    const scribe = openTurn();
    const { coordinator } = scribe;
    scribe.ownVote = false;
    scribe.onEnd = (work) => {
      if (work === 'first') scribe.begin('second', 0b110, Course.Voted);
      if (work === 'third') scribe.begin('fourth', 0b110, Course.Voted);
    };
    scribe.begin('first', 0b011, Course.Voted);
    coordinator.sequence();
    expect(scribe.sent()).toEqual([
      '0 prepare', '0 abort', '1 prepare', '2 prepare', 'publish',
    ]);
    expect(coordinator.isSequencing()).toBe(false);
    scribe.answer('second', 1);
    scribe.answer('second', 2, false);
    expect(coordinator.count).toBe(0);
    scribe.sent();
    scribe.ownVote = true;
    scribe.onEnd = () => scribe.begin('fourth', 0b110, Course.Voted);
    scribe.begin('third', 0b011, Course.Certain);
    coordinator.sequence();
    scribe.answer('third', 1);
    expect(scribe.sent()).toEqual(['1 run at grant', 'publish', '0 run at grant']);
    expect(coordinator.isSequencing()).toBe(true);
    coordinator.sequence();
    expect(scribe.sent()).toEqual(['1 prepare', '2 prepare', 'publish']);
  });

  it('are no more than there are transactions, however long one follows the other', () => {
    const ended: string[] = [];
    let placeCount = 0;
    let isHeld = false;
    const port: CoordinatorPort<string, string> = {
      trySequence: () => {
        placeCount++;
        isHeld = true;
        return true;
      },
      publish: () => {
        expect(isHeld).toBe(true);
        isHeld = false;
      },
      mayRunAtOnce: () => true,
      sendIntent: ({ handle }, shard) => coordinator.onAnswer(handle, shard, true, 'x'),
      sendRun: ({ handle }, shard) => coordinator.onAnswer(handle, shard, true, 'y'),
      sendRelease: () => undefined,
      sendAbort: () => undefined,
      nextRound: () => 0,
      onFinished: ({ work }) => {
        ended.push(work ?? '');
        const course = ended.length % 2 === 0 ? Course.Certain : Course.Voted;
        if (ended.length < 50) coordinator.begin(0b1111, course, -1, 1, `${ended.length}`);
      },
    };
    const coordinator = new Coordinator<string, string>({ workerCount: 4, self: 1, port });
    coordinator.begin(0b1111, Course.Voted, -1, 1, '0');
    while (coordinator.isSequencing()) coordinator.sequence();
    expect(ended).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
    expect(placeCount).toBe(50);
    expect(isHeld).toBe(false);
    expect(coordinator.count).toBe(0);
  });
});
