/**
 * What we throw. A Fault is for the embedding program or the operator: a usage error, an
 * operational failure or damaged data, always with a stable `code` to match on. Errors for a client
 * of the protocol are not thrown; they are ReplyError values (see reply-error.ts).
 */

/** Stable codes of every Fault; callers match on these, never on messages. */
export type FaultCode =
  | 'ENGINE_CLOSED'
  | 'ENGINE_FAILED'
  | 'ENGINE_BUSY'
  | 'INVALID_OPTION'
  | 'INVALID_ARGUMENT'
  | 'INVALID_CONFIG'
  | 'ADDRESS_IN_USE'
  | 'LISTEN_FAILED'
  | 'IO_UNAVAILABLE'
  | 'ADVICE_UNAVAILABLE'
  | 'NOT_BUILT_YET'
  | 'OUT_OF_MEMORY'
  | 'SUBSCRIBER_SLOW'
  | 'CORRUPT_JOURNAL'
  | 'CORRUPT_FILE'
  | 'DISK_FAILED'
  | 'DIRECTORY_IN_USE'
  | 'CORRUPT_DUMP'
  | 'CORRUPT_SNAPSHOT'
  | 'UNSUPPORTED_DUMP'
  | 'TRANSFER_FAILED';

/** An error with a stable code; the message says what happened, to what, and what to try. */
export class Fault extends Error {
  readonly code: FaultCode;
  /** True when the same call may succeed later without a change by the caller. */
  readonly isRetryable: boolean;

  constructor(
    code: FaultCode,
    message: string,
    options: { readonly cause?: unknown; readonly isRetryable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.isRetryable = options.isRetryable ?? false;
  }
}
