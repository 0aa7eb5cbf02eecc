/**
 * Whom the owner of a shard runs single requests for: a client of its own, which knows the worker
 * that asks and the window there where the reply is waited for.
 */
import { ClientState } from '@kora/core';

export class AskingClient extends ClientState {
  /** The worker whose connection asks. */
  workerIndex = 0;
  /** Index of the connection's window there. */
  window = 0;

  constructor() {
    super(0);
  }
}
