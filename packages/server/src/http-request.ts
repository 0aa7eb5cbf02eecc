/**
 * Requests of browsers that were lured here: what follows the first words of such a request could
 * be commands in its body, so its connection ends, as in Redis. Two words are looked for, in the
 * place of a command's name; a look costs one comparison for nearly all names.
 */
import type { ArgFrame } from '@kora/core';
import { isWord } from '@kora/core';

const POST = Uint8Array.of(0x50, 0x4f, 0x53, 0x54);
const HOST = Uint8Array.of(0x48, 0x4f, 0x53, 0x54, 0x3a);

/**
 * True when the frame's request, which may otherwise be an inline command, is a line of HTTP.
 * @param low the memory that the arguments lie in
 */
export function isHttp(low: Uint8Array, frame: ArgFrame): boolean {
  const bytes = frame.bytes[0] ?? 0;
  if (bytes !== POST.length && bytes !== HOST.length) return false;
  const at = frame.at[0] ?? -1;
  const first = (low[at] ?? 0) & 0xdf;
  if (first !== POST[0] && first !== HOST[0]) return false;
  return isWord(frame, 0, POST) || isWord(frame, 0, HOST);
}
