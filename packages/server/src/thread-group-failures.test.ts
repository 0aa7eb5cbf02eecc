/**
 * One of several workers cannot start or dies: all end together, and one text says why. What goes
 * wrong is a change to what its thread runs. Needs a build.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RawClient } from './testing/raw-client.ts';
import {
  changedThread, GroupRun, isServed, LOOP_ENGINES, until,
} from './testing/threaded-server.ts';

const threadCount = (): number => readdirSync('/proc/self/task').length;

/** A program for one worker; the others are as ever. */
const only = (odd: number, program: URL) => (worker: number): URL | undefined =>
  (worker === odd ? program : undefined);

describe.each(LOOP_ENGINES.slice(0, 1))('one of three workers, io %s', (io) => {
  it('has no engine: none starts', async () => {
    const before = threadCount();
    const heard = await GroupRun.start(io, 3, only(1, changedThread('io/choose-engine.js', `
      const { workerData } = await import('node:worker_threads');
      workerData.io = 'none of them';`)));
    expect(heard.words).toEqual(['unavailable ']);
    await until(() => threadCount() <= before);
    expect(await isServed(heard.port)).toBe(false);
  });

  it('cannot be loaded: none starts', async () => {
    const before = threadCount();
    const program = new URL('data:text/javascript,throw new Error("no file");');
    const heard = await GroupRun.start(io, 3, only(0, program));
    await heard.over;
    expect(heard.words).toEqual([
      "the shard's thread failed: no file", 'failure worker 0: no file',
    ]);
    await until(() => threadCount() <= before);
    expect(await isServed(heard.port)).toBe(false);
  });

  it('throws in a turn: all end, and it is told', async () => {
    const before = threadCount();
    const heard = await GroupRun.start(io, 3, only(2, changedThread('worker.js', `
      let ticks = 0;
      parts.Worker.prototype.onTick = () => {
        if (++ticks === 3) throw new RangeError('out of bounds');
      };`)));
    const client = await RawClient.connect({ host: '127.0.0.1', port: heard.port });
    await heard.over;
    await client.ended;
    expect(heard.words).toEqual(['listening', 'failure worker 2: out of bounds']);
    await until(() => threadCount() <= before);
    expect(await isServed(heard.port)).toBe(false);
  });

  it('ends without a word: all end, and it is told', async () => {
    const heard = await GroupRun.start(io, 3, only(1, changedThread('worker.js', `
      let ticks = 0;
      parts.Worker.prototype.onTick = () => {
        if (++ticks === 3) process.exit(0);
      };`)));
    await heard.over;
    expect(heard.words).toEqual([
      'listening', 'failure worker 1: the thread of the shard ended by itself',
    ]);
  });
});

describe('workers that no engine can be had for', () => {
  it('are refused with what they need', async () => {
    const hide = `data:text/javascript,${encodeURIComponent(`
      import loader from 'node:module';
      const load = loader._load;
      loader._load = (request, ...rest) => {
        if (/^koffi$/.test(request)) throw new Error('hidden by a test');
        return load(request, ...rest);
      };`)}`;
    const source = `
      import { createServer } from '${new URL('../dist/index.js', import.meta.url).href}';
      const server = createServer({ workers: 3, settings: { port: 0 }, onLog: () => undefined });
      server.start().catch((fault) => console.log(fault.code, fault.message));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      env: { PATH: process.env['PATH'] ?? '', NODE_OPTIONS: `--import ${hide}` },
    });
    let output = '';
    child.stdout.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(output).toMatch(/^IO_UNAVAILABLE 3 workers need uring or epoll: .*\n$/);
  });
});
