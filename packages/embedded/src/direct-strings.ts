/**
 * The short way of `get`, `getBytes`, `getInto` and `set`: straight to the key space, without reply
 * and executor. It is taken only where it does exactly what the command does (a model test holds it
 * against `call`): no memory limit to enforce, no pause or barrier, no MULTI, a short key and
 * value, no options.
 * Everything else, and every 64th call so that commandstats has times to show, goes through the
 * executor.
 *
 *   findKey / storeKey -> done, counted      or NOT_DIRECT: the arguments are placed, run the
 *   command
 */
import { findDirect, NOT_DIRECT, Stat, storeDirect } from '@kora/core';
import type { ArgFrame, ClientState, Command, Shard } from '@kora/core';
import type { CallArgument } from './arguments.ts';
import type { Engine } from './engine.ts';

/** Of these calls one goes through the executor, which times it. The same share as there. */
const TIMED_CALL_SHARE = 64;

/** A key: text, or its bytes. */
export type Key = string | Uint8Array;

export class DirectStrings {
  readonly #engine: Engine;
  readonly #shard: Shard;
  readonly #frame: ArgFrame;
  readonly #client: ClientState;
  readonly #get: Command;
  readonly #set: Command;

  constructor(engine: Engine, client: ClientState) {
    this.#engine = engine;
    this.#shard = engine.shard;
    this.#frame = engine.frame;
    this.#client = client;
    this.#get = engine.command('get');
    this.#set = engine.command('set');
  }

  /**
   * Looks a key up as GET does.
   * @returns the entry of a value in one piece, 0 when there is none, NOT_DIRECT
   * @throws {Fault} ENGINE_CLOSED ...
   */
  findKey(key: Key): number {
    const engine = this.#engine;
    engine.begin(key);
    if (!this.#isDirect(this.#get)) return NOT_DIRECT;
    let ref = NOT_DIRECT;
    const before = this.#shard.mutations;
    try {
      ref = findDirect(this.#shard, this.#frame);
    } catch (cause) {
      engine.broke(cause, 'get', before);
    }
    if (ref !== NOT_DIRECT) this.#count(this.#get);
    return ref;
  }

  /**
   * Stores a value as SET does.
   * @returns 1 when it was stored, NOT_DIRECT
   * @throws {Fault} ENGINE_CLOSED ..., INVALID_ARGUMENT, OUT_OF_MEMORY
   */
  storeKey(key: Key, value: CallArgument): number {
    const engine = this.#engine;
    engine.begin(key);
    engine.arguments.add(value);
    if (!this.#isDirect(this.#set)) return NOT_DIRECT;
    let isStored = false;
    const before = this.#shard.mutations;
    try {
      isStored = storeDirect(this.#shard, this.#frame);
    } catch (cause) {
      engine.broke(cause, 'set', before);
    }
    if (!isStored) return NOT_DIRECT; // Memory is short: the command finds that again, and says it.
    this.#count(this.#set);
    engine.store?.afterCall();
    return 1;
  }

  /** SET through the executor, after storeKey. */
  runSet(): void {
    this.#engine.run(this.#client, this.#set, this.#engine.values);
  }

  /** True when nothing but the command's own work is to be done; the frame is ready then. */
  #isDirect(command: Command): boolean {
    const shard = this.#shard;
    const frame = this.#frame;
    if (shard.settings.maxmemoryBytes !== 0 || shard.pause.untilMs !== 0) return false;
    if (shard.barrier !== null) return false;
    if (this.#client.flags !== 0 || shard.observer?.wantsEveryCall === true) return false;
    this.#engine.arguments.bind(frame);
    frame.client = this.#client;
    for (let i = 1; i < frame.count; i++) if (frame.isBig(i)) return false;
    const calls = (shard.stats.calls[command.index] ?? 0) + 1;
    // What is timed stands for the direct calls too.
    if ((calls & (TIMED_CALL_SHARE - 1)) === 1) return false;
    shard.refreshClock();
    return true;
  }

  #count(command: Command): void {
    const { calls, counts } = this.#shard.stats;
    calls[command.index] = (calls[command.index] ?? 0) + 1;
    counts[Stat.Commands] = (counts[Stat.Commands] ?? 0) + 1;
    this.#engine.arguments.release();
  }
}
