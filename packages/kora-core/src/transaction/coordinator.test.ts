/**
 * The coordinator word by word: what it sends after which answer, for every course, with refusals
 * at every place, an order that is busy, shards that never answer, clients that vanish, no room
 * left. Answers are given by the test, as rings would bring them, or inside the send, as direct
 * calls do. Places in the order, for one and many in a turn: coordinator-places.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { COORDINATED_LOCK_COUNT_MAX, TRANSACTION_COUNT_MAX } from '../limits.ts';
import { CoordinatorScribe } from '../testing/coordinator-scribe.ts';
import { Course, Phase } from './coordinator.ts';

describe('parts that cannot fail', () => {
  it('run at their grant and keep nothing that would have to be released', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('mget', 0b1110, Course.Certain);
    expect(scribe.sent()).toEqual([
      '1 run at grant', '2 run at grant', '3 run at grant', 'publish',
    ]);
    scribe.answer('mget', 2);
    scribe.answer('mget', 1);
    expect(scribe.finished).toEqual([]);
    scribe.answer('mget', 3);
    expect(scribe.sent()).toEqual([]);
    expect(scribe.finished).toEqual(['mget done r1|r2|r3']);
    expect(scribe.coordinator.count).toBe(0);
  });

  it('need one message each way with one other shard', () => {
    const scribe = new CoordinatorScribe();
    scribe.ownVote = true;
    scribe.begin('mget', 0b11, Course.Certain);
    expect(scribe.sent()).toEqual(['1 run at grant', 'publish', '0 run at grant']);
    scribe.answer('mget', 1);
    expect(scribe.sent()).toEqual([]);
    expect(scribe.finished).toEqual(['mget done own vote|r1']);
  });

  it('run at the other shard at once where the own part has to wait', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('mget', 0b11, Course.Certain);
    expect(scribe.sent()).toEqual(['1 run at grant', 'publish', '0 run at grant']);
    scribe.answer('mget', 1);
    expect(scribe.finished).toEqual([]);
    scribe.answer('mget', 0);
    expect(scribe.sent()).toEqual([]);
    expect(scribe.finished).toEqual(['mget done r0|r1']);
  });

  it('may not refuse', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('mget', 0b110, Course.Certain);
    scribe.answer('mget', 1);
    expect(() => scribe.answer('mget', 2, false)).toThrow('does not refuse');
  });
});

describe('parts that vote', () => {
  it('run after all have agreed, and their locks go with the run', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('mset', 0b111, Course.Voted);
    expect(scribe.sent()).toEqual(['0 prepare', '1 prepare', '2 prepare', 'publish']);
    scribe.answer('mset', 0);
    scribe.answer('mset', 1);
    scribe.answer('mset', 2);
    expect(scribe.sent()).toEqual(['0 run and release', '1 run and release', '2 run and release']);
    for (const shard of [2, 1, 0]) scribe.answer('mset', shard, true, `done ${shard}`);
    expect(scribe.sent()).toEqual([]);
    expect(scribe.finished).toEqual(['mset done done 0|done 1|done 2']);
  });

  it('are all aborted when one refuses, after every vote is there', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('msetnx', 0b1110, Course.Voted);
    scribe.sent();
    scribe.answer('msetnx', 1, false, 'exists');
    scribe.answer('msetnx', 3);
    expect(scribe.sent()).toEqual([]);
    scribe.answer('msetnx', 2);
    expect(scribe.sent()).toEqual(['1 abort', '2 abort', '3 abort']);
    expect(scribe.finished).toEqual(['msetnx refused by 2 exists|r2|r3']);
  });

  it('make the only other shard decide: it agrees', () => {
    const scribe = new CoordinatorScribe();
    scribe.ownVote = true;
    scribe.begin('mset', 0b101, Course.Voted);
    expect(scribe.sent()).toEqual(['0 prepare', '2 run and release', 'publish']);
    scribe.answer('mset', 2);
    expect(scribe.sent()).toEqual(['0 run and release']);
    scribe.answer('mset', 0);
    expect(scribe.finished).toEqual(['mset done r0|r2']);
  });

  it('make the only other shard decide: it refuses', () => {
    const scribe = new CoordinatorScribe();
    scribe.ownVote = true;
    scribe.begin('mset', 0b101, Course.Voted);
    scribe.sent();
    scribe.answer('mset', 2, false, 'full');
    expect(scribe.sent()).toEqual(['0 abort']);
    expect(scribe.finished).toEqual(['mset refused by 4 own vote|full']);
  });

  it('make the only other shard decide when it need not wait for more, else all vote', () => {
    const scribe = new CoordinatorScribe();
    scribe.ownVote = true;
    scribe.canRunAtOnce = false;
    scribe.begin('mset', 0b101, Course.Voted);
    expect(scribe.sent()).toEqual(['0 prepare', '2 prepare', 'publish']);
    scribe.answer('mset', 2);
    expect(scribe.sent()).toEqual(['0 run and release', '2 run and release']);
    scribe.answer('mset', 2);
    scribe.answer('mset', 0);
    expect(scribe.finished).toEqual(['mset done r0|r2']);
  });

  it('all vote where the own part has to wait for its locks', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('mset', 0b101, Course.Voted);
    expect(scribe.sent()).toEqual(['0 prepare', '2 prepare', 'publish']);
    scribe.answer('mset', 2);
    expect(scribe.sent()).toEqual([]);
    scribe.answer('mset', 0);
    expect(scribe.sent()).toEqual(['0 run and release', '2 run and release']);
  });

  it('tell the other shard nothing when the own part refuses', () => {
    const scribe = new CoordinatorScribe();
    scribe.ownVote = false;
    scribe.begin('mset', 0b101, Course.Voted);
    expect(scribe.sent()).toEqual(['0 prepare', '0 abort', 'publish']);
    expect(scribe.finished).toEqual(['mset refused by 1 own vote']);
    expect(scribe.coordinator.count).toBe(0);
  });
});

describe('a leader', () => {
  it('runs with what the others said, then they take what it changed', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('rename', 0b110, Course.Led, 2);
    expect(scribe.sent()).toEqual(['1 prepare', '2 prepare', 'publish']);
    scribe.answer('rename', 2, true, 'ready');
    scribe.answer('rename', 1, true, 'value');
    expect(scribe.sent()).toEqual(['2 run and release']);
    scribe.rounds = [0b010];
    scribe.answer('rename', 2, true, 'stored');
    expect(scribe.sent()).toEqual(['1 run and release']);
    scribe.answer('rename', 1, true, 'removed');
    expect(scribe.sent()).toEqual([]);
    expect(scribe.finished).toEqual(['rename done removed|stored']);
  });

  it('releases those it needs nothing more of, at once', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('sinterstore', 0b111, Course.Led, 1);
    scribe.sent();
    for (const shard of [0, 1, 2]) scribe.answer('sinterstore', shard);
    expect(scribe.sent()).toEqual(['1 run and release']);
    scribe.answer('sinterstore', 1, true, 'count');
    expect(scribe.sent()).toEqual(['0 release', '2 release']);
    expect(scribe.finished).toEqual(['sinterstore done r0|count|r2']);
  });

  it('that refuses leaves the others as they were', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('smove', 0b110, Course.Led, 2);
    scribe.answer('smove', 1);
    scribe.answer('smove', 2);
    scribe.sent();
    scribe.answer('smove', 2, false, 'full');
    expect(scribe.sent()).toEqual(['1 abort']);
    expect(scribe.finished).toEqual(['smove refused by 4 r1|full']);
  });

  it('is not asked when a source refuses', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('smove', 0b110, Course.Led, 2);
    scribe.sent();
    scribe.answer('smove', 1, false, 'wrong type');
    scribe.answer('smove', 2);
    expect(scribe.sent()).toEqual(['1 abort', '2 abort']);
  });

  it('that is the only other shard runs at its grant', () => {
    const scribe = new CoordinatorScribe();
    scribe.ownVote = true;
    scribe.begin('rename', 0b011, Course.Led, 1);
    expect(scribe.sent()).toEqual(['0 prepare', '1 run and release', 'publish']);
    scribe.rounds = [0b001];
    scribe.answer('rename', 1);
    expect(scribe.sent()).toEqual(['0 run and release']);
    scribe.answer('rename', 0);
    expect(scribe.finished).toEqual(['rename done r0|r1']);
  });

  it('on the own shard waits for the other', () => {
    const scribe = new CoordinatorScribe();
    scribe.ownVote = true;
    scribe.begin('sinter', 0b011, Course.Led, 0);
    expect(scribe.sent()).toEqual(['0 prepare', '1 prepare', 'publish']);
    scribe.answer('sinter', 1);
    expect(scribe.sent()).toEqual(['0 run and release']);
    scribe.answer('sinter', 0);
    expect(scribe.sent()).toEqual(['1 release']);
  });
});

describe('a script', () => {
  it('names the shards of every round and is not stopped by an answer', () => {
    const scribe = new CoordinatorScribe();
    scribe.ownVote = true;
    scribe.rounds = [0b011, 0b010, 0b001];
    scribe.begin('exec', 0b011, Course.Scripted);
    expect(scribe.sent()).toEqual(['0 prepare', '1 prepare', 'publish']);
    scribe.answer('exec', 1);
    expect(scribe.sent()).toEqual(['0 run', '1 run']);
    scribe.answer('exec', 0);
    scribe.answer('exec', 1, false, 'an error');
    expect(scribe.sent()).toEqual(['1 run']);
    scribe.answer('exec', 1);
    expect(scribe.sent()).toEqual(['0 run']);
    scribe.answer('exec', 0, false);
    expect(scribe.sent()).toEqual(['0 release', '1 release']);
    expect(scribe.finished).toEqual(['exec done r0|r1']);
  });

  it('does not begin when a vote is missing', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('exec', 0b110, Course.Scripted);
    scribe.sent();
    scribe.answer('exec', 1, false, 'watched');
    scribe.answer('exec', 2);
    expect(scribe.sent()).toEqual(['1 abort', '2 abort']);
    expect(scribe.finished).toEqual(['exec refused by 2 watched|r2']);
  });
});

describe('a coordinator in trouble', () => {
  it('goes on with others while a shard does not answer', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('stuck', 0b1010, Course.Voted);
    for (let i = 0; i < 100; i++) {
      scribe.begin(`goes ${i}`, 0b0110, Course.Certain);
      scribe.answer(`goes ${i}`, 1);
      scribe.answer(`goes ${i}`, 2);
    }
    expect(scribe.finished.length).toBe(100);
    expect(scribe.coordinator.count).toBe(1);
    expect(scribe.transaction('stuck').phase).toBe(Phase.Preparing);
  });

  it('runs a transaction to its end when the client is gone, wherever it stands', () => {
    const vanishAfter = ['nothing', 'sequencing', 'a vote', 'all votes'];
    for (const moment of vanishAfter) {
      const scribe = new CoordinatorScribe();
      const goIf = (now: string): void => {
        if (now === moment) scribe.coordinator.abandon((work) => work === 'exec');
      };
      scribe.placesLeft = 0;
      scribe.begin('exec', 0b110, Course.Voted);
      goIf('nothing');
      scribe.placesLeft = Infinity;
      scribe.coordinator.sequence();
      goIf('sequencing');
      scribe.answer('exec', 1);
      goIf('a vote');
      scribe.answer('exec', 2);
      goIf('all votes');
      scribe.answer('exec', 2);
      scribe.answer('exec', 1);
      expect(scribe.sent()).toEqual([
        '1 prepare', '2 prepare', 'publish', '1 run and release', '2 run and release',
      ]);
      expect(scribe.finished, moment).toEqual(['exec done r1|r2 for nobody']);
      expect(scribe.coordinator.count).toBe(0);
      // The next user of the pooled object is somebody else.
      scribe.begin('next', 0b110, Course.Certain);
      scribe.answer('next', 1);
      scribe.answer('next', 2);
      expect(scribe.finished[1]).toBe('next done r1|r2');
    }
  });

  it('refuses before any place is taken when it has no room', () => {
    const scribe = new CoordinatorScribe();
    for (let i = 0; i < TRANSACTION_COUNT_MAX; i++) {
      expect(scribe.begin(`${i}`, 0b110, Course.Certain)).toBe(true);
    }
    scribe.sent();
    expect(scribe.begin('one too many', 0b110, Course.Certain)).toBe(false);
    expect(scribe.sent()).toEqual([]);
    scribe.answer('0', 1);
    scribe.answer('0', 2);
    expect(scribe.begin('now', 0b110, Course.Certain)).toBe(true);
  });

  it('bounds the locks of all its transactions, but lets any single one begin', () => {
    const scribe = new CoordinatorScribe();
    const { coordinator } = scribe;
    const many = COORDINATED_LOCK_COUNT_MAX;
    expect(coordinator.begin(0b110, Course.Certain, -1, many + 5, 'wide')).toBe(true);
    expect(coordinator.begin(0b110, Course.Certain, -1, 1, 'second')).toBe(false);
    coordinator.sequence();
    scribe.answer('wide', 1);
    scribe.answer('wide', 2);
    expect(coordinator.begin(0b110, Course.Certain, -1, many - 1, 'third')).toBe(true);
    expect(coordinator.begin(0b110, Course.Certain, -1, 1, 'fourth')).toBe(true);
    expect(coordinator.begin(0b110, Course.Certain, -1, 1, 'fifth')).toBe(false);
  });

  it('says so when a shard answers twice, or what it was not asked', () => {
    const scribe = new CoordinatorScribe();
    scribe.begin('mget', 0b110, Course.Certain);
    scribe.answer('mget', 1);
    expect(() => scribe.answer('mget', 1)).toThrow('once');
    expect(() => scribe.answer('mget', 3)).toThrow('once');
    expect(() => scribe.coordinator.onAnswer(9, 1, true, null)).toThrow('handle');
    expect(() => scribe.begin('alone', 0b100, Course.Certain)).toThrow('no coordinator');
    expect(() => scribe.begin('led', 0b110, Course.Led)).toThrow('leader');
    expect(() => scribe.begin('led', 0b110, Course.Led, 3)).toThrow('leader');
  });

  it('says so when an answer comes to what has no place yet', () => {
    const scribe = new CoordinatorScribe();
    scribe.placesLeft = 0;
    scribe.begin('mget', 0b110, Course.Certain);
    expect(() => scribe.coordinator.onAnswer(0, 1, true, null)).toThrow('what was sent');
  });
});
