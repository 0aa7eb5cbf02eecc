/**
 * A server whose shard has a thread of its own, on every loop engine that this machine offers: the
 * thread is there while the server is, whatever ends it, and what it says arrives. The thread runs
 * the built files; programs of their own test what ends a process. Needs a build.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LoopChoice } from './io/choose-engine.ts';
import { withLoopEngine } from './io/choose-engine.ts';
import type { LogLevel } from './log.ts';
import type { RunnerHost } from './runner.ts';
import type { KoraServer } from './server.ts';
import { createServer } from './server.ts';
import type { RoomPlan } from './shard-room.ts';
import { RawClient } from './testing/raw-client.ts';
import { ThreadRunner } from './thread-runner.ts';

const BUILT = new URL('../dist/', import.meta.url);
const LOOP_ENGINES = (['uring', 'epoll'] as const).filter((io) => {
  const outcome = withLoopEngine(io, ({ engine }) => {
    engine.stop();
    return { isThere: true };
  });
  return typeof outcome !== 'string';
});

const local = { port: 0, bind: '127.0.0.1', loglevel: 'debug', 'enable-debug-command': 'local' };

/** Keeps the shard in a command; the first of the two is heard of when the second runs. */
const BUSY = 'SHUTDOWN SAVE\r\nDEBUG SLEEP 3000\r\n';
const BUSY_LINE = 'SHUTDOWN SAVE refused';

interface Served {
  readonly server: KoraServer;
  readonly client: RawClient;
  readonly log: string[];
}

async function serve(io: 'auto' | 'uring' | 'epoll'): Promise<Served> {
  const log: string[] = [];
  const onLog = (level: LogLevel, message: string): void => {
    log.push(`${level} ${message}`);
  };
  const server = createServer({ io, settings: local, onLog });
  const { port } = await server.start();
  return { server, client: await RawClient.connect({ host: '127.0.0.1', port }), log };
}

/** Looks between turns of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

/** Runs a program with a server of the built package in it; what it printed, and how it ended. */
class Program {
  readonly child;
  readonly ended: Promise<string>;
  #output = '';

  /** @param after what it does once the server listens */
  constructor(io: string, after: string, environment: Record<string, string> = {}) {
    const source = `
      const { createServer } = await import('${new URL('index.js', BUILT).href}');
      const onLog = (_level, line) => process.stdout.write(line + '\\n');
      const server = createServer({ io: '${io}', settings: ${JSON.stringify(local)}, onLog });
      const address = await server.start();
      process.stdout.write('port ' + address.port + '\\n');
      ${after}`;
    this.child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      env: { PATH: process.env['PATH'] ?? '', ...environment },
    });
    const keep = (piece: Buffer): void => {
      this.#output += piece.toString();
    };
    this.child.stdout.on('data', keep);
    this.child.stderr.on('data', keep);
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        resolve(`${this.#output}ended by ${signal ?? String(code)}`);
      });
    });
  }

  /** Waits for a line of its output. */
  printed(line: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = line.exec(this.#output);
        if (found !== null) resolve(found);
      };
      this.child.stdout.on('data', look);
      look();
    });
  }

  async connect(): Promise<RawClient> {
    const [, port] = await this.printed(/^port (\d+)$/m);
    return RawClient.connect({ host: '127.0.0.1', port: Number(port) });
  }
}

describe.each(LOOP_ENGINES)('a shard on its own thread, io %s', (io) => {
  it('serves, says where and why, and ends in order', async () => {
    const { server, client, log } = await serve(io);
    expect(server.room).toBeUndefined();
    expect(await client.call('SET', 'key', 'x'.repeat(200_000))).toBe('+OK');
    expect(await client.call('STRLEN', 'key')).toBe(':200000');
    expect(await client.call('INFO', 'server')).toContain(`io_engine:${io}\\r\\n`);
    expect(await client.call('INFO', 'server')).toContain('io_engine_reason:asked for');
    expect(await client.call('CONFIG', 'GET', 'port')).toBe(`["port", "${server.port}"]`);
    const closing = server.close();
    expect(server.close()).toBe(closing);
    await closing;
    await client.ended;
    await server.closed;
    expect(server.port).toBe(0);
    expect(log[0]).toBe(`verbose Ready to accept connections, io ${io} (asked for)`);
    expect(log.at(-1)).toBe('verbose Kora is now ready to exit, bye bye...');
  });

  it('ends by SHUTDOWN', async () => {
    const { server, client, log } = await serve(io);
    client.send('SHUTDOWN NOSAVE\r\n');
    await client.ended;
    await server.closed;
    expect(log).toContain('notice User requested shutdown...');
    await server.close();
  });

  it('moves by CONFIG SET of a client, and the server knows', async () => {
    const [first, second] = [await serve(io), await serve(io)];
    const free = second.server.port;
    await second.server.close();
    expect(await first.client.call('CONFIG', 'SET', 'port', String(free))).toBe('+OK');
    await until(() => first.server.port === free);
    const moved = await RawClient.connect({ host: '127.0.0.1', port: free });
    expect(await moved.call('PING')).toBe('+PONG');
    expect(await first.client.call('CONFIG', 'SET', 'loglevel', 'warning')).toBe('+OK');
    await first.server.close();
    expect(first.log.join('\n')).not.toContain('bye bye');
  });

  it('rejects an address that cannot be had, and leaves no thread', async () => {
    const { server } = await serve(io);
    const other = createServer({
      io, settings: { ...local, port: server.port }, onLog: () => undefined,
    });
    await expect(other.start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE', message: `127.0.0.1:${server.port} is in use by another process`,
    });
    await other.closed;
    await server.close();
  });

  it('is terminated when a command runs on at the end', async () => {
    const { server, client, log } = await serve(io);
    client.send(BUSY);
    await until(() => log.join('\n').includes(BUSY_LINE));
    await server.close();
    expect(log.join('\n')).toContain('the thread of the shard is terminated');
    client.destroy();
  });

  it('leaves nothing behind: six servers, one after the other', async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const once = await serve(io);
    once.client.destroy();
    await once.server.close();
    const before = descriptors();
    for (let i = 0; i < 6; i++) {
      const server = createServer({ io, settings: local, onLog: () => undefined });
      const { port } = await server.start();
      const client = await RawClient.connect({ host: '127.0.0.1', port });
      expect(await client.call('PING')).toBe('+PONG');
      await server.close();
      await client.ended;
    }
    await until(() => descriptors() <= before);
  });

  it('is closed while it starts', async () => {
    const server = createServer({ io, settings: local, onLog: () => undefined });
    const starting = server.start();
    await server.close();
    await starting.then(undefined, (fault: unknown) => {
      expect(fault).toMatchObject({ code: 'ENGINE_CLOSED' });
    });
    await server.closed;
  });
});

describe.each(LOOP_ENGINES)('a process with such a server, io %s', (io) => {
  it('ends by process.exit while the shard is idle', async () => {
    const program = new Program(io, 'setTimeout(() => process.exit(7), 20);');
    expect(await program.ended).toMatch(/ended by 7$/);
  });

  it('ends by process.exit while the shard is in a command', async () => {
    const program = new Program(io, "process.stdin.once('data', () => process.exit(3));");
    const client = await program.connect();
    client.send(BUSY);
    await program.printed(new RegExp(BUSY_LINE));
    program.child.stdin.write('now');
    expect(await program.ended).toMatch(/ended by 3$/);
    await client.ended;
  });

  it('ends by an exception that nobody catches', async () => {
    const program = new Program(io, 'setTimeout(() => { throw new Error("mine"); }, 20);');
    expect(await program.ended).toMatch(/Error: mine[^]*ended by 1$/);
  });

  it('ends by a signal that nobody takes', async () => {
    const program = new Program(io, '');
    await program.printed(/^port/m);
    program.child.kill('SIGTERM');
    expect(await program.ended).toMatch(/ended by SIGTERM$/);
  });

  it('goes on as long as the server does, and no longer', async () => {
    const program = new Program(io, '');
    const client = await program.connect();
    expect(await client.call('PING')).toBe('+PONG');
    client.send('SHUTDOWN\r\n');
    expect(await program.ended).toMatch(/ended by 0$/);
  });
});

const plan: RoomPlan = {
  settings: [['port', '0'], ['bind', '127.0.0.1']], configFile: '', executable: '',
  memoryAdvice: 'off',
};

describe('a machine without koffi', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kora-thread-'));
  const hiding = join(directory, 'hide-koffi.cjs');
  writeFileSync(hiding, `
    const loader = require('node:module');
    const load = loader._load;
    loader._load = (request, ...rest) => {
      if (/^koffi$/.test(request)) throw new Error('hidden by a test');
      return load(request, ...rest);
    };`);
  const without = { NODE_OPTIONS: `--require ${hiding}` };
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('serves on node:net, and says why', async () => {
    const program = new Program('auto', '', without);
    const client = await program.connect();
    const info = await client.call('INFO', 'server');
    expect(info).toContain('io_engine:node\\r\\n');
    expect(info).toMatch(/io_engine_reason:[^\\]*(hidden by a test|no native)[^\\]*, so node\\r/);
    client.send('SHUTDOWN\r\n');
    expect(await program.ended).toMatch(/ended by 0$/);
  });

  it.each(['uring', 'epoll'])('refuses %s when it is asked for', async (io) => {
    const program = new Program(io, '', without);
    expect(await program.ended).toMatch(/IO_UNAVAILABLE[^]*ended by 1$/);
  });
});

/** The thread's program after a change to a built module. */
function changed(file: string, change: string): URL {
  const program = `
    const parts = await import('${new URL(file, BUILT).href}');
    ${change}
    await import('${new URL('shard-thread.js', BUILT).href}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

describe.each(LOOP_ENGINES)('the log of a shard on its own thread, io %s', (io) => {
  it('drops what comes too fast, and says how much', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kora-thread-'));
    const done = join(directory, 'done');
    const url = changed('worker.js', `
      const { writeFileSync } = await import('node:fs');
      let isDone = false;
      parts.Worker.prototype.onTick = function () {
        if (isDone) return;
        for (let i = 0; i < 10_100; i++) this.log('warning', 'line');
        isDone = true;
        writeFileSync(${JSON.stringify(done)}, '');
      };`);
    const counts = new Map<string, number>();
    await new Promise<void>((resolve) => {
      const runner = new ThreadRunner(plan, io, {
        log: (_level, line) => {
          counts.set(line, (counts.get(line) ?? 0) + 1);
          // The first line is the last that is taken before all are written.
          while (!existsSync(done));
          if (line !== 'line') runner.end();
        },
        onMoved: () => undefined,
        onEnded: resolve,
        onFailure: () => {
          resolve();
        },
      }, url);
      runner.start(() => undefined);
    });
    rmSync(directory, { recursive: true });
    expect([...counts]).toEqual([
      ['line', 10_001], ['99 lines of the log were dropped: they came too fast', 1],
    ]);
  });
});

describe('a thread that fails', () => {
  /** Runs the thread with a part of it broken; what its server hears, in order. */
  async function heard(url: URL, io: LoopChoice = 'auto'): Promise<string[]> {
    const words: string[] = [];
    await new Promise<void>((resolve) => {
      const host: RunnerHost = {
        log: (level, message) => words.push(`${level} ${message.split('\n', 1)[0] ?? ''}`),
        onMoved: () => words.push('moved'),
        onEnded: resolve,
        onFailure: (cause) => {
          words.push(`failure ${cause.message}`);
          resolve();
        },
      };
      new ThreadRunner(plan, io, host, url).start((started) => {
        words.push(started.kind === 'refused' ? started.error.message : started.kind);
      });
    });
    return words;
  }

  it('cannot be loaded', async () => {
    expect(await heard(new URL('data:text/javascript,throw new Error("no such file");'))).toEqual([
      "the shard's thread failed: no such file", 'failure no such file',
    ]);
  });

  it('ends without a word', async () => {
    const reason = 'the thread of the shard ended by itself';
    expect(await heard(new URL('data:text/javascript,process.exit(0);'))).toEqual([
      `the shard's thread failed: ${reason}`, `failure ${reason}`,
    ]);
  });

  it.each(LOOP_ENGINES)('breaks an invariant, io %s', async (io) => {
    const words = await heard(changed('worker.js', `
      parts.Worker.prototype.onTick = function () {
        this.shard.failure = new Error('span sum equals length');
      };`), io);
    expect(words).toEqual([
      'moved', 'listening',
      'warning the engine failed and stops: Error: span sum equals length',
      'failure span sum equals length',
    ]);
  });

  it.each(LOOP_ENGINES)('throws in a turn, io %s', async (io) => {
    const words = await heard(changed('worker.js', `
      parts.Worker.prototype.onTick = () => { throw new RangeError('out of bounds'); };`), io);
    expect(words).toEqual([
      'moved', 'listening', 'warning the engine failed and stops: RangeError: out of bounds',
      'failure out of bounds',
    ]);
  });
});
