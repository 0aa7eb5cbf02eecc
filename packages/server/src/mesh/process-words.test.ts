/**
 * The words that the workers of a process share: two views of one buffer stand for two threads, and
 * what is in them is compared with plain counters and lists.
 */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ProcessWords } from './process-words.ts';

const WORKERS = 5;

function views(): [ProcessWords, ProcessWords] {
  const words = new ProcessWords(WORKERS);
  return [words, new ProcessWords(WORKERS, words.buffer)];
}

describe('the words of a process', () => {
  it('say where the first worker listens, also to who waits for it', async () => {
    const [words, others] = views();
    expect(others.waitForPort(1)).toBe(-1);
    words.setListening(6379, '127.0.0.1 ::1');
    expect(others.waitForPort(1)).toBe(6379);
    expect(others.port).toBe(6379);
    expect(others.isBoundTo('127.0.0.1 ::1')).toBe(true);
    expect(others.isBoundTo('127.0.0.1')).toBe(false);
    words.setListening(0, '');
    expect(others.waitForPort(1)).toBe(0);
    const [later, seen] = views();
    // A thread that answers only when it is woken by the store: its own wait has no end.
    const waiting = new Worker(`
      const { parentPort, workerData } = require('node:worker_threads');
      const words = new Int32Array(workerData);
      parentPort.postMessage(-1);
      Atomics.wait(words, 0, 0);
      parentPort.postMessage(Atomics.load(words, 0) - 1);`, {
      eval: true, workerData: seen.buffer, execArgv: [],
    });
    const said: number[] = [];
    await new Promise<void>((resolve) => {
      waiting.on('message', (port: number) => {
        said.push(port);
        if (port === -1) later.setListening(7000, 'x');
        else resolve();
      });
    });
    expect(said).toEqual([-1, 7000]);
    await waiting.terminate();
  });

  it('give every connection a number of its own, and count them', () => {
    const [words, others] = views();
    const ids = Array.from({ length: 100 }, (_, i) =>
      (i % 3 === 0 ? words : others).nextClientId());
    expect(ids).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    words.addConnections(3);
    others.addConnections(-1);
    expect([words.connectionCount, others.connectionCount]).toEqual([2, 2]);
  });

  it('have a bell for each worker, which keeps its eventfd to the end', () => {
    const [words, others] = views();
    const none = Array.from({ length: WORKERS }, () => [-1, -1]);
    const bells = (): number[][] => none.map((_, worker) =>
      [others.eventfdOf(worker), others.ringOf(worker)]);
    expect(bells()).toEqual(none);
    for (let worker = 0; worker < WORKERS; worker++) words.setBell(worker, worker * 10, worker);
    expect(bells()).toEqual([[0, 0], [10, 1], [20, 2], [30, 3], [40, 4]]);
    words.dropRing(2);
    expect(bells()).toEqual([[0, 0], [10, 1], [20, -1], [30, 3], [40, 4]]);
  });

  it('are told of the end once', () => {
    const [words, others] = views();
    expect(others.isEnding).toBe(false);
    expect(words.beginEnd()).toBe(true);
    expect(others.beginEnd()).toBe(false);
    expect(others.isEnding).toBe(true);
  });

  it('know which CONFIG SETs all workers have carried out', () => {
    const [words, others] = views();
    expect(words.haveAllChanged(0)).toBe(true);
    for (let worker = 0; worker < WORKERS; worker++) {
      expect(words.haveAllChanged(1)).toBe(false);
      others.countChange(worker);
    }
    expect(words.haveAllChanged(1)).toBe(true);
    others.countChange(WORKERS - 1);
    expect(words.haveAllChanged(1)).toBe(false);
    expect(words.changesOf(WORKERS - 1)).toBe(2);
    words.decide(1);
    expect(others.decided).toBe(1);
  });

  it('have a bit for each worker with clients in MONITOR', () => {
    const [words, others] = views();
    words.setMonitors(0, true);
    others.setMonitors(2, true);
    expect(words.monitors).toBe(0b101);
    words.setMonitors(0, false);
    words.setMonitors(0, false);
    expect(others.monitors).toBe(0b100);
  });

  it('do not overlap, whatever the number of workers', () => {
    for (let workers = 1; workers <= 30; workers++) {
      const words = new ProcessWords(workers);
      words.setListening(1, 'bind');
      words.addConnections(7);
      words.pause.fill(0.5);
      words.slowLog.fill(-1n);
      const last = workers - 1;
      for (let worker = 0; worker < workers; worker++) {
        words.setBell(worker, 100 + worker, 200 + worker);
        words.countChange(worker);
        words.setMonitors(worker, true);
      }
      expect(words.monitors).toBe(2 ** workers - 1);
      expect([...words.slowLog]).toEqual([-1n, -1n]);
      expect(words.nextClientId()).toBe(1);
      expect([words.port, words.connectionCount, words.isEnding]).toEqual([1, 7, false]);
      expect([words.eventfdOf(last), words.ringOf(last)]).toEqual([100 + last, 200 + last]);
      expect([words.eventfdOf(0), words.ringOf(0), words.changesOf(0)]).toEqual([100, 200, 1]);
      expect(words.changesOf(last)).toBe(1);
      expect([...words.pause].every((half) => half === 0.5)).toBe(true);
    }
  });
});
