/**
 * The public door of @kora/embedded: the Kora engine inside a Node process, in memory, in this
 * thread or on worker threads. What is not here is internal.
 */
export { openSync, Kora } from './kora.ts';
export type { KoraStats, SetOptions } from './kora.ts';
export type { Key } from './direct-strings.ts';
export { Connection } from './connection.ts';
export { AsyncConnection, AsyncKora, open } from './async-kora.ts';
export type { MaxmemoryPolicy, OpenAsyncOptions, OpenOptions } from './open-options.ts';
export type { CallArgument } from './arguments.ts';
export type { ReplyValue } from './open-values.ts';
export { VectorCollection, Vectors } from './vectors/vectors.ts';
export { AsyncVectorCollection, AsyncVectors } from './vectors/async-vectors.ts';
export type {
  VectorCollectionInfo, VectorHit, VectorIdPage, VectorIdPageOptions,
} from './vectors/vector-asks.ts';
export type {
  VectorBatch, VectorCollectionOptions, VectorSearchByIdOptions, VectorSearchOptions, VectorStorage,
} from './vectors/vector-words.ts';
export type { Attributes, FilterStrategy, Metric, Preset, VectorLike } from '@kora/vector';
export { KoraReplyError } from './kora-reply-error.ts';
export { Message, Subscription } from '@kora/pubsub';
export type { Name, Payload, QueueLimits, SubscribeOptions } from '@kora/pubsub';
export { Fault } from '@kora/core';
export type { FaultCode } from '@kora/core';
