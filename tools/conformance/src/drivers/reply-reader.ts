/**
 * Turns the bytes a server sends into replies: the small, slow, independent twin of the
 * product's own decoder, so that a fault there cannot hide itself here.
 *
 * Invariants: a reply is given out only when all of its bytes have arrived; nothing is lost or
 *   read twice at any split of the stream. Attributes are dropped. A `$-1` is null in RESP2
 *   and a fault worth seeing (`null-bulk`) in RESP3.
 * Cost: a reply that arrives in k pieces is read k times from its start; fine for tests.
 * Source: the RESP3 specification (github.com/redis/redis-specifications).
 */
import { quoteText, type AggregateKind, type Outcome, type Reply } from '../reply-notation.ts';

const UNREADABLE_BYTES_SHOWN = 80;

const LINE_KINDS = new Map<string, 'simple' | 'error'>([
  ['+', 'simple'],
  ['-', 'error'],
]);
const SCALAR_KINDS = new Map<string, 'integer' | 'double' | 'boolean' | 'big-number'>([
  [':', 'integer'],
  [',', 'double'],
  ['#', 'boolean'],
  ['(', 'big-number'],
]);
const STRING_KINDS = new Map<string, 'bulk' | 'verbatim' | 'error'>([
  ['$', 'bulk'],
  ['=', 'verbatim'],
  ['!', 'error'],
]);
const AGGREGATE_KINDS = new Map<string, AggregateKind>([
  ['*', 'array'],
  ['%', 'map'],
  ['~', 'set'],
  ['>', 'push'],
]);

interface Cursor {
  at: number;
}

export class ReplyReader {
  /** Set while the connection speaks RESP3; decides what a `$-1` means. */
  isResp3 = false;
  #text = '';

  /** Takes a piece of the stream and returns the replies it completes. */
  feed(piece: Uint8Array): Outcome[] {
    this.#text += Buffer.from(piece).toString('latin1');
    const outcomes: Outcome[] = [];
    while (this.#text !== '') {
      const cursor: Cursor = { at: 0 };
      try {
        const reply = this.#read(cursor);
        if (reply === undefined) break;
        outcomes.push(reply);
        this.#text = this.#text.slice(cursor.at);
      } catch {
        const shown = this.#text.slice(0, UNREADABLE_BYTES_SHOWN);
        outcomes.push({ kind: 'unreadable', text: quoteText(shown) });
        this.#text = '';
      }
    }
    return outcomes;
  }

  /** One reply from the cursor on; undefined when bytes are missing; throws on nonsense. */
  #read(cursor: Cursor): Reply | undefined {
    const lineEnd = this.#text.indexOf('\r\n', cursor.at);
    if (lineEnd < 0) return undefined;
    const sign = this.#text[cursor.at] ?? '';
    const head = this.#text.slice(cursor.at + 1, lineEnd);
    cursor.at = lineEnd + 2;
    const lineKind = LINE_KINDS.get(sign) ?? SCALAR_KINDS.get(sign);
    if (lineKind !== undefined) return { kind: lineKind, text: head };
    if (sign === '_') return { kind: 'null' };
    const stringKind = STRING_KINDS.get(sign);
    if (stringKind !== undefined) return this.#readString(stringKind, lengthOf(head), cursor);
    if (sign === '|') return this.#readPastAttribute(lengthOf(head), cursor);
    const aggregateKind = AGGREGATE_KINDS.get(sign);
    if (aggregateKind === undefined) throw new Error('unknown type byte');
    return this.#readAggregate(aggregateKind, lengthOf(head), cursor);
  }

  #readString(
    kind: 'bulk' | 'verbatim' | 'error',
    bytes: number,
    cursor: Cursor,
  ): Reply | undefined {
    if (bytes < 0) return { kind: this.isResp3 ? 'null-bulk' : 'null' };
    const end = cursor.at + bytes;
    if (this.#text.length < end + 2) return undefined;
    if (!this.#text.startsWith('\r\n', end)) throw new Error('bad terminator');
    const text = this.#text.slice(cursor.at, end);
    cursor.at = end + 2;
    return { kind, text };
  }

  #readAggregate(kind: AggregateKind, count: number, cursor: Cursor): Reply | undefined {
    if (count < 0) return { kind: 'null-array' };
    const items = this.#readItems(kind === 'map' ? count * 2 : count, cursor);
    return items === undefined ? undefined : { kind, items };
  }

  #readPastAttribute(count: number, cursor: Cursor): Reply | undefined {
    const attribute = this.#readItems(count * 2, cursor);
    return attribute === undefined ? undefined : this.#read(cursor);
  }

  #readItems(count: number, cursor: Cursor): Reply[] | undefined {
    const items: Reply[] = [];
    for (let index = 0; index < count; index += 1) {
      const item = this.#read(cursor);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }
}

function lengthOf(head: string): number {
  if (!/^-?\d+$/.test(head)) throw new Error('bad length');
  return Number(head);
}
