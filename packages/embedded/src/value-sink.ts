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
import { Fault, writeBulks, writeRopeBytes } from '@kora/core';
import type { ReplyError, ReplySink, Ropes, WorkerMemory } from '@kora/core';
import { KoraReplyError } from './kora-reply-error.ts';
import { WINDOW_BYTES } from './memory-window.ts';
import type { MemoryWindow } from './memory-window.ts';
import { BulkForm, OpenValues } from './open-values.ts';
import type { Collection, ReplyValue } from './open-values.ts';

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
  readonly #open = new OpenValues();
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
    this.#open.clear();
  }

  /** True when a command broke off in the middle of its reply. */
  get isUnfinished(): boolean {
    return this.#open.depth > 0;
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
    if (this.#open.depth === 0) this.refusal = error;
    else this.#put(new KoraReplyError(error));
  }

  breakOff(error: ReplyError): void {
    this.#open.clear();
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

  #begin(value: Collection, items: number): void {
    this.progress = (this.progress + 1) | 0;
    if (items === 0) this.#put(value);
    else this.#open.begin(value, items);
  }

  /** One complete value: the reply, or the next item of the innermost open one. */
  #put(value: ReplyValue): void {
    this.progress = (this.progress + 1) | 0;
    if (this.#open.depth === 0) {
      this.#value = value;
      return;
    }
    const complete = this.#open.add(value);
    if (complete !== undefined) this.#value = complete;
  }
}

const encoder = new TextEncoder();

/** The same bytes without Buffer's methods: what the typed methods promise. */
function asUint8Array(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
