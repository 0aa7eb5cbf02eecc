/**
 * Reads what a peer lends: its whole memory as words. A view is made again when the peer's memory
 * has grown beyond it; nothing that the peer frees is read, because it hears first that the copy is
 * done (RETURN, ACCEPT).
 */
import type { MeshPort } from './mesh-port.ts';

export class ForeignMemory {
  readonly #port: MeshPort;
  readonly #views: Int32Array[] = [];

  constructor(port: MeshPort) {
    this.#port = port;
  }

  /** Words of a worker's memory, at least up to byte `end`. */
  words(worker: number, end: number): Int32Array {
    const view = this.#views[worker];
    if (view !== undefined && view.byteLength >= end) return view;
    const fresh = new Int32Array(this.#port.memoryOf(worker).buffer);
    this.#views[worker] = fresh;
    return fresh;
  }

  /** [at, at + bytes) of a worker's memory; to be copied at once. */
  bytes(worker: number, at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#port.memoryOf(worker).buffer, at, bytes);
  }
}
