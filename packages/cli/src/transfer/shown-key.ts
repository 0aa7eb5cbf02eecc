/**
 * A key as a terminal may show it: quoted, with everything that is no printable ASCII as \xNN, and
 * cut when long.
 */

const SHOWN_BYTES_MAX = 60;

/** The key in quotes. */
export function shownKey(key: Uint8Array): string {
  let text = '';
  for (const byte of key.subarray(0, SHOWN_BYTES_MAX)) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return key.length > SHOWN_BYTES_MAX ? `"${text}"... (${key.length} bytes)` : `"${text}"`;
}
