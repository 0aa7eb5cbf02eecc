/**
 * Configuration in TOML: the keys of Kora's documentation at the top and in [storage], and any
 * parameter of CONFIG with `_` or `-`. smol-toml reads the syntax; what it returns is unknown and
 * checked here for shape. The reader gives no places for keys, so a key's line is looked up in the
 * text again.
 */
import { parse, TomlError } from 'smol-toml';
import { placeOf, refusedAt } from './config-entry.ts';
import type { ConfigEntry, ValueForm } from './config-entry.ts';

/** Sections that Kora knows. */
const SECTIONS: ReadonlySet<string> = new Set(['storage']);

/** The entries of a file, in its order.
 * @param file its name in messages
 * @throws {Fault} INVALID_CONFIG naming file and line */
export function readToml(text: string, file: string): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  for (const [key, value] of Object.entries(parseOrRefuse(text, file))) {
    if (!isTable(value)) {
      entries.push(entryOf(text, file, '', key, value));
      continue;
    }
    if (!SECTIONS.has(key)) {
      throw refusedAt(
        file, lineOf(text, key, ''), `unknown section [${key}]; there is [storage]`,
      );
    }
    for (const [inner, innerValue] of Object.entries(value)) {
      entries.push(entryOf(text, file, key, inner, innerValue));
    }
  }
  return entries;
}

function parseOrRefuse(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text, { integersAsBigInt: true, unsafeKeyBehaviour: 'throw' });
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const reason = cause.message.split('\n', 1)[0] ?? '';
    throw refusedAt(file, cause.line, reason.replace(/^Invalid TOML document: /, ''));
  }
}

function entryOf(
  text: string, file: string, section: string, key: string, value: unknown,
): ConfigEntry {
  const shown = section === '' ? key : `${section}.${key}`;
  const line = lineOf(text, key, section);
  const [form, words] = valueOf(value) ?? ['text', null];
  if (words === null) {
    throw refusedAt(
      file, line, `${shown}: ${kindOf(value)} is no value; there is text, integers, booleans and`
        + ' lists of text',
    );
  }
  return {
    name: shown.toLowerCase().replaceAll('_', '-'), shown, where: placeOf(file, line), form, words,
  };
}

function valueOf(value: unknown): readonly [ValueForm, readonly string[]] | null {
  if (typeof value === 'string') return ['text', [value]];
  if (typeof value === 'bigint') return ['integer', [String(value)]];
  if (typeof value === 'boolean') return ['boolean', [value ? 'yes' : 'no']];
  if (!Array.isArray(value)) return null;
  const items: unknown[] = value;
  const words = items.filter((item) => typeof item === 'string');
  return words.length === items.length ? ['list', words] : null;
}

function kindOf(value: unknown): string {
  if (typeof value === 'number') return 'a number with a fraction';
  if (Array.isArray(value)) return 'a list of anything but text';
  return isTable(value) ? 'a table' : 'a date';
}

/** smol-toml makes tables without a prototype; dates and lists have one. */
function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null;
}

/**
 * Line of a key's first appearance in its section; 1 when it is written in a way not searched for.
 */
function lineOf(text: string, key: string, section: string): number {
  const lines = text.split('\n');
  let current = '';
  for (const [index, line] of lines.entries()) {
    const header = /^\s*\[+\s*["']?([^"'\]]*?)["']?\s*\]/.exec(line);
    if (header !== null) {
      current = header[1] ?? '';
      if (section === '' && current === key) return index + 1;
      continue;
    }
    const written = /^\s*["']?([^"'=]*?)["']?\s*=/.exec(line)?.[1] ?? '';
    const isHere = current === section && written === key;
    if (isHere || written === (section === '' ? key : `${section}.${key}`)) return index + 1;
  }
  return 1;
}
