/**
 * The end of a real process: a program appends to a log in a real directory and says what was
 * acknowledged; it is killed in the middle, and everything it said is there. Then again on the same
 * directory, whose stale lock is taken over. Runs the built files.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { NodeFiles } from '../disk/node-files.ts';
import { nodeProcesses } from '../store/process-table.ts';
import { recoverStore } from '../store/recovery.ts';
import { LogReplay } from './log-replay.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-kill-'));
afterAll(() => { rmSync(root, { recursive: true }); });

/** Opens the directory, appends without an end, and prints each acknowledged sequence. */
const program = `
import { writeSync } from 'node:fs';
import { CallbackDisk, NodeFiles, ShardLog, nodeProcesses, recoverStore } from
  '${new URL('../../dist/index.js', import.meta.url).href}';
const [directory, policy] = process.argv.slice(1);
const store = recoverStore(new NodeFiles(), {
  directory, shardCount: 1, processes: nodeProcesses, nowMs: Date.now(),
});
const disk = new CallbackDisk(() => setImmediate(turn));
const log = new ShardLog({
  ...store.next[0], directory, shardCount: 1, disk, policy, tokenBase: 0, tag: process.pid,
  segmentBytes: 400_000,
});
let said = 0;
function turn() {
  disk.drain((token, result) => log.complete(token, result));
  const acknowledged = policy === 'every_write' ? log.durableSequence : log.writtenSequence;
  if (acknowledged > said) writeSync(1, (said = acknowledged) + '\\n');
  for (let i = 0; i < 20; i++) {
    const sequence = log.frames.nextSequence;
    const record = new TextEncoder().encode(sequence + ':' + 'x'.repeat(sequence % 3000));
    log.append(record, 0, record.length, Date.now());
  }
  log.pump(Date.now());
}
turn();
`;

/** Runs the program, kills it after some lines. @returns the last sequence that it said */
async function runAndKill(policy: string, lines: number): Promise<number> {
  const child = spawn(
    execPath, ['--input-type=module', '--eval', program, root, policy],
    { stdio: ['ignore', 'pipe', 'inherit'], env: {} },
  );
  let text = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  return Number(text.split('\n').slice(0, -1).at(-1));
}

describe('a killed process', () => {
  it('leaves everything that it said was acknowledged', async () => {
    const chance = new SeededChance(4);
    const files = new NodeFiles();
    let before = 0;
    for (let round = 0; round < 8; round++) {
      const policy = round % 2 === 0 ? 'every_write' : 'os_managed';
      const said = await runAndKill(policy, 2 + ((chance.next32() >>> 0) % 30));
      const store = recoverStore(files, {
        directory: root, shardCount: 1, processes: nodeProcesses, nowMs: 0,
      });
      let last = 0;
      for (const { segments, fromSequence } of store.logs.flat()) {
        const replay = new LogReplay(files, segments, fromSequence, (record, sequence) => {
          last = sequence;
          const expected = `${sequence}:${'x'.repeat(sequence % 3000)}`;
          if (new TextDecoder().decode(record) !== expected) throw new Error(`record ${sequence}`);
        });
        while (replay.step());
      }
      store.lock.release();
      expect(said, `round ${round}`).toBeGreaterThan(before);
      expect(last, `round ${round}`).toBeGreaterThanOrEqual(said);
      before = last;
    }
  });
});
