/**
 * The value at a place of a sorted order, without sorting: the range of the codes needs two such
 * values of some 100,000 numbers, and a sort of them takes longer than storing ten thousand
 * vectors. Deterministic: the pivot is the median of three.
 * Cost: O(n) unless the numbers are arranged against it. Source: Hoare 1961 (FIND).
 */

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

/** The number that would be at `place` if `numbers` were ascending. Reorders them; no NaN. */
export function valueAt(numbers: Float32Array, place: number): number {
  let low = 0;
  let high = numbers.length - 1;
  const at = (index: number): number => numbers[index] ?? 0;
  while (low < high) {
    const pivot = medianOfThree(at(low), at((low + high) >>> 1), at(high));
    let left = low;
    let right = high;
    while (left <= right) {
      while (at(left) < pivot) left++;
      while (at(right) > pivot) right--;
      if (left > right) break;
      const moved = at(left);
      numbers[left] = at(right);
      numbers[right] = moved;
      left++;
      right--;
    }
    if (place <= right) high = right;
    else if (place >= left) low = left;
    else break;
  }
  return at(place);
}
