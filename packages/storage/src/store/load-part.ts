/**
 * Loads a part that a manifest names: as PartReader, and it must be the part that is meant. A part
 * with good checksums that belongs to another snapshot or shard is damage too.
 */
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import type { Lz4Codec } from '../lz4/lz4-codec.ts';
import { PartReader } from '../snapshot/part-reader.ts';
import type { PieceListener } from '../snapshot/part-reader.ts';
import type { PartFacts } from '../snapshot/part-writer.ts';
import { partName } from '../snapshot/snapshot-layout.ts';

/** Reads one part of the snapshot that counts. */
export class PartLoad {
  readonly #reader: PartReader;
  readonly #facts: PartFacts;
  readonly #path: string;

  /**
   * @param codec used inside `step` only, so loads of a thread may share one
   * @throws {CorruptFileFault} {DiskFault}
   */
  constructor(
    files: Files, directory: string, facts: PartFacts, listener: PieceListener, codec?: Lz4Codec,
  ) {
    this.#facts = facts;
    this.#path = `${directory}/${facts.name}`;
    this.#reader = new PartReader(files, this.#path, listener, codec);
    const { snapshot, shard } = this.#reader.header;
    const { fileBytes } = this.#reader;
    if (partName(snapshot, shard) !== facts.name || fileBytes !== facts.bytes) {
      this.#reader.close();
      this.#refuse(
        0, `${facts.name} of ${facts.bytes} bytes`,
        `${partName(snapshot, shard)} of ${fileBytes} bytes`,
      );
    }
  }

  get doneBytes(): number {
    return this.#reader.doneBytes;
  }
  get totalBytes(): number {
    return this.#facts.bytes;
  }

  /**
   * Reads one block.
   * @returns false when all was read and is what the manifest says; only then may it be used
   * @throws {CorruptFileFault} {DiskFault}
   */
  step(): boolean {
    if (this.#reader.step()) return true;
    const { entryCount, blocksCrc } = this.#reader;
    if (entryCount !== this.#facts.entryCount || blocksCrc !== this.#facts.blocksCrc) {
      this.#refuse(
        this.#facts.bytes, `${this.#facts.entryCount} entries of the manifest`,
        `${entryCount} others`,
      );
    }
    return false;
  }

  /** Closes the file when the load is given up. */
  close(): void {
    this.#reader.close();
  }

  #refuse(offset: number, expected: string, found: string): never {
    throw new CorruptFileFault({ path: this.#path, offset, expected, found });
  }
}
