/**
 * Every example of the package's README runs: the imports become names of this package's doors, the
 * rest is run as it stands, with its assertions. Threads run the built files.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import { describe, expect, it } from 'vitest';
import * as door from './index.ts';
import * as threads from './threads.ts';

const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map((match) => match[1] ?? '');

describe('README', () => {
  it('has examples', () => { expect(examples.length).toBeGreaterThanOrEqual(2); });
  it.each(examples)('runs example %#', async (example) => {
    const body = example
      .replace(/^import assert from 'node:assert\/strict';$/m, '')
      .replace(/^import (\{[^}]*\}) from '@kora\/vector';$/m, 'const $1 = door;')
      .replace(/^import (\{[^}]*\}) from '@kora\/vector\/threads';$/m, 'const $1 = threads;');
    expect(body).not.toContain('import ');
    const run = compileFunction(
      `return (async () => {${body}})()`, ['door', 'threads', 'assert'],
    ) as (...given: unknown[]) => Promise<void>;
    await run(door, threads, assert);
  });
});
