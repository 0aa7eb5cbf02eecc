/**
 * DEBUG: the part of it that tests of clients and servers use. One entry without subcommands, as
 * Redis reports it; the words are told apart here. Who may use it is decided by
 * `enable-debug-command`.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { argumentText } from '../command/argument-text.ts';
import type { ClientState } from '../command/client-state.ts';
import { ClientFlag } from '../command/client-state.ts';
import { arg } from '../command/grammar.ts';
import { reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { ReplyError, replyErrors } from '../errors/reply-error.ts';
import { idleSeconds } from '../keyspace/access.hot.ts';
import { randomHex40 } from '../platform/random-hex.ts';
import type { Shard } from '../shard/shard.ts';
import { entryAccess } from '../structs/entry.hot.ts';
import { reloadValues } from './reload-values.ts';
import { checkShard } from './shard-check.ts';

/** One word of DEBUG: how many arguments follow it, and what it does. */
interface DebugWord {
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  run(shard: Shard, frame: ArgFrame, out: ReplySink): void;
}

const notAllowed = new ReplyError(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can ' +
    'run it from a local connection, otherwise you need to set this option in the configuration ' +
    'file, and then restart the server.',
);
const badReloadOption = new ReplyError(
  'ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.',
);
const badProtocolType = new ReplyError(
  'ERR Wrong protocol type name. Please use one of the following: ' +
    'string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
);
const needsResp3 = new ReplyError('ERR RESP2 is not supported by this command');

/** Characters of an unknown word that the error shows. */
const WORD_ECHO_MAX = 128;
/** Longest DEBUG SLEEP. */
const SLEEP_SECONDS_MAX = 3600;
/** Bytes of the type before a value in the RDB format. */
const TYPE_BYTES = 1;
/** Word of the null page that nobody writes: waiting on it is sleeping. */
const SLEEP_WORD = 0;

const HELP = [
  'DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'CHANGE-REPL-ID',
  '    Makes a new replication id.',
  'ERROR <text>',
  '    Answers the text as an error.',
  'OBJECT <key>',
  '    Shows how a key is stored.',
  'PROTOCOL <type>',
  '    Answers a value of a type: string, integer, double, bignum, null, array, set, map,',
  '    attrib, push, verbatim, true, false.',
  'RELOAD [MERGE] [NOFLUSH] [NOSAVE]',
  '    Checks that every key can be found and is whole, and reads each value back from',
  '    the form in which it is saved.',
  'SET-ACTIVE-EXPIRE <0|1>',
  '    Stops or starts the freeing of keys that are due.',
  'SLEEP <seconds>',
  '    Stops the shard for a time; decimals allowed.',
  'HELP',
  '    Prints this help.',
];

const WORDS: ReadonlyMap<string, DebugWord> = new Map<string, DebugWord>([
  ['SLEEP', { argumentsMin: 1, argumentsMax: 1, run: sleep }],
  ['OBJECT', { argumentsMin: 1, argumentsMax: 2, run: describeKey }],
  ['PROTOCOL', { argumentsMin: 1, argumentsMax: 1, run: answerType }],
  ['SET-ACTIVE-EXPIRE', { argumentsMin: 1, argumentsMax: 1, run: setActiveExpire }],
  ['RELOAD', { argumentsMin: 0, argumentsMax: 3, run: reload }],
  ['CHANGE-REPL-ID', { argumentsMin: 0, argumentsMax: 0, run: changeReplicationId }],
  ['ERROR', { argumentsMin: 1, argumentsMax: 1, run: answerError }],
  ['HELP', { argumentsMin: 0, argumentsMax: 0, run: help }],
]);

export const debug = defineCommand({
  name: 'DEBUG', group: 'server', since: '1.0.0',
  summary: 'Helps to test clients and the engine.',
  complexity: 'Depends on the word.',
  arity: -2,
  flags: Flag.Admin | Flag.NoScript | Flag.Loading | Flag.Stale,
  acl: [],
  keys: [],
  isSystem: true,
  args: { subcommand: arg.bytes(), arguments: arg.bytes().repeated().optional() },
  documentedArgs: [],
  reply: reply.any('depends on the word'),
  examples: [],
  apply(shard, frame, out) {
    if (!mayDebug(shard, frame.client)) {
      out.error(notAllowed);
      return;
    }
    const asked = argumentText(frame, 1);
    const word = WORDS.get(asked.toUpperCase());
    const given = frame.count - 2;
    if (word === undefined || given < word.argumentsMin || given > word.argumentsMax) {
      out.error(unknownWord(asked));
      return;
    }
    word.run(shard, frame, out);
  },
});

/** True when this client may use DEBUG; who asked for another worker was let in there. */
export function mayDebug(shard: Shard, client: ClientState): boolean {
  if ((client.flags & ClientFlag.Internal) !== 0) return true;
  const { enableDebugCommand } = shard.settings;
  if (enableDebugCommand !== 'local') return enableDebugCommand === 'yes';
  return shard.engine.isLocalClient(client.id);
}

/** Entries of DEBUG. */
export const debugCommands: readonly Command[] = [debug];

function unknownWord(word: string): ReplyError {
  return new ReplyError(
    `ERR unknown subcommand or wrong number of arguments for '${word.slice(0, WORD_ECHO_MAX)}'. ` +
      'Try DEBUG HELP.',
  );
}

function help(_shard: Shard, _frame: ArgFrame, out: ReplySink): void {
  out.array(HELP.length);
  for (const line of HELP) out.simple(line);
}

/** Stops this thread without burning it. A text that is no number is 0, as in Redis. */
function sleep(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const seconds = Number.parseFloat(argumentText(frame, 2));
  const ms = Number.isNaN(seconds) ? 0 : Math.min(seconds, SLEEP_SECONDS_MAX) * 1000;
  if (ms > 0) Atomics.wait(shard.memory.i32, SLEEP_WORD, 0, ms);
  out.ok();
}

function describeKey(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const ref = shard.keyspace.peek(frame, 2);
  if (ref === 0) {
    out.error(replyErrors.noSuchKey);
    return;
  }
  const { i32 } = shard.memory;
  const access = entryAccess(i32, ref);
  const { access: clock } = shard.keyspace;
  const idle = clock.isLfu === 0 ? idleSeconds(access, clock) : 0;
  const handler = shard.handlerOf(ref);
  const encoding = handler.encodingName(shard, ref);
  shard.rdb.begin();
  handler.save(shard, ref, shard.rdb);
  out.simple(
    `Value at:0x${(ref * 8).toString(16)} refcount:1 encoding:${encoding} ` +
      `serializedlength:${shard.rdb.length - TYPE_BYTES} lru:${access} lru_seconds_idle:${idle}`,
  );
}

function setActiveExpire(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  shard.settings.isActiveExpireOn = Number.parseInt(argumentText(frame, 2), 10) > 0;
  out.ok();
}

function reload(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  for (let i = 2; i < frame.count; i++) {
    if (/^(merge|noflush|nosave)$/i.test(argumentText(frame, i))) continue;
    out.error(badReloadOption);
    return;
  }
  checkShard(shard);
  reloadValues(shard);
  checkShard(shard);
  out.ok();
}

function changeReplicationId(shard: Shard, _frame: ArgFrame, out: ReplySink): void {
  shard.engine.replicationId = randomHex40(shard.platform.chance);
  out.ok();
}

function answerError(_shard: Shard, frame: ArgFrame, out: ReplySink): void {
  out.error(new ReplyError(argumentText(frame, 2)));
}

function answerType(_shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const type = argumentText(frame, 2).toLowerCase();
  if (type === 'push' && frame.client.resp < 3) out.error(needsResp3);
  else if (!writeType(type, out)) out.error(badProtocolType);
}

/** Writes a value of the type; false when there is none of that name. */
function writeType(type: string, out: ReplySink): boolean {
  switch (type) {
    case 'string':
      out.bulkText('Hello World');
      return true;
    case 'integer':
      out.integer(12_345);
      return true;
    case 'double':
      out.double(3.141);
      return true;
    case 'bignum':
      out.bigNumber('1234567999999999999999999999999999999');
      return true;
    case 'null':
      out.null();
      return true;
    case 'array':
      out.array(3);
      for (let i = 0; i < 3; i++) out.integer(i);
      return true;
    case 'set':
      out.set(3);
      for (let i = 0; i < 3; i++) out.integer(i);
      return true;
    case 'map':
      out.map(3);
      for (let i = 0; i < 3; i++) {
        out.integer(i);
        out.boolean(i === 1);
      }
      return true;
    case 'attrib':
      // Attributes are optional for a server; the reply they would precede comes alone.
      out.bulkText('Some real reply following the attribute');
      return true;
    case 'push':
      out.push(2);
      out.bulkText('server-cpu-usage');
      out.integer(42);
      // A push is no reply: the client still waits for one.
      out.bulkText('Some real reply following the push reply');
      return true;
    case 'verbatim':
      out.verbatim('txt', 'This is a verbatim\nstring');
      return true;
    case 'true':
    case 'false':
      out.boolean(type === 'true');
      return true;
    default:
      return false;
  }
}
