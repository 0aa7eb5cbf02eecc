/**
 * Optimistic locking on strings (Redis 8.4): the digest of a value, and the removal of a key only
 * while it still holds what the caller saw. Their counterpart for writing is SET with IFEQ, IFNE,
 * IFDEQ and IFDNE.
 */
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKey } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { CONDITION_IFEQ } from './parse.hot.ts';
import { checkDigest, comparisonOptions, isConditionMet } from './string-condition.ts';
import { digestText } from './string-digest.ts';
import { isStringOrAbsent } from './string-reply.ts';

export const digest = defineCommand({
  name: 'DIGEST', group: 'string', since: '8.4.0',
  summary: 'Returns the XXH3 digest of a string value.',
  complexity: 'O(n) in the bytes of the value.',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  args: { key: arg.key() },
  reply: oneReplyOf(
    reply.bulk('16 lower-case hexadecimal characters'), reply.null('the key does not exist'),
  ),
  examples: [
    ['SET greeting "Hello world"', '+"OK"'], ['DIGEST greeting', '$"b6acb9d84a38ff74"'],
    ['DIGEST nosuch', '_'],
  ],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    if (ref === 0) out.null();
    else out.bulkText(digestText(shard, ref));
  },
});

export const delex = defineCommand({
  name: 'DELEX', group: 'string', since: '8.4.0',
  summary: 'Removes a key if its value compares as asked.',
  complexity: 'O(1); O(n) with a condition, n = bytes of the value.',
  arity: -2,
  flags: Flag.Write | Flag.Fast | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({
    first: 1, last: 1, step: 1, access: 'RW', effect: 'delete', extra: ['variable_flags'],
  })],
  args: { key: arg.key(), condition: arg.oneOf(comparisonOptions).optional() },
  reply: reply.integer('1 when the key was removed, else 0'),
  examples: [
    ['SET lock ada', '+"OK"'], ['DELEX lock IFEQ bob', ':0'], ['DELEX lock IFEQ ada', ':1'],
    ['DELEX lock', ':0'],
  ],
  apply(shard, frame, out, at) {
    const choice = frame.choice[at.condition] ?? 0;
    const condition = choice === 0 ? 0 : CONDITION_IFEQ + choice - 1;
    const operand = frame.index[at.condition] ?? 0;
    const error = checkDigest(frame, condition, operand);
    if (error !== null) {
      out.error(error);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (ref === 0) {
      out.integer(0);
      return;
    }
    if (condition !== 0 && !isStringOrAbsent(shard, ref, out)) return;
    const isMet = isConditionMet(shard, ref, frame, condition, operand);
    if (isMet) shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
    out.integer(isMet ? 1 : 0);
  },
});

/** Entries in the order of the documentation. */
export const stringConditionalCommands: readonly Command[] = [digest, delex];
