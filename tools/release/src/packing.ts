/**
 * Makes the tarballs a user would install, without any network: our packages by pnpm, which turns
 * `workspace:*` into versions, and what they depend on from the copies the workspace has installed.
 * Nothing is published and no script of any package runs.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A package of ours that is published, with its folder from the root. */
export interface PublishedPackage {
  readonly name: string;
  readonly folder: string;
}

/** A package on disk; `folder` is absolute and real. */
export interface InstalledPackage {
  readonly name: string;
  readonly folder: string;
  readonly isOurs: boolean;
}

interface Manifest {
  readonly name: string;
  readonly private: boolean;
  readonly dependencies: readonly string[];
}

function readManifest(folder: string): Manifest {
  const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const fields = new Map(Object.entries(Object(parsed) as object));
  return {
    name: String(fields.get('name')),
    private: fields.get('private') === true,
    dependencies: Object.keys(Object(fields.get('dependencies') ?? {}) as object),
  };
}

/** The environment without what the npm that started us has put in, which would redirect npm. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_|pnpm_|INIT_CWD|NODE_OPTIONS|VITEST|KORA_)/i.test(name),
    ),
  );
}

/** Our published packages, by folder name. */
export function publishedPackages(root: string): PublishedPackage[] {
  return readdirSync(join(root, 'packages'))
    .map((name) => `packages/${name}`)
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => ({ folder, manifest: readManifest(join(root, folder)) }))
    .filter(({ manifest }) => !manifest.private)
    .map(({ folder, manifest }) => ({ name: manifest.name, folder }));
}

/** Where `dependency` of the package in `folder` is installed, as Node would find it. */
function locate(folder: string, dependency: string): string {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', dependency);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (at === dirname(at)) throw new Error(`${dependency}, needed by ${folder}, is not installed`);
  }
}

/** The package in `folder` and all it needs at run time, itself first. */
export function runtimeClosure(folder: string): InstalledPackage[] {
  const found = new Map<string, InstalledPackage>();
  const visit = (at: string): void => {
    if (found.has(at)) return;
    const manifest = readManifest(at);
    found.set(at, {
      name: manifest.name, folder: at, isOurs: manifest.name.startsWith('@kora/'),
    });
    for (const dependency of manifest.dependencies) visit(locate(at, dependency));
  };
  visit(realpathSync(folder));
  return [...found.values()];
}

function onlyNewFile(folder: string, before: ReadonlySet<string>): string {
  const made = readdirSync(folder).filter((name) => name.endsWith('.tgz') && !before.has(name));
  if (made.length !== 1) throw new Error(`${made.length} new tarballs in ${folder}, expected one`);
  return join(folder, String(made[0]));
}

function run(program: string, programArguments: readonly string[], cwd: string): void {
  execFileSync(program, programArguments, { cwd, env: cleanEnvironment(), stdio: 'pipe' });
}

/** Packs a package of ours into `into`; returns the tarball's path. */
export function packPackage(root: string, folder: string, into: string): string {
  const before = new Set(readdirSync(into));
  const pnpm = join(root, 'node_modules', 'pnpm', 'bin', 'pnpm.cjs');
  run(
    process.execPath,
    [pnpm, 'pack', '--pack-destination', into, '--config.ignore-scripts=true'],
    folder,
  );
  return onlyNewFile(into, before);
}

/** Packs an installed package of somebody else into `into`; returns the tarball's path. */
export function packInstalled(folder: string, into: string): string {
  const before = new Set(readdirSync(into));
  run('npm', ['pack', '--ignore-scripts', '--offline', '--pack-destination', into, folder], into);
  return onlyNewFile(into, before);
}

/** Installs tarballs into the empty project in `folder`, asking nobody. */
export function installTarballs(folder: string, tarballs: readonly string[]): void {
  run(
    'npm',
    ['install', '--ignore-scripts', '--offline', '--no-audit', '--no-fund', ...tarballs],
    folder,
  );
}
