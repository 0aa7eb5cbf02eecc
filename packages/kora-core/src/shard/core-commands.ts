/**
 * Every command and type of the core in one place: a new file of entries adds one import and one
 * line here, a new type one line in `coreTypes`. Containers (CONFIG) come before their subcommands
 * (CONFIG|GET) within a list.
 */
import { commandCommands } from '../admin/command.commands.ts';
import { configCommands } from '../admin/config.commands.ts';
import { connectionCommands } from '../admin/connection.commands.ts';
import { debugCommands } from '../admin/debug.commands.ts';
import { memoryCommands } from '../admin/memory.commands.ts';
import { serverCommands } from '../admin/server.commands.ts';
import type { Command } from '../command/spec.ts';
import { dumpCommands } from '../generic/dump.commands.ts';
import { expireCommands } from '../generic/expire.commands.ts';
import { keysCommands } from '../generic/keys.commands.ts';
import { objectCommands } from '../generic/object.commands.ts';
import { renameCommands } from '../generic/rename.commands.ts';
import { scanCommands } from '../generic/scan.commands.ts';
import { sortCommands } from '../generic/sort.commands.ts';
import type { TypeHandler } from '../keyspace/type-handler.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { bitfieldCommands } from '../types/bitmap/bitfield.commands.ts';
import { bitmapCommands } from '../types/bitmap/bitmap.commands.ts';
import { hashExpireCommands } from '../types/hash/hash-expire.commands.ts';
import { hashFieldCommands } from '../types/hash/hash-field.commands.ts';
import { hashHandler } from '../types/hash/hash-handler.ts';
import { hashNumberCommands } from '../types/hash/hash-number.commands.ts';
import { hashRandomCommands } from '../types/hash/hash-random.commands.ts';
import { hashReadCommands } from '../types/hash/hash-read.commands.ts';
import { hashWriteCommands } from '../types/hash/hash-write.commands.ts';
import { geoSearchCommands } from '../types/geo/geo-search.commands.ts';
import { geoCommands } from '../types/geo/geo.commands.ts';
import { hyperloglogDebugCommands } from '../types/hyperloglog/hyperloglog-debug.commands.ts';
import { hyperloglogCommands } from '../types/hyperloglog/hyperloglog.commands.ts';
import { setAlgebraCommands } from '../types/set/set-algebra.commands.ts';
import { setHandler } from '../types/set/set-handler.ts';
import { setRandomCommands } from '../types/set/set-random.commands.ts';
import { setCommands } from '../types/set/set.commands.ts';
import { listEditCommands } from '../types/list/list-edit.commands.ts';
import { listHandler } from '../types/list/list-handler.ts';
import { listMoveCommands } from '../types/list/list-move.commands.ts';
import { listPushCommands } from '../types/list/list-push.commands.ts';
import { listReadCommands } from '../types/list/list-read.commands.ts';
import { streamAckCommands } from '../types/stream/stream-ack.commands.ts';
import { streamAddCommands } from '../types/stream/stream-add.commands.ts';
import { streamClaimCommands } from '../types/stream/stream-claim.commands.ts';
import { streamGroupCommands } from '../types/stream/stream-group.commands.ts';
import { streamHandler } from '../types/stream/stream-handler.ts';
import { streamInfoCommands } from '../types/stream/stream-info.commands.ts';
import { streamPendingCommands } from '../types/stream/stream-pending.commands.ts';
import { streamRangeCommands } from '../types/stream/stream-range.commands.ts';
import { streamReadgroupCommands } from '../types/stream/stream-readgroup.commands.ts';
import { stringBasicCommands } from '../types/string/string-basic.commands.ts';
import { stringConditionalCommands } from '../types/string/string-conditional.commands.ts';
import { stringMultiCommands } from '../types/string/string-multi.commands.ts';
import { stringNumberCommands } from '../types/string/string-number.commands.ts';
import { stringRangeCommands } from '../types/string/string-range.commands.ts';
import { stringHandler } from '../types/string/string-handler.ts';
import { vectorEngramCommands } from '../types/vector-set/vector-engram.commands.ts';
import {
  vectorCollectionSearchCommands,
} from '../types/vector-set/vector-collection-search.commands.ts';
import { vectorCollectionCommands } from '../types/vector-set/vector-collection.commands.ts';
import { vectorKoraCommands } from '../types/vector-set/vector-kora.commands.ts';
import { vectorReadCommands } from '../types/vector-set/vector-read.commands.ts';
import { vectorSearchCommands } from '../types/vector-set/vector-search.commands.ts';
import { vectorSetHandler } from '../types/vector-set/vector-set-handler.ts';
import { vectorWriteCommands } from '../types/vector-set/vector-write.commands.ts';
import { transactionCommands } from '../transaction/multi.commands.ts';
import { zsetAlgebraCommands } from '../types/zset/zset-algebra.commands.ts';
import { zsetCommands } from '../types/zset/zset.commands.ts';
import { zsetHandler } from '../types/zset/zset-handler.ts';
import { zsetPopCommands } from '../types/zset/zset-pop.commands.ts';
import { zsetRandomCommands } from '../types/zset/zset-random.commands.ts';
import { zsetRangeCommands } from '../types/zset/zset-range.commands.ts';
import { zsetRangeWriteCommands } from '../types/zset/zset-range-write.commands.ts';

/** Entries of the core, in the order of COMMAND LIST. */
export const coreCommands: readonly Command[] = [
  ...keysCommands,
  ...renameCommands,
  ...expireCommands,
  ...scanCommands,
  ...objectCommands,
  ...dumpCommands,
  ...sortCommands,
  ...stringBasicCommands,
  ...stringRangeCommands,
  ...stringNumberCommands,
  ...stringMultiCommands,
  ...stringConditionalCommands,
  ...listPushCommands,
  ...listReadCommands,
  ...listEditCommands,
  ...listMoveCommands,
  ...setCommands,
  ...setRandomCommands,
  ...setAlgebraCommands,
  ...zsetCommands,
  ...zsetRangeCommands,
  ...zsetRangeWriteCommands,
  ...zsetPopCommands,
  ...zsetRandomCommands,
  ...zsetAlgebraCommands,
  ...hashWriteCommands,
  ...hashReadCommands,
  ...hashNumberCommands,
  ...hashRandomCommands,
  ...hashExpireCommands,
  ...hashFieldCommands,
  ...streamAddCommands,
  ...streamRangeCommands,
  ...streamGroupCommands,
  ...streamReadgroupCommands,
  ...streamAckCommands,
  ...streamPendingCommands,
  ...streamClaimCommands,
  ...streamInfoCommands,
  ...bitmapCommands,
  ...bitfieldCommands,
  ...hyperloglogCommands,
  ...hyperloglogDebugCommands,
  ...geoCommands,
  ...geoSearchCommands,
  ...vectorWriteCommands,
  ...vectorSearchCommands,
  ...vectorReadCommands,
  ...vectorEngramCommands,
  ...vectorKoraCommands,
  ...vectorCollectionCommands,
  ...vectorCollectionSearchCommands,
  ...transactionCommands,
  ...connectionCommands,
  ...serverCommands,
  ...commandCommands,
  ...configCommands,
  ...memoryCommands,
  ...debugCommands,
];

/** Type numbers and their handlers. */
export const coreTypes: readonly (readonly [number, TypeHandler])[] = [
  [ValueType.String, stringHandler],
  [ValueType.List, listHandler],
  [ValueType.Set, setHandler],
  [ValueType.SortedSet, zsetHandler],
  [ValueType.Hash, hashHandler],
  [ValueType.Stream, streamHandler],
  [ValueType.VectorSet, vectorSetHandler],
];
