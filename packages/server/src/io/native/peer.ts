/**
 * Who a descriptor connects to. A peer that has reset the connection before it was accepted has no
 * address any more: it is shown as `?:0`, and the first receive tells what happened.
 */
import type { ListenAddress, Peer } from '../engine.ts';
import { hostPort, isLoopbackHost, unixPeer } from '../node-address.ts';
import type { Scratch } from './scratch.ts';
import { SOCKET_ADDRESS_BYTES_MAX } from './scratch.ts';
import type { Endpoint } from './socket-address.ts';
import { readEndpoint } from './socket-address.ts';

const nobody: Endpoint = Object.freeze({ host: '?', port: 0 });

/** The peer of an accepted connection. Two system calls; none for a unix socket. */
export function peerOfDescriptor(
  scratch: Scratch, descriptor: number, address: ListenAddress,
): Peer {
  if (address.path !== undefined) return unixPeer(address.path, descriptor);
  const remote = remoteEndpoint(scratch, descriptor);
  const local = localEndpoint(scratch, descriptor);
  return {
    address: hostPort(remote.host, remote.port),
    localAddress: hostPort(local.host, local.port),
    isLoopback: isLoopbackHost(remote.host),
    isUnixSocket: false,
    descriptor,
  };
}

/** The descriptor's own address; `?:0` when it has none. */
export function localEndpoint(scratch: Scratch, descriptor: number): Endpoint {
  scratch.view.setUint32(scratch.lengthAt, SOCKET_ADDRESS_BYTES_MAX, true);
  const addressAt = scratch.pointer(scratch.addressAt);
  const result = scratch.libc.getsockname(
    descriptor, addressAt, scratch.pointer(scratch.lengthAt),
  );
  return result === 0 ? readEndpoint(scratch.view, scratch.addressAt) : nobody;
}

function remoteEndpoint(scratch: Scratch, descriptor: number): Endpoint {
  scratch.view.setUint32(scratch.lengthAt, SOCKET_ADDRESS_BYTES_MAX, true);
  const addressAt = scratch.pointer(scratch.addressAt);
  const result = scratch.libc.getpeername(
    descriptor, addressAt, scratch.pointer(scratch.lengthAt),
  );
  return result === 0 ? readEndpoint(scratch.view, scratch.addressAt) : nobody;
}
