/**
 * Damaged journal records against replay: a record that is not exactly what was written is refused
 * with a Fault, or replayed as a record in its own right; it never ends in another exception or a
 * broken shard.
 */
import { Fault } from '@kora/core';
import type { FaultCode } from '@kora/core';
import { CommandDriver, JournalRecorder, replayEffect } from '@kora/core/testing';
import { Choices } from '../target.ts';
import type { FuzzTarget } from '../target.ts';

const COMMANDS: readonly (readonly string[])[] = [
  ['SET', 'a', 'value'], ['SET', 'b', 'x', 'EX', '100'], ['APPEND', 'a', 'more'],
  ['SETRANGE', 'a', '3', 'zz'], ['INCRBY', 'n', '5'], ['EXPIRE', 'a', '50'], ['PERSIST', 'a'],
  ['RENAME', 'a', 'c'], ['COPY', 'c', 'a'], ['MOVE', 'b', '3'], ['DEL', 'c'], ['SWAPDB', '0', '1'],
  ['FLUSHDB'],
];

/** Codes with which replay may refuse a damaged record. */
const REFUSALS = new Set<FaultCode>(['CORRUPT_JOURNAL', 'OUT_OF_MEMORY']);

export const journalRecord: FuzzTarget = {
  name: 'journal-record',
  promise: 'a damaged record is refused with a Fault or harmless',
  smokeRounds: 500,
  run(seed) {
    const choices = new Choices(seed);
    const source = new CommandDriver({ seed });
    const recorder = new JournalRecorder(source.shard);
    for (let i = 0; i < 12; i++) source.run(...choices.of(COMMANDS));
    const target = new CommandDriver({ seed: seed + 1 });
    for (const record of recorder.records) {
      const damaged = Uint8Array.from(record);
      for (let flips = choices.below(3); flips > 0; flips--) {
        const at = choices.below(damaged.length);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << choices.below(8));
      }
      const cut = choices.once(4) ? damaged.subarray(0, choices.below(damaged.length)) : damaged;
      try {
        replayEffect(target.shard, cut);
      } catch (cause) {
        // A damaged length may ask for more than a test engine has.
        const isFault = cause instanceof Fault && REFUSALS.has(cause.code);
        if (!isFault) throw cause;
      }
    }
    target.run('DBSIZE');
    if (target.shard.failure !== null) throw target.shard.failure;
  },
};
