/**
 * Addresses that are given to the kernel again and again. As a field, or in an array of doubles, a
 * number that large would be boxed anew at every call, 16 bytes of garbage each; as elements of an
 * array that holds something else too they stay the objects they are. So element 0 is null and the
 * addresses begin at 1. A hot file keeps such an array and may replace elements.
 */
import type { Address } from './libc.ts';

/** The addresses, from element 1 on. */
export function boxedAddresses(...addresses: Address[]): (Address | null)[] {
  return [null, ...addresses];
}
