/**
 * One source of commands of an embedded engine, with its own selected database and transaction
 * (MULTI, WATCH): the counterpart of a client's connection. Costs one small object, and what it
 * has queued and watches; that it gives back by EXEC, DISCARD or `close`. One without such needs no
 * closing, for it ends with the engine.
 */
import { Fault } from '@kora/core';
import type { ClientState } from '@kora/core';
import type { CallArgument } from './arguments.ts';
import type { Engine } from './engine.ts';
import { BulkForm } from './open-values.ts';
import type { ReplyValue } from './open-values.ts';

export class Connection implements Disposable {
  readonly #engine: Engine;
  readonly #client: ClientState;
  #isClosed = false;

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
    this.#check();
    return this.#engine.call(this.#client, BulkForm.Text, given);
  }

  /** As `call`, with bulk strings as Uint8Array: nothing is lost of values that are no UTF-8. */
  callBytes(...given: readonly CallArgument[]): ReplyValue {
    this.#check();
    return this.#engine.call(this.#client, BulkForm.Bytes, given);
  }

  /**
   * Ends the connection, and what it has queued and watches with it. Closing again is allowed.
   * @throws {Fault} ENGINE_BUSY within `with`
   */
  close(): void {
    if (this.#isClosed) return;
    this.#engine.endClient(this.#client);
    this.#isClosed = true;
  }

  /** `using connection = db.connection()` closes at the end of the block. */
  [Symbol.dispose](): void {
    this.close();
  }

  #check(): void {
    if (this.#isClosed) throw new Fault('ENGINE_CLOSED', 'this connection was closed');
  }
}
