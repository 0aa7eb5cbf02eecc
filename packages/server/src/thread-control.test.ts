/**
 * The words between main and a shard's thread: what is asked only grows, the eventfd is written
 * while it is lent and never after it was taken back, lines are bounded. The race between a write
 * and a taking back is run for real, with a thread that lends and takes in a loop.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { Asked, ThreadControl } from './thread-control.ts';

const directory = mkdtempSync(join(tmpdir(), 'kora-control-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('ThreadControl', () => {
  it('is heard on the other side; what is asked only grows', () => {
    const main = new ThreadControl();
    const thread = new ThreadControl(main.shared);
    expect(thread.asked()).toBe(Asked.Nothing);
    main.ask(Asked.End);
    expect(thread.asked()).toBe(Asked.End);
    main.ask(Asked.Stop);
    main.ask(Asked.End);
    expect(thread.asked()).toBe(Asked.Stop);
  });

  it('writes a 64-bit 1 to what is lent, and to nothing else', () => {
    const file = join(directory, 'lent');
    const descriptor = openSync(file, 'w');
    const main = new ThreadControl();
    const thread = new ThreadControl(main.shared);
    main.ask(Asked.End);
    thread.lend(descriptor);
    main.ask(Asked.End);
    main.ask(Asked.End);
    thread.takeBack();
    main.ask(Asked.Stop);
    closeSync(descriptor);
    const one = Buffer.from(new BigUint64Array([1n]).buffer);
    expect(readFileSync(file)).toEqual(Buffer.concat([one, one]));
  });

  it('never writes to a descriptor that was taken back', async () => {
    const control = new ThreadControl();
    const url = new URL('../dist/thread-control.js', import.meta.url).href;
    const rounds = 3000;
    // The thread closes what it took back: a late write would fail with EBADF and throw here.
    const program = `
      import { openSync, closeSync } from 'node:fs';
      import { workerData } from 'node:worker_threads';
      const { ThreadControl } = await import('${url}');
      const control = new ThreadControl(workerData);
      for (let i = 0; i < ${rounds}; i++) {
        const descriptor = openSync('/dev/null', 'w');
        control.lend(descriptor);
        control.takeBack();
        closeSync(descriptor);
      }`;
    const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
      workerData: control.shared, execArgv: [],
    });
    let code: number | undefined;
    const exited = new Promise<void>((resolve, reject) => {
      thread.on('error', reject);
      thread.on('exit', (status) => {
        code = status;
        resolve();
      });
    });
    while (code === undefined) {
      for (let i = 0; i < 1000; i++) control.ask(Asked.End);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    await exited;
    expect(code).toBe(0);
  });

  it('bounds the lines under way', () => {
    const main = new ThreadControl();
    const thread = new ThreadControl(main.shared);
    expect([1, 2, 3].map(() => thread.addLine(2))).toEqual([true, true, false]);
    main.takeLine();
    expect([1, 2].map(() => thread.addLine(2))).toEqual([true, false]);
  });
});
