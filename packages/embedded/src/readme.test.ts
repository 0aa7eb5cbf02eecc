/**
 * The examples of the package's README that assert something run as they stand: the imports become
 * names of this package's door.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import { describe, expect, it } from 'vitest';
import * as door from './index.ts';

const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map((match) => match[1] ?? '')
  .filter((example) => example.includes("from 'node:assert/strict'"));

describe('README', () => {
  it('has examples', () => { expect(examples.length).toBeGreaterThanOrEqual(2); });
  it.each(examples)('runs example %#', (example) => {
    const body = example
      .replace(/^import assert from 'node:assert\/strict';$/m, '')
      .replace(/^import (\{[^}]*\}) from '@kora\/embedded';$/m, 'const $1 = door;');
    expect(body).not.toContain('import ');
    const run = compileFunction(body, ['door', 'assert']) as (...given: unknown[]) => void;
    run(door, assert);
  });
});
