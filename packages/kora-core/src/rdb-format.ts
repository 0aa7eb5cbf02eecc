/**
 * The door `@kora/core/rdb`: what the RDB format is made of, for those who read and write whole
 * files of it or carry payloads of DUMP. Small: it loads no engine.
 */
export { Crc64 } from './bytes/crc64.ts';
export {
  DUMP_FOOTER_BYTES, openDump, RDB_VERSION_WRITTEN, RdbCursor, rdbStringBytesMax, writeDumpFooter,
  writeRdbLength, writeRdbString,
} from './bytes/rdb-string.ts';
export type { DumpRefusal, OpenedDump } from './bytes/rdb-string.ts';
export { DATABASE_COUNT, KEY_BYTES_MAX, STRING_BYTES_MAX } from './limits.ts';
export { RdbType } from './rdb/rdb-types.ts';
