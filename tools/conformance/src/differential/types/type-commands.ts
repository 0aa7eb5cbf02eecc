/**
 * Commands of the types, by the kind of key they are played on, with their weight; and those that
 * these streams leave out, each with its reason. Every option of a command comes from the recorded
 * grammar.
 */

/** Kinds of keys; each has names of its own, so that commands mostly meet their type. */
export type KeyKind = 'string' | 'list' | 'set' | 'zset' | 'hash' | 'stream' | 'hll' | 'geo';

export const KEY_KINDS: readonly KeyKind[] = [
  'string', 'list', 'set', 'zset', 'hash', 'stream', 'hll', 'geo',
];

type Weighted = readonly (readonly [name: string, weight: number])[];

export const TYPE_COMMANDS: Readonly<Record<KeyKind, Weighted>> = {
  list: [
    ['lpush', 6], ['rpush', 8], ['lpushx', 1], ['rpushx', 1], ['lpop', 4], ['rpop', 4],
    ['llen', 2], ['lindex', 3], ['linsert', 4], ['lset', 4], ['lrange', 4], ['ltrim', 3],
    ['lrem', 4], ['lmove', 3], ['rpoplpush', 2], ['lpos', 5], ['lmpop', 4], ['sort', 3],
    ['sort_ro', 2],
  ],
  set: [
    ['sadd', 10], ['srem', 4], ['smembers', 3], ['sismember', 2], ['smismember', 2], ['scard', 2],
    ['smove', 4], ['spop', 2], ['srandmember', 3], ['sinter', 2], ['sinterstore', 2],
    ['sintercard', 3], ['sunion', 2], ['sunionstore', 2], ['sdiff', 2], ['sdiffstore', 2],
    ['sscan', 2], ['sort', 3],
  ],
  zset: [
    ['zadd', 12], ['zrem', 3], ['zscore', 2], ['zmscore', 1], ['zincrby', 4], ['zcard', 1],
    ['zcount', 3], ['zrange', 8], ['zrangebyscore', 3], ['zrevrange', 2],
    ['zrevrangebyscore', 2], ['zrangestore', 4], ['zrank', 2], ['zrevrank', 2], ['zpopmin', 2],
    ['zpopmax', 2], ['zmpop', 3], ['zremrangebyrank', 2], ['zremrangebyscore', 2], ['zunion', 3],
    ['zinter', 3], ['zdiff', 3], ['zunionstore', 3], ['zinterstore', 3], ['zdiffstore', 3],
    ['zintercard', 2], ['zrandmember', 2], ['zscan', 2], ['sort', 1],
  ],
  hash: [
    ['hset', 10], ['hmset', 2], ['hsetnx', 3], ['hget', 3], ['hmget', 3], ['hgetall', 3],
    ['hdel', 4], ['hlen', 1], ['hstrlen', 2], ['hexists', 2], ['hkeys', 2], ['hvals', 2],
    ['hincrby', 4], ['hincrbyfloat', 4], ['hrandfield', 3], ['hscan', 2],
  ],
  stream: [
    ['xadd', 14], ['xlen', 1], ['xrange', 4], ['xrevrange', 3], ['xdel', 4], ['xtrim', 4],
    ['xread', 4], ['xsetid', 2], ['xgroup|create', 4], ['xgroup|setid', 2],
    ['xgroup|destroy', 1], ['xgroup|createconsumer', 2], ['xgroup|delconsumer', 2],
    ['xreadgroup', 8], ['xack', 4], ['xpending', 4], ['xclaim', 5], ['xautoclaim', 4],
    ['xinfo|stream', 3], ['xinfo|groups', 2], ['xinfo|consumers', 2],
  ],
  hll: [['pfadd', 6], ['pfcount', 4], ['pfmerge', 4]],
  geo: [
    ['geoadd', 8], ['geodist', 3], ['geohash', 2], ['geopos', 3], ['geosearch', 6],
    ['geosearchstore', 4], ['georadius', 4], ['georadiusbymember', 3], ['georadius_ro', 2],
    ['georadiusbymember_ro', 2],
  ],
  string: [
    ['setbit', 5], ['getbit', 3], ['bitcount', 4], ['bitpos', 4], ['bitop', 4], ['bitfield', 6],
    ['bitfield_ro', 2], ['set', 3], ['append', 2], ['getrange', 1], ['setrange', 2],
  ],
};

/** Ranges of members by their bytes. They are defined where all scores are equal, so they are
 * played on keys of their own. */
export const LEX_COMMANDS: Weighted = [
  ['zlexcount', 2], ['zrangebylex', 3], ['zrevrangebylex', 3], ['zremrangebylex', 2],
];

/** Commands of any key, played on keys of every kind. */
export const COMMANDS_OF_ALL: Weighted = [
  ['del', 2], ['unlink', 2], ['exists', 1], ['type', 2], ['rename', 2], ['renamenx', 1],
  ['copy', 3], ['expire', 1], ['persist', 1], ['object|encoding', 5], ['touch', 1],
];

/** Commands of these types that the reference has and these streams do not play. */
export const TYPES_LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ['blpop', 'waits'], ['brpop', 'waits'], ['brpoplpush', 'waits'], ['blmove', 'waits'],
  ['blmpop', 'waits'], ['bzpopmin', 'waits'], ['bzpopmax', 'waits'], ['bzmpop', 'waits'],
  ['pfdebug', 'the corpus plays it'], ['pfselftest', 'tests the server itself'],
  ['xgroup|help', 'texts of HELP are our own'], ['xinfo|help', 'texts of HELP are our own'],
  ['xgroup', 'a container'], ['xinfo', 'a container'],
]);
