/**
 * Names of channels as strings: one character a byte ("binary strings"), so that any bytes are a
 * name, names are keys of a Map, and slicing a name costs nothing. Programs write text or bytes;
 * text means its UTF-8 bytes, as on the wire.
 */
import { latin1Text } from '@kora/core';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Text whose UTF-8 bytes are its characters. */
const ASCII = /^[\u0000-\u007f]*$/;

/** The binary string of a name. */
export function binaryOf(name: string | Uint8Array): string {
  if (typeof name === 'string') {
    if (ASCII.test(name)) return name;
    return binaryOf(encoder.encode(name));
  }
  return latin1Text(name, 0, name.length);
}

/** The bytes of a binary string, in an array of the caller's own. */
export function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The text that a binary string's bytes are in UTF-8; U+FFFD for what is none. */
export function textOf(binary: string): string {
  return ASCII.test(binary) ? binary : decoder.decode(bytesOf(binary));
}
