/**
 * Reads a Redis dump (RDB file, versions 5 to 12, and Valkey's 80) from chunks of any size: a file,
 * a socket. It holds one value at a time, and believes nothing: what does not hold together is a
 * fault with its place; a dump that ends early, or whose checksum differs, never reads as whole.
 *
 *   for (;;) {
 *     const item = reader.next();
 *     if (item !== null) use(item);            bytes of it are valid until the next step
 *     else feed(reader) or reader.finish();    more bytes, or: there are no more
 *   }                                          until item.kind is 'end'
 *
 * Invariants: after a fault nothing more is read; what follows the end of the dump is left to
 *   `takeRest`, for streams that go on.
 * Cost: O(bytes), one pass for lengths and one for the checksum.
 */
import { assert } from '@kora/core/control';
import { DATABASE_COUNT, KEY_BYTES_MAX, RdbCursor } from '@kora/core/rdb';
import { ByteWindow } from './byte-window.ts';
import {
  CHECKSUM_BYTES, MAGIC_BYTES, MODULE_TYPE, RdbOpcode, REDIS_VERSION_MAX, REDIS_VERSION_MIN,
  TEXT_BYTES_MAX, VALKEY_VERSION, VALUE_BYTES_MAX,
} from './file-layout.ts';
import { moduleNameAt } from './module-name.ts';
import { damaged, unsupported } from './rdb-file-fault.ts';
import type { RdbItem, RdbKey } from './rdb-item.ts';
import {
  IS_ONE_STRING, scanModuleData, scanNumbers, scanValue, takeLength,
} from './value-scanner.ts';

/** Bounds that a caller may narrow. */
export interface RdbFileReaderOptions {
  /** Longest value in bytes of the file; VALUE_BYTES_MAX when absent. */
  readonly valueBytesMax?: number;
}

const TWO_32 = 4_294_967_296;
const OPCODE_MIN = RdbOpcode.SlotInfo;

export class RdbFileReader {
  readonly #window: ByteWindow;
  readonly #items: Generator<RdbItem | null, void, void>;
  #isFinished = false;
  #isValkey = false;
  #db = 0;
  #expireMs = -1;
  #idleSeconds = -1;
  #frequency = -1;

  constructor(options: RdbFileReaderOptions = {}) {
    this.#window = new ByteWindow(options.valueBytesMax ?? VALUE_BYTES_MAX);
    this.#items = this.#read();
  }

  /** Bytes of the dump that have been read. */
  get offset(): number {
    return this.#window.offset;
  }

  /** Room for the next bytes; say `filled` when some are in it. */
  room(): Uint8Array {
    return this.#window.room();
  }

  /** The room has so many new bytes at its start. */
  filled(bytes: number): void {
    this.#window.filled(bytes);
  }

  /** Takes a copy of the next bytes. */
  feed(chunk: Uint8Array): void {
    this.#window.feed(chunk);
  }

  /** No more bytes will come. */
  finish(): void {
    this.#isFinished = true;
  }

  /** The next thing; null = more bytes are needed.
   * @throws {RdbFileFault} `CORRUPT_DUMP`, `UNSUPPORTED_DUMP` */
  next(): RdbItem | null {
    const step = this.#items.next();
    assert(step.done !== true, 'a dump that has ended or failed is read no further');
    return step.value;
  }

  /** Bytes that came behind the end of the dump; a copy. After the item `end` only. */
  takeRest(): Uint8Array {
    const window = this.#window;
    const rest = window.u8.slice(window.position, window.end);
    window.position = window.end;
    return rest;
  }

  *#read(): Generator<RdbItem | null, void, void> {
    const window = this.#window;
    yield* this.#header();
    for (;;) {
      window.mark();
      while (window.left < 1) yield this.#starve();
      const { offset } = window;
      const code = window.byteAt(window.position++);
      if (code === RdbOpcode.End) break;
      const plain = IS_ONE_STRING[code] === 1 ? this.#tryPlainKey(code, offset) : null;
      if (plain !== null) yield* this.#lend(plain, code);
      else if (code < OPCODE_MIN) yield* this.#key(code, offset);
      else yield* this.#opcode(code, offset);
    }
    yield* this.#end();
  }

  /** Answers null, while more bytes may come. */
  #starve(): null {
    if (!this.#isFinished) return null;
    throw damaged('it ends too early', this.#window.offset + this.#window.left);
  }

  /** Runs a scan, asking for bytes as often as it wants some. */
  *#run<Result>(scan: Generator<void, Result, void>): Generator<null, Result, void> {
    for (;;) {
      const step = scan.next();
      if (step.done === true) return step.value;
      yield this.#starve();
    }
  }

  *#header(): Generator<RdbItem | null, void, void> {
    const window = this.#window;
    window.mark();
    while (window.left < MAGIC_BYTES) {
      this.#checkMagic();
      yield this.#starve();
    }
    this.#checkMagic();
    const text = textOf(window.u8.subarray(window.position, window.position + MAGIC_BYTES));
    const [, name = '', digits = ''] = /^(REDIS|VALKEY)(\d+)$/.exec(text) ?? [];
    const version = Number(digits);
    this.#isValkey = name === 'VALKEY';
    if (name === '') throw damaged('its version is no number', window.offset);
    const isKnown = this.#isValkey
      ? version === VALKEY_VERSION
      : version >= REDIS_VERSION_MIN && version <= REDIS_VERSION_MAX;
    if (!isKnown) throw unsupported(unknownVersion(text, version), 0);
    window.position += MAGIC_BYTES;
    yield { kind: 'version', name, version };
  }

  /** Refuses what is no dump as soon as its first bytes tell. */
  #checkMagic(): void {
    const { u8, position, end } = this.#window;
    const first = textOf(u8.subarray(position, Math.min(end, position + 5)));
    if ('REDIS'.startsWith(first) || 'VALKE'.startsWith(first)) return;
    throw unsupported('This is no Redis dump: it does not start with REDIS', 0);
  }

  *#opcode(code: number, offset: number): Generator<RdbItem | null, void, void> {
    const window = this.#window;
    if (code === RdbOpcode.SelectDb) {
      this.#db = yield* this.#run(takeLength(window));
      if (this.#db >= DATABASE_COUNT) {
        throw unsupported(
          `The dump has database ${this.#db}; Kora has ${DATABASE_COUNT}`, offset,
        );
      }
    } else if (code === RdbOpcode.ResizeDb) {
      const keyCount = yield* this.#run(takeLength(window));
      const expireCount = yield* this.#run(takeLength(window));
      yield { kind: 'sizes', db: this.#db, keyCount, expireCount };
    } else if (code === RdbOpcode.SlotInfo) {
      yield* this.#run(scanNumbers(window, 3));
    } else if (code === RdbOpcode.Aux) {
      const name = textOf(yield* this.#string(TEXT_BYTES_MAX));
      yield { kind: 'aux', name, value: textOf(yield* this.#string(TEXT_BYTES_MAX)) };
    } else if (code === RdbOpcode.Function2) {
      yield { kind: 'function', code: yield* this.#string(TEXT_BYTES_MAX) };
    } else if (code === RdbOpcode.ModuleAux) {
      yield* this.#moduleData();
    } else if (code === RdbOpcode.FunctionPreview) {
      throw unsupported('The dump has functions as release candidates of Redis 7 wrote them',
        offset);
    } else {
      yield* this.#keyFact(code);
    }
  }

  /** What holds for the next key. */
  *#keyFact(code: number): Generator<null, void, void> {
    const window = this.#window;
    if (code === RdbOpcode.Idle) {
      this.#idleSeconds = yield* this.#run(takeLength(window));
      return;
    }
    const bytes = code === RdbOpcode.Frequency ? 1 : code === RdbOpcode.ExpireTime ? 4 : 8;
    while (window.left < bytes) yield this.#starve();
    const at = window.position;
    const word = wordAt(window.u8, at);
    window.position += bytes;
    if (bytes === 1) this.#frequency = window.byteAt(at);
    else if (bytes === 4) this.#expireMs = word * 1000;
    else this.#expireMs = (wordAt(window.u8, at + 4) | 0) * TWO_32 + word;
    // Redis takes a deadline before 1970 as one that has passed; 0 would mean none to RESTORE.
    if (bytes > 1) this.#expireMs = Math.max(1, this.#expireMs);
    if (!Number.isSafeInteger(this.#expireMs)) {
      throw damaged('a deadline lies beyond the calendar', window.offset - bytes);
    }
  }

  *#moduleData(): Generator<RdbItem | null, void, void> {
    const window = this.#window;
    const idAt = window.offset;
    yield* this.#run(scanNumbers(window, 3));
    const module = moduleNameAt(window.u8, window.indexOf(idAt));
    yield* this.#run(scanModuleData(window));
    yield { kind: 'module-data', module };
  }

  *#key(type: number, offset: number): Generator<RdbItem | null, void, void> {
    const window = this.#window;
    const key = yield* this.#string(KEY_BYTES_MAX);
    const bodyAt = window.offset;
    window.mark(window.position - 1);
    yield* this.#run(scanValue(window, type, this.#isValkey));
    const bodyFrom = window.indexOf(bodyAt);
    if (type !== MODULE_TYPE) {
      yield* this.#lend(this.#keyItem(key, bodyFrom, offset), type);
      return;
    }
    this.#forgetFacts();
    const module = moduleNameAt(window.u8, bodyFrom);
    yield { kind: 'module-value', db: this.#db, key, module, offset };
  }

  /** A key whose value is one string, when all of it is there: most are, and this is short. */
  #tryPlainKey(type: number, offset: number): RdbKey | null {
    const window = this.#window;
    const from = window.position;
    if (!window.trySkipString()) return null;
    const bodyFrom = window.position;
    if (window.trySkipString()) {
      const key = this.#decoded(from, bodyFrom, KEY_BYTES_MAX, offset + 1);
      return this.#keyItem(key, bodyFrom, offset);
    }
    window.position = from;
    return null;
  }

  /** The item of a key whose body goes from `bodyFrom` to the position. */
  #keyItem(key: Uint8Array, bodyFrom: number, offset: number): RdbKey {
    const window = this.#window;
    const item: RdbKey = {
      kind: 'key', db: this.#db, key, value: window.u8.subarray(bodyFrom - 1, window.position),
      expireMs: this.#expireMs, idleSeconds: this.#idleSeconds, frequency: this.#frequency,
      offset,
    };
    this.#forgetFacts();
    return item;
  }

  #forgetFacts(): void {
    this.#expireMs = -1;
    this.#idleSeconds = -1;
    this.#frequency = -1;
  }

  /**
   * Gives a key. The byte before a body is the key's last, which has been copied: while the item is
   * lent the type byte stands there, so that type and body are one piece.
   */
  *#lend(item: RdbKey, type: number): Generator<RdbItem, void, void> {
    const { value } = item;
    const lent = value[0] ?? 0;
    const window = this.#window;
    const at = window.offset - value.length;
    value[0] = type;
    yield item;
    // Bytes may have been added meanwhile, and all have moved.
    window.u8[window.indexOf(at)] = lent;
  }

  /** A string in any form, decoded; a new array. */
  *#string(bytesMax: number): Generator<null, Uint8Array, void> {
    const window = this.#window;
    const { offset } = window;
    while (!window.trySkipString()) {
      if (window.left > bytesMax + LENGTH_ROOM_BYTES) throw tooLong(bytesMax, offset);
      yield this.#starve();
    }
    return this.#decoded(window.indexOf(offset), window.position, bytesMax, offset);
  }

  /** The string that stands whole between the indexes; a new array. */
  #decoded(from: number, end: number, bytesMax: number, offset: number): Uint8Array {
    const { u8 } = this.#window;
    // Plain and short: its length is its first byte.
    if ((u8[from] ?? 0) < LENGTH_IN_SIX_BITS) return u8.slice(from + 1, end);
    const cursor = new RdbCursor(u8, from, end);
    const bytes = cursor.peekStringBytes();
    if (bytes === undefined) throw damaged('a string does not hold together', offset);
    if (bytes > bytesMax) throw tooLong(bytesMax, offset);
    const value = cursor.readString(bytesMax);
    if (value === undefined) throw damaged('a string does not hold together', offset);
    return value;
  }

  *#end(): Generator<RdbItem | null, void, void> {
    const window = this.#window;
    const { offset } = window;
    while (window.left < CHECKSUM_BYTES) yield this.#starve();
    window.sumTo();
    const at = window.position;
    window.position += CHECKSUM_BYTES;
    window.mark();
    const isNone = window.u8.subarray(at, at + CHECKSUM_BYTES).every((byte) => byte === 0);
    if (!isNone && !window.sum.equalsBytes(window.u8, at)) {
      throw damaged('its checksum is another than its bytes have', offset);
    }
    yield { kind: 'end', checksum: isNone ? 'none' : 'verified' };
  }
}

/** A first byte below it is the length of a plain string. */
const LENGTH_IN_SIX_BITS = 64;
/** Marks and lengths before a string's bytes. */
const LENGTH_ROOM_BYTES = 19;
const KNOWN_VERSIONS =
  `REDIS000${REDIS_VERSION_MIN} to REDIS00${REDIS_VERSION_MAX} or VALKEY0${VALKEY_VERSION}`;

function unknownVersion(text: string, version: number): string {
  const isNewer = version > (text.startsWith('V') ? VALKEY_VERSION : REDIS_VERSION_MAX);
  const why = isNewer ? ': the server that wrote it is too new' : '';
  return `The dump has version ${text}, not ${KNOWN_VERSIONS}${why}`;
}

function tooLong(bytesMax: number, offset: number): Error {
  return unsupported(`A key or a text is longer than the ${bytesMax} bytes that Kora takes`,
    offset);
}

/** Bytes as text, one character a byte: for what is ASCII. */
function textOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Four bytes, least significant first, unsigned. */
function wordAt(u8: Uint8Array, at: number): number {
  return ((u8[at] ?? 0) | ((u8[at + 1] ?? 0) << 8) | ((u8[at + 2] ?? 0) << 16) |
    ((u8[at + 3] ?? 0) << 24)) >>> 0;
}
