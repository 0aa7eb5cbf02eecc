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
export { KoraReplyError } from './kora-reply-error.ts';
export { Message, Subscription } from '@kora/pubsub';
export type { Name, Payload, QueueLimits, SubscribeOptions } from '@kora/pubsub';
export { Fault } from '@kora/core';
export type { FaultCode } from '@kora/core';
