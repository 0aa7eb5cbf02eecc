/**
 * Key specifications as tools/conformance records them from a reference server, and how they read
 * in our form: for tests that hold our rules against commands that are not built yet.
 */
import type { KeyAccess, KeySpec } from '../command/key-spec.ts';

/** A specification in reference/command-info.json. */
export interface RecordedSpec {
  readonly notes?: string | undefined;
  readonly flags: readonly string[];
  readonly begin_search: { readonly type: string; readonly spec: Record<string, number | string> };
  readonly find_keys: { readonly type: string; readonly spec: Record<string, number> };
}

/** A recorded specification in our form. */
export function specFromRecorded(recordedSpec: RecordedSpec): KeySpec {
  const { begin_search: begin, find_keys: find } = recordedSpec;
  const number = (value: number | string | undefined): number => Number(value ?? 0);
  return {
    access: recordedSpec.flags[0] as KeyAccess,
    effects: [],
    begin:
      begin.type === 'index' ? { kind: 'index', index: number(begin.spec['index']) }
      : begin.type === 'keyword'
        ? {
            kind: 'keyword', keyword: String(begin.spec['keyword']),
            startFrom: number(begin.spec['startfrom']),
          }
        : { kind: 'unknown' },
    find:
      find.type === 'range'
        ? {
            kind: 'range', last: number(find.spec['lastkey']), step: number(find.spec['keystep']),
            limit: number(find.spec['limit']),
          }
      : find.type === 'keynum'
        ? {
            kind: 'keynum', keynumIndex: number(find.spec['keynumidx']),
            firstKey: number(find.spec['firstkey']), step: number(find.spec['keystep']),
          }
        : { kind: 'unknown' },
  };
}
