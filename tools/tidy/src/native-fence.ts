/**
 * koffi has one door: a call through it with a wrong number corrupts the process, so the file that
 * knows it is the one file that names it in quotes (docs/internals/native-io.md). Looked for as
 * text, because it is loaded by `require` at run time and no import shows it.
 */
import type { Offence } from './offence.ts';
import type { Tree } from './tree.ts';

const DOOR = 'packages/server/src/io/native/libc.ts';
const NAMED = /['"`]koffi['"`/]/;

/** Places in source files other than the door that name koffi as a module. */
export function koffiOutsideItsDoor(tree: Tree): Offence[] {
  const offences: Offence[] = [];
  for (const file of tree.files) {
    const isSource = /\.(ts|mts|cts|js|mjs|cjs)$/.test(file.path);
    if (!isSource || file.path === DOOR || file.path.startsWith('tools/tidy/')) continue;
    file.text.split('\n').forEach((line, i) => {
      if (!NAMED.test(line)) return;
      const message = `koffi is loaded by ${DOOR} alone`;
      offences.push({ path: file.path, line: i + 1, rule: 'native-fence', message });
    });
  }
  return offences;
}
