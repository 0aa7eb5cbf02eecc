/**
 * `kora serve --dir` with a directory that cannot be had, or with data that cannot be loaded: one
 * line on stderr that names file and reason, and exit code 1; and the locks that are no reason to
 * refuse. The built command in its own process; needs a build.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath, getuid, pid, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  DirectDisk, nodeProcesses, NodeFiles, recoverStore, ShardLog,
} from '@kora/storage';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

const executable = fileURLToPath(new URL('../../bin/kora.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'kora-refused-'));
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A server that is starting. */
class Starting {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly errors: string }>;
  readonly ready: Promise<boolean>;

  constructor(directory: string, ...words: readonly string[]) {
    this.child = spawn(
      execPath, [executable, 'serve', '--port', '0', '--dir', directory, ...words],
      { stdio: ['ignore', 'pipe', 'pipe'], env: {} },
    );
    children.add(this.child);
    let errors = '';
    this.child.stderr?.on('data', (piece: Buffer) => {
      errors += piece.toString();
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        children.delete(this.child);
        resolve({ code, errors });
      });
    });
    this.ready = new Promise((resolve) => {
      this.child.stdout?.on('data', (piece: Buffer) => {
        if (piece.toString().includes(' ready on ')) resolve(true);
      });
      void this.ended.then(() => {
        resolve(false);
      });
    });
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** A directory with a closed log that holds these records. */
function written(name: string, ...records: readonly Uint8Array[]): string {
  const directory = join(root, name);
  const nowMs = Date.now();
  const files = new NodeFiles();
  const store = recoverStore(files, {
    directory, shardCount: 1, processes: nodeProcesses, nowMs,
  });
  const disk = new DirectDisk(files);
  const log = new ShardLog({
    ...store.next[0]!, directory, shardCount: 1, disk, policy: 'every_write', tokenBase: 0, tag: 3,
  });
  for (const record of records) log.append(record, 0, record.length, nowMs);
  log.close();
  for (let turn = 0; turn < 20 && !log.isClosed; turn++) {
    log.pump(nowMs);
    disk.drain((token, result) => log.complete(token, result));
  }
  expect(log.isClosed).toBe(true);
  store.lock.release();
  return directory;
}

function logOf(directory: string): string {
  return join(directory, readdirSync(directory).find((name) => name.startsWith('wal'))!);
}

async function expectRefusal(directory: string, message: RegExp): Promise<void> {
  const { code, errors } = await new Starting(directory).ended;
  expect(errors).toMatch(message);
  expect(errors).toMatch(/^kora: [^\n]+\n$/);
  expect(code).toBe(1);
}

describe('a directory in use', () => {
  it('is refused with the number of its process, and free again when that is killed', async () => {
    const directory = join(root, 'used');
    const first = new Starting(directory);
    expect(await first.ready).toBe(true);
    await expectRefusal(directory, new RegExp(`used is in use by process ${first.child.pid!}:`));
    await first.kill();
    const second = new Starting(directory);
    expect(await second.ready).toBe(true);
    await second.kill();
  });
  it('is one whose lock a living process has, and no other with its number', async () => {
    const directory = join(root, 'locked');
    mkdirSync(directory);
    const lock = join(directory, 'kora.lock');
    writeFileSync(lock, `${pid} ${nodeProcesses.identityOf(pid) ?? ''}\n`);
    await expectRefusal(directory, new RegExp(`locked is in use by process ${pid}:`));
    if (platform !== 'linux') return; // Elsewhere nothing tells one from the other.
    for (const stale of [`${pid} 1\n`, '4000000 17\n', 'torn', '']) {
      writeFileSync(lock, stale);
      const server = new Starting(directory);
      expect(await server.ready, stale).toBe(true);
      await server.kill();
    }
  });
});

describe('a directory that cannot be used', () => {
  it('is refused with the operation, the path and the reason', async () => {
    const file = join(root, 'a file');
    writeFileSync(file, 'nothing');
    await expectRefusal(file, /cannot make the directory .*a file: /);
    await expectRefusal(join(file, 'inside'), /cannot make the directory .*inside: ENOTDIR/);
  });
  it('may be read-only', async () => {
    if (platform !== 'linux') return;
    // Nobody may write there, root neither.
    await expectRefusal('/sys/kernel', /cannot open \/sys\/kernel\/kora\.lock: E[A-Z]+ \(/);
    if (getuid?.() === 0) return;
    const directory = join(root, 'read-only');
    mkdirSync(directory, { mode: 0o555 });
    await expectRefusal(directory, /cannot open .*kora\.lock: EACCES \(permission denied\)/);
  });
  it('is made with those above it when it is not there', async () => {
    const server = new Starting(join(root, 'new', 'and', 'deep'));
    expect(await server.ready).toBe(true);
    await server.kill();
  });
});

describe('data that cannot be loaded', () => {
  it('is refused where a log is damaged, with the place', async () => {
    const directory = written('damaged', Uint8Array.of(1, 2, 3), Uint8Array.of(4));
    const path = logOf(directory);
    const bytes = readFileSync(path);
    bytes[100]! ^= 4;
    writeFileSync(path, bytes);
    await expectRefusal(directory, /wal-000001-000-0+1\.log is damaged at byte \d+: expected /);
  });
  it('is refused where the manifest is missing', async () => {
    const directory = written('headless', Uint8Array.of(1));
    rmSync(join(directory, 'manifest-00000001'));
    await expectRefusal(directory, /manifest-00000001 is damaged at byte 0: .* no such file/);
  });
  it('ends a server that listens already, in one line, with every number of workers', async () => {
    for (const workers of ['1', '2']) {
      const directory = written(`strange-${workers}`, Uint8Array.of(9, 9, 9, 9, 9));
      const { code, errors } = await new Starting(directory, '--workers', workers).ended;
      expect(errors).toMatch(/^kora: [^\n]+\n$/);
      expect(errors).toMatch(/wal-000001-000-00000001\.log, in the frame at byte 64: /);
      expect(code).toBe(1);
    }
  });
});
