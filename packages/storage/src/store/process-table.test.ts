/**
 * Which processes count as running: this one, none that are gone, and none that have ended and were
 * never asked how (a zombie still has its number, and a container may keep it for ever).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { nodeProcesses } from './process-table.ts';

const isLinux = existsSync('/proc/self/stat');

async function ended(pid: number): Promise<void> {
  for (;;) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    if (/\) Z /.test(stat)) return;
    await wait(5);
  }
}

describe('processes', () => {
  it('have one identity as long as they live', async () => {
    const own = nodeProcesses.identityOf(nodeProcesses.pid);
    expect(own).toBeDefined();
    expect(nodeProcesses.identityOf(nodeProcesses.pid)).toBe(own);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const pid = child.pid ?? 0;
    expect(nodeProcesses.identityOf(pid)).toBeDefined();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(nodeProcesses.identityOf(pid)).toBeUndefined();
  });
  it('that ended and were not asked how are gone', async () => {
    if (!isLinux) return;
    // The shell becomes a program that asks for nobody's end.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60']);
    const [line] = await once(parent.stdout, 'data') as [Buffer];
    const pid = Number(line.toString());
    await ended(pid);
    expect(nodeProcesses.identityOf(pid)).toBeUndefined();
    expect(nodeProcesses.identityOf(parent.pid ?? 0)).toBeDefined();
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  });
});
