/**
 * Every hot file has a test beside it: fast code is allowed to be odd because a plain twin in its
 * test says what it means. For `x.hot.ts` that is x.test.ts, x.hot.test.ts or x.model.test.ts.
 */
import type { Offence } from './offence.ts';
import type { Tree } from './tree.ts';

/** Hot files of the tree without a sibling test. */
export function hotFilesWithoutTest(tree: Tree): Offence[] {
  const paths = new Set(tree.files.map((file) => file.path));
  const offences: Offence[] = [];
  for (const path of paths) {
    if (!path.endsWith('.hot.ts')) continue;
    const stem = path.slice(0, -'.hot.ts'.length);
    const siblings = ['.test.ts', '.hot.test.ts', '.model.test.ts'].map((end) => stem + end);
    if (siblings.some((sibling) => paths.has(sibling))) continue;
    const message = `no test beside it: ${stem}.test.ts`;
    offences.push({ path, line: 0, rule: 'hot-sibling', message });
  }
  return offences;
}
