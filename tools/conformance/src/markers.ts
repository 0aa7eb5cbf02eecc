/**
 * The markers between braces that relax or sharpen one comparison: `< {unordered} *[...]`.
 *
 * Invariants: an unknown marker is an error, so that a misspelt one cannot weaken a case in
 *   silence. `match=` is the last marker, because its expression may hold commas.
 * What each marker means is in README.md; comparison.ts applies them, play.ts keeps the saved.
 */

/** A text to be kept for later steps: the reply itself, or what lies at a path of indexes. */
export interface SavedText {
  readonly name: string;
  readonly path: readonly number[];
}

export interface Markers {
  readonly flags: ReadonlySet<MarkerFlag>;
  /** Largest difference between two numbers; undefined: exact. */
  readonly approx: number | undefined;
  /** Texts of which each leaf is one (`nil` stands for null); undefined: no such rule. */
  readonly oneOf: readonly string[] | undefined;
  /** Names of fields whose values are not compared. */
  readonly skipped: ReadonlySet<string>;
  readonly match: RegExp | undefined;
  readonly saved: readonly SavedText[];
}

export type MarkerFlag =
  | 'any'
  | 'deep'
  | 'distinct'
  | 'err'
  | 'len'
  | 'pairs'
  | 'scan'
  | 'scanpairs'
  | 'shape'
  | 'type'
  | 'unordered';

const FLAGS: ReadonlyMap<string, MarkerFlag> = new Map(
  (
    [
      'any',
      'deep',
      'distinct',
      'err',
      'len',
      'pairs',
      'scan',
      'scanpairs',
      'shape',
      'type',
      'unordered',
    ] as const
  ).map((flag) => [flag, flag]),
);

/** Reads the text between the braces; an empty text gives no markers.
 * @throws {Error} naming an unknown marker or a value that cannot be read */
export function parseMarkers(source: string): Markers {
  const flags = new Set<MarkerFlag>();
  const skipped = new Set<string>();
  const saved: SavedText[] = [];
  let approx: number | undefined;
  let oneOf: string[] | undefined;
  const { listed, match } = splitOffMatch(source);
  for (const item of listed) {
    const flag = FLAGS.get(item);
    const equals = item.indexOf('=');
    const name = equals < 0 ? item : item.slice(0, equals);
    const value = equals < 0 ? '' : item.slice(equals + 1);
    if (flag !== undefined) flags.add(flag);
    else if (name === 'approx' && Number.isFinite(Number(value))) approx = Number(value);
    else if (name === 'in' && equals > 0) oneOf = value.split('|');
    else if (name === 'skip' && equals > 0) {
      for (const field of value.split('|')) skipped.add(field);
    } else if (/^save(\.\d+)*$/.test(name) && value !== '') {
      saved.push({ name: value, path: name.split('.').slice(1).map(Number) });
    } else throw new Error(`unknown marker "${item}"`);
  }
  return { flags, approx, oneOf, skipped, match, saved };
}

function splitOffMatch(source: string): { listed: string[]; match: RegExp | undefined } {
  const start = source.startsWith('match=') ? 0 : source.indexOf(',match=') + 1;
  const hasMatch = source.startsWith('match=', start);
  const before = hasMatch ? source.slice(0, Math.max(0, start - 1)) : source;
  return {
    listed: before === '' ? [] : before.split(','),
    match: hasMatch ? new RegExp(source.slice(start + 'match='.length), 's') : undefined,
  };
}

/** True when these markers judge a reply without looking at the recorded value. */
export function needsNoValue(markers: Markers): boolean {
  return markers.match !== undefined || markers.flags.has('any');
}
