/**
 * What a command can reach beyond its shard: the command table, the settings, the sections of INFO
 * and who the engine is. One object per engine, made when it is composed (shard/compose.ts) and
 * shared by all its shards; commands find it as `shard.engine`. Hosts put in what only they have (a
 * configuration file to rewrite).
 */
import type { InfoRegistry } from '../admin/info-registry.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import type { Settings } from '../settings/settings.ts';
import type { CommandRegistry } from './registry.ts';
import type { SavingHost } from './saving-host.ts';

/** The Redis version whose behaviour clients may expect; `redis_version` of INFO and HELLO. */
export const REDIS_VERSION = '7.2.4';
/** Our own version; `kora_version` of INFO. */
export const KORA_VERSION = '0.1.0';

/** Identity and tables of one engine. */
export interface EngineContext {
  readonly registry: CommandRegistry;
  readonly settings: Settings;
  readonly info: InfoRegistry;
  /** Wall clock when the engine was composed, ms. */
  readonly startMs: number;
  /** Monotonic clock when the engine was composed, us. */
  readonly startUs: number;
  /** Bytes in use when the engine was composed. */
  readonly startUsedBytes: number;
  /** 40 hexadecimal characters, new for every start. */
  readonly runId: string;
  /** As runId, for replication; DEBUG CHANGE-REPL-ID makes a new one. */
  replicationId: string;
  /**
   * Writes the configuration file (CONFIG REWRITE): gets the text to transform and stores it. Null
   * where the engine runs without a file. Set by the host.
   */
  rewriteConfigFile: ((transform: (text: string) => string) => ReplyError | null) | null;
  /** Keeps the data on disk; null where nobody does. Set by the host. */
  saving: SavingHost | null;
  /**
   * True when the client's connection comes from this machine; decides `enable-debug-command
   * local`.
   */
  isLocalClient: (clientId: number) => boolean;
}
