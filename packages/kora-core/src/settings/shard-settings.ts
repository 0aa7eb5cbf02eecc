/**
 * The settings that a shard reads while it works, as plain fields: the settings table writes them,
 * hot code reads them without a lookup. Units stand in the names; texts and rules of CONFIG belong
 * to the table.
 */
import { STRING_BYTES_MAX } from '../limits.ts';

/** Numbers of maxmemory-policy. */
export const EvictionPolicy = Object.freeze({
  NoEviction: 0,
  AllKeysLru: 1,
  AllKeysLfu: 2,
  AllKeysRandom: 3,
  VolatileLru: 4,
  VolatileLfu: 5,
  VolatileRandom: 6,
  VolatileTtl: 7,
} as const);

export class ShardSettings {
  /** 0 = no limit. For the whole process; shards lease their part of it. */
  maxmemoryBytes = 0;
  /** A number of EvictionPolicy. */
  maxmemoryPolicy = 0;
  maxmemorySamples = 5;
  lfuLogFactor = 10;
  lfuDecayMinutes = 1;
  /** Longest string: `proto-max-bulk-len`. */
  stringBytesMax = STRING_BYTES_MAX;
  /** DEBUG SET-ACTIVE-EXPIRE 0 turns it off. */
  isActiveExpireOn = true;
  /** Password of the default user; empty = none. */
  password = '';
  /** Databases that SELECT accepts, at most DATABASE_COUNT. */
  databases = 16;
  /** Thresholds of OBJECT ENCODING, as Redis names them; they do not decide how bytes lie. */
  hashListpackEntriesMax = 512;
  hashListpackValueBytesMax = 64;
  intsetEntriesMax = 512;
  zsetListpackEntriesMax = 128;
  zsetListpackValueBytesMax = 64;
  /** list-max-listpack-size: elements, or -1 to -5 for 4 to 64 KiB. */
  listListpackSize = -2;
  /** Longest sparse form of a HyperLogLog. */
  hllSparseBytesMax = 3000;
  /** Bounds of one block of a stream; 0 = none. They decide where `~` of XTRIM stops. */
  streamNodeBytesMax = 4096;
  streamNodeEntriesMax = 100;
  /** Who may use DEBUG: `no`, `local`, `yes`. */
  enableDebugCommand = 'no';
}
