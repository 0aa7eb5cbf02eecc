/**
 * The lists, sets and maps of a reply that is being read, innermost last: values go in one by one,
 * and a collection goes into the one around it when its last item is there. Used by whatever makes
 * JavaScript values of replies, so that all make the same.
 */
import { assert } from '@kora/core';
import type { KoraReplyError } from './kora-reply-error.ts';

/** A reply as a JavaScript value. */
export type ReplyValue =
  | string | number | bigint | boolean | null | Uint8Array | KoraReplyError
  | ReplyValue[] | Map<ReplyValue, ReplyValue> | Set<ReplyValue>;

/** Form of bulk strings. */
export const BulkForm = Object.freeze({ Text: 0, Bytes: 1 } as const);

/** Lists within lists that a reply may have; the deepest of any command is far below. */
const NESTING_MAX = 32;

/** What replies have values in. */
export type Collection = ReplyValue[] | Set<ReplyValue> | Map<ReplyValue, ReplyValue>;

/** A collection that waits for its items. */
interface OpenValue {
  readonly value: Collection;
  left: number;
  /** Key of a map's pair in progress. */
  key: ReplyValue;
  hasKey: boolean;
}

export class OpenValues {
  readonly #open: OpenValue[] = [];

  /** Collections that wait for items. */
  get depth(): number {
    return this.#open.length;
  }

  /** Begins a collection of `items` values, more than none; of a map both keys and values count. */
  begin(value: Collection, items: number): void {
    assert(this.#open.length < NESTING_MAX, 'the nesting of replies is bounded');
    assert(items > 0, 'a collection without items is complete');
    this.#open.push({ value, left: items, key: null, hasKey: false });
  }

  /**
   * Puts a value into the innermost collection, which there is.
   * @returns the outermost one when that was its last item, else undefined
   */
  add(item: ReplyValue): ReplyValue | undefined {
    let complete: ReplyValue = item;
    for (;;) {
      const open = this.#open.at(-1);
      if (open === undefined) return complete;
      addItem(open, complete);
      if (--open.left > 0) return undefined;
      this.#open.pop();
      complete = open.value;
    }
  }

  /** Forgets all. */
  clear(): void {
    this.#open.length = 0;
  }
}

function addItem(open: OpenValue, item: ReplyValue): void {
  if (Array.isArray(open.value)) open.value.push(item);
  else if (open.value instanceof Set) open.value.add(item);
  else if (open.hasKey) {
    open.value.set(open.key, item);
    open.hasKey = false;
  } else {
    open.key = item;
    open.hasKey = true;
  }
}
