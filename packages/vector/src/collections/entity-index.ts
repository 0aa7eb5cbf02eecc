/**
 * Records that may have an embedding: an entity keeps its fields when the embedding comes, changes
 * or goes, and is found by both. Fields of embedded entities lie in the vector index, so filters
 * see them; those of the others lie here.
 * Invariant: an id is in the index or in `bare`, never in both.
 *   'KORAENT1' and the manifest (manifest.ts), then fields of the others, JSON | image of the index
 */
import { checkAttributes } from '../attributes/attribute-index.ts';
import type { Attributes } from '../attributes/attribute-index.ts';
import { dumpIndex, loadIndex } from '../image.ts';
import {
  checkedSection, checkEnd, factsOf, joinImage, jsonBytes, jsonOf, padded, readManifest, sectionOf,
} from '../manifest.ts';
import type { SectionFacts } from '../manifest.ts';
import type { VectorIndexOptions } from '../options.ts';
import { checkId } from '../vector-types.ts';
import type { SearchHit, SearchOptions, VectorId, VectorLike } from '../vector-types.ts';
import { VectorIndex } from '../vector-index.ts';
import { listIds } from './id-page.ts';
import type { IdPage } from './id-page.ts';

const NO_FIELDS: Attributes = Object.freeze({});
const MAGIC = 'KORAENT1';
const MANIFEST_BYTES_MAX = 1 << 16;

interface Manifest {
  readonly bare: SectionFacts;
  readonly indexBytes: number;
}

/** Entities, some of them with an embedding. */
export class EntityIndex {
  /** The embedded ones; search it in any way, but write through this class. */
  readonly index: VectorIndex;
  private readonly bare = new Map<VectorId, Attributes>();

  /** @param options of the index of embeddings, or one that is full already */
  constructor(options: VectorIndexOptions | VectorIndex) {
    this.index = options instanceof VectorIndex ? options : new VectorIndex(options);
  }

  get size(): number { return this.index.size + this.bare.size; }
  get embeddedCount(): number { return this.index.size; }
  has(id: VectorId): boolean { return this.index.has(id) || this.bare.has(id); }
  hasEmbedding(id: VectorId): boolean { return this.index.has(id); }

  /** Fields of an entity; undefined when it is not there. */
  getFields(id: VectorId): Attributes | undefined {
    if (this.index.has(id)) return this.index.getAttributes(id) ?? NO_FIELDS;
    return this.bare.get(id);
  }

  /** Sets all fields of an entity, a new one if need be. @throws VectorError ID, ATTRIBUTES */
  setFields(id: VectorId, fields: object): void {
    checkId(id);
    if (!this.index.setAttributes(id, fields)) this.bare.set(id, checkAttributes(fields));
  }

  /** Changes some fields and keeps the others; a field that is undefined goes. */
  updateFields(id: VectorId, fields: object): void {
    this.setFields(id, { ...this.getFields(id), ...fields });
  }

  /**
   * Gives an entity, a new one if need be, an embedding; its fields stay.
   * @throws VectorError DIMENSION, NOT_FINITE, ID, MEMORY_LIMIT: nothing has changed
   */
  setEmbedding(id: VectorId, vector: VectorLike): void {
    this.index.add(id, vector, this.getFields(id));
    this.bare.delete(id);
  }

  getEmbedding(id: VectorId): Float32Array | undefined { return this.index.get(id); }

  /** Takes the embedding away; the fields stay. @returns true when there was one */
  removeEmbedding(id: VectorId): boolean {
    if (!this.index.has(id)) return false;
    const fields = this.index.getAttributes(id) ?? NO_FIELDS;
    this.index.delete(id);
    this.bare.set(id, fields);
    return true;
  }

  /** Removes an entity with all it has. @returns true when it was there */
  delete(id: VectorId): boolean { return this.index.delete(id) || this.bare.delete(id); }

  /** The nearest entities with an embedding, as VectorIndex.search. */
  search(query: VectorLike, k: number, options: SearchOptions = {}): SearchHit[] {
    return this.index.search(query, k, options);
  }

  /** Ids of entities with an embedding, page by page. */
  listEmbedded(page: { readonly offset?: number; readonly limit?: number } = {}): IdPage {
    return listIds(this.index, page);
  }

  /** All of it as bytes; the caller's. */
  dump(): Uint8Array<ArrayBuffer> {
    const bare = jsonBytes([...this.bare]);
    const index = dumpIndex(this.index);
    const manifest: Manifest = { bare: factsOf(bare), indexBytes: index.length };
    return joinImage(MAGIC, manifest, [bare, index]);
  }

  /** What `dump` gave. @throws VectorError IMAGE */
  static load(image: Uint8Array): EntityIndex {
    const { manifest, end } = readManifest(image, MAGIC, MANIFEST_BYTES_MAX);
    // Its hash says it is what dump wrote, and so do those of the sections.
    const { bare, indexBytes } = manifest as Manifest;
    const fields = jsonOf(checkedSection(image, end, bare)) as [VectorId, Attributes][];
    const indexAt = end + padded(bare.bytes);
    const loaded = new EntityIndex(loadIndex(sectionOf(image, indexAt, indexBytes)));
    checkEnd(image, indexAt + padded(indexBytes));
    for (const [id, each] of fields) loaded.bare.set(id, each);
    return loaded;
  }
}
