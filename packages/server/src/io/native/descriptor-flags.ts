/**
 * What a new descriptor may be told. Linux has one number for each under many names: SOCK_CLOEXEC
 * and SOCK_NONBLOCK of sockets and accept4, EFD_ of eventfds, TFD_ of timers, EPOLL_CLOEXEC.
 */
import type { Libc } from './libc.ts';

/** Not inherited by programs that this process starts. */
export const CLOEXEC = 0x80000;
/** Calls on it return instead of waiting. */
export const NONBLOCK = 0x800;

/** fcntl: the lowest free number, not inherited. */
const F_DUPFD_CLOEXEC = 1030;

/** A second descriptor of the same thing, the caller's to close; -1 when none is left. */
export function duplicate(libc: Libc, descriptor: number): number {
  return libc.fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}
