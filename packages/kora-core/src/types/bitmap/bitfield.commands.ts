/**
 * BITFIELD and BITFIELD_RO: any number of integers in one string read and changed by one command.
 * The string first grows to the end of the last field that is written, even when FAIL then refuses
 * the write, as in Redis. One effect tells all writes where they lie close together, else one each;
 * the event comes with the last.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import type { KeyUsage } from '../../command/key-spec.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_RAW, entryFlags } from '../../structs/entry.hot.ts';
import { ROPE_BYTES_MAX } from '../../structs/rope.ts';
import { isStringOrAbsent } from '../string/string-reply.ts';
import { copyStringRange, growString, putZeros, stringBytes } from '../string/string.ts';
import { bitErrors } from './bit-arguments.ts';
import type { Field, FieldStep } from './bitfield.ts';
import {
  fieldEnd, fieldStart, readField, readFieldSteps, valueAfter, writeField,
} from './bitfield.ts';
import { commitPatch } from './bitmap.ts';

/** Writes that span more bytes than this are told one by one. */
const JOINED_BYTES_MAX = 1_024;

/** BITFIELD only reads when every operation is a GET. */
const usageOfBitfield: KeyUsage = (argumentCount, argument) => {
  for (let i = 2; i < argumentCount; i++) {
    const word = argument(i).toUpperCase();
    // What is cut short may mean a write.
    if (word === 'GET' && i + 2 < argumentCount) i += 2;
    else if (word === 'OVERFLOW' && i + 1 < argumentCount) i += 1;
    else return { access: 'RW', effects: ['access', 'update'] };
  }
  return { access: 'RO', effects: ['access'] };
};

const encodingAndOffset = { encoding: arg.bytes(), offset: arg.integer() };

export const bitfield = defineCommand({
  name: 'BITFIELD', group: 'bitmap', since: '3.2.0',
  summary: 'Reads and changes integers of any width at any bit of a string.',
  complexity: 'O(1) for each operation.',
  arity: -2,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['bitmap'],
  keys: [keysAt({
    first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'],
    extra: ['variable_flags'], usage: usageOfBitfield,
    notes: 'This command allows both access and modification of the key',
  })],
  args: {
    key: arg.key(),
    operation: arg.oneOf({
      encoding_offset: arg.block(encodingAndOffset, 'GET'),
      write: arg.block({
        wrap_sat_fail: arg.oneOf('WRAP', 'SAT', 'FAIL').after('OVERFLOW').optional(),
        write_operation: arg.oneOf({
          encoding_offset_value: arg.block({ ...encodingAndOffset, value: arg.integer() }, 'SET'),
          encoding_offset_increment: arg.block(
            { ...encodingAndOffset, increment: arg.integer() }, 'INCRBY',
          ),
        }),
      }),
    }).repeated().optional(),
  },
  reply: reply.array('a value or null (FAIL) for each operation'),
  examples: [
    ['BITFIELD stats SET u8 0 200 GET i8 0', '*[:0 :-56]'],
    ['BITFIELD stats OVERFLOW SAT INCRBY u8 0 100 GET u4 #1', '*[:255 :15]'],
    ['BITFIELD stats OVERFLOW FAIL INCRBY u8 0 1', '*[_]'],
  ],
  // Several steps in any order, each with its own arguments: `apply` reads them.
  parse: () => null,
  apply(shard, frame, out) {
    runSteps(shard, frame, out, false);
  },
});

export const bitfieldRo = defineCommand({
  name: 'BITFIELD_RO', group: 'bitmap', since: '6.0.0',
  summary: 'Reads integers of any width at any bit of a string.',
  complexity: 'O(1) for each operation.',
  arity: -2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['bitmap'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  args: {
    key: arg.key(),
    encoding_offset: arg.block(encodingAndOffset, 'GET').repeated().optional(),
  },
  reply: reply.array('a value for each operation'),
  examples: [
    ['SET letters ab', '+"OK"'], ['BITFIELD_RO letters GET u8 0 GET u8 #1', '*[:97 :98]'],
    [
      'BITFIELD_RO letters SET u8 0 1',
      '-"ERR BITFIELD_RO only supports the GET subcommand"',
    ],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    runSteps(shard, frame, out, true);
  },
});

function runSteps(shard: Shard, frame: ArgFrame, out: ReplySink, isReadOnly: boolean): void {
  const steps = readFieldSteps(shard, frame);
  if (steps instanceof ReplyError) {
    out.error(steps);
    return;
  }
  if (steps.some((step) => step.action !== 'GET')) {
    if (isReadOnly) out.error(bitErrors.fieldsReadOnly);
    else changeFields(shard, frame, steps, out);
    return;
  }
  const ref = shard.keyspace.read(frame, 1);
  if (!isStringOrAbsent(shard, ref, out)) return;
  out.array(steps.length);
  for (const step of steps) writeInteger(out, readField(shard, ref, step));
}

function writeInteger(out: ReplySink, value: number | bigint): void {
  if (typeof value === 'number') out.integer(value);
  else out.integer64(value);
}

function changeFields(
  shard: Shard, frame: ArgFrame, steps: readonly FieldStep[], out: ReplySink,
): void {
  const ref = shard.keyspace.write(frame, 1);
  if (!isStringOrAbsent(shard, ref, out)) return;
  const before = ref === 0 ? 0 : stringBytes(shard, ref);
  let bytes = before;
  for (const step of steps) if (step.action !== 'GET') bytes = Math.max(bytes, fieldEnd(step));
  const wasRaw = ref !== 0 && (entryFlags(shard.memory.i32, ref) & ENTRY_RAW) !== 0;
  const entry = bytes > ROPE_BYTES_MAX ? 0 : makeRoom(shard, frame, ref, bytes);
  if (entry === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const written: Field[] = [];
  let isChanged = false;
  out.array(steps.length);
  for (const step of steps) {
    const old = readField(shard, entry, step);
    const value = step.action === 'GET' ? old : valueAfter(step, old);
    if (value === undefined) {
      out.null();
      continue;
    }
    writeInteger(out, step.action === 'SET' ? old : value);
    if (step.action === 'GET') continue;
    isChanged ||= bytes > before || value !== old;
    if (value === old) continue;
    writeField(shard, entry, step, value);
    written.push(step);
  }
  // The end of what has grown, and that the value is `raw` now, are told as a field of its own.
  if (bytes > before) written.push({ isSigned: false, bits: 8, offset: (bytes - 1) * 8 });
  else if (written.length === 0 && !wasRaw) written.push({ isSigned: false, bits: 8, offset: 0 });
  commitFields(shard, frame, entry, written, isChanged ? KeyEvent.SetBit : KeyEvent.None);
}

function makeRoom(shard: Shard, frame: ArgFrame, ref: number, bytes: number): number {
  if (ref !== 0) return growString(shard, ref, bytes);
  return putZeros(shard, frame.at[1] ?? 0, frame.bytes[1] ?? 0, bytes);
}

/** Announces what the bytes of some fields are now. */
function commitFields(
  shard: Shard, frame: ArgFrame, ref: number, fields: readonly Field[], event: number,
): void {
  if (fields.length === 0) return;
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const field of fields) {
    start = Math.min(start, fieldStart(field));
    end = Math.max(end, fieldEnd(field));
  }
  if (end - start <= JOINED_BYTES_MAX) {
    commitBytes(shard, frame, ref, start, end, event);
    return;
  }
  fields.forEach((field, i) => {
    const eventNow = i === fields.length - 1 ? event : KeyEvent.None;
    commitBytes(shard, frame, ref, fieldStart(field), fieldEnd(field), eventNow);
  });
}

function commitBytes(
  shard: Shard, frame: ArgFrame, ref: number, start: number, end: number, event: number,
): void {
  const bytes = end - start;
  copyStringRange(shard, ref, start, bytes, shard.scratchAt);
  commitPatch(shard, frame, 1, event, start, shard.scratchAt, bytes);
}

/** Entries in the order of the documentation. */
export const bitfieldCommands: readonly Command[] = [bitfield, bitfieldRo];
