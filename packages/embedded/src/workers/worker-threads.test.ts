/**
 * Threads that do not start, that die, and programs that end in every way with workers open: no
 * call hangs, and no process stays behind. Programs run the built files in processes of their own.
 */
import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { AsyncKora } from '../async-kora.ts';
import { pooledMemories } from '../pooled-memories.ts';
import { findProgram } from './worker-threads.ts';
import { openWorkers } from './open-workers.ts';

const BUILT = new URL('./', findProgram());
const ENTRY = new URL('../../dist/index.js', import.meta.url).href;

/** The program of a worker's thread after a change; `parts` are the exports of a built module. */
function changedProgram(file: string, change: string): URL {
  const program = `
    import { workerData } from 'node:worker_threads';
    const parts = await import('${new URL(file, BUILT).href}');
    ${change}
    await import('${findProgram().href}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

/** Worker 1 does something else in its turns once they have seen a request for the key `die`. */
function atDeath(what: string): URL {
  return changedProgram('pipes/pipe-worker.js', `
    const { onReceive } = parts.PipeWorker.prototype;
    parts.PipeWorker.prototype.onReceive = function (slot, at, bytes) {
      const text = Buffer.from(this.shard.memory.low.slice(at, at + bytes)).toString('latin1');
      if (text.includes('die')) { ${what} }
      onReceive.call(this, slot, at, bytes);
    };`);
}

async function openChanged(program: URL): Promise<AsyncKora> {
  return new AsyncKora(await openWorkers(2, {}, program));
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs a program that may use `open` until it ends, 20 s at most. */
function run(program: string): Promise<Ended> {
  const source = `import { open } from '${ENTRY}';\n${program}`;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath, ['--input-type=module', '--eval', source], { timeout: 20_000 },
      (_, out, error) => {
        resolve({ code: child.exitCode, out, error });
      },
    );
  });
}

describe('a worker that dies', () => {
  const ways = [
    { way: 'by a broken invariant', what: 'throw new Error("a sum is wrong");', says: 'a sum' },
    { way: 'by the end of its thread', what: 'process.exit(3);', says: 'ended by itself' },
  ];
  it.each(ways)('$way, rejects all calls, open and later ones', async ({ what, says }) => {
    const db = await openChanged(atDeath(what));
    const keys = Array.from({ length: 64 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => db.set(key, 'v')));
    const calls = [db.get('die'), ...keys.map((key) => db.get(key)), db.call('MGET', ...keys)];
    const ends = await Promise.allSettled(calls);
    const rejected = ends.filter((end) => end.status === 'rejected');
    expect(rejected.length).toBeGreaterThan(0);
    for (const { reason } of rejected) {
      expect(reason).toMatchObject({ code: 'ENGINE_FAILED' });
      expect(String(reason)).toContain(says);
    }
    await expect(db.get('k1')).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(() => db.connection()).toThrow('has failed');
    await db.close();
    await expect(db.get('k1')).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  it('while the engine starts, rejects the start', async () => {
    const program = changedProgram('pipes/pipe-engine.js', `
      if (workerData.index === 1) throw new Error('no such luck');`);
    await expect(openChanged(program)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    await expect(openChanged(program)).rejects.toThrow('worker 1 has failed: no such luck');
  });

  it('or refuses to start, says why', async () => {
    const other = changedProgram('pipes/pipe-engine.js', 'workerData.version = 77;');
    await expect(openChanged(other)).rejects.toThrow('do not fit: 77, 2');
    const short = changedProgram('pipes/pipe-engine.js', `
      workerData.memories[1].grow = () => { throw new RangeError('no pages'); };
      if (workerData.index === 1) workerData.memories[1].buffer;`);
    await expect(openChanged(short)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  it('does so also for calls that run on when the engine is closed', async () => {
    const db = await openChanged(atDeath('for (;;);'));
    const call = db.get('die');
    const ended = expect(call).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
    await db.close();
    await ended;
  }, 20_000);
});

describe('bytes that no worker sends', () => {
  it('end the engine, not the program', async () => {
    const db = await openChanged(changedProgram('pipes/pipe-engine.js', `
      const { send } = parts.PipeEngine.prototype;
      parts.PipeEngine.prototype.send = function (slot, at, bytes) {
        return send.call(this, slot + 9, at, bytes);
      };`));
    await expect(db.get('k')).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    await expect(db.get('k')).rejects.toThrow('a worker speaks of slots that are open');
    await db.close();
  });
});

describe('memories of closed engines', () => {
  it('serve the next one, empty', async () => {
    const before = pooledMemories.count;
    for (let round = 0; round < 4; round++) {
      const db = new AsyncKora(await openWorkers(2, { memoryBytesMax: 64 * 1024 * 1024 }));
      expect(await db.size()).toBe(0);
      const keys = Array.from({ length: 2_000 }, (_, i) => `k${i}`);
      await Promise.all(keys.map((key) => db.set(key, key.repeat(20))));
      await db.call('MSET', ...keys.flatMap((key) => [key, 'v']));
      expect(await db.size()).toBe(keys.length);
      await db.close();
      expect(pooledMemories.count).toBe(before + 2);
    }
    const memory = pooledMemories.take(64 * 1024 * 1024);
    expect(memory).toBeDefined();
    const words = new Int32Array(memory?.buffer ?? new ArrayBuffer(4));
    expect(words.findIndex((word) => word !== 0)).toBe(-1);
  });
});

describe('a defect in a command', () => {
  it('is told to onError; the call is an internal error, and the engine goes on', async () => {
    const program = changedProgram('../../kora-core/dist/types/string/string-number.commands.js', `
      for (const command of parts.stringNumberCommands) {
        if (command.name === 'incr') {
          command.apply = () => { throw new Error('a defect'); };
          command.definition.apply = command.apply;
        }
      }`);
    const told: string[] = [];
    const db = new AsyncKora(await openWorkers(2, {
      onError: (message, cause) => {
        told.push(`${message} ${String(cause)}`);
      },
    }, program));
    await expect(db.incr('n')).rejects.toThrow('ERR internal error');
    expect(await db.get('n')).toBeNull();
    await db.close();
    expect(told.join()).toContain('a defect');
  });
});

describe('a program with workers', () => {
  it('ends when they are closed', async () => {
    const ended = await run(`
      const db = await open({ workers: 2 });
      await db.set('k', 'v');
      console.log(await db.get('k'));
      await db.close();`);
    expect(ended).toEqual({ code: 0, out: 'v\n', error: '' });
  });

  it('ends without closing them, when its own work is done', async () => {
    const ended = await run(`
      const db = await open({ workers: 2 });
      setTimeout(async () => { console.log(await db.incr('n')); }, 300);`);
    expect(ended).toEqual({ code: 0, out: '1\n', error: '' });
  });

  it('waits for open calls, also slow ones', async () => {
    const ended = await run(`
      const db = await open({ workers: 2, settings: { 'enable-debug-command': 'yes' } });
      db.call('DEBUG', 'SLEEP', '0.4').then(console.log, console.log);`);
    expect(ended).toEqual({ code: 0, out: 'OK\n', error: '' });
  });

  it('ends by process.exit in the middle of calls', async () => {
    const ended = await run(`
      const db = await open({ workers: 2 });
      for (let i = 0; i < 50_000; i++) void db.set('k' + i, 'v');
      setTimeout(() => process.exit(7), 20);`);
    expect(ended).toEqual({ code: 7, out: '', error: '' });
  });

  it('ends by an exception that nobody catches', async () => {
    const ended = await run(`
      const db = await open({ workers: 2 });
      void db.set('k', 'v');
      throw new Error('thrown by the program');`);
    expect(ended.code).toBe(1);
    expect(ended.error).toContain('thrown by the program');
  });

  it('may open and close many times', async () => {
    const ended = await run(`
      for (let i = 0; i < 5; i++) {
        const db = await open({ workers: 2 });
        await db.set('k', String(i));
        if (await db.get('k') !== String(i) || await db.size() !== 1) throw new Error('not empty');
        await db.close();
      }
      console.log('done');`);
    expect(ended).toEqual({ code: 0, out: 'done\n', error: '' });
  });
});
