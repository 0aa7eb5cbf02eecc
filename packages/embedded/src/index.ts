/**
 * The public door of @kora/embedded: the Kora engine inside a Node process, in memory and in this
 * thread.
 * What is not here is internal.
 */
export { openSync, Kora } from './kora.ts';
export type { KoraStats, SetOptions } from './kora.ts';
export type { Key } from './direct-strings.ts';
export { Connection } from './connection.ts';
export type { MaxmemoryPolicy, OpenOptions } from './open-options.ts';
export type { CallArgument } from './arguments.ts';
export type { ReplyValue } from './value-sink.ts';
export { KoraReplyError } from './kora-reply-error.ts';
export { Fault } from '@kora/core';
export type { FaultCode } from '@kora/core';
