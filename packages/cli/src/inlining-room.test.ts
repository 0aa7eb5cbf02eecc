/**
 * The flags that the server sets are V8's own, in the Node that runs the tests: one that V8 does
 * not know would be a line on stderr at every start, and no more room.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { INLINING_FLAGS } from './inlining-room.ts';

describe('the room for inlining', () => {
  it('is set by flags that this V8 knows', () => {
    for (const flag of INLINING_FLAGS) {
      const { status, stderr } = spawnSync(process.execPath, [flag, '-e', ''], {
        encoding: 'utf8',
      });
      expect([flag, status, stderr]).toEqual([flag, 0, '']);
    }
    const { stderr } = spawnSync(process.execPath, ['--max-no-such-flag=1', '-e', ''], {
      encoding: 'utf8',
    });
    expect(stderr).toContain('--max-no-such-flag');
  });
});
