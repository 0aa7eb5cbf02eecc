/**
 * What a new descriptor may be told. Linux has one number for each under many names: SOCK_CLOEXEC
 * and SOCK_NONBLOCK of sockets and accept4, EFD_ of eventfds, TFD_ of timers, EPOLL_CLOEXEC.
 */

/** Not inherited by programs that this process starts. */
export const CLOEXEC = 0x80000;
/** Calls on it return instead of waiting. */
export const NONBLOCK = 0x800;
