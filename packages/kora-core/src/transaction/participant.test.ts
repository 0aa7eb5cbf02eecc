/**
 * The participant word by word: what every form of intent does when it is granted, what the
 * coordinator's words do after it, and that a handle may be used again inside the last answer.
 */
import { describe, expect, it } from 'vitest';
import type { Intent } from './intent-queue.ts';
import { IntentForm, IntentQueue } from './intent-queue.ts';
import type { ParticipantPort } from './participant.ts';
import { Participant } from './participant.ts';
import { lockOf, SlotLocks } from './slot-locks.ts';

class Shard implements ParticipantPort<string> {
  readonly log: string[] = [];
  readonly locks = new SlotLocks();
  readonly participant = new Participant<string>(this);
  readonly intents = new IntentQueue<string>({
    workerCount: 2, locks: this.locks, host: this.participant,
  });
  isPrepared = true;
  canRun = true;
  onLastAnswer: (() => void) | null = null;
  #number = 0;

  constructor() {
    this.participant.bind(this.intents);
  }

  send(form: number, handle = 0, payload = 'part'): void {
    const intent = this.intents.open(1, handle, ++this.#number, form);
    intent.payload = payload;
    this.intents.lockSlots(intent, Uint16Array.of(lockOf(5, true)), 0, 1);
    this.intents.admit(intent);
  }

  prepare(intent: Intent<string>): boolean {
    this.log.push(`prepare ${intent.payload}`);
    return this.isPrepared;
  }

  run(intent: Intent<string>): boolean {
    this.log.push(`run ${intent.payload}`);
    return this.canRun;
  }

  abort(intent: Intent<string>): void {
    this.log.push(`abort ${intent.payload}`);
  }

  answer(intent: Intent<string>, isAccepted: boolean): void {
    this.log.push(`${isAccepted ? 'yes' : 'no'} ${intent.payload}`);
    this.onLastAnswer?.();
  }
}

describe('a participant', () => {
  it('prepares, runs as often as it is told, and keeps its locks until the release', () => {
    const shard = new Shard();
    shard.send(IntentForm.Prepare);
    shard.participant.onRun(1, 0, false);
    shard.participant.onRun(1, 0, false);
    expect(shard.locks.count).toBe(1);
    shard.participant.onRelease(1, 0);
    expect(shard.log).toEqual([
      'prepare part', 'yes part', 'run part', 'yes part', 'run part', 'yes part',
    ]);
    expect(shard.locks.count).toBe(0);
  });

  it('gives its locks back with the last run, and what it reserved when that refuses', () => {
    const shard = new Shard();
    shard.send(IntentForm.Prepare);
    shard.participant.onRun(1, 0, true);
    expect(shard.locks.count).toBe(0);
    shard.canRun = false;
    shard.send(IntentForm.Prepare, 0, 'leader');
    shard.participant.onRun(1, 0, true);
    expect(shard.log.slice(4)).toEqual([
      'prepare leader', 'yes leader', 'run leader', 'abort leader', 'no leader',
    ]);
    expect(shard.locks.count).toBe(0);
  });

  it('votes no and waits for the abort', () => {
    const shard = new Shard();
    shard.isPrepared = false;
    shard.send(IntentForm.Prepare);
    expect(shard.locks.count).toBe(1);
    shard.participant.onAbort(1, 0);
    expect(shard.log).toEqual(['prepare part', 'no part', 'abort part']);
    expect(shard.locks.count).toBe(0);
  });

  it('runs at its grant, answers and is gone', () => {
    const shard = new Shard();
    shard.send(IntentForm.RunAtGrant);
    expect(shard.log).toEqual(['run part', 'yes part']);
    expect(shard.locks.count).toBe(0);
    expect(shard.intents.count).toBe(0);
    expect(() => shard.participant.onRelease(1, 0)).toThrow('that it sent');
  });

  it('runs at its grant, not before it', () => {
    const shard = new Shard();
    shard.send(IntentForm.Prepare, 0, 'holder');
    shard.send(IntentForm.RunAtGrant, 1, 'waits');
    expect(shard.log).toEqual(['prepare holder', 'yes holder']);
    shard.participant.onRun(1, 0, true);
    expect(shard.log.slice(2)).toEqual(['run holder', 'yes holder', 'run waits', 'yes waits']);
    expect(shard.locks.count).toBe(0);
  });

  it('says so when a part that cannot fail does', () => {
    const shard = new Shard();
    shard.canRun = false;
    expect(() => shard.send(IntentForm.RunAtGrant)).toThrow('cannot fail does not');
  });

  it('decides alone as the last agent', () => {
    const shard = new Shard();
    shard.send(IntentForm.RunAndRelease, 0, 'a');
    shard.isPrepared = false;
    shard.send(IntentForm.RunAndRelease, 0, 'b');
    expect(shard.log).toEqual(['prepare a', 'run a', 'yes a', 'prepare b', 'abort b', 'no b']);
    expect(shard.locks.count).toBe(0);
  });

  for (const [name, form] of [
    ['a part that cannot fail', IntentForm.RunAtGrant],
    ['the last agent', IntentForm.RunAndRelease],
  ] as const) {
    it(`has its handle free inside the last answer: ${name}`, () => {
      const shard = new Shard();
      let left = 5000;
      shard.onLastAnswer = () => {
        if (left-- > 0) shard.send(form, 0, 'next');
      };
      shard.send(form, 0, 'first');
      expect(shard.log.filter((line) => line === 'yes next').length).toBe(5000);
      expect(shard.locks.count).toBe(0);
      expect(shard.intents.count).toBe(0);
    });
  }
});
