/**
 * Error replies that only hashes give; byte-equal to redis-server 7.0, and for the commands that
 * came later to the texts of Redis 8.
 */
import { invalidExpireTime, ReplyError } from '../../errors/reply-error.ts';

/** Errors whose text never varies. */
export const hashErrors = Object.freeze({
  notInteger: new ReplyError('ERR hash value is not an integer'),
  notFloat: new ReplyError('ERR hash value is not a float'),
  nanOrInfinity: new ReplyError('ERR value is NaN or Infinity'),
  noFields: new ReplyError(
    'ERR Mandatory argument FIELDS is missing or not at the right position',
  ),
  fieldCountPositive: new ReplyError('ERR Parameter `numFields` should be greater than 0'),
  fieldCountMatch: new ReplyError(
    'ERR The `numfields` parameter must match the number of arguments',
  ),
  fieldsPositive: new ReplyError('ERR Number of fields must be a positive integer'),
  fieldCountInvalid: new ReplyError('ERR invalid number of fields'),
  negativeExpireTime: new ReplyError('ERR invalid expire time, must be >= 0'),
  oneOfGetexTimes: new ReplyError(
    'ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified',
  ),
  oneOfSetexTimes: new ReplyError(
    'ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified',
  ),
  oneOfConditions: new ReplyError('ERR Only one of FXX or FNX arguments can be specified'),
});

/** `ERR invalid expire time` of each command, made once; by the command's lower-case name. */
export const fieldTimeErrors = Object.freeze({
  hexpire: invalidExpireTime('hexpire'),
  hpexpire: invalidExpireTime('hpexpire'),
  hexpireat: invalidExpireTime('hexpireat'),
  hpexpireat: invalidExpireTime('hpexpireat'),
  hgetex: invalidExpireTime('hgetex'),
  hsetex: invalidExpireTime('hsetex'),
});
