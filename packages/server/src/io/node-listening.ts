/**
 * How engines on node:net share one TCP address among the workers of a process. Threads of Node
 * cannot hand each other a listener or a socket, and a descriptor that two loops know is closed
 * twice; so each worker has a listening socket of its own, with SO_REUSEPORT. Best first:
 *   descriptor   the system's calls make it (native/listening.ts), node:net takes its descriptor;
 *   option       node:net makes it: from Node 22.12 and 23.1 on, where the system deals out;
 *   first only   there is no way: the first worker has all connections, the data is dealt out
 *                as ever.
 * With the first way an address that another process listens on, also one of ours, is refused;
 * `option` looks whether it is free and then takes it, so two servers that start at the very same
 * moment may both get it.
 */
import type { ListenOptions } from 'node:net';
import { createServer } from 'node:net';
import type { WorkerMemory } from '@kora/core';
import type { ListenAddress } from './engine.ts';
import { loadLibc, nativeMemory } from './native/libc.ts';
import { openListening } from './native/listening.ts';
import { Scratch } from './native/scratch.ts';
import { listenFault, listenOptions } from './node-address.ts';

/** What a server takes, with what the types of Node 20 do not have. */
export type ServerListenOptions = ListenOptions & {
  readonly fd?: number;
  readonly reusePort?: boolean;
};

/** A way to share a TCP address. */
export type PortSharing = 'descriptor' | 'option' | 'first only';

/** Systems where node:net accepts `reusePort`; elsewhere it fails. */
const DEALING_PLATFORMS: ReadonlySet<string> = new Set([
  'linux', 'freebsd', 'dragonfly', 'sunos', 'aix',
]);

/** The way of this process; the same in all of its threads. */
export function portSharing(version = process.versions.node): PortSharing {
  if (typeof loadLibc() !== 'string') return 'descriptor';
  return hasReusePort(version) && DEALING_PLATFORMS.has(process.platform) ? 'option' : 'first only';
}

/** True when the Node of that version knows the option. */
export function hasReusePort(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

/** What the log and INFO say of the way, after why it is this engine; empty when all is well. */
export function sharingNote(sharing: PortSharing): string {
  if (sharing !== 'first only') return '';
  return '; the first worker has all connections: this Node cannot share a port among threads';
}

/** The listeners of one worker of several. Owner: its engine. */
export class SharedListening {
  readonly #memory: WorkerMemory;
  readonly #isFirst: boolean;
  readonly #sharing: PortSharing;
  #scratch: Scratch | undefined;

  /** @param sharing another way than the best, for tests */
  constructor(memory: WorkerMemory, index: number, sharing: PortSharing = portSharing()) {
    this.#memory = memory;
    this.#isFirst = index === 0;
    this.#sharing = sharing;
  }

  /**
   * What a server has to listen on, at once or later.
   * @param done gets the options, null when this worker does not listen there, or the Fault
   */
  open(address: ListenAddress, done: (options: ServerListenOptions | Error | null) => void): void {
    if (this.#sharing === 'descriptor') {
      done(this.#openDescriptor(address));
    } else if (this.#sharing === 'first only') {
      done(this.#isFirst ? listenOptions(address) : null);
    } else if (address.sharing === 'next') {
      done(sharedOptions(address));
    } else {
      takeFree(address, done);
    }
  }

  #openDescriptor(address: ListenAddress): ServerListenOptions | Error {
    this.#scratch ??= openScratch(this.#memory);
    const socket = openListening(this.#scratch, address);
    // From here on the server owns it.
    return 'descriptor' in socket ? { fd: socket.descriptor, backlog: address.backlog } : socket;
  }
}

function openScratch(memory: WorkerMemory): Scratch {
  const libc = loadLibc();
  const native = nativeMemory(memory);
  if (typeof libc === 'string') throw new Error(libc);
  if (typeof native === 'string') throw new Error(native);
  return new Scratch(libc, native);
}

/** Options that let other sockets of this user listen there too. */
function sharedOptions(address: ListenAddress): ServerListenOptions {
  return { ...listenOptions(address), reusePort: true };
}

/** Listens alone for a moment: so nobody else does. */
function takeFree(
  address: ListenAddress, done: (options: ServerListenOptions | Error) => void,
): void {
  const probe = createServer();
  probe.once('error', (cause) => {
    done(listenFault(address, cause));
  });
  probe.listen(listenOptions(address), () => {
    const bound = probe.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    probe.close(() => {
      done(sharedOptions({ ...address, port }));
    });
  });
}
