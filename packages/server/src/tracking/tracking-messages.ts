/**
 * Invalidations as they go over a connection: a push of RESP3, or a message of the channel
 * `__redis__:invalidate` for a RESP2 connection that has subscriptions, to which another redirects
 * them. Others cannot be told anything.
 */
import type { ReplySink } from '@kora/core';
import { writeLatin1 } from '@kora/core';
import { OutputClass } from '../session.ts';
import type { Session } from '../session.ts';

const CHANNEL = '__redis__:invalidate';

/** Writes what is invalid: an array of keys, or null for everything. */
export type Invalid = (sink: ReplySink) => void;

/** One key that lies in the worker memory. */
export function keyAtInvalid(keyAt: number, keyBytes: number): Invalid {
  return (sink) => {
    sink.array(1);
    sink.bulk(keyAt, keyBytes);
  };
}

/** One key that lies outside of it. */
export function keyBytesInvalid(key: Uint8Array): Invalid {
  return (sink) => {
    sink.array(1);
    sink.bulkBytes(key);
  };
}

/** Keys as binary strings. */
export function keysInvalid(keys: readonly string[]): Invalid {
  return (sink) => {
    sink.array(keys.length);
    for (const key of keys) writeLatin1(sink, key);
  };
}

/** Everything. */
export const allInvalid: Invalid = (sink) => {
  sink.null();
};

/**
 * How the connection hears of it; null: it cannot.
 * @param isRedirected another connection sends its invalidations to it
 */
export function invalidationFor(
  session: Session, isRedirected: boolean, invalid: Invalid,
): ((sink: ReplySink) => void) | null {
  if (session.resp > 2) {
    return (sink) => {
      sink.push(2);
      sink.bulkText('invalidate');
      invalid(sink);
    };
  }
  if (!isRedirected || session.outputClass !== OutputClass.PubSub) return null;
  return (sink) => {
    sink.array(3);
    sink.bulkText('message');
    sink.bulkText(CHANNEL);
    invalid(sink);
  };
}

/** Tells a connection that the one which was to get its invalidations is gone. */
export function brokenRedirect(redirect: number): (sink: ReplySink) => void {
  return (sink) => {
    sink.push(2);
    sink.bulkText('tracking-redir-broken');
    sink.integer(redirect);
  };
}
