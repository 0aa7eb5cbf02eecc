/**
 * What an RDB file is made of, besides the values (kora-core/src/rdb). Numbers on disk: append
 * only.
 *
 *   "REDIS" version as 4 digits | "VALKEY" version as 3 digits
 *   opcode, its body | ...                  opcodes stand before what they are about
 *   type | key | value | ...
 *   255 | CRC-64 of all bytes before it, 8 bytes, little-endian; 0 = none was made
 *
 * Opcodes before a key: EXPIRETIME, EXPIRETIME_MS, FREQ, IDLE hold for the next key only.
 * Source: files that redis-server 7.0.15 writes; Valkey's rdb.h (BSD) for what is newer.
 */

/** The byte that stands where a key's type would. */
export const RdbOpcode = Object.freeze({
  /** Slot of the keys that follow: slot, keys, keys with a deadline. A hint. */
  SlotInfo: 244,
  /** One string: the code of a library of functions. */
  Function2: 245,
  /** The same in release candidates of Redis 7; refused. */
  FunctionPreview: 246,
  /** Module, a number, then data in the form of modules. */
  ModuleAux: 247,
  /** Seconds since the key was used, a length. */
  Idle: 248,
  /** The key's LFU counter, one byte. */
  Frequency: 249,
  /** Two strings: a fact of the whole file. */
  Aux: 250,
  /** Keys, keys with a deadline of the database: two lengths. A hint. */
  ResizeDb: 251,
  /** Deadline in ms since 1970, 8 bytes, little-endian. */
  ExpireTimeMs: 252,
  /** Deadline in seconds since 1970, 4 bytes, little-endian. */
  ExpireTime: 253,
  /** The database of the keys that follow, a length. */
  SelectDb: 254,
  End: 255,
} as const);

/** What stands before a piece of a module's data. */
export const ModuleOpcode = Object.freeze({
  End: 0, Signed: 1, Unsigned: 2, Float: 3, Double: 4, String: 5,
} as const);

/** Values of modules: the older form cannot be skipped without the module. */
export const MODULE_TYPE_OLD = 6;
export const MODULE_TYPE = 7;

/** Type bytes from here on mean different things to Redis and to Valkey. */
export const FORKED_TYPE_MIN = 22;

/** Versions of files that start with "REDIS", and the one of "VALKEY". */
export const REDIS_VERSION_MIN = 5;
export const REDIS_VERSION_MAX = 12;
export const VALKEY_VERSION = 80;
export const MAGIC_BYTES = 9;
export const CHECKSUM_BYTES = 8;

/** Longest value, in the form it has in a file, that the reader holds: 1 GiB. */
export const VALUE_BYTES_MAX = 1 << 30;
/** Longest text of AUX and library of functions: 64 MiB. */
export const TEXT_BYTES_MAX = 1 << 26;
