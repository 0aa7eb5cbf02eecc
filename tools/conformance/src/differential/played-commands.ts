/**
 * Which commands a stream is made of, how often, and which are left to other suites, each with
 * its reason. A command that is in neither list is not built in Kora yet.
 */

/** Commands drawn from the recorded grammar, with their weight. */
export const PLAYED_COMMANDS: readonly (readonly [name: string, weight: number])[] = [
  ['set', 14], ['get', 4], ['append', 3], ['setrange', 3], ['getrange', 3], ['substr', 1],
  ['strlen', 1], ['setnx', 2], ['setex', 2], ['psetex', 2], ['getset', 2], ['getdel', 1],
  ['getex', 4], ['incr', 2], ['decr', 2], ['incrby', 4], ['decrby', 4], ['incrbyfloat', 6],
  ['mget', 2], ['mset', 2], ['msetnx', 2], ['del', 2], ['unlink', 1], ['exists', 2], ['touch', 1],
  ['type', 1], ['keys', 3], ['randomkey', 1], ['rename', 3], ['renamenx', 2], ['copy', 4],
  ['move', 3], ['swapdb', 1], ['expire', 4], ['pexpire', 3], ['expireat', 3], ['pexpireat', 3],
  ['ttl', 2], ['pttl', 2], ['expiretime', 2], ['pexpiretime', 2], ['persist', 2], ['scan', 3],
  ['object|encoding', 3], ['object|freq', 1], ['object|idletime', 1], ['object|refcount', 1],
  ['object|help', 1], ['dump', 1], ['restore', 6], ['restore-asking', 1], ['select', 4],
  ['dbsize', 1], ['flushdb', 1], ['flushall', 1], ['ping', 1], ['echo', 1], ['auth', 1], ['reset',
  1],
  ['quit', 1], ['time', 1], ['lastsave', 1], ['role', 1], ['memory|usage', 1],
  ['client|setname', 2], ['client|getname', 1], ['client|id', 1], ['client|getredir', 1],
  ['client|info', 1], ['client|list', 1], ['client|unblock', 1], ['client|no-evict', 1],
  ['client|trackinginfo', 1], ['client|unpause', 1], ['client|help', 1], ['command|count', 1],
  ['command|help', 1], ['config|help', 1], ['memory|help', 1], ['module|list', 1],
  ['module|help', 1], ['info', 1],
];

/** Commands of both servers that streams leave out. */
export const LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ['shutdown', 'ends the server'],
  ['failover', 'needs replicas'],
  ['replicaof', 'there is no replication'],
  ['slaveof', 'there is no replication'],
  ['lcs', 'played by its own step: its cost is the product of two lengths'],
  ['wait', 'played by its own step: waits for ever when numbers are drawn'],
  ['debug', 'a subset is built; the corpus plays it'],
  ['save', 'nothing is written to disk yet'],
  ['bgsave', 'nothing is written to disk yet'],
  ['bgrewriteaof', 'nothing is written to disk yet'],
  ['config|rewrite', 'writes a file'],
  ['config|get', 'played by its own step'],
  ['config|set', 'played by its own step'],
  ['config|resetstat', 'played by its own step'],
  ['command|info', 'played by its own step: only names that both have'],
  ['command|list', 'played by its own step: Kora has fewer commands'],
  ['command|getkeys', 'played by its own step'],
  ['command|getkeysandflags', 'played by its own step'],
  ['command|docs', 'summaries are our own words'],
  ['hello', 'played by its own step: Redis 7.0 does one option after the other, Kora all or none'],
  ['client|kill', 'played by its own step: may end the connection that plays'],
  ['client|pause', 'played by its own step'],
  ['client|reply', 'played by its own step'],
  ['memory|doctor', 'texts are our own'],
  ['memory|stats', 'tells of the allocator'],
  ['memory|malloc-stats', 'tells of the allocator'],
  ['memory|purge', 'does nothing that can be seen'],
  ['lolwut', 'texts are our own'],
  ['module|load', 'there are no modules'],
  ['module|loadex', 'there are no modules'],
  ['module|unload', 'there are no modules'],
]);
