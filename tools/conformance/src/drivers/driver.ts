/**
 * The one way in which cases reach an engine, whatever stands on the other side.
 *
 * A driver opens connections; a connection takes requests and gives replies in order. The four
 *   drivers of the corpus are two protocols over a socket, the engine inside this process, and
 *   the reference server (a socket driver on another port).
 * Texts are bytes, one character each (latin1), in both directions.
 * Bounds: one reply is waited for `replyMsMax` at most; nothing here waits without a limit.
 */
import type { ExpectedReply, Outcome, Reply } from '../reply-notation.ts';

/** The protocol whose reply shapes a case is judged by. */
export type Protocol = '2' | '3';

/** Names used in known-gaps.json. */
export type DriverName = 'resp2' | 'resp3' | 'embedded';
export const DRIVER_NAMES: readonly DriverName[] = ['resp2', 'resp3', 'embedded'];

export interface Connection {
  /** Sends one request; the reply is fetched with `next`. */
  send(requestArguments: readonly string[]): void;
  /** Sends bytes as they are, well formed or not. */
  sendRaw(bytes: string): void;
  /** The next reply, or why there is none after `replyMsMax` milliseconds. */
  next(replyMsMax: number): Promise<Outcome>;
  /** A reply that has arrived and was not fetched yet; it stays where it is. */
  peek(): Outcome | undefined;
  /** True when the other side closed the connection within the time. */
  waitClosed(closeMsMax: number): Promise<boolean>;
  isClosed(): boolean;
  close(): void;
}

export interface Driver {
  readonly name: DriverName;
  readonly protocol: Protocol;
  /** A fresh connection that speaks `protocol`.
   * @throws {Error} when the engine cannot be reached */
  open(): Promise<Connection>;
  /** A connection for flushing and settings, always with RESP2 shapes.
   * @throws {Error} when the engine cannot be reached */
  openAdmin(): Promise<Connection>;
  /** Where an engine tells fewer kinds of replies apart than the wire does: maps both what is
   * expected and what came to a common form. Absent: everything is compared as it is. */
  readonly comparable?: Comparable;
}

/** Two readings of one mapping: expected replies stay expected, replies stay replies. */
export interface Comparable {
  expected(reply: ExpectedReply): ExpectedReply;
  received(reply: Reply): Reply;
}

/** Sends a request and waits for its reply. */
export async function call(
  connection: Connection,
  requestArguments: readonly string[],
  replyMsMax: number,
): Promise<Outcome> {
  connection.send(requestArguments);
  return connection.next(replyMsMax);
}

/** Resolves after `ms` milliseconds of real time. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
