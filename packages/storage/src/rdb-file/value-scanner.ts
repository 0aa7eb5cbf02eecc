/**
 * Finds where a value in an RDB file ends, without decoding it: files do not say. Whether the value
 * is sound is for whoever loads it; here only its skeleton of lengths is followed.
 *
 * Generators, because bytes may run out anywhere: `yield` says "more, please", and the scan goes on
 *   from where it stood, so no byte is scanned twice but the head of a string.
 * Cost: O(strings of the value); the loops of elements run without a call of another generator.
 */
import { RdbType } from '@kora/core/rdb';
import type { ByteWindow } from './byte-window.ts';
import { MISSING } from './byte-window.ts';
import { FORKED_TYPE_MIN, MODULE_TYPE, MODULE_TYPE_OLD, ModuleOpcode } from './file-layout.ts';
import { damaged, unsupported } from './rdb-file-fault.ts';

/** Wants more bytes at every `yield`. */
export type Scan = Generator<void, void, void>;

/** Text forms of a score that have no bytes: not a number, and the two infinities. */
const SCORE_WITHOUT_BYTES_MIN = 253;
const SCORE_BYTES = 8;
const TIME_BYTES = 8;
const STREAM_ID_BYTES = 16;

/** 1 for types whose body is one string, by type byte. */
export const IS_ONE_STRING = new Uint8Array(256);
for (const type of [
  RdbType.String, RdbType.HashZipmap, RdbType.ListZiplist, RdbType.SetIntset,
  RdbType.SortedSetZiplist, RdbType.HashZiplist, RdbType.HashListpack, RdbType.SortedSetListpack,
  RdbType.SetListpack,
]) IS_ONE_STRING[type] = 1;

/** Strings of each element, and bytes after them, of types that are a count and elements. */
const ELEMENTS: ReadonlyMap<number, readonly [strings: number, bytes: number]> = new Map<
  number, readonly [number, number]
>([
  [RdbType.List, [1, 0]], [RdbType.Set, [1, 0]], [RdbType.ListQuicklist, [1, 0]],
  [RdbType.Hash, [2, 0]], [RdbType.SortedSet2, [1, SCORE_BYTES]],
  [RdbType.HashTimed, [2, TIME_BYTES]],
]);

/**
 * Passes over the body of a value of this type.
 * @param isValkey true in a file whose magic is Valkey's, where types from 22 on are its own
 * @throws {RdbFileFault} for what is no such value, or of a type that is not known
 */
export function* scanValue(window: ByteWindow, type: number, isValkey: boolean): Scan {
  const element = ELEMENTS.get(type);
  if (type >= FORKED_TYPE_MIN && !(isValkey && type === RdbType.HashTimed)) {
    throw unsupported(`A value has type ${type}, which Kora does not know`, window.offset);
  } else if (IS_ONE_STRING[type] === 1) {
    while (!window.trySkipString()) yield;
  } else if (element !== undefined) {
    yield* scanElements(window, element[0], element[1]);
  } else if (type === RdbType.SortedSet) {
    yield* scanTextScores(window);
  } else if (type === RdbType.ListQuicklist2) {
    yield* scanQuicklist(window);
  } else if (isStream(type)) {
    yield* scanStream(window, type);
  } else if (type === MODULE_TYPE) {
    yield* scanNumbers(window, 1);
    yield* scanModuleData(window);
  } else {
    throw unsupported(unknownType(type), window.offset);
  }
}

function isStream(type: number): boolean {
  return type === RdbType.StreamListpacks || type === RdbType.StreamListpacks2 ||
    type === RdbType.StreamListpacks3;
}

function unknownType(type: number): string {
  return type === MODULE_TYPE_OLD
    ? 'A value of a module has the form before Redis 4, which only the module understands'
    : `A value has type ${type}, which Kora does not know`;
}

/** The data of a module, up to its end mark. */
export function* scanModuleData(window: ByteWindow): Scan {
  for (;;) {
    const opcode = yield* takeLength(window);
    if (opcode === ModuleOpcode.End) return;
    if (opcode === ModuleOpcode.Signed || opcode === ModuleOpcode.Unsigned) {
      yield* scanNumbers(window, 1);
    } else if (opcode === ModuleOpcode.Float) {
      while (!window.trySkip(4)) yield;
    } else if (opcode === ModuleOpcode.Double) {
      while (!window.trySkip(8)) yield;
    } else if (opcode === ModuleOpcode.String) {
      while (!window.trySkipString()) yield;
    } else {
      throw damaged(`data of a module has the unknown mark ${opcode}`, window.offset);
    }
  }
}

/** Takes a length. */
export function* takeLength(window: ByteWindow): Generator<void, number, void> {
  for (;;) {
    const length = window.tryLength();
    if (length !== MISSING) return length;
    yield;
  }
}

/** Passes over numbers in the form of lengths. */
export function* scanNumbers(window: ByteWindow, count: number): Scan {
  for (let left = count; left > 0; left--) while (!window.trySkipNumber()) yield;
}

function* scanElements(window: ByteWindow, strings: number, bytes: number): Scan {
  const count = yield* takeLength(window);
  for (let left = count; left > 0; left--) {
    for (let string = strings; string > 0; string--) while (!window.trySkipString()) yield;
    if (bytes > 0) while (!window.trySkip(bytes)) yield;
  }
}

function* scanTextScores(window: ByteWindow): Scan {
  const count = yield* takeLength(window);
  for (let left = count; left > 0; left--) {
    while (!window.trySkipString()) yield;
    while (window.left < 1) yield;
    const form = window.byteAt(window.position);
    while (!window.trySkip(form >= SCORE_WITHOUT_BYTES_MIN ? 1 : 1 + form)) yield;
  }
}

function* scanQuicklist(window: ByteWindow): Scan {
  const count = yield* takeLength(window);
  for (let left = count; left > 0; left--) {
    while (!window.trySkipNumber()) yield;
    while (!window.trySkipString()) yield;
  }
}

/** As stream.codec.ts of the core draws it. */
function* scanStream(window: ByteWindow, type: number): Scan {
  const isFirstForm = type === RdbType.StreamListpacks;
  const listpacks = yield* takeLength(window);
  for (let left = listpacks; left > 0; left--) {
    while (!window.trySkipString()) yield;
    while (!window.trySkipString()) yield;
  }
  // Length and last ID; then first ID, highest deleted ID, entries added.
  yield* scanNumbers(window, isFirstForm ? 3 : 8);
  const groups = yield* takeLength(window);
  for (let left = groups; left > 0; left--) yield* scanGroup(window, type);
}

function* scanGroup(window: ByteWindow, type: number): Scan {
  while (!window.trySkipString()) yield;
  yield* scanNumbers(window, type === RdbType.StreamListpacks ? 2 : 3);
  const pending = yield* takeLength(window);
  for (let left = pending; left > 0; left--) {
    while (!window.trySkip(STREAM_ID_BYTES + TIME_BYTES)) yield;
    while (!window.trySkipNumber()) yield;
  }
  const consumers = yield* takeLength(window);
  const times = type === RdbType.StreamListpacks3 ? 2 : 1;
  for (let left = consumers; left > 0; left--) {
    while (!window.trySkipString()) yield;
    while (!window.trySkip(times * TIME_BYTES)) yield;
    const claimed = yield* takeLength(window);
    for (let id = claimed; id > 0; id--) while (!window.trySkip(STREAM_ID_BYTES)) yield;
  }
}
