/**
 * Typed reply nodes: the form that loses nothing. Two builders: one keeps RESP3 attributes on the
 * node they precede, the other drops them.
 */
import type { AggregateType, ReplyBuilder, RespNode, RespPair } from './resp-types.ts';

function pairsOf(items: readonly RespNode[]): RespPair[] {
  const pairs: RespPair[] = [];
  for (let index = 0; index + 1 < items.length; index += 2) {
    const [key, value] = [items[index], items[index + 1]];
    if (key !== undefined && value !== undefined) pairs.push([key, value]);
  }
  return pairs;
}

function numberNode(
  type: 'integer' | 'double' | 'big-number', value: number | bigint,
): RespNode {
  if (type === 'integer') return { type, value };
  if (type === 'double') return { type, value: Number(value) };
  return { type, value: BigInt(value) };
}

/** RespNode replies without attributes. */
export const replyNodes: ReplyBuilder<RespNode> = Object.freeze({
  text: (type: 'simple' | 'error' | 'blob-error', value: string): RespNode => ({ type, value }),
  bulk: (value: Uint8Array): RespNode => ({ type: 'bulk', value }),
  verbatim: (format: string, value: string): RespNode => ({ type: 'verbatim', format, value }),
  number: numberNode,
  boolean: (value: boolean): RespNode => ({ type: 'boolean', value }),
  nothing: (type: 'null' | 'null-bulk' | 'null-array'): RespNode => ({ type, value: null }),
  aggregate: (type: AggregateType, items: RespNode[]): RespNode =>
    type === 'map' ? { type, value: pairsOf(items) } : { type, value: items },
  attributed: (node: RespNode): RespNode => node,
});

/** RespNode replies that carry the attributes the server sent before them. */
export const replyNodesWithAttributes: ReplyBuilder<RespNode> = Object.freeze({
  ...replyNodes,
  attributed: (node: RespNode, items: RespNode[]): RespNode =>
    ({ ...node, attributes: pairsOf(items) }),
});
