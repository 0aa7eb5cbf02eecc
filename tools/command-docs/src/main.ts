/**
 * `pnpm command-docs`: writes docs/commands from the command table and removes pages of groups that
 * have no commands any more. Takes no arguments; safe to repeat.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandTable } from './command-table.ts';
import { commandPages } from './pages.ts';

const folder = fileURLToPath(new URL('../../../docs/commands', import.meta.url));
const pages = commandPages(commandTable());
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) {
  if (name.endsWith('.md') && !pages.has(name)) rmSync(join(folder, name));
}
for (const [name, text] of pages) writeFileSync(join(folder, name), text);
process.stdout.write(`docs/commands: ${pages.size} pages\n`);
