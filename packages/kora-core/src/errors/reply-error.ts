/**
 * The closed table of errors that clients of the protocol see. They are values, returned or written
 * to the sink, never thrown by a command; texts are byte-equal to redis-server's. Constants are
 * frozen; texts with a part that depends on the request come from the functions at the end. Client
 * bytes that are echoed are bounded and their control characters removed, so a reply line cannot be
 * split.
 */

/** One error reply. `text` is what follows '-' on the wire, without CR or LF. */
export class ReplyError {
  /**
   * Full text, for example `ERR syntax error`. Latin-1 characters only: one character, one byte.
   */
  readonly text: string;
  /** First word of the text: `ERR`, `WRONGTYPE`, `OOM`; what INFO errorstats counts. */
  readonly prefix: string;

  constructor(text: string) {
    this.text = text.replace(/[\r\n\0]/g, ' ');
    const space = this.text.indexOf(' ');
    this.prefix = space < 0 ? this.text : this.text.slice(0, space);
    Object.freeze(this);
  }
}

const err = (text: string): ReplyError => new ReplyError(text);

/** Errors whose text never varies. */
export const replyErrors = Object.freeze({
  wrongType: err('WRONGTYPE Operation against a key holding the wrong kind of value'),
  syntax: err('ERR syntax error'),
  notInteger: err('ERR value is not an integer or out of range'),
  notFloat: err('ERR value is not a valid float'),
  notPositive: err('ERR value is out of range, must be positive'),
  outOfRange: err('ERR value is out of range'),
  countOutOfRange: err(
    'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807',
  ),
  numkeysNotPositive: err('ERR numkeys should be greater than 0'),
  countNotPositive: err('ERR count should be greater than 0'),
  limitNegative: err("ERR LIMIT can't be negative"),
  noSuchKey: err('ERR no such key'),
  indexOutOfRange: err('ERR index out of range'),
  sameObject: err('ERR source and destination objects are the same'),
  offsetOutOfRange: err('ERR offset is out of range'),
  stringTooLong: err('ERR string exceeds maximum allowed size (proto-max-bulk-len)'),
  incrementOverflow: err('ERR increment or decrement would overflow'),
  incrementNanOrInfinity: err('ERR increment would produce NaN or Infinity'),
  decrementOverflow: err('ERR decrement would overflow'),
  dbIndexOutOfRange: err('ERR DB index is out of range'),
  invalidDbIndex: err('ERR invalid DB index'),
  invalidCursor: err('ERR invalid cursor'),
  busyKey: err('BUSYKEY Target key name already exists.'),
  outOfMemory: err("OOM command not allowed when used memory > 'maxmemory'."),
  arenaFull: err('OOM the memory of this shard is full'),
  internal: err('ERR internal error'),
  stopped: err('ERR the engine stopped after an internal error in the middle of a change'),
  noAuth: err('NOAUTH Authentication required.'),
  wrongPass: err('WRONGPASS invalid username-password pair or user is disabled.'),
  loading: err('LOADING Redis is loading the dataset in memory'),
  noReplicas: err('NOREPLICAS Not enough good replicas to write.'),
  argumentTooLarge: err('ERR argument is too large for this command'),
  keyTooLarge: err('ERR key is longer than 1048576 bytes'),
  nestedMulti: err('ERR MULTI calls can not be nested'),
  notInMulti: err('ERR Command not allowed inside a transaction'),
  execAborted: err('EXECABORT Transaction discarded because of previous errors.'),
  unsupportedOption: err('ERR Unsupported option'),
  notInt32: err('ERR value is out of range, value must between -2147483648 and 2147483647'),
  invalidFirstDbIndex: err('ERR invalid first DB index'),
  invalidSecondDbIndex: err('ERR invalid second DB index'),
  expireNxClash: err('ERR NX and XX, GT or LT options at the same time are not compatible'),
  expireGtLtClash: err('ERR GT and LT options at the same time are not compatible'),
  invalidTtl: err('ERR Invalid TTL value, must be >= 0'),
  invalidIdleTime: err('ERR Invalid IDLETIME value, must be >= 0'),
  invalidFrequency: err('ERR Invalid FREQ value, must be >= 0 and <= 255'),
  dumpVersionOrChecksum: err('ERR DUMP payload version or checksum are wrong'),
  dumpFormat: err('ERR Bad data format'),
  dumpTooLong: err('ERR the value is too long for DUMP'),
  lfuSelected: err(
    'ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when ' +
      'switching between policies at runtime LRU and LFU data will take some time to adjust.',
  ),
  lfuNotSelected: err(
    'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that ' +
      'when switching between policies at runtime LRU and LFU data will take some time to adjust.',
  ),
});

/**
 * `bytes` of client text as Latin-1, at most `max` characters; line breaks become blanks, a NUL
 * ends it, as Redis's own texts do.
 */
export function echoText(low: Uint8Array, at: number, bytes: number, max = 128): string {
  let text = '';
  const end = at + Math.min(bytes, max);
  for (let i = at; i < end; i++) {
    const byte = low[i] ?? 0;
    if (byte === 0) break;
    text += byte === 0x0d || byte === 0x0a ? ' ' : String.fromCharCode(byte);
  }
  return text;
}

/** A log that cannot be written: `reason` as the system words it. */
export function logFails(reason: string): ReplyError {
  return err(`MISCONF Errors writing to the AOF file: ${reason}`);
}

/** `name` in lower case; a subcommand as `config|get`. */
export function wrongArity(name: string): ReplyError {
  return err(`ERR wrong number of arguments for '${name}' command`);
}

/**
 * `args` is the text Redis builds from the first arguments: each quoted and followed by a space.
 */
export function unknownCommand(name: string, args: string): ReplyError {
  return err(`ERR unknown command '${name}', with args beginning with: ${args}`);
}

/** `command` in upper case, `subcommand` as the client wrote it. */
export function unknownSubcommand(command: string, subcommand: string): ReplyError {
  return err(`ERR unknown subcommand '${subcommand}'. Try ${command} HELP.`);
}

/** For EX 0, PX -1, overflowing times: `name` in lower case. */
export function invalidExpireTime(name: string): ReplyError {
  return err(`ERR invalid expire time in '${name}' command`);
}

/** EXPIRE's unknown option, `option` as the client wrote it. */
export function unsupportedOptionNamed(option: string): ReplyError {
  return err(`ERR Unsupported option ${option}`);
}
