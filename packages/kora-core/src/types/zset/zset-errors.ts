/**
 * Error replies that only sorted sets give; byte-equal to redis-server 7.0.
 */
import { ReplyError } from '../../errors/reply-error.ts';

/** Errors whose text never varies. */
export const zsetErrors = Object.freeze({
  nxClash: new ReplyError('ERR XX and NX options at the same time are not compatible'),
  gtLtClash: new ReplyError(
    'ERR GT, LT, and/or NX options at the same time are not compatible',
  ),
  incrementPairs: new ReplyError('ERR INCR option supports a single increment-element pair'),
  notANumber: new ReplyError('ERR resulting score is not a number (NaN)'),
  scoreRange: new ReplyError('ERR min or max is not a float'),
  nameRange: new ReplyError('ERR min or max not valid string range item'),
  limitOfRanks: new ReplyError(
    'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX',
  ),
  scoresOfNames: new ReplyError(
    'ERR syntax error, WITHSCORES not supported in combination with BYLEX',
  ),
});
