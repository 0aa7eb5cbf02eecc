/**
 * Public door of @kora/server: the engine behind sockets. Light to load: what a shard needs is
 * loaded by the threads of shards, and in this one only where the shard lives here (server.ts).
 */
export { createServer, KoraServer } from './server.ts';
export type { ServerAddress } from './server.ts';
export type { IoChoice, ServerOptions, SettingInput } from './options.ts';
export { MEMORY_ADVICES, openMemoryAdvisor } from './io/native/memory-advisor.ts';
export type { MemoryAdvice } from './io/native/memory-advisor.ts';
export { LOG_LEVELS, logLevelOf } from './log.ts';
export type { Log, LogLevel } from './log.ts';
export {
  DEFAULT_CONFIG_FILE, optionNames, resolveOptions, takesSeveralWords,
} from './config/resolve-options.ts';
export type { ConfigSources } from './config/resolve-options.ts';
export type { ConfigEntry, ValueForm } from './config/config-entry.ts';
