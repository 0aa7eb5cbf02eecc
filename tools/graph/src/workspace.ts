/**
 * The workspace as three sources tell it: package.json (what is installed), tsconfig.json (what is
 * built first) and the import statements (what is used). TypeScript's own scanner finds the
 * imports, also type-only and dynamic ones.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** One import statement; `from` is the file inside the package's folder. */
export interface Import {
  readonly from: string;
  readonly specifier: string;
}

/** A package with what each source says of it. Workspace packages are named without `@kora/`. */
export interface WorkspacePackage {
  readonly name: string;
  readonly folder: string;
  readonly isPrivate: boolean;
  readonly workspaceDependencies: readonly string[];
  readonly runtimeDependencies: readonly string[];
  readonly developmentDependencies: readonly string[];
  readonly referencedFolders: readonly string[];
  readonly sourceImports: readonly Import[];
  readonly testImports: readonly Import[];
}

/** All packages by name, and the folders the two root project files list. */
export interface Workspace {
  readonly packages: ReadonlyMap<string, WorkspacePackage>;
  readonly rootReferences: readonly string[];
  readonly testReferences: readonly string[];
}

const scope = '@kora/';

function readJson(path: string): unknown {
  const result = ts.readConfigFile(path, (file) => readFileSync(file, 'utf8'));
  if (result.error !== undefined) {
    throw new Error(`${path}: ${ts.flattenDiagnosticMessageText(result.error.messageText, '\n')}`);
  }
  return result.config;
}

function recordAt(value: unknown, key: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {};
  const inner: unknown = Reflect.get(value, key);
  return typeof inner === 'object' && inner !== null ? { ...inner } : {};
}

function textAt(value: unknown, key: string): string {
  const text: unknown = typeof value === 'object' && value ? Reflect.get(value, key) : undefined;
  return typeof text === 'string' ? text : '';
}

/** Folders a project file references, from the root of the workspace. */
function referencesOf(root: string, folder: string, file: string): string[] {
  const references = Object.values(recordAt(readJson(join(root, folder, file)), 'references'));
  return references.map((reference) => posix.join(folder, textAt(reference, 'path'))).sort();
}

function importsUnder(folder: string, inner = 'src'): Import[] {
  const imports: Import[] = [];
  for (const entry of readdirSync(join(folder, inner), { withFileTypes: true })) {
    const from = `${inner}/${entry.name}`;
    if (entry.isDirectory()) {
      imports.push(...importsUnder(folder, from));
    } else if (entry.name.endsWith('.ts')) {
      const text = readFileSync(join(folder, from), 'utf8');
      for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
        imports.push({ from, specifier: fileName });
      }
    }
  }
  return imports;
}

function readPackage(root: string, folder: string): WorkspacePackage {
  const manifest = readJson(join(root, folder, 'package.json'));
  const name = textAt(manifest, 'name');
  if (!name.startsWith(scope)) throw new Error(`${folder}: "${name}" is outside ${scope}`);
  const dependencies = Object.keys(recordAt(manifest, 'dependencies'));
  const imports = importsUnder(join(root, folder));
  const isTest = ({ from }: Import): boolean => /\.(test|bench)\.ts$/.test(from);
  return {
    name: name.slice(scope.length),
    folder,
    isPrivate: Reflect.get(Object(manifest), 'private') === true,
    workspaceDependencies: dependencies
      .filter((dependency) => dependency.startsWith(scope))
      .map((dependency) => dependency.slice(scope.length))
      .sort(),
    runtimeDependencies: dependencies.filter((dependency) => !dependency.startsWith(scope)).sort(),
    developmentDependencies: Object.keys(recordAt(manifest, 'devDependencies')).sort(),
    referencedFolders: referencesOf(root, folder, 'tsconfig.json'),
    sourceImports: imports.filter((each) => !isTest(each)),
    testImports: imports.filter(isTest),
  };
}

/** Reads the workspace whose root is `root`. */
export function readWorkspace(root: string): Workspace {
  const folders = ['packages', 'tools']
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`))
    .concat('bench')
    .filter((folder) => existsSync(join(root, folder, 'package.json')));
  const packages = folders.map((folder) => readPackage(root, folder));
  return {
    packages: new Map(packages.map((each) => [each.name, each])),
    rootReferences: referencesOf(root, '', 'tsconfig.json'),
    testReferences: referencesOf(root, '', 'tsconfig.tests.json'),
  };
}
