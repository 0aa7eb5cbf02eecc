/**
 * Plain JavaScript values from replies. Attributes are dropped, a verbatim string is its text.
 * Two builders: bulk strings as text (UTF-8) or as bytes. Bytes that are no UTF-8 come out with
 * U+FFFD in text form: ask for bytes where that matters. Map keys and set members that are bytes
 * or aggregates are compared by identity, as Map and Set do.
 */
import { ErrorReply, PushReply } from './resp-types.ts';
import type { AggregateType, ReplyBuilder, RespValue } from './resp-types.ts';
import { utf8Text } from './utf8-text.ts';

function aggregateValue(type: AggregateType, items: RespValue[]): RespValue {
  if (type === 'array') return items;
  if (type === 'set') return new Set(items);
  if (type === 'push') return new PushReply(items);
  const map = new Map<RespValue, RespValue>();
  for (let index = 0; index + 1 < items.length; index += 2) {
    map.set(items[index] ?? null, items[index + 1] ?? null);
  }
  return map;
}

/** RespValue replies with bulk strings as Uint8Array. */
export const replyValuesWithBytes: ReplyBuilder<RespValue> = Object.freeze({
  text: (type: 'simple' | 'error' | 'blob-error', text: string): RespValue =>
    type === 'simple' ? text : new ErrorReply(text),
  bulk: (bytes: Uint8Array): RespValue => bytes,
  verbatim: (_format: string, text: string): RespValue => text,
  number: (_type: 'integer' | 'double' | 'big-number', value: number | bigint): RespValue => value,
  boolean: (value: boolean): RespValue => value,
  nothing: (): RespValue => null,
  aggregate: aggregateValue,
  attributed: (value: RespValue): RespValue => value,
});

/** RespValue replies with bulk strings as text. */
export const replyValues: ReplyBuilder<RespValue> = Object.freeze({
  ...replyValuesWithBytes,
  bulk: (bytes: Uint8Array): RespValue => utf8Text(bytes),
});
