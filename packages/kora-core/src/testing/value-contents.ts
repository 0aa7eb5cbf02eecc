/**
 * A collection's elements as one text to compare, whatever its encoding and wherever its members
 * lie: read back from the RDB form that its handler saves, in an order of its own where the type
 * has none. Forms that are not taken apart here are compared byte for byte.
 */
import { integer64ToBigint } from '../bytes/number-text.ts';
import type { ElementReader } from '../rdb/element-reader.ts';
import { IntsetReader } from '../rdb/intset.ts';
import { ListpackReader } from '../rdb/listpack-reader.ts';
import { RdbReader } from '../rdb/rdb-reader.ts';
import { RdbType } from '../rdb/rdb-types.ts';
import type { Shard } from '../shard/shard.ts';

type Decoder = (bytes: Uint8Array) => string;

/** A node of a list that is packed; another is one element as it is. */
const PACKED_NODE = 2;
/** Bytes of the IDs that index a stream's listpacks. */
const STREAM_ID_BYTES = 16;
/** Flags of an entry in a stream's listpack. */
const ENTRY_DELETED = 1;
const ENTRY_SAME_FIELDS = 2;

/** Elements of the collection in entry `ref`, in order. Uses the shard's RDB writer. */
export function valueContents(shard: Shard, ref: number, decode: Decoder): string {
  const { rdb } = shard;
  rdb.begin();
  shard.handlerOf(ref).save(shard, ref, rdb);
  const bytes = rdb.bytes().slice();
  const reader = new RdbReader(shard.memory, bytes);
  try {
    return elementsOf(reader, decode) ?? decode(bytes);
  } finally {
    reader.close();
  }
}

function elementsOf(reader: RdbReader, decode: Decoder): string | undefined {
  switch (reader.u8()) {
    case RdbType.Set:
      return shown(strings(reader, decode, reader.count()).sort());
    case RdbType.SetIntset:
      return shown(packed(reader, new IntsetReader(reader, reader.blob()), decode).sort());
    case RdbType.SetListpack:
      return shown(packed(reader, new ListpackReader(reader, reader.blob()), decode).sort());
    case RdbType.Hash:
      return shown(pairs(strings(reader, decode, 2 * reader.count())).sort());
    case RdbType.HashListpack:
      return shown(pairs(packed(reader, listpack(reader), decode)).sort());
    case RdbType.HashTimed:
      return shown(timed(reader, decode).sort());
    case RdbType.SortedSet2:
      return shown(scored(reader, decode).sort());
    case RdbType.SortedSetListpack:
      return shown(pairs(packed(reader, listpack(reader), decode)).sort());
    case RdbType.ListQuicklist2:
      return shown(nodes(reader, decode));
    case RdbType.StreamListpacks2:
      return streamContents(reader, decode);
    case RdbType.VectorSet:
      return vectorContents(reader, decode);
    default:
      return undefined;
  }
}

function listpack(reader: RdbReader): ListpackReader {
  return new ListpackReader(reader, reader.blob());
}

function strings(reader: RdbReader, decode: Decoder, count: number): string[] {
  return Array.from({ length: count }, () => {
    reader.string();
    return decode(reader.text);
  });
}

function packed(reader: RdbReader, list: ElementReader, decode: Decoder): string[] {
  const elements: string[] = [];
  while (list.left > 0) {
    list.next();
    elements.push(decode(reader.text));
  }
  return elements;
}

/** Field, value and deadline of each field. */
function timed(reader: RdbReader, decode: Decoder): string[] {
  return Array.from({ length: reader.count() }, () => {
    const pair = strings(reader, decode, 2);
    return shown([...pair, String(reader.milliseconds())]);
  });
}

function scored(reader: RdbReader, decode: Decoder): string[] {
  return Array.from({ length: reader.count() }, () => {
    reader.string();
    const member = decode(reader.text);
    const score = reader.binaryDouble();
    return shown([member, Object.is(score, -0) ? '-0' : String(score)]);
  });
}

function nodes(reader: RdbReader, decode: Decoder): string[] {
  const elements: string[] = [];
  for (let left = reader.count(); left > 0; left--) {
    if (reader.count() === PACKED_NODE) elements.push(...packed(reader, listpack(reader), decode));
    else elements.push(...strings(reader, decode, 1));
  }
  return elements;
}

/** A stream: its entries, the numbers of its head, and its groups as they are. */
function streamContents(reader: RdbReader, decode: Decoder): string {
  const entries: string[] = [];
  for (let left = reader.count(); left > 0; left--) {
    reader.string();
    const id = idOf(reader);
    entries.push(...nodeEntries(reader, id, decode));
  }
  const rest: string[] = [];
  for (let i = 0; i < 8; i++) {
    reader.count64();
    rest.push(unsigned(reader));
  }
  reader.raw(reader.left);
  return shown([...entries, ...rest, decode(reader.text)]);
}

/** Living entries of a stream's listpack, each as ID, field, value and so on. */
function nodeEntries(reader: RdbReader, masterId: StreamId, decode: Decoder): string[] {
  const list = listpack(reader);
  const number = (): number => {
    list.nextInteger();
    return list.low;
  };
  const text = (): string => {
    list.next();
    return decode(reader.text);
  };
  const total = number() + number();
  const fields = Array.from({ length: number() }, text);
  number(); // The end of the master entry.
  return Array.from({ length: total }, () => {
    const flags = number();
    const ms = masterId.ms + wide(list);
    const sequence = masterId.sequence + wide(list);
    const isSame = (flags & ENTRY_SAME_FIELDS) !== 0;
    const names = isSame ? fields : Array.from({ length: number() * 2 }, text);
    const pairsOf = isSame ? names.flatMap((name) => [name, text()]) : names;
    number(); // The way back.
    const isDeleted = (flags & ENTRY_DELETED) !== 0;
    return isDeleted ? '' : shown([`${ms}-${sequence}`, ...pairsOf]);
  }).filter((entry) => entry !== '');
}

/** A vector set: what it is, then its elements. */
function vectorContents(reader: RdbReader, decode: Decoder): string {
  const head = Array.from({ length: 6 }, () => String(reader.count()));
  const elements = Array.from({ length: reader.count() }, () => {
    const name = strings(reader, decode, 1);
    reader.raw(reader.count());
    return shown([...name, decode(reader.text)]);
  });
  return shown([...head, ...elements.sort()]);
}

interface StreamId {
  readonly ms: bigint;
  readonly sequence: bigint;
}

/** The ID of 16 bytes that was read last, most significant byte first. */
function idOf(reader: RdbReader): StreamId {
  if (reader.bytes !== STREAM_ID_BYTES) throw new Error('a stream has IDs of 16 bytes');
  const word = (from: number): bigint =>
    reader.text.subarray(from, from + 8).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { ms: word(0), sequence: word(8) };
}

/** The integer of the next element. */
function wide(list: ElementReader): bigint {
  list.nextInteger();
  return integer64ToBigint(list.high, list.low);
}

function unsigned(reader: RdbReader): string {
  return String(BigInt.asUintN(64, integer64ToBigint(reader.high, reader.low)));
}

/** Every two elements as one text. */
function pairs(elements: readonly string[]): string[] {
  const result: string[] = [];
  for (let i = 0; i < elements.length; i += 2) result.push(shown(elements.slice(i, i + 2)));
  return result;
}

/** Texts with their lengths, so that no two lists look alike. */
function shown(elements: readonly string[]): string {
  return elements.map((element) => `${element.length}:${element}`).join(' ');
}
