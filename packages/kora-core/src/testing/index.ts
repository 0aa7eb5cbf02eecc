/**
 * The door of @kora/core/testing: what tests of this and other packages share. Nothing of it is
 * meant for production use, and nothing in the engine imports it.
 */
export { verify } from '../assert.ts';
export { bytesPerCall } from './allocation.ts';
export type { HeapMeter } from './allocation.ts';
export { CommandDriver } from './command-driver.ts';
export type { CommandDriverOptions, DriverArgument } from './command-driver.ts';
export { splitCommandLine } from './command-line.ts';
export { KeyspaceFixture } from './keyspace-fixture.ts';
export type { KeyspaceFixtureOptions } from './keyspace-fixture.ts';
export { keyEvents } from '../keyspace/events.ts';
export { replayEffect } from '../keyspace/effect-codec.ts';
export { GarbageAdvisor } from './garbage-advisor.ts';
export type { Offer } from './garbage-advisor.ts';
export { JournalRecorder } from './journal-recorder.ts';
export { refuseReserves, starveOfPages } from './memory-faults.ts';
export type { FaultSetup } from './memory-faults.ts';
export { NaiveStrings } from './naive-strings.ts';
export { NaiveThreads } from './naive-threads.ts';
export { OrderHistory } from './order-history.ts';
export { RandomWaitingCommands } from './random-waiting-commands.ts';
export { WaitingClients } from './waiting-clients.ts';
export { NullSink } from './null-sink.ts';
export { EVERY_TYPE, RandomTypeCommands } from './random-type-commands.ts';
export { randomSource } from './random-source.ts';
export type { RandomSource } from './random-source.ts';
export { notationOf } from './recorded-reply.ts';
export type {
  RecordedAggregate, RecordedNull, RecordedReply, RecordedText,
} from './recorded-reply.ts';
export { RecordingSink } from './recording-sink.ts';
export { contentsOf } from './shard-contents.ts';
export type { KeyContents, ShardContents } from './shard-contents.ts';
// The storage floor, for benchmarks of its own.
export { Dict } from '../structs/dict.hot.ts';
export {
  entryBytesFor, entryKeyAt, entryValueAt, writeEntryHeader,
} from '../structs/entry.hot.ts';
export { WorkerMemory } from '../structs/worker-memory.ts';
export { EvictionPolicy } from '../settings/shard-settings.ts';
