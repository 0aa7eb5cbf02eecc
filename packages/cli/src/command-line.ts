/**
 * The words after `kora`, sorted: what to do, which file to read, and options as entries that the
 * server's configuration resolves. Flags follow redis-server, so its command lines work: `--name
 * value`, several values up to the next flag where a parameter takes them; beside that
 * `--name=value` and -p -w -c -h -v.
 * A bare number is a port, because npm keeps the value of a flag and swallows its name.
 */
import { takesSeveralWords } from '@kora/server';
import type { ConfigEntry } from '@kora/server';
import type { DirectoryRequest } from './directory/directory-line.ts';
import { readDirectoryLine } from './directory/directory-line.ts';
import type { TransferRequest } from './transfer/transfer-line.ts';
import { readTransferLine } from './transfer/transfer-line.ts';

/** What the command line asks for. */
export type Request =
  | { readonly task: 'help' }
  | { readonly task: 'version' }
  | { readonly task: 'refuse'; readonly reason: string }
  | TransferRequest
  | DirectoryRequest
  | {
    readonly task: 'serve';
    readonly flags: readonly ConfigEntry[];
    readonly configFile: string | undefined;
  };

const SHORT_FLAGS: ReadonlyMap<string, string> = new Map([
  ['-p', '--port'], ['-w', '--workers'], ['-c', '--config'], ['-h', '--help'], ['-v', '--version'],
]);
/** Flags that mean something without a value, and what. */
const LONE_FLAGS: ReadonlyMap<string, string> = new Map([['enable-debug-command', 'yes']]);

/** Flags that say where data is kept. */
const DIRECTORY_FLAGS: readonly string[] = ['dir', 'data-dir'];

/** Sorts the words after the program's name. */
export function readCommandLine(words: readonly string[]): Request {
  const [task] = words;
  if (task === 'import' || task === 'export') {
    if (words.includes('--help') || words.includes('-h')) return { task: 'help' };
    const request = readTransferLine(task, words.slice(1));
    return typeof request === 'string' ? { task: 'refuse', reason: request } : request;
  }
  if (task === 'inspect' || task === 'repair') {
    if (words.includes('--help') || words.includes('-h')) return { task: 'help' };
    const request = readDirectoryLine(task, words.slice(1));
    return typeof request === 'string' ? { task: 'refuse', reason: request } : request;
  }
  const reader = new Reader(words[0] === 'serve' ? words.slice(1) : words);
  return reader.read();
}

class Reader {
  readonly #words: readonly string[];
  readonly #flags: ConfigEntry[] = [];
  #next = 0;
  #configFile: string | undefined;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  read(): Request {
    while (this.#next < this.#words.length) {
      const word = this.#words[this.#next++] ?? '';
      const flag = SHORT_FLAGS.get(word) ?? word;
      if (flag === '--help' || word === 'help') return { task: 'help' };
      if (flag === '--version') return { task: 'version' };
      const reason = flag.startsWith('--') ? this.#flag(flag) : this.#bareWord(word);
      if (reason !== null) return { task: 'refuse', reason };
    }
    return { task: 'serve', flags: this.#flags, configFile: this.#configFile };
  }

  #bareWord(word: string): string | null {
    if (/^\d{1,5}$/.test(word)) {
      this.#add('port', 'port', [word]);
      return null;
    }
    if (/^-./.test(word)) return `${word}: unknown option; kora --help names them`;
    const before = this.#flags.at(-1)?.shown;
    if (before !== undefined) return `${word}: not expected after ${before}, which takes one value`;
    return `${word}: unknown command; there are serve, import, export, inspect, repair, ` +
      'and kora --help';
  }

  /** Takes a flag with its values; the reason to refuse it, or null. */
  #flag(flag: string): string | null {
    const [, shown = flag, attached] = /^(--[^=]*)=([^]*)$/.exec(flag) ?? [];
    const name = shown.slice(2).toLowerCase().replaceAll('_', '-');
    const values = attached === undefined ? this.#values(name) : [attached];
    const lone = LONE_FLAGS.get(name);
    if (values.length === 0 && lone !== undefined) values.push(lone);
    if (values.length === 0) return `${shown}: a value is missing`;
    // As a script has it whose variable is not set: nothing would be kept, without a word.
    const isEmptyPath = values[0] === '' && DIRECTORY_FLAGS.includes(name);
    if (isEmptyPath) return `${shown}: the path is empty; leave it out to keep nothing`;
    if (name === 'config') this.#configFile = values[0];
    else this.#add(name, shown, values);
    return null;
  }

  /** The values that follow: one, or for some parameters all up to the next flag. */
  #values(name: string): string[] {
    const values: string[] = [];
    const most = takesSeveralWords(name) ? Infinity : 1;
    while (values.length < most && this.#next < this.#words.length) {
      const word = this.#words[this.#next] ?? '';
      if (word.startsWith('--') || SHORT_FLAGS.has(word)) break;
      values.push(word);
      this.#next++;
    }
    return values;
  }

  #add(name: string, shown: string, values: readonly string[]): void {
    // One value may hold several words, as in `--save "60 1000"`; the parameter's parser splits it.
    this.#flags.push({ name, shown, where: '', form: 'words', words: values });
  }
}
