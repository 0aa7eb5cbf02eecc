/**
 * The shapes a command may answer with. Written in the entry, shown in the documentation, and held
 * against real replies by a test: every reply fits, every branch is hit.
 */

/** One possible reply with its meaning in words. */
export interface ReplyShape {
  readonly kind:
    | 'ok' | 'status' | 'integer' | 'bulk' | 'null' | 'nullArray' | 'double' | 'boolean'
    | 'array' | 'map' | 'set' | 'push' | 'bigNumber' | 'verbatim' | 'any' | 'none';
  readonly meaning: string;
}

/** Non-empty list of alternatives. */
export type ReplySchema = readonly ReplyShape[];

const shape = (kind: ReplyShape['kind']) => (meaning = ''): ReplySchema => [{ kind, meaning }];

/** Makers of one-shape schemas; join them with oneReplyOf. */
export const reply = Object.freeze({
  ok: shape('ok'),
  status: shape('status'),
  integer: shape('integer'),
  bulk: shape('bulk'),
  null: shape('null'),
  nullArray: shape('nullArray'),
  double: shape('double'),
  boolean: shape('boolean'),
  array: shape('array'),
  map: shape('map'),
  set: shape('set'),
  push: shape('push'),
  bigNumber: shape('bigNumber'),
  verbatim: shape('verbatim'),
  any: shape('any'),
  none: shape('none'),
});

/** A reply that is one of several shapes. */
export function oneReplyOf(...schemas: readonly ReplySchema[]): ReplySchema {
  return schemas.flat();
}
