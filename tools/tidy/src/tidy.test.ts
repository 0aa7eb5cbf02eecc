/**
 * Runs tidy's rules over this repository. One test a rule, so that a failure lists every offence
 * against it at once. The rules themselves are proved in rules.test.ts.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { architecturePaths, pathExists, singleTitle } from './document-rules.ts';
import { exceptions } from './exceptions.ts';
import { functionSizes } from './function-size.ts';
import { hotFilesWithoutTest } from './hot-siblings.ts';
import { koffiOutsideItsDoor } from './native-fence.ts';
import { formatOffences, offencesOf } from './offence.ts';
import type { Offence } from './offence.ts';
import { textRules } from './text-rules.ts';
import { isCode, readTree } from './tree.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const tree = readTree(root);

function expectTidy(rule: string, found: readonly Offence[]): void {
  const left = offencesOf(found, rule, exceptions);
  expect(left.length, `\n${formatOffences(left)}\n`).toBe(0);
}

describe('the tree is tidy', () => {
  it('holds files at all', () => {
    expect(tree.files.filter((file) => isCode(file.path)).length).toBeGreaterThan(20);
  });

  for (const rule of textRules) {
    it(rule.name, () => {
      expectTidy(rule.name, tree.files.flatMap((file) => rule.check(file)));
    });
  }

  it('function-size', () => {
    const sources = tree.files.filter((file) => file.path.endsWith('.ts'));
    expectTidy('function-size', sources.flatMap(functionSizes));
  });

  it('hot-sibling', () => {
    expectTidy('hot-sibling', hotFilesWithoutTest(tree));
  });

  it('native-fence', () => {
    expectTidy('native-fence', koffiOutsideItsDoor(tree));
  });

  it('single-title', () => {
    expectTidy('single-title', tree.files.flatMap(singleTitle));
  });

  it('architecture-paths', () => {
    const document = tree.files.find((file) => file.path === 'ARCHITECTURE.md');
    const named = document === undefined ? [] : architecturePaths(document.text);
    const found = named
      .filter(([, path]) => !pathExists(tree, path))
      .map(([line, path]) => ({
        path: 'ARCHITECTURE.md', line, rule: 'architecture-paths', message: `no such path: ${path}`,
      }));
    expectTidy('architecture-paths', found);
  });
});
