/**
 * Records that may have an embedding: an entity keeps its fields when the embedding comes, changes
 * or goes, and is found by both. Fields of embedded entities lie in the vector index, so filters
 * see them; those of the others lie here.
 * Invariant: an id is in the index or in `bare`, never in both.
 */
import { checkAttributes } from '../attributes/attribute-index.ts';
import type { Attributes } from '../attributes/attribute-index.ts';
import type { VectorIndexOptions } from '../options.ts';
import { checkId } from '../vector-types.ts';
import type { SearchHit, SearchOptions, VectorId, VectorLike } from '../vector-types.ts';
import { VectorIndex } from '../vector-index.ts';
import { listIds } from './id-page.ts';
import type { IdPage } from './id-page.ts';

const NO_FIELDS: Attributes = Object.freeze({});

/** Entities, some of them with an embedding. */
export class EntityIndex {
  /** The embedded ones; search it in any way, but write through this class. */
  readonly index: VectorIndex;
  private readonly bare = new Map<VectorId, Attributes>();

  constructor(options: VectorIndexOptions) { this.index = new VectorIndex(options); }

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
}
