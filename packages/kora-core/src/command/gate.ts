/**
 * Everything that can refuse or delay a command before it runs, in Redis's order: existence, arity,
 * password, memory, barrier, subscriptions, pause, MULTI. Nothing has changed when the gate says
 * no, PARK or QUEUE; a parked command is offered again later from the start.
 */
import {
  echoText,
  ReplyError,
  replyErrors,
  unknownCommand,
  unknownSubcommand,
  wrongArity,
} from '../errors/reply-error.ts';
import type { Shard } from '../shard/shard.ts';
import type { ArgFrame } from './arg-frame.hot.ts';
import type { ClientState } from './client-state.ts';
import { ClientFlag } from './client-state.ts';
import type { CommandRegistry } from './registry.ts';
import type { Command } from './spec.ts';
import { Flag } from './spec.ts';

/** Longest text of arguments echoed in an unknown-command error, as in Redis. */
const ECHO_BYTES_MAX = 128;

/** Why a parked command waits. */
export type ParkReason = 'paused';

/** What becomes of a command that is neither refused nor run now. */
export type Deferral = 'park' | 'queue';

/** Clients that the gate treats in a way of its own. */
const UNUSUAL_CLIENT =
  ClientFlag.Internal | ClientFlag.InMulti | ClientFlag.Subscribed | ClientFlag.Monitor;
/** What a client in MONITOR may not send. */
const TOUCHES_KEYS = Flag.Write | Flag.ReadOnly | Flag.MayReplicate;
/** Of a client in MULTI these run at once; of them the latter are never refused for memory. */
const RUN_IN_MULTI: ReadonlySet<string> = new Set([
  'multi', 'watch', 'exec', 'discard', 'quit', 'reset',
]);
const END_MULTI: ReadonlySet<string> = new Set(['exec', 'discard', 'quit', 'reset']);
/** What a client that has subscribed to something may say in RESP2. */
const SUBSCRIBED_MAY: ReadonlySet<string> = new Set([
  'subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe', 'ping',
  'quit', 'reset',
]);

/** The command the frame names, or the error for a name that is none. */
export function findCommand(
  shard: Shard,
  registry: CommandRegistry,
  frame: ArgFrame,
): Command | ReplyError {
  const low = frame.memory.low;
  const nameAt = frame.at[0] ?? 0;
  const nameBytes = frame.bytes[0] ?? 0;
  const command = nameAt < 0 ? undefined : registry.find(low, nameAt, nameBytes);
  if (command === undefined) {
    return unknownCommand(echoArgument(shard, frame, 0), echoArguments(shard, frame));
  }
  if (command.subcommands.size === 0 || frame.count < 2) return command;
  const word = echoArgument(shard, frame, 1);
  // An echo ends at a zero byte and at its bound; a name has to be the whole argument.
  const isWhole = word.length === frame.bytes[1];
  const subcommand = isWhole ? command.subcommands.get(word.toLowerCase()) : undefined;
  return subcommand ?? unknownSubcommand(command.name.toUpperCase(), word);
}

/** True when the number of arguments fits. */
export function fitsArity(command: Command, count: number): boolean {
  return command.arity >= 0 ? count === command.arity : count >= -command.arity;
}

/**
 * The error that refuses this command now, null when it may run, 'park' when it has to wait,
 * 'queue' when it waits for EXEC.
 */
export function checkGate(
  shard: Shard,
  command: Command,
  frame: ArgFrame,
): ReplyError | Deferral | null {
  if (!fitsArity(command, frame.count)) return wrongArity(command.name);
  const client = frame.client;
  if ((client.flags & UNUSUAL_CLIENT) !== 0) return checkUnusual(shard, command, client);
  if (!client.isAuthenticated && (command.flags & Flag.NoAuth) === 0) return replyErrors.noAuth;
  if (shard.settings.maxmemoryBytes !== 0 && !shard.ensureMemory()) {
    if ((command.flags & Flag.DenyOom) !== 0) return replyErrors.outOfMemory;
  }
  const { barrier } = shard;
  if (barrier !== null) {
    const refusal = barrier.refusalOf(command, command.flags);
    if (refusal !== null) return refusal;
  }
  return mustPause(shard, command) ? 'park' : null;
}

/** True while the shard's barrier refuses the command. */
export function isRefusedByBarrier(shard: Shard, command: Command): boolean {
  return shard.barrier !== null && shard.barrier.refusalOf(command, command.flags) !== null;
}

/** True for a command that gives indexes of vector sets something to link. */
function storesVectors(command: Command): boolean {
  return (command.flags & Flag.DenyOom) !== 0 && command.definition.group === 'vector';
}

/**
 * True while CLIENT PAUSE, a disk that is late, or threads that are far behind with linking vectors
 * hold commands like this one.
 */
export function mustPause(shard: Shard, command: Command): boolean {
  if (shard.vectors.isCrowded && storesVectors(command)) return true;
  const { barrier } = shard;
  if (barrier !== null && barrier.mustWait(command.flags)) return true;
  return shard.pause.isActive(shard.nowMs) && isHeld(shard, command, command.flags);
}

/** True when CLIENT PAUSE holds a command that does what these flags say. */
function isHeld(shard: Shard, command: Command, flags: number): boolean {
  if ((command.flags & Flag.NeverPaused) !== 0) return false;
  return shard.pause.holdsReads || (flags & (Flag.Write | Flag.MayReplicate)) !== 0;
}

/**
 * True when the client has subscribed to something and its protocol has no other way to tell
 * messages from replies: a few commands are all it may send.
 */
export function isConfined(client: ClientState): boolean {
  return (client.flags & ClientFlag.Subscribed) !== 0 && client.resp === 2;
}

/** True when the gate may refuse the command for what its client is: a subscriber, or a monitor. */
export function isBarred(client: ClientState, command: Command): boolean {
  if (isConfined(client)) return true;
  return (client.flags & ClientFlag.Monitor) !== 0 && (command.flags & TOUCHES_KEYS) !== 0;
}

/**
 * The gate for whoever runs inside the engine, whom nothing refuses, for a client in MULTI, and for
 * one that has subscribed or monitors. EXEC stands for all that it runs; those are let in with it.
 */
function checkUnusual(
  shard: Shard, command: Command, client: ClientState,
): ReplyError | Deferral | null {
  if ((client.flags & (ClientFlag.Internal | ClientFlag.InExec)) !== 0) return null;
  if (!client.isAuthenticated && (command.flags & Flag.NoAuth) === 0) return replyErrors.noAuth;
  const isInMulti = (client.flags & ClientFlag.InMulti) !== 0;
  if (isInMulti && (command.flags & Flag.NoMulti) !== 0) return replyErrors.notInMulti;
  const { name } = command;
  const queued = name === 'exec' && client.queue !== null ? client.queue.flags : 0;
  const flags = command.flags | queued;
  if (shard.settings.maxmemoryBytes !== 0 && !shard.ensureMemory()) {
    // What is queued takes memory too.
    const isQueued = isInMulti && !END_MULTI.has(name);
    if ((flags & Flag.DenyOom) !== 0 || isQueued) return replyErrors.outOfMemory;
  }
  const { barrier } = shard;
  const refusal = barrier === null ? null : barrier.refusalOf(command, flags);
  if (refusal !== null) return refusal;
  if (isConfined(client) && !SUBSCRIBED_MAY.has(name)) return confined(name);
  if ((client.flags & ClientFlag.Monitor) !== 0 && (flags & TOUCHES_KEYS) !== 0) return monitors;
  if (shard.pause.isActive(shard.nowMs) && isHeld(shard, command, flags)) return 'park';
  if (barrier !== null && !isInMulti && barrier.mustWait(flags)) return 'park';
  return !isInMulti || RUN_IN_MULTI.has(name) ? null : 'queue';
}

const monitors = new ReplyError("ERR Replica can't interact with the keyspace");

function confined(name: string): ReplyError {
  return new ReplyError(
    `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET ` +
      'are allowed in this context',
  );
}

/** The first bytes of argument i, as an error text shows them; of a rope through the scratch. */
function echoArgument(shard: Shard, frame: ArgFrame, i: number): string {
  const { low } = frame.memory;
  const bytes = Math.min(frame.bytes[i] ?? 0, ECHO_BYTES_MAX);
  if (!frame.isBig(i)) return echoText(low, frame.at[i] ?? 0, bytes, ECHO_BYTES_MAX);
  shard.ropes.read(frame.ropeOf(i), 0, shard.scratchAt, bytes);
  return echoText(low, shard.scratchAt, bytes, ECHO_BYTES_MAX);
}

/** `'a' 'b' `: the first arguments, quoted, up to the bound in all. */
function echoArguments(shard: Shard, frame: ArgFrame): string {
  let text = '';
  for (let i = 1; i < frame.count && text.length < ECHO_BYTES_MAX; i++) {
    text += `'${echoArgument(shard, frame, i).slice(0, ECHO_BYTES_MAX - text.length)}' `;
  }
  return text;
}
