/**
 * Asking while everything is at rest: how a scene looks at the data, from outside of the play, by
 * a client that comes for that.
 */
import { assert } from '@kora/core';
import type { Reply } from './reply.ts';
import { TalkingClient } from './talking-client.ts';
import type { World } from './world.ts';

/** Asks for one command; all that it brings about is over when it returns. */
export type Control = (words: readonly string[]) => Reply;

/** What asks through a client. */
export function controlOf(world: World, client: TalkingClient): Control {
  return (words) => {
    let answer: Reply = null;
    client.askFor(words, (reply) => {
      answer = reply;
    });
    world.rest();
    return answer;
  };
}

/** Lets clients into a scene that only ask for it, and go; the scene makes them, as any other. */
export class Visits {
  #isOn = false;

  /** True while the client that is made is such a one: it takes no part in the play. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** One more that stays until it is told to go. @param worker that it is connected to */
  come(world: World, worker?: number): TalkingClient {
    this.#isOn = true;
    const client = world.connect(worker);
    this.#isOn = false;
    assert(client instanceof TalkingClient, 'clients of a scene are its own');
    return client;
  }

  /** A client that comes, asks while everything is at rest, and goes. */
  ask(world: World, run: (ask: Control) => void): void {
    const client = this.come(world);
    run(controlOf(world, client));
    world.vanish(client);
    world.rest();
  }
}
