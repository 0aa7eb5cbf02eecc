/**
 * Name and version of the module that wrote a value, out of the number that stands before it:
 * nine characters of six bits, and ten bits of version, most significant first.
 */

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const NAME_CHARACTERS = 9;
const ID_FORM = 0x81;

/** What the number at `at` names, such as `ReJSON-RL` version 3.
 * @param u8 has the number in the form of a length of 9 bytes; other forms name no module */
export function moduleNameAt(u8: Uint8Array, at: number): string {
  if (u8[at] !== ID_FORM) return 'without a name';
  let id = 0n;
  for (let i = 1; i <= 8; i++) id = (id << 8n) | BigInt(u8[at + i] ?? 0);
  let name = '';
  for (let i = 0; i < NAME_CHARACTERS; i++) {
    const shift = BigInt(64 - 6 * (i + 1));
    name += LETTERS[Number((id >> shift) & 63n)] ?? '?';
  }
  return `${name} version ${id & 1023n}`;
}
