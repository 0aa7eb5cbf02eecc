/**
 * PFDEBUG and PFSELFTEST: looking into a HyperLogLog, and a test of the registers and the estimate
 * on the machine at hand.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { argumentText } from '../../command/argument-text.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { echoText, ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { markRaw } from '../bitmap/bitmap.ts';
import { commitStringSet } from '../string/string-effects.ts';
import { stringBytes, stringPieceAt } from '../string/string.ts';
import { denseRegister } from './dense-registers.hot.ts';
import { clearRegisters, HllDraft, loadRegisters, registersAt } from './hll-draft.ts';
import { HLL_HEADER_BYTES, REGISTER_COUNT } from './hll-layout.ts';
import { countMerged, hllErrors, isDense, isHyperLogLog } from './hyperloglog.ts';
import { hashedRank, hashedRegister, murmur64 } from './murmur64.hot.ts';
import { runBytes, runLength, runValue } from './sparse-registers.hot.ts';

/** Cardinalities that PFSELFTEST estimates. */
const TESTED_CARDINALITIES = [1, 10, 100, 1_000, 10_000, 100_000];
/** Largest share by which an estimate may be wrong: five standard errors. */
const ERROR_SHARE_MAX = 0.0406;

export const pfdebug = defineCommand({
  name: 'PFDEBUG', group: 'hyperloglog', since: '2.8.9',
  summary: 'Shows how a HyperLogLog is stored: ENCODING, DECODE, GETREG; TODENSE converts it.',
  isSystem: true,
  complexity: 'O(n) in the bytes of the value.',
  arity: 3,
  flags: Flag.Write | Flag.DenyOom | Flag.Admin,
  acl: ['hyperloglog'],
  keys: [keysAt({ first: 2, last: 2, step: 1, access: 'RW', effect: 'access' })],
  args: { subcommand: arg.bytes(), key: arg.key() },
  reply: oneReplyOf(
    reply.status('ENCODING: dense or sparse'), reply.bulk('DECODE: the runs'),
    reply.array('GETREG: all registers'), reply.integer('TODENSE: 1 when it was sparse'),
  ),
  examples: [
    ['PFADD visitors ada', ':1'], ['PFDEBUG ENCODING visitors', '+"sparse"'],
    ['PFDEBUG DECODE visitors', '?'], ['PFDEBUG TODENSE visitors', ':1'],
    ['PFDEBUG GETREG visitors', '*#16384'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 2);
    if (ref === 0) {
      out.error(hllErrors.noKey);
      return;
    }
    if (!isHyperLogLog(shard, ref, out)) return;
    const entry = markRaw(shard, frame, 2, ref);
    if (entry === 0) out.error(replyErrors.arenaFull);
    else debug(shard, frame, entry, out);
  },
});

function debug(shard: Shard, frame: ArgFrame, ref: number, out: ReplySink): void {
  const dense = isDense(shard, ref);
  switch (argumentText(frame, 1).toUpperCase()) {
    case 'ENCODING':
      out.simple(dense ? 'dense' : 'sparse');
      break;
    case 'DECODE':
      if (dense) out.error(hllErrors.notSparse);
      else out.bulkText(runsAsText(shard, ref));
      break;
    case 'TODENSE':
      if (dense) out.integer(0);
      else if (makeDense(shard, frame, ref, out) !== 0) out.integer(1);
      break;
    case 'GETREG': {
      const entry = dense ? ref : makeDense(shard, frame, ref, out);
      if (entry !== 0) writeRegisters(shard, entry, out);
      break;
    }
    default: {
      const word = echoText(frame.memory.low, frame.at[1] ?? 0, frame.bytes[1] ?? 0);
      out.error(new ReplyError(`ERR Unknown PFDEBUG subcommand '${word}'`));
    }
  }
}

/** `z` and `Z` for runs of zeros in one and two bytes, `v:value,length` for others. */
function runsAsText(shard: Shard, ref: number): string {
  const { low } = shard.memory;
  const start = loadRegisters(shard, ref, false);
  const end = start + stringBytes(shard, ref) - HLL_HEADER_BYTES;
  const runs: string[] = [];
  for (let at = start; start >= 0 && at < end; at += runBytes(low, at)) {
    const value = runValue(low, at);
    const length = runLength(low, at);
    const letter = runBytes(low, at) === 2 ? 'Z' : 'z';
    runs.push(value === 0 ? `${letter}:${length}` : `v:${value},${length}`);
  }
  return runs.join(' ');
}

/** Converts the value of the key in argument 2; 0: an error was written. */
function makeDense(shard: Shard, frame: ArgFrame, ref: number, out: ReplySink): number {
  const draft = new HllDraft(shard);
  draft.load(ref, false);
  if (!draft.toDense()) {
    out.error(hllErrors.corrupt);
    return 0;
  }
  const entry = draft.store(frame.at[2] ?? 0, frame.bytes[2] ?? 0, ref, false);
  if (entry === 0) out.error(replyErrors.arenaFull);
  else commitStringSet(shard, frame, 2, entry, KeyEvent.None);
  return entry;
}

function writeRegisters(shard: Shard, ref: number, out: ReplySink): void {
  out.array(REGISTER_COUNT);
  const at = stringPieceAt(shard, ref, 0) + HLL_HEADER_BYTES;
  for (let i = 0; i < REGISTER_COUNT; i++) {
    out.integer(denseRegister(shard.memory.i32, at, i));
  }
}

export const pfselftest = defineCommand({
  name: 'PFSELFTEST', group: 'hyperloglog', since: '2.8.9',
  summary: 'Tests the estimate of HyperLogLogs against known cardinalities.',
  isSystem: true,
  complexity: 'O(1); some milliseconds.',
  arity: 1,
  flags: Flag.Admin,
  acl: ['hyperloglog'],
  keys: [],
  args: {},
  reply: reply.ok(),
  examples: [['PFSELFTEST', '+"OK"']],
  apply(shard, _frame, out) {
    const wrong = firstWrongEstimate(shard);
    if (wrong === undefined) out.ok();
    else out.error(new ReplyError(`TESTFAILED Too big error: ${wrong}`));
  },
});

/** Adds numbers to fresh registers; the first cardinality that is estimated badly, in words. */
function firstWrongEstimate(shard: Shard): string | undefined {
  const { i32, low } = shard.memory;
  const { scratchAt } = shard;
  const registers = registersAt(shard);
  clearRegisters(shard);
  let added = 0;
  for (const cardinality of TESTED_CARDINALITIES) {
    for (; added < cardinality; added++) {
      i32[scratchAt >>> 2] = added;
      murmur64(low, scratchAt, 4);
      const at = registers + hashedRegister();
      low[at] = Math.max(low[at] ?? 0, hashedRank());
    }
    const estimate = countMerged(shard);
    // Where hardly any elements meet in a register, one of them may still do.
    const wrongMax = Math.max(1, cardinality * ERROR_SHARE_MAX);
    const isWrong = Math.abs(estimate - cardinality) > wrongMax;
    if (isWrong) return `cardinality ${cardinality}, estimate ${estimate}`;
  }
  return undefined;
}

/** Entries in the order of the documentation. */
export const hyperloglogDebugCommands: readonly Command[] = [pfdebug, pfselftest];
