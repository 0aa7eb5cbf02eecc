/**
 * What a reply can be, in two forms.
 *   RespNode   typed nodes: nothing of the wire is lost, for tools, tests and proxies
 *   RespValue  plain JavaScript values, for programs
 * The rules from wire to form live in reply-nodes.ts and reply-values.ts.
 */

/** One pair of a map or an attribute. */
export type RespPair = readonly [RespNode, RespNode];

/** Facts a server sent about this node (RESP3 attributes), when they are kept. */
interface Attributed {
  readonly attributes?: readonly RespPair[];
}

/** A reply as it was on the wire. `type` tells which; bulk bytes belong to the receiver. */
export type RespNode = Attributed & (
  | { readonly type: 'simple' | 'error' | 'blob-error'; readonly value: string }
  | { readonly type: 'integer'; readonly value: number | bigint }
  | { readonly type: 'bulk'; readonly value: Uint8Array }
  | { readonly type: 'verbatim'; readonly format: string; readonly value: string }
  /** `_`, `$-1` and `*-1`. */
  | { readonly type: 'null' | 'null-bulk' | 'null-array'; readonly value: null }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'big-number'; readonly value: bigint }
  | { readonly type: 'array' | 'set' | 'push'; readonly value: readonly RespNode[] }
  | { readonly type: 'map'; readonly value: readonly RespPair[] }
);

/** An error a server answered: a value, for errors also stand inside arrays (EXEC). */
export class ErrorReply {
  /** The whole text, e.g. `WRONGTYPE Operation against ...`. */
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }

  /** The first word, e.g. `WRONGTYPE`. */
  get code(): string {
    const space = this.message.indexOf(' ');
    return space < 0 ? this.message : this.message.slice(0, space);
  }
}

/** Something a server sent unasked in RESP3, e.g. a message of a channel. */
export class PushReply {
  readonly items: readonly RespValue[];

  constructor(items: readonly RespValue[]) {
    this.items = items;
  }
}

/**
 * A reply as JavaScript values: text or bytes, number (bigint above 2^53), boolean, null, arrays,
 * Map, Set, ErrorReply, PushReply. A verbatim string is its text.
 */
export type RespValue =
  | string | Uint8Array | number | bigint | boolean | null
  | ErrorReply | PushReply
  | readonly RespValue[] | ReadonlyMap<RespValue, RespValue> | ReadonlySet<RespValue>;

/** Aggregates, as the decoder hands them to a builder. */
export type AggregateType = 'array' | 'set' | 'push' | 'map';

/**
 * Makes values of one form while the decoder reads. The bytes given to `bulk` are the receiver's.
 * `aggregate` gets a map's keys and values in turn; `attributed` gets the same for the attributes
 * that preceded a value, and returns the value to use.
 */
export interface ReplyBuilder<Value> {
  text(type: 'simple' | 'error' | 'blob-error', text: string): Value;
  bulk(bytes: Uint8Array): Value;
  verbatim(format: string, text: string): Value;
  number(type: 'integer' | 'double' | 'big-number', value: number | bigint): Value;
  boolean(value: boolean): Value;
  nothing(type: 'null' | 'null-bulk' | 'null-array'): Value;
  aggregate(type: AggregateType, items: Value[]): Value;
  attributed(value: Value, attributes: Value[]): Value;
}
