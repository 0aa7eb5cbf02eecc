/**
 * The known name that somebody most likely meant: the one with the fewest edits (insertion,
 * deletion, substitution, swap of neighbours) among those close enough to be a slip. Cost: names x
 * length squared, once, on the way to an error message.
 */

/** Edits beyond which a name is another word and no slip. */
const EDITS_MAX = 3;

/** The nearest of `names`, undefined when none is near. */
export function nearestName(given: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let fewest = Math.min(EDITS_MAX, Math.floor(given.length / 2)) + 1;
  for (const name of names) {
    if (Math.abs(name.length - given.length) >= fewest) continue;
    const edits = editDistance(given, name);
    if (edits < fewest) [best, fewest] = [name, edits];
  }
  return best;
}

/** Optimal string alignment distance. Source: Damerau 1964. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let edits = Math.min(
        (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) edits = Math.min(edits, (before[j - 2] ?? 0) + 1);
      row.push(edits);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
