/**
 * Whom parts of transactions run for: a client of the engine's own, which knows its worker, and the
 * session that asks where that is a session of this worker. Commands about connections find either
 * through `askingOf`.
 */
import type { ArgFrame } from '@kora/core';
import { assert, ClientState } from '@kora/core';
import { Session } from '../session.ts';
import type { Worker } from '../worker.ts';

export class PartClient extends ClientState {
  readonly worker: Worker;
  /** The session that asks, null when it is another worker's. */
  session: Session | null = null;
  /** The worker whose connection asks, and the connection's id. */
  workerIndex = 0;
  clientId = 0;

  constructor(worker: Worker) {
    super(0);
    this.worker = worker;
  }
}

/** Who asks for a command about connections, and of which worker it shall tell. */
export interface Asking {
  readonly worker: Worker;
  /** Null where the connection is another worker's. */
  readonly session: Session | null;
}

/** Who sent the command in the frame. */
export function askingOf({ client }: ArgFrame): Asking {
  if (client instanceof Session) return { worker: client.worker, session: client };
  assert(client instanceof PartClient, 'a command of the server comes from a session or a part');
  return client;
}
