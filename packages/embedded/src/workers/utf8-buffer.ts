/**
 * Buffer's UTF-8 without the search for an encoding. Node has had these methods for ever, and types
 * have not; where a Node should be without, the public ones do the same.
 */
interface Utf8Buffer extends Buffer {
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, offset: number, bytesMax: number): number;
}

function hasUtf8(buffer: Buffer): buffer is Utf8Buffer {
  return 'utf8Slice' in buffer && 'utf8Write' in buffer;
}

/** Bytes [start, end) of a buffer as text; what is no UTF-8 becomes U+FFFD. */
export function textOf(buffer: Buffer, start: number, end: number): string {
  return hasUtf8(buffer) ? buffer.utf8Slice(start, end) : buffer.toString('utf8', start, end);
}

/** Writes text, whole characters of it. @returns bytes written, at most `bytesMax` */
export function writeTextAt(
  buffer: Buffer, offset: number, text: string, bytesMax: number,
): number {
  return hasUtf8(buffer)
    ? buffer.utf8Write(text, offset, bytesMax) : buffer.write(text, offset, bytesMax, 'utf8');
}
