/**
 * One option as somebody wrote it, with the place it was written: what flags, TOML and redis.conf
 * have in common before anything is understood. Every refusal of configuration is made here, so
 * each is one line that says where, what, and what is allowed.
 */
import { Fault } from '@kora/core/control';

/** How the value was written, where a syntax tells: redis.conf and flags only have words. */
export type ValueForm = 'words' | 'text' | 'list' | 'integer' | 'boolean';

/** One option. */
export interface ConfigEntry {
  /** Lower case, `-` between words; in a TOML section `storage.data-dir`. */
  readonly name: string;
  /** As it was written: `--port`, `port`, `storage.data_dir`. */
  readonly shown: string;
  /** `kora.toml:3: `, or empty for a flag. */
  readonly where: string;
  readonly form: ValueForm;
  /** The value's words; one for everything but lists and several words of redis.conf. */
  readonly words: readonly string[];
}

/** The refusal of an entry.
 * @param what names what is wrong and what is allowed */
export function refused(entry: Pick<ConfigEntry, 'where' | 'shown'>, what: string): Fault {
  return new Fault('INVALID_CONFIG', oneLine(`${entry.where}${entry.shown}: ${what}`));
}

/** The refusal of something at a place of a file. */
export function refusedAt(file: string, line: number, what: string): Fault {
  return new Fault('INVALID_CONFIG', oneLine(`${placeOf(file, line)}${what}`));
}

/** `file:line: `, as compilers write it. */
export function placeOf(file: string, line: number): string {
  return `${file}:${line}: `;
}

/** What was given, shortened and without control characters, for a message. */
export function quoted(text: string): string {
  const short = text.length > QUOTED_CHARACTERS_MAX
    ? `${text.slice(0, QUOTED_CHARACTERS_MAX)}...`
    : text;
  return `"${oneLine(short)}"`;
}

const QUOTED_CHARACTERS_MAX = 60;

function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
}
