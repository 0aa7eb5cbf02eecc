/**
 * Addresses as node:net knows them: what to listen on, who connected, and what went wrong in one
 * line; the native engines say the same with the same functions. A unix socket's file is removed
 * before listening, as Redis does, also when another process still listens on it; other files stay.
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { ListenOptions, Socket } from 'node:net';
import { Fault } from '@kora/core';
import type { ListenAddress, Peer } from './engine.ts';

/** Longest path of a unix socket, bytes; the system cuts a longer one without a word. */
const SOCKET_PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103;

/** Why the address cannot be listened on whatever the system says, or null. */
export function refusalOfAddress(address: ListenAddress): Error | null {
  const bytes = Buffer.byteLength(address.path ?? '');
  if (bytes <= SOCKET_PATH_BYTES_MAX) return null;
  const bound = `at most ${SOCKET_PATH_BYTES_MAX} are possible`;
  return new Error(`the path of a unix socket has ${bytes} bytes, ${bound}`);
}

/** Options of net.Server.listen for the address. */
export function listenOptions(address: ListenAddress): ListenOptions {
  const { host, port, path, backlog } = address;
  if (path !== undefined) return { path, backlog };
  const isIpv6 = host?.includes(':') === true;
  return { host, port, backlog, exclusive: true, ipv6Only: isIpv6 };
}

/** The Fault of a listener that could not start. */
export function listenFault(address: ListenAddress, cause: NodeJS.ErrnoException): Fault {
  const where = address.path ?? hostPort(address.host ?? '*', address.port);
  if (cause.code === 'EADDRINUSE') {
    return new Fault('ADDRESS_IN_USE', `${where} is in use by another process`, { cause });
  }
  return new Fault('LISTEN_FAILED', `cannot listen on ${where}: ${cause.message}`, { cause });
}

/** Removes a unix socket's file that a process of before left behind. */
export function removeSocketFile(path: string): void {
  try {
    if (lstatSync(path).isSocket()) unlinkSync(path);
  } catch {
    // Not there, or not ours to remove: listening says what is wrong.
  }
}

/** Gives the unix socket's file its permissions; the error when the system does not allow it. */
export function setSocketMode(address: ListenAddress): Error | null {
  const { path, pathMode = 0 } = address;
  if (path === undefined || pathMode === 0) return null;
  try {
    chmodSync(path, pathMode);
    return null;
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause));
  }
}

/** Who a socket connects to. */
export function peerOf(socket: Socket, address: ListenAddress): Peer {
  // The descriptor is shown by CLIENT LIST only; Node keeps it on the handle, which has no type.
  const { _handle: handle } = socket as unknown as { _handle: { fd?: number } | null };
  const descriptor = handle?.fd ?? -1;
  if (address.path !== undefined) return unixPeer(address.path, descriptor);
  const remote = socket.remoteAddress ?? '?';
  return {
    address: hostPort(remote, socket.remotePort),
    localAddress: hostPort(socket.localAddress ?? '?', socket.localPort),
    isLoopback: isLoopbackHost(remote),
    isUnixSocket: false,
    descriptor,
  };
}

/** The peer of a connection over a unix socket: shown as the socket's own path. */
export function unixPeer(path: string, descriptor: number): Peer {
  const local = `${path}:0`;
  return { address: local, localAddress: local, isLoopback: true, isUnixSocket: true, descriptor };
}

/** True for addresses of this machine only. */
export function isLoopbackHost(host: string): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(host);
}

/** `host:port` for people: IPv6 in brackets, mapped IPv4 as IPv4. */
export function hostPort(host: string, port: number | undefined): string {
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host;
  return plain.includes(':') ? `[${plain}]:${port ?? 0}` : `${plain}:${port ?? 0}`;
}
