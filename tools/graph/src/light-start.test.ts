/**
 * What a program's own thread loads to start a server: not the engine, which the threads of shards
 * load for themselves. Half of the time to start a server hangs on it, and one import of a value
 * from a large door would bring all of it back without anybody noticing. Looks at the built files,
 * where imports of types are gone; dynamic imports do not count. Needs a build.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readWorkspace } from './workspace.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const { packages } = readWorkspace(root);

/** More than this is more than settings, options and threads. */
const MODULES_MAX = 80;
const ENGINE = 'packages/kora-core/dist/shard/shard.js';

/** The file that a specifier means, from the root; undefined outside of the workspace. */
function resolve(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return join(dirname(from), specifier);
  const [scope, name = '', ...door] = specifier.split('/');
  const folder = scope === '@kora' ? packages.get(name)?.folder : undefined;
  if (folder === undefined) return undefined;
  const manifest = readFileSync(join(root, folder, 'package.json'), 'utf8');
  const { exports } = JSON.parse(manifest) as {
    exports: Record<string, { default: string } | undefined>;
  };
  const file = exports[['.', ...door].join('/')]?.default;
  return file === undefined ? undefined : join(folder, file);
}

/** All modules that are loaded with one, itself included. */
function loadedWith(start: string): Set<string> {
  const loaded = new Set<string>();
  const waiting = [start];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (loaded.has(next)) continue;
    loaded.add(next);
    const text = readFileSync(join(root, next), 'utf8');
    for (const match of text.matchAll(/^(?:import|export)\b[^;']*?'([^']+)';/gm)) {
      const file = resolve(next, match[1] ?? '');
      if (file !== undefined) waiting.push(file);
    }
  }
  return loaded;
}

it.each(['packages/cli/dist/main.js', 'packages/server/dist/index.js'])(
  '%s loads no engine', (start) => {
    const loaded = loadedWith(start);
    expect([...loaded].filter((file) => file === ENGINE)).toEqual([]);
    expect(loaded.size).toBeLessThan(MODULES_MAX);
    expect(loaded.size).toBeGreaterThan(20);
  });

it('sees the engine where it is loaded', () => {
  expect(loadedWith('packages/server/dist/shard-thread.js').has(ENGINE)).toBe(true);
  expect(loadedWith('packages/kora-core/dist/index.js').has(ENGINE)).toBe(true);
});
