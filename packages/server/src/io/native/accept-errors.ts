/**
 * What to do when accept fails. Some errors belong to the one connection that was at the head of
 * the queue and is gone now: the next accept may go well at once. All others are the system's, or a
 * mistake: asking again at once would keep a core busy, so the listener rests until the next tick.
 * Source: accept(2), section error handling.
 */
import { Errno } from './libc.ts';

const passing: ReadonlySet<number> = new Set([
  Errno.EINTR, Errno.ECONNABORTED, Errno.EPROTO, Errno.EPERM, Errno.EOPNOTSUPP, Errno.ENETDOWN,
  Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.ETIMEDOUT,
]);

/** True when the error was of one connection: accept again at once. */
export function isPassingAcceptError(errno: number): boolean {
  return passing.has(errno);
}

/** True when there are no descriptors left, of the process or of the system. */
export function isOutOfDescriptors(errno: number): boolean {
  return errno === Errno.EMFILE || errno === Errno.ENFILE;
}
