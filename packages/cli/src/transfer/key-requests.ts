/**
 * Keys of a dump as requests, gathered into pieces for the wire. Texts go as they are; every other
 * value as it stands in the dump, with a checksum that is made where its bytes are put.
 *
 *   SET key text [PXAT deadline]             texts that are stored plain, without facts of use
 *   RESTORE key deadline payload REPLACE ABSTTL [IDLETIME seconds | FREQ counter]
 *
 * Invariants: requests leave in the order of `add`; after the first refusal nothing more is sent.
 * Cost: one copy a byte, and for RESTORE one CRC-64. Of a key that is under way four numbers are
 *   kept beside its piece. Bounds: a piece is sent at PIECE_BYTES.
 */
import { assert, Fault } from '@kora/core/control';
import { DUMP_FOOTER_BYTES, RdbType, STRING_BYTES_MAX, writeDumpFooter } from '@kora/core/rdb';
import type { RespNode } from '@kora/protocol';
import type { RdbKey } from '@kora/storage';
import { PlainText } from './plain-text.ts';
import { shownKey } from './shown-key.ts';
import type { ServerLink, Waiter } from './server-link.ts';

const PIECE_BYTES = 131_072;
/** The words, lengths and numbers of one request besides key and value. */
const HEAD_BYTES = 256;
/** Numbers of a place: index of the key in its piece, its length, database, offset in the dump. */
const PLACE_NUMBERS = 4;
/** Instead of a length: a request that is about no key. */
const NO_KEY = -1;
const ZERO = 0x30;

const encoder = new TextEncoder();
const CRLF = encoder.encode('\r\n');
const BULK = encoder.encode('\r\n$');
const SET = encoder.encode('*3\r\n$3\r\nSET\r\n$');
const SET_UNTIL = encoder.encode('*5\r\n$3\r\nSET\r\n$');
const UNTIL = encoder.encode('\r\n$4\r\nPXAT\r\n$');
const RESTORE = encoder.encode('*6\r\n$7\r\nRESTORE\r\n$');
const RESTORE_USED = encoder.encode('*8\r\n$7\r\nRESTORE\r\n$');
const REPLACE = encoder.encode('\r\n$7\r\nREPLACE\r\n$6\r\nABSTTL\r\n');
const FREQUENCY = encoder.encode('$4\r\nFREQ\r\n$');
const IDLE = encoder.encode('$8\r\nIDLETIME\r\n$');
const SELECT = encoder.encode('*2\r\n$6\r\nSELECT\r\n$');

export class KeyRequests {
  /** Keys that the target has taken. */
  taken = 0;
  /** The first refusal; nothing more is sent after it. */
  fault: Fault | null = null;
  readonly #link: ServerLink;
  readonly #plain = new PlainText();
  #buffer = new Uint8Array(2 * PIECE_BYTES);
  #length = 0;
  /** Of each request in the piece its place. */
  #places: number[] = [];
  #db = -1;

  /** @param link the target; its database is chosen here */
  constructor(link: ServerLink) {
    this.#link = link;
  }

  /** Puts the key into the next piece; its bytes are copied. @throws {Fault} of the target */
  add(key: RdbKey): void {
    this.#check();
    if (key.db !== this.#db) this.#select(key.db);
    const hasUse = key.frequency >= 0 || key.idleSeconds >= 0;
    const isText = !hasUse && key.value[0] === RdbType.String && this.#plain.read(key.value);
    const valueBytes = isText ? this.#plain.bytes : key.value.length + DUMP_FOOTER_BYTES;
    if (valueBytes > STRING_BYTES_MAX) {
      throw new Fault('UNSUPPORTED_DUMP',
        `The value of ${shownKey(key.key)} in database ${key.db} has ${valueBytes} bytes; ` +
        `a request carries ${STRING_BYTES_MAX} at most.`);
    }
    this.#ensure(HEAD_BYTES + key.key.length + valueBytes);
    if (isText) this.#set(key);
    else this.#restore(key, valueBytes);
    if (this.#length >= PIECE_BYTES) this.flush();
  }

  /** Sends what is gathered. */
  flush(): void {
    if (this.#length === 0) return;
    const isLong = this.#buffer.length > 8 * PIECE_BYTES;
    const piece = isLong
      ? this.#buffer.subarray(0, this.#length) : this.#buffer.slice(0, this.#length);
    const places = this.#places;
    this.#length = 0;
    this.#places = [];
    if (isLong) this.#buffer = new Uint8Array(2 * PIECE_BYTES);
    this.#link.sendAll(piece, places.length / PLACE_NUMBERS, new Piece(this, piece, places));
  }

  /** Sends the rest and waits for every reply. @throws {Fault} (rejects) of the target */
  async finish(): Promise<void> {
    if (this.fault === null) {
      this.flush();
      await this.#link.idle();
    }
    this.#check();
  }

  #check(): void {
    if (this.fault !== null) throw this.fault;
  }

  #select(db: number): void {
    this.#db = db;
    this.#ensure(HEAD_BYTES);
    this.#places.push(0, NO_KEY, db, 0);
    this.#bytes(SELECT);
    this.#argument(db);
  }

  #set(key: RdbKey): void {
    const hasDeadline = key.expireMs >= 0;
    this.#bytes(hasDeadline ? SET_UNTIL : SET);
    this.#key(key);
    this.#bytes(BULK);
    this.#number(this.#plain.bytes);
    this.#bytes(CRLF);
    this.#bytes(this.#plain.u8.subarray(this.#plain.at, this.#plain.at + this.#plain.bytes));
    if (hasDeadline) {
      this.#bytes(UNTIL);
      this.#argument(Math.max(1, key.expireMs));
    } else {
      this.#bytes(CRLF);
    }
  }

  #restore(key: RdbKey, payloadBytes: number): void {
    const { frequency, idleSeconds } = key;
    const hasUse = frequency >= 0 || idleSeconds >= 0;
    this.#bytes(hasUse ? RESTORE_USED : RESTORE);
    this.#key(key);
    this.#bytes(BULK);
    this.#argument(Math.max(0, key.expireMs));
    this.#bytes(BULK.subarray(CRLF.length));
    this.#number(payloadBytes);
    this.#bytes(CRLF);
    const from = this.#length;
    this.#bytes(key.value);
    this.#length = writeDumpFooter(this.#buffer, from, this.#length);
    this.#bytes(REPLACE);
    if (!hasUse) return;
    this.#bytes(frequency >= 0 ? FREQUENCY : IDLE);
    this.#argument(frequency >= 0 ? frequency : idleSeconds);
  }

  /** Length and bytes of the key, without a line end; notes its place. */
  #key(key: RdbKey): void {
    this.#number(key.key.length);
    this.#bytes(CRLF);
    this.#places.push(this.#length, key.key.length, key.db, key.offset);
    this.#bytes(key.key);
  }

  /** A number as an argument, behind its `$`: length, line end, digits, line end. */
  #argument(value: number): void {
    this.#number(digitsOf(value));
    this.#bytes(CRLF);
    this.#number(value);
    this.#bytes(CRLF);
  }

  /** The digits of an integer, 0 .. 2^53-1. */
  #number(value: number): void {
    const digits = digitsOf(value);
    let left = value;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      this.#buffer[at] = ZERO + (left % 10);
      left = Math.floor(left / 10);
    }
    this.#length += digits;
  }

  #bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #ensure(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    this.flush();
    if (bytes > this.#buffer.length) this.#buffer = new Uint8Array(bytes);
  }
}

/** Hears what the target says to the requests of a piece, one after the other. */
class Piece implements Waiter {
  readonly #requests: KeyRequests;
  readonly #bytes: Uint8Array;
  readonly #places: readonly number[];
  #next = 0;

  constructor(requests: KeyRequests, bytes: Uint8Array, places: readonly number[]) {
    this.#requests = requests;
    this.#bytes = bytes;
    this.#places = places;
  }

  answered(reply: RespNode): void {
    const at = this.#next;
    this.#next += PLACE_NUMBERS;
    const keyBytes = this.#places[at + 1] ?? NO_KEY;
    if (reply.type !== 'error') {
      if (keyBytes !== NO_KEY) this.#requests.taken++;
      return;
    }
    const [keyAt = 0, , db = 0, offset = 0] = this.#places.slice(at, at + PLACE_NUMBERS);
    const key = this.#bytes.subarray(keyAt, keyAt + keyBytes);
    const what = keyBytes === NO_KEY
      ? `The target has no database ${db}`
      : `The target refuses the key ${shownKey(key)} of database ${db} ` +
        `(at byte ${offset} of the dump)`;
    this.#requests.fault ??= new Fault('TRANSFER_FAILED', `${what}: ${reply.value}`);
  }
}

function digitsOf(value: number): number {
  assert(value >= 0, 'a number of a request is not negative');
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}
