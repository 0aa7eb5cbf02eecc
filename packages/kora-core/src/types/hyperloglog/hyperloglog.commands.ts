/**
 * PFADD PFCOUNT PFMERGE: sets that are only counted, in 12 KiB at most. A key with another value is
 * refused, whatever its type, and a corrupt value is left as it is. The key keeps its deadline.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { markRaw } from '../bitmap/bitmap.ts';
import { commitStringSet } from '../string/string-effects.ts';
import { clearRegisters, HllDraft, mergeInto } from './hll-draft.ts';
import {
  addToDense, addToDraft, countHyperLogLog, countMerged, hllErrors, isDense, isHyperLogLog,
  keepCardinality, keptCardinality,
} from './hyperloglog.ts';

export const pfadd = defineCommand({
  name: 'PFADD', group: 'hyperloglog', since: '2.8.9',
  summary: 'Adds elements to a HyperLogLog, which is created when the key does not exist.',
  complexity: 'O(1) for each element.',
  arity: -2,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast,
  acl: ['hyperloglog'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: { key: arg.key(), element: arg.bytes().repeated().optional() },
  reply: reply.integer('1 when the estimate may have changed or the key is new, else 0'),
  examples: [
    ['PFADD visitors ada bob', ':1'], ['PFADD visitors ada', ':0'], ['PFCOUNT visitors', ':2'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (ref !== 0 && !isHyperLogLog(shard, ref, out)) return;
    if (ref !== 0 && isDense(shard, ref)) {
      if (addToDense(shard, frame, ref)) out.integer(1);
      else leaveSame(shard, frame, ref, out);
      return;
    }
    const draft = new HllDraft(shard);
    if (ref === 0) draft.startEmpty();
    else draft.load(ref, false);
    const raised = addToDraft(frame, draft);
    if (raised < 0) out.error(hllErrors.corrupt);
    else if (raised === 0 && ref !== 0) leaveSame(shard, frame, ref, out);
    else if (storeDraft(shard, frame, draft, ref, KeyEvent.PfAdd, out)) out.integer(1);
  },
});

/** Answers 0: the value stays as it is. */
function leaveSame(shard: Shard, frame: ArgFrame, ref: number, out: ReplySink): void {
  if (markRaw(shard, frame, 1, ref) === 0) out.error(replyErrors.arenaFull);
  else out.integer(0);
}

/** Stores the draft, stale, at the key of argument 1, looked up last; false: it was refused. */
function storeDraft(
  shard: Shard, frame: ArgFrame, draft: HllDraft, ref: number, event: number, out: ReplySink,
): boolean {
  const stored = draft.store(frame.at[1] ?? 0, frame.bytes[1] ?? 0, ref, true);
  if (stored === 0) {
    out.error(replyErrors.arenaFull);
    return false;
  }
  commitStringSet(shard, frame, 1, stored, event);
  return true;
}

export const pfcount = defineCommand({
  name: 'PFCOUNT', group: 'hyperloglog', since: '2.8.9',
  summary: 'Estimates how many distinct elements were added to one HyperLogLog, or to several.',
  complexity: 'O(1) for one key, while its kept result holds; O(n) in the keys.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['hyperloglog'],
  keys: [keysAt({
    first: 1, last: -1, step: 1, access: 'RW', effect: 'access',
    notes: 'RW because it may change the internal representation of the key, ' +
      'and propagate to replicas',
  })],
  args: { key: arg.key().repeated() },
  reply: reply.integer('the estimate'),
  examples: [
    ['PFADD monday ada bob', ':1'], ['PFADD tuesday bob eve', ':1'],
    ['PFCOUNT monday tuesday nokey', ':3'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    if (frame.count === 2) {
      countOne(shard, frame, out);
      return;
    }
    clearRegisters(shard);
    if (mergeKeys(shard, frame, out) !== 'failed') out.integer(countMerged(shard));
  },
});

function countOne(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const ref = shard.keyspace.read(frame, 1);
  if (ref === 0) {
    out.integer(0);
    return;
  }
  if (!isHyperLogLog(shard, ref, out)) return;
  shard.keyspace.noteChange(ref);
  const kept = keptCardinality(shard, ref);
  if (kept !== undefined) {
    if (markRaw(shard, frame, 1, ref) === 0) out.error(replyErrors.arenaFull);
    else if (typeof kept === 'bigint') out.integer64(kept);
    else out.integer(kept);
    return;
  }
  const count = countHyperLogLog(shard, ref);
  if (count < 0) out.error(hllErrors.corrupt);
  else if (keepCardinality(shard, frame, ref, count)) out.integer(count);
  else out.error(replyErrors.arenaFull);
}

/** Raises the registers of a byte to those of all keys of the command. */
function mergeKeys(
  shard: Shard, frame: ArgFrame, out: ReplySink,
): 'allSparse' | 'someDense' | 'failed' {
  let hasDense = false;
  for (let i = 1; i < frame.count; i++) {
    const ref = shard.keyspace.read(frame, i);
    if (ref === 0) continue;
    if (!isHyperLogLog(shard, ref, out)) return 'failed';
    const dense = isDense(shard, ref);
    hasDense ||= dense;
    if (mergeInto(shard, ref, dense)) continue;
    out.error(hllErrors.corrupt);
    return 'failed';
  }
  return hasDense ? 'someDense' : 'allSparse';
}

export const pfmerge = defineCommand({
  name: 'PFMERGE', group: 'hyperloglog', since: '2.8.9',
  summary: 'Merges HyperLogLogs into the first key, which is one of the sources too.',
  complexity: 'O(n) in the keys.',
  arity: -2,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['hyperloglog'],
  keys: [
    keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'insert'] }),
    keysAt({ first: 2, last: -1, step: 1, access: 'RO', effect: 'access' }),
  ],
  args: { destkey: arg.key(), sourcekey: arg.key().repeated().optional() },
  documentedArgs: [['destkey', arg.key()], ['sourcekey', arg.key().repeated()]],
  reply: reply.ok(),
  examples: [
    ['PFADD monday ada bob', ':1'], ['PFADD tuesday bob eve', ':1'],
    ['PFMERGE days monday tuesday', '+"OK"'], ['PFCOUNT days', ':3'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    clearRegisters(shard);
    const merged = mergeKeys(shard, frame, out);
    if (merged === 'failed') return;
    const ref = shard.keyspace.write(frame, 1);
    const draft = new HllDraft(shard);
    let isSound = true;
    if (ref === 0) draft.startEmpty();
    else draft.load(ref, isDense(shard, ref));
    if (isSound && merged === 'someDense') isSound = draft.toDense();
    if (!isSound || !draft.raiseAll()) out.error(hllErrors.corrupt);
    else if (storeDraft(shard, frame, draft, ref, KeyEvent.PfAdd, out)) out.ok();
  },
});

/** Entries in the order of the documentation. */
export const hyperloglogCommands: readonly Command[] = [pfadd, pfcount, pfmerge];
