/**
 * The workers of a process as the nodes of a cluster (`cluster-ports`): each also listens on a port
 * of its own, and clients that know Redis Cluster send a key straight to the worker that owns it.
 * Every worker serves all keys on every port, so nobody is ever sent elsewhere (MOVED, ASK). There
 * is no bus and nobody to vote: the map is fixed for the life of the process.
 * An id says the port of its node, so it is the same after a restart, as that of a node of Redis.
 */
import { assert, firstSlotOf, SLOT_COUNT } from '@kora/core';
import type { Session } from '../session.ts';

/** One worker as a node. */
export interface ClusterNode {
  /** 40 hexadecimal digits. */
  readonly id: string;
  readonly port: number;
  readonly firstSlot: number;
  readonly lastSlot: number;
}

const ID_DIGITS = 40;
/** `kora` in hexadecimal digits. */
const ID_PREFIX = '6b6f7261';
/** Where a client of a unix socket finds the ports. */
const LOOPBACK = '127.0.0.1';

export class ClusterMap {
  /** By worker. */
  readonly nodes: readonly ClusterNode[];
  readonly me: number;

  /** @param firstPort of the first worker; that of worker i is i further */
  constructor(workerCount: number, me: number, firstPort: number) {
    assert(me < workerCount, 'a worker is one of all');
    this.me = me;
    this.nodes = Array.from({ length: workerCount }, (_, i) => ({
      id: ID_PREFIX + (firstPort + i).toString(16).padStart(ID_DIGITS - ID_PREFIX.length, '0'),
      port: firstPort + i,
      firstSlot: firstSlotOf(i, workerCount),
      lastSlot: i + 1 === workerCount ? SLOT_COUNT - 1 : firstSlotOf(i + 1, workerCount) - 1,
    }));
  }

  /** The own node. */
  get own(): ClusterNode {
    const node = this.nodes[this.me];
    assert(node !== undefined, 'a worker is one of all');
    return node;
  }

  /** True for the address, as CLIENT LIST shows it, of the own node. */
  isOwnAddress(localAddress: string): boolean {
    return localAddress.endsWith(`:${this.own.port}`);
  }
}

/**
 * Where the nodes are for a client: what `cluster-announce-ip` says, else the address by which it
 * has reached this worker.
 */
export function hostFor(session: Session | null, announced: string): string {
  if (announced !== '') return announced;
  if (session === null || session.peer.isUnixSocket) return LOOPBACK;
  const { localAddress } = session.peer;
  return localAddress.slice(0, localAddress.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
}
