/**
 * The words by which threads wake each other: every order of the steps of who publishes and who
 * goes to sleep ends with somebody up. Real threads run them in worker-threads.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { PipeWords } from './pipe-words.ts';

type Step = () => void;

/** All ways to mix two lists of steps, each list in its order. */
function* interleavings(one: readonly Step[], two: readonly Step[]): Generator<Step[]> {
  const [first, ...restOfOne] = one;
  const [second, ...restOfTwo] = two;
  if (first === undefined || second === undefined) {
    yield [...one, ...two];
    return;
  }
  for (const rest of interleavings(restOfOne, two)) yield [first, ...rest];
  for (const rest of interleavings(one, restOfTwo)) yield [second, ...rest];
}

describe('a worker that goes to sleep', () => {
  it('sees the program\'s tail or hears the bell, in every order of steps', () => {
    let count = 0;
    const world = { words: new PipeWords(2), tail: 0, seen: -1, bell: 0, waits: false };
    const worker: Step[] = [
      () => { world.bell = world.words.bell(1); },
      () => { world.words.setSleeps(1, true); },
      () => { world.seen = world.tail; },
      () => { world.waits = world.seen === 0; },
    ];
    const program: Step[] = [
      () => { world.tail = 1; },
      () => { world.words.wakeWorker(1); },
    ];
    for (const steps of interleavings(worker, program)) {
      Object.assign(world, { words: new PipeWords(2), tail: 0, seen: -1, bell: 0, waits: false });
      for (const step of steps) step();
      // A worker that waits is ended by a bell that shows something else than it saw.
      const isUp = !world.waits || world.words.bell(1) !== world.bell;
      expect(isUp).toBe(true);
      count++;
    }
    expect(count).toBe(15);
  });

  it('does not sleep through a word to end', () => {
    const words = new PipeWords(2);
    const seen = words.bell(0);
    words.askToEnd(0);
    words.wait(0, seen, 60_000);
    expect(words.isAskedToEnd(0)).toBe(true);
    expect(words.isAskedToEnd(1)).toBe(false);
  });
});

describe('a program that goes to sleep', () => {
  it('sees a worker\'s tail or is sent a message, in every order of steps, and one message', () => {
    const world = { words: new PipeWords(2), tails: [0, 0], seen: 0, isAsleep: false, messages: 0 };
    const workerOf = (index: number): Step[] => [
      () => { world.tails[index] = 1; },
      () => { if (world.words.mustWakeProgram()) world.messages++; },
    ];
    const program: Step[] = [
      () => { world.words.sleep(); },
      () => { world.seen = (world.tails[0] ?? 0) + (world.tails[1] ?? 0); },
      () => {
        world.isAsleep = world.seen === 0;
        if (!world.isAsleep) world.words.wake();
      },
    ];
    let count = 0;
    for (const mixed of interleavings(workerOf(0), workerOf(1))) {
      for (const steps of interleavings(program, mixed)) {
        Object.assign(world, {
          words: new PipeWords(2), tails: [0, 0], seen: 0, isAsleep: false, messages: 0,
        });
        for (const step of steps) step();
        expect(world.isAsleep && world.messages === 0).toBe(false);
        expect(world.messages).toBeLessThanOrEqual(1);
        count++;
      }
    }
    expect(count).toBe(6 * 35);
  });
});
