/**
 * Asking while everything is at rest: how a scene looks at the data, from outside of the play, by
 * a client that comes for that.
 */
import type { Reply } from './reply.ts';
import type { Actor } from './scene.ts';
import type { World } from './world.ts';

/** Asks for one command; all that it brings about is over when it returns. */
export type Control = (words: readonly string[]) => Reply;

/** A client that gives what it is answered to whoever asks through it. */
export interface ControlClient extends Actor {
  askFor(words: readonly string[], take: (reply: Reply) => void): void;
}

/** What asks through a client. */
export function controlOf(world: World, client: ControlClient): Control {
  return (words) => {
    let answer: Reply = null;
    client.askFor(words, (reply) => {
      answer = reply;
    });
    world.rest();
    return answer;
  };
}

/** Asks through a client that goes then. */
export function askAtRest(
  world: World, client: ControlClient, run: (ask: Control) => void,
): void {
  run(controlOf(world, client));
  world.vanish(client);
  world.rest();
}
