/**
 * Indexes by name, each with options of its own, dumped and loaded together, options included: what
 * a collection is survives with what is in it.
 *   'KORACOL1' and the manifest, names and bytes (manifest.ts), then the image of each index
 */
import { dumpIndex, loadIndex } from '../image.ts';
import { ID_UNITS_MAX } from '../limits.ts';
import { checkEnd, joinImage, padded, readManifest, sectionOf } from '../manifest.ts';
import type { VectorIndexOptions } from '../options.ts';
import { VectorError } from '../vector-error.ts';
import { VectorIndex } from '../vector-index.ts';

const MAGIC = 'KORACOL1';
const MANIFEST_BYTES_MAX = 1 << 28;

interface Manifest {
  readonly collections: readonly { readonly name: string; readonly bytes: number }[];
}

/** Named indexes. */
export class VectorCollections {
  private readonly byName = new Map<string, VectorIndex>();

  get size(): number { return this.byName.size; }

  /**
   * A new, empty one. @throws VectorError EXISTS when the name is taken, OPTION, ID
   */
  create(name: string, options: VectorIndexOptions): VectorIndex {
    if (typeof name !== 'string' || name.length > ID_UNITS_MAX) {
      throw new VectorError('ID', `a name is a text of at most ${ID_UNITS_MAX} characters`);
    }
    if (this.byName.has(name)) {
      throw new VectorError('EXISTS', `there is a collection ${JSON.stringify(name)} already`);
    }
    const index = new VectorIndex(options);
    this.byName.set(name, index);
    return index;
  }

  /** The one of this name; undefined when there is none. */
  get(name: string): VectorIndex | undefined { return this.byName.get(name); }

  /** The one of this name, or a new one; options of one that is there stay as they are. */
  ensure(name: string, options: VectorIndexOptions): VectorIndex {
    return this.byName.get(name) ?? this.create(name, options);
  }

  /** @throws VectorError NOT_FOUND */
  require(name: string): VectorIndex {
    const index = this.byName.get(name);
    if (index !== undefined) return index;
    throw new VectorError('NOT_FOUND', `there is no collection ${JSON.stringify(name)}`);
  }

  has(name: string): boolean { return this.byName.has(name); }
  /** Names, in the order they were made. Do not create or drop while iterating. */
  names(): IterableIterator<string> { return this.byName.keys(); }
  /** Forgets one and all in it. @returns true when it was there */
  drop(name: string): boolean { return this.byName.delete(name); }

  /** All of them as bytes; the caller's. */
  dump(): Uint8Array<ArrayBuffer> {
    const images = [...this.byName.values()].map((index) => dumpIndex(index));
    const collections = [...this.byName.keys()]
      .map((name, i) => ({ name, bytes: images[i]?.length ?? 0 }));
    return joinImage(MAGIC, { collections } satisfies Manifest, images);
  }

  /** What `dump` gave. @throws VectorError IMAGE */
  static load(image: Uint8Array): VectorCollections {
    const { manifest, end } = readManifest(image, MAGIC, MANIFEST_BYTES_MAX);
    const loaded = new VectorCollections();
    let at = end;
    // Its hash says it is what dump wrote.
    for (const { name, bytes } of (manifest as Manifest).collections) {
      loaded.byName.set(name, loadIndex(sectionOf(image, at, bytes)));
      at += padded(bytes);
    }
    checkEnd(image, at);
    return loaded;
  }
}
