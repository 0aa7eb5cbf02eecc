/**
 * The public door of @kora/pubsub: publish and subscribe by channels and glob patterns, alone in
 * any program (Broker), and as the commands that the engine and the server add to their tables.
 */
// in a program
export { Broker } from './broker.ts';
export type { BrokerOptions, ListenOptions, SubscribeOptions } from './broker.ts';
export { Message } from './message.ts';
export type { Name, Payload } from './message.ts';
export { Subscription } from './subscription.ts';
export type { QueueLimits } from './subscription.ts';
export { QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX } from './limits.ts';
export { Fault } from '@kora/core';
export type { FaultCode } from '@kora/core';

// to build upon: who has subscribed to what
export { Exchange, namesMatching, Subscriber, subscriptionBytes } from './exchange.ts';
export { PatternIndex } from './pattern-index.ts';
export { Kind, KIND_COUNT, Topic } from './topic.ts';
export type { TopicKind } from './topic.ts';
export { binaryOf, bytesOf, textOf } from './binary-text.ts';
export { namesOf } from './broker.ts';

// the commands
export { pubSubCommands } from './commands.ts';
export { attachPubSub, pubSubOf } from './pub-sub-host.ts';
export type { PubSubHost } from './pub-sub-host.ts';
export {
  confirmedWord, MESSAGE_WORDS, needsOneReply, writeConfirmation,
} from './replies.ts';
