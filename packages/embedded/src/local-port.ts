/**
 * The engine of this thread behind the asynchronous interface: a call runs at once, and its promise
 * is settled when it is returned.
 */
import { ClientFlag, Fault } from '@kora/core';
import type { ClientState } from '@kora/core';
import type { Name, SubscribeOptions, Subscription } from '@kora/pubsub';
import type { CallArgument } from './arguments.ts';
import type { CallPort, EnginePort } from './call-port.ts';
import type { Engine } from './engine.ts';
import type { ReplyValue } from './open-values.ts';

/** Between two looks at a snapshot that waits for the disk. */
const IDLE_MS = 1;

class LocalClient implements CallPort {
  readonly #engine: Engine;
  readonly #client: ClientState;
  #isClosed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#client = engine.newClient();
  }

  get db(): number {
    return this.#client.db;
  }

  get isInMulti(): boolean {
    return (this.#client.flags & ClientFlag.InMulti) !== 0;
  }

  call<Result>(
    form: number, given: readonly CallArgument[], make: (value: ReplyValue) => Result,
  ): Promise<Result> {
    // What is thrown in here becomes the promise's.
    return new Promise((resolve) => {
      if (this.#isClosed) throw new Fault('ENGINE_CLOSED', 'this connection was closed');
      resolve(make(this.#engine.call(this.#client, form, given)));
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#engine.endClient(this.#client);
  }
}

export class LocalPort implements EnginePort {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get isClosed(): boolean {
    return this.#engine.isClosed;
  }

  newClient(): CallPort {
    this.#engine.check();
    return new LocalClient(this.#engine);
  }

  subscribe(names: Name | readonly Name[], options: SubscribeOptions): Subscription {
    this.#engine.check();
    return this.#engine.pubSub.broker.subscribe(names, options);
  }

  async snapshot(): Promise<void> {
    const engine = this.#engine;
    await engine.snapshots().later(async (isIdle) => {
      await new Promise((resolve) => {
        if (isIdle) setTimeout(resolve, IDLE_MS);
        else setImmediate(resolve);
      });
      engine.check();
    });
  }

  memoryBytes(): number {
    return this.#engine.memory.memory.buffer.byteLength;
  }

  close(): Promise<void> {
    // What is thrown in here becomes the promise's.
    return new Promise((resolve) => {
      this.#engine.close();
      resolve();
    });
  }
}
