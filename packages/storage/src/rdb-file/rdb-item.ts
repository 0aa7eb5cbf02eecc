/**
 * What a dump holds, one thing after the other, as RdbFileReader gives it. Bytes are valid until
 * the reader is asked for the next thing or given more bytes; whoever keeps them makes a copy.
 */

/** A key and its value. */
export interface RdbKey {
  readonly kind: 'key';
  readonly db: number;
  readonly key: Uint8Array;
  /** Type byte and body, as in a payload of DUMP without its footer; not checked any further. */
  readonly value: Uint8Array;
  /** Deadline in ms since 1970, -1 = none; may have passed. */
  readonly expireMs: number;
  /** Seconds since it was used, -1 = not told. */
  readonly idleSeconds: number;
  /** LFU counter, 0..255, -1 = not told. */
  readonly frequency: number;
  /** Byte offset in the dump of its type byte. */
  readonly offset: number;
}

/** One thing of a dump. */
export type RdbItem =
  | { readonly kind: 'version'; readonly name: string; readonly version: number }
  /** A fact of the file, such as `redis-ver`. */
  | { readonly kind: 'aux'; readonly name: string; readonly value: string }
  /** A hint of how many keys a database has. */
  | {
    readonly kind: 'sizes';
    readonly db: number; readonly keyCount: number; readonly expireCount: number;
  }
  /** A library of functions. */
  | { readonly kind: 'function'; readonly code: Uint8Array }
  /** Data of a module beside the keys, passed over. */
  | { readonly kind: 'module-data'; readonly module: string }
  /** A key whose value belongs to a module, passed over. */
  | {
    readonly kind: 'module-value';
    readonly db: number; readonly key: Uint8Array; readonly module: string;
    readonly offset: number;
  }
  | RdbKey
  /** The end, with its checksum verified, or `none` where the file was written without. */
  | { readonly kind: 'end'; readonly checksum: 'verified' | 'none' };
