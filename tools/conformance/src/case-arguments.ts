/**
 * The arguments of a request as a case file writes them: words, quotes and macros.
 *
 * Two steps, because macros depend on the moment and on texts that earlier replies saved:
 *   `splitArguments` once per file, `expandArguments` when the step is played.
 * Macros (not in single quotes): ${rep:TEXT:N} ${each:TPL:A:B} ${now+N} ${nowms-N} ${name}.
 * Invariant: a macro that is not known is an error, never sent as it stands.
 */
import { readQuotedText } from './reply-notation.ts';

export interface WrittenArgument {
  readonly text: string;
  /** Written in single quotes: macros are not expanded. */
  readonly isLiteral: boolean;
}

/** Splits what follows `>` on a line.
 * @throws {Error} when a quote is not closed or not followed by a space */
export function splitArguments(line: string): WrittenArgument[] {
  const found: WrittenArgument[] = [];
  let at = 0;
  for (;;) {
    while (line[at] === ' ') at += 1;
    const first = line[at];
    if (first === undefined) return found;
    const { text, next } = readArgument(line, at, first);
    found.push({ text, isLiteral: first === "'" });
    at = next;
    if (at < line.length && line[at] !== ' ') {
      throw new Error(`missing space after a quoted argument: ${line}`);
    }
  }
}

function readArgument(line: string, at: number, first: string): { text: string; next: number } {
  if (first === '"') return readQuotedText(line, at);
  if (first === "'") return readSingleQuoted(line, at);
  const space = line.indexOf(' ', at);
  const next = space < 0 ? line.length : space;
  return { text: line.slice(at, next), next };
}

function readSingleQuoted(line: string, at: number): { text: string; next: number } {
  let text = '';
  let index = at + 1;
  for (;;) {
    const character = line[index];
    if (character === undefined) throw new Error(`unterminated ' in: ${line}`);
    if (character === "'") return { text, next: index + 1 };
    const isEscaped = character === '\\' && line[index + 1] === "'";
    text += isEscaped ? "'" : character;
    index += isEscaped ? 2 : 1;
  }
}

/** The arguments to send now.
 * @param savedTexts texts that earlier replies of the case left under a name
 * @throws {Error} naming a macro that is not known */
export function expandArguments(
  written: readonly WrittenArgument[],
  savedTexts: ReadonlyMap<string, string>,
): string[] {
  return written.flatMap(({ text, isLiteral }) => {
    if (isLiteral || !text.includes('${')) return [text];
    return expandEach(text) ?? [expandMacros(text, savedTexts)];
  });
}

/** `${each:TPL:A:B}` as a whole argument: several arguments per number from A to B. */
function expandEach(text: string): string[] | undefined {
  const each = /^\$\{each:([^:}]*):(-?\d+):(-?\d+)\}$/.exec(text);
  if (each === null) return undefined;
  const templates = (each[1] ?? '').split(',');
  const expanded: string[] = [];
  for (let number = Number(each[2]); number <= Number(each[3]); number += 1) {
    for (const template of templates) expanded.push(template.replaceAll('#', String(number)));
  }
  return expanded;
}

function expandMacros(text: string, savedTexts: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{([^}]*)\}/g, (_whole, macro: string) => {
    const repeated = /^rep:(.*):(\d+)$/s.exec(macro);
    if (repeated !== null) return (repeated[1] ?? '').repeat(Number(repeated[2]));
    const instant = /^now(ms)?([+-]\d+)?$/.exec(macro);
    if (instant !== null) {
      const nowMs = Date.now();
      const now = instant[1] === undefined ? Math.floor(nowMs / 1_000) : nowMs;
      return String(now + Number(instant[2] ?? 0));
    }
    const saved = savedTexts.get(macro);
    if (saved === undefined) throw new Error(`unknown macro \${${macro}}`);
    return saved;
  });
}
