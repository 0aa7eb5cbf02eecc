/**
 * Inline commands: what a person types into telnet. One line, words separated by white space, with
 * redis-server 7.0.15's quoting:
 *   "..."  escapes \n \r \t \b \a \xHH, and any other escaped byte stands for itself
 *   '...'  literal, except \'
 * A closing quote must be followed by white space or the end. A quote inside a bare word opens a
 * quoted part, and its end is the end of the word: ab"c d" is `abc d`.
 * The words are unescaped IN PLACE: the result is never longer than its source, so every argument
 * is still an offset and a length in the caller's buffer. Rare path: it need not be fast.
 */

/** Takes the arguments in order; the request parser is one. */
export interface ArgumentSink {
  addArgument(at: number, bytes: number): void;
}

const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;
/** readWord and its parts return this for unbalanced quotes; otherwise the next offset. */
const UNBALANCED = -1;

/**
 * Splits the line `u8[at, end)` (without its line break) and gives each word to the sink.
 * Writes the unescaped words into the same bytes. Returns false when quotes are unbalanced.
 */
export function splitInlineArguments(
  u8: Uint8Array, at: number, end: number, sink: ArgumentSink,
): boolean {
  let read = at;
  for (;;) {
    while (read < end && isSpace(u8[read])) read++;
    if (read >= end) return true;
    read = readWord(u8, read, end, sink);
    if (read === UNBALANCED) return false;
  }
}

function readWord(u8: Uint8Array, start: number, end: number, sink: ArgumentSink): number {
  let read = start;
  while (read < end) {
    const byte = u8[read];
    if (byte === DOUBLE_QUOTE) return readDoubleQuoted(u8, start, read, end, sink);
    if (byte === SINGLE_QUOTE) return readSingleQuoted(u8, start, read, end, sink);
    if (endsBareWord(byte)) break;
    read++;
  }
  sink.addArgument(start, read - start);
  return read;
}

/** From the opening quote at `quoteAt` to the word's end; the word began at `start`. */
function readDoubleQuoted(
  u8: Uint8Array, start: number, quoteAt: number, end: number, sink: ArgumentSink,
): number {
  let read = quoteAt + 1;
  let write = quoteAt;
  while (read < end) {
    const byte = u8[read] ?? 0;
    if (byte === DOUBLE_QUOTE) return closeWord(u8, start, write, read, end, sink);
    if (byte !== BACKSLASH || read + 1 >= end) {
      u8[write++] = byte;
      read++;
      continue;
    }
    const high = read + 3 < end ? hexDigit(u8[read + 2]) : -1;
    const low = read + 3 < end ? hexDigit(u8[read + 3]) : -1;
    if (u8[read + 1] === LETTER_X && high >= 0 && low >= 0) {
      u8[write++] = high * 16 + low;
      read += 4;
    } else {
      u8[write++] = escapedByte(u8[read + 1] ?? 0);
      read += 2;
    }
  }
  return UNBALANCED;
}

function readSingleQuoted(
  u8: Uint8Array, start: number, quoteAt: number, end: number, sink: ArgumentSink,
): number {
  let read = quoteAt + 1;
  let write = quoteAt;
  while (read < end) {
    const byte = u8[read] ?? 0;
    if (byte === SINGLE_QUOTE) return closeWord(u8, start, write, read, end, sink);
    const isEscapedQuote = byte === BACKSLASH && read + 1 < end && u8[read + 1] === SINGLE_QUOTE;
    u8[write++] = isEscapedQuote ? SINGLE_QUOTE : byte;
    read += isEscapedQuote ? 2 : 1;
  }
  return UNBALANCED;
}

function closeWord(
  u8: Uint8Array, start: number, wordEnd: number, quoteAt: number, end: number, sink: ArgumentSink,
): number {
  const next = quoteAt + 1;
  if (next < end && !isSpace(u8[next])) return UNBALANCED;
  sink.addArgument(start, wordEnd - start);
  return next;
}

/** White space between words: space, \t \n \v \f \r. */
function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

/** What ends a bare word is less than white space: \v and \f belong to the word. */
function endsBareWord(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

function escapedByte(byte: number): number {
  switch (byte) {
    case 0x6e: return 0x0a; // \n
    case 0x72: return 0x0d; // \r
    case 0x74: return 0x09; // \t
    case 0x62: return 0x08; // \b
    case 0x61: return 0x07; // \a
    default: return byte;
  }
}
