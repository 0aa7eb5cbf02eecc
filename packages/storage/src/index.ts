/**
 * The public door of @kora/storage: what survives a restart. Named exports only, grouped by room;
 * what is not here is internal.
 */
// checksums and compression
export { crc32 } from './crc/crc32.ts';
export { Lz4Codec, lz4BytesMax, lz4Compress, lz4Decompress } from './lz4/lz4-codec.ts';

// errors
export { CorruptFileFault, DiskFault } from './errors.ts';
export type { Damage } from './errors.ts';
export { Errno, errnoName } from './disk/errno.ts';

// disks
export { DiskOperation, DiskOperationKind, perform } from './disk/disk.ts';
export type { CompletionListener, Disk } from './disk/disk.ts';
export { CallbackDisk } from './disk/callback-disk.ts';
export { DirectDisk } from './disk/direct-disk.ts';
export { OpenMode, readWhole, replaceFile, writeAll } from './disk/files.ts';
export type { Files } from './disk/files.ts';
export { NodeFiles } from './disk/node-files.ts';

// the write-ahead log
export { LOG_TOKEN_COUNT, ShardLog } from './log/shard-log.ts';
export type { LogFailure, ShardLogOptions, SyncPolicy } from './log/shard-log.ts';
export type { FrameWriter } from './log/frame-writer.hot.ts';
export type { ChunkMemory } from './log/log-chunk.ts';
export { LogReplay } from './log/log-replay.ts';
export type { RecordListener, ReplaySegment } from './log/log-replay.ts';
export type { SegmentHeader } from './log/log-segment.ts';
export type { TornTail } from './log/log-scan.ts';
export { SettledTracker } from './log/settled-tracker.ts';
export type { DurablePart } from './log/settled-tracker.ts';
export { LOG_CHUNK_BYTES } from './limits.ts';

// snapshots
export { PartReader, wholeEntries } from './snapshot/part-reader.ts';
export type { PieceListener } from './snapshot/part-reader.ts';
export { PartWriter } from './snapshot/part-writer.ts';
export type { PartFacts, PartState, PartWriterOptions } from './snapshot/part-writer.ts';
export type { PartHeader } from './snapshot/snapshot-layout.ts';
export { ShardPart, ShardPartLoad } from './snapshot/shard-part.ts';
export type { ShardPartOptions } from './snapshot/shard-part.ts';

// a directory: recovery, snapshots that count, inspection, repair
export { damageOfDirectory } from './store/verify.ts';
export { recoverStore } from './store/recovery.ts';
export type {
  NextLog, RecoveredStore, RecoveryOptions, RecoveryReport,
} from './store/recovery.ts';
export type { RecoveredLog } from './store/recover-logs.ts';
export { PartLoad } from './store/load-part.ts';
export {
  commitSnapshot, manifestOf, removeSuperfluous, superfluousFiles,
} from './store/snapshot-commit.ts';
export type { FinishedSnapshot, SuperfluousFiles } from './store/snapshot-commit.ts';
export { FileReplacement } from './store/file-replacement.ts';
export type { ReplacementOptions } from './store/file-replacement.ts';
export { Tidying } from './store/tidying.ts';
export type { LogSet, Manifest } from './store/manifest.ts';
export type { DirectoryLock } from './store/directory-lock.ts';
export { nodeProcesses } from './store/process-table.ts';
export type { ProcessTable } from './store/process-table.ts';
export {
  inspectDirectory, inspectFile, inspectPart, inspectSegment,
} from './store/inspect.ts';
export type {
  FileSummary, ManifestSummary, OtherSummary, PartSummary, SegmentSummary,
} from './store/inspect.ts';
export { repairDirectory } from './store/repair.ts';
export type { RepairResult, RepairStep } from './store/repair.ts';

// Redis dumps (RDB files)
export { RdbFileReader } from './rdb-file/rdb-file-reader.ts';
export type { RdbFileReaderOptions } from './rdb-file/rdb-file-reader.ts';
export { RdbFileFault } from './rdb-file/rdb-file-fault.ts';
export { RdbFileWriter } from './rdb-file/rdb-file-writer.ts';
export type { DumpFormat, KeyFacts } from './rdb-file/rdb-file-writer.ts';
export type { RdbItem, RdbKey } from './rdb-file/rdb-item.ts';
export { dumpShards, ShardLoader } from './rdb-file/shard-transfer.ts';
export type { ShardDumpReport } from './rdb-file/shard-transfer.ts';
export { isBeyondRedis7, withoutDeadlines } from './rdb-file/redis-7-value.ts';
