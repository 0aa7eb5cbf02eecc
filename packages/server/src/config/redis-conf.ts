/**
 * The syntax of redis.conf: one directive a line, its name, then words with the quotes of
 * redis-cli.
 *   "..."   escapes \n \r \t \b \a \xHH and \ before anything else      '...'   only \'
 * Empty lines and lines that begin with # are skipped; a # later in a line is part of a word, as in
 * Redis. `include` is refused: a file that cannot be seen cannot be checked or rewritten.
 */
import { refusedAt, placeOf } from './config-entry.ts';
import type { ConfigEntry } from './config-entry.ts';

/** The directives of a file, in order.
 * @param file its name in messages
 * @throws {Fault} INVALID_CONFIG naming file and line */
export function readRedisConf(text: string, file: string): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const words = splitWords(line);
    if (words === null) throw refusedAt(file, index + 1, 'unbalanced quotes');
    const [name = '', ...values] = words;
    if (name.toLowerCase() === 'include') {
      throw refusedAt(file, index + 1, 'include is not supported: put its lines into this file');
    }
    if (values.length === 0) throw refusedAt(file, index + 1, `${name}: a value is missing`);
    entries.push({
      name: name.toLowerCase(),
      shown: name,
      where: placeOf(file, index + 1),
      form: 'words',
      words: values,
    });
  });
  return entries;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'], ['r', '\r'], ['t', '\t'], ['b', '\b'], ['a', '\u0007'],
]);
const WORD = /"((?:[^"\\]|\\[^])*)"|'((?:[^'\\]|\\[^])*)'|([^\s"']+)/y;

/** The words of a line, null when a quote does not end or something follows its end. */
export function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    if (/\s/.test(line.charAt(at))) {
      at++;
      continue;
    }
    let word = '';
    let isQuoted = false;
    while (at < line.length && !/\s/.test(line.charAt(at))) {
      if (isQuoted) return null; // Text right after a closing quote.
      WORD.lastIndex = at;
      const match = WORD.exec(line);
      if (match === null) return null;
      at = WORD.lastIndex;
      isQuoted = match[3] === undefined;
      if (match[1] !== undefined) word += unescapeDouble(match[1]);
      else if (match[2] !== undefined) word += match[2].replaceAll("\\'", "'");
      else word += match[3] ?? '';
    }
    words.push(word);
  }
  return words;
}

function unescapeDouble(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|([^]))/g, (_, hex?: string, letter = '') =>
    hex === undefined
      ? (ESCAPES.get(String(letter)) ?? String(letter))
      : String.fromCharCode(Number.parseInt(hex, 16)));
}
