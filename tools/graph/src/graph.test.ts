/**
 * The laws of the package graph, checked against what manifests, project files and imports say.
 * The compiler does not: a missing project reference is no error to it, since the source condition
 * leads it to the files anyway, and the build order would then depend on luck.
 */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { drawGraph } from './drawing.ts';
import { findCycle, packageOfSpecifier, reachableFrom } from './edges.ts';
import { readWorkspace } from './workspace.ts';
import type { WorkspacePackage } from './workspace.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const workspace = readWorkspace(root);
const packages = [...workspace.packages.values()];
const published = packages.filter((each) => !each.isPrivate);
const edges = new Map(published.map((each) => [each.name, each.workspaceDependencies]));
const middleFloor = ['storage', 'doc', 'vector', 'pubsub', 'cdc', 'observability'];

/** Runtime dependencies from outside; each one has a decision in docs/adr/. */
const outsideDependencies: Readonly<Record<string, readonly string[]>> = { server: ['smol-toml'] };

function foldersOf(names: readonly string[]): string[] {
  return names.map((name) => workspace.packages.get(name)?.folder ?? `no package ${name}`).sort();
}

/** Packages that sources import, without node: and without itself. */
function importedBy(each: WorkspacePackage): string[] {
  const names = each.sourceImports.map(({ specifier }) => packageOfSpecifier(specifier));
  const others = names.filter((name) => name !== undefined && name !== 'node:');
  return [...new Set(others)].filter((name) => name !== `@kora/${each.name}`).sort() as string[];
}

describe('the package graph', () => {
  it('is this drawing', () => {
    expect(`\n${drawGraph(edges, 'core')}\n`).toMatchInlineSnapshot(`
      "
      cli ─▶ server ─▶ embedded ─▶ { observability, pubsub, storage } ─▶ core
        └──────┴─────▶ protocol
                         └─────▶ vector
      "
    `);
  });
  it('has no cycle, tools included', () => {
    const all = new Map(packages.map((each) => [each.name, each.workspaceDependencies]));
    expect(findCycle(all)).toBeUndefined();
  });
  it('builds everything from the root, and type-checks every test', () => {
    const folders = packages.map((each) => each.folder).sort();
    expect(workspace.rootReferences).toEqual(folders);
    expect(workspace.testReferences).toEqual(
      [...folders.map((folder) => `${folder}/tsconfig.test.json`), 'tsconfig.root.json'].sort(),
    );
  });
});

describe.each(packages)('$folder', (each) => {
  it('references in its project file what package.json depends on', () => {
    expect(each.referencedFolders).toEqual(foldersOf(each.workspaceDependencies));
  });
  it('imports only what it depends on', () => {
    const declared = [
      ...each.workspaceDependencies.map((name) => `@kora/${name}`), ...each.runtimeDependencies,
    ];
    // Private tools also use what the root installs: the compiler, the linter, the test runner.
    const fromRoot = each.isPrivate
      ? ['typescript', 'typescript-eslint', 'eslint', 'publint', 'vitest',
        ...each.developmentDependencies]
      : [];
    const undeclared = importedBy(each).filter(
      (name) => !declared.includes(name) && !fromRoot.includes(name),
    );
    expect(undeclared).toEqual([]);
  });
  it('reaches no other package by a relative path', () => {
    const escapes = [...each.sourceImports, ...each.testImports].filter(({ from, specifier }) => {
      return specifier.startsWith('.') && join(dirname(from), specifier).startsWith('..');
    });
    expect(escapes).toEqual([]);
  });
  it('leaves private packages alone', () => {
    const isPrivate = (name: string): boolean => workspace.packages.get(name)?.isPrivate === true;
    expect(each.workspaceDependencies.filter(isPrivate)).toEqual([]);
  });
});

describe.each(published)('$folder, published', (each) => {
  it('depends on nothing from outside without a decision', () => {
    expect(each.runtimeDependencies).toEqual(outsideDependencies[each.name] ?? []);
    const records = readdirSync(join(root, 'docs/adr'));
    for (const dependency of each.runtimeDependencies) {
      const decided = records.filter((name) => name.includes(dependency));
      expect(decided, `no record in docs/adr is named after ${dependency}`).toHaveLength(1);
    }
  });
  it('keeps its floor', () => {
    const allowed =
      each.name === 'core' || each.name === 'protocol' ? []
      : middleFloor.includes(each.name) ? ['core']
      : each.name === 'embedded' ? ['core', ...middleFloor]
      : each.name === 'server' ? ['core', 'protocol', 'embedded', ...middleFloor]
      : ['core', 'protocol', 'embedded', 'server', ...middleFloor];
    const above = each.workspaceDependencies.filter((name) => !allowed.includes(name));
    expect(above).toEqual([]);
  });
});

describe('drawGraph', () => {
  it('groups a floor and hangs bystanders below', () => {
    const full = new Map([
      ['core', []], ['protocol', []], ['storage', ['core']], ['doc', ['core']],
      ['embedded', ['core', 'doc', 'storage']], ['server', ['embedded', 'core', 'protocol']],
      ['cli', ['server', 'protocol']],
    ]);
    expect(`\n${drawGraph(full, 'core')}\n`).toBe(`
cli ─▶ server ─▶ embedded ─▶ { doc, storage } ─▶ core
  └──────┴─────▶ protocol
`);
  });
});

describe('findCycle', () => {
  it('finds one, also far from the start', () => {
    const around = new Map([['a', ['b']], ['b', ['c']], ['c', ['d']], ['d', ['c']]]);
    expect(findCycle(around)).toBe('c');
    expect(findCycle(new Map([['a', ['b']], ['b', []]]))).toBeUndefined();
    expect([...reachableFrom(around, 'a')].sort()).toEqual(['b', 'c', 'd']);
  });
});

describe('packageOfSpecifier', () => {
  it('reads the package out of a path', () => {
    expect(packageOfSpecifier('@kora/core/testing')).toBe('@kora/core');
    expect(packageOfSpecifier('vitest/config')).toBe('vitest');
    expect(packageOfSpecifier('node:fs')).toBe('node:');
    expect(packageOfSpecifier('./x.ts')).toBeUndefined();
  });
});
