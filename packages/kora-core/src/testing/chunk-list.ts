/**
 * The chunks of a snapshot in memory, and a shard made of them: for tests of snapshots. `isFull` is
 * the test's to set.
 */
import type { Shard } from '../shard/shard.ts';
import type { SnapshotSink } from '../snapshot/snapshot-format.ts';
import { SnapshotLoader } from '../snapshot/snapshot-loader.ts';

export class ChunkList implements SnapshotSink {
  readonly chunks: Uint8Array[] = [];
  isFull = false;

  chunk(bytes: Uint8Array, at: number, length: number): void {
    this.chunks.push(bytes.slice(at, at + length));
  }

  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  /** Loads all chunks into a shard. @returns keys */
  loadInto(shard: Shard): number {
    const loader = new SnapshotLoader(shard);
    for (const chunk of this.chunks) loader.chunk(chunk, 0, chunk.length);
    loader.finish();
    return loader.keyCount;
  }
}
