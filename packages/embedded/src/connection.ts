/**
 * One source of commands of an embedded engine, with its own selected database: the counterpart of
 * a client's connection. Costs one small object; needs no closing, for it ends with the engine.
 */
import type { ClientState } from '@kora/core';
import type { CallArgument } from './arguments.ts';
import type { Engine } from './engine.ts';
import { BulkForm } from './value-sink.ts';
import type { ReplyValue } from './value-sink.ts';

export class Connection {
  readonly #engine: Engine;
  readonly #client: ClientState;

  /** @internal */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#client = engine.newClient();
  }

  /** Number of the selected database. */
  get db(): number {
    return this.#client.db;
  }

  /**
   * Runs a command: `call('SET', 'k', 'v')`.
   * @param given the command's name and its arguments; numbers are written in decimal, text as
   * UTF-8
   * @returns simple and bulk strings as text, integers as number (bigint beyond 2^53), null,
   * boolean,
   *   lists, Map, Set; an error inside a list is a KoraReplyError
   * @throws {KoraReplyError} when the command refuses, with Redis's text and its first word as
   * `code`
   * @throws {Fault} ENGINE_CLOSED, ENGINE_FAILED, ENGINE_BUSY, INVALID_ARGUMENT, OUT_OF_MEMORY
   */
  call(...given: readonly CallArgument[]): ReplyValue {
    return this.#engine.call(this.#client, BulkForm.Text, given);
  }

  /** As `call`, with bulk strings as Uint8Array: nothing is lost of values that are no UTF-8. */
  callBytes(...given: readonly CallArgument[]): ReplyValue {
    return this.#engine.call(this.#client, BulkForm.Bytes, given);
  }
}
