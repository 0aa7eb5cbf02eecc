/**
 * Replies as JavaScript values, in the shapes of RESP3: bulk and simple strings are text (or
 * bytes), integers numbers (bigint beyond 2^53), doubles numbers, maps Map, sets Set, nulls null.
 * An error is kept in `refusal`, or lies as a KoraReplyError inside a list. One sink serves an
 * engine: `begin`, run, `take`.
 *
 * Bytes are copied out during the call, through a MemoryWindow.
 * Invariant: a sink never throws while a command runs; what cannot be shown is kept in `fault`.
 */
import { constants } from 'node:buffer';
import { assert, Fault, writeBulks, writeRopeBytes } from '@kora/core';
import type { ReplyError, ReplySink, Ropes, WorkerMemory } from '@kora/core';
import { KoraReplyError } from './kora-reply-error.ts';
import { WINDOW_BYTES } from './memory-window.ts';
import type { MemoryWindow } from './memory-window.ts';

/** A reply as a JavaScript value. */
export type ReplyValue =
  | string | number | bigint | boolean | null | Uint8Array | KoraReplyError
  | ReplyValue[] | Map<ReplyValue, ReplyValue> | Set<ReplyValue>;

/** Form of bulk strings. */
export const BulkForm = Object.freeze({ Text: 0, Bytes: 1 } as const);

/** Lists within lists that a reply may have; the deepest of any command is far below. */
const NESTING_MAX = 32;

/** A list, set or map that waits for its items. */
interface OpenValue {
  readonly value: ReplyValue[] | Set<ReplyValue> | Map<ReplyValue, ReplyValue>;
  left: number;
  /** Key of a map's pair in progress. */
  key: ReplyValue;
  hasKey: boolean;
}

export class ValueSink implements ReplySink {
  errorCount = 0;
  lastError: ReplyError | null = null;
  progress = 0;
  /** The reply when it is an error. */
  refusal: ReplyError | null = null;
  /** Set when the reply cannot be shown as a JavaScript value. */
  fault: Fault | null = null;
  protected readonly memory: WorkerMemory;
  protected readonly window: MemoryWindow;
  #form = 0;
  #value: ReplyValue = null;
  readonly #open: OpenValue[] = [];
  #pieces: Buffer | null = null;
  #pieceBytes = 0;

  constructor(memory: WorkerMemory, window: MemoryWindow) {
    this.memory = memory;
    this.window = window;
  }

  /** Forgets the last reply. @param form of BulkForm */
  begin(form: number): void {
    this.#form = form;
    this.#value = null;
    this.refusal = null;
    this.fault = null;
    this.#open.length = 0;
  }

  /** True when a command broke off in the middle of its reply. */
  get isUnfinished(): boolean {
    return this.#open.length > 0;
  }

  /** The reply, which is the caller's now. */
  take(): ReplyValue {
    const value = this.#value;
    this.#value = null;
    return value;
  }

  ok(): void {
    this.#put('OK');
  }

  simple(text: string): void {
    this.#put(text);
  }

  error(error: ReplyError): void {
    this.errorCount++;
    this.lastError = error;
    this.progress = (this.progress + 1) | 0;
    if (this.#open.length === 0) this.refusal = error;
    else this.#put(new KoraReplyError(error));
  }

  breakOff(error: ReplyError): void {
    this.#open.length = 0;
    this.#pieces = null;
    this.#value = null;
    this.error(error);
  }

  integer(value: number): void {
    this.#put(value);
  }

  integer64(value: bigint): void {
    const number = Number(value);
    this.#put(Number.isSafeInteger(number) ? number : value);
  }

  bulk(at: number, bytes: number): void {
    if (bytes > WINDOW_BYTES) {
      this.bulkStart(bytes);
      this.bulkPiece(at, bytes);
      this.bulkEnd();
    } else if (this.#form === BulkForm.Text) {
      this.#put(this.window.text(at, bytes));
    } else {
      this.#put(this.window.bytes(at, bytes));
    }
  }

  bulkText(text: string): void {
    this.#put(this.#form === BulkForm.Text ? text : encoder.encode(text));
  }

  bulkBytes(bytes: Uint8Array): void {
    this.#pieces = Buffer.from(bytes);
    this.bulkEnd();
  }

  bulkStart(bytes: number): void {
    this.progress = (this.progress + 1) | 0;
    this.#pieces = Buffer.allocUnsafeSlow(bytes);
    this.#pieceBytes = 0;
  }

  bulkPiece(at: number, bytes: number): void {
    if (this.#pieces === null) return;
    this.window.copyInto(at, bytes, this.#pieces, this.#pieceBytes);
    this.#pieceBytes += bytes;
  }

  bulkEnd(): void {
    const pieces = this.#pieces;
    this.#pieces = null;
    if (pieces === null) return;
    if (this.#form === BulkForm.Bytes) this.#put(asUint8Array(pieces));
    else if (pieces.length <= constants.MAX_STRING_LENGTH) this.#put(pieces.toString('utf8'));
    else {
      this.fault = new Fault(
        'INVALID_ARGUMENT',
        `a value of ${pieces.length} bytes is longer than a string may be; ask for its bytes`,
      );
      this.#put(null);
    }
  }

  bulkRope(ropes: Ropes, root: number, from: number, bytes: number): void {
    writeRopeBytes(this, ropes, root, from, bytes);
  }

  bulkMany(list: number, count: number): void {
    writeBulks(this, this.memory.i32, list, count);
  }

  null(): void {
    this.#put(null);
  }

  nullArray(): void {
    this.#put(null);
  }

  boolean(value: boolean): void {
    this.#put(value);
  }

  double(value: number): void {
    this.#put(value);
  }

  bigNumber(text: string): void {
    this.#put(BigInt(text));
  }

  verbatim(_format: string, text: string): void {
    this.#put(text);
  }

  array(length: number): void {
    this.#begin([], length);
  }

  map(pairs: number): void {
    this.#begin(new Map<ReplyValue, ReplyValue>(), pairs * 2);
  }

  set(length: number): void {
    this.#begin(new Set<ReplyValue>(), length);
  }

  push(length: number): void {
    this.#begin([], length);
  }

  #begin(value: OpenValue['value'], items: number): void {
    this.progress = (this.progress + 1) | 0;
    if (items === 0) {
      this.#put(value);
      return;
    }
    assert(this.#open.length < NESTING_MAX, 'the nesting of replies is bounded');
    this.#open.push({ value, left: items, key: null, hasKey: false });
  }

  /** One complete value: the reply, or the next item of the innermost open one. */
  #put(value: ReplyValue): void {
    this.progress = (this.progress + 1) | 0;
    if (this.#open.length === 0) this.#value = value;
    else this.#putInside(value);
  }

  #putInside(value: ReplyValue): void {
    let complete: ReplyValue = value;
    for (;;) {
      const open = this.#open.at(-1);
      if (open === undefined) {
        this.#value = complete;
        return;
      }
      addItem(open, complete);
      if (--open.left > 0) return;
      this.#open.pop();
      complete = open.value;
    }
  }
}

const encoder = new TextEncoder();

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

/** The same bytes without Buffer's methods: what the typed methods promise. */
function asUint8Array(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
