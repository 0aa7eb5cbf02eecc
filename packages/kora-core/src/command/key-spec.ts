/**
 * Where the keys of a command stand among its arguments, and what it does to them: the key
 * specifications of
 * COMMAND INFO. The router, the gate, ACLs and COMMAND GETKEYS all read these. Most commands have
 * one specification with fixed places; counted (`numkeys`) and keyword forms are searched at run
 * time.
 */

/** RO reads, RW reads and writes, OW overwrites without reading, RM removes. */
export type KeyAccess = 'RO' | 'RW' | 'OW' | 'RM';
/** What the command does with the value: the second flag of COMMAND GETKEYSANDFLAGS. */
export type KeyEffect = 'access' | 'update' | 'insert' | 'delete';

/** One key specification. Argument indices count the command's name as 0. */
export interface KeySpec {
  readonly access: KeyAccess;
  /** May be empty, as for EXISTS; LMOVE's source has two. */
  readonly effects: readonly KeyEffect[];
  readonly begin:
    | { readonly kind: 'index'; readonly index: number }
    | { readonly kind: 'keyword'; readonly keyword: string; readonly startFrom: number }
    | { readonly kind: 'unknown' };
  readonly find:
    | {
        readonly kind: 'range';
        readonly last: number;
        readonly step: number;
        readonly limit: number;
      }
    | {
        readonly kind: 'keynum';
        readonly keynumIndex: number;
        readonly firstKey: number;
        readonly step: number;
      }
    | { readonly kind: 'unknown' };
  /** Extra flags shown as such: `variable_flags`, `incomplete`, `not_key`. */
  readonly extra?: readonly string[];
  /** The key is what the argument has before its last colon, or all of it (VECSET). */
  readonly namesIndex?: boolean;
  /** Remark shown by COMMAND INFO. */
  readonly notes?: string;
  /** With `variable_flags`: what one call really does, by its arguments (texts by index). */
  readonly usage?: KeyUsage;
  /** For keys that no kind above can find: adds their argument indices. */
  readonly locate?: (
    argumentCount: number, argument: (index: number) => string, into: number[],
  ) => void;
}

/** What a call with these arguments does to its keys. */
export type KeyUsage = (
  argumentCount: number, argument: (index: number) => string,
) => { readonly access: KeyAccess; readonly effects: readonly KeyEffect[] };

/**
 * Keys at fixed places: from argument `first` to `last` (negative counts from the end), every
 * `step`.
 */
export function keysAt(options: {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly access: KeyAccess;
  readonly effect?: KeyEffect | readonly KeyEffect[];
  readonly extra?: readonly string[];
  readonly namesIndex?: boolean;
  readonly notes?: string;
  readonly usage?: KeyUsage;
}): KeySpec {
  const { first, last, step, access, effect } = options;
  const effects = effect === undefined ? [] : typeof effect === 'string' ? [effect] : effect;
  return {
    access,
    effects,
    begin: { kind: 'index', index: first },
    find: { kind: 'range', last: last < 0 ? last : last - first, step, limit: 0 },
    ...(options.extra === undefined ? {} : { extra: options.extra }),
    ...(options.namesIndex === undefined ? {} : { namesIndex: options.namesIndex }),
    ...(options.notes === undefined ? {} : { notes: options.notes }),
    ...(options.usage === undefined ? {} : { usage: options.usage }),
  };
}

const COLON = 0x3a;

/**
 * Bytes of the key that `bytes` bytes at `at` name, for a specification that names an index. An
 * argument of 64 KiB and more (at < 0) names itself; its command refuses it.
 */
export function indexNameBytes(low: Uint8Array, at: number, bytes: number): number {
  if (at < 0) return bytes;
  const colon = low.subarray(at, at + bytes).lastIndexOf(COLON);
  return colon < 0 ? bytes : colon;
}

/** Keys after a count, as `numkeys key [key ...]`; `countAt` is the argument index of the count. */
export function keysCounted(options: {
  readonly countAt: number;
  readonly step?: number;
  readonly access: KeyAccess;
  readonly effect?: KeyEffect | readonly KeyEffect[];
}): KeySpec {
  const { effect } = options;
  return {
    access: options.access,
    effects: effect === undefined ? [] : typeof effect === 'string' ? [effect] : effect,
    begin: { kind: 'index', index: options.countAt },
    find: { kind: 'keynum', keynumIndex: 0, firstKey: 1, step: options.step ?? 1 },
  };
}

/**
 * Collects the argument indices of the keys into `into`.
 * @param argument text of argument i, read only for keyword and counted forms
 * @returns the number of keys, or -1 when the arguments do not fit the specification
 */
export function findKeys(
  specs: readonly KeySpec[],
  argumentCount: number,
  argument: (index: number) => string,
  into: number[],
): number {
  into.length = 0;
  for (const spec of specs) {
    if (spec.locate !== undefined) {
      spec.locate(argumentCount, argument, into);
      continue;
    }
    const first = beginOf(spec, argumentCount, argument);
    if (first === 0) continue;
    if (first < 0 || !collect(spec, first, argumentCount, argument, into)) return -1;
  }
  return into.length;
}

/** First argument index of a specification; 0 = not present, -1 = malformed. */
function beginOf(spec: KeySpec, count: number, argument: (index: number) => string): number {
  if (spec.begin.kind === 'index') return spec.begin.index < count ? spec.begin.index : -1;
  if (spec.begin.kind === 'unknown') return 0;
  const { keyword, startFrom } = spec.begin;
  const forward = startFrom >= 0;
  let i = forward ? startFrom : count + startFrom;
  for (; forward ? i < count : i > 0; i += forward ? 1 : -1) {
    if (argument(i).toUpperCase() === keyword) return i + 1 < count ? i + 1 : -1;
  }
  return 0;
}

function collect(
  spec: KeySpec,
  first: number,
  count: number,
  argument: (index: number) => string,
  into: number[],
): boolean {
  if (spec.find.kind === 'unknown') return true;
  if (spec.find.kind === 'range') {
    const { last, step, limit } = spec.find;
    let end = last >= 0 ? first + last : count + last;
    if (last < 0 && limit > 1) end = first + Math.floor((count - first) / limit) + last;
    if (end >= count || end < first) return false;
    for (let i = first; i <= end; i += step) into.push(i);
    return true;
  }
  const { keynumIndex, firstKey, step } = spec.find;
  const text = first + keynumIndex < count ? argument(first + keynumIndex) : '';
  if (!/^\d{1,7}$/.test(text)) return false;
  const keys = Number(text);
  const start = first + firstKey;
  if (start + (keys - 1) * step >= count) return false;
  for (let k = 0; k < keys; k++) into.push(start + k * step);
  return true;
}
