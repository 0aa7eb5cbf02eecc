/**
 * Errors that only commands of streams give; texts byte-equal to redis-server 7.0's.
 */
import { ReplyError } from '../../errors/reply-error.ts';

const err = (text: string): ReplyError => new ReplyError(`ERR ${text}`);

export const streamErrors = Object.freeze({
  invalidId: err('Invalid stream ID specified as stream command argument'),
  idIsZero: err('The ID specified in XADD must be greater than 0-0'),
  idNotGreater: err(
    'The ID specified in XADD is equal or smaller than the target stream top item',
  ),
  noMoreIds: err('The stream has exhausted the last possible ID, unable to add more items'),
  entryTooLarge: err('Elements are too large to be stored'),
  xaddArity: err("wrong number of arguments for 'xadd' command"),
  trimClash: err(
    'syntax error, MAXLEN and MINID options at the same time are not compatible',
  ),
  maxLenNegative: err('The MAXLEN argument must be >= 0.'),
  limitNegative: err('The LIMIT argument must be >= 0.'),
  limitWithoutTrim: err(
    'syntax error, LIMIT cannot be used without specifying a trimming strategy',
  ),
  limitWithoutTilde: err(
    'syntax error, LIMIT cannot be used without the special ~ option',
  ),
  trimMissing: err('syntax error, XTRIM must be called with a trimming strategy'),
  invalidStart: err('invalid start ID for the interval'),
  invalidEnd: err('invalid end ID for the interval'),
  setIdBelowGiven: err(
    'The ID specified in XSETID is smaller than the provided max_deleted_entry_id',
  ),
  setIdBelowTop: err('The ID specified in XSETID is smaller than the target stream top item'),
  addedBelowLength: err(
    'The entries_added specified in XSETID is smaller than the target stream length',
  ),
  addedNegative: err('entries_added must be positive'),
  timeoutNotInteger: err('timeout is not an integer or out of range'),
  timeoutNegative: err('timeout is negative'),
  unbalancedXread: err(
    "Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
  ),
  groupInXread: err('The GROUP option is only supported by XREADGROUP. You called XREAD instead.'),
  noAckInXread: err('The NOACK option is only supported by XREADGROUP. You called XREAD instead.'),
  groupMissing: err('Missing GROUP option for XREADGROUP'),
  newInXread: err(
    'The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> '
      + 'option.',
  ),
  lastInXreadgroup: err(
    'The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this '
      + 'consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would '
      + 'just return an empty result set.',
  ),
  xgroupKeyMissing: err(
    'The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use '
      + 'the MKSTREAM option to create an empty stream automatically.',
  ),
  busyGroup: new ReplyError('BUSYGROUP Consumer Group name already exists'),
  groupGone: new ReplyError(
    'NOGROUP the consumer group this client was blocked on no longer exists',
  ),
  entriesReadNegative: err('value for ENTRIESREAD must be positive or -1'),
  minIdleXclaim: err('Invalid min-idle-time argument for XCLAIM'),
  minIdleXautoclaim: err('Invalid min-idle-time argument for XAUTOCLAIM'),
  xclaimIdle: err('Invalid IDLE option argument for XCLAIM'),
  xclaimTime: err('Invalid TIME option argument for XCLAIM'),
  xclaimRetryCount: err('Invalid RETRYCOUNT option argument for XCLAIM'),
  countNotPositive: err('COUNT must be > 0'),
  countTooHigh: err(
    'Insufficient memory, failed allocating transient memory, COUNT too high.',
  ),
  idCountInvalid: err('Number of IDs must be a positive integer'),
  idCountMismatch: err('The `numids` parameter must match the number of arguments'),
});

/** A group that the key does not have; the rest of the text depends on the command. */
export function noGroup(text: string): ReplyError {
  return new ReplyError(`NOGROUP ${text}`);
}

/** Options of a subcommand that do not fit; `word` as the client wrote it. */
export function subcommandSyntax(word: string, container: string): ReplyError {
  return err(
    `unknown subcommand or wrong number of arguments for '${word}'. Try ${container} HELP.`,
  );
}

export function unrecognizedXclaim(option: string): ReplyError {
  return err(`Unrecognized XCLAIM option '${option}'`);
}
