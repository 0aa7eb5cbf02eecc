/**
 * The words after `kora inspect` and `kora repair`.
 */

/** What is asked for. */
export type DirectoryRequest =
  | { readonly task: 'inspect'; readonly path: string; readonly showsRecords: boolean }
  | { readonly task: 'repair'; readonly path: string };

/** Reads the words behind the task's name; a text is the reason to refuse them. */
export function readDirectoryLine(
  task: DirectoryRequest['task'], words: readonly string[],
): DirectoryRequest | string {
  const paths: string[] = [];
  let showsRecords = false;
  for (const word of words) {
    if (word === '--records' && task === 'inspect') showsRecords = true;
    else if (word.startsWith('-')) return `${word}: kora ${task} has no such option`;
    else paths.push(word);
  }
  const [path, more] = paths;
  const what = task === 'inspect' ? 'a directory or a file of one' : 'a directory';
  if (path === undefined) return `kora ${task} needs ${what}`;
  if (more !== undefined) return `${more}: kora ${task} takes ${what}, one at a time`;
  return task === 'inspect' ? { task, path, showsRecords } : { task, path };
}
