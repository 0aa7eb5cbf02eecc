/**
 * What the chunks of a snapshot hold, counted without loading them: for people and tools that look
 * at files. Reads heads and lengths only, and believes nothing.
 * Cost: O(records).
 */
import { ChunkReader } from './chunk-reader.ts';
import {
  OpenForm, RECORD_KIND_MASK, SnapshotRecord, TRAIT_ACCESS, TRAIT_TTL,
} from './snapshot-format.ts';

const DEADLINE_BYTES = 8;
const ACCESS_BYTES = 3;

export class ChunkCounts {
  /** Keys that begin in the chunks so far. */
  keys = 0;
  /** Vector sets among them whose graph goes along. */
  graphs = 0;

  /** Counts what is in a chunk, which is borrowed. @throws {Fault} `CORRUPT_SNAPSHOT` */
  add(chunk: Uint8Array): void {
    const reader = new ChunkReader({ low: chunk });
    reader.start(0, chunk.length);
    while (reader.left > 0) this.#record(reader);
  }

  #record(reader: ChunkReader): void {
    const head = reader.u8();
    switch (head & RECORD_KIND_MASK) {
      case SnapshotRecord.String:
      case SnapshotRecord.Value: {
        const bytes = reader.count() + reader.count();
        skipFacts(reader, head);
        reader.take(bytes);
        this.keys++;
        return;
      }
      case SnapshotRecord.Open: {
        reader.count();
        if (reader.u8() === OpenForm.VectorNodeFragments) this.graphs++;
        reader.count();
        reader.count();
        skipFacts(reader, head);
        this.keys++;
        return;
      }
      case SnapshotRecord.Part:
        reader.count();
        reader.take(reader.count());
        return;
      case SnapshotRecord.Size:
        reader.u8();
        reader.count();
        return;
      case SnapshotRecord.Close:
        reader.count();
        return;
      default:
        // A database, or what access fields are of: a byte.
        reader.u8();
    }
  }
}

function skipFacts(reader: ChunkReader, head: number): void {
  if ((head & TRAIT_TTL) !== 0) reader.take(DEADLINE_BYTES);
  if ((head & TRAIT_ACCESS) !== 0) reader.take(ACCESS_BYTES);
}
