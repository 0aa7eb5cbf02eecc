/**
 * Reads RESP2 and RESP3 replies as they arrive, in any chunks, into the form a builder makes
 * (reply-nodes.ts, reply-values.ts). Iterative: open aggregates stand on a stack with a bound, so
 * a hostile server can neither overflow the call stack nor make us allocate from a header.
 * Invariants: no byte is searched twice for a line's end; every aggregate on the stack still lacks
 *   elements; after an error nothing more is decoded.
 * Not accepted: the streamed strings and aggregates of RESP3 (`$?`, `*?`), which Redis never sends.
 */
import { ByteQueue } from './byte-queue.ts';
import { replyLimits } from './limits.ts';
import type { ReplyLimits } from './limits.ts';
import {
  REPLY_BAD_LENGTH, REPLY_BAD_NUMBER, REPLY_BAD_TERMINATOR, REPLY_BAD_VALUE, REPLY_LINE_TOO_LONG,
  REPLY_NESTING_TOO_DEEP, REPLY_TOO_BIG, REPLY_TOO_LONG, unknownReplyType,
} from './protocol-error.ts';
import type { ProtocolError } from './protocol-error.ts';
import { bigNumberOf, booleanOf, doubleOf, integerOf, lengthOf } from './reply-scalars.ts';
import type { AggregateType, ReplyBuilder } from './resp-types.ts';
import { utf8Text } from './utf8-text.ts';

const CR = 0x0d;
const LF = 0x0a;

/** An aggregate that lacks elements. `attributes` are those that preceded it. */
interface OpenAggregate<Value> {
  readonly type: AggregateType | 'attribute';
  readonly expected: number;
  readonly items: Value[];
  readonly attributes: Value[] | undefined;
}

/** A decoder of one connection's replies. */
export class ReplyDecoder<Value> {
  /** Why decoding stopped for good; undefined while all is well. */
  error: ProtocolError | undefined = undefined;
  private readonly builder: ReplyBuilder<Value>;
  private readonly limits: ReplyLimits;
  private readonly queue = new ByteQueue();
  private readonly open: OpenAggregate<Value>[] = [];
  private replies: Value[] = [];
  private attributes: Value[] | undefined = undefined;
  /** Type byte and length of the bulk whose bytes are awaited. */
  private bulkType = 0;
  private bulkBytes = -1;
  private scanAt = 0;
  /** Bytes of the reply in progress that have left the queue. */
  private frameBytes = 0;

  constructor(builder: ReplyBuilder<Value>, limits: ReplyLimits = replyLimits()) {
    this.builder = builder;
    this.limits = limits;
  }

  /** True when no reply is in progress. */
  get isIdle(): boolean {
    return this.queue.bytes === 0 && this.frameBytes === 0 && this.error === undefined;
  }

  /**
   * Takes the next bytes of the stream; they may be reused at once.
   * @returns the replies that are now complete, in order; those before an error are returned with
   *   it: look at `error` afterwards
   */
  feed(chunk: Uint8Array): Value[] {
    if (this.error !== undefined) return [];
    this.scanAt -= this.queue.push(chunk);
    while (this.error === undefined && this.step());
    const replies = this.replies;
    this.replies = [];
    if (this.error !== undefined || this.queue.bytes === 0) {
      this.queue.clear();
      this.scanAt = 0;
    }
    return replies;
  }

  /** Forgets everything, also an error: for a new connection. */
  reset(): void {
    this.error = undefined;
    this.queue.clear();
    this.open.length = 0;
    this.replies = [];
    this.attributes = undefined;
    this.bulkBytes = -1;
    this.scanAt = 0;
    this.frameBytes = 0;
  }

  /** Decodes one line or one bulk; false when bytes are missing or something is wrong. */
  private step(): boolean {
    if (this.bulkBytes >= 0) return this.stepBulk();
    const { queue, limits } = this;
    const { u8, start, end } = queue;
    if (start >= end) return false;
    let at = Math.max(this.scanAt, start);
    // Both bounds act on the place of the CR, so that the answer does not depend on chunks.
    const frameRest = limits.frameBytesMax - this.frameBytes;
    const stop = Math.min(end, start + Math.min(limits.lineBytesMax, frameRest));
    while (at < stop && u8[at] !== CR) at++;
    this.scanAt = at;
    if (at >= stop) {
      if (end === stop) return false;
      return this.fail(frameRest < limits.lineBytesMax ? REPLY_TOO_BIG : REPLY_LINE_TOO_LONG);
    }
    if (at + 1 >= end) return false;
    if (u8[at + 1] !== LF) return this.fail(REPLY_BAD_TERMINATOR);
    const text = utf8Text(u8.subarray(start + 1, at));
    const type = u8[start] ?? 0;
    this.leave(at + 2 - start);
    return this.checkFrame(0) && this.takeLine(type, text);
  }

  private stepBulk(): boolean {
    const { queue, bulkBytes: bytes } = this;
    const at = queue.start;
    if (queue.bytes < bytes + 2) return false;
    if (queue.u8[at + bytes] !== CR || queue.u8[at + bytes + 1] !== LF) {
      return this.fail(REPLY_BAD_TERMINATOR);
    }
    const content = queue.u8.slice(at, at + bytes);
    this.bulkBytes = -1;
    this.leave(bytes + 2);
    if (this.bulkType === 0x24) return this.deliver(this.builder.bulk(content));
    if (this.bulkType === 0x21) {
      return this.deliver(this.builder.text('blob-error', utf8Text(content)));
    }
    if (bytes < 4 || content[3] !== 0x3a) return this.fail(REPLY_BAD_VALUE);
    const format = utf8Text(content.subarray(0, 3));
    return this.deliver(this.builder.verbatim(format, utf8Text(content.subarray(4))));
  }

  private takeLine(type: number, text: string): boolean {
    const builder = this.builder;
    switch (type) {
      case 0x2b: return this.deliver(builder.text('simple', text)); // +
      case 0x2d: return this.deliver(builder.text('error', text)); // -
      case 0x3a: return this.takeNumber('integer', integerOf(text)); // :
      case 0x2c: return this.takeNumber('double', doubleOf(text)); // ,
      case 0x28: return this.takeNumber('big-number', bigNumberOf(text)); // (
      case 0x23: { // #
        const value = booleanOf(text);
        return value === undefined
          ? this.fail(REPLY_BAD_VALUE)
          : this.deliver(builder.boolean(value));
      }
      case 0x5f: // _
        return text === '' ? this.deliver(builder.nothing('null')) : this.fail(REPLY_BAD_VALUE);
      case 0x24: case 0x21: case 0x3d: return this.takeBulkHeader(type, text); // $ ! =
      case 0x2a: return this.takeAggregateHeader('array', text); // *
      case 0x7e: return this.takeAggregateHeader('set', text); // ~
      case 0x3e: return this.takeAggregateHeader('push', text); // >
      case 0x25: return this.takeAggregateHeader('map', text); // %
      case 0x7c: return this.takeAggregateHeader('attribute', text); // |
      default: return this.fail(unknownReplyType(type));
    }
  }

  private takeNumber(
    type: 'integer' | 'double' | 'big-number', value: number | bigint | undefined,
  ): boolean {
    if (value === undefined) return this.fail(REPLY_BAD_NUMBER);
    return this.deliver(this.builder.number(type, value));
  }

  private takeBulkHeader(type: number, text: string): boolean {
    const bytes = lengthOf(text);
    if (bytes === -1 && type === 0x24) return this.deliver(this.builder.nothing('null-bulk'));
    if (bytes === undefined || bytes < 0) return this.fail(REPLY_BAD_LENGTH);
    if (bytes > this.limits.bulkBytesMax) return this.fail(REPLY_TOO_BIG);
    this.bulkType = type;
    this.bulkBytes = bytes;
    return this.checkFrame(bytes);
  }

  private takeAggregateHeader(type: AggregateType | 'attribute', text: string): boolean {
    const count = lengthOf(text);
    if (count === -1 && type === 'array') return this.deliver(this.builder.nothing('null-array'));
    if (count === undefined || count < 0) return this.fail(REPLY_BAD_LENGTH);
    const expected = type === 'map' || type === 'attribute' ? count * 2 : count;
    if (expected > this.limits.elementsMax) return this.fail(REPLY_TOO_LONG);
    if (this.open.length >= this.limits.nestingMax) return this.fail(REPLY_NESTING_TOO_DEEP);
    // Attributes before attributes stay waiting for the value that follows both.
    const attributes = type === 'attribute' ? this.attributes : this.takeAttributes();
    if (type === 'attribute') this.attributes = undefined;
    this.open.push({ type, expected, items: [], attributes });
    return this.closeComplete();
  }

  /** A scalar is complete: it goes to the innermost aggregate, or out. */
  private deliver(value: Value): boolean {
    this.place(this.withAttributes(value, this.takeAttributes()));
    return this.closeComplete();
  }

  /** Closes every aggregate that has all its elements now. */
  private closeComplete(): boolean {
    for (;;) {
      const last = this.open.at(-1);
      if (last === undefined || last.items.length < last.expected) return true;
      this.open.pop();
      if (last.type === 'attribute') {
        this.attributes = [...(last.attributes ?? []), ...last.items];
        return true;
      }
      const value = this.builder.aggregate(last.type, last.items);
      this.place(this.withAttributes(value, last.attributes));
    }
  }

  private place(value: Value): void {
    const last = this.open.at(-1);
    if (last !== undefined) {
      last.items.push(value);
    } else {
      this.replies.push(value);
      this.frameBytes = 0;
    }
  }

  private takeAttributes(): Value[] | undefined {
    const attributes = this.attributes;
    this.attributes = undefined;
    return attributes;
  }

  private withAttributes(value: Value, attributes: Value[] | undefined): Value {
    return attributes === undefined ? value : this.builder.attributed(value, attributes);
  }

  private leave(bytes: number): void {
    this.queue.start += bytes;
    this.frameBytes += bytes;
  }

  /** Holds the reply in progress, with these bytes to come, against its bound. */
  private checkFrame(bytesToCome: number): boolean {
    if (this.frameBytes + bytesToCome <= this.limits.frameBytesMax) return true;
    return this.fail(REPLY_TOO_BIG);
  }

  private fail(error: ProtocolError): false {
    this.error = error;
    this.open.length = 0;
    this.attributes = undefined;
    return false;
  }
}
