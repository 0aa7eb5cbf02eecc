/**
 * The built command as a user runs it: its own process, its output, its exit code. Needs a build;
 * every server listens on a free port of this machine and is ended here.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const executable = fileURLToPath(new URL('../bin/kora.js', import.meta.url));
const built = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'kora-cli-'));
/** The I/O engines of this machine, best first (vitest.config.ts). */
const OFFERED_IO = (process.env['KORA_OFFERED_IO'] ?? 'node').split(' ');
const children = new Set<ChildProcess>();

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** One run of the command in the test's own directory. */
class Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #output = '';
  #errors = '';

  constructor(words: readonly string[]) {
    this.child = spawn(process.execPath, [executable, ...words], {
      cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '' },
    });
    children.add(this.child);
    this.child.stdout?.on('data', (piece: Buffer) => {
      this.#output += piece.toString();
    });
    this.child.stderr?.on('data', (piece: Buffer) => {
      this.#errors += piece.toString();
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => {
        children.delete(this.child);
        resolve({ code, output: this.#output, errors: this.#errors });
      });
    });
  }

  /** Waits for the line that says where clients may come. */
  ready(): Promise<RegExpExecArray> {
    return this.printed(/^kora \S+ ready on (?:(\S+):(\d+)|unix \S+) \(.*$/m);
  }

  /** Waits for a line of its output. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const line = pattern.exec(this.#output);
        if (line !== null) resolve(line);
      };
      this.child.stdout?.on('data', look);
      look();
      void this.ended.then(({ output, errors }) => {
        reject(new Error(`ended before it said that: ${output}${errors}`));
      });
    });
  }
}

/** What a server answers to some bytes, up to its first line break. */
function ask(target: net.NetConnectOpts, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(target, () => socket.write(request));
    let answer = '';
    socket.on('data', (piece) => {
      answer += piece.toString();
      if (!answer.includes('\r\n')) return;
      socket.destroy();
      resolve(answer);
    });
    socket.on('error', reject);
  });
}

beforeAll(() => {
  if (!existsSync(built)) throw new Error('the command is not built; run `npm run build` first');
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('kora serve', () => {
  it('says one line when it is ready, serves, and ends with 0 on SIGTERM', async () => {
    const socketPath = join(directory, 'kora.sock');
    const run = new Run(['serve', '--port', '0', '--unix-socket', socketPath]);
    const [line, host, port] = await run.ready();
    expect(line.replace(/io (?:uring|epoll|node)/, 'io best')).toBe(
      `kora 0.1.0 ready on 127.0.0.1:${port ?? ''} (io best, 1 worker, memory only),`
        + ` unix ${socketPath}`,
    );
    expect(await ask({ host: host ?? '', port: Number(port) }, 'PING\r\n')).toBe('+PONG\r\n');
    expect(await ask({ path: socketPath }, 'PING\r\n')).toBe('+PONG\r\n');
    run.child.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 0, errors: '' });
    expect(existsSync(socketPath)).toBe(false);
  });

  it('ends on SIGINT with a client that never reads, and on SHUTDOWN', async () => {
    const idle = new Run(['--port=0']);
    const [, , port] = await idle.ready();
    const socket = net.connect(Number(port), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.on('error', () => undefined);
    idle.child.kill('SIGINT');
    expect(await idle.ended).toMatchObject({ code: 0, errors: '' });
    socket.destroy();
    const told = new Run(['0']);
    const [, , otherPort] = await told.ready();
    const client = net.connect(Number(otherPort), '127.0.0.1', () => client.write('SHUTDOWN\r\n'));
    client.on('error', () => undefined);
    expect(await told.ended).toMatchObject({ code: 0, errors: '' });
  });

  it('reads kora.toml where it runs, and lets flags win', async () => {
    const file = join(directory, 'kora.toml');
    writeFileSync(file, 'port = 1\npassword = "secret"\nmaxmemory = "64mb"\n');
    const run = new Run(['--port', '0']);
    const [, , port] = await run.ready();
    const target = { host: '127.0.0.1', port: Number(port) };
    expect(await ask(target, 'GET k\r\n')).toMatch(/^-NOAUTH /);
    expect(await ask(target, 'AUTH secret\r\n')).toBe('+OK\r\n');
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(0);
    rmSync(file);
  });

  it.each(OFFERED_IO)('ends by SIGTERM while a command runs, io %s', async (io) => {
    const run = new Run([
      '--port', '0', '--io', io, '--enable-debug-command', 'local', '--loglevel', 'debug',
    ]);
    const [line, , port] = await run.ready();
    expect(line).toContain(`(io ${io}, 1 worker, memory only)`);
    const client = net.connect(Number(port), '127.0.0.1', () => {
      client.write(`SHUTDOWN SAVE\r\nDEBUG SLEEP ${io === 'node' ? 0.1 : 3000}\r\n`);
    });
    client.on('error', () => undefined);
    // The refusal of the first is heard of when the second runs.
    await run.printed(/SHUTDOWN SAVE refused/);
    run.child.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 0, errors: '' });
    client.destroy();
  });

  it('takes the command line of a redis-server', async () => {
    const run = new Run([
      '--port', '0', '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--loglevel',
      'warning', '--enable-debug-command', 'local', '--maxmemory', '64mb',
    ]);
    await run.ready();
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(0);
  });
});

describe('kora that cannot start', () => {
  it('says why in one line and ends with 1', async () => {
    const taken = net.createServer();
    await new Promise<void>((resolve) => {
      taken.listen(0, '127.0.0.1', resolve);
    });
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    writeFileSync(join(directory, 'bad.toml'), 'port = 0\nprot = 1\n');
    const cases: readonly (readonly [string[], RegExp])[] = [
      [['--port', port], new RegExp(`127\\.0\\.0\\.1:${port} is in use`)],
      [['--prot', '1'], /--prot: unknown option; did you mean --port\?/],
      [['--port', '70000'], /--port: "70000" is refused: .* between 0 and 65535/],
      [['--workers', '31'], /--workers: "31" is no number from 1 to 30/],
      [['--pipeline-order', 'loose'], /"loose" is refused: .* following: writes, strict, relaxed/],
      [['--io', 'fast'], /--io: "fast" is none of auto, uring, epoll, node/],
      [['--dir', '/dev/null'], /cannot make the directory \/dev\/null/],
      [['--config', 'missing.toml'], /missing\.toml: there is no such file/],
      [['--config', 'bad.toml'], /bad\.toml:2: prot: unknown option/],
      [['start'], /start: unknown command/],
      [['--bind', '203.0.113.1', '--port', '0'], /203\.0\.113\.1/],
      [['--port', '0', '--unix-socket', '/no/such/folder/kora.sock'], /no\/such\/folder/],
    ];
    const runs = await Promise.all(cases.map(([words]) => new Run(words).ended));
    runs.forEach(({ code, output, errors }, i) => {
      const [words = [], message = /$^/] = cases[i] ?? [];
      expect(errors, words.join(' ')).toMatch(message);
      expect(errors, words.join(' ')).toMatch(/^kora: [^\n]+\n$/);
      expect([code, output], words.join(' ')).toEqual([1, '']);
    });
    taken.close();
  });
});

describe('kora that only answers', () => {
  it('prints help and version', async () => {
    const help = await new Run(['--help']).ended;
    expect(help).toMatchObject({ code: 0, errors: '' });
    expect(help.output).toMatch(/^kora: .*\n\nUsage\n {2}kora \[serve\] \[options\]\n/);
    expect(await new Run(['--version']).ended).toEqual({
      code: 0, output: 'kora 0.1.0\n', errors: '',
    });
  });
});
