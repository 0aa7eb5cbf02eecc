/**
 * Tries each published package as its user would: packed, installed from the tarballs alone into
 * an empty folder with scripts off, and its README's first example run by plain Node.
 * Needs the build (npm test builds first) and no network.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cleanEnvironment, installTarballs, packInstalled, packPackage, publishedPackages, runtimeClosure,
} from './packing.ts';
import { firstExample } from './readme-example.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const workshop = mkdtempSync(join(tmpdir(), 'kora-pack-'));
const tarballOf = new Map<string, string>();

/** The tarball of the package in `folder`, packed once. */
function tarball(folder: string, isOurs: boolean): string {
  const packed = tarballOf.get(folder);
  if (packed !== undefined) return packed;
  const made = isOurs ? packPackage(root, folder, workshop) : packInstalled(folder, workshop);
  tarballOf.set(folder, made);
  return made;
}

beforeAll(() => {
  const entry = join(root, 'packages', 'kora-core', 'dist', 'index.js');
  if (!existsSync(entry)) throw new Error('the packages are not built; run `npm run build` first');
});

afterAll(() => {
  rmSync(workshop, { recursive: true, force: true });
});

describe.each(publishedPackages(root))('$name', ({ name, folder }) => {
  const home = join(root, folder);

  it('has a README that opens with an example', () => {
    const readme = join(home, 'README.md');
    expect(existsSync(readme), `${folder}/README.md is missing`).toBe(true);
    const example = firstExample(readFileSync(readme, 'utf8'));
    expect(example, `${folder}/README.md has no block of JavaScript`).toBeDefined();
    // A package whose product is a program may show the program instead of an import.
    expect(example, `the example does not use ${name}`).toMatch(
      new RegExp(`['"]${name}|bin/kora`),
    );
  });

  it('ships a tarball without faults, tests or sources', async () => {
    const packed = tarball(home, true);
    const listing = execFileSync('tar', ['-tzf', packed], { encoding: 'utf8' }).trim().split('\n');
    expect(listing).toContain('package/dist/index.js');
    expect(listing).toContain('package/dist/index.d.ts');
    expect(listing).toContain('package/LICENSE');
    const surplus = listing.filter((path) => /\.test\.|\.bench\.|\/src\/|buildinfo/.test(path));
    expect(surplus).toEqual([]);
    // The compiler never deletes an output, so a renamed file could travel on.
    const stale = listing.filter((path) => {
      const stem = /^package\/dist\/(.+)\.js$/.exec(path)?.[1];
      return stem !== undefined && !existsSync(join(home, 'src', `${stem}.ts`));
    });
    expect(stale).toEqual([]);
    const bytes = readFileSync(packed);
    const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const { messages, pkg } = await publint({ pack: { tarball: copy }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it('installs from tarballs alone and runs its example', () => {
    const closure = runtimeClosure(home);
    const project = join(workshop, folder.replace('/', '-'));
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{ "name": "user", "private": true }\n');
    installTarballs(project, closure.map((each) => tarball(each.folder, each.isOurs)));
    const example = firstExample(readFileSync(join(home, 'README.md'), 'utf8')) ?? '';
    writeFileSync(join(project, 'example.mjs'), example);
    const run = (): string => execFileSync(process.execPath, ['example.mjs'], {
      cwd: project, env: cleanEnvironment(), encoding: 'utf8', timeout: 30_000, stdio: 'pipe',
    });
    expect(run).not.toThrow();
  });

  it('answers require() as well as import', () => {
    const project = join(workshop, folder.replace('/', '-'));
    const script = `process.exit(Object.keys(require('${name}')).length > 0 ? 0 : 3)`;
    const load = (): string => execFileSync(process.execPath, ['--eval', script], {
      cwd: project, env: cleanEnvironment(), encoding: 'utf8', timeout: 30_000, stdio: 'pipe',
    });
    expect(load).not.toThrow();
  });
});
