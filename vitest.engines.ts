/**
 * Which loop engines the tests of the server run on: asked of the built program that prints what
 * this machine offers. Without a build there are none, and only node:net is tested; `npm test`
 * builds first, and `.ci/run` holds the suites that ran against what is offered.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SERVER_TESTS = 'packages/server/src/';
/** Tests of one engine's own parts: only where it is offered. */
export const OWN_TESTS_OF_ENGINES = `${SERVER_TESTS}io/{uring,epoll}/*.test.ts`;
const PROGRAM = fileURLToPath(
  new URL('packages/server/dist/offered-engines.js', import.meta.url),
);

/** Names of engines, best first. */
export function offeredLoopEngines(): string[] {
  if (!existsSync(PROGRAM)) return [];
  const { stdout, status, error } = spawnSync(process.execPath, [PROGRAM], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${PROGRAM} ended with ${String(status)}`);
  // The program prints an object of reasons; an empty one is an engine that is there.
  const reasons = JSON.parse(stdout) as Record<string, string>;
  return Object.keys(reasons).filter((name) => name !== 'node' && reasons[name] === '');
}

/** Test files of an engine: of its own parts, and those of the server that run on KORA_TEST_IO. */
export function engineTests(engine: string): string[] {
  const folder = fileURLToPath(new URL(SERVER_TESTS, import.meta.url));
  const shared = readdirSync(folder).filter((name) => {
    if (!name.endsWith('.test.ts')) return false;
    const text = readFileSync(`${folder}${name}`, 'utf8');
    return text.includes('/test-server.ts') || text.includes('TEST_IO');
  });
  return [`io/${engine}/*.test.ts`, ...shared].map((name) => `${SERVER_TESTS}${name}`);
}
