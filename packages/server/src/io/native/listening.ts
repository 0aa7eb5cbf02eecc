/**
 * Listening sockets of the native engines: IPv4, IPv6 for itself only, unix sockets; errors are the
 * same Faults, with the same texts, as those of node:net (node-address.ts). A host name becomes
 * addresses in the C library, which waits for the answer: listening is rare, and Redis does the
 * same. The first of them that can be had is taken.
 * Descriptors do not block and are not inherited; TCP_NODELAY goes over to what they accept.
 */
import { lstatSync } from 'node:fs';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import { assert } from '@kora/core';
import type { Fault } from '@kora/core';
import type { ListenAddress } from '../engine.ts';
import {
  listenFault, refusalOfAddress, removeSocketFile, setSocketMode,
} from '../node-address.ts';
import { localEndpoint } from './peer.ts';
import { CLOEXEC, NONBLOCK } from './descriptor-flags.ts';
import type { Scratch } from './scratch.ts';
import { HINTS_BYTES, HOST_NAME_BYTES_MAX, SOCKET_ADDRESS_BYTES_MAX } from './scratch.ts';
import { AF_INET6, AF_UNIX, readEndpoint, writePath, writePort } from './socket-address.ts';
import {
  IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET, setNoDelay,
} from './socket-options.ts';

const SOCK_STREAM = 1;
const STREAM_TYPE = SOCK_STREAM | NONBLOCK | CLOEXEC;

const AI_PASSIVE = 1;
const EAI_NONAME = -2;
const EAI_AGAIN = -3;
const EAI_NODATA = -5;
/** Addresses of one name that are tried. */
const RESOLVED_ADDRESSES_MAX = 64;
/** Fields of struct addrinfo: | flags | family | type | protocol | length 8 | address 8 | name 8 |
 * next 8 |. */
const ADDRINFO_BYTES = 48;
const ADDRINFO_TYPE = 8;
const ADDRINFO_LENGTH = 16;
const ADDRINFO_ADDRESS = 24;
const ADDRINFO_NEXT = 40;

/** A socket that listens; the engine owns it until it calls {@link closeListening}. */
export interface ListeningSocket {
  readonly address: ListenAddress;
  readonly descriptor: number;
  /** The bound port, 0 for a unix socket. */
  readonly port: number;
  /** Number of the unix socket's file, so that only this file is ever removed; -1 for TCP. */
  readonly fileNumber: number;
}

/** Listens on the address; the Fault when it cannot. May wait for a name to be resolved. */
export function openListening(scratch: Scratch, address: ListenAddress): ListeningSocket | Fault {
  const refusal = refusalOfAddress(address);
  if (refusal !== null) return listenFault(address, refusal);
  const { path, host } = address;
  if (path !== undefined) return listenOnPath(scratch, address, path);
  assert(host !== undefined, 'a TCP address has a host');
  return listenOnHost(scratch, address, host);
}

/** Closes the socket and removes the file of a unix socket. Nothing is accepted there any more. */
export function closeListening(scratch: Scratch, socket: ListeningSocket): void {
  const { path } = socket.address;
  scratch.libc.close(socket.descriptor);
  // Another server may listen there by now: its file stays.
  if (path !== undefined && fileNumberOf(path) === socket.fileNumber) removeSocketFile(path);
}

function listenOnPath(
  scratch: Scratch, address: ListenAddress, path: string,
): ListeningSocket | Fault {
  removeSocketFile(path);
  const { libc } = scratch;
  const descriptor = libc.socket(AF_UNIX, STREAM_TYPE, 0);
  if (descriptor < 0) return listenFault(address, systemError(libc.errno(), path));
  const bytes = writePath(scratch.low, scratch.addressAt, path);
  if (libc.bind(descriptor, scratch.pointer(scratch.addressAt), bytes) !== 0) {
    return failed(scratch, address, descriptor, path);
  }
  const socket = { address, descriptor, port: 0, fileNumber: fileNumberOf(path) };
  // Before it listens, so that nobody connects with more permissions than were meant.
  const modeFailure = setSocketMode(address);
  if (modeFailure !== null) {
    closeListening(scratch, socket);
    return listenFault(address, modeFailure);
  }
  if (libc.listen(descriptor, address.backlog) === 0) return socket;
  const fault = listenFault(address, systemError(libc.errno(), path));
  closeListening(scratch, socket);
  return fault;
}

function listenOnHost(
  scratch: Scratch, address: ListenAddress, host: string,
): ListeningSocket | Fault {
  const resolved = resolve(scratch, host);
  if (!Array.isArray(resolved)) return listenFault(address, resolved);
  let fault: Fault | undefined;
  for (const socketAddress of resolved) {
    const opened = listenOn(scratch, address, socketAddress);
    if ('descriptor' in opened) return opened;
    fault ??= opened;
  }
  return fault ?? listenFault(address, lookupError('ENOTFOUND', host));
}

/**
 * Listens on one address in the kernel's form. The first of several listeners lets others in only
 * when it listens already: a socket that has SO_REUSEPORT before would share the address with every
 * server of the same user, also with one that starts at the same moment.
 */
function listenOn(
  scratch: Scratch, address: ListenAddress, socketAddress: Uint8Array,
): ListeningSocket | Fault {
  const { sharing = 'none' } = address;
  const opened = bindAndListen(scratch, address, socketAddress, sharing === 'next');
  if (sharing !== 'first' || !('descriptor' in opened)) return opened;
  if (scratch.setOption(opened.descriptor, SOL_SOCKET, SO_REUSEPORT, 1)) return opened;
  const where = opened.port > 0 ? `${address.host ?? ''}:${opened.port}` : address.host ?? '';
  return failed(scratch, address, opened.descriptor, where);
}

function bindAndListen(
  scratch: Scratch, address: ListenAddress, socketAddress: Uint8Array, isShared: boolean,
): ListeningSocket | Fault {
  const { libc, low, view, addressAt } = scratch;
  low.set(socketAddress, addressAt);
  writePort(view, addressAt, address.port ?? 0);
  const family = view.getUint16(addressAt, true);
  const { host, port } = readEndpoint(view, addressAt);
  const where = port > 0 ? `${host}:${port}` : host;
  const descriptor = libc.socket(family, STREAM_TYPE, 0);
  if (descriptor < 0) return listenFault(address, systemError(libc.errno(), where));
  scratch.setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (isShared) scratch.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (family === AF_INET6) scratch.setOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  setNoDelay(scratch, descriptor);
  const isListening =
    libc.bind(descriptor, scratch.pointer(addressAt), socketAddress.length) === 0 &&
    libc.listen(descriptor, address.backlog) === 0;
  if (!isListening) return failed(scratch, address, descriptor, where);
  return {
    address, descriptor, port: localEndpoint(scratch, descriptor).port, fileNumber: -1,
  };
}

/** Addresses of a name or of an address in numbers, in the kernel's form; or why there is none. */
function resolve(scratch: Scratch, host: string): Uint8Array[] | NodeJS.ErrnoException {
  const { libc, low, view, nameAt, hintsAt, resultAt } = scratch;
  const name = new TextEncoder().encode(host);
  if (name.length > HOST_NAME_BYTES_MAX || name.includes(0)) return lookupError('ENOTFOUND', host);
  low.set(name, nameAt);
  low[nameAt + name.length] = 0;
  low.fill(0, hintsAt, hintsAt + HINTS_BYTES);
  view.setInt32(hintsAt, AI_PASSIVE, true);
  view.setInt32(hintsAt + ADDRINFO_TYPE, SOCK_STREAM, true);
  const code = libc.getaddrinfo(
    scratch.pointer(nameAt), 0, scratch.pointer(hintsAt), scratch.pointer(resultAt),
  );
  if (code !== 0) return lookupError(lookupCode(code), host);
  const list = Number(view.getBigUint64(resultAt, true));
  const found: Uint8Array[] = [];
  for (let at = list; at !== 0 && found.length < RESOLVED_ADDRESSES_MAX; ) {
    const info = libc.copyOut(at, ADDRINFO_BYTES);
    const fields = new DataView(info.buffer, info.byteOffset, info.byteLength);
    const bytes = fields.getUint32(ADDRINFO_LENGTH, true);
    assert(bytes <= SOCKET_ADDRESS_BYTES_MAX, 'a socket address fits its place');
    found.push(libc.copyOut(Number(fields.getBigUint64(ADDRINFO_ADDRESS, true)), bytes));
    at = Number(fields.getBigUint64(ADDRINFO_NEXT, true));
  }
  libc.freeaddrinfo(list);
  return found;
}

/** Closes a socket that could not listen. Reads the error first. */
function failed(
  scratch: Scratch, address: ListenAddress, descriptor: number, where: string,
): Fault {
  const error = systemError(scratch.libc.errno(), where);
  scratch.libc.close(descriptor);
  return listenFault(address, error);
}

/** The error of a listener as node:net words it. */
function systemError(errno: number, where: string): NodeJS.ErrnoException {
  const known = getSystemErrorMap().get(-errno);
  const code = known?.[0] ?? getSystemErrorName(-errno);
  const error = new Error(`listen ${code}: ${known?.[1] ?? 'unknown error'} ${where}`);
  return Object.assign(error, { code, errno: -errno, syscall: 'listen' });
}

function lookupError(code: string, host: string): NodeJS.ErrnoException {
  const error = new Error(`getaddrinfo ${code} ${host}`);
  return Object.assign(error, { code, syscall: 'getaddrinfo' });
}

/** The name of an error of getaddrinfo, as node:dns has it. */
function lookupCode(code: number): string {
  if (code === EAI_NONAME || code === EAI_NODATA) return 'ENOTFOUND';
  return code === EAI_AGAIN ? 'EAI_AGAIN' : 'EAI_FAIL';
}

/** Number of the file at the path, -1 when there is none. */
function fileNumberOf(path: string): number {
  try {
    return lstatSync(path).ino;
  } catch {
    return -1;
  }
}
