/**
 * Options of TCP sockets, with the values Redis uses. They are hints: a socket that refuses one (a
 * peer that is gone already, a unix socket) works without it, so nobody asks whether it was taken.
 */
import type { Scratch } from './scratch.ts';

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_REUSEPORT = 15;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
/** Probes without an answer before the connection counts as dead. */
const KEEPALIVE_PROBES = 3;

/** Sends small segments at once. Set on a listening socket, what it accepts has it too. */
export function setNoDelay(scratch: Scratch, descriptor: number): void {
  scratch.setOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
}

/**
 * Probes after `seconds` of idleness, then three times, a third of that apart. 0 = none.
 */
export function setKeepAlive(scratch: Scratch, descriptor: number, seconds: number): void {
  scratch.setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, seconds > 0 ? 1 : 0);
  if (seconds <= 0) return;
  scratch.setOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  scratch.setOption(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, Math.max(1, Math.trunc(seconds / 3)));
  scratch.setOption(descriptor, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}
