/**
 * Makes JavaScript values of the RESP3 replies of one slot, in the shapes of ValueSink, from where
 * they lie in the ring. What a message cuts in two is kept: open collections stand on a stack, and
 * of a line or a string that is not whole the bytes so far are copied aside, so no byte is looked
 * at twice but those of a line. The worker is ours: a byte that cannot be is a broken invariant.
 * Not the decoder of @kora/protocol: that one guards against any server and copies every byte
 * first; this package has no use for either.
 */
import { constants } from 'node:buffer';
import { assert, Fault, ReplyError } from '@kora/core';
import { KoraReplyError } from '../kora-reply-error.ts';
import { BulkForm, OpenValues } from '../open-values.ts';
import type { Collection, ReplyValue } from '../open-values.ts';
import { textOf } from './utf8-buffer.ts';

const LF = 0x0a;
const CR = 0x0d;
const MINUS = 0x2d;
const LETTER_O = 0x4f;
const LETTER_K = 0x4b;
const CRLF_BYTES = 2;
/** `txt:` before the text of a verbatim string. */
const FORMAT_BYTES = 4;
/** Digits whose number is exact whatever they are. */
const EXACT_DIGITS = 15;
/** First room for a line that was cut. */
const LINE_BYTES = 64;

const Type = Object.freeze({
  Simple: 0x2b, Error: 0x2d, Integer: 0x3a, Bulk: 0x24, Null: 0x5f, Array: 0x2a, Map: 0x25,
  Set: 0x7e, Push: 0x3e, Double: 0x2c, Boolean: 0x23, Verbatim: 0x3d, BigNumber: 0x28,
} as const);

export class ReplyReader {
  /** True when the reply of the last `read` is complete. */
  isComplete = false;
  /** It, when it is no refusal. */
  value: ReplyValue = null;
  /** Why the call failed instead; null when it did not. */
  refusal: KoraReplyError | Fault | null = null;
  readonly #open = new OpenValues();
  #form = 0;
  /** The bytes so far of what a message has cut in two; null when nothing is. */
  #partial: Buffer | null = null;
  #partialBytes = 0;
  /** Bytes that it will have; 0 while its length is not known. */
  #wholeBytes = 0;
  #fault: Fault | null = null;

  /** True between two replies. */
  get isIdle(): boolean {
    return this.#open.depth === 0 && this.#partial === null;
  }

  /**
   * Reads on in [at, end), to the end of the reply at most; see isComplete.
   * @param form of BulkForm, the same for all of a reply
   * @returns position behind what was read
   */
  read(bytes: Buffer, at: number, end: number, form: number): number {
    this.isComplete = false;
    this.refusal = null;
    this.#form = form;
    let next = at;
    while (next < end && !this.isComplete) {
      if (this.#partial !== null) {
        next = this.#complete(this.#partial, bytes, next, end);
        continue;
      }
      const after = this.#item(bytes, next, end);
      if (after < 0) {
        this.#keep(bytes, next, end);
        return end;
      }
      next = after;
    }
    return next;
  }

  /** Keeps what there is of an item. */
  #keep(bytes: Buffer, at: number, end: number): void {
    const capacity = Math.max(this.#wholeBytes, end - at, LINE_BYTES);
    const partial = Buffer.allocUnsafeSlow(capacity);
    partial.set(bytes.subarray(at, end), 0);
    this.#partial = partial;
    this.#partialBytes = end - at;
  }

  /** Adds to what was kept; reads the item when it is whole. @returns position behind it */
  #complete(partial: Buffer, bytes: Buffer, at: number, end: number): number {
    let stop = end;
    if (this.#wholeBytes > 0) {
      stop = Math.min(end, at + this.#wholeBytes - this.#partialBytes);
    } else {
      const lineEnd = bytes.indexOf(LF, at);
      if (lineEnd >= 0 && lineEnd < end) stop = lineEnd + 1;
    }
    const whole = this.#partialBytes + stop - at;
    let buffer = partial;
    if (whole > partial.length) {
      buffer = Buffer.allocUnsafeSlow(Math.max(whole, partial.length * 2));
      buffer.set(partial.subarray(0, this.#partialBytes), 0);
    }
    buffer.set(bytes.subarray(at, stop), this.#partialBytes);
    this.#partial = null;
    this.#wholeBytes = 0;
    if (this.#item(buffer, 0, whole) >= 0) return stop;
    this.#keepOn(buffer, whole);
    return stop;
  }

  /** Still not whole; of a string the length is known by now. */
  #keepOn(buffer: Buffer, bytes: number): void {
    this.#partial = buffer;
    this.#partialBytes = bytes;
    if (this.#wholeBytes <= buffer.length) return;
    this.#partial = Buffer.allocUnsafeSlow(this.#wholeBytes);
    this.#partial.set(buffer.subarray(0, bytes), 0);
  }

  /** Reads one line or string. @returns position behind it, -1 when it is not whole */
  #item(bytes: Buffer, at: number, end: number): number {
    this.#wholeBytes = 0;
    const type = bytes[at] ?? 0;
    let lineEnd = at + 1;
    while (lineEnd < end && bytes[lineEnd] !== CR) lineEnd++;
    if (lineEnd + 1 >= end) return -1;
    const after = lineEnd + CRLF_BYTES;
    if (type !== Type.Bulk && type !== Type.Verbatim) {
      this.#line(type, bytes, at + 1, lineEnd);
      return after;
    }
    const length = integerAt(bytes, at + 1, lineEnd);
    const stop = after + length;
    if (stop + CRLF_BYTES > end) {
      this.#wholeBytes = stop + CRLF_BYTES - at;
      return -1;
    }
    if (type === Type.Verbatim) this.#put(this.#text(bytes, after + FORMAT_BYTES, stop));
    else if (this.#form === BulkForm.Text) this.#put(this.#text(bytes, after, stop));
    else this.#put(copyOf(bytes, after, stop));
    return stop + CRLF_BYTES;
  }

  #line(type: number, bytes: Buffer, from: number, to: number): void {
    switch (type) {
      case Type.Simple:
        this.#put(statusOf(bytes, from, to));
        return;
      case Type.Integer:
        this.#put(numberAt(bytes, from, to));
        return;
      case Type.Null:
        this.#put(null);
        return;
      case Type.Error:
        this.#error(bytes.toString('latin1', from, to));
        return;
      case Type.Double:
        this.#put(doubleOf(bytes.toString('latin1', from, to)));
        return;
      case Type.Boolean:
        this.#put(bytes[from] === 0x74);
        return;
      case Type.BigNumber:
        this.#put(BigInt(bytes.toString('latin1', from, to)));
        return;
      case Type.Map:
        this.#begin(new Map<ReplyValue, ReplyValue>(), integerAt(bytes, from, to) * 2);
        return;
      case Type.Set:
        this.#begin(new Set<ReplyValue>(), integerAt(bytes, from, to));
        return;
      default:
        assert(type === Type.Array || type === Type.Push, 'a worker speaks RESP3');
        this.#begin([], integerAt(bytes, from, to));
    }
  }

  #text(bytes: Buffer, from: number, to: number): string | null {
    if (to - from <= constants.MAX_STRING_LENGTH) return textOf(bytes, from, to);
    this.#fault = new Fault(
      'INVALID_ARGUMENT',
      `a value of ${to - from} bytes is longer than a string may be; ask for its bytes`,
    );
    return null;
  }

  #error(text: string): void {
    const error = new KoraReplyError(new ReplyError(text));
    if (this.#open.depth > 0) {
      this.#put(error);
      return;
    }
    this.refusal = error;
    this.#end(null);
  }

  #begin(value: Collection, items: number): void {
    if (items === 0) this.#put(value);
    else this.#open.begin(value, items);
  }

  #put(value: ReplyValue): void {
    if (this.#open.depth === 0) {
      this.#end(value);
      return;
    }
    const complete = this.#open.add(value);
    if (complete !== undefined) this.#end(complete);
  }

  #end(value: ReplyValue): void {
    this.isComplete = true;
    this.value = value;
    if (this.#fault === null) return;
    this.refusal = this.#fault;
    this.#fault = null;
  }
}

/** A status; nearly all are `OK`, which is a constant. */
function statusOf(bytes: Buffer, from: number, to: number): string {
  const isOk = to - from === 2 && bytes[from] === LETTER_O && bytes[from + 1] === LETTER_K;
  return isOk ? 'OK' : textOf(bytes, from, to);
}

/** An integer of at most EXACT_DIGITS digits, perhaps with a sign. */
function integerAt(bytes: Buffer, from: number, to: number): number {
  const isNegative = bytes[from] === MINUS;
  let number = 0;
  for (let i = isNegative ? from + 1 : from; i < to; i++) {
    number = number * 10 + (bytes[i] ?? 0) - 0x30;
  }
  return isNegative ? -number : number;
}

function numberAt(bytes: Buffer, from: number, to: number): number | bigint {
  if (to - from <= EXACT_DIGITS) return integerAt(bytes, from, to);
  const value = BigInt(bytes.toString('latin1', from, to));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function doubleOf(text: string): number {
  if (text === 'inf') return Infinity;
  return text === '-inf' ? -Infinity : Number(text);
}

/** Bytes of the receiver's own, in an array that nobody else has a part of. */
function copyOf(bytes: Buffer, from: number, to: number): Uint8Array {
  const copy = new Uint8Array(to - from);
  copy.set(bytes.subarray(from, to), 0);
  return copy;
}
