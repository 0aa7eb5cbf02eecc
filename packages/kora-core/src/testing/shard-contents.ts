/**
 * Everything a shard holds, as plain values to compare: for every key of every database its type,
 * encoding, value and deadline, read straight from the dicts and not through commands. Keys whose
 * time has come are left out, since it is up to chance whether they were freed already. Values are
 * strings of one character a byte; those of collections list their elements (value-contents.ts).
 */
import { integer64ToBigint } from '../bytes/number-text.ts';
import { SCRATCH_BYTES } from '../limits.ts';
import { visitEntries } from '../rdb/shard-dump.ts';
import type { Shard } from '../shard/shard.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import {
  entryExpireHigh, entryExpireLow, entryHasTtl, entryKeyAt, entryKeyBytes,
} from '../structs/entry.hot.ts';
import { copyStringRange, stringBytes } from '../types/string/string.ts';
import { latin1Text } from './latin1-text.ts';
import { valueContents } from './value-contents.ts';

/** One key with what it holds. */
export interface KeyContents {
  readonly type: string;
  readonly encoding: string;
  readonly value: string;
  /** Absolute deadline in ms, undefined without one. */
  readonly deadlineMs: bigint | undefined;
}

/** Contents by `database/key`. */
export type ShardContents = Map<string, KeyContents>;

/**
 * Turns bytes into a string of one character each; a test in Node has a faster way than the
 * default.
 */
export type Latin1Decoder = (bytes: Uint8Array) => string;

/** Reads the whole shard. Uses its scratch area; changes nothing. */
export function contentsOf(shard: Shard, decode: Latin1Decoder = latin1Text): ShardContents {
  const contents: ShardContents = new Map();
  for (const { index } of shard.keyspace.databases) {
    visitEntries(shard, index, (ref) => {
      contents.set(`${index}/${keyText(shard, ref, decode)}`, keyContents(shard, ref, decode));
    });
  }
  return contents;
}

function keyContents(shard: Shard, ref: number, decode: Latin1Decoder): KeyContents {
  const { i32 } = shard.memory;
  const isString = shard.keyspace.isType(ref, ValueType.String);
  const handler = shard.handlerOf(ref);
  return {
    type: handler.name,
    encoding: handler.encodingName(shard, ref),
    value: isString ? stringText(shard, ref, decode) : valueContents(shard, ref, decode),
    deadlineMs: entryHasTtl(i32, ref)
      ? integer64ToBigint(entryExpireHigh(i32, ref), entryExpireLow(i32, ref))
      : undefined,
  };
}

function stringText(shard: Shard, ref: number, decode: Latin1Decoder): string {
  const bytes = stringBytes(shard, ref);
  let text = '';
  for (let done = 0; done < bytes; done += SCRATCH_BYTES) {
    const step = Math.min(SCRATCH_BYTES, bytes - done);
    copyStringRange(shard, ref, done, step, shard.scratchAt);
    text += decode(shard.memory.low.subarray(shard.scratchAt, shard.scratchAt + step));
  }
  return text;
}

function keyText(shard: Shard, ref: number, decode: Latin1Decoder): string {
  const { i32, kernel, low } = shard.memory;
  const bytes = entryKeyBytes(i32, ref);
  const at = entryKeyAt(i32, ref);
  let text = '';
  for (let done = 0; done < bytes; done += SCRATCH_BYTES) {
    const step = Math.min(SCRATCH_BYTES, bytes - done);
    kernel.copy(shard.scratchAt, at + done, step);
    text += decode(low.subarray(shard.scratchAt, shard.scratchAt + step));
  }
  return text;
}
