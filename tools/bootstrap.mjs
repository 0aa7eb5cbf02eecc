/**
 * From a clone to a running task with nothing but Node and npm: installs when the lockfile changed,
 * builds what changed, then does what was asked. JavaScript, because it runs before a compiler
 * exists. Idle cost about half a second; safe to repeat.
 * Usage: node tools/bootstrap.mjs <task> [arguments for the task]; the tasks are listed below.
 * The exit status is that of the first step that failed.
 * `start` imports the command line into this process instead of spawning it, so that a signal sent
 * to npm reaches the server and nothing is orphaned.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiler = 'node_modules/typescript-native/bin/tsc';
const testRunner = 'node_modules/vitest/vitest.mjs';
const linter = 'node_modules/eslint/bin/eslint.js';
const benchmarks = [
  'server', 'open-loop', 'workers', 'embedded-workers', 'idle', 'blocking', 'pubsub', 'tracking',
  'start',
  'soak', 'memory', 'micro',
  'stages', 'mesh', 'eviction', 'expiry', 'advice', 'types', 'types-memory',
  'vector', 'vector-storm', 'rdb', 'snapshots', 'log', 'code',
];
/** What the linter may hold, MiB: with the types of `tools` it needs more than Node's own bound. */
const LINTER_HEAP_MIB = 8192;
/** What is linted by itself: all of the tree in one process is slower, and needs more still. */
const lintedAlone = [
  'packages/kora-core/src/types', 'packages/kora-core', 'packages/storage',
  'packages/server/src/mesh', 'packages/server/src/io', 'packages/server', 'tools/conformance',
  'tools/simulation', 'tools',
];

/** Runs a program in the root and leaves with its status when it fails. */
function step(program, programArguments, options = {}) {
  const result = spawnSync(program, programArguments, { cwd: root, stdio: 'inherit', ...options });
  if (result.error !== undefined) fail(`cannot start ${program}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Runs a JavaScript file with this Node. Quiet: its stdout goes to stderr. */
function node(file, nodeArguments, isQuiet = false) {
  if (!existsSync(join(root, file))) fail(`${file} is not there`);
  step(process.execPath, [file, ...nodeArguments], isQuiet ? { stdio: ['inherit', 2, 2] } : {});
}

function fail(reason) {
  process.stderr.write(`bootstrap: ${reason}\n`);
  process.exit(1);
}

/** Installs unless node_modules was made from this lockfile by this Node. */
function install() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .update(process.version)
    .digest('hex');
  const stamp = join(root, 'node_modules', '.kora-install');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const isWindows = process.platform === 'win32';
  step(
    'npx',
    ['--yes', manifest.packageManager, 'install', '--frozen-lockfile', '--prefer-offline',
      '--ignore-scripts'],
    { stdio: ['inherit', 2, 2], shell: isWindows },
  );
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** Removes outputs whose source is gone: the compiler never does, and a tarball would ship them. */
function pruneOutputs(sourceFolder, outputFolder) {
  if (!existsSync(outputFolder)) return;
  for (const entry of readdirSync(outputFolder, { withFileTypes: true })) {
    const output = join(outputFolder, entry.name);
    if (entry.isDirectory()) {
      pruneOutputs(join(sourceFolder, entry.name), output);
      continue;
    }
    const stem = entry.name.match(/^(.+?)(\.d\.ts|\.js)(\.map)?$/)?.[1];
    if (stem !== undefined && !existsSync(join(sourceFolder, `${stem}.ts`))) rmSync(output);
  }
}

function build(project) {
  for (const parent of ['packages', 'tools', '.']) {
    const folders = parent === '.' ? ['bench'] : readdirSync(join(root, parent));
    for (const folder of folders) {
      pruneOutputs(join(root, parent, folder, 'src'), join(root, parent, folder, 'dist'));
    }
  }
  node(compiler, ['-b', project], true);
}

function staticChecks() {
  node(compiler, ['-b', 'tsconfig.tests.json']);
  for (const part of [...lintedAlone, '.']) {
    const isWithin = (other) => other !== part && (part === '.' || other.startsWith(`${part}/`));
    const ignored = lintedAlone.filter(isWithin).flatMap((other) => ['--ignore-pattern', other]);
    step(process.execPath, [
      `--max-old-space-size=${LINTER_HEAP_MIB}`, linter, part, ...ignored, '--max-warnings', '0',
    ]);
  }
}

const tasks = {
  /** Serves; the flags are those of `kora serve`. */
  async start(flags) {
    build('packages/cli');
    const bin = join(root, 'packages', 'cli', 'bin', 'kora.js');
    process.argv = [process.execPath, bin, 'serve', ...flags];
    await import(pathToFileURL(bin).href);
  },
  build: () => build('tsconfig.json'),
  /** The plain suite: all that needs nothing but Node. */
  test(filters) {
    build('tsconfig.json');
    node(testRunner, ['run', ...filters]);
  },
  /** Before every commit: types, lint, tidy, graph and the tests beside the code. */
  check(filters) {
    build('tsconfig.json');
    staticChecks();
    node(testRunner, ['run', '--project', '!whole', ...filters]);
  },
  /** The parts of `check` that run none of our code. */
  static() {
    build('tsconfig.json');
    staticChecks();
    node(testRunner, ['run', 'tools/tidy', 'tools/graph']);
  },
  /** Compares with a redis-server, which must be on the PATH. */
  reference(filters) {
    build('tsconfig.json');
    node(testRunner, ['run', '--config', 'vitest.reference.config.ts', ...filters]);
  },
  'fuzz-smoke'(filters) {
    build('tsconfig.json');
    node(testRunner, ['run', '--config', 'vitest.fuzz.config.ts', ...filters]);
  },
  conformance(rest) {
    build('tsconfig.json');
    node('tools/conformance/dist/main.js', rest);
  },
  fuzz(rest) {
    build('tsconfig.json');
    node('tools/fuzz/dist/main.js', rest);
  },
  simulate(rest) {
    build('tsconfig.json');
    node('tools/simulation/dist/main.js', rest);
  },
  crash(rest) {
    build('tsconfig.json');
    node('tools/simulation/dist/crash-main.js', rest);
  },
  /** Programs in bench/src; `code` runs the `*.bench.ts` files beside the code. */
  bench([name, ...rest]) {
    if (!benchmarks.includes(name)) fail(`no benchmark "${name}"; there is ${benchmarks}`);
    build('tsconfig.json');
    if (name === 'code') node(testRunner, ['bench', '--run', '--project', 'plain', ...rest]);
    else node(`bench/dist/${name}.js`, rest);
  },
  'command-docs'(rest) {
    build('tsconfig.json');
    node('tools/command-docs/dist/main.js', rest);
  },
};

const [taskName = '', ...taskArguments] = process.argv.slice(2);
if (!Object.hasOwn(tasks, taskName)) {
  fail(`no task "${taskName}"; there is ${Object.keys(tasks).join(', ')}`);
}
install();
await tasks[taskName](taskArguments);
