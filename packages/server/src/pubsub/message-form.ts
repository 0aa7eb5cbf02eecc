/**
 * What a subscriber gets of a message: a push in RESP3, an array in RESP2.
 */
import type { ReplySink } from '@kora/core';
import { bytesOf, Kind, MESSAGE_WORDS } from '@kora/pubsub';
import type { TopicKind } from '@kora/pubsub';
import type { Content } from './contents.ts';

/** @param name of the topic that was subscribed to, a binary string */
export function writeMessage(
  sink: ReplySink, kind: TopicKind, name: string, content: Content,
): void {
  const isPattern = kind === Kind.Pattern;
  sink.push(isPattern ? 4 : 3);
  sink.bulkText(MESSAGE_WORDS[kind] ?? '');
  if (isPattern) sink.bulkBytes(bytesOf(name));
  content.write(sink);
}
