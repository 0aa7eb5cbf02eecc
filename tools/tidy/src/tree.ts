/**
 * The files of the repository as tidy sees them: everything a person wrote, nothing a tool made.
 * Walks the disk instead of asking git, so that it also works in an unpacked archive.
 * Cost: reads every text file once, a few hundred milliseconds.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A text file; `path` is relative to the root with `/` between folders. */
export interface TreeFile {
  readonly path: string;
  readonly text: string;
}

/** The files of a repository by path. */
export interface Tree {
  readonly files: readonly TreeFile[];
}

const foldersOfTools = new Set(['node_modules', 'dist', '.git', 'coverage', 'results', 'out']);
const textFile = /(\.(ts|js|mjs|cjs|json|md|yaml|yml|case|txt|toml|sh)|^LICENSE|^run)$/;
const filesOfTools = new Set(['pnpm-lock.yaml', 'package-lock.json']);

/** Reads all text files under `root`. */
export function readTree(root: string): Tree {
  const files: TreeFile[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!foldersOfTools.has(entry.name)) visit(path);
      } else if (textFile.test(entry.name) && !filesOfTools.has(entry.name)) {
        files.push({ path, text: readFileSync(join(root, path), 'utf8') });
      }
    }
  };
  visit('');
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files };
}

/** True for TypeScript and JavaScript that people write. */
export function isCode(path: string): boolean {
  return /\.(ts|js|mjs)$/.test(path);
}

/** True for tests, benchmarks, and the examples that prove the reporter. */
export function isTest(path: string): boolean {
  return /\.(test|bench|example)\.ts$/.test(path);
}
