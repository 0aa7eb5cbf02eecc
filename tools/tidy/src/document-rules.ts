/**
 * Rules for documents: one title each, and an ARCHITECTURE.md whose every path exists.
 * A path may be written from the root (`packages/server/src/session.ts`), from a package
 * (`server/session.ts`, `core/command/registry.ts`), or as the end of one (`keyspace/commit.ts`).
 */
import type { Offence } from './offence.ts';
import type { Tree, TreeFile } from './tree.ts';

const pathLike = /^[\w.-]+(\/[\w.-]+)*(\/|\.(ts|js|mjs|json|md|yaml|case))$/;

/** Lines of a document that are not inside a fenced block, as [number from 1, text]. */
function proseOf(text: string): [number, string][] {
  const prose: [number, string][] = [];
  let isInFence = false;
  text.split('\n').forEach((line, index) => {
    if (/^\s*(```|~~~)/.test(line)) isInFence = !isInFence;
    else if (!isInFence) prose.push([index + 1, line]);
  });
  return prose;
}

/** Offences of a Markdown file against having one first-level title. Changesets have none. */
export function singleTitle(file: TreeFile): Offence[] {
  if (!file.path.endsWith('.md') || file.path.startsWith('.changeset/')) return [];
  const titleCount = proseOf(file.text).filter(([, line]) => /^# /.test(line)).length;
  if (titleCount === 1) return [];
  const message = `${titleCount} first-level titles, wanted one`;
  return [{ path: file.path, line: 0, rule: 'single-title', message }];
}

/** Paths a document names in code spans and link targets, as [line, path]. */
export function architecturePaths(text: string): [number, string][] {
  const named: [number, string][] = [];
  for (const [line, prose] of proseOf(text)) {
    for (const match of prose.matchAll(/`([^`]+)`|\]\(([^)#]+)[^)]*\)/g)) {
      const candidate = (match[1] ?? match[2] ?? '').replace(/:\d+$/, '').replace(/^\.\//, '');
      if (pathLike.test(candidate)) named.push([line, candidate]);
    }
  }
  return named;
}

/** True when a file or folder of the tree can be meant by this path. */
export function pathExists(tree: Tree, named: string): boolean {
  const [first = '', ...rest] = named.split('/');
  const inPackage = `packages/${first === 'core' ? 'kora-core' : first}/src/${rest.join('/')}`;
  const isFolder = named.endsWith('/');
  return tree.files.some(({ path }) =>
    [named, inPackage].some((wanted) =>
      isFolder
        ? path.startsWith(wanted) || path.includes(`/${wanted}`)
        : path === wanted || path.endsWith(`/${wanted}`)));
}
