/**
 * A sink that drops every reply and remembers only errors: for measuring what a command allocates
 * or how long it takes, without what a real sink does.
 */
import type { ReplySink } from '../command/sink.ts';
import type { ReplyError } from '../errors/reply-error.ts';

/** Drops every reply. */
export class NullSink implements ReplySink {
  errorCount = 0;
  lastError: ReplyError | null = null;
  progress = 0;
  breakOff(): void {}
  ok(): void {}
  simple(): void {}
  error(error: ReplyError): void {
    this.errorCount++;
    this.lastError = error;
  }
  integer(): void {}
  integer64(): void {}
  bulk(): void {}
  bulkText(): void {}
  bulkBytes(): void {}
  bulkStart(): void {}
  bulkPiece(): void {}
  bulkEnd(): void {}
  bulkRope(): void {}
  bulkMany(): void {}
  null(): void {}
  nullArray(): void {}
  boolean(): void {}
  double(): void {}
  bigNumber(): void {}
  verbatim(): void {}
  array(): void {}
  map(): void {}
  set(): void {}
  push(): void {}
}
