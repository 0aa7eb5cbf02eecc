/**
 * Writes `reference/*.json`: what redis-server says about its commands and settings.
 *
 * Run after a build, with redis-server 7.0.15 installed: `node dist/record-command-info.js`.
 * Starts a server of its own and ends it. The files are committed; tests of the command table
 *   compare with them and need no server. recorded-facts.reference.test.ts holds that they
 *   still equal what the server says.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { askReference, REFERENCE_DIRECTORY } from './reference-questions.ts';
import { recordFacts } from './recorded-facts.ts';

async function main(): Promise<void> {
  const files = await askReference(recordFacts);
  mkdirSync(REFERENCE_DIRECTORY, { recursive: true });
  for (const [name, text] of files) writeFileSync(path.join(REFERENCE_DIRECTORY, name), text);
}

main().catch((error: unknown) => {
  process.stderr.write(`recording failed: ${String(error)}\n`);
  process.exitCode = 1;
});
