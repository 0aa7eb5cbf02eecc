/**
 * The engine's own copy between two memories, for runs so long that its speed pays for the object
 * it makes: `set` wants a view of the source. It stands apart because hot files make no objects.
 */

/**
 * Copies `count` words. Fast where `fromWord` and `toWord` are both even or both odd, else slower
 * than a loop.
 * @param from another memory than `to`, or a range that does not overlap
 */
export function copyWordsInBulk(
  from: Int32Array, fromWord: number, to: Int32Array, toWord: number, count: number,
): void {
  to.set(from.subarray(fromWord, fromWord + count), toWord);
}
