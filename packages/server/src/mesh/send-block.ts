/**
 * Sends a block of low memory along the lane of replies, piece by piece, without another copy. What
 * finds no room waits in the outbox, where it is the rest of one answer like any other; the block
 * goes back to the allocator when its last byte has left.
 */
import type { WorkerMemory } from '@kora/core';
import { ReplyChunk } from '../reply-chunks.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import type { ChunkHolder } from './outbox.ts';

/** Frees what it is told about. */
class BlockHolder implements ChunkHolder {
  readonly #memory: WorkerMemory;

  constructor(memory: WorkerMemory) {
    this.#memory = memory;
  }

  unpin({ ref }: ReplyChunk): void {
    this.#memory.lowAllocator.free(ref);
  }
}

/** Where blocks of one worker leave. */
export class BlockSender {
  readonly #port: MeshPort;
  readonly #holder: BlockHolder;

  constructor(memory: WorkerMemory, port: MeshPort) {
    this.#port = port;
    this.#holder = new BlockHolder(memory);
  }

  /** Sends `bytes` bytes of the block, at least one, and frees it then. */
  send(peer: Peer, kind: number, a: number, b: number, ref: number, bytes: number): void {
    const chunk = new ReplyChunk(ref);
    const hasGone = this.#port.sendBytes(peer, kind, a, b, 0, chunk, ref * 8, bytes, this.#holder);
    if (hasGone) this.#holder.unpin(chunk);
  }
}
