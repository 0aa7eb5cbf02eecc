/**
 * Loads a part that a manifest names: as PartReader, and it must be the part that is meant.
 */
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import type { Lz4Codec } from '../lz4/lz4-codec.ts';
import { PartReader } from '../snapshot/part-reader.ts';
import type { PieceListener } from '../snapshot/part-reader.ts';
import type { PartFacts } from '../snapshot/part-writer.ts';
import { wrongContent, wrongPart } from './named-part.ts';

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
    const { header, fileBytes } = this.#reader;
    const wrong = wrongPart(this.#path, facts, header, fileBytes);
    if (wrong === undefined) return;
    this.#reader.close();
    throw new CorruptFileFault(wrong);
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
    const wrong = wrongContent(this.#path, this.#facts, this.#reader);
    if (wrong !== undefined) throw new CorruptFileFault(wrong);
    return false;
  }

  /** Closes the file when the load is given up. */
  close(): void {
    this.#reader.close();
  }
}
