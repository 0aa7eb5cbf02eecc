/**
 * Arguments of a command in low memory, for tests that call `parse` and `apply` themselves, over
 * and over, without a driver's work around each call.
 */
import type { CommandDriver } from './command-driver.ts';

/** Bytes that the arguments of one command may take. */
const ARGUMENTS_BYTES_MAX = 4096;

/** Where the arguments stand; what `frame.bind` takes. */
export interface PlacedArguments {
  readonly at: Int32Array;
  readonly bytes: Int32Array;
}

/**
 * Writes arguments (Latin-1) to low memory and binds the driver's frame to them.
 * @param from byte offset to write to; absent: a block beside the scratch area, which the commands
 *   use; it lives as long as the driver
 */
export function placeArguments(
  driver: CommandDriver, args: readonly string[], from?: number,
): PlacedArguments {
  const { low, lowAllocator } = driver.memory;
  const at = new Int32Array(args.length);
  const bytes = new Int32Array(args.length);
  let next = from ?? lowAllocator.alloc(ARGUMENTS_BYTES_MAX) * 8;
  args.forEach((arg, i) => {
    at[i] = next;
    bytes[i] = arg.length;
    for (const character of arg) low[next++] = character.charCodeAt(0);
  });
  driver.frame.bind(at, bytes, args.length);
  return { at, bytes };
}
