/**
 * The words of pub/sub on the wire: confirmations and messages. In RESP3 all of them are pushes, in
 * RESP2 arrays.
 */
import { ReplyError } from '@kora/core';
import type { ReplySink } from '@kora/core';
import { bytesOf } from './binary-text.ts';
import type { TopicKind } from './topic.ts';

/** By kind: first word of a confirmation that something was subscribed to. */
const SUBSCRIBED_WORDS: readonly string[] = ['subscribe', 'psubscribe', 'ssubscribe'];
const UNSUBSCRIBED_WORDS: readonly string[] = ['unsubscribe', 'punsubscribe', 'sunsubscribe'];
/** By the kind that was subscribed to: first word of a message. */
export const MESSAGE_WORDS: readonly string[] = ['message', 'pmessage', 'smessage'];

/** First word of a confirmation. */
export function confirmedWord(kind: TopicKind, isSubscribing: boolean): string {
  return (isSubscribing ? SUBSCRIBED_WORDS : UNSUBSCRIBED_WORDS)[kind] ?? '';
}

/** What Redis says where a command has to have exactly one reply. */
export function needsOneReply(command: string): ReplyError {
  return new ReplyError(
    `ERR ${command.toUpperCase()} isn't allowed for a DENY BLOCKING client`,
  );
}

/**
 * Confirms one subscription or its end.
 * @param name binary string; null: there was nothing to unsubscribe from
 * @param count what the subscriber has now: channels and patterns, or sharded channels
 */
export function writeConfirmation(
  out: ReplySink, word: string, name: string | null, count: number,
): void {
  out.push(3);
  out.bulkText(word);
  if (name === null) out.null();
  else out.bulkBytes(bytesOf(name));
  out.integer(count);
}
