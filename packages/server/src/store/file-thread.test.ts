/**
 * The ring between a shard's thread and its thread for files, and the thread itself on real files:
 * order, places, errors, and the waits of both ends. The thread runs the built program.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { platform } from 'node:process';
import { WorkerMemory } from '@kora/core';
import { Errno } from '@kora/storage/directory';
import { afterAll, describe, expect, it } from 'vitest';
import { FILE_SLOTS, FileKind, FileThreadWords } from './file-thread-words.ts';
import { FileThread } from './file-thread.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-file-thread-'));
afterAll(() => { rmSync(root, { recursive: true }); });

describe('the ring', () => {
  it('gives operations in order with all they say, and results to their tokens, for ever', () => {
    const words = new FileThreadWords();
    const other = new FileThreadWords(words.buffer);
    let ticket = 0;
    for (let round = 0; round < 10; round++) {
      const count = 1 + (round * 5) % FILE_SLOTS;
      const operations = Array.from({ length: count }, (_, i) => ({
        kind: 1 + (i % 3), file: 7 + i, at: 2 ** 31 + i, bytes: i * 1000,
        position: 2 ** 40 + round, token: 2 ** 28 - 1 - i,
      }));
      for (const operation of operations) words.submit(operation);
      expect([other.submitted, other.done]).toEqual([ticket + count, ticket]);
      for (let i = 0; i < count; i++) {
        expect(other.operationOf(ticket + i)).toEqual(operations[i]);
        other.complete(ticket + i, -i);
        expect(words.done).toBe(ticket + i + 1);
      }
      for (let i = 0; i < count; i++) {
        expect(words.resultOf(ticket + i)).toEqual({ token: operations[i]!.token, result: -i });
      }
      ticket += count;
    }
  });
  it('counts on behind 2^31', () => {
    const words = new FileThreadWords();
    const counts = new Int32Array(words.buffer);
    counts.fill(2 ** 31 - 1, 0, 2);
    words.submit({ kind: FileKind.Sync, file: 3, at: 0, bytes: 0, position: 0, token: 9 });
    expect(words.submitted).toBe(-(2 ** 31));
    words.complete(2 ** 31 - 1, 5);
    expect([words.done, words.resultOf(2 ** 31 - 1)]).toEqual([
      words.submitted, { token: 9, result: 5 },
    ]);
  });
  it('is ended once, and a wait for what has come returns at once', () => {
    const words = new FileThreadWords();
    words.waitForMore(-1, 60_000);
    words.waitForWork(-1);
    expect(words.isEnding).toBe(false);
    words.end();
    expect(new FileThreadWords(words.buffer).isEnding).toBe(true);
  });
});

describe('the thread', () => {
  it('writes, syncs and fails in the order it was asked', () => {
    if (platform !== 'linux') return; // Without a loop engine there is no such thread.
    const memory = WorkerMemory.create({ lowBytes: 1 << 20 });
    const path = join(root, 'file');
    const file = openSync(path, 'w+');
    const thread = new FileThread(memory, -1);
    const text = Buffer.from('0123456789abcdef');
    const at = memory.lowAllocator.alloc(text.length) * 8;
    memory.low.set(text, at);
    const told: [number, number][] = [];
    const listen = (token: number, result: number): void => { told.push([token, result]); };
    thread.drain(listen);
    thread.write(1, file, at, 4, 0, false);
    thread.write(2, file, at + 10, 6, 20, true);
    thread.sync(3, file);
    thread.write(4, 9999, at, 4, 0, true);
    thread.sync(5, 9999);
    thread.write(6, file, at + 4, 2, 4, true);
    thread.waitUntilIdle();
    expect(told).toEqual([]);
    thread.drain(listen);
    expect(told).toEqual([
      [1, 4], [2, 6], [3, 0], [4, -Errno.BadFile], [5, -Errno.BadFile], [6, 2],
    ]);
    expect(readFileSync(path).toString('latin1')).toBe(`012345${'\0'.repeat(14)}abcdef`);
    // More than the ring holds are told of before they are asked for.
    for (let i = 0; i < FILE_SLOTS; i++) thread.sync(10 + i, file);
    expect(() => { thread.sync(99, file); }).toThrow('operations on files under way are bounded');
    thread.waitUntilIdle();
    thread.drain(listen);
    expect(told.slice(6).map(([token]) => token)).toEqual(
      Array.from({ length: FILE_SLOTS }, (_, i) => 10 + i),
    );
    // What cannot be made durable is no durable write.
    const nowhere = openSync('/dev/zero', 'w');
    thread.write(40, nowhere, at, 4, 0, false);
    thread.write(41, nowhere, at, 4, 0, true);
    thread.waitUntilIdle();
    thread.drain(listen);
    expect(told.slice(-2)).toEqual([[40, 4], [41, -Errno.Invalid]]);
    thread.end();
    closeSync(nowhere);
    closeSync(file);
  });
});
