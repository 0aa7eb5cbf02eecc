/**
 * Requests that no recorded grammar can draw: settings, COMMAND about other commands, names that
 * do not exist, wrong arity, and bytes that are hardly requests.
 *
 * Invariant: no setting is played that limits connections, requests, replies or memory: those
 *   would end a stream, and settings.reference.test.ts compares their texts.
 */
import { PLAYED_COMMANDS } from './played-commands.ts';
import { INTEGERS, type Pools } from './pools.ts';

/** Settings that streams change, with the value both servers get back before the next stream. */
export const PLAYED_SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['maxmemory-policy', 'noeviction'], ['maxmemory-samples', '5'], ['lfu-log-factor', '10'],
  ['lfu-decay-time', '1'], ['lazyfree-lazy-user-del', 'no'], ['lazyfree-lazy-expire', 'no'],
  ['active-defrag-threshold-lower', '10'], ['hash-max-listpack-entries', '512'],
  ['hash-max-listpack-value', '64'], ['list-max-listpack-size', '-2'],
  ['set-max-intset-entries', '512'], ['zset-max-listpack-entries', '128'],
  ['zset-max-listpack-value', '64'], ['hll-sparse-max-bytes', '3000'],
  ['stream-node-max-entries', '100'], ['list-compress-depth', '0'],
  ['stream-node-max-bytes', '4096'], ['notify-keyspace-events', ''],
  ['slowlog-log-slower-than', '10000'], ['slowlog-max-len', '128'], ['latency-tracking', 'yes'],
  ['busy-reply-threshold', '5000'],
  ['active-expire-effort', '1'], ['dynamic-hz', 'yes'], ['loglevel', 'notice'],
  ['tracking-table-max-keys', '1000000'], ['acllog-max-len', '128'], ['replica-priority', '100'],
  ['repl-diskless-load', 'disabled'], ['appendfsync', 'everysec'], ['rdbcompression', 'yes'],
  ['oom-score-adj-values', '0 200 800'],
  ['shutdown-timeout', '10'], ['shutdown-on-sigint', 'default'], ['sanitize-dump-payload', 'no'],
];
const UNCHANGEABLE_SETTINGS = [
  'databases', 'daemonize', 'nope', '', 'enable-protected-configs', 'x\r\ny',
];

const SETTING_VALUES: readonly string[] = [
  'yes', 'no', 'YES', 'true', '', 'abc', '1mb', '1KB', '1k', '5gb', '1b', '-1', '0', '1', '10',
  '64',
  '100', '1000', '10.5', 'noeviction', 'allkeys-lru', 'ALLKEYS-LFU', 'volatile-lfu', 'volatile-ttl',
  'allkeys-random', 'nolru', 'KEA', 'Kg$', 'AKE', 'gK', 'Ex', 'E', 'z', 'KEn', 'debug', 'warning',
  'default', 'save force', 'nosave now', 'save nosave', 'disabled', 'swapdb', 'always',
  '1 2 3', '1 2', '2000 0 0', '-1000 0 1', 'clients',
  ...INTEGERS,
];

/** CONFIG GET or SET, or COMMAND about commands. */
export function introspection(pools: Pools): string[] {
  const { choices } = pools;
  switch (choices.below(9)) {
    case 0:
    case 1:
    case 2:
      return ['CONFIG', 'SET', ...settings(pools)];
    case 3:
    case 4:
      return ['CONFIG', 'GET', ...several(pools, () => settingPattern(pools))];
    case 5:
      return ['COMMAND', 'INFO', ...several(pools, () => commandName(pools))];
    case 6:
      return ['COMMAND', 'LIST', ...choices.of([
        ['FILTERBY', 'MODULE', 'x'], ['FILTERBY', 'PATTERN', 'incr*'], ['FILTERBY', 'PATTERN', '['],
        ['FILTERBY', 'ACLCAT', 'nope'], ['FILTERBY'], ['FILTERBY', 'NOPE', 'x'], ['X'],
        ['filterby', 'pattern', 'get', 'x'], ['FILTERBY', 'ACLCAT', ''],
      ])];
    default:
      return clientOrder(pools);
  }
}

/** A request for the keys of `inner`. */
export function keysOf(inner: readonly string[], pools: Pools): string[] {
  return ['COMMAND', pools.choices.of(['GETKEYS', 'GETKEYSANDFLAGS']), ...inner];
}

function clientOrder({ choices }: Pools): string[] {
  return choices.of([
    ['CLIENT', 'KILL', '1.2.3.4:5'], ['CLIENT', 'KILL', 'ID', '999999'], ['CLIENT', 'KILL', 'ID',
    'x'],
    ['CLIENT', 'KILL', 'ID', '-1'], ['CLIENT', 'KILL', 'TYPE', 'nope'], ['CLIENT', 'KILL', 'USER',
    'nope'],
    ['CLIENT', 'KILL', 'ADDR', 'x'], ['CLIENT', 'KILL', 'LADDR', 'x', 'SKIPME', 'no'],
    ['CLIENT', 'KILL', 'SKIPME', 'maybe'], ['CLIENT', 'KILL', 'ID'], ['CLIENT', 'KILL', 'NOPE',
    'x'],
    ['CLIENT', 'KILL', 'ID', '999999', 'ADDR'], ['CLIENT', 'KILL', 'TYPE', 'master'],
    ['CLIENT', 'PAUSE', 'x'], ['CLIENT', 'PAUSE', '-1'], ['CLIENT', 'PAUSE', '0'],
    ['CLIENT', 'PAUSE', '0', 'WRITE'], ['CLIENT', 'PAUSE', '0', 'NOPE'], ['CLIENT', 'PAUSE'],
    ['CLIENT', 'PAUSE', '9223372036854775808'],
    ['CLIENT', 'REPLY', 'NOPE'], ['CLIENT', 'REPLY', 'ON'], ['CLIENT', 'REPLY'],
    ['CLIENT', 'LIST', 'ID', 'x'], ['CLIENT', 'LIST', 'TYPE', 'nope'], ['CLIENT', 'LIST', 'x'],
    ['CLIENT', 'LIST', 'ID'], ['CLIENT', 'LIST', 'TYPE'], ['CLIENT', 'LIST', 'ID', '0'],
    ['CLIENT', 'NO-EVICT', 'x'], ['CLIENT', 'UNBLOCK', '1', 'NOPE'], ['CLIENT', 'NOPE'], ['CLIENT'],
    ['HELLO'], ['HELLO', '2'], ['HELLO', '3'], ['hello', '3', 'setname', 'me'], ['HELLO', '4'],
    ['HELLO', '1'], ['HELLO', 'x'], ['HELLO', ''], ['HELLO', '03'], ['HELLO', '3', 'SETNAME',
    'a b'],
    ['HELLO', '3', 'AUTH', 'a', 'b'], ['HELLO', '3', 'AUTH', 'default', 'x'], ['HELLO', '3', 'AUTH',
    'x'],
    ['HELLO', '2', 'NOPE'], ['HELLO', '2', 'SETNAME'], ['HELLO', '4', 'NOPE'], ['HELLO',
    '99999999999999999999'],
    ['WAIT', '0', '0'], ['WAIT', '0', '10'], ['WAIT', '1', '2'], ['WAIT', '-1', '5'], ['WAIT', 'x',
    '0'],
    ['WAIT', '0', '-1'], ['WAIT', '0', 'x'], ['CONFIG', 'RESETSTAT'], ['CONFIG'], ['OBJECT'],
    ['COMMAND', 'NOPE'],
    ['COMMAND', 'COUNT', 'x'], ['COMMAND', 'GETKEYS'], ['COMMAND', 'GETKEYS', 'NOPE', 'a'],
    ['COMMAND', 'GETKEYS', 'PING'], ['COMMAND', 'GETKEYS', 'GET'], ['MEMORY', 'NOPE'], ['MEMORY'],
    ['MODULE', 'NOPE'], ['MODULE'], ['DEBUG'], ['SCAN', 'x'], ['SCAN', '0', 'COUNT', '0'],
    ['SCAN', '-1'], ['SCAN', '18446744073709551616'], ['SCAN', ' 1'], ['SCAN', '0', 'TYPE'],
    ['SCAN', '', 'NOPE'], ['SCAN', '0', 'COUNT', 'x'], ['FLUSHDB', 'NOPE'], ['FLUSHALL', 'ASYNC',
    'SYNC'],
  ]);
}

function settings(pools: Pools): string[] {
  const { choices } = pools;
  const words: string[] = [];
  const count = 1 + (choices.once(4) ? choices.below(3) : 0);
  for (let pair = 0; pair < count; pair += 1) {
    const [name] = choices.of(PLAYED_SETTINGS);
    const shown = choices.once(6) ? name.toUpperCase() : name;
    words.push(choices.once(8) ? choices.of(UNCHANGEABLE_SETTINGS) : shown);
    words.push(choices.of(SETTING_VALUES));
  }
  if (choices.once(12)) words.pop();
  return words;
}

function settingPattern({ choices }: Pools): string {
  const [name] = choices.of(PLAYED_SETTINGS);
  return choices.of([name, name.toUpperCase(), `${name.slice(0, 5)}*`, '*max-l*', 'nope', '', '[',
  'tls-*']);
}

function several(pools: Pools, make: () => string): string[] {
  return Array.from({ length: 1 + pools.choices.below(3) }, make);
}

function commandName({ choices }: Pools): string {
  const [name] = choices.of(PLAYED_COMMANDS);
  return choices.of([name, name, name.toUpperCase(), 'nope', '', `${name}|x`, 'object|nope',
  'object']);
}

/** A command or subcommand that nobody has, with bytes that hurt in an error text. (None is a real
 * name and a zero byte: whether Redis finds such a subcommand depends on its hash seed.) */
export function unknownRequest(pools: Pools): string[] {
  const { choices } = pools;
  const odd = choices.of([
    'nope', '', 'x\r\n+OK', '\0', '\xff\xfe', "it's", 'n'.repeat(130), 'nope\0', ' get', '"',
    'a\nb', `${'n'.repeat(127)}\n`, '%s%n',
  ]);
  const container = choices.of(['OBJECT', 'CONFIG', 'CLIENT', 'COMMAND', 'MEMORY', 'MODULE']);
  const words = choices.once(2) ? [odd] : [container, odd];
  const count = choices.below(6);
  for (let index = 0; index < count; index += 1) {
    words.push(choices.once(3) ? choices.of(['x'.repeat(60), 'y'.repeat(129), '\r\n',
    '']) : pools.value());
  }
  return words;
}

/** Lines that never end, longer than any server waits for. Sent alone: where they are cut by reads,
 * what follows them decides what the server says. */
export const ENDLESS_PIECES: readonly string[] = [
  'x'.repeat(140_000), `*${'1'.repeat(140_000)}`, `*1\r\n$${'1'.repeat(140_000)}`,
];

/** Bytes sent as they are; the connection is not used any more after them. */
export const RAW_PIECES: readonly string[] = [
  'PING\r\n', 'PING\n', '\r\n', '\n', 'ECHO "a\\x00b\\n"\r\n',
  "ECHO 'it\\'s'\r\n", 'ECHO "open\r\n',
  "ECHO 'open\r\n", 'ECHO "a"b\r\n', 'SET inline v\r\nGET inline\r\n', ' PING \r\n',
  '*0\r\nPING\r\n',
  '*-1\r\nPING\r\n', '*-10\r\nPING\r\n', '*1\r\n$-1\r\n', '*1\r\n$4\r\nPINGxx', '*1\r\n:5\r\n',
  '*1\r\nPING\r\n', '*abc\r\n', '*\r\nPING\r\n', '*1\r\n$abc\r\n', '*1\r\n$\r\n', '*1\r\n$-5\r\n',
  '*2\r\n$3\r\nGET\r\n$99999999999\r\n', '*99999999999\r\n', '*2147483648\r\n',
  '*9223372036854775808\r\n', '*1\r\n$9223372036854775808\r\n', '*1\n$4\nPING\n',
  '*+1\r\n$4\r\nPING\r\n',
  '*01\r\n$4\r\nPING\r\n', '* 1\r\n$4\r\nPING\r\n', '*1\r\n$04\r\nPING\r\n',
  '*1\r\n$+4\r\nPING\r\n',
  '*1\r\n$0\r\n\r\n', '*3\r\n$3\r\nGET\r\n$1\r\na\r\n', '$4\r\nPING\r\n', '+PING\r\n', '\0\r\n',
  '\xff\xfe\r\n',
  'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'POST / HTTP/1.1\r\n\r\n', 'Host: x\r\n',
  'ECHO "\\xzz\\x4"\r\n',
  'ECHO ""\r\nECHO \'\'\r\n', 'PING\r\r\n', 'QUIT\r\nPING\r\n', 'ECHO a\tb\r\n', 'ECHO a\0b\r\n',
];
