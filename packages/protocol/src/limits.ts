/**
 * Every bound of this package, by name. A frame that passes a bound ends in a ProtocolError and
 * never in memory that keeps growing.
 *   requests: what a server accepts from a peer; values and texts follow redis-server 7.0.15
 *   replies:  what a client accepts from a server
 * The limit objects are plain and mutable, and may be shared by all connections: a change of a
 * setting (proto-max-bulk-len) is seen by the next parse.
 */

/** Bounds on one request frame. All in bytes, except where the name says otherwise. */
export interface RequestLimits {
  /** Longest bulk string (Redis: proto-max-bulk-len). Values above 2^31-1 act as 2^31-1. */
  bulkBytesMax: number;
  /** Most arguments one request may have, its name included. */
  argumentsMax: number;
  /** Longest inline command, and longest `*` or `$` line. 64 KiB in Redis; at least 11. */
  inlineBytesMax: number;
  /** Longest whole frame, from its first byte to the end of its last argument. */
  frameBytesMax: number;
  /** A bulk of this size or more is handed to the caller (PARSE_BIG) instead of being buffered. */
  bigBulkBytes: number;
}

/** Before a peer has proved who it is, Redis takes at most this many arguments. */
export const UNAUTHENTICATED_ARGUMENTS_MAX = 10;
/** Before a peer has proved who it is, Redis takes bulks of at most this many bytes. */
export const UNAUTHENTICATED_BULK_BYTES_MAX = 16_384;
/** Argument offsets and lengths live in Int32Arrays, so no bulk can be longer. */
export const BULK_BYTES_CEILING = 0x7fff_ffff;

/** New request limits: Redis's defaults, changed by what is given. */
export function requestLimits(overrides: Partial<RequestLimits> = {}): RequestLimits {
  return {
    bulkBytesMax: 512 * 1024 * 1024,
    argumentsMax: 1_048_576,
    inlineBytesMax: 65_536,
    frameBytesMax: 1024 * 1024 * 1024,
    bigBulkBytes: 65_536,
    ...overrides,
  };
}

/** Bounds on one reply, as a client decodes it. */
export interface ReplyLimits {
  /** Most aggregates that may be open at once. */
  nestingMax: number;
  /** Most elements of one aggregate; a map of n pairs has 2n. */
  elementsMax: number;
  /** Longest bulk string, blob error or verbatim string, in bytes. */
  bulkBytesMax: number;
  /** Longest line: simple strings, errors, numbers and headers, in bytes. */
  lineBytesMax: number;
  /** Longest reply with everything in it, in bytes. */
  frameBytesMax: number;
}

/** New reply limits: roomy defaults, changed by what is given. */
export function replyLimits(overrides: Partial<ReplyLimits> = {}): ReplyLimits {
  return {
    nestingMax: 32,
    elementsMax: 64 * 1024 * 1024,
    bulkBytesMax: 512 * 1024 * 1024,
    lineBytesMax: 1024 * 1024,
    frameBytesMax: 1024 * 1024 * 1024,
    ...overrides,
  };
}
