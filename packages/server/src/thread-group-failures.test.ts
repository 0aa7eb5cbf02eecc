/**
 * One of several workers cannot start or dies: all end together, and one text says why. What goes
 * wrong is a change to what its thread runs. Needs a build.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hasReusePort } from './io/node-listening.ts';
import { RawClient } from './testing/raw-client.ts';
import {
  changedThread, GroupRun, isServed, LOOP_ENGINES, until, WORKER_ENGINES,
} from './testing/threaded-server.ts';

const threadCount = (): number => readdirSync('/proc/self/task').length;

/** A program for one worker; the others are as ever. */
const only = (odd: number, program: URL) => (worker: number): URL | undefined =>
  (worker === odd ? program : undefined);

describe.each(LOOP_ENGINES.slice(0, 1))('one of three workers that wants %s', (io) => {
  it('has no engine: none starts', async () => {
    const before = threadCount();
    const heard = await GroupRun.start(io, 3, only(1, changedThread('io/choose-engine.js', `
      const { workerData } = await import('node:worker_threads');
      workerData.io = 'none of them';`)));
    expect(heard.words).toEqual(['unavailable ']);
    await until(() => threadCount() <= before);
    expect(await isServed(heard.port)).toBe(false);
  });

});

const [best] = WORKER_ENGINES;

describe.each([...new Set([best, 'node'] as const)])('one of three workers, io %s', (io) => {
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

describe('workers where no loop engine can be had', () => {
  const hide = `data:text/javascript,${encodeURIComponent(`
    import loader from 'node:module';
    const load = loader._load;
    loader._load = (request, ...rest) => {
      if (/^koffi$/.test(request)) throw new Error('hidden by a test');
      return load(request, ...rest);
    };`)}`;

  /** What a program says that starts a server of three workers without koffi. */
  function outputOf(io: string): Promise<string> {
    const source = `
      import { connect } from 'node:net';
      import { createServer } from '${new URL('../dist/index.js', import.meta.url).href}';
      const server = createServer({
        io: '${io}', workers: 3, settings: { port: 0, bind: '127.0.0.1', loglevel: 'verbose' },
        onLog: (level, line) => console.log(line),
      });
      try {
        const { port } = await server.start();
        const socket = connect(port, '127.0.0.1');
        for (const keys of ['a 1 b 2', 'c 3 d 4', 'e 5 f 6']) {
          socket.write('MSET ' + keys + '\\r\\n');
          console.log(await new Promise((resolve) => socket.once('data', resolve)) + '');
        }
        socket.destroy();
        await server.close();
      } catch (fault) {
        console.log(fault.code, fault.message);
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      env: { PATH: process.env['PATH'] ?? '', NODE_OPTIONS: `--import ${hide}` },
    });
    let output = '';
    child.stdout.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
    return new Promise((resolve) => {
      child.on('close', () => {
        resolve(output);
      });
    });
  }

  it('run on node:net, which says why and who has the connections', async () => {
    const output = await outputOf('auto');
    expect(output.match(/^\+OK\r$/gm)).toHaveLength(3);
    const reason = hasReusePort(process.versions.node) ? '' : '; the first worker has all conn';
    expect(output).toContain(`io node (koffi cannot be loaded: hidden by a test, so node${reason}`);
    expect(output.match(/Ready to accept/g)).toHaveLength(3);
  });

  it('are refused where a loop engine was asked for', async () => {
    expect(await outputOf('uring')).toMatch(/^IO_UNAVAILABLE .*hidden by a test\n$/);
  });
});
