/**
 * A ReplySink that keeps what it gets as a tree, for tests. It also holds commands to the sink's
 * contract: exactly one complete value, aggregates filled with exactly what they announced, bulk
 * pieces of the announced length.
 */
import { assert } from '../assert.ts';
import { doubleToText17 } from '../bytes/number-text.ts';
import type { ReplySink } from '../command/sink.ts';
import { writeBulks, writeRopeBytes } from '../command/sink.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import type { Ropes } from '../structs/rope.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import { latin1Text } from './latin1-text.ts';
import type { RecordedAggregate, RecordedReply } from './recorded-reply.ts';

interface OpenAggregate {
  readonly kind: RecordedAggregate['kind'];
  readonly items: RecordedReply[];
  readonly length: number;
}

export class RecordingSink implements ReplySink {
  errorCount = 0;
  lastError: ReplyError | null = null;
  progress = 0;
  /** RESP version whose forms are recorded. */
  resp = 2;
  readonly #memory: WorkerMemory;
  readonly #open: OpenAggregate[] = [];
  #done: RecordedReply[] = [];
  #piecesLeft = -1;
  #pieces = '';

  constructor(memory: WorkerMemory) {
    this.#memory = memory;
  }

  /**
   * The one reply written since the last take. Fails when there was none, or more, or half of one.
   */
  take(): RecordedReply {
    const replies = this.takeAll();
    const [first] = replies;
    assert(first !== undefined && replies.length === 1, `one reply, not ${replies.length}`);
    return first;
  }

  /** All complete replies written since the last take. */
  takeAll(): RecordedReply[] {
    assert(this.#open.length === 0, 'every aggregate got what it announced');
    assert(this.#piecesLeft < 0, 'every bulk string got its bytes');
    const replies = this.#done;
    this.#done = [];
    return replies;
  }

  ok(): void {
    this.#add({ kind: 'simple', text: 'OK' });
  }
  simple(text: string): void {
    assert(!/[\r\n]/.test(text), 'a status line is one line');
    this.#add({ kind: 'simple', text });
  }
  error(error: ReplyError): void {
    this.errorCount++;
    this.lastError = error;
    this.#add({ kind: 'error', text: error.text });
  }
  breakOff(error: ReplyError): void {
    this.#open.length = 0;
    this.#piecesLeft = -1;
    this.#done = [];
    this.error(error);
  }
  integer(value: number): void {
    assert(Number.isSafeInteger(value), 'an integer reply is a safe integer');
    this.#add({ kind: 'integer', text: String(value) });
  }
  integer64(value: bigint): void {
    assert(BigInt.asIntN(64, value) === value, 'a 64-bit integer reply fits');
    this.#add({ kind: 'integer', text: String(value) });
  }
  bulk(at: number, bytes: number): void {
    this.#add({ kind: 'bulk', text: this.#bytesText(at, bytes) });
  }
  bulkText(text: string): void {
    this.bulkBytes(new TextEncoder().encode(text));
  }
  bulkBytes(bytes: Uint8Array): void {
    this.#add({ kind: 'bulk', text: latin1Text(bytes) });
  }
  bulkStart(bytes: number): void {
    this.progress++;
    assert(this.#piecesLeft < 0, 'one bulk string at a time');
    this.#piecesLeft = bytes;
    this.#pieces = '';
  }
  bulkPiece(at: number, bytes: number): void {
    assert(bytes <= this.#piecesLeft, 'pieces stay within the announced length');
    this.#piecesLeft -= bytes;
    this.#pieces += this.#bytesText(at, bytes);
  }
  bulkEnd(): void {
    assert(this.#piecesLeft === 0, 'pieces fill the announced length');
    this.#piecesLeft = -1;
    this.#add({ kind: 'bulk', text: this.#pieces });
  }
  bulkRope(ropes: Ropes, root: number, from: number, bytes: number): void {
    writeRopeBytes(this, ropes, root, from, bytes);
  }
  bulkMany(list: number, count: number): void {
    writeBulks(this, this.#memory.i32, list, count);
  }
  null(): void {
    this.#add({ kind: 'null' });
  }
  nullArray(): void {
    this.#add({ kind: this.resp === 2 ? 'nullArray' : 'null' });
  }
  boolean(value: boolean): void {
    if (this.resp === 2) this.integer(value ? 1 : 0);
    else this.#add({ kind: 'boolean', text: value ? 't' : 'f' });
  }
  double(value: number, textOf: (value: number) => string = doubleToText17): void {
    this.#add({ kind: this.resp === 2 ? 'bulk' : 'double', text: textOf(value) });
  }
  bigNumber(text: string): void {
    this.#add({ kind: this.resp === 2 ? 'bulk' : 'bigNumber', text });
  }
  verbatim(format: string, text: string): void {
    const bytes = latin1Text(new TextEncoder().encode(text));
    if (this.resp === 2) this.#add({ kind: 'bulk', text: bytes });
    else this.#add({ kind: 'verbatim', text: `${format}:${bytes}` });
  }
  array(length: number): void {
    this.#start('array', length);
  }
  map(pairs: number): void {
    this.#start(this.resp === 2 ? 'array' : 'map', pairs * 2);
  }
  set(length: number): void {
    this.#start(this.resp === 2 ? 'array' : 'set', length);
  }
  push(length: number): void {
    this.#start(this.resp === 2 ? 'array' : 'push', length);
  }

  #start(kind: RecordedAggregate['kind'], length: number): void {
    this.progress++;
    assert(Number.isInteger(length) && length >= 0, 'an aggregate announces its length');
    this.#open.push({ kind, items: [], length });
    this.#closeFilled();
  }

  #add(reply: RecordedReply): void {
    this.progress++;
    const open = this.#open.at(-1);
    if (open === undefined) this.#done.push(reply);
    else open.items.push(reply);
    this.#closeFilled();
  }

  #closeFilled(): void {
    const open = this.#open.at(-1);
    if (open === undefined || open.items.length < open.length) return;
    this.#open.pop();
    this.#add({ kind: open.kind, items: open.items });
  }

  /**
   * Bytes anywhere in the worker memory, one character each; read as words, as everywhere above low
   * memory.
   */
  #bytesText(at: number, bytes: number): string {
    const { i32 } = this.#memory;
    const copy = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i++) {
      const from = at + i;
      copy[i] = (i32[from >>> 2] ?? 0) >>> ((from & 3) << 3);
    }
    return latin1Text(copy);
  }
}
