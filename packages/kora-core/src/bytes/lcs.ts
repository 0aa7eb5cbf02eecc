/**
 * Longest common subsequence of two byte strings, as the LCS command reports it: its length, its
 *   bytes, and the matching ranges, found from the end of both strings.
 * Table: u32 (a + 1) * (b + 1), row by row; cell (i, j) is the length for the first i bytes of a
 *   and the first j of b. The walk back takes a match where the two bytes are equal, else steps to
 *   the cell above only when that is strictly longer; this rule picks the same one of several
 *   longest subsequences as Redis.
 * Cost: time and memory O(a * b); the caller's bound on the table is checked before any of it.
 */

/** Runs of bytes that are equal in both strings; all four indexes count from 0, ends included. */
export interface LcsRange {
  readonly aStart: number;
  readonly aEnd: number;
  readonly bStart: number;
  readonly bEnd: number;
}

/** What LCS found. */
export interface LcsResult {
  /** Length of the subsequence in bytes. */
  readonly length: number;
  /** The subsequence; a new array, the caller's. */
  readonly bytes: Uint8Array;
  /** Maximal runs, from the end of the strings to their start. */
  readonly ranges: readonly LcsRange[];
}

/** Bytes of the table for strings of these lengths; what `tableBytesMax` is compared with. */
export function lcsTableBytes(aBytes: number, bBytes: number): number {
  return (aBytes + 1) * (bBytes + 1) * 4;
}

/** Finds the longest common subsequence.
 * @param tableBytesMax bound on the transient table; Redis takes `proto-max-bulk-len`
 * @param rangeBytesMin ranges shorter than this are left out; 0 or 1 keeps all
 * @returns 'table-too-large', before anything is allocated, when the table passes its bound */
export function longestCommonSubsequence(
  a: Uint8Array, b: Uint8Array, tableBytesMax: number, rangeBytesMin: number,
): LcsResult | 'table-too-large' {
  if (lcsTableBytes(a.length, b.length) > tableBytesMax) return 'table-too-large';
  return walkBack(a, b, fillTable(a, b), rangeBytesMin);
}

function fillTable(a: Uint8Array, b: Uint8Array): Uint32Array {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    const byte = a[i - 1];
    let above = (i - 1) * width;
    let diagonal = 0;
    let left = 0;
    for (let j = 0; j < b.length; j++) {
      above++;
      const up = table[above] ?? 0;
      left = byte === b[j] ? diagonal + 1 : Math.max(up, left);
      table[above + width] = left;
      diagonal = up;
    }
  }
  return table;
}

function walkBack(
  a: Uint8Array, b: Uint8Array, table: Uint32Array, rangeBytesMin: number,
): LcsResult {
  const width = b.length + 1;
  const length = table[table.length - 1] ?? 0;
  const bytes = new Uint8Array(length);
  const ranges: LcsRange[] = [];
  let left = length;
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    if (a[i - 1] !== b[j - 1]) {
      const up = table[(i - 1) * width + j] ?? 0;
      const back = table[i * width + j - 1] ?? 0;
      if (up > back) i--;
      else j--;
      continue;
    }
    const aEnd = i - 1;
    const bEnd = j - 1;
    while (i > 0 && j > 0 && a[i - 1] === b[j - 1]) {
      i--;
      j--;
      left--;
      bytes[left] = a[i] ?? 0;
    }
    const range = { aStart: i, aEnd, bStart: j, bEnd };
    if (aEnd - i + 1 >= rangeBytesMin) ranges.push(range);
  }
  return { length, bytes, ranges };
}
