/**
 * What a peer did wrong on the wire, as a value: the parser returns it, the session replies once
 * with `-ERR <message>` and closes. It is not a JavaScript Error, so that making one captures no
 * stack. Texts of request errors equal redis-server 7.0.15 byte for byte.
 * Invariant: a message is one line; every character stands for one byte (latin1), CR and LF never
 *   occur, so a peer cannot split the reply stream by what it sent (the reply writer checks again).
 */

/** Why a frame was refused. Match on `code`; the message is for people and for the wire. */
export class ProtocolError {
  /** Stable name of the reason, e.g. `INVALID_BULK_LENGTH`. */
  readonly code: string;
  /** The text after `ERR `, e.g. `Protocol error: invalid bulk length`. One character per byte. */
  readonly message: string;

  constructor(code: string, reason: string) {
    this.code = code;
    this.message = `Protocol error: ${reason}`;
    Object.freeze(this);
  }
}

export const INVALID_MULTIBULK_LENGTH = /* @__PURE__ */ new ProtocolError(
  'INVALID_MULTIBULK_LENGTH', 'invalid multibulk length',
);
export const INVALID_BULK_LENGTH = /* @__PURE__ */ new ProtocolError(
  'INVALID_BULK_LENGTH', 'invalid bulk length',
);
export const UNAUTHENTICATED_MULTIBULK_LENGTH = /* @__PURE__ */ new ProtocolError(
  'UNAUTHENTICATED_MULTIBULK_LENGTH', 'unauthenticated multibulk length',
);
export const UNAUTHENTICATED_BULK_LENGTH = /* @__PURE__ */ new ProtocolError(
  'UNAUTHENTICATED_BULK_LENGTH', 'unauthenticated bulk length',
);
export const COUNT_LINE_TOO_BIG = /* @__PURE__ */ new ProtocolError(
  'COUNT_LINE_TOO_BIG', 'too big mbulk count string',
);
export const BULK_LINE_TOO_BIG = /* @__PURE__ */ new ProtocolError(
  'BULK_LINE_TOO_BIG', 'too big bulk count string',
);
export const INLINE_TOO_BIG = /* @__PURE__ */ new ProtocolError(
  'INLINE_TOO_BIG', 'too big inline request',
);
export const UNBALANCED_QUOTES = /* @__PURE__ */ new ProtocolError(
  'UNBALANCED_QUOTES', 'unbalanced quotes in request',
);
/** Redis closes without a word when its query buffer limit is passed; we say why. */
export const FRAME_TOO_BIG = /* @__PURE__ */ new ProtocolError(
  'FRAME_TOO_BIG', 'too big request frame',
);

/** A byte stood where the `$` of a bulk belongs. CR, LF and NUL are shown as a space. */
export function expectedDollar(byte: number): ProtocolError {
  const isLineBreak = byte === 0x0d || byte === 0x0a || byte === 0;
  const shown = isLineBreak ? ' ' : String.fromCharCode(byte);
  return new ProtocolError('EXPECTED_DOLLAR', `expected '$', got '${shown}'`);
}

export const REPLY_NESTING_TOO_DEEP = /* @__PURE__ */ new ProtocolError(
  'REPLY_NESTING_TOO_DEEP', 'reply is nested too deeply',
);
export const REPLY_TOO_BIG = /* @__PURE__ */ new ProtocolError(
  'REPLY_TOO_BIG', 'reply exceeds its limit of bytes',
);
export const REPLY_TOO_LONG = /* @__PURE__ */ new ProtocolError(
  'REPLY_TOO_LONG', 'aggregate exceeds its limit of elements',
);
export const REPLY_LINE_TOO_LONG = /* @__PURE__ */ new ProtocolError(
  'REPLY_LINE_TOO_LONG', 'reply line exceeds its limit of bytes',
);
export const REPLY_BAD_TERMINATOR = /* @__PURE__ */ new ProtocolError(
  'REPLY_BAD_TERMINATOR', 'CR LF expected',
);
export const REPLY_BAD_NUMBER = /* @__PURE__ */ new ProtocolError(
  'REPLY_BAD_NUMBER', 'malformed number in reply',
);
export const REPLY_BAD_LENGTH = /* @__PURE__ */ new ProtocolError(
  'REPLY_BAD_LENGTH', 'malformed length in reply',
);
export const REPLY_BAD_VALUE = /* @__PURE__ */ new ProtocolError(
  'REPLY_BAD_VALUE', 'malformed null, boolean or verbatim string in reply',
);

/** A reply began with a byte that no RESP type has. */
export function unknownReplyType(byte: number): ProtocolError {
  return new ProtocolError('REPLY_UNKNOWN_TYPE', `unknown reply type byte ${byte}`);
}
