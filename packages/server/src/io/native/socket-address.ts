/**
 * Socket addresses as the kernel has them, and as people read them.
 *
 *   IPv4  family 2 | port, big-endian | address 4                                  16 bytes
 *   IPv6  family 2 | port, big-endian | flow 4 | address 16 | scope 4              28 bytes
 *   unix  family 2 | path, ends with 0                                             at most 110
 *
 * Family and scope are little-endian, as on every machine the engine runs on. IPv6 is written as
 * RFC 5952 says: lower case, the longest run of zero groups as `::`, mapped IPv4 with dots.
 */
import { assert } from '@kora/core';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

const PORT_OFFSET = 2;
const IPV4_OFFSET = 4;
const IPV6_OFFSET = 8;
const SCOPE_OFFSET = 24;
const PATH_OFFSET = 2;
const IPV6_GROUPS = 8;
const MAPPED_GROUP = 5;

/** A host in numbers and a port; the host is `?` where the family is another. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Reads an IPv4 or IPv6 socket address. */
export function readEndpoint(view: DataView, at: number): Endpoint {
  const family = view.getUint16(at, true);
  const port = view.getUint16(at + PORT_OFFSET, false);
  if (family === AF_INET) return { host: dotted(view, at + IPV4_OFFSET), port };
  if (family !== AF_INET6) return { host: '?', port: 0 };
  const host = colons(view, at + IPV6_OFFSET);
  const scope = view.getUint32(at + SCOPE_OFFSET, true);
  return { host: scope === 0 ? host : `${host}%${scope}`, port };
}

/** Puts the port into an IPv4 or IPv6 socket address. */
export function writePort(view: DataView, at: number, port: number): void {
  assert(port >= 0 && port <= 0xffff, 'a port has 16 bits');
  view.setUint16(at + PORT_OFFSET, port, false);
}

/** Writes the address of a unix socket; @returns its bytes, the 0 behind the path included */
export function writePath(low: Uint8Array, at: number, path: string): number {
  const bytes = new TextEncoder().encode(path);
  low[at] = AF_UNIX;
  low[at + 1] = 0;
  low.set(bytes, at + PATH_OFFSET);
  low[at + PATH_OFFSET + bytes.length] = 0;
  return PATH_OFFSET + bytes.length + 1;
}

function dotted(view: DataView, at: number): string {
  const word = view.getUint32(at, false);
  return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`;
}

function colons(view: DataView, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < IPV6_GROUPS; i++) groups.push(view.getUint16(at + i * 2, false));
  const isMapped =
    groups.slice(0, MAPPED_GROUP).every((group) => group === 0) && groups[MAPPED_GROUP] === 0xffff;
  if (isMapped) return `::ffff:${dotted(view, at + 12)}`;
  const zeros = longestZeros(groups);
  const before = groups.slice(0, zeros.from).map((group) => group.toString(16)).join(':');
  if (zeros.count === 0) return before;
  const after = groups.slice(zeros.from + zeros.count).map((group) => group.toString(16));
  return `${before}::${after.join(':')}`;
}

/** The first longest run of two zero groups and more; count 0 and from = all when there is none. */
function longestZeros(groups: readonly number[]): { from: number; count: number } {
  const longest = { from: groups.length, count: 0 };
  for (let i = 0, run = 0; i < groups.length; i++) {
    run = groups[i] === 0 ? run + 1 : 0;
    if (run > Math.max(longest.count, 1)) {
      longest.from = i - run + 1;
      longest.count = run;
    }
  }
  return longest;
}
